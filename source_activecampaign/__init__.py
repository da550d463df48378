"""Airbyte source connector for ActiveCampaign."""

from source_activecampaign.source import SourceActiveCampaign

__all__ = ["SourceActiveCampaign"]
