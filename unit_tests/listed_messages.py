"""The list of messages, docs/messages.md: what it says, and which of its messages a printed text is.

In the list `...` stands for what is filled in, and `[...]` for another message of the list.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from unit_tests.texts_in_code import FILLED_IN, normal

PAGE = Path(__file__).resolve().parent.parent / "docs" / "messages.md"
HEADER = ("Message", "Kind", "What to do")
ANOTHER = "[...]"
# A part is no message of its own.
PART = "part"
# What stands behind a message in a log entry about an exception, and is none.
_STACK_TRACE = "\nTraceback (most recent call last):"


class Listed(NamedTuple):
    """One message of the list, with the heading that it stands under."""

    message: str
    kind: str
    advice: str
    group: str

    @property
    def template(self) -> str:
        """The message as `texts_in_code` finds it, which does not tell what fills it in."""
        return normal(self.message.replace(ANOTHER, FILLED_IN))


def messages_in(page: str) -> Iterator[Listed]:
    """The messages of the tables of a page that have the right header; a cell may hold several, parted by `<br>`.

    >>> header = "| Message | Kind | What to do |\\n| --- | --- | --- |"
    >>> for one in messages_in(f"## Data\\n{header}\\n| No ...<br>Not \\\\*one\\\\* | warning | Ask. |"):
    ...     print(one.group, "-", one.message, "-", one.kind, "-", one.advice)
    Data - No ... - warning - Ask.
    Data - Not *one* - warning - Ask.
    """
    group, inside = "", False
    for line in page.splitlines():
        cells = tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        inside = bool(cells) and (inside or cells == HEADER)
        if line.startswith("## "):
            group = line[3:]
        elif inside and cells != HEADER and cells[0].strip("-"):
            messages, kind, advice = cells
            for message in messages.split("<br>"):
                yield Listed(re.sub(r"\\(.)", r"\1", message), kind, advice, group)


@cache
def listed_messages() -> tuple[Listed, ...]:
    """All messages of the list."""
    return tuple(messages_in(PAGE.read_text()))


def match(text: str) -> tuple[Listed, ...]:
    """The messages of the list that a text is made of, the outermost first; none where it is not, or not wholly.

    `text` is the message of a LOG, a TRACE or a CONNECTION_STATUS. Each of its lines has to be listed, the first one as
    a whole message, and so has what stands for a `[...]`. A stack trace behind it, as logged exceptions have, is not
    looked at.

    >>> [one.message for one in match("Stream tags: 5 records in 1 requests, 0.4 s")]
    ['Stream ...: ... records in ... requests, ... s']
    >>> match("Stream tags: 5 records in 1 requests, KeyError")
    ()
    """
    lines = text.partition(_STACK_TRACE)[0].splitlines()
    found = [_of_line(line, within=number > 0) for number, line in enumerate(lines)]
    return tuple(chain.from_iterable(found)) if all(found) else ()


def unlisted(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the messages of a run, as the protocol has them, say to people and the list does not have.

    >>> unlisted([{"type": "LOG", "log": {"level": "INFO", "message": said}} for said in ("Ouch", "Check failed")])
    ['Ouch']
    """
    return [text for text in map(said_in, messages) if text and not match(text)]


def said_in(message: Mapping[str, Any]) -> str:
    """What a message of the protocol says to people; empty for records, states and the like."""
    told = {
        "LOG": message.get("log"),
        "TRACE": (message.get("trace") or {}).get("error"),
        "CONNECTION_STATUS": message.get("connectionStatus"),
    }.get(message["type"])
    return str((told or {}).get("message") or "")


def _of_line(text: str, *, within: bool = False) -> tuple[Listed, ...]:
    for one, pattern in _patterns():
        found = pattern.fullmatch(text) if within or one.kind != PART else None
        inner = [_of_line(part, within=True) for part in found.groups()] if found else []
        if found and all(inner):
            return (one, *chain.from_iterable(inner))
    return ()


@cache
def _patterns() -> list[tuple[Listed, re.Pattern[str]]]:
    """The messages, those first that say most by themselves: where several fit, it is the one."""
    found = [(one, pattern_of(one.message)) for one in listed_messages()]
    return sorted(found, key=lambda pair: -len(pair[0].message.replace(FILLED_IN, "")))


def pattern_of(message: str) -> re.Pattern[str]:
    """What the texts look like that a message of the list becomes, a group for each `[...]`.

    >>> pattern_of("Deals (...): [...]").fullmatch("Deals (5): None came.").groups()
    ('None came.',)
    """
    parts = re.split(r"(\[\.{3}\]|\.{3})", message)
    return re.compile("".join({ANOTHER: "(.+?)", FILLED_IN: ".*?"}.get(part, re.escape(part)) for part in parts))
