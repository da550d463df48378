"""The emulator as a process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import fields

import pytest
import requests

from emulator import Settings
from emulator.__main__ import main
from emulator.settings import FAULT_KINDS

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


def test_given_a_stranger_when_help_is_asked_for_then_every_option_is_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    unwrapped = "".join(text.split())
    for setting in fields(Settings):
        assert f"--{setting.name.replace('_', '-')} " in text or f"  {setting.name} " in text
        assert "".join(setting.metadata["about"].split()) in unwrapped
    assert all(kind in text for kind in FAULT_KINDS)
    for needed in ("Api-Token", "/_emulator/requests", "contacts=20000", "api_key"):
        assert needed in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rows", "contcts=5"], "no such resources: contcts"),
        (["--rows", "contacts"], "'contacts' is not like contacts=20000,deals=5000"),
        (["--latency-ms", "slow"], "'slow' is not a number"),
        (["--settings", "latency"], "not JSON"),
        (["--settings", "[]"], "not a JSON object"),
        (["--settings", '{"latencyms": 5}'], "unknown settings: latencyms"),
        (["--settings", '{"faults": [{"kind": "5O3"}]}'], "unknown fault '5O3'"),
        (["--now", "soon"], "not a timestamp: 'soon'"),
        (["--existing-tag", "kept"], "existing_tag is one of returned, refused, 400, 500, not 'kept'"),
    ],
)
def test_given_a_mistake_when_started_then_one_sentence_names_it(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]
