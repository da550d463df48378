"""Writes the rows of accounts, deals and custom objects, one request for each record that differs.

Rows are taken until there is a block of them, or until the sync wants them written. Then it is decided how to find out
what the account has, and what it does not have is written in the background, several records at the same time.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from activecampaign_client.account import Account
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.cells import Rejected
from destination_activecampaign.config import Config
from destination_activecampaign.decision import Load, Way, way_of
from destination_activecampaign.directory import Directory
from destination_activecampaign.hand import Closed, Hand, Taken, size_of
from destination_activecampaign.records import reasons
from destination_activecampaign.records.book import Book
from destination_activecampaign.records.change import Change, merge
from destination_activecampaign.records.kind import Gone
from destination_activecampaign.records.kinds import kinds_of
from destination_activecampaign.records.pending import Pending, Said
from destination_activecampaign.records.rows import RowReader
from destination_activecampaign.rejections import Rejection
from destination_activecampaign.turns import merged, ready
from destination_activecampaign.writer import Outcome, Row, Settle

# Requests that are under way at the same time: one connection alone does not reach 5 per second, as a write takes up to
# a second (measured).
AT_ONCE = 8

Result = Outcome | Rejection


class RecordsWriter:
    """The writer of records (see `destination_activecampaign.writer.Writer`).

    `write_earlier` is called before rows are looked at (see `writers.Writers`). Raises ApiError, with a sentence, where
    a stream's columns are not those of its object, and where what the account calls its fields cannot be read.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        account: Account,
        config: Config,
        settle: Settle,
        directory: Directory,
        write_earlier: Callable[[], None],
    ) -> None:
        self._config = config
        self._settle_row = settle
        self._write_earlier = write_earlier
        self._hand = Hand()
        self._pool = ThreadPoolExecutor(AT_ONCE, "record")
        self._kinds = kinds_of(targets, account, config, directory)
        self._books = {name: Book(kind) for name, kind in self._kinds.items()}
        self._readers = {target: RowReader(target, config, self._kinds[target.object]) for target in targets}
        self._directory = directory
        # What was taken and not looked at, and what has to wait for what is being written to the same record.
        self._taken = Taken(self._hand)
        self._seen = dict.fromkeys(self._kinds, 0)
        self._held: list[Pending] = []

    # ---- the interface

    def take(self, target: Target, row: Row) -> None:
        is_full = self._taken.add(target, row)
        self._seen[target.object] += 1
        if is_full:
            self._taken.wait_for_room(said.row for one in self._held for said in one.rows)
            self._write_block(is_last=False)

    def push(self) -> None:
        self._hand.check()
        while self._taken or self._held:
            self._write_block(is_last=True)

    def flush(self) -> None:
        self.push()
        self._hand.wait_until_empty()

    def close(self) -> None:
        self._hand.fail(Closed())
        self._pool.shutdown(wait=False, cancel_futures=True)

    # ---- one block

    def _write_block(self, *, is_last: bool) -> None:
        """Write what was taken, as far as it may be written now, in the background.

        `is_last`: nothing more is expected soon, so that what has to wait for others is waited for.
        """
        self._write_earlier()
        taken = self._taken.all()
        new = self._read(taken)
        ways = {
            book: self._way(book, [one.change for one in (*self._held, *new) if one.book is book], is_last=is_last)
            for book in self._books.values()
        }
        for book, way in ways.items():
            if way is Way.WHOLE:
                book.read_all()
        if is_last:
            self._hand.wait_until_free(key for one in self._held for key in one.keys)
        # Whatever is done by now is in the books; what is not yet has to be waited for.
        busy = self._hand.busy
        pendings = self._identified([*self._held, *new])
        # An id alone does not say which other rows are about the same record.
        self._ask_for(
            one
            for one in pendings
            if one.change.id and not (one.record or one.book.is_whole) and one.keys.isdisjoint(busy)
        )
        now, self._held = ready(merged(pendings, merge), busy)
        for one in self._held:
            one.forget()
        keys = [one.keys for one in now]
        self._hand.begin(key for some in keys for key in some)
        self._ask_for(one for one in now if self._is_asked_for(one, ways[one.book]))
        for one, mine in zip(now, keys, strict=True):
            one.is_known = one.is_known or one.record is not None or one.book.is_whole
            self._in_background(one, mine)

    def _read(self, taken: Sequence[tuple[Target, Row]]) -> list[Pending]:
        """What rows say; those that cannot be written are settled."""
        emails = (email for target, row in taken for email in self._readers[target].emails(row.data))
        for _ in self._pool.map(self._directory.contact_id, dict.fromkeys(emails)):
            pass
        pendings = []
        for target, row in taken:
            change = self._readers[target].read(row.data)
            if isinstance(change, Rejection):
                self._settle(target, row, change)
            else:
                pendings.append(Pending(self._books[target.object], change, [Said(target, row, change)]))
        return pendings

    def _way(self, book: Book, changes: Sequence[Change], *, is_last: bool) -> Way:
        """How to find out what the account has of the records that these changes are about."""
        if book.is_whole:
            return Way.WHOLE
        if not changes:
            return Way.UNASKED
        if not book.kind.asks_by_key and any(not change.id for change in changes):
            return Way.WHOLE
        needy = sum(self._must_ask(book, change) for change in changes)
        load = Load(
            ask=len(changes) * book.kind.cost_of_asking,
            ask_needy=needy * book.kind.cost_of_asking,
            write=len(changes) - needy,
            more=max(self._seen[book.kind.type.name] / len(changes), 1.0 if is_last else 2.0),
        )
        return way_of(self._config.compare, load, book.count)

    @staticmethod
    def _must_ask(book: Book, change: Change) -> bool:
        return bool(change.id) or change.mode is not Mode.UPSERT or book.kind.must_ask(change)

    def _identified(self, pendings: Sequence[Pending]) -> list[Pending]:
        """The records with what is known of each; those with a key that several have are settled."""
        for book in self._books.values():
            mine = [one for one in pendings if one.book is book]
            by_id = book.with_ids(list(dict.fromkeys(one.change.id for one in mine if one.change.id)))
            by_key = book.with_keys(list(dict.fromkeys(one.change.key for one in mine if one.change.key)))
            for one in mine:
                found = [by_id[one.change.id]] if one.change.id in by_id else by_key.get(one.change.key, [])
                one.record = found[0] if len(found) == 1 else None
                if len(found) > 1:
                    self._settle_rows(one, reasons.AMBIGUOUS_KEY)
                elif one.change.id:
                    # Another record may be known by the key that it is to have.
                    one.renamed = book.kind.key_of(one.change.values)
        return [one for one in pendings if one.rows]

    def _is_asked_for(self, one: Pending, way: Way) -> bool:
        if one.record:
            return not (one.is_known or one.record.is_whole)
        if one.is_known:
            return False
        must_ask = self._must_ask(one.book, one.change)
        if one.book.is_whole:
            return one.book.kind.lists_late and must_ask
        return way is Way.EACH or must_ask

    def _ask_for(self, pendings: Iterable[Pending]) -> None:
        for _ in self._pool.map(self._ask, pendings):
            pass

    def _ask(self, one: Pending) -> None:
        """Fill in what the account has of a record now."""
        identifier = one.record.id if one.record else one.change.id
        one.record, one.is_known = one.book.ask(one.change.key, identifier), True

    # ---- one record

    def _in_background(self, one: Pending, keys: Collection[str]) -> None:
        def run() -> None:
            try:
                self._deliver(one)
                self._hand.end(keys)
            except BaseException as error:  # it is raised where the sync waits
                self._hand.fail(error)

        self._pool.submit(run)

    def _deliver(self, one: Pending) -> None:
        """Write a record and settle its rows; where that is refused, each of them on its own."""
        result = self._result(one)
        if isinstance(result, Rejection) and len(one.rows) > 1:
            for said in one.rows:
                alone = Pending(one.book, said.change, [said])
                self._ask(alone)
                self._settle_rows(alone, self._result(alone))
        else:
            self._settle_rows(one, result)

    def _result(self, one: Pending) -> Result:
        """Write what the account does not have of a record."""
        try:
            return self._written(one)
        except Gone:
            # Somebody deleted it since it was read.
            one.book.forget([one.record] if one.record else [])
            one.record, one.is_known = None, True
        except Rejected as rejected:
            self._doubt(one)
            return rejected.rejection
        try:
            return self._written(one)
        except Rejected as rejected:
            return rejected.rejection

    def _written(self, one: Pending) -> Result:
        kind, change = one.book.kind, one.change
        if one.record is None:
            return self._without_record(change) if one.is_known and self._is_about_others(change) else self._create(one)
        if change.mode is Mode.INSERT:
            return reasons.EXISTS
        if change.deletes:
            kind.delete(one.record)
            one.book.forget([one.record])
            return Outcome.UPDATED
        left = kind.left(change, one.record)
        if not left:
            return Outcome.UNCHANGED
        one.book.put(kind.update(one.record, left))
        return Outcome.UPDATED

    @staticmethod
    def _is_about_others(change: Change) -> bool:
        """Whether a change is about a record that is there, and makes none."""
        return bool(change.id) or change.mode is Mode.UPDATE or change.deletes

    @staticmethod
    def _without_record(change: Change) -> Result:
        """What becomes of a row whose record the account does not have, where it is not to be created."""
        if change.deletes:
            return Outcome.UNCHANGED
        return Outcome.SKIPPED if change.mode is Mode.UPDATE else reasons.NO_MATCH

    def _create(self, one: Pending) -> Outcome:
        record, outcome = one.book.kind.create(one.change)
        one.book.put(record)
        return outcome if one.is_known else Outcome.WRITTEN

    def _doubt(self, one: Pending) -> None:
        """What the account has of a record is not known: a part of what was to be written may be there."""
        if one.record:
            one.book.put(replace(one.record, is_whole=False))

    # ---- the end

    def _settle(self, target: Target, row: Row, result: Result) -> None:
        """Tell what became of a row. Raises ApiError where a rejection cannot be kept."""
        self._settle_row(target, row, result)
        self._hand.settle(size_of(row.data))

    def _settle_rows(self, one: Pending, result: Result) -> None:
        for said in one.rows:
            self._settle(said.target, said.row, result)
        one.rows = []
