"""The API key in no output, in whatever form it comes there."""

import json
from base64 import b32encode, b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus, urlencode

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client.secrets import masked, masking, usable_key

KEY = "0123456789abcdef" * 4 + "A/b+c=\"d'"
# How the key may be written, and what is to be left of it.
FORMS = {
    "raw": (KEY, "****"),
    "repr": (repr(KEY), "'****'"),
    "repr of bytes": (repr(KEY.encode()), "b'****'"),
    "json": (json.dumps(KEY), '"****"'),
    "json of PHP": (json.dumps(KEY).replace("/", "\\/"), '"****"'),
    "json in json": (json.dumps({"said": json.dumps({"key": KEY})}), json.dumps({"said": json.dumps({"key": "****"})})),
    "name in json": (json.dumps({KEY: KEY}), '{"****": "****"}'),
    "url": (quote(KEY), "****"),
    "url, slashes included": (quote(KEY, safe=""), "****"),
    "form": (urlencode({"api_key": KEY}), "api_key=****"),
    "form with plus": (quote_plus(KEY), "****"),
    "small percents": ("0123456789abcdef" * 4 + "A%2fb%2bc%3d%22d%27", "****"),
    "html": ("0123456789abcdef" * 4 + "A/b+c=&quot;d&#x27;", "****"),
    "base64": (b64encode(KEY.encode()).decode(), "****"),
    "base64 without padding": (b64encode(KEY.encode()).decode().rstrip("="), "****"),
    "base64 of urls": (urlsafe_b64encode(KEY.encode()).decode(), "****"),
    "reversed": (KEY[::-1], "****"),
    "capitals": (KEY.upper(), "****"),
    "small": (KEY.lower(), "****"),
    "title": (KEY.title(), "****"),
    "swapped case": (KEY.swapcase(), "****"),
    "every character in percents": ("".join(f"%{ord(one):02X}" for one in KEY), "****"),
    "every character in small percents": ("".join(f"%{ord(one):02x}" for one in KEY), "****"),
    "entities": ("".join(f"&#{ord(one)};" for one in KEY), "****"),
    "hexadecimal entities": ("".join(f"&#x{ord(one):x};" for one in KEY), "****"),
    "every character escaped in json": ("".join(f"\\u{ord(one):04x}" for one in KEY), "****"),
    "base32": (b32encode(KEY.encode()).decode(), "****"),
    "base32 without padding": (b32encode(KEY.encode()).decode().rstrip("="), "****"),
    "base64 in json of PHP": (json.dumps(b64encode(KEY.encode()).decode()).replace("/", "\\/"), '"****"'),
    "hex": (KEY.encode().hex(), "****"),
    "capital hex": (KEY.encode().hex().upper(), "****"),
    "exception": (str(requests.exceptions.InvalidHeader(f"Invalid value: {KEY!r}")), "Invalid value: '****'"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pasted", [KEY, f"{KEY}\n", f"\u200b {KEY}"], ids=["trimmed", "line break", "zero width"])
def test_given_a_form_of_the_key_when_masked_then_nothing_of_it_is_left(form, pasted):
    text, left = FORMS[form]
    assert masking(pasted)(f"before {text} after") == f"before {left} after"


@pytest.mark.parametrize("form", [repr, json.dumps, quote, lambda text: b64encode(text.encode()).decode()])
def test_given_an_untrimmed_key_when_masked_then_neither_it_nor_the_trimmed_one_is_left(form):
    pasted = f"\n{KEY}\t"
    text = masking(pasted)(f"{form(pasted)} and {form(KEY)}")
    assert KEY[:8] not in text
    assert form(pasted)[4:12] not in text


@pytest.mark.parametrize("key", ["k", "the", "error", "type", "100", "", " \n", "secret"])
def test_given_a_key_that_may_be_a_word_when_masked_then_texts_stay_readable(key):
    text = 'Traceback: {"type": "error"}, the 100 rows are secret'
    assert masking(key)(text) == text


VISIBLE = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="*")


@given(st.text(VISIBLE, min_size=8), st.text(), st.text())
def test_given_any_key_of_eight_characters_when_masked_then_it_is_gone(key, before, after):
    assert key not in masking(key)(f"{before}{key}{key}{after}")


@given(st.text(VISIBLE, min_size=16), st.text(VISIBLE), st.text(VISIBLE))
def test_given_any_key_inside_other_text_in_base64_when_masked_then_none_of_its_own_digits_is_left(key, before, after):
    """As in the header of a basic authorization; the digits at its ends are made of other characters, too."""
    for encode in (b64encode, urlsafe_b64encode):
        digits = encode(f"{before}{key}{after}".encode()).decode()
        start, end = -(-len(before) * 8 // 6), (len(before) + len(key)) * 8 // 6
        assert digits[start:end] not in masking(key)(digits)


@given(st.text(VISIBLE, min_size=8), st.data())
def test_given_any_key_in_any_mixture_of_capitals_when_masked_then_it_is_gone(key, data):
    mixed = "".join(data.draw(st.sampled_from([one.upper(), one.lower()])) for one in key)
    assert masking(key)(f"<{mixed}>") == "<****>"


@given(st.text(), st.text())
def test_given_any_text_as_key_when_masked_then_no_exception(key, text):
    assert isinstance(masking(key)(text + key), str)


def test_given_an_answer_of_the_api_when_masked_then_names_and_values():
    value = {KEY: [f"my {KEY}", {"id": "7", "n": 5, "none": None}]}
    assert masked(value, masking(KEY)) == {"****": ["my ****", {"id": "7", "n": 5, "none": None}]}


@pytest.mark.parametrize(
    "pasted",
    [
        *(f"{KEY}\n", f" {KEY}", f"\t{KEY}\r\n", f"\u00a0{KEY}\u00a0", f"\u200b{KEY}\ufeff", f"\x00{KEY}"),
        *(f'"{KEY}"', f" '{KEY}'\n", f"\u201c{KEY}\u201d", f"`{KEY}`", f"'\"{KEY}\"'", f'" {KEY} "'),
    ],
)
def test_given_what_pasting_adds_when_used_then_the_key_alone(pasted):
    assert usable_key(pasted) == KEY


@pytest.mark.parametrize(
    ("pasted", "problem"),
    [
        ("k3y\nk3y", "has characters that no key has"),
        ("k3y\u200bk3y", "has characters that no key has"),
        ("ключ-0123", "has characters that no key has"),
        ("k3y-é", "has characters that no key has"),
        ("k3y\ud800", "has characters that no key has"),
        ("", "is missing"),
        (" \u200b\n", "is missing"),
    ],
)
def test_given_what_is_no_key_when_used_then_a_sentence_without_it(pasted, problem):
    with pytest.raises(ValueError, match=r"^The API Key .* Copy it from Settings > Developer") as refused:
        usable_key(pasted)
    assert problem in str(refused.value)
    assert "k3y" not in str(refused.value)
    assert str(refused.value).isascii()


@given(st.text())
def test_given_any_text_when_it_is_used_then_a_header_can_carry_it(text):
    try:
        key = usable_key(text)
    except ValueError:
        return
    prepared = requests.Request("GET", "https://acme.api-us1.com", headers={"Api-Token": key}).prepare()
    assert prepared.headers["Api-Token"].encode("latin-1").decode() == key
