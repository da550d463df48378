"""Airbyte destination connector for ActiveCampaign."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from destination_activecampaign.destination import DestinationActiveCampaign

__all__ = ["DestinationActiveCampaign"]


def __getattr__(name: str) -> Any:
    """Importing the CDK takes a second: only where it is asked for, so that the console script is there at once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from destination_activecampaign.destination import DestinationActiveCampaign  # noqa: PLC0415

    return DestinationActiveCampaign


def __dir__() -> list[str]:
    """With the class: Airbyte's tools look for its name, in whatever letter case, among these."""
    return [*globals(), *__all__]
