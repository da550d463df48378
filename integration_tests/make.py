"""What the commands of the Makefile are run with."""

import os


def environment() -> dict[str, str]:
    """Ours, without what another `make` around the tests has left in it, and with Python's cache of bytecode."""
    foreign = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in foreign}
