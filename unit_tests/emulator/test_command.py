"""The emulator as a process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import requests

from .client import ROOT


def test_it_runs_as_a_process() -> None:
    command = [
        sys.executable,
        "-m",
        "emulator",
        "--rows",
        "contacts=33,deals=3",
        "--retry-after",
        "4",
        "--latency-jitter",
        "0.5",
    ]
    command += ["--settings", '{"faults": [{"kind": "503", "path": "/tags", "times": 1}]}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:  # noqa: S603 - our own command
        try:
            assert process.stdout is not None
            hello = json.loads(process.stdout.readline())
            session = requests.Session()
            session.headers["Api-Token"] = hello["api_key"]
            assert session.get(f"{hello['url']}/api/3/contacts", timeout=5).json()["meta"]["total"] == "33"
            assert [session.get(f"{hello['url']}/api/3/tags", timeout=5).status_code for _ in range(2)] == [503, 200]
            settings = session.get(f"{hello['url']}/_emulator/settings", timeout=5).json()
            assert (settings["retry_after"], settings["latency_jitter"]) == (4, 0.5)
            assert settings["rate_limit_window"] == "sliding"
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) in {0, -signal.SIGTERM}
