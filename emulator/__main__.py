"""The emulator as a command: `python -m emulator --help`"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import Field, fields
from typing import Any

from .account import FIXED_NOW, Account
from .server import Emulator
from .settings import FAULT_KINDS, Settings

_DESCRIPTION = """\
A stand-in for an ActiveCampaign account: an HTTP server on 127.0.0.1 that answers as the API v3 was seen or documented
to answer, with an account that it makes up. The same seed and sizes give the same account on every machine.

When it accepts connections it prints one line of JSON, {"url": ..., "api_key": ..., "keys": {...}, "tracking":
{...}}, and serves until it is stopped. Ask it as you would ask ActiveCampaign:

  curl -H "Api-Token: $API_KEY" "$URL/api/3/contacts?limit=100"

`api_key` is an administrator's key. `keys` has more: "partial" may not open one pipeline, "none" not one of them, and
"nocrm" belongs to a plan without deals. `tracking` has the keys of events, which are taken at $URL/event."""

_SETTINGS = """\
settings that need JSON, besides those with an option of their own (--max-limit is "max_limit"):
"""

_FAULTS = """\

faults:
  With --settings '{"faults": [...]}' it misbehaves on purpose. Each fault is an object: `kind`, and which requests it
  hits: `method` (POST), `path` (/contacts, /contacts/*), `query` (parameters they must have), `after` (how many are
  spared first), `times` (how many are hit, all unless given), `every` (3: each third), `lasts` (seconds from its first
  hit to its end). `url`, `seconds`, `body`, `headers` and `part` say more where the kind needs it; with `done` the
  request was carried out before an answer that is made up. The kinds:
"""

_CONTROL = """\

from another process, without a key:
  GET POST         $URL/_emulator/settings          the settings; change some with a JSON object
  GET              $URL/_emulator/resources         what there is, with its filters, orders and relations
  GET POST         $URL/_emulator/rows/RESOURCE     all rows; add one from a JSON object of its fields
  PATCH DELETE     $URL/_emulator/rows/RESOURCE/ID  change or remove one
  GET DELETE       $URL/_emulator/requests          what was asked, and how fast; forget it
  GET DELETE       $URL/_emulator/writes            what the API wrote to contacts, in order; forget it
  GET POST DELETE  $URL/_emulator/mutate            change rows while somebody reads: a JSON object with
                                                    inserts_per_second, updates_per_second, deletes_per_second,
                                                    resources and seed; DELETE ends it. All say what was changed.

examples:
  python -m emulator
  python -m emulator --account large --rows contacts=20000,deals=5000 --rate-limit-window off
  python -m emulator --settings '{"faults": [{"kind": "503", "path": "/tags", "times": 2}]}'
"""


def _kinds() -> str:
    """The kinds of faults, a line each; those that are only a status share one."""
    statuses = " ".join(kind for kind in FAULT_KINDS if kind.isdigit())
    kinds = (f"    {kind:<16}{about}\n" for kind, about in FAULT_KINDS.items() if not kind.isdigit())
    return f"    {statuses}\n{''.join(kinds)}"


def _settings_without_option() -> str:
    """What only --settings can say, a line each."""
    return "".join(f"  {s.name:<24}{s.metadata['about']}\n" for s in fields(Settings) if not _is_option(s))


def _is_option(setting: Field[Any]) -> bool:
    """Numbers and words are options of their own; the rest needs JSON."""
    return isinstance(setting.default, (int, float, str)) and not isinstance(setting.default, bool)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator",
        description=_DESCRIPTION,
        epilog=_SETTINGS + _settings_without_option() + _FAULTS + _kinds() + _CONTROL,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=36, width=120),
    )
    parser.add_argument("--port", type=int, default=0, help="where to listen (default: a free port)")
    account = parser.add_argument_group("the account")
    account.add_argument(
        "--account",
        default="demo",
        metavar="NAME",
        help="demo, the default, is small and has every quirk: 250 contacts, 130 deals; unflattering is one after "
        "years, with rows whose owners are gone and dates that are null; empty has users and nothing else; any other "
        "name gives a generated account of 1000 contacts",
    )
    account.add_argument(
        "--seed", type=int, default=1, metavar="NUMBER", help="another number is another account (default: 1)"
    )
    account.add_argument(
        "--rows",
        type=_sizes,
        default={},
        metavar="RESOURCE=NUMBER,...",
        help="sizes, contacts=20000,deals=5000; what is not named follows the number of contacts",
    )
    account.add_argument(
        "--now",
        default=FIXED_NOW,
        metavar="TIME",
        help=f"ISO time at which the account's history ends (default: {FIXED_NOW})",
    )
    behaviour = parser.add_argument_group(
        "how it behaves", "The defaults are what is documented of the API, but for Retry-After, which is 30 there."
    )
    for setting in filter(_is_option, fields(Settings)):
        is_word = isinstance(setting.default, str)
        behaviour.add_argument(
            f"--{setting.name.replace('_', '-')}",
            type=str if is_word else _number,
            dest=setting.name,
            metavar="WORD" if is_word else "NUMBER",
            help=f"{setting.metadata['about']} (default: {setting.default})".replace("%", "%%"),
        )
    behaviour.add_argument(
        "--settings", type=_json_object, default={}, metavar="JSON", help="an object with any settings, see below"
    )
    return parser


def _number(text: str) -> float:
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _sizes(text: str) -> dict[str, int]:
    pairs = [part.partition("=") for part in text.split(",") if part]
    if not all(count.isdigit() for _, _, count in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not like contacts=20000,deals=5000")
    return {name: int(count) for name, _, count in pairs}


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return found


def _emulator(given: argparse.Namespace) -> Emulator:
    """Raises ValueError or TypeError for a size or a setting that there is not."""
    rows = dict(given.rows)
    more: dict[str, Any] = {"contacts": rows.pop("contacts")} if "contacts" in rows else {}
    more |= {"seed": given.seed, "rows": rows, "now": given.now}
    makers = {"demo": Account.demo, "unflattering": Account.unflattering, "empty": Account.empty}
    account = makers[given.account](**more) if given.account in makers else Account(given.account, **more)
    options = {s.name: getattr(given, s.name) for s in fields(Settings) if getattr(given, s.name, None) is not None}
    return Emulator(account, port=given.port, **{**options, **given.settings})


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the process is told to stop."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        emulator = _emulator(given)
    except (ValueError, TypeError, OSError) as error:
        parser.error(str(error))
    emulator.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
