"""What a sync says about itself while it runs."""

import logging
import threading

import pytest

from activecampaign_client.pace import Pace
from activecampaign_client.progress import LOGGER, Progress


@pytest.mark.parametrize(
    ("waiting", "said"),
    [((0, 0.0), "second."), ((3, 0.0), "second; 3 wait for the budget."), ((3, 12.4), "all wait 12 s more for")],
)
def test_while_reading_a_line_says_what_the_requests_wait_for(waiting: tuple[int, float], said: str) -> None:
    written, lines = threading.Event(), []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())
            written.set()

    handler = Handler()
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        progress = Progress(lambda: waiting)
        progress.add("tags", rows=1200, expected=20_000)
        with progress.reported(seconds=0.01):
            assert written.wait(10)
    finally:
        LOGGER.removeHandler(handler)
    assert lines[0].startswith("Reading: tags 1,200 of about 20,000. 0.0 requests per ")
    assert said in lines[0]


def test_the_pace_tells_what_waits() -> None:
    pace = Pace(5, lambda: 0.0)
    assert pace.waiting() == (0, 0.0)
    pace.throttled(7)
    assert pace.waiting() == (0, 7.0)
