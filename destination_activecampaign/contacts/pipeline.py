"""Writes the rows of all objects that are about contacts: together, so that their order is kept per contact.

Rows are taken until there is a block of them, or until the sync wants them written. Then it is decided how to find out
what the account has, and what it does not have is delivered in the background.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from activecampaign_client.account import PAGE_SIZE, Account
from destination_activecampaign.catalog import Target
from destination_activecampaign.config import Config
from destination_activecampaign.contacts import reasons
from destination_activecampaign.contacts.backlog import Backlog
from destination_activecampaign.contacts.change import Change
from destination_activecampaign.contacts.delivery import FEWEST_IMPORTED, Delivery, without_contact
from destination_activecampaign.contacts.differences import needs_to_know
from destination_activecampaign.contacts.exclusions import Exclusions
from destination_activecampaign.contacts.identify import IdentifyReader
from destination_activecampaign.contacts.importer import LONGEST_BATCH, MOST_CONTACTS, Durations, Importer
from destination_activecampaign.contacts.knowledge import Knowledge
from destination_activecampaign.contacts.pending import Pending, Said, merged
from destination_activecampaign.contacts.reader import ACCOUNTS, FIELD_VALUES, LISTS, TAGS, ContactReader
from destination_activecampaign.contacts.rows import Meaning, RowReader
from destination_activecampaign.contacts.singly import SingleWriter
from destination_activecampaign.decision import Load, Way, way_of
from destination_activecampaign.directory import Directory
from destination_activecampaign.hand import Closed, Hand, Taken
from destination_activecampaign.reasons import OPTION_NOT_CREATED
from destination_activecampaign.rejections import Rejection
from destination_activecampaign.turns import ready
from destination_activecampaign.writer import Row, Settle

# Batches that the importer works through at the same time, and requests about one contact each that are under way.
BATCHES, SINGLES = 24, 8
# Requests that an import takes: itself, and the questions whether it has ended.
REQUESTS_PER_IMPORT = 3


class ContactsWriter:
    """The writer of contacts (see `destination_activecampaign.writer.Writer`).

    `write_earlier` is called before rows are looked at (see `writers.Writers`); `durations` and `longest_batch` are for
    tests, see Importer. Raises ApiError, with a sentence, where a stream's
    columns are not those of its object, and where what the account calls its fields cannot be read.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        account: Account,
        config: Config,
        settle: Settle,
        directory: Directory,
        write_earlier: Callable[[], None],
        *,
        durations: Durations | None = None,
        longest_batch: float = LONGEST_BATCH,
    ) -> None:
        self._config = config
        self._closed = threading.Event()
        self._batches = ThreadPoolExecutor(BATCHES, "import")
        self._singles = ThreadPoolExecutor(SINGLES, "contact")
        self._hand = Hand()
        self._directory = directory
        self._write_earlier = write_earlier
        self._readers = {target: _reader_of(target, config, directory) for target in targets}
        uses = frozenset[str]().union(*(reader.uses for reader in self._readers.values()))
        relations = [relation for relation, fields in _USES.items() if uses & fields]
        self._knowledge = Knowledge(ContactReader(account, relations, self._directory.tag_by_id), self._singles)
        self._delivery = Delivery(
            config,
            self._hand,
            self._directory,
            self._knowledge,
            Importer(
                account,
                run_automations=config.run_automations,
                durations=durations,
                longest=longest_batch,
                wait=self._wait,
            ),
            SingleWriter(account, self._directory),
            Exclusions(account),
            settle,
            self._batches,
            self._singles,
        )
        self._backlog = Backlog(account, longest=longest_batch, wait=self._wait)
        self._waits_for_backlog = True
        # What was taken and not looked at, and what has to wait for what is being written about the same contact.
        self._taken = Taken(self._hand)
        self._seen = 0
        self._held: list[Pending] = []

    # ---- the interface

    def take(self, target: Target, row: Row) -> None:
        is_full = self._taken.add(target, row)
        self._seen += 1
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
        for reader in self._readers.values():
            if isinstance(reader, IdentifyReader):
                reader.report()

    def close(self) -> None:
        self._closed.set()
        self._hand.fail(Closed())
        for executor in (self._batches, self._singles):
            executor.shutdown(wait=False, cancel_futures=True)

    def _wait(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise Closed

    # ---- one block

    def _write_block(self, *, is_last: bool) -> None:
        """Write what was taken, as far as it may be written now, in the background.

        `is_last`: nothing more is expected soon, so that what has to wait for others is waited for.
        """
        self._write_earlier()
        taken = self._taken.all()
        said = self._read(taken)
        changes = [one.change for one in said] + [one.change for one in self._held]
        if changes and self._waits_for_backlog:
            self._waits_for_backlog = False
            self._backlog.wait_until_done()
        # Columns that the schema does not have are written, too.
        self._knowledge.include(_relations_of(changes))
        way = self._way(changes, is_last=is_last)
        if way is Way.WHOLE:
            self._knowledge.read_all()
        if is_last:
            self._hand.wait_until_free(key for one in self._held for key in one.keys)
        # Before it is looked who has which address: what ends meanwhile may change it.
        busy = self._hand.busy
        pendings = [*self._held, *(Pending(one.change.email, one.change, [one]) for one in said)]
        now, self._held = ready(merged(self._with_addresses(pendings)), busy)
        for one in self._held:
            one.forget()
        for one in now:
            one.begin()
        self._hand.begin(key for one in now for key in one.keys)
        self._knowledge.find(now, lambda one: way is Way.EACH or self._must_ask(one.change, len(now)))
        self._delivery.send(now)

    def _read(self, taken: Sequence[tuple[Target, Row]]) -> list[Said]:
        """What rows say, once the options that they need are there; rows that cannot be written are settled."""
        meanings = [self._readers[target].read(row.data) for target, row in taken]
        if new := [one for meaning in meanings if isinstance(meaning, Meaning) for one in meaning.new_options]:
            self._directory.add_options(new)
        said = []
        for (target, row), first in zip(taken, meanings, strict=True):
            meaning = first
            if isinstance(meaning, Meaning) and meaning.new_options:
                meaning = self._readers[target].read(row.data)
                if isinstance(meaning, Meaning) and meaning.new_options:
                    meaning = OPTION_NOT_CREATED
            if isinstance(meaning, Rejection):
                self._delivery.settle(target, row, meaning)
            else:
                said.append(Said(target, row, meaning.change))
        return said

    def _way(self, changes: Sequence[Change], *, is_last: bool) -> Way:
        """How to find out what the account has of the contacts that these changes are about."""
        if self._knowledge.is_whole:
            return Way.WHOLE
        if not changes:
            return Way.UNASKED
        needy = [change for change in changes if self._must_ask(change, len(changes))]
        rest = len(changes) - len(needy)
        # Those who are subscribed unasked are looked at again, since the importer leaves out who has unsubscribed.
        again = rest if any(change.subscribes for change in changes) else 0
        load = Load(
            ask=_questions(changes),
            ask_needy=_questions(needy),
            write=REQUESTS_PER_IMPORT * -(-rest // MOST_CONTACTS) + -(-again // PAGE_SIZE),
            more=max(self._seen / len(changes), 1.0 if is_last else 2.0),
        )
        return way_of(self._config.compare, load, self._knowledge.count)

    def _must_ask(self, change: Change, number: int) -> bool:
        """Whether a change, one of so many, cannot be written unasked.

        The importer subscribes nobody who has unsubscribed; single writes would.
        """
        one_by_one = self._config.run_automations and number < FEWEST_IMPORTED
        return needs_to_know(change) or (one_by_one and change.subscribes)

    def _with_addresses(self, pendings: Iterable[Pending]) -> Iterator[Pending]:
        """The same with the addresses that contacts with ids have now; those that the account does not have are ended.

        Also where they have waited: what they waited for may have changed the address, or deleted the contact.
        """
        pendings = list(pendings)
        found = self._knowledge.by_ids(list(dict.fromkeys(one.change.id for one in pendings if one.change.id)))
        for one in pendings:
            if one.change.id in found:
                one.found(found[one.change.id])
            if one.is_known or not one.change.id:
                yield one
                continue
            for said in one.rows:
                self._delivery.settle(said.target, said.row, without_contact(said.change) or reasons.NO_MATCH)


def _reader_of(target: Target, config: Config, directory: Directory) -> RowReader | IdentifyReader:
    return (IdentifyReader if target.object == "identify" else RowReader)(target, config, directory)


def _questions(changes: Iterable[Change]) -> float:
    """The requests that it takes to ask for the contacts of these changes."""
    return sum(1 / PAGE_SIZE if change.id else 1.0 for change in changes)


def _relations_of(changes: Iterable[Change]) -> set[str]:
    """What belongs to contacts that these changes are about.

    >>> _relations_of([Change("ann@example.com", values={"3": "x"})])
    {'fieldValues'}
    """
    found = set()
    for change in changes:
        if change.values:
            found.add(FIELD_VALUES)
        if change.add_tags or change.remove_tags or change.whole_tags is not None:
            found.add(TAGS)
        if change.lists or change.ending:
            found.add(LISTS)
        if change.account is not None or change.left_accounts:
            found.add(ACCOUNTS)
    return found


# What belongs to contacts, and the fields of rows that are about it (see `RowReader.uses`).
_USES = {FIELD_VALUES: {"values"}, TAGS: {"tags", "tag"}, LISTS: {"lists", "list"}, ACCOUNTS: {"account"}}
