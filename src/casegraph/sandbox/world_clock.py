"""When things happen at a support desk: in its hours, thinner at weekends, never after `now`.

Invariant: creation moments are spread by quantiles, so the oldest half of the cases is always more
than forty days old, whatever the seed; the special rows rely on it to have had time to happen.
"""

import itertools
import math
import random
from bisect import bisect
from datetime import UTC, date, datetime, timedelta

REFERENCE_MOMENT = datetime(2026, 6, 30, 16, tzinfo=UTC)
"""The moment at which a world ends unless told otherwise; fixed, so that runs are alike."""

SPAN = timedelta(days=120)
"""How far back a world reaches; its program went live at the beginning of the span."""

_WEEK = (1.25, 1.1, 1.0, 1.0, 1.05, 0.45, 0.2)
"""Weight of Monday to Sunday: Mondays bring what went wrong at the weekend."""

_DAY = (0.1, 0.4, 1.0, 1.3, 1.3, 1.1, 1.0, 1.1, 1.1, 1.0, 0.8, 0.5, 0.4, 0.35, 0.25, 0.1)
_FIRST_HOUR = 6
_OPEN, _SHUT = 7, 18
"""Hours (UTC) in which agents write notes."""

_QUIET = timedelta(minutes=30)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")
_SUNDAY = 6


def creation_moments(rng: random.Random, count: int, now: datetime) -> list[datetime]:
    """Return `count` moments before `now` in rising order, all within the span."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=back) for back in range(SPAN.days - 2, -1, -1)]
    shares = list(itertools.accumulate(_WEEK[day.weekday()] for day in days))
    hours = rng.choices(range(_FIRST_HOUR, _FIRST_HOUR + len(_DAY)), _DAY, k=count)
    moments = []
    for place, hour in enumerate(hours):
        quantile = (place + rng.random()) / count * shares[-1]
        day = days[min(bisect(shares, quantile), len(days) - 1)]
        moment = day + timedelta(hours=hour, seconds=rng.randrange(3600))
        if moment > now - _QUIET:
            moment -= timedelta(days=7)
        moments.append(moment)
    moments.sort()
    return moments


def hours_after(rng: random.Random, median: float, longest: float) -> timedelta:
    """Return a delay of so many hours, skewed as delays are, never above `longest`."""
    hours = rng.lognormvariate(math.log(median), 0.9)
    return timedelta(seconds=int(min(hours, longest) * 3600))


def at_work(rng: random.Random, moment: datetime) -> datetime:
    """Return the moment itself if the desk is open then, else one early on its next open day."""
    if moment.hour >= _SHUT:
        moment = _opening(rng, moment + timedelta(days=1))
    elif moment.hour < _OPEN:
        moment = _opening(rng, moment)
    if moment.weekday() == _SUNDAY:
        moment = _opening(rng, moment + timedelta(days=1))
    return moment


def _opening(rng: random.Random, moment: datetime) -> datetime:
    return moment.replace(hour=_OPEN, minute=0, second=0) + timedelta(seconds=rng.randrange(7200))


def visit_day(rng: random.Random, after: datetime) -> date:
    """Return a day one to four days later on which somebody can come; never a Sunday."""
    day = after.date() + timedelta(days=rng.randint(1, 4))
    return day + timedelta(days=1) if day.weekday() == _SUNDAY else day


def spoken(day: date) -> str:
    """Return a day as agents write it: "Thursday 14 May"."""
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"
