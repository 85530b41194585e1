"""What a plain YAML word means here: a strict subset of YAML 1.2, in which no number changes silently."""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"([-+]?)0+([0-9][0-9.]*([eE][-+]?[0-9]+)?)")
_BASE = re.compile(r"[-+]?0[xXoObB][0-9A-Fa-f_]+")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF|nan|NaN|NAN)")
_LONGEST = 400


class ScalarError(ValueError):
    """A plain word that other YAML readers take for a number, or a number that a float cannot hold."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(f"{what} {instead}")
        self.what, self.instead = what, instead


def plain_scalar(text: str) -> Scalar:
    """The value of an unquoted word: null, true, false, a decimal number, or else the text itself.

    ``1e-6`` is a number; ``on``, ``12:30`` and ``2026-12-18`` are text. Raises ScalarError for numbers with
    leading zeros, other bases, infinities and numbers beyond the range of a float.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and len(text) <= _LONGEST:
        return int(text)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    _refuse(text)
    return text


def _finite(text: str) -> float:
    value = float(text)
    digits = re.split("[eE]", text)[0]
    if math.isinf(value) or (value == 0 and any(c in "123456789" for c in digits)):
        end = "large" if value else "small"
        raise ScalarError(f"{_short(text)} is too {end} for a number.", "Use a unit that suits its size.")
    return value


def _refuse(text: str) -> None:
    zeros = _LEADING_ZERO.fullmatch(text)
    if zeros:
        sign, rest = zeros[1], zeros[2]
        instead = f'Write {sign}{rest} for the number, or "{_short(text)}" in quotes for text.'
        raise ScalarError(
            f"{_short(text)} begins with a zero, which some YAML readers take for octal.", instead
        )
    if _BASE.fullmatch(text):
        raise ScalarError(
            f"{_short(text)} is not a decimal number.", f'Write it in decimal, or "{_short(text)}" for text.'
        )
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError(f"{text} is not a finite number.", "Write a number, or leave the key out.")


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def needs_quotes(text: str) -> bool:
    """Whether ``text``, written without quotes, would not come back as this text."""
    try:
        return plain_scalar(text) != text
    except ScalarError:
        return True
