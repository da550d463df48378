"""Names, sentences and addresses that nobody has: syllables, reserved domains and documentation networks."""

from __future__ import annotations

_FIRST = ["ka", "lo", "mi", "ra", "ve", "so", "ti", "nu", "pe", "da", "zo", "fe"]
_LAST = ["ren", "vald", "mor", "quin", "tash", "bel", "dor", "fen", "gal", "hest", "jor", "lund"]
_END = ["a", "en", "is", "o", "ar", "ey", "in", "el", "us", "ia"]
_COMPANY = ["works", "labs", "trading", "partners", "goods", "studio", "group", "systems"]
_WORDS = [
    "alder",
    "amber",
    "basin",
    "birch",
    "cedar",
    "cinder",
    "clover",
    "copper",
    "coral",
    "dune",
    "ember",
    "fern",
    "flint",
    "garnet",
    "glade",
    "harbor",
    "hazel",
    "heath",
    "indigo",
    "iris",
    "ivory",
    "juniper",
    "kelp",
    "lagoon",
    "larch",
    "lilac",
    "maple",
    "marble",
    "meadow",
    "mica",
    "moss",
    "nickel",
    "oak",
    "ochre",
    "opal",
    "pebble",
    "pine",
    "quartz",
    "reed",
    "river",
    "saffron",
    "slate",
    "spruce",
    "tansy",
    "thistle",
    "umber",
    "willow",
    "yarrow",
    "zephyr",
]
_UNUSUAL = [
    "Zoë Ångström-Nuñez",
    "quotes \"double\" and 'single'",
    "line one\nline two\ttabbed",
    "日本語のテキスト",
    "emoji 🎈 and \u200bzero width",
    "a,b;c|d\\e",
    "<b>bold</b> &amp; more",
    "  spaces around  ",
    "100% of {this} $value",
    "عربى and עברית",
]
_DOMAINS = ["example.com", "example.org", "example.net", "mail.test"]
_COUNTRIES = [("Norvania", "NV"), ("Eastmark", "EM"), ("Sudria", "SU"), ("Ostland", "OL")]


def first_name(n: int) -> str:
    return (_FIRST[n % 12] + _FIRST[n // 12 % 12] + _END[n // 144 % 10]).capitalize()


def last_name(n: int) -> str:
    return (_LAST[n % 12] + _LAST[n // 12 % 12] + _END[n // 144 % 10]).capitalize()


def company(n: int) -> str:
    return f"{_WORDS[n % len(_WORDS)].capitalize()} {_LAST[n // 64 % 12].capitalize()} {_COMPANY[n // 1024 % 8]}"


def words(n: int, count: int) -> str:
    picked = []
    for _ in range(count):
        picked.append(_WORDS[n % len(_WORDS)])
        n = n // 7 + n % 1009 * 31
    return " ".join(picked).capitalize()


def sentence(n: int) -> str:
    return f"{words(n, 4 + n % 5)}."


def unusual(n: int) -> str:
    return _UNUSUAL[n % len(_UNUSUAL)]


def domain(n: int) -> str:
    return _DOMAINS[n % len(_DOMAINS)]


def phone(n: int) -> str:
    return f"+1 {200 + n % 700} 555 01{n // 700 % 100:02d}"


def ip(n: int) -> str:
    return f"{'192.0.2' if n & 1 else '198.51.100'}.{n // 2 % 254 + 1}"


def ip_number(n: int) -> str:
    net = 0xC0000200 if n & 1 else 0xC6336400
    return str(net + n // 2 % 254 + 1)


def country(n: int) -> tuple[str, str]:
    return _COUNTRIES[n % len(_COUNTRIES)]
