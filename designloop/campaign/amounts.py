"""Durations and amounts of memory as a user writes them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from designloop import units
from designloop.reading.problems import Refused
from designloop.reading.values import Measure, shown

BYTES = {
    "B": 1,
    **{f"{letter}B": 1000 ** (i + 1) for i, letter in enumerate("kMGT")},
    **{f"{letter}iB": 1024 ** (i + 1) for i, letter in enumerate("KMGT")},
}
"""Units of memory: kB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB of 1024."""
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")


@dataclass(frozen=True)
class Size:
    """An amount of memory as written, and in bytes."""

    written: str
    bytes: int

    def __str__(self) -> str:
        """As written."""
        return self.written


def size(value: Any) -> Size:
    """Text such as ``4 GB``; raises Refused."""
    if isinstance(value, Size):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise Refused(f"{shown(value)} is no amount of memory: the unit is missing.", f"Write {value} GB.")
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Refused(f"{shown(value)} is no amount of memory.", "Write for example 4 GB.")
    number, unit = found[1], found[2]
    if unit not in BYTES:
        alike = [u for u in BYTES if u.lower() in (unit.lower(), f"{unit.lower()}b")]
        instead = f"Write {number} {alike[0]}." if alike else f"Write one of {', '.join(BYTES)}."
        raise Refused(f"{unit} is no unit of memory.", instead)
    total = round(float(number) * BYTES[unit])
    if total < 1:
        raise Refused(f"{shown(value)} is no memory at all.", "Write for example 4 GB.")
    return Size(value, total)


def seconds(written: Measure, key: str, *, example: str) -> float:
    """A positive duration in seconds; raises Refused, or UnitError for another kind of unit."""
    if written.unit is None:
        raise Refused(
            f"{key} is {written} without a unit.",
            f"Write {written} {example.split()[-1]}, or another unit of time.",
        )
    found = written.to("s")
    if not 0 < found < math.inf:
        raise Refused(f"{key} is {written}; it must be positive.", f"Write {key}: {example}.")
    return found


def duration(seconds: float) -> str:
    """Seconds in hours, minutes and seconds, to the digit: ``90 min`` is ``1 h 30 min``."""
    whole = int(seconds // 60)
    parts = [(whole // 60, "h"), (whole % 60, "min"), (seconds - 60 * whole, "s")]
    return " ".join(units.format_quantity(n, unit) for n, unit in parts if n) or "0 s"


def about(seconds: float) -> str:
    """A time that passes: to two digits below 10 s, to the second below an hour, else to the minute."""
    if seconds < 10:
        return units.format_quantity(float(f"{seconds:.2g}"), "s")
    return duration(60 * round(seconds / 60) if seconds >= 3600 else round(seconds))


SizeField = Annotated[
    Size,
    PlainValidator(size),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d.*B\s*$", "examples": ["4 GB", "512 MiB"]}),
]
