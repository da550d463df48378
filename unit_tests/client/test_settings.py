"""Settings that people write: the forms that they take, and the sentences about the rest."""

import doctest
from pathlib import Path
from typing import Any

import pytest

from activecampaign_client import settings
from activecampaign_client.settings import canonical, object_in_file


def test_examples_are_true() -> None:
    assert doctest.testmod(settings).failed == 0


@pytest.mark.parametrize(
    ("written", "flag"), [(True, True), (False, False), ("true", True), (" FALSE ", False), (None, True), ("", True)]
)
def test_a_flag_may_be_text(written: Any, flag: bool) -> None:
    assert canonical("run", {"type": "boolean", "default": True}, written) is flag


@pytest.mark.parametrize("written", ["yes", 1, 0, [], {}])
def test_what_is_no_flag_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"^The Run Automations setting has to be true or false, not "):
        canonical("run", {"type": "boolean", "title": "Run Automations"}, written)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (b'{"a": 1', r"is not JSON \(from line 1, column 8 on\): correct it there"),
        (b"\xff\xff", "is not JSON: write it anew, as UTF-8 text"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "holds no JSON object"),
    ],
)
def test_a_file_without_a_configuration_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        object_in_file(str(tmp_path / "config.json"))


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b'\xef\xbb\xbf{"api_url": "acme"}')
    assert object_in_file(str(tmp_path / "config.json")) == {"api_url": "acme"}
