"""The measure of stalls, on this very process: what is granted to a test was really lost."""

import os
import subprocess
import threading

from support.stalls import timed

STOPPED_SECONDS = 0.5
SCRIPT = 'kill -STOP "$0"; sleep "$1"; kill -CONT "$0"'


def test_time_in_which_the_process_stood_still_is_not_counted() -> None:
    """Stopped from outside for half a second, the block took no longer than without it."""
    with timed() as took:
        words = ["/bin/sh", "-c", SCRIPT, str(os.getpid()), str(STOPPED_SECONDS)]
        subprocess.run(words, check=True)  # noqa: S603 - our own words only

    assert took.wall >= STOPPED_SECONDS - 0.01
    assert took.seconds <= took.wall - STOPPED_SECONDS * 0.8


def test_waiting_is_counted() -> None:
    """Who waits for somebody else is not held up, so a late answer stays late."""
    with timed() as took:
        threading.Event().wait(STOPPED_SECONDS)

    assert took.wall >= STOPPED_SECONDS - 0.01
    assert took.seconds >= STOPPED_SECONDS / 2
