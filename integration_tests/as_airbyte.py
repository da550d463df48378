"""A connector as Airbyte's own tools want it: in a folder of its name, with what they read of it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
Kind = Literal["source", "destination"]
# Where each is declared, and what the tools read there.
DECLARED: dict[Kind, tuple[Path, tuple[str, ...]]] = {
    "source": (ROOT, ("manifest.yaml", "icon.svg")),
    "destination": (ROOT / "destination_activecampaign", ("spec.json", "icon.svg")),
}


def connector_folder(kind: Kind) -> Path:
    """Make the folder in .tmp, where the tools may leave what they write."""
    folder = ROOT / ".tmp" / f"{kind}-activecampaign"
    folder.mkdir(parents=True, exist_ok=True)
    declared, names = DECLARED[kind]
    for name in (*names, "metadata.yaml", "acceptance-test-config.yml"):
        text = (declared / name).read_text()
        if name == "acceptance-test-config.yml":
            # Its paths lead to .tmp, which is where this folder is.
            text = re.sub(r"(\.\./)?\.tmp/", "../", text)
        if not (folder / name).exists() or (folder / name).read_text() != text:
            (folder / name).write_text(text)
    return folder


def passed_by_airbytes_command_line(kind: Kind, *pytest_arguments: str) -> int:
    """How many tests pass that `airbyte-cdk connector test` runs; it finds the connector by the folder's name."""
    command = [Path(sys.executable).parent / "airbyte-cdk", "connector", "test", connector_folder(kind)]
    done = subprocess.run(
        [*command, *(f"--pytest-arg={one}" for one in pytest_arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    return int(passed[1]) if passed else 0
