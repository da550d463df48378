"""The generators that any resource may use: identity, references, times, numbers, text, structures."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .. import clock, words
from ..clock import DAY
from ..entropy import MASK, salt_of
from ..expressions import Maker, compile_expression, maker
from ..store import ABSENT, Function, Row

# --- identity and references ---------------------------------------------------------------------------


@maker("id")
def _id(args: list[str], field: str) -> Function:
    return lambda row: row.id


@maker("intid")
def _intid(args: list[str], field: str) -> Function:
    return lambda row: int(row.id)


@maker("index")
def _index(args: list[str], field: str) -> Function:
    return lambda row: str(row.index + 1)


@maker("indexnum")
def _indexnum(args: list[str], field: str) -> Function:
    return lambda row: row.index + 1


@maker("slot")
def _slot(args: list[str], field: str) -> Function:
    return lambda row: str(row.slot + 1)


@maker("parent")
def _parent(args: list[str], field: str) -> Function:
    """The parent's id, or one of its fields."""

    def value(row: Row) -> Any:
        parent = row.store.parent_store
        if parent is None or row.parent is None:
            return None
        return parent.value(row.parent, args[0]) if args else parent.id_of(row.parent)

    return value


@maker("parentnum")
def _parentnum(args: list[str], field: str) -> Function:
    inner = _parent(args, field)
    return lambda row: _as_int(inner(row))


def _as_int(value: Any) -> Any:
    return None if value is None else int(value)


@maker("ref")
def _ref(args: list[str], field: str) -> Function:
    """The id of an existing row of another resource; `distinct` gives siblings different ones."""
    target, *options = args
    distinct = "distinct" in options
    salt = salt_of(field)

    def value(row: Row) -> Any:
        other = row.world.store(target)
        count = other.base
        if not count:
            return None
        if distinct:
            return other.id_of(((row.parent_bits() & MASK) + row.slot) % count)
        return other.id_of(row.number(salt) % count)

    return value


@maker("refnum")
def _refnum(args: list[str], field: str) -> Function:
    inner = _ref(args, field)
    return lambda row: _as_int(inner(row))


@maker("ids")
def _ids(args: list[str], field: str) -> Function:
    """Ids of the rows of one of the resource's relations."""
    return lambda row: row.store.related_ids(row.id, args[0])


@maker("same_as")
def _same_as(args: list[str], field: str) -> Function:
    """Another field's value, for use among alternatives."""
    return lambda row: row.get(args[0])


@maker("zero")
def _zero(args: list[str], field: str) -> Function:
    """Another field's value, "0" where it is null: PHP's columns beside the serializer's."""
    return lambda row: row.get(args[0]) or "0"


@maker("zeroless")
def _zeroless(args: list[str], field: str) -> Function:
    """Another field's value, null where it is "0"."""

    def value(row: Row) -> Any:
        found = row.get(args[0])
        return None if found == "0" else found

    return value


@maker("lookup")
def _lookup(args: list[str], field: str) -> Function:
    """`lookup FIELD RESOURCE COLUMN`: a column of the row that a field refers to, "" where there is none."""
    reference, resource, column = args

    def value(row: Row) -> Any:
        other = row.world.store(resource)
        index = other.index_of(str(row.get(reference)))
        return "" if index is None else other.value(index, column)

    return value


@maker("counted")
def _counted(args: list[str], field: str) -> Function:
    """`counted CHILD FIELD [FIELD=VALUE] ELSE X`: how many rows refer to one that was added; a generated row has X."""
    match = re.fullmatch(r"(\w+) (\w+)(?: (\w+)=(\S+))? ELSE (.+)", " ".join(args))
    if match is None:
        raise ValueError(f"field {field}: counted what?")
    child, reference, column, wanted, otherwise = match.groups()
    generated = compile_expression(otherwise, field)

    def value(row: Row) -> Any:
        made = generated(row)
        if row.index < row.store.base:
            return made
        rows = row.world.store(child)
        found = rows.rows_with(reference, row.id)
        if column:
            found = [i for i in found if rows.value(i, column) == wanted]
        return type(made)(len(found))

    return value


@maker("when")
def _when(args: list[str], field: str) -> Function:
    """`when FIELD=A,B THEN X ELSE Y`"""
    match = re.fullmatch(r"(\w+)=(\S+) THEN (.+) ELSE (.+)", " ".join(args))
    if match is None:
        raise ValueError(f"field {field}: when what?")
    other, wanted = match[1], set(match[2].split(","))
    then, otherwise = compile_expression(match[3], field), compile_expression(match[4], field)
    return lambda row: (then if str(row.get(other)) in wanted else otherwise)(row)


@maker("text_of")
def _text_of(args: list[str], field: str) -> Function:
    """A number as a string."""
    inner = compile_expression(" ".join(args), field)
    return lambda row: str(inner(row))


@maker("sparse")
def _sparse(args: list[str], field: str) -> Function:
    """The field is left out where the value would be null."""
    inner = compile_expression(" ".join(args), field)

    def value(row: Row) -> Any:
        found = inner(row)
        return ABSENT if found is None else found

    return value


@maker("system")
def _system(args: list[str], field: str) -> Function:
    """The first row is one that the system made: its dates are null, its links []."""
    inner = compile_expression(" ".join(args), field)

    def value(row: Row) -> Any:
        if row.index == 0:
            return [] if field == "links" else None
        return inner(row)

    return value


@maker("links")
def _links(args: list[str], field: str) -> Function:
    """Where what belongs to the row is: `notes`, with a query `notes?limit=1000` (recorded), or without a host `/notes`
    (published)."""
    parts = [(re.sub(r"^/|\?.*", "", arg), arg.startswith("/"), arg.removeprefix("/")) for arg in args]

    def value(row: Row) -> dict[str, str]:
        base = row.world.link_base
        here = f"/{row.store.link_path}/{row.id}/"
        whole, without_host = base + here, base[base.index("/api/") :] + here
        return {name: (without_host if relative else whole) + end for name, relative, end in parts}

    return value


# --- times ------------------------------------------------------------------------------------------------


def _moment(args: list[str], field: str) -> Callable[[Row], int]:
    which = args[0] if args else "created"
    salt = salt_of(field)
    if which == "created":
        return lambda row: row.created
    if which == "updated":
        return lambda row: row.updated
    if which == "between":
        return lambda row: row.created + (row.updated - row.created) * (row.number(salt) >> 16) // 65536
    if which == "later":
        return lambda row: row.updated + (row.number(salt) % 86_400)
    if which == "future":
        return lambda row: row.world.now + DAY + row.number(salt) % (90 * DAY)
    if which == "before":
        return lambda row: row.created - 3600 - row.number(salt) % (30 * DAY)
    raise ValueError(f"field {field}: no moment {which!r}")


@maker("iso")
def _iso(args: list[str], field: str) -> Function:
    moment = _moment(args, field)
    return lambda row: clock.iso(moment(row))


@maker("naive")
def _naive(args: list[str], field: str) -> Function:
    moment = _moment(args, field)
    return lambda row: clock.naive(moment(row))


@maker("utc")
def _utc(args: list[str], field: str) -> Function:
    moment = _moment(args, field)
    return lambda row: clock.utc(moment(row))


@maker("day")
def _day(args: list[str], field: str) -> Function:
    moment = _moment(args, field)
    return lambda row: clock.day(moment(row))


@maker("zulu")
def _zulu(args: list[str], field: str) -> Function:
    """Custom objects: three to nine fractional digits."""
    moment = _moment(args, field)
    salt = salt_of(field)

    def value(row: Row) -> str:
        number = row.number(salt)
        return clock.zulu(moment(row), f"{number % 10**9:09d}"[: 3 if number & 1 else 9])

    return value


# --- numbers and choices ----------------------------------------------------------------------------------


def _number_maker(cast: Callable[[int], Any]) -> Maker:
    def make(args: list[str], field: str) -> Function:
        low, high = int(args[0]), int(args[1])
        salt = salt_of(field)
        span = high - low + 1
        return lambda row: cast(low + row.number(salt) % span)

    return make


maker("int")(_number_maker(str))
maker("num")(_number_maker(int))


@maker("dec")
def _dec(args: list[str], field: str) -> Function:
    low, high, places = int(args[0]), int(args[1]), int(args[2])
    salt = salt_of(field)
    span = (high - low) * 10**places
    return lambda row: f"{low + (row.number(salt) % span) / 10**places:.{places}f}"


@maker("pick")
def _pick(args: list[str], field: str) -> Function:
    salt, values = salt_of(field), [arg.replace("~", " ") for arg in args]
    return lambda row: values[row.number(salt) % len(values)]


@maker("cycle")
def _cycle(args: list[str], field: str) -> Function:
    values = [arg.replace("~", " ") for arg in args]
    return lambda row: values[row.index % len(values)]


@maker("slots")
def _slots(args: list[str], field: str) -> Function:
    values = [arg.replace("~", " ") for arg in args]
    return lambda row: values[row.slot % len(values)]


@maker("bool")
def _bool(args: list[str], field: str) -> Function:
    salt = salt_of(field)
    return lambda row: bool(row.number(salt) & 1)


# --- text -------------------------------------------------------------------------------------------------


def _text_maker(function: Callable[[int], str], salted_as: str = "") -> Maker:
    def make(args: list[str], field: str) -> Function:
        salt = salt_of(salted_as or field)
        return lambda row: function(row.number(salt))

    return make


maker("first")(_text_maker(words.first_name, "first"))
maker("last")(_text_maker(words.last_name, "last"))
maker("company")(_text_maker(words.company))
maker("sentence")(_text_maker(words.sentence))
maker("unusual")(_text_maker(words.unusual))
maker("phone")(_text_maker(words.phone))
maker("ip")(_text_maker(words.ip))
maker("ipnum")(_text_maker(words.ip_number))
maker("domain")(_text_maker(words.domain))
maker("country")(_text_maker(lambda n: words.country(n)[0], "country"))
maker("country2")(_text_maker(lambda n: words.country(n)[1], "country"))


@maker("words")
def _words(args: list[str], field: str) -> Function:
    salt, count = salt_of(field), int(args[0]) if args else 2
    return lambda row: words.words(row.number(salt), count)


@maker("email")
def _email(args: list[str], field: str) -> Function:
    """Unique: the row's id is part of it."""
    first, last, host = salt_of("first"), salt_of("last"), salt_of("domain")

    def value(row: Row) -> str:
        local = f"{words.first_name(row.number(first))}.{words.last_name(row.number(last))}".lower()
        return f"{local}.{row.id}@{words.domain(row.number(host))}"

    return value


@maker("text")
def _text(args: list[str], field: str) -> Function:
    """Literal text with {id}, {n} (position), {w} (a word), {W} (two words), {h} (eight hex digits)."""
    template = args[0]
    salt = salt_of(field)

    def value(row: Row) -> str:
        number = row.number(salt)
        return template.format(
            id=row.id, n=row.index + 1, w=words.words(number, 1).lower(), W=words.words(number, 2), h=f"{number:08x}"
        )

    return value


@maker("hex")
def _hex(args: list[str], field: str) -> Function:
    digits, salt = int(args[0]) if args else 32, salt_of(field)

    def value(row: Row) -> str:
        number = (row.number(salt) * 0x9E3779B97F4A7C15F39CC0605CEDC835 + row.index * 0x2545F4914F6CDD1D) & (
            1 << 160
        ) - 1
        return f"{number:040x}"[:digits]

    return value


@maker("html")
def _html(args: list[str], field: str) -> Function:
    salt, repeat = salt_of(field), int(args[0]) if args else 3

    def value(row: Row) -> str:
        number = row.number(salt)
        return (
            "<html><body>" + "".join(f"<p>{words.sentence(number + i)}</p>" for i in range(repeat)) + "</body></html>"
        )

    return value


# --- structures -------------------------------------------------------------------------------------------


@maker("object")
def _object(args: list[str], field: str) -> Function:
    """`object type=pick-deal,contact id=ref-contacts`: an object whose values are generators."""
    parts: dict[str, Function] = {}
    for arg in args:
        name, _, expression = arg.partition("=")
        parts[name] = compile_expression(expression.replace("~", " "), f"{field}.{name}")
    return lambda row: {name: function(row) for name, function in parts.items()}


@maker("array")
def _array(args: list[str], field: str) -> Function:
    """`array 1 3 EXPRESSION`: between 1 and 3 different values of an expression."""
    low, high = int(args[0]), int(args[1])
    items = [compile_expression(" ".join(args[2:]), f"{field}{i}") for i in range(high)]
    salt = salt_of(field + "#")

    def value(row: Row) -> list[Any]:
        count = low + row.number(salt) % (high - low + 1)
        values = [item(row) for item in items[:count]]
        return [v for i, v in enumerate(values) if v not in values[:i]]

    return value
