"""What a fault does to an answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import orjson

from .answers import Answer
from .settings import Fault

_HTML = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form>Please log in</form></body></html>"


def web_page(status: int) -> Answer:
    """The page that answers where no API is."""
    return Answer(status, _HTML, {"Content-Type": "text/html; charset=UTF-8"})


def made_up(fault: Fault | None) -> Answer | None:
    """The answer of a fault that does not look at the account; None: the account is asked."""
    if fault is None:
        return None
    if fault.kind.isdigit():
        body = fault.body.encode() if fault.body is not None else orjson.dumps({"message": f"Error {fault.kind}"})
        usual = {"Retry-After": "1"} if fault.kind == "429" else {}
        return Answer(int(fault.kind), body, dict(usual if fault.headers is None else fault.headers))
    if fault.kind == "empty":
        return Answer(200, b"")
    if fault.kind == "html":
        return web_page(200)
    if fault.kind == "redirect":
        return Answer(302, b"", {"Location": fault.url, "Content-Type": "text/html"})
    return None


def spoiled(answer: Answer, fault: Fault | None) -> Answer:
    """The answer as it leaves."""
    if fault is not None and fault.kind == "truncated":
        return replace(answer, body=answer.body[: len(answer.body) * 2 // 3])
    if fault is not None and fault.kind == "as_html":
        return replace(answer, headers={**answer.headers, "Content-Type": "text/html; charset=UTF-8"})
    return answer


def told_total(total: int, fault: Fault | None) -> int | None:
    """What meta says instead of the number of rows; None: nothing."""
    kind = fault.kind if fault is not None else ""
    return {"total_small": total // 2, "total_large": total * 2 + 7, "total_absent": None}.get(kind, total)


def seconds_before(fault: Fault | None) -> float:
    """How long the whole answer is held back."""
    return fault.seconds if fault is not None and fault.kind not in _SLOW else 0.0


def pieces_of(body: bytes, fault: Fault | None) -> Iterator[tuple[bytes, float | None]]:
    """The parts in which a body leaves, each with the seconds until the next one; None: it is the last."""
    parts = _SLOW.get(fault.kind, 1) if fault is not None else 1
    size = max(1, -(-len(body) // parts))
    last = max(0, len(body) - 1) // size * size
    for start in range(0, last, size):
        yield body[start : start + size], fault.seconds / (parts - 1) if fault is not None else 0.0
    yield body[last:], None


# How many parts an answer has that is slow while it comes.
_SLOW = {"stall": 2, "drip": 20}


def comes_as_map(fault: Fault | None) -> bool:
    """Whether the rows of a list are an object."""
    return fault is not None and fault.kind == "map"


def told_key(key: str, fault: Fault | None) -> str:
    """The record key of a list."""
    return f"{key}_renamed" if fault is not None and fault.kind == "envelope" else key
