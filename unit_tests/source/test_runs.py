"""Errors of the client, as Airbyte knows them."""

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client.account import Account
from activecampaign_client.errors import ApiError
from source_activecampaign.runs import Run, airbyte_errors


@pytest.mark.parametrize(
    ("kind", "failure_type"),
    [
        ("config", FailureType.config_error),
        ("transient", FailureType.transient_error),
        ("system", FailureType.system_error),
    ],
)
@pytest.mark.parametrize(
    ("detail", "internal_message"), [("403 from tags", "Not allowed. (403 from tags)"), ("", "Not allowed.")]
)
def test_given_an_error_of_the_client_when_raised_then_airbytes_with_the_same_sentence(
    kind, failure_type, detail, internal_message
):
    error = ApiError("Not allowed.", kind=kind, detail=detail)
    with pytest.raises(AirbyteTracedException) as caught, airbyte_errors():
        raise error
    assert caught.value.message == "Not allowed."
    assert caught.value.internal_message == internal_message
    assert caught.value.failure_type is failure_type
    assert caught.value.__cause__ is error


def test_given_nobody_who_tells_of_failed_contacts_when_one_fails_then_that_is_raised():
    """As where a tool works on the manifest alone: rows would be missing in silence."""
    failures = Run(Account("https://acme.api-us1.com", "key")).contact_failures("contact_goals")
    with pytest.raises(ApiError, match="HTTP 500"):
        failures.failed("7", None, ApiError("It answered with HTTP 500.", kind="transient"))
    assert failures.are_general
