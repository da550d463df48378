"""How many rows a resource has, and how many of them belong to each row of its parent."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from hashlib import blake2b
from itertools import accumulate

from .field_definitions import DEFINITIONS, definition
from .table import Resource

_WEIGHTS_FEW = bytes(i & 7 for i in range(256))
_WEIGHTS_MANY = bytes(8 + (i & 7) for i in range(256))


def row_count(resource: Resource, sizes: Mapping[str, int]) -> int:
    """The number of rows of a resource without a parent.

    What `sizes` asks for, else what the table says: `12` is twelve whatever the account's size, `0.25c` a quarter of
    its contacts, and the name of a kind of custom fields as many as the account defines.
    """
    if resource.name in sizes:
        return sizes[resource.name]
    rows = resource.rows
    if not isinstance(rows, str):
        return int(rows)
    if rows in DEFINITIONS:
        return len(DEFINITIONS[rows])
    return round(float(rows.removesuffix("c")) * sizes["contacts"])


def child_offsets(resource: Resource, parents: int, wanted: int | None, key: bytes) -> array[int]:
    """Where each parent's children begin: those of the parent's row i are offsets[i] .. offsets[i + 1].

    `wanted` is how many children there shall be in all, None for what the table says; `key` makes the distribution
    the resource's own.
    """
    if resource.each == "options":
        return array("q", accumulate((len(definition("fields", i).options) for i in range(parents)), initial=0))
    if resource.each and wanted is None:
        return array("q", (int(resource.each) * i for i in range(parents + 1)))
    target = wanted if wanted is not None else round(float(resource.rows) * parents)
    # Few children: 0 to 7 parts each; many: 8 to 15. 64 parents per hash, there may be a million of them.
    weights = _WEIGHTS_MANY if target > 7 * parents else _WEIGHTS_FEW
    blocks = range(parents // 64 + 1)
    noise = b"".join(blake2b(b"counts%d" % i, key=key, digest_size=64).digest() for i in blocks)
    running = array("q", accumulate(noise[:parents].translate(weights), initial=0))
    total = max(running[-1], 1)
    return array("q", [target * value // total for value in running])
