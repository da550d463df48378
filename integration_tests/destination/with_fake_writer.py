"""The destination's program with a writer that does what the rows say."""

import sys

from destination_activecampaign import run

if __name__ == "__main__":
    run.take_over_stdout()

    from destination_activecampaign import commands, destination
    from unit_tests.destination.fake_writer import fake_writer_of

    destination.writer_of = fake_writer_of
    commands.run_command(sys.argv[1:])
