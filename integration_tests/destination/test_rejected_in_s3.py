"""`write` with rejected rows that are kept in S3, of which moto's server is the stand-in."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from integration_tests.destination.connector import FAKE, Destination, configured, record, state

Configure = Callable[..., Destination]
CATALOG = configured("contacts")
URL = "s3://kept/rejected"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The store with an empty bucket `kept`, which the destination is led to by its environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="kept")
    yield client
    # The store is one for all servers of a process.
    for name in names(client):
        client.delete_object(Bucket="kept", Key=name)
    client.delete_bucket(Bucket="kept")
    server.stop()


def names(s3: Any) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket="kept").get("Contents", ())]


def emails(s3: Any) -> list[str]:
    """Of the rows that are kept, in the order in which they came."""
    bodies = [s3.get_object(Bucket="kept", Key=name)["Body"].read() for name in sorted(names(s3))]
    return [json.loads(line)["row"]["email"] for line in b"".join(bodies).splitlines()]


def rejected(email: str) -> bytes:
    return record(email=email, do="reject")


def test_rejected_rows_are_kept_before_a_state_goes_back_and_at_the_end(configure: Configure, s3: Any) -> None:
    kept_at_echo: list[list[str]] = []

    def heard(line: bytes) -> None:
        if b'"STATE"' in line:
            kept_at_echo.append(emails(s3))

    process = configure(rejected_records=URL).start("write", module=FAKE, catalog=CATALOG, heard=heard)
    process.send(rejected("ann"), rejected("bob"), state())
    process.until(lambda one: one.echoed)
    process.send(rejected("eve"))
    assert process.end().exit_code == 0, process.text
    assert kept_at_echo == [["ann", "bob"]]
    assert emails(s3) == ["ann", "bob", "eve"]
    assert len(names(s3)) == 2
    assert process.stats == [(2.0, 2.0)]
    assert process.summary["rejected_records"] == URL
    assert "Rejected in all streams: 3 email_invalid." in process.logs
    assert f"The rejected rows are in {URL}." in process.logs


def test_rejected_rows_are_kept_also_where_something_else_ends_the_sync(configure: Configure, s3: Any) -> None:
    done = configure(rejected_records=URL).write(CATALOG, [rejected("ann"), record(do="fail"), state()], FAKE)
    assert (done.exit_code, done.echoed) == (1, [])
    assert done.errors_traced[0]["message"] == "ActiveCampaign did not accept the API key."
    assert emails(s3) == ["ann"]


def test_what_a_killed_sync_acknowledged_is_kept_and_the_rest_comes_again(configure: Configure, s3: Any) -> None:
    destination = configure(rejected_records=URL)
    killed = destination.start("write", module=FAKE, catalog=CATALOG)
    killed.send(rejected("ann"), state(), rejected("bob"), record(do="hold"), state())
    killed.until(lambda one: any("row 1 is rejected" in text for text in one.logs) and one.echoed)
    killed.kill()
    assert len(killed.echoed) == 1
    assert emails(s3) == ["ann"]
    done = destination.write(CATALOG, [rejected("bob"), record(), state()], FAKE)
    assert (done.exit_code, len(done.echoed)) == (0, 1)
    assert emails(s3) == ["ann", "bob"]


def test_a_bucket_that_goes_away_ends_the_sync_and_acknowledges_nothing(configure: Configure, s3: Any) -> None:
    process = configure(rejected_records=URL).start("write", module=FAKE, catalog=CATALOG)
    process.send(rejected("ann"))
    process.until(lambda one: any("row 1 is rejected" in text for text in one.logs))
    s3.delete_bucket(Bucket="kept")
    process.send(state())
    done = process.end()
    s3.create_bucket(Bucket="kept")
    assert (done.exit_code, done.echoed) == (1, [])
    [error] = done.errors_traced
    assert error["failure_type"] == "config_error"
    assert error["message"].startswith(f"The rejected records cannot be written to {URL}: there is no such bucket.")
    assert not any("The rejected rows are in" in text for text in done.logs)


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_said_by_check_and_before_anything_is_written(configure: Configure) -> None:
    destination = configure(rejected_records="s3://of-nobody/rejected")
    sentence = "The rejected records cannot be written to s3://of-nobody/rejected: there is no such bucket."
    assert destination.check().connection["message"].startswith(sentence)
    done = destination.write(CATALOG, [record(), state()], FAKE)
    assert (done.exit_code, done.echoed) == (1, [])
    assert done.errors_traced[0]["message"].startswith(sentence)


def test_check_is_content_with_a_bucket_and_leaves_nothing_in_it(configure: Configure, s3: Any) -> None:
    assert configure(rejected_records=URL).check().connection["status"] == "SUCCEEDED"
    assert names(s3) == []
