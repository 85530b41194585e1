"""Hours of the week as a user writes them: ``Mon-Fri 19:00-07:00``, ``Sat-Sun``, ``daily 20:00-06:00``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from designloop.campaign.execution import Window
from designloop.reading.problems import Refused
from designloop.reading.values import shown

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONG = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAY = 24 * 60
"""Minutes."""
EXAMPLE = 'Write for example "Mon-Fri 19:00-07:00", Sat-Sun or "daily 20:00-06:00".'
_TIMES = re.compile(r"(?:^|\s)(\d\S*)$")
_TIME = re.compile(r"(\d{1,2}):(\d{2})")


@dataclass(frozen=True)
class WrittenWindow:
    """One entry of ``hours`` as written, and one window for each of its days."""

    written: str
    windows: tuple[Window, ...]

    def __str__(self) -> str:
        """As written."""
        return self.written


def window(value: Any) -> WrittenWindow:
    """Read one entry; raises Refused."""
    if isinstance(value, WrittenWindow):
        return value
    if not isinstance(value, str):
        raise Refused(f"{shown(value)} is no window of hours.", EXAMPLE)
    text = re.sub(r"\s*[-\u2013]\s*", "-", value.strip())
    found = _TIMES.search(text)
    days = _days((text[: found.start()] if found else text).strip(), value, found[1] if found else "")
    begin, end = _times(found[1], value) if found else (0, DAY)
    return WrittenWindow(value, tuple(Window(begin=d * DAY + begin, end=d * DAY + end) for d in days))


def _days(text: str, value: str, times: str) -> list[int]:
    """Numbers of the days, Monday 0."""
    if not text:
        instead = f'Write "daily {times}", or days as in "Mon-Fri {times}".' if "-" in times else EXAMPLE
        raise Refused(f"{shown(value)} names no day.", instead)
    if text.lower() == "daily":
        return list(range(7))
    found: list[int] = []
    for part in re.split(r"\s*,\s*", text):
        ends = [_day(word, value) for word in part.split("-")]
        if len(ends) > 2:
            raise Refused(f"{shown(value)} is no window of hours.", EXAMPLE)
        span = (ends[-1] - ends[0]) % 7
        found += [(ends[0] + i) % 7 for i in range(span + 1)]
    return sorted(set(found))


def _day(word: str, value: str) -> int:
    for names in (DAYS, LONG):
        lowered = [name.lower() for name in names]
        if word.lower() in lowered:
            return lowered.index(word.lower())
    raise Refused(f"{shown(word)} in {shown(value)} is no day.", f"Write {', '.join(DAYS)}, or daily.")


def _times(text: str, value: str) -> tuple[int, int]:
    """Minutes since midnight; an end at or before the begin is on the next day."""
    ends = text.split("-")
    if len(ends) != 2:
        raise Refused(
            f"{text} in {shown(value)} is no span of time.", "Write both ends, such as 19:00-07:00."
        )
    begin, end = (_minutes(word, value) for word in ends)
    if begin in (end, DAY):
        raise Refused(f"{text} in {shown(value)} is empty.", "Leave the time out for the whole day.")
    return begin, end if end > begin else end + DAY


def _minutes(word: str, value: str) -> int:
    found = _TIME.fullmatch(word)
    hour, minute = (int(found[1]), int(found[2])) if found else (99, 99)
    if minute > 59 or hour * 60 + minute > DAY:
        hint = f"Write {int(word)}:00." if word.isdigit() and int(word) <= 24 else "Write such as 19:00."
        raise Refused(f"{shown(word)} in {shown(value)} is no time of the day.", hint)
    return hour * 60 + minute
