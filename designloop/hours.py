"""Hours of the week in which attempts may begin, by the clock on the wall, which is changed twice a year."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime

from designloop.campaign.execution import Window

WEEK = 7 * 24 * 60
"""Minutes."""
_QUARTER = 900.0
"""Seconds. Clocks are changed at whole quarters of an hour, so that time runs evenly between two of them."""
_LONGEST = 15 * 86_400
"""Seconds looked ahead: two weeks, as a window may fall into the hour that the clock leaves out."""


def wait(windows: Sequence[Window]) -> float:
    """Seconds until the next attempt may begin, from now on this machine's clock; 0: at once."""
    return next_opening(windows, datetime.now())


def next_opening(windows: Sequence[Window], now: datetime) -> float:
    """Seconds from ``now`` until a window is open; 0 where one is, or where there are none.

    ``now`` is in the time zone of the windows, or without one in that of this machine.
    """
    return _first(windows, now, wanted=True) if windows else 0.0


def closes_in(windows: Sequence[Window], now: datetime) -> float:
    """Seconds from ``now`` until no window is open; 0 where none is, infinite where they never close."""
    return _first(windows, now, wanted=False) if windows else math.inf


def _first(windows: Sequence[Window], now: datetime, *, wanted: bool) -> float:
    """Seconds from ``now`` to the first instant that is open, or is not; infinite where there is none."""
    begin = now.timestamp()
    edges = {edge % WEEK for w in windows for edge in (w.begin, w.end)}
    for start, end in _quarters(begin):
        minute = _minute(datetime.fromtimestamp(start, tz=now.tzinfo))
        ahead = sorted({0.0, *((edge - minute) % WEEK for edge in edges)})
        for step in ahead:
            if 60 * step >= end - start:
                break
            if _is_open(windows, (minute + step) % WEEK) == wanted:
                return start - begin + 60 * step
    return math.inf


def _quarters(begin: float) -> Iterator[tuple[float, float]]:
    """Stretches of time from ``begin`` on, in seconds, within which no clock is changed."""
    start = begin
    while start < begin + _LONGEST:
        end = (start // _QUARTER + 1) * _QUARTER
        yield start, end
        start = end


def _minute(moment: datetime) -> float:
    """Minutes since Monday 00:00."""
    seconds = moment.second + moment.microsecond / 1e6
    return (moment.weekday() * 24 + moment.hour) * 60 + moment.minute + seconds / 60


def _is_open(windows: Sequence[Window], minute: float) -> bool:
    close = minute + 1e-7  # a sum of minutes may fall short of the edge that it stands for
    return any(w.begin <= m < w.end for w in windows for m in (close, close + WEEK))
