"""Numbers with units as users write them: read strictly, converted exactly, never changed silently."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, NoReturn

from designloop._number_text import NUMBER, exact_number, refuse_ambiguous
from designloop._unit_table import Dimension, atoms, plain, resolve
from designloop._unit_text import UnitError, canonical, refuse_unit, unit_at, unit_powers

__all__ = [
    "Dimension", "Quantity", "UnitError", "affine", "atoms", "check_unit", "compatible", "convert",
    "difference", "factor_offset", "fitting", "format_quantity", "parse_quantity", "parse_range", "power",
    "refuse_unit", "unit_at",
]  # fmt: skip


_EXACT_INTEGER = 2**53


@dataclass(frozen=True)
class Quantity:
    """A number and the unit the user wrote; ``unit`` is None where none was written."""

    value: float
    unit: str | None = None

    def __str__(self) -> str:
        """The quantity with every digit kept."""
        return format_quantity(self.value, self.unit, exact=True)


def check_unit(text: str) -> str:
    """The canonical text of a unit, such as ``nT/sqrt(Hz)``; empty for a pure number.

    Raises UnitError with the nearest accepted spelling.
    """
    return canonical(unit_powers(text))


@lru_cache(maxsize=1024)
def factor_offset(unit: str) -> tuple[Fraction, Fraction, Dimension]:
    """Exact factor and offset to coherent SI (SI = factor * value + offset), and the dimension.

    Raises UnitError.
    """
    powers = unit_powers(unit)
    if powers == (("degC", Fraction(1)),):
        return resolve("degC")
    factor, dimension = Fraction(1), dict[str, Fraction]()
    for atom, exponent in powers:
        scale, _, base = resolve(atom)
        factor *= power(scale, exponent)
        for name, count in base:
            dimension[name] = dimension.get(name, Fraction(0)) + count * exponent
    return factor, Fraction(0), tuple(sorted((n, e) for n, e in dimension.items() if e))


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """``base ** exponent``: exact where the root is rational, else to double precision."""
    if exponent.denominator == 1:
        return base**exponent.numerator
    roots = [round(part ** float(1 / Fraction(exponent.denominator))) for part in base.as_integer_ratio()]
    root = Fraction(roots[0], roots[1] or 1)
    if root**exponent.denominator == base:
        return root**exponent.numerator
    return Fraction(float(base) ** float(exponent))


def compatible(first: str, second: str) -> bool:
    """True where two units measure the same kind of thing. Raises UnitError for an unknown unit."""
    return factor_offset(first)[2] == factor_offset(second)[2]


def convert(value: Any, from_unit: str, to_unit: str) -> Any:
    """Convert a number (exactly rounded) or a NumPy or torch array from one unit to another.

    Raises UnitError where the units measure different things.
    """
    if from_unit == to_unit:
        return value
    if not compatible(from_unit, to_unit):
        alike = [a for a in atoms() if a.lower() == from_unit.lower() and compatible(a, to_unit)]
        alike += ["degC"] if from_unit == "C" and compatible("K", to_unit) else []
        hint = f"; did you mean {alike[0]}?" if alike else "."
        raise UnitError(f"{_name(from_unit)} cannot be converted to {_name(to_unit)}{hint}")
    factor, offset, _ = factor_offset(from_unit)
    to_factor, to_offset, _ = factor_offset(to_unit)
    return affine(value, factor / to_factor, (offset - to_offset) / to_factor)


def difference(value: float, from_unit: str, to_unit: str) -> float:
    """A difference of two values in another unit: an offset, as between degC and K, does not count.

    Raises UnitError.
    """
    convert(0.0, from_unit, to_unit)
    return float(affine(value, factor_offset(from_unit)[0] / factor_offset(to_unit)[0]))


def fitting(text: str, declared: str) -> str:
    """``check_unit`` of a unit that converts to ``declared``. Raises UnitError."""
    unit = check_unit(text)
    convert(0.0, unit, declared)
    return unit


def affine(value: Any, factor: Fraction, offset: Fraction = Fraction(0)) -> Any:
    """``factor * value + offset``: correctly rounded for one number, elementwise for arrays."""
    if isinstance(value, int | float) and math.isfinite(value):
        return float(Fraction(repr(float(value))) * factor + offset)
    numerator, denominator = factor.as_integer_ratio()
    if max(numerator, denominator) > _EXACT_INTEGER:
        numerator, denominator = float(factor), 1  # type: ignore[assignment]
    value = value if numerator == 1 else value * numerator
    value = value if denominator == 1 else value / denominator
    return value + float(offset) if offset else value


def parse_quantity(text: str) -> Quantity:
    """Read ``720 um``, ``3 %``, ``1e-6`` or ``25 degC``.

    Raises UnitError for anything of which the number could be misread, with what to write.
    """
    content = plain(text).strip()
    match = NUMBER.match(content)
    refuse_ambiguous(text, content)
    if match is None:
        raise UnitError(f"{text!r} does not begin with a number; write one such as '20 um'.")
    value = exact_number(match[0])
    rest = content[match.end() :].strip()
    if not rest:
        return Quantity(value)
    return Quantity(value, check_unit("1" + rest if rest.startswith("/") else rest))


def parse_range(text: str) -> tuple[Quantity, Quantity]:
    """Read ``200 .. 800 um`` or ``0.2 um .. 1.5 mm``; both ends come back in one unit, the last written.

    Raises UnitError, also for reversed and empty ranges.
    """
    parts = re.split(r"\s*\.\.\s*", text.strip())
    if len(parts) != 2 or not all(parts) or parts[1].startswith("."):
        _refuse_range(text)
    first, last = parse_quantity(parts[0]), parse_quantity(parts[1])
    unit = last.unit if last.unit is not None else first.unit
    if unit is not None:
        lower = convert(first.value, first.unit if first.unit is not None else unit, unit)
        first, last = Quantity(lower, unit), Quantity(last.value, unit)
    if first.value == last.value:
        raise UnitError(f"the range {text.strip()!r} is empty; for one value write '{first}' under 'fixed'.")
    if first.value > last.value:
        right = f"{format_quantity(last.value, None, exact=True)} .. {first}"
        raise UnitError(f"the range {text.strip()!r} runs backwards; write '{right}'.")
    return first, last


def format_quantity(value: float, unit: str | None = None, *, exact: bool = False) -> str:
    """A quantity for screens: ``4.55 um`` and other short numbers in full, long ones to four digits.

    ``exact`` keeps every digit, so that ``parse_quantity`` gives the same number back.
    """
    number = float(value) or 0.0
    if not math.isfinite(number):
        digits = {math.inf: "infinity", -math.inf: "-infinity"}.get(number, "not a number")
    else:
        decimal = Decimal(repr(number)).normalize()
        if not exact and len(decimal.as_tuple().digits) > 9:
            places = max(4, min(6, decimal.adjusted() + 1))
            decimal = Decimal(f"{number:.{places - 1}e}").normalize()
        plainly = -5 < decimal.adjusted() < 7
        digits = f"{decimal:f}" if plainly else re.sub(r"e\+?(-?)0*(?=\d)", r"e\1", f"{decimal:e}")
    return f"{digits} {unit}" if unit else digits


def _name(unit: str) -> str:
    return repr(unit) if unit else "a number without unit"


def _refuse_range(text: str) -> NoReturn:
    stripped = text.strip()
    if re.search(r"\.{3,}", stripped):
        fixed = re.sub(r"\s*\.{3,}\s*", " .. ", stripped)
        raise UnitError(f"the range {stripped!r} has three points or more; write '{fixed}'.")
    raise UnitError(f"{stripped!r} is not a range; write lower and upper end such as '200 .. 800 um'.")
