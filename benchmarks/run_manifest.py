"""Runs a declarative manifest as a connector, on the account of our configuration instead of the manifest's own host.

usage: python -m benchmarks.run_manifest --manifest FILE discover --config FILE
       python -m benchmarks.run_manifest --manifest FILE read --config FILE --catalog FILE
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from airbyte_cdk.cli.source_declarative_manifest import run


def moved(node: Any, url_base: str) -> Any:
    """The manifest with every `url_base` replaced."""
    if isinstance(node, dict):
        return {key: url_base if key == "url_base" else moved(value, url_base) for key, value in node.items()}
    return [moved(one, url_base) for one in node] if isinstance(node, list) else node


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    given, others = parser.parse_known_args()
    config = json.loads(given.config.read_text())
    with tempfile.TemporaryDirectory() as folder:
        manifest, complete = Path(folder, "manifest.yaml"), Path(folder, "config.json")
        manifest.write_text(
            yaml.safe_dump(moved(yaml.safe_load(given.manifest.read_text()), f"{config['api_url']}/api/3"))
        )
        complete.write_text(json.dumps({**config, "account_username": "benchmark"}))
        sys.argv[1:] = [*others, "--config", str(complete), "--manifest-path", str(manifest)]
        run()


if __name__ == "__main__":
    main()
