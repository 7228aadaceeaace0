from datetime import MAXYEAR, UTC, date, datetime, timedelta, timezone

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from casegraph.graph.scalars import parse_day, parse_moment, print_day, print_moment

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(timezones=ZONES).filter(lambda moment: 1 < moment.year < MAXYEAR)


@given(MOMENTS)
def test_a_printed_moment_is_read_back(moment: datetime) -> None:
    """Any moment in any zone is printed in UTC with Z and is the same moment when read."""
    text = print_moment(moment)

    assert text.endswith("Z")
    assert parse_moment(text) == moment
    assert parse_moment(text).tzinfo is UTC


@given(MOMENTS)
def test_a_moment_is_read_with_any_offset(moment: datetime) -> None:
    """The offset a client writes is understood, and the result is in UTC."""
    assert print_moment(parse_moment(moment.isoformat())) == print_moment(moment)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("2026-01-31T10:30:00+01:00", "2026-01-31T09:30:00Z"),
        ("2026-01-31t09:30:00z", "2026-01-31T09:30:00Z"),
        ("2026-01-31T09:30:00.5Z", "2026-01-31T09:30:00.500000Z"),
        ("2026-01-31T09:30:00.123456789Z", "2026-01-31T09:30:00.123456Z"),
        ("2026-01-31T09:30:00-00:00", "2026-01-31T09:30:00Z"),
    ],
)
def test_the_forms_of_rfc_3339_are_read(text: str, printed: str) -> None:
    """Small letters, fractions and offsets are RFC 3339 too; digits beyond ours are cut."""
    assert print_moment(parse_moment(text)) == printed


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T09:30:00",
        "2026-01-31 09:30:00Z",
        "2026-01-31",
        "2026-02-30T09:30:00Z",
        "2026-01-31T25:30:00Z",
        "2026-01-31T09:30:00+25:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢٦-01-31T09:30:00Z",
        "",
        1769851800,
        True,
        None,
    ],
)
def test_anything_else_is_no_moment(value: object) -> None:
    """A time without an offset, an impossible one and a number are refused with the form to use."""
    with pytest.raises(GraphQLError, match="RFC 3339"):
        parse_moment(value)


@given(st.dates())
def test_a_printed_day_is_read_back(day: date) -> None:
    """Days have one form, both ways."""
    assert parse_day(print_day(day)) == day


@given(MOMENTS)
def test_the_day_of_a_moment_is_its_own(moment: datetime) -> None:
    """A moment where a day is wanted prints its day, not the day elsewhere."""
    assert print_day(moment) == moment.date().isoformat()


@pytest.mark.parametrize("value", ["2026-02-30", "2026-1-1", "2026-01-31T00:00:00Z", "", 20260131])
def test_anything_else_is_no_day(value: object) -> None:
    """Only YYYY-MM-DD of a real day is a day."""
    with pytest.raises(GraphQLError, match="a day"):
        parse_day(value)
