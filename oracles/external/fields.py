"""Values as an oracle.yml writes them: text, durations, sizes, units, patterns."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictInt, StrictStr

from designloop.reading.problems import Refused
from designloop.reading.values import measure, shown
from designloop.reading.writing import flow
from designloop.units import UnitError, check_unit, convert


def _text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(f"{shown(value)} is not text.", "Write text or a number.")
    return value if isinstance(value, str) else repr(value)


def several(value: Any) -> Any:
    """One entry as a list of one."""
    return value if isinstance(value, list | tuple) else [value]


_HOLE = re.compile(r"{{.*?}}|{%.*?%}")
"""What a template fills in, blanks and all."""


def _command(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    holes: list[str] = _HOLE.findall(value)
    try:
        words = shlex.split(_HOLE.sub("\0", value))
    except ValueError:
        words, holes = ["PROGRAM", "ARGUMENT"], []
    filled = iter(holes)
    listed = [re.sub("\0", lambda _: next(filled), word) for word in words]
    raise Refused(f"{shown(value)} is one text; no shell takes it apart.", f"Write {flow(listed)}.")


def _seconds(value: Any) -> float:
    written = measure(value)
    if written.unit is None:
        raise Refused(f"{shown(value)} has no unit.", f"Write for example {shown(value)} min.")
    try:
        seconds = float(convert(written.value, written.unit, "s"))
    except UnitError:
        raise Refused(f"{written} is not a time.", "Write for example 90 min.") from None
    if seconds <= 0:
        raise Refused(f"{written} is no duration.", "Write for example 90 min.")
    return seconds


_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def _bytes(value: Any) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d*)?) ?([kMG]?B)", value.strip()) if isinstance(value, str) else None
    if found is None or float(found[1]) * _SIZES[found[2]] < 1:
        raise Refused(f"{shown(value)} is not the size of a file.", "Write for example 100 MB.")
    return int(float(found[1]) * _SIZES[found[2]])


def _unit(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused(f"{shown(value)} is not a unit.", 'Write for example um, or "1" in quotes for none.')
    try:
        return "" if value.strip() in ("", "1") else check_unit(value)
    except UnitError as error:
        raise Refused(str(error)) from None


def _pattern(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Refused(f"{shown(value)} is not a pattern.", "Write a regular expression in quotes.")
    try:
        re.compile(value)
    except re.error as error:
        raise Refused(
            f"'{value}' is no regular expression: {error}.", r"Put a \ before signs meant as they are."
        ) from None
    return value


Text = Annotated[StrictStr, BeforeValidator(_text)]
Command = Annotated[tuple[Text, ...], BeforeValidator(_command)]
Texts = Annotated[tuple[StrictStr, ...], BeforeValidator(several)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Bytes = Annotated[int, BeforeValidator(_bytes)]
UnitText = Annotated[str, BeforeValidator(_unit)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(several)]
File = Annotated[StrictStr, Field(min_length=1, max_length=500)]
Tokens = Annotated[StrictInt, Field(ge=1, le=10**6)]
Row = Annotated[StrictInt, Field(ge=-(10**9), le=10**9)]
