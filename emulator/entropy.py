"""Bits from numbers and names, the same on every machine: what a generated account is made from."""

from __future__ import annotations

from zlib import crc32

MASK = 0xFFFFFFFF


def mix(number: int, salt: int) -> int:
    """32 well-mixed bits: cheap enough for a million rows at start-up."""
    x = (number * 0x9E3779B1 + salt) & MASK
    x ^= x >> 15
    x = (x * 0x85EBCA6B) & MASK
    return x ^ (x >> 13)


def salt_of(name: str) -> int:
    """Where in the 512 bits of a row the 32 begin that belong to a name."""
    return crc32(name.encode()) % 480
