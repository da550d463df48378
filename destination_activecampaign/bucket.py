"""Lines about rejected rows as objects in S3, or in a store that speaks its language.

Who writes there is found the usual way of AWS: environment, files, the role of the machine or the pod.
https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
"""

import uuid
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from activecampaign_client.errors import ApiError, Kind

SCHEME = "s3://"
# What is in memory at most, and one line more; then it is uploaded, whether or not anybody waits for it.
MOST_BYTES = 8 * 2**20

_NO_RIGHT = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403"})
_NOT_ACCEPTED = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"})


class Bucket:
    """Objects `rejected-<time in UTC>-<random>.jsonl` under an s3:// URL, one of whatever is new at each `keep`.

    Each has a name of its own, so that none is overwritten. Raises ApiError where the extra s3 is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            import boto3  # noqa: F401, PLC0415
        except ImportError:
            raise ApiError(
                "Rejected Records under s3:// need the extra s3, which is not installed. Install it: "
                "pip install 'airbyte-activecampaign[s3]'",
                kind="config",
            ) from None
        self.where = url
        self._bucket, _, folder = url.removeprefix(SCHEME).partition("/")
        self._folder = f"{folder.strip('/')}/" if folder.strip("/") else ""
        self._lines = bytearray()
        self._client: Any = None
        self._failed: ApiError | None = None

    def prove(self) -> None:
        """Begin an upload, for which the right to write is needed, and drop it: there is never an object.

        An answer that does not come is waited for half a minute at most.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            client = _client(connect=3, read=5, attempts=2)
            upload = client.create_multipart_upload(Bucket=self._bucket, Key=self._name())
            # Who may not drop it leaves something behind that holds nothing, and that no listing of objects shows.
            with suppress(BotoCoreError, ClientError):
                client.abort_multipart_upload(Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        except (BotoCoreError, ClientError, ValueError) as error:
            raise self._failure(error) from None

    def add(self, line: bytes) -> None:
        self._lines += line
        if len(self._lines) >= MOST_BYTES:
            self.keep()

    def keep(self) -> None:
        if not self._lines:
            return
        if self._failed:
            # Whoever ends the sync because of it does not wait for the same again.
            raise self._failed
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            self._client = self._client or _client(connect=10, read=60, attempts=10)
            self._client.put_object(
                Bucket=self._bucket, Key=self._name(), Body=bytes(self._lines), ContentType="application/x-ndjson"
            )
        except (BotoCoreError, ClientError, ValueError) as error:
            self._failed = self._failure(error)
            raise self._failed from None
        self._lines.clear()

    def _name(self) -> str:
        return f"{self._folder}rejected-{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex}.jsonl"

    def _failure(self, error: Exception) -> ApiError:
        why, kind = _reason(error)
        return ApiError(
            f"The rejected records cannot be written to {self.where}: {why} Nothing that is not kept is acknowledged.",
            kind=kind,
            detail=str(error),
        )


def _client(*, connect: float, read: float, attempts: int) -> Any:
    """A client with these time-outs in seconds; what may pass is tried so many times."""
    from boto3.session import Session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    retries = {"mode": "standard", "total_max_attempts": attempts}
    return Session().client("s3", config=Config(connect_timeout=connect, read_timeout=read, retries=retries))


def _reason(error: Exception) -> tuple[str, Kind]:
    """Why something cannot be written, in the words of who can act on it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    from botocore import exceptions  # noqa: PLC0415

    if isinstance(error, exceptions.ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code == "NoSuchBucket":
            return "there is no such bucket. Create it, or correct Rejected Records in the configuration.", "config"
        if code in _NO_RIGHT:
            return f"the AWS credentials have no right to ({code}). Grant them s3:PutObject there.", "config"
        if code in _NOT_ACCEPTED:
            return f"AWS does not accept the credentials ({code}). Correct or renew them.", "config"
        if status >= 500 or code in ("SlowDown", "RequestTimeout"):
            return f"S3 answers with {code} (HTTP {status}). Run the sync again once it does not.", "transient"
        return (
            f"S3 answers with {code} (HTTP {status}). Correct the bucket, or AWS_REGION in the environment.",
            "config",
        )
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        name = type(error).__name__
        return f"S3 cannot be reached ({name}). Check the network, and run the sync again.", "transient"
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return (
            "there are no AWS credentials, or only a part of them. Give the destination a role, or AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY in its environment."
        ), "config"
    return f"the AWS settings in the environment are wrong ({type(error).__name__}). Correct them.", "config"
