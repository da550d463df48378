"""Delivers changes of contacts: what the account does not have already, by whichever of its endpoints can write it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from activecampaign_client.letter_case import small_letters
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.config import Config
from destination_activecampaign.contacts import reasons
from destination_activecampaign.contacts.change import Change
from destination_activecampaign.contacts.differences import difference, for_importer, not_subscribed
from destination_activecampaign.contacts.exclusions import Exclusions
from destination_activecampaign.contacts.importer import MOST_BYTES, MOST_CONTACTS, Entry, Importer, batches, placed
from destination_activecampaign.contacts.importer import size_of as size_of_entry
from destination_activecampaign.contacts.knowledge import Knowledge
from destination_activecampaign.contacts.known import UNSUBSCRIBED, Contact
from destination_activecampaign.contacts.pending import Pending
from destination_activecampaign.contacts.singly import SingleWriter
from destination_activecampaign.directory import Directory
from destination_activecampaign.hand import Hand, size_of
from destination_activecampaign.rejections import Rejection
from destination_activecampaign.writer import Outcome, Row, Settle

LOGGER = logging.getLogger(__name__)

# With fewer contacts the importer is not worth its while, says
# https://developers.activecampaign.com/reference/bulk-import-contacts. But only it can start no automations.
FEWEST_IMPORTED = 10

Result = Outcome | Rejection
_T = TypeVar("_T")


def without_contact(change: Change) -> Outcome | None:
    """What becomes of a row whose contact the account does not have; None where it is to be created.

    >>> without_contact(Change("ann@example.com", mode=Mode.UPDATE))
    <Outcome.SKIPPED: 'skipped'>
    """
    if change.mode is Mode.SOFT_DELETE:
        return Outcome.UNCHANGED
    return Outcome.SKIPPED if change.mode is Mode.UPDATE else None


class Delivery:
    """Writes contacts in the background and settles their rows; safe to share between threads.

    What goes wrong in the background, other than with a row, is told to `hand`, where the sync waits.
    """

    def __init__(
        self,
        config: Config,
        hand: Hand,
        directory: Directory,
        knowledge: Knowledge,
        importer: Importer,
        singly: SingleWriter,
        exclusions: Exclusions,
        settle: Settle,
        batches: ThreadPoolExecutor,
        singles: ThreadPoolExecutor,
    ) -> None:
        self._config = config
        self._hand = hand
        self._directory = directory
        self._knowledge = knowledge
        self._importer = importer
        self._singly = singly
        self._exclusions = exclusions
        self._settle = settle
        self._batches = batches
        self._singles = singles

    def settle(self, target: Target, row: Row, result: Result) -> None:
        """Tell what became of a row. Raises ApiError where a rejection cannot be kept."""
        self._settle(target, row, result)
        self._hand.settle(size_of(row.data))

    def send(self, pendings: Sequence[Pending]) -> None:
        """Begin to write contacts, whose keys are nobody else's until they are settled. Raises ApiError."""
        imported: list[tuple[Pending, Entry]] = []
        some_left = False
        for one in pendings:
            result = self._reduced(one)
            if (
                isinstance(result, Rejection)
                and len(one.rows) > 1
                and any(said.change.only_leaves for said in one.rows)
            ):
                # What is against the others may not be against these.
                self._in_background(self._singles, self._write_each_row, one)
            elif result is not None:
                self._end(one, result)
            elif entry := self._entry_of(one):
                imported.append((one, entry))
                if len(imported) == 3 * MOST_CONTACTS:
                    # These leave while the others are compared. Two are kept: how they are cut depends on what follows.
                    imported, some_left = self._import_batches(imported, kept=2), True
            else:
                self._in_background(self._singles, self._write_singly, one)
        if self._config.run_automations and not some_left and len(imported) < FEWEST_IMPORTED:
            for one, _ in imported:
                self._in_background(self._singles, self._write_singly, one)
            return
        self._import_batches(imported)

    def _import_batches(self, imported: Sequence[tuple[Pending, Entry]], kept: int = 0) -> list[tuple[Pending, Entry]]:
        """Import these in batches, but for the last so many, which are given back."""
        pieces = list(batches([size_of_entry(entry) for _, entry in imported]))
        for piece in pieces[: len(pieces) - kept]:
            self._in_background(self._batches, self._import, imported[piece])
        return [one for piece in pieces[len(pieces) - kept :] for one in imported[piece]]

    # ---- what there is to write

    def _reduced(self, one: Pending) -> Result | None:
        """What becomes of a contact where nothing is to be written; else its change is what is left, and None."""
        if one.is_known:
            contact = one.contact
            if contact is None and (result := without_contact(one.change) or (one.change.id and reasons.NO_MATCH)):
                return result
            if contact and one.change.mode is Mode.INSERT:
                return reasons.EXISTS
            left, refused = difference(
                one.change,
                contact,
                self._directory.fields,
                self._account_ids(one.change),
                resubscribe=self._config.resubscribe,
            )
            # At a second look the change has no more of what was refused at the first.
            one.refused |= refused
            if contact and left.is_empty and not left.renames(contact.email):
                return Outcome.UNCHANGED
            one.outcome = Outcome.UPDATED if contact else Outcome.CREATED
            # It was looked up: whatever there is from now on may be our own doing.
            one.change = replace(left, mode=Mode.UPSERT)
        if (reason := self._reason_against(one)) is not None:
            return reason
        if one.change.account and not self._directory.account_id(one.change.account):
            self._directory.created_account(one.change.account)
        return None

    def _account_ids(self, change: Change) -> dict[str, str]:
        """The ids of the accounts that a change names and that there are, by name in small letters."""
        names = {*change.left_accounts, *([small_letters(change.account)] if change.account else [])}
        return {name: found for name in names if (found := self._directory.account_id(name))}

    def _reason_against(self, one: Pending) -> Rejection | None:
        """Why the account would not take the change, as far as that is known beforehand; to leave is always allowed."""
        if one.change.only_leaves or one.change.ending:
            return None
        if one.contact and one.contact.bounced:
            return reasons.BOUNCED
        if self._exclusions.are_known_to_have(one.change.email, one.change.subscribed_lists):
            return reasons.EXCLUDED
        return None

    def _entry_of(self, one: Pending) -> Entry | None:
        """What the importer can write of a contact."""
        if one.change.ending or (one.contact and one.contact.bounced):
            return None
        change, _ = for_importer(one.change, one.contact)
        entry = self._importer.entry(change) if change else None
        if not change or not entry or size_of_entry(entry) > MOST_BYTES:
            return None
        self._directory.expect_tags(change.add_tags)
        return entry

    # ---- by the importer

    def _import(self, batch: Sequence[tuple[Pending, Entry]]) -> None:
        """Import a batch, and settle its rows, or have them written one by one."""
        imported = self._importer.write([entry for _, entry in batch])
        rest = [place for place in range(len(batch)) if place not in imported.malformed]
        if not imported.ended and rest:
            # Of a batch that was interrupted a part is written, and is so again.
            imported = placed(self._importer.write([batch[place][1] for place in rest]), rest, imported.malformed)
            rest = [place for place in rest if place not in imported.malformed]
        for place, why in imported.malformed.items():
            self._end(batch[place][0], reasons.malformed(why))
        if not imported.ended:
            for place in rest:
                self._in_background(self._singles, self._write_anew, batch[place][0])
            return
        for place in imported.failed:
            self._in_background(self._singles, self._explain, batch[place][0])
        self._confirm([batch[place][0] for place in rest if place not in imported.failed], imported.ids)

    def _confirm(self, pendings: Sequence[Pending], ids: Sequence[str]) -> None:
        """Settle contacts that the importer does not say to have failed with, given the ids of those that it wrote.

        Where these are not as many, or where a subscription may have been left out, the contacts are read again.
        """
        if len(ids) != len(pendings):
            LOGGER.warning("The importer wrote %d contacts of %d; the others are looked up.", len(ids), len(pendings))
        is_doubtful = len(ids) != len(pendings)
        if is_doubtful or any(not one.is_known and one.change.subscribes for one in pendings):
            found = {contact.key: contact for contact in self._knowledge.by_ids_now(ids).values()}
            for one in pendings:
                if one.key not in found:
                    self._in_background(self._singles, self._write_anew, one)
                elif not one.is_known:
                    self._complete(one, found[one.key])
                else:
                    self._follow_up(one)
            return
        for one in pendings:
            self._follow_up(one)

    def _complete(self, one: Pending, contact: Contact) -> None:
        """Settle a contact that was imported unasked, now that it is known which subscriptions were left out."""
        left_out = not_subscribed(one.change, contact)
        if left_out and self._config.resubscribe:
            again = Change(one.change.email, lists=dict.fromkeys(left_out, True))
            self._in_background(self._singles, self._write_rest, (one, again, contact))
            return
        one.refused = left_out
        self._end(one, one.outcome)

    def _follow_up(self, one: Pending) -> None:
        """Write what the importer could not, of a contact that it has written."""
        _, rest = for_importer(one.change, one.contact)
        if rest is None:
            self._end(one, one.outcome)
        else:
            self._in_background(self._singles, self._write_rest, (one, rest, one.contact))

    def _write_rest(self, what: tuple[Pending, Change, Contact | None]) -> None:
        one, rest, contact = what
        result = self._singly.write(rest, contact)
        self._end(one, result if isinstance(result, Rejection) else one.outcome)

    def _explain(self, one: Pending) -> None:
        """Find out why the importer did not import a contact, which it does not say."""
        if not one.change.only_leaves and self._exclusions.have(one.change.email, one.change.subscribed_lists):
            self._end(one, reasons.EXCLUDED)
            return
        self._write_anew(one)

    # ---- one by one

    def _write_anew(self, one: Pending) -> None:
        """Write a contact that a batch had, whatever has become of it there."""
        outcome = one.outcome
        self._knowledge.ask(one)
        result = self._reduced(one)
        one.outcome = outcome
        if result is None:
            self._write_singly(one)
        else:
            self._end(one, result if isinstance(result, Rejection) else outcome)

    def _write_singly(self, one: Pending) -> None:
        """Write a contact without the importer, and where that is refused, each of its rows on its own."""
        result = self._singly.write(one.change, one.contact)
        if isinstance(result, Outcome):
            self._end(one, result if one.outcome is Outcome.WRITTEN else one.outcome)
        elif len(one.rows) == 1:
            self._end(one, result)
        else:
            self._write_each_row(one)

    def _write_each_row(self, one: Pending) -> None:
        for said in one.rows:
            alone = Pending(one.email, said.change, [said])
            self._knowledge.ask(alone)
            result = self._reduced(alone)
            self._settle_rows(alone, self._singly.write(alone.change, alone.contact) if result is None else result)
        self._knowledge.doubts(one.key, one.contact)
        self._hand.end(one.keys)

    # ---- the end

    def _end(self, one: Pending, result: Result) -> None:
        """A contact is done: its rows are settled, and what else there is about it may be written."""
        if isinstance(result, Rejection):
            self._knowledge.doubts(one.key, one.contact)
        elif result not in (Outcome.UNCHANGED, Outcome.SKIPPED):
            self._knowledge.has_written(one.change, one.contact, self._directory.account_id(one.change.account))
        self._settle_rows(one, result)
        self._hand.end(one.keys)

    def _settle_rows(self, one: Pending, result: Result) -> None:
        for said in one.rows:
            mine = result
            if isinstance(result, Outcome):
                mine = _reason_of_lists(said.change, one.refused) or result
            self.settle(said.target, said.row, mine)

    def _in_background(self, executor: ThreadPoolExecutor, work: Callable[[_T], None], what: _T) -> None:
        def run() -> None:
            try:
                work(what)
            except BaseException as error:  # it is raised where the sync waits
                self._hand.fail(error)

        executor.submit(run)


def _reason_of_lists(change: Change, refused: Mapping[str, str]) -> Rejection | None:
    """Why a row is rejected whose contact was written but for a list of the row's."""
    statuses = {refused[one] for one, wanted in change.lists.items() if wanted and one in refused}
    if not statuses:
        return None
    return reasons.RESUBSCRIBE_REFUSED if UNSUBSCRIBED in statuses else reasons.LIST_BOUNCED
