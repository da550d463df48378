"""The API key: what can be one, and how it stays out of everything that is printed.

Nothing here prints or quotes a key. It comes back all the same: a server repeats it in the body of a refusal, a library
in the text of its exception. So whatever leaves passes a mask that knows the forms in which a key is written.
"""

import base64
import html
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from activecampaign_client.pasted import trimmed

MASK = "****"
_WHERE = "Copy it from Settings > Developer in ActiveCampaign."

# Fewer characters than these could be a part of any word: of "k" for a key, "Traceback" would become "Tracebac****".
# Such a key protects nothing, and is not masked.
SHORTEST_IN_TEXT = 8
# In the data of an account, where "12345678" may be an id and "customers" the name of a list, it takes more for a text
# to be nothing but the key. ActiveCampaign's own keys are far longer.
SHORTEST_IN_DATA = 16

Mask = Callable[[str], str]


def usable_key(pasted: str) -> str:
    """The key as it is sent: without spaces, line breaks, quotation marks and marks that are not seen around it.

    >>> usable_key(" 0123abcd\\n")
    '0123abcd'

    Raises ValueError, with a sentence for the user, for what a header cannot carry or nobody would take for a key.
    """
    key = trimmed(pasted)
    if not key:
        raise ValueError(f"The API Key is missing. {_WHERE}")
    if not re.fullmatch(r"[ -~]+", key):
        raise ValueError(
            f"The API Key has characters that no key has, such as line breaks or accented letters. {_WHERE}"
        )
    return key


def forms_of(secret: str, shortest: int = SHORTEST_IN_TEXT) -> tuple[str, ...]:
    """The forms in which a secret may be written, the longest first; none for one of fewer characters than `shortest`.

    As it was given and trimmed; reversed, in capitals, in small letters, in title case; each as it stands in Python,
    JSON (also JSON within JSON), HTML and URLs; with every character escaped as the latter three do; and in Base64,
    also as a part of a longer text, Base32 and hexadecimal digits.

    >>> set(forms_of("Key/0123")) >= {"3210/yeK", "KEY%2F0123", "S2V5LzAxMjM=", "4b65792f30313233"}
    True
    """
    found: set[str] = set()
    for plain in {secret, trimmed(secret)}:
        if len(trimmed(plain)) >= shortest:
            found |= _encoded(plain.encode("utf-8", "surrogatepass")) | _escaped(plain)
            for variant in (plain, plain[::-1], plain.upper(), plain.lower(), plain.title()):
                found |= _quoted(variant)
    return tuple(sorted((form for form in found if len(form) >= shortest), key=lambda form: (-len(form), form)))


def masking(secret: str, shortest: int = SHORTEST_IN_TEXT) -> Mask:
    """A function that puts `****` in the place of every form of a secret, in whichever mixture of capitals and small
    letters; a few microseconds for a line.

    >>> masking("k3y-0123")("GET /api/3/tags?api_key=K3Y-0123")
    'GET /api/3/tags?api_key=****'
    >>> masking("the")("the answer is there")
    'the answer is there'
    """
    forms = forms_of(secret, shortest)
    pattern = re.compile("|".join(map(re.escape, forms)), re.IGNORECASE)
    folded = sorted({form.casefold() for form in forms})

    def mask(text: str) -> str:
        # Hardly any text has one, and to find that out so takes a fraction of the time that the pattern needs.
        within = text.casefold()
        return pattern.sub(MASK, text) if any(form in within for form in folded) else text

    return mask


def masked(value: Any, mask: Mask) -> Any:
    """A JSON value with every text in it masked, the names in its objects included.

    >>> masked({"k3y-0123": ["k3y-0123", 5]}, masking("k3y-0123"))
    {'****': ['****', 5]}
    """
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {mask(str(name)): masked(one, mask) for name, one in value.items()}
    return [masked(one, mask) for one in value] if isinstance(value, list) else value


def _quoted(text: str) -> set[str]:
    """The text as it stands inside the quotation marks of other languages."""
    urls = {
        quote(text, safe="", errors="surrogatepass"),
        quote(text, errors="surrogatepass"),
        quote_plus(text, errors="surrogatepass"),
    }
    once = {
        text,
        repr(text)[1:-1],
        *_in_json(text),
        html.escape(text),
        *urls,
        *(re.sub("%..", lambda match: match[0].lower(), url) for url in urls),
    }
    return once.union(*(_in_json(form) for form in once))


def _in_json(text: str) -> set[str]:
    """PHP, in which ActiveCampaign is written, escapes slashes, too."""
    found = {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return found | {form.replace("/", r"\/") for form in found}


def _encoded(secret: bytes) -> set[str]:
    padded = {base64.b64encode(secret).decode(), base64.b32encode(secret).decode()}
    found = padded | {form.rstrip("=") for form in padded} | _within_base64(secret)
    in_urls = {form.replace("+", "-").replace("/", "_") for form in found}
    return in_urls.union(*map(_in_json, found), (secret.hex(), secret.hex().upper()))


def _within_base64(secret: bytes) -> set[str]:
    """The digits of a text in Base64, such as `user:key`, that are made of the secret alone.

    A digit is 6 bits, so there are three ways in which the bytes of the secret may begin among them.
    """
    return {
        base64.b64encode(bytes(before) + secret).decode()[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        for before in range(3)
    }


def _escaped(text: str) -> set[str]:
    """The text with every character of it escaped, whether it has to be or not: in URLs, HTML and JSON."""
    found = {
        "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass")),
        "".join(f"&#{ord(character)};" for character in text),
        "".join(f"&#x{ord(character):x};" for character in text),
        "".join(f"\\u{ord(character):04x}" for character in text),
    }
    capitals = {re.sub("(?<=[%xu])[0-9a-f]+", lambda match: match[0].upper(), form) for form in found}
    return found | capitals
