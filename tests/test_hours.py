"""When attempts may begin: by the clock on the wall, over midnight, week ends and changes of the clock."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop import hours
from designloop.campaign.execution import Window
from designloop.campaign.windows import window
from designloop.hours import WEEK, closes_in, next_opening

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = (*window("Mon-Fri 19:00-07:00").windows, *window("Sat-Sun").windows)
HOUR = 3600.0


def at(text: str, *, fold: int = 0) -> datetime:
    """A moment in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("moment", "wait"),
    [
        pytest.param("2026-11-23T12:00", 7.0, id="Monday noon"),
        pytest.param("2026-11-23T19:00", 0.0, id="at the opening"),
        pytest.param("2026-11-24T02:00", 0.0, id="after midnight"),
        pytest.param("2026-11-24T07:00", 12.0, id="at the closing"),
        pytest.param("2026-11-28T06:59", 0.0, id="Saturday in Friday's night"),
        pytest.param("2026-11-28T07:00", 0.0, id="Saturday by day"),
        pytest.param("2026-11-29T23:59", 0.0, id="Sunday"),
        pytest.param("2026-11-30T00:00", 19.0, id="Monday at midnight, as Sunday has no night"),
    ],
)
def test_nights_and_weekends(moment: str, wait: float) -> None:
    assert next_opening(NIGHTS, at(moment)) == pytest.approx(wait * HOUR)


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        pytest.param("2026-11-23T12:00", 0.0, id="closed"),
        pytest.param("2026-11-23T20:00", 11.0, id="over midnight"),
        pytest.param("2026-11-27T20:00", 52.0, id="Friday night and the weekend are one"),
    ],
)
def test_how_long_it_stays_open(moment: str, left: float) -> None:
    assert closes_in(NIGHTS, at(moment)) == pytest.approx(left * HOUR)


def test_a_night_that_begins_on_sunday_ends_on_monday() -> None:
    sunday = window("Sun 22:00-04:00").windows
    assert next_opening(sunday, at("2026-11-30T03:00")) == 0
    assert closes_in(sunday, at("2026-11-30T03:00")) == pytest.approx(HOUR)
    assert next_opening(sunday, at("2026-11-30T05:00")) == pytest.approx((6 * 24 + 17) * HOUR)


def test_without_hours_it_is_always_open() -> None:
    assert (next_opening((), at("2026-11-23T12:00")), hours.wait(())) == (0, 0)
    assert closes_in((), at("2026-11-23T12:00")) == math.inf
    assert closes_in(window("daily").windows, at("2026-11-23T12:00")) == math.inf


def test_the_night_in_which_the_clock_goes_forward_is_an_hour_shorter() -> None:
    assert next_opening(window("Sun 08:00-09:00").windows, at("2027-03-28T00:00")) == pytest.approx(7 * HOUR)
    assert closes_in(window("Sat 20:00-08:00").windows, at("2027-03-27T20:00")) == pytest.approx(11 * HOUR)


def test_the_night_in_which_the_clock_goes_back_is_an_hour_longer() -> None:
    assert next_opening(window("Sun 08:00-09:00").windows, at("2026-10-25T00:00")) == pytest.approx(9 * HOUR)
    assert closes_in(window("Sat 20:00-08:00").windows, at("2026-10-24T20:00")) == pytest.approx(13 * HOUR)


def test_an_hour_that_the_clock_leaves_out_opens_with_what_follows_it() -> None:
    assert next_opening(window("Sun 02:30-03:30").windows, at("2027-03-28T01:00")) == pytest.approx(HOUR)


def test_a_window_wholly_inside_the_hour_left_out_opens_a_week_later() -> None:
    wait = next_opening(window("Sun 02:15-02:45").windows, at("2027-03-28T01:00"))
    assert wait == pytest.approx(7 * 24 * HOUR + 0.25 * HOUR)


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    night = window("Sat 22:00-02:30").windows
    assert closes_in(night, at("2026-10-25T02:00")) == pytest.approx(0.5 * HOUR)
    assert next_opening(night, at("2026-10-25T02:45")) == pytest.approx(0.25 * HOUR)
    assert closes_in(night, at("2026-10-25T02:15", fold=1)) == pytest.approx(0.25 * HOUR)


WINDOWS = st.lists(
    st.builds(lambda b, n: Window(begin=b, end=b + n), st.integers(0, WEEK - 1), st.integers(1, 1440)),
    min_size=1,
    max_size=4,
).map(tuple)
MOMENTS = st.builds(lambda s: datetime.fromtimestamp(s, tz=BERLIN), st.integers(1_760_000_000, 1_830_000_000))


def plainly_open(windows: tuple[Window, ...], moment: datetime) -> bool:
    minute = (moment.weekday() * 24 + moment.hour) * 60 + moment.minute
    return any((minute - w.begin) % WEEK < w.end - w.begin for w in windows)


@given(WINDOWS, MOMENTS)
def test_it_is_open_after_the_wait_and_closed_until_then(
    windows: tuple[Window, ...], moment: datetime
) -> None:
    wait = next_opening(windows, moment)
    assert (wait == 0) == plainly_open(windows, moment)
    begin = moment.timestamp()
    assert plainly_open(windows, datetime.fromtimestamp(round(begin + wait), tz=BERLIN))
    for share in (0.1, 0.5, 0.9, 1.0):
        before = datetime.fromtimestamp(begin + share * max(0.0, wait - 1.0), tz=BERLIN)
        assert plainly_open(windows, before) == (wait == 0)


@given(WINDOWS, MOMENTS)
def test_it_closes_when_it_says(windows: tuple[Window, ...], moment: datetime) -> None:
    left = closes_in(windows, moment)
    if left == math.inf:
        return
    begin = moment.timestamp()
    assert (left > 0) == plainly_open(windows, moment)
    assert not plainly_open(windows, datetime.fromtimestamp(round(begin + left), tz=BERLIN))
    if left > 0:
        assert plainly_open(windows, datetime.fromtimestamp(begin + left - 1.0, tz=BERLIN))


def test_hours_are_those_of_this_machine() -> None:
    now = datetime.now()
    soon = now + timedelta(hours=2)
    minute = (soon.weekday() * 24 + soon.hour) * 60 + soon.minute
    assert 0 < hours.wait((Window(begin=minute, end=minute + 30),)) <= 3 * HOUR
