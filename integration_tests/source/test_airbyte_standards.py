"""Airbyte's own FAST tests, in this process, against the emulator."""

from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from source_activecampaign import SourceActiveCampaign


class TestAirbyteStandards(SourceTestSuiteBase):
    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> SourceActiveCampaign:
        # By itself the suite looks for the class by the name of the folder, which a checkout may call as it likes.
        return SourceActiveCampaign()
