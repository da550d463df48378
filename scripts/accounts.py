"""The account that a command of the Makefile works with: a configuration file's, or the emulator's demo account."""

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from terminal import ROOT, Problem, shown

PYTHON = ROOT / ".venv" / "bin" / "python"
DEMO = "demo"
# Some streams take a request per contact: at ActiveCampaign's 5 per second, nobody would wait for a demo.
DEMO_REQUESTS_PER_SECOND = 50


@dataclass(frozen=True)
class Account:
    """An account: the connector's configuration, and a name for whose data it is.

    `tracking` is what the destination's configuration has besides, where it is known apart: the keys of events.
    """

    config: Mapping[str, Any]
    owner: str
    tracking: Mapping[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def demo_emulator(log: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """The bundled emulator with its demo account; it is stopped when the block is left."""
    process = subprocess.Popen(  # noqa: S603
        [
            PYTHON,
            *("-m", "emulator", "--account", "demo"),
            *("--requests-per-second", str(DEMO_REQUESTS_PER_SECOND)),
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def account_of_demo(emulator: subprocess.Popen[str]) -> Account:
    """The demo account, once the emulator is ready. Raises Problem when it could not be started."""
    line = emulator.stdout.readline() if emulator.stdout else ""
    try:
        ready = json.loads(line)
        config = {"api_url": ready["url"], "api_key": ready["api_key"]}
        tracking = {"tracking": ready["tracking"], "tracking_url": ready["url"]}
        return Account({**config, "requests_per_second": DEMO_REQUESTS_PER_SECOND}, DEMO, tracking)
    except (ValueError, KeyError):
        raise Problem("The emulator with the demo account did not start.") from None


def account_of_file(path: Path) -> Account:
    """The account of a configuration file. Raises Problem when it is not one."""
    try:
        config = json.loads(path.read_text())
    except OSError as error:
        raise Problem(f"{shown(path)} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise Problem(f"{shown(path)} is not JSON.") from None
    if not isinstance(config, dict):
        raise Problem(f'{shown(path)} must be a JSON object: {{"api_url": ..., "api_key": ...}}.')
    url = str(config.get("api_url") or config.get("account_username") or "").strip().lower()
    host = urlsplit(url if "://" in url else f"//{url}").netloc
    # Without any, the connector says so.
    is_name = host and not re.search(r"[.:]|^localhost$", host)
    return Account(config, f"{host}.api-us1.com" if is_name else host or "the account")
