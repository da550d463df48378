"""Rejected rows as objects in S3, of which moto's server is the stand-in."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from moto.server import ThreadedMotoServer

from activecampaign_client.errors import ApiError
from activecampaign_client.secrets import masking
from destination_activecampaign import bucket
from destination_activecampaign.places import place_of
from destination_activecampaign.rejections import RejectedRecords, Rejection
from unit_tests.servers import answering, server

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"
INVALID = Rejection("email_invalid", "The email address is not valid.")
URL = "s3://kept/people/rejected"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with credentials, and no others of the machine that this runs on."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    # Nobody waits between two attempts.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    return monkeypatch


@pytest.fixture
def s3(store: str, environment: pytest.MonkeyPatch) -> Iterator[Any]:
    """The store, with a bucket `kept` that is empty."""
    environment.setenv("AWS_ENDPOINT_URL_S3", store)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="kept")
    yield client
    for name in names(client):
        client.delete_object(Bucket="kept", Key=name)
    client.delete_bucket(Bucket="kept")


def names(s3: Any) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket="kept").get("Contents", ())]


def rows(s3: Any) -> list[Any]:
    """The rows of all objects, in the order of their names."""
    bodies = [s3.get_object(Bucket="kept", Key=name)["Body"].read() for name in sorted(names(s3))]
    return [json.loads(line)["row"] for line in b"".join(bodies).splitlines()]


def rejected(url: str = URL) -> RejectedRecords:
    return RejectedRecords(place_of(url), masking("k3y-0f-acme-1234567890abcdef"))


def add(records: RejectedRecords, **row: Any) -> None:
    records.add("people", "contacts", {"email": row.get("email")}, INVALID, row)


def test_what_is_new_becomes_an_object_once_it_is_to_be_kept(s3: Any) -> None:
    records = rejected()
    records.keep()
    add(records, email="ann")
    add(records, email="bob", note="k3y-0f-acme-1234567890abcdef")
    assert names(s3) == []
    records.keep()
    records.keep()
    [first] = names(s3)
    assert first.startswith("people/rejected/rejected-20")
    assert first.endswith(".jsonl")
    add(records, email="eve")
    records.keep()
    assert len(names(s3)) == 2
    assert rows(s3) == [{"email": "ann"}, {"email": "bob", "note": "****"}, {"email": "eve"}]
    assert records.where == URL


def test_objects_stand_at_the_top_of_a_bucket_without_a_folder(s3: Any) -> None:
    records = rejected("s3://kept")
    add(records, email="ann")
    records.keep()
    [name] = names(s3)
    assert name.startswith("rejected-20")


def test_nothing_of_another_sync_is_overwritten(s3: Any) -> None:
    with patch.object(bucket, "datetime") as clock:
        clock.now.return_value = datetime(2026, 11, 30)
        for email in ("ann", "bob"):
            records = rejected()
            add(records, email=email)
            records.keep()
    assert sorted(row["email"] for row in rows(s3)) == ["ann", "bob"]


def test_many_rows_are_neither_many_requests_nor_all_in_memory(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "MOST_BYTES", 100_000)
    records = rejected()
    threads = [threading.Thread(target=lambda: [add(records, email="x" * 1000) for _ in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sizes = [one["Size"] for one in s3.list_objects_v2(Bucket="kept")["Contents"]]
    assert len(sizes) > 4
    assert all(100_000 <= size < 103_000 for size in sizes)
    records.keep()
    assert rows(s3) == [{"email": "x" * 1000}] * 400


def test_proving_leaves_nothing(s3: Any) -> None:
    rejected().prove()
    assert names(s3) == []
    assert not s3.list_multipart_uploads(Bucket="kept").get("Uploads")


def failure_of(records: RejectedRecords, step: str) -> ApiError:
    if step == "keep":
        add(records, email="ann")
    with pytest.raises(ApiError) as failed:
        getattr(records, step)()
    assert str(failed.value).startswith(f"The rejected records cannot be written to {records.where}: ")
    assert str(failed.value).endswith(" Nothing that is not kept is acknowledged.")
    assert SECRET not in str(failed.value) + failed.value.detail
    return failed.value


STEPS = pytest.mark.parametrize("step", ["prove", "keep"])


@STEPS
@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_said(step: str) -> None:
    error = failure_of(rejected("s3://of-nobody/folder"), step)
    assert (error.kind, "there is no such bucket." in str(error)) == ("config", True)


@STEPS
def test_missing_credentials_are_said(environment: pytest.MonkeyPatch, step: str) -> None:
    environment.delenv("AWS_ACCESS_KEY_ID")
    environment.delenv("AWS_SECRET_ACCESS_KEY")
    error = failure_of(rejected(), step)
    assert (error.kind, "there are no AWS credentials" in str(error)) == ("config", True)


def test_a_profile_that_is_not_there_is_said(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_PROFILE", "of-nobody")
    error = failure_of(rejected(), "prove")
    assert (error.kind, "(ProfileNotFound). Correct them." in str(error)) == ("config", True)


def test_an_endpoint_that_is_no_url_is_said(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL_S3", "nowhere")
    assert "the AWS settings in the environment are wrong (ValueError)" in str(failure_of(rejected(), "prove"))


REFUSALS = [
    (403, "AccessDenied", "config", "the AWS credentials have no right to (AccessDenied). Grant them s3:PutObject"),
    (403, "InvalidAccessKeyId", "config", "AWS does not accept the credentials (InvalidAccessKeyId)."),
    (400, "ExpiredToken", "config", "AWS does not accept the credentials (ExpiredToken)."),
    (400, "InvalidBucketState", "config", "S3 answers with InvalidBucketState (HTTP 400). Correct the bucket"),
    (503, "SlowDown", "transient", "S3 answers with SlowDown (HTTP 503)."),
]


@STEPS
@pytest.mark.parametrize(("status", "code", "kind", "sentence"), REFUSALS, ids=[one[1] for one in REFUSALS])
def test_what_s3_refuses_is_said(
    environment: pytest.MonkeyPatch, step: str, status: int, code: str, kind: str, sentence: str
) -> None:
    body = f"<Error><Code>{code}</Code><Message>User arn:aws:iam::1:user/x may not.</Message></Error>"
    with server(answering(status, body)) as (url, received):
        environment.setenv("AWS_ENDPOINT_URL_S3", url)
        records = rejected()
        error = failure_of(records, step)
        assert (error.kind, sentence in str(error)) == (kind, True), str(error)
        asked = len(received)
        assert (asked > 1) == (status == 503)
        if step == "keep":
            # It ends the sync, which does not wait for the same again.
            assert failure_of(records, "keep") is error
            assert len(received) == asked


def test_a_store_that_cannot_be_reached_is_said(environment: pytest.MonkeyPatch) -> None:
    with server(answering()) as (url, _):
        pass
    environment.setenv("AWS_ENDPOINT_URL_S3", url)
    error = failure_of(rejected(), "prove")
    assert (error.kind, "S3 cannot be reached (EndpointConnectionError)" in str(error)) == ("transient", True)


def test_the_extra_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ApiError) as failed:
        rejected()
    assert failed.value.kind == "config"
    assert str(failed.value).endswith("Install it: pip install 'airbyte-activecampaign[s3]'")
