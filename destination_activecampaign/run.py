"""The console script: ready to be ended before it does anything that takes time."""

import sys

from activecampaign_client.signals import take_over_stdout


def run() -> None:
    """Run the command that the process's arguments ask for, until it is done or the process is told to end."""
    take_over_stdout()
    # Importing the CDK takes a second, in which the process can be told to end, too.
    from destination_activecampaign.commands import run_command  # noqa: PLC0415

    run_command(sys.argv[1:])
