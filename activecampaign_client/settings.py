"""Settings that people write, in a form or a file, brought into the one form that programs work with.

Everything that can be wrong with one is said here, in a sentence that calls the setting by its title in the form.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from activecampaign_client.address import api_root
from activecampaign_client.pasted import trimmed
from activecampaign_client.secrets import usable_key

# Settings whose text is more than text: what they look like, and what brings one into its canonical form.
Texts = Mapping[str, tuple[str, Callable[[str], str]]]
TEXTS: Texts = {
    "api_url": ("a text such as https://youraccount.api-us1.com", api_root),
    "api_key": ("a text, in quotation marks", usable_key),
}


def object_in_file(path: str) -> dict[str, Any]:
    """The configuration, a JSON object, in a file.

    Raises OSError where there is no file to read, and ValueError with a sentence where it holds no JSON object.
    """
    config = json_in(path, "configuration", "a JSON object with api_url and api_key")
    if isinstance(config, dict):
        return config
    raise ValueError(
        'The configuration file holds no JSON object: it has to look like {"api_url": ..., "api_key": ...}.'
    )


def json_in(path: str, what: str, content: str) -> Any:
    """The JSON in a file; a byte order mark does no harm. The sentences say `what` file it is, and what it has to hold.

    Raises OSError where there is no file to read, and ValueError with a sentence where it holds something else.
    """
    text = Path(path).read_bytes()
    if not text.strip(b"\xef\xbb\xbf \t\r\n"):
        raise ValueError(f"The {what} file is empty: it has to hold {content}.")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"The {what} file is not JSON (from {place} on): correct it there.") from None
    except (ValueError, RecursionError):
        raise ValueError(f"The {what} file is not JSON: write it anew, as UTF-8 text.") from None


def canonical(name: str, setting: Mapping[str, Any], value: Any, texts: Texts = TEXTS) -> Any:
    """The value of a setting in its canonical form; its default where it is null, an empty text or absent.

    `setting` is its property in the spec. Taken, too, is what can only mean one thing: numbers and flags as text, whole
    numbers with a fraction of zero, choices in capitals, and `false` for "off", as which YAML reads it.

    >>> canonical("num_workers", {"type": "integer", "minimum": 2, "maximum": 32, "default": 8}, "4")
    4

    Raises ValueError with a sentence that says what is allowed.
    """
    if isinstance(value, str):
        value = trimmed(value)
    if value is None or value == "":
        return setting.get("default")
    title = setting.get("title", name)
    if name in texts:
        form, canonical_text = texts[name]
        if not isinstance(value, str):
            raise ValueError(f"The {title} has to be {form}{'' if name == 'api_key' else instead_of(value)}.")
        return canonical_text(value)
    if "enum" in setting:
        return choice(title, setting["enum"], value)
    if setting.get("type") in ("integer", "number"):
        return _number(title, setting, value)
    if setting.get("type") == "boolean":
        return _flag(title, value)
    return value


def require_account(config: Mapping[str, Any]) -> None:
    """Raises ValueError where a configuration in its canonical form does not say which account to ask."""
    for name, title in (("api_url", "API URL"), ("api_key", "API Key")):
        if name not in config:
            raise ValueError(f"The {title} is missing. Copy it from Settings > Developer in ActiveCampaign.")


def choice(title: str, choices: Sequence[str], value: Any) -> str:
    """The one of the choices that was written, in capitals or not. Raises ValueError."""
    chosen = "off" if value is False else trimmed(value).lower() if isinstance(value, str) else None
    if chosen is None or chosen not in choices:
        allowed = f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]
        raise ValueError(f"The {title} setting has to be {allowed}{instead_of(value)}.")
    return chosen


def _number(title: str, setting: Mapping[str, Any], value: Any) -> float:
    number = value
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value):
        number = float(value)
    least, most = setting.get("minimum", -math.inf), setting.get("maximum", math.inf)
    # Neither comparison holds for NaN, and JSON has integers that no float can hold.
    is_number = isinstance(number, int | float) and not isinstance(number, bool) and -math.inf < number < math.inf
    whole = setting["type"] == "integer"
    if not is_number or not least <= number <= most or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"The {title} setting has to be {kind} {bounds}{instead_of(value)}.")
    return int(number) if number == int(number) else float(number)


def _flag(title: str, value: Any) -> bool:
    written = value.lower() if isinstance(value, str) else value
    if written not in ("true", "false") and not isinstance(written, bool):
        raise ValueError(f"The {title} setting has to be true or false{instead_of(value)}.")
    return written in (True, "true")


def instead_of(value: Any) -> str:
    """The value itself, where it is short: a long one may be a key in the wrong place.

    >>> instead_of("sometimes"), instead_of([1])
    (', not "sometimes"', ', not a list')
    """
    if isinstance(value, list | dict):
        return ", not a list" if isinstance(value, list) else ", not an object"
    try:
        shown = json.dumps(value)
    except ValueError:
        return ""
    return f", not {shown}" if len(shown) <= 40 else ""
