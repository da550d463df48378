"""Rejected rows on disk, before anybody is told that they are done with."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from activecampaign_client.errors import ApiError
from activecampaign_client.exact_json import loads
from activecampaign_client.secrets import masking
from destination_activecampaign.places import place_of
from destination_activecampaign.rejections import RejectedRecords, Rejection

KEY = "k3y-0f-acme-1234567890abcdef"
INVALID = Rejection("email_invalid", "The email address is not valid.")


def lines(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / "rejected.jsonl").read_bytes().splitlines()]


def rejected(folder: Path) -> RejectedRecords:
    return RejectedRecords(place_of(str(folder)), masking(KEY))


def add(records: RejectedRecords, **row: Any) -> None:
    records.add("people", "contacts", {"email": row.get("email")}, INVALID, row)


def test_a_line_says_which_row_and_why(tmp_path: Path) -> None:
    records = rejected(tmp_path / "new" / "folder")
    records.prove()
    add(records, email="ann", plan=None, tags=["vip"])
    assert lines(tmp_path / "new" / "folder") == [
        {
            "stream": "people",
            "object": "contacts",
            "key": {"email": "ann"},
            "code": "email_invalid",
            "message": "The email address is not valid.",
            "row": {"email": "ann", "plan": None, "tags": ["vip"]},
        }
    ]


def test_what_the_api_says_stands_beside_the_row(tmp_path: Path) -> None:
    refused = Rejection("api_refused", "ActiveCampaign refused the row (HTTP 422).", detail="Ann Lee has this phone")
    rejected(tmp_path).add("people", "contacts", None, refused, {})
    assert lines(tmp_path)[0]["message"] == (
        "ActiveCampaign refused the row (HTTP 422). It says: Ann Lee has this phone."
    )


def test_proving_leaves_an_empty_folder(tmp_path: Path) -> None:
    rejected(tmp_path / "folder").prove()
    assert list((tmp_path / "folder").iterdir()) == []


def test_rows_are_added_to_those_of_earlier_syncs_whose_last_line_may_be_cut_off(tmp_path: Path) -> None:
    (tmp_path / "rejected.jsonl").write_bytes(b'{"row": 1}\n{"row": {"ema')
    add(rejected(tmp_path), email="ann")
    first, cut_off, last = (tmp_path / "rejected.jsonl").read_bytes().splitlines()
    assert (first, cut_off) == (b'{"row": 1}', b'{"row": {"ema')
    assert json.loads(last)["row"] == {"email": "ann"}


def test_without_a_folder_nothing_is_kept() -> None:
    records = RejectedRecords(None, masking(KEY))
    records.prove()
    add(records, email="ann")
    records.keep()
    assert records.where is None


def test_the_disk_has_the_rows_once_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))
    records = rejected(tmp_path)
    records.keep()
    assert synced == []
    add(records, email="ann")
    add(records, email="bob")
    records.keep()
    records.keep()
    assert synced == [(tmp_path / "rejected.jsonl").stat().st_size]


@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_disk_that_is_full_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    records = rejected(tmp_path)
    monkeypatch.setattr(os, call, full)

    def add_and_keep() -> None:
        add(records, email="ann")
        records.keep()

    with pytest.raises(ApiError) as failed:
        add_and_keep()
    assert failed.value.kind == "config"
    assert str(failed.value) == (
        f"The rejected records cannot be written to {tmp_path}/rejected.jsonl: No space left on device. Make room "
        "there, or choose another folder under Rejected Records in the configuration. Nothing that is not kept is "
        "acknowledged."
    )


def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ApiError, match=r"file/folder/rejected.jsonl: Not a directory\. Make room"):
        rejected(tmp_path / "file" / "folder").prove()


def test_a_full_device_is_said_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(ApiError, match="No space left on device"):
        rejected(tmp_path).prove()


def test_a_row_that_is_hard_to_write_is_kept_all_the_same(tmp_path: Path) -> None:
    records = rejected(tmp_path)
    row = loads(b'{"id": 123456789012345678901234567890, "x": 1e400, "text": "vip \\ud800"}')
    add(records, **row)
    add(records, big=2**70, half="\ud800")
    records.add(None, None, None, INVALID, '{"type":"RECORD", \udcff')
    first, second, third = lines(tmp_path)
    assert first["row"] == {"id": "123456789012345678901234567890", "x": "1e400", "text": "vip �"}
    assert second["row"] == {"big": 2**70, "half": "\ud800"}
    assert third["row"] == '{"type":"RECORD", \udcff'


def test_the_api_key_is_in_no_line(tmp_path: Path) -> None:
    add(rejected(tmp_path), email="ann", note=f"key: {KEY}")
    assert lines(tmp_path)[0]["row"]["note"] == "key: ****"


def test_lines_of_several_threads_stay_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    # A disk may take less than it was given.
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:1000]))
    records = rejected(tmp_path)

    def add_some() -> None:
        for _ in range(50):
            add(records, email="x" * 5000)

    threads = [threading.Thread(target=add_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line["row"] for line in lines(tmp_path)] == [{"email": "x" * 5000}] * 200
