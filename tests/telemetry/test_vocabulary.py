"""Statuses and causes put into words."""

import asyncio
from typing import Any

import pytest

from casegraph import errors
from casegraph.telemetry.vocabulary import Outcome, outcome_of_error, outcome_of_status


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, "ok"), (201, "ok"), (204, "ok"), (304, "ok"),
        (100, "contract"), (301, "contract"),
        (400, "rejected"), (401, "credentials"), (403, "credentials"), (404, "not_found"),
        (408, "timed_out"), (409, "rejected"), (422, "rejected"), (429, "rate_limited"),
        (454, "credentials"), (500, "server_error"), (503, "server_error"), (599, "server_error"),
    ],
)  # fmt: skip
def test_statuses(status: int, expected: Any) -> None:
    """Each status has one outcome."""
    assert expected == outcome_of_status(status)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncio.CancelledError(), "cancelled"),
        (TimeoutError(), "timed_out"),
        (errors.DeadlineExceeded("u", "o", "w"), "timed_out"),
        (errors.UpstreamUnavailable("u", "o", "w"), "unreachable"),
        (errors.CredentialsRefused("u", "o", "w"), "credentials"),
        (errors.RateLimited("u", "o", "w"), "rate_limited"),
        (errors.ContractViolation("u", "o", "w"), "contract"),
        (errors.UpstreamNotFound("u", "o", "w"), "not_found"),
        (errors.UpstreamRejected("u", "o", "w"), "rejected"),
        (errors.UpstreamConflict("u", "o", "w"), "rejected"),
        (errors.OutcomeUnknown("u", "o", "w"), "unknown_effect"),
        (errors.InvalidArgument("w"), "not_sent"),
        (ValueError("w"), "bug"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_causes(error: BaseException, expected: Any) -> None:
    """Each cause has one outcome; what is none of ours is a bug."""
    assert expected == outcome_of_error(error)


def test_failures() -> None:
    """A missing object is an answer and a leaving caller no fault; the rest are failures."""
    fine = {outcome for outcome in Outcome if not outcome.is_failure()}
    assert {Outcome.OK, Outcome.NOT_FOUND, Outcome.CANCELLED} == fine
