"""Airbyte's own tests of a destination, in this process, against the emulator."""

from pathlib import Path

from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests import DestinationTestSuiteBase

from destination_activecampaign import DestinationActiveCampaign

ROOT = Path(__file__).resolve().parents[2]


class TestAirbyteStandards(DestinationTestSuiteBase):
    @classmethod
    def get_connector_root_dir(cls) -> Path:
        # The suite takes a connector for a destination by the name of its folder.
        folder = ROOT / ".tmp" / "destination-activecampaign"
        folder.parent.mkdir(exist_ok=True)
        if not folder.is_symlink():
            folder.symlink_to(ROOT / "destination_activecampaign", target_is_directory=True)
        return folder

    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> DestinationActiveCampaign:
        return DestinationActiveCampaign()
