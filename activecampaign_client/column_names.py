"""Names of columns that stay apart wherever they are written.

PyAirbyte and the PostgreSQL destination put `_` for everything in a name but a-z, 0-9 and `_`, and PostgreSQL cuts a
name after 63 bytes: `custom_年齢` and `custom_名前` become one column there, and one with a longer name stays empty.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, repeat
from typing import TypeVar

LONGEST = 63
_Key = TypeVar("_Key")


def replaced(name: str) -> str:
    """What a destination that knows only a-z, 0-9 and `_` makes of a name.

    >>> replaced("custom_Größe"), replaced("custom_年齢")
    ('custom_gr__e', 'custom___')
    """
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def shortened(name: str, size: int) -> str:
    """A name that is cut to at most so many bytes, without half a letter or `_` at its end.

    >>> shortened("favourite_colour", 10), shortened("年齢", 4)
    ('favourite', '年')
    """
    return name.encode()[: max(size, 0)].decode(errors="ignore").rstrip("_")


def apart(
    names: Mapping[_Key, str],
    ending: Callable[[_Key], str],
    taken: Iterable[str] = (),
    columns: Callable[[_Key, str], Sequence[str]] = lambda _, name: [name],
) -> dict[_Key, str]:
    """The names, by the keys that they came with; those that would not stay apart are cut and get `_<ending>`.

    `ending` must differ between any two keys, and be of a-z and 0-9 alone. `taken` are names that exist already.
    `columns` tells which columns a name stands for, where it is not just the one. The result does not depend on the
    order of the names, and a name that stays apart as it is remains so.

    >>> apart({1: "size", 2: "年齢", 3: "名前"}, str)
    {1: 'size', 2: '年齢_2', 3: '名前_3'}
    >>> apart({1: "a" * 70}, str)[1] == "a" * 61 + "_1"
    True
    """
    count = Counter(replaced(column) for key, name in names.items() for column in columns(key, name))
    unusable = set(map(replaced, taken))

    def fits(column: str) -> bool:
        form = replaced(column)
        return len(column.encode()) <= LONGEST and count[form] == 1 and form not in unusable

    found = {key: name for key, name in names.items() if all(map(fits, columns(key, name)))}
    unusable.update(replaced(column) for key, name in found.items() for column in columns(key, name))
    for key, name in names.items():
        if key in found:
            continue
        beside = max(len(column.encode()) for column in columns(key, ""))
        for tail in accumulate(repeat(f"_{ending(key)}")):
            candidate = shortened(name, LONGEST - beside - len(tail)) + tail
            if unusable.isdisjoint(map(replaced, columns(key, candidate))):
                found[key] = candidate
                break
    return {key: found[key] for key in names}
