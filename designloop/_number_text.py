"""Numbers as people type them: one strict reading, and a correction for everything that could be misread."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal

from designloop._unit_text import UnitError

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DIGIT_GAP = re.compile(r"[0-9][ \t\u00a0\u2000-\u200a\u202f\u205f\u3000'’_]+[0-9]")
_REFUSALS: tuple[tuple[re.Pattern[str], str, Callable[[str], str]], ...] = (
    (re.compile(r"[+-]?\.?(nan|inf|infinity)\b", re.I), "is not a finite number",
     lambda _: "a finite number"),
    (re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(?![0-9,])"), "has a comma that can be read in two ways",
     lambda t: f"'{t.replace(',', '')}' or '{t.replace(',', '.', 1).replace(',', '')}'"),
    (re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{3})*,[0-9]"), "has a decimal comma",
     lambda t: f"'{t.replace('.', '').replace(',', '.')}'"),
    (re.compile(r"[+-]?[0-9.]*,"), "has a comma in its number", lambda _: "one number with one point"),
    (re.compile(r"[+-]?[0-9]+:[0-9]"), "is a time of day, not a number",
     lambda _: "one number such as '90 min'"),
    (re.compile(r"[+-]?0[xXoObB][0-9a-fA-F]"), "is not a decimal number", lambda _: "it in decimal digits"),
    (re.compile(r"[+-]?0+[0-9]"), "begins with a zero",
     lambda t: re.sub(r"^([+-]?)0+(?=[0-9])", r"'\1", t) + "'"),
    (re.compile(r"[+-]?[0-9]*\.[0-9]*\.[0-9]"), "has two decimal points",
     lambda _: "one number with one point"),
    (re.compile(r"−"), "has a typographic minus sign", lambda t: f"'{t.replace('−', '-')}'"),
)  # fmt: skip


def refuse_ambiguous(text: str, content: str) -> None:
    """Raise UnitError where ``text`` (``content``: its signs spelled out) begins with a doubtful number."""
    gap = _DIGIT_GAP.search(text)
    if gap and not re.match(r"\S+\s+1\s*/", content):
        joined = re.sub(r"(?<=[0-9])[\s'’_\u202f\u00a0]+(?=[0-9])", "", content)
        raise UnitError(f"{text!r} has a gap or mark inside its number; write '{joined}'.")
    for pattern, what, instead in _REFUSALS:
        if pattern.match(content):
            raise UnitError(f"{text!r} {what}; write {instead(content)}.")


def exact_number(digits: str) -> float:
    """The number of a digit string; raises UnitError where a float would change it."""
    value = float(digits)
    if not math.isfinite(value) or (value == 0.0 and Decimal(digits) != 0):
        raise UnitError(f"{digits!r} is beyond what a number can hold; choose another unit.")
    if Decimal(repr(value)) != Decimal(digits):
        raise UnitError(f"{digits!r} has more digits than can be kept; write '{value!r}'.")
    return value
