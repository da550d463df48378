"""Airbyte destination connector for ActiveCampaign."""
