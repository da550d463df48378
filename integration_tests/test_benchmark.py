"""The benchmark runs, and measures what it says."""

import subprocess
import sys
from pathlib import Path

from integration_tests.source.connector import SCRIPT

ROOT = Path(__file__).resolve().parent.parent


def test_given_a_page_when_measured_then_the_table_of_the_scenario_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("# Performance\n\n<!-- sideloads -->\nold\n<!-- end of sideloads -->\n\nThe end.\n")
    subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.bench", "--scenario", "sideloads", "--only", "contacts, 300 ms"),
            *("--quick", "--command", str(SCRIPT), "--out", str(page)),
        ],
        cwd=ROOT,
        check=True,
        timeout=300,
        capture_output=True,
    )
    written = page.read_text()
    assert written.startswith("# Performance\n\n<!-- sideloads -->\n## sideloads\n")
    assert written.endswith("<!-- end of sideloads -->\n\nThe end.\n")
    assert "old" not in written
    header, _, row = (line.split(" | ") for line in written.splitlines() if line.startswith("|"))
    figures = dict(zip(header, row, strict=True))
    assert row[0] == "| contacts, 300 ms"
    assert (figures["records"], figures["missing"], figures["429"]) == ("500", "**0**", "**0**")
    asked, needed = map(int, figures["requests"].split(" of "))
    assert needed == 5
    assert needed <= asked <= needed + 2
