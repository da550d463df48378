"""What was done, in sentences and a table."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from terminal import counted, shown

from activation.destination import Activation

MOST_REASONS = 5
# What the table calls the outcomes of rows, in this order; some are only there where a row has them.
OUTCOMES = {
    "created": "created",
    "updated": "updated",
    "written": "created or updated",
    "appended": "appended",
    "unchanged": "unchanged",
    "skipped": "skipped",
    "rejected": "rejected",
}
SELDOM = {"written", "appended", "skipped"}
# Of these no row is known again: what is sent is one more each time.
APPENDED = {"events", "track", "screen", "page"}
CHANGES = ("created", "updated", "written")
Say = Callable[[str], None]


def report(activations: Sequence[Activation], say: Say) -> None:
    """Print the table, where the rejected rows are and why, and whether anything changed at all."""
    print_table(activations, say)
    for one in activations:
        print_rejected(one, say)
    counts = [outcomes_of(one) for one in activations if one.is_complete]
    changed = sum(one.get(name, 0) for one in counts for name in CHANGES)
    if len(counts) == len(activations) and not changed and any(one.get("unchanged") for one in counts):
        if appended := sum(one.get("appended", 0) for one in counts):
            say(f"Nothing changed but for {counted(appended, 'event')}: an event is appended each time it is sent,")
            say("as ActiveCampaign does not know one again. The account had all of the rest already.")
        else:
            say("Nothing changed: the account had all of it already.")


def print_table(activations: Sequence[Activation], say: Say) -> None:
    """One line per object; a figure that is not known is a dash."""
    counts = [outcomes_of(one) for one in activations]
    shown_outcomes = [name for name in OUTCOMES if name not in SELDOM or any(one.get(name) for one in counts)]
    heads = ["object", "rows", *(OUTCOMES[name] for name in shown_outcomes), "requests", "seconds"]
    lines = [heads]
    for one, outcomes in zip(activations, counts, strict=True):
        if one.summary is None:
            figures = ["-"] * len(shown_outcomes) + ["-", "-"]
        else:
            figures = [f"{outcomes.get(name, 0):,}" for name in shown_outcomes]
            figures += [f"{one.summary['requests']:,}", f"{one.summary['seconds']:.1f}"]
        lines.append([one.object, f"{one.rows:,}", *figures])
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    say("")
    for number, (name, *figures) in enumerate(lines):
        cells = [f"{name:{widths[0]}}", *(f"{one:>{width}}" for one, width in zip(figures, widths[1:], strict=True))]
        has_ended = not number or activations[number - 1].is_complete
        say("  ".join(cells) + ("" if has_ended else "  did not finish"))
    say("")


def print_rejected(activation: Activation, say: Say) -> None:
    """How many rows were rejected for which reasons, the most frequent first, and where they are."""
    codes: dict[str, int] = {}
    for stream in (activation.summary or {}).get("streams", ()):
        for code, count in stream["codes"].items():
            codes[code] = codes.get(code, 0) + count
    if not codes:
        return
    place = (activation.summary or {})["rejected_records"]
    where = place if "://" in place else shown(Path(place))
    rows = counted(sum(codes.values()), "row")
    say(f"{rows} of {activation.object} rejected, which are with their reasons in {where}:")
    frequent = sorted(codes.items(), key=lambda one: -one[1])
    for code, count in frequent[:MOST_REASONS]:
        say(f"  {count:,} {': '.join(filter(None, (code, activation.reasons.get(code))))}")
    if more := sum(count for _, count in frequent[MOST_REASONS:]):
        say(f"  {more:,} for other reasons")


def outcomes_of(activation: Activation) -> Mapping[str, int]:
    """How many rows had which outcome, as far as the destination has said; created events are `appended`."""
    found: dict[str, Any] = {}
    for stream in (activation.summary or {}).get("streams", ()):
        for outcome, count in stream["outcomes"].items():
            name = "appended" if outcome == "created" and stream["object"] in APPENDED else outcome
            found[name] = found.get(name, 0) + count
    return found
