"""A stand-in for an ActiveCampaign account, written from what is published and recorded of the API.

with Emulator(Account.demo(seed=1)) as emulator:
    requests.get(f"{emulator.url}/api/3/contacts", headers={"Api-Token": emulator.api_key})
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .account import Account
    from .app import Request
    from .mutate import Plan
    from .server import Emulator
    from .settings import Fault, Settings

__all__ = ["Account", "Emulator", "Fault", "Plan", "Request", "Settings"]

_HOMES = {
    "Account": "account",
    "Emulator": "server",
    "Fault": "settings",
    "Plan": "mutate",
    "Request": "app",
    "Settings": "settings",
}


def __getattr__(name: str) -> Any:
    """Imports on demand: who only wants an Account does not pay for a web server."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - see above

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
