"""Expressions cut into tokens: numbers with their units, names, quoted words and signs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from designloop.reading.problems import Misread
from designloop.units import UnitError, parse_quantity, refuse_unit, unit_at

FUNCTIONS = ("sqrt", "exp", "log", "log10", "sin", "cos", "tan", "abs", "min", "max")

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)"
    r"|(?P<quoted>`[^`]+`)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<sign><=|>=|==|!=|\*\*|[-+*/^()<>,]))"
)
_ODD_NUMBER = re.compile(r"(?:[.,:_'’\u2000-\u200a\u202f\u00a0][0-9]+| [0-9]{3}(?![0-9.]))+")
"""What may go on behind a number and make it another one to a quick reader."""


_JOINING = re.compile(r"\s*(?P<word>&&?|\|\|?|(?:and|or)\b(?!\s*\())", re.IGNORECASE)
_COMPARES = ("<=", ">=", "==", "!=", "<", ">")


class ExpressionError(Misread):
    """An expression cannot be used: ``what`` is wrong, at which ``offset``, what to write ``instead``."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with offset and advice."""
        return (_error, (self.what, self.offset, self.instead))


def _error(what: str, offset: int, instead: str | None) -> ExpressionError:
    return ExpressionError(what, offset=offset, instead=instead)


@dataclass(frozen=True)
class Token:
    """A piece of text: kind (number, unit, name, text, sign, end), words and where they stand."""

    kind: str
    text: str
    start: int
    end: int
    unit: str | None = None


def tokenize(text: str, known: Mapping[str, Any]) -> list[Token]:
    """Split an expression; a unit is read with the number before it. Raises ExpressionError."""
    tokens: list[Token] = []
    position = 0
    while text[position:].strip():
        if tokens and tokens[-1].text not in _COMPARES:
            _refuse_joining(text, position, known)
        match = _TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            _refuse_character(text, start)
        kind, start = str(match.lastgroup), match.start(str(match.lastgroup))
        unit, position = None, match.end()
        if kind == "number":
            unit, position = _number_end(text, start, position, known)
        word = match[kind].strip("`")
        tokens.append(Token("name" if kind == "quoted" else kind, word, start, position, unit))
    return [*tokens, Token("end", "", len(text), len(text))]


def _refuse_joining(text: str, position: int, known: Mapping[str, Any]) -> None:
    """Raise where two comparisons are joined by ``and``, ``&`` or the like."""
    found = _JOINING.match(text, position)
    if found is None or found["word"] in known:
        return
    before, after = text[: found.start()].strip(), text[found.end() :].strip()
    both = f"{before}, {after}" if all(re.search("[<>=]", t) for t in (before, after)) else "a <= 1, b >= 2"
    either = " There is no 'or': everything in the list has to hold." if found["word"][0] in "oO|" else ""
    raise ExpressionError(
        f"{found['word']!r} cannot join comparisons.{either}", offset=found.start("word"),
        instead=f"Write two constraints in the list: [{both}].",
    )  # fmt: skip


def _refuse_character(text: str, offset: int) -> NoReturn:
    if text[offset] == "=":
        raise ExpressionError("a single '=' compares nothing.", offset=offset, instead="Write '=='.")
    if text[offset] in "≤≥≠−×·÷":
        ascii_sign = dict(zip("≤≥≠−×·÷", ("<=", ">=", "!=", "-", "*", "*", "/"), strict=True))[text[offset]]
        raise ExpressionError(
            f"{text[offset]!r} is not understood.", offset=offset, instead=f"Write '{ascii_sign}'."
        )
    if text[offset] == "%":
        raise ExpressionError("'%' may follow only a number.", offset=offset, instead="Write such as '3 %'.")
    raise ExpressionError(
        f"{text[offset]!r} cannot stand in an expression.", offset=offset,
        instead="Use names, numbers with units, + - * / ** and parentheses.",
    )  # fmt: skip


def _number_end(text: str, start: int, end: int, known: Mapping[str, Any]) -> tuple[str | None, int]:
    odd = _ODD_NUMBER.match(text, end)
    written = text[start : odd.end()] if odd else text[start:end]
    try:
        parse_quantity(written)
    except UnitError as error:
        raise ExpressionError(f"{error}", offset=start) from None
    begin = end + len(text[end:]) - len(text[end:].lstrip())
    _refuse_joining(text, end, known)
    try:
        found = unit_at(text, begin, taken=lambda word: word in known)
    except UnitError as error:
        raise ExpressionError(f"{error}", offset=begin) from None
    if found:
        return found
    _refuse_follower(text, begin, text[start:end], known)
    return None, end


def _refuse_follower(text: str, begin: int, literal: str, known: Mapping[str, Any]) -> None:
    """Raise where a word that is no unit follows a number."""
    word = re.compile(r"[^\W\d][\w.]*").match(text, begin)
    if word is None:
        return
    if word[0] in known or word[0] in FUNCTIONS:
        raise ExpressionError(
            f"{literal} {word[0]} is not multiplied by itself.",
            offset=begin, instead=f"Write '{literal} * {word[0]}'.",
        )  # fmt: skip
    try:
        refuse_unit(word[0])
    except UnitError as error:
        raise ExpressionError(f"{error}", offset=begin) from None
