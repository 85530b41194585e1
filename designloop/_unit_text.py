"""The grammar of unit texts: ``nT/sqrt(Hz)`` to words and exponents, and back to one canonical text."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import NoReturn

from designloop._unit_table import atoms, nearest, plain

Powers = tuple[tuple[str, Fraction], ...]
"""Unit words with their exponents, in the order written."""

_TOKEN = re.compile(
    r"\s*(?:(?P<word>%|[^\W\d_][^\W_]*)|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<sign>\*\*|[-*/^()]))"
)
_LARGEST_EXPONENT = 12


class UnitError(ValueError):
    """A unit or a number cannot be understood; the message is a sentence that says what to write."""


@lru_cache(maxsize=1024)
def unit_powers(text: str) -> Powers:
    """Unit words and exponents of a unit text, equal words merged; raises UnitError."""
    powers = _UnitText(text).read()
    if len(powers) > 1 or any(exponent != 1 for _, exponent in powers):
        for word, _ in powers:
            if word == "degC":
                raise UnitError(f"{text!r} multiplies or divides degC; write K for temperature steps.")
    return powers


class _UnitText:
    """Recursive descent over one unit text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.content = plain(text).strip()
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(self.content):
            match = _TOKEN.match(self.content, position)
            if match is None:
                self._refuse(f"has {self.content[position:].strip()!r} where a unit should stand")
            self.tokens.append((str(match.lastgroup), match[0].strip()))
            position = match.end()

    def read(self) -> Powers:
        if not self.tokens or self.content == "1":
            return ()
        powers = self._product()
        if self.tokens:
            self._refuse(f"goes on with {self.tokens[0][1]!r}; join units by * or /, as in 'W/(m*K)'")
        return powers

    def _product(self) -> Powers:
        powers = self._factor()
        while self.tokens and self.tokens[0][1] in "*/":
            sign = -1 if self.tokens.pop(0)[1] == "/" else 1
            powers = _merge(powers, tuple((atom, sign * e) for atom, e in self._factor()))
        return powers

    def _factor(self) -> Powers:
        powers = self._base()
        if self.tokens and self.tokens[0][1] in ("^", "**"):
            self.tokens.pop(0)
            exponent = self._exponent()
            if abs(exponent) > _LARGEST_EXPONENT or exponent.denominator > _LARGEST_EXPONENT:
                self._refuse(f"has the exponent {exponent}, which no unit has")
            powers = tuple((atom, e * exponent) for atom, e in powers)
        return powers

    def _base(self) -> Powers:
        kind, token = self._next("a unit")
        if token == "sqrt":
            self._expect("(")
            powers = tuple((atom, e / 2) for atom, e in self._product())
            self._expect(")")
            return powers
        if token == "(":
            powers = self._product()
            self._expect(")")
            return powers
        if kind == "word":
            if token not in atoms():
                refuse_unit(token)
            return ((token, Fraction(1)),)
        if token == "1":
            return ()
        return self._refuse(f"has {token!r} where a unit should stand")

    def _exponent(self) -> Fraction:
        grouped = bool(self.tokens) and self.tokens[0][1] == "("
        taken = self._next("an exponent")[1] if grouped else ""
        sign = -1 if self.tokens and self.tokens[0][1] == "-" else 1
        if sign < 0:
            self.tokens.pop(0)
        kind, taken = self._next("an exponent")
        if kind != "number":
            self._refuse(f"has {taken!r} where a number should stand")
        exponent = sign * Fraction(taken)
        if grouped:
            if self.tokens and self.tokens[0][1] == "/":
                self.tokens.pop(0)
                kind, divisor = self._next("a number")
                if kind != "number" or not Fraction(divisor):
                    self._refuse(f"has {divisor!r} where a number should stand")
                exponent /= Fraction(divisor)
            self._expect(")")
        return exponent

    def _next(self, what: str) -> tuple[str, str]:
        return self.tokens.pop(0) if self.tokens else self._refuse(f"ends where {what} should follow")

    def _expect(self, sign: str) -> None:
        if self._next(f"{sign!r}")[1] != sign:
            self._refuse(f"lacks {sign!r}; join units by * or /, as in 'W/(m*K)'")

    def _refuse(self, what: str) -> NoReturn:
        raise UnitError(f"the unit {self.text!r} {what}.")


def refuse_unit(word: str) -> NoReturn:
    """Raise UnitError for an unknown unit word, with the nearest accepted one."""
    near = nearest(word)
    hint = f"did you mean {near}?" if near else "known are SI units such as um, kHz, mW, MPa, nT/sqrt(Hz)."
    raise UnitError(f"the unit {word!r} is not known; {hint}")


def _merge(first: Powers, second: Powers) -> Powers:
    merged = dict(first)
    for atom, exponent in second:
        merged[atom] = merged.get(atom, Fraction(0)) + exponent
    return tuple((atom, exponent) for atom, exponent in merged.items() if exponent)


def canonical(powers: Powers) -> str:
    """One text for equal units: ``W/m/K`` and ``W/(m*K)`` give ``W/(m*K)``."""
    over = [_raised(atom, e) for atom, e in powers if e > 0]
    under = [_raised(atom, -e) for atom, e in powers if e < 0]
    if not under:
        return "*".join(over)
    below = under[0] if len(under) == 1 else f"({'*'.join(under)})"
    return f"{'*'.join(over) or '1'}/{below}"


def _raised(atom: str, exponent: Fraction) -> str:
    if exponent == 1:
        return atom
    if exponent == Fraction(1, 2):
        return f"sqrt({atom})"
    return f"{atom}^{exponent}" if exponent.denominator == 1 else f"{atom}^({exponent})"


_WORD = re.compile(r"%|\u00b0C?|\u2103|[^\W\d_]+(?![\w.])")
_EXPONENT = re.compile(
    r"\s*(?:\^|\*\*)\s*(?:-?[0-9]+(?:\.[0-9]+)?(?![\w.])|\(\s*-?[0-9]+(?:\s*/\s*[0-9]+)?\s*\))|[\u00b2\u00b3]"
)
_GROUP = re.compile(r"(?:sqrt)?\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)")
_PER = re.compile(r"1\s*/\s*")
_JOINT = re.compile(r"\s*[*/](?!\*)\s*")


def unit_at(text: str, start: int, *, taken: Callable[[str], bool]) -> tuple[str, int] | None:
    """The longest unit that begins at ``start`` of an expression, with its end; None where none does.

    Only the word right behind a number is a unit at any rate; elsewhere, a word for which ``taken`` holds
    is not.
    """
    per = _PER.match(text, start)
    if per or text.startswith("sqrt", start):
        end = _factor_end(text, per.end() if per else start, taken)
    else:
        end = _word_end(text, start, lambda _: False)
    if end is None:
        return None
    while joint := _JOINT.match(text, end):
        following = _factor_end(text, joint.end(), taken)
        if following is None:
            break
        end = following
    return canonical(unit_powers(text[start:end])), end


def _factor_end(text: str, start: int, taken: Callable[[str], bool]) -> int | None:
    group = _GROUP.match(text, start)
    if group is None:
        return _word_end(text, start, taken)
    words = re.findall(r"[^\W\d]\w*", plain(group[1]))
    if not words or any(w != "sqrt" and (w not in atoms() or taken(w)) for w in words):
        return None
    return _exponent_end(text, group.end())


def _word_end(text: str, start: int, taken: Callable[[str], bool]) -> int | None:
    word = _WORD.match(text, start)
    if word is None or plain(word[0]) not in atoms() or taken(word[0]):
        return None
    return _exponent_end(text, word.end())


def _exponent_end(text: str, end: int) -> int:
    exponent = _EXPONENT.match(text, end)
    return exponent.end() if exponent else end
