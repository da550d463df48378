"""Airbyte's own tests of a destination against the emulator, in this process and as their command line runs them."""

from pathlib import Path

from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests import DestinationTestSuiteBase, SourceTestSuiteBase

from destination_activecampaign import DestinationActiveCampaign
from integration_tests.as_airbyte import connector_folder, passed_by_airbytes_command_line


class TestAirbyteStandards(DestinationTestSuiteBase):
    @classmethod
    def get_connector_root_dir(cls) -> Path:
        # The suite takes a connector for a destination by the name of its folder.
        return connector_folder("destination")

    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> DestinationActiveCampaign:
        return DestinationActiveCampaign()

    # Only that of sources has it in a process: Airbyte tests the spec of a destination in its image.
    test_spec = SourceTestSuiteBase.test_spec


def test_airbytes_command_line_finds_the_destination_and_accepts_it() -> None:
    # the form of a configuration, and a check of two; nothing of this suite writes
    assert passed_by_airbytes_command_line("destination", "-m", "not image_tests") == 3
