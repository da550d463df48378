"""What users paste as the address of their account."""

from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client.address import api_root


@pytest.mark.parametrize(
    ("pasted", "root"),
    [
        ("https://acme.api-us1.com", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com/", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com//", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com/api/3", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com/api/3/", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com/api", "https://acme.api-us1.com"),
        ("  https://acme.api-us1.com \n", "https://acme.api-us1.com"),
        ("HTTPS://Acme.API-us1.com", "https://acme.api-us1.com"),
        ("acme.api-us1.com", "https://acme.api-us1.com"),
        ("acme.api-us1.com/api/3", "https://acme.api-us1.com"),
        ("acme.activehosted.com", "https://acme.activehosted.com"),
        ("acme", "https://acme.api-us1.com"),
        (" Acme-Corp1 ", "https://acme-corp1.api-us1.com"),
        ("https://proxy.example.com:8443/api/3", "https://proxy.example.com:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://localhost", "http://localhost"),
        ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
        ("http://127.8.9.1:5000/", "http://127.8.9.1:5000"),
        ("http://[::1]:5000/api/3", "http://[::1]:5000"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("localhost", "https://localhost"),
        ("\u200bacme\u00a0", "https://acme.api-us1.com"),
        ("\ufeffhttps://acme.api-us1.com\u200b", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com.", "https://acme.api-us1.com."),
    ],
)
def test_tolerated_api_url(pasted, root):
    assert api_root(pasted) == root


@pytest.mark.parametrize(
    ("pasted", "sentence"),
    [
        ("http://acme.api-us1.com", "must begin with https://"),
        ("http://10.0.0.1", "must begin with https://"),
        ("http://0.0.0.0", "must begin with https://"),
        ("http://localhost.evil.com", "must begin with https://"),
        ("http://127.0.0.1.evil.com", "must begin with https://"),
        ("ftp://acme.api-us1.com", "must begin with https://"),
        ("https://user:pass@acme.api-us1.com", "must not contain a user name or password"),
        ("https://user@acme.api-us1.com", "must not contain a user name or password"),
        ("https://:pass@acme.api-us1.com", "must not contain a user name or password"),
        (r"https://acme.api-us1.com\@evil.com", "must not contain a user name or password"),
        ("https://acme.api-us1.com/app/settings", "must end after the host name"),
        ("https://acme.api-us1.com/api/3/contacts", "must end after the host name"),
        ("https://acme.api-us1.com/api/2", "must end after the host name"),
        ("https://acme.api-us1.com?api_key=1", "must end after the host name"),
        ("https://acme.api-us1.com/#top", "must end after the host name"),
        ("https://https://acme.api-us1.com", "must end after the host name"),
        ("acme corp", "characters that no host has"),
        ("https://acme_.api-us1.com", "characters that no host has"),
        ("https://ačme.api-us1.com", "characters that no host has"),
        ("", "no host name"),
        ("https://", "no host name"),
        ("https:///api/3", "no host name"),
        ("https://acme.api-us1.com:port", "not a URL"),
        ("https://acme.api-us1.com:99999", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://[::1]x", "not a URL"),
        ("https://acme.api-us1.com:+80", "not a URL"),
        ("https://a..b", "is empty between two dots, or too long"),
        ("https://.acme.api-us1.com", "is empty between two dots, or too long"),
        ("https://.", "is empty between two dots, or too long"),
        ("a" * 64, "is empty between two dots, or too long"),
        (f"https://{'a' * 64}.com", "is empty between two dots, or too long"),
        (f"https://{'a.' * 130}com", "is empty between two dots, or too long"),
        ("https://ac\nme.api-us1.com", "characters that no host has"),
        ("https://ac\u200bme.api-us1.com", "characters that no host has"),
        ("https://acme\ud800.api-us1.com", "characters that no host has"),
        ("https://@acme.api-us1.com", "must not contain a user name or password"),
        ("https://acme.api-us1.com?", "must end after the host name"),
        ("https://acme.api-us1.com/#", "must end after the host name"),
    ],
)
def test_refused_api_url(pasted, sentence):
    with pytest.raises(ValueError, match=r"^The API URL ") as refusal:
        api_root(pasted)
    assert sentence in str(refusal.value)
    assert str(refusal.value).endswith("it looks like https://youraccount.api-us1.com.")
    assert "pass@" not in str(refusal.value)


URLS = st.one_of(
    st.text(max_size=30),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "https://", "http://", "HTTPS://", "://"]),
        st.one_of(
            st.sampled_from(["acme", "[::1]", "127.0.0.1", "localhost", "a@b", "x:1", "a..b", "A.b.", "a" * 64]),
            st.text(max_size=8),
        ),
        st.sampled_from(["", ":1", ":0", ":x", ".com"]),
        st.sampled_from(["", "/", "/api/3", "/api/3/", "?q", "#f", "/x"]),
    ),
)


@given(URLS)
def test_what_is_accepted_can_be_asked(text):
    try:
        root = api_root(text)
    except ValueError:
        return
    prepared = requests.Request("GET", f"{root}/api/3/tags").prepare()
    assert prepared.url == f"{root}/api/3/tags"
    # What looks up an address does with the name of a host.
    urlsplit(root).hostname.encode("idna")


@given(URLS)
def test_normalized_api_url_is_its_own_normal_form(text):
    try:
        root = api_root(text)
    except ValueError:
        return
    assert api_root(root) == root
    assert root.startswith(("https://", "http://localhost", "http://127.", "http://[::1]", "http://[0"))
    assert not root.endswith("/")
