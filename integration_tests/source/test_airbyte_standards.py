"""Airbyte's own FAST tests, in this process, against the emulator."""

from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from source_activecampaign import SourceActiveCampaign


class TestAirbyteStandards(SourceTestSuiteBase):
    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> SourceActiveCampaign:
        # A declarative source works with the configuration that it is made with, not with that of the command.
        root = cls.get_connector_root_dir()
        config = scenario.get_config_dict(connector_root=root, empty_if_missing=True) if scenario else None
        return SourceActiveCampaign(config=config)
