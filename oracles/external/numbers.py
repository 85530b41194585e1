"""Numbers as programs write them: C, Fortran, and with a decimal comma only where that is declared."""

from __future__ import annotations

import math
import re
from typing import Any

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?", flags=re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?(?:nan(?:\(\w*\))?|inf(?:inity)?|\*+)", flags=re.IGNORECASE)


def is_number(text: str, decimal: str) -> bool:
    """Whether a cell holds a number, also one that is not finite."""
    plain = text.strip()
    return bool(_NUMBER.fullmatch(_pointed(plain, decimal)) or _NOT_FINITE.fullmatch(plain))


def _pointed(text: str, decimal: str) -> str:
    return text if decimal == "." else text.replace(",", ".", 1) if "." not in text else ""


def finite(value: Any, *, decimal: str = ".") -> float:
    """A finite number of what a file holds. Raises ValueError with a clause: ``is 'abc', not a number``."""
    if isinstance(value, str):
        return _of_text(value, decimal)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"is {_short(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"is {number}, not a finite number")
    return number


def _of_text(text: str, decimal: str) -> float:
    plain = text.strip()
    pointed = _pointed(plain, decimal)
    if not _NUMBER.fullmatch(pointed):
        if _NOT_FINITE.fullmatch(plain):
            raise ValueError(f"is {plain}, not a finite number")
        comma = decimal == "." and re.fullmatch(r"[-+]?\d+,\d+", plain)
        hint = '; if this is a decimal comma, declare decimal: ","' if comma else ""
        raise ValueError(f"is {_short(text)}, not a number{hint}")
    number = float(re.sub("[dD]", "e", pointed))
    if not math.isfinite(number):
        raise ValueError(f"is {plain}, too large for a number")
    return number


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
