"""Airbyte's own FAST tests against the emulator, in this process and as their command line runs them."""

from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from integration_tests.as_airbyte import passed_by_airbytes_command_line
from source_activecampaign import SourceActiveCampaign


class TestAirbyteStandards(SourceTestSuiteBase):
    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> SourceActiveCampaign:
        # By itself the suite looks for the class by the name of the folder, which a checkout may call as it likes.
        return SourceActiveCampaign()


def test_airbytes_command_line_finds_the_source_and_accepts_it() -> None:
    # All but the reading of every stream, which takes long and is no other than above.
    assert passed_by_airbytes_command_line("source", "-m", "not image_tests", "-k", "not basic_read") >= 5
