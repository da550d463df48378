"""What the tests of the emulator share: a client for its HTTP, and small helpers."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import requests

from emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
CHICAGO = ZoneInfo("America/Chicago")


class Client:
    """Asks one emulator."""

    def __init__(self, emulator: Emulator, key: str = "full") -> None:
        self.emulator = emulator
        self.session = requests.Session()
        self.session.headers["Api-Token"] = emulator.keys[key]

    def get(self, path: str, **query: Any) -> requests.Response:
        url = f"{self.emulator.url}/api/3/{path}"
        return self.session.get(url, params=query or None, allow_redirects=False, timeout=10)

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        """A write with a JSON body."""
        return self.session.request(method, f"{self.emulator.url}/api/3/{path}", json=body, timeout=10)

    def json(self, path: str, **query: Any) -> Any:
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    def all(self, path: str, key: str | None = None, **query: Any) -> list[dict[str, Any]]:
        """All rows by offset pages."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.json(path, limit=100, offset=len(found), **query)[key or path]
            found += page
            if len(page) < 100:
                return found

    def control(self, method: str, path: str, body: Any = None) -> Any:
        response = self.session.request(method, f"{self.emulator.url}/_emulator/{path}", json=body, timeout=10)
        assert response.status_code < 300, response.text
        return response.json()


def until(condition: Callable[[], Any], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [str(row["id"]) for row in rows]


def instant(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(timezone.utc)
