"""The units a campaign may use: one curated table, and exact factors to SI from a pint registry of it.

The registry starts empty, so that nothing but this table is understood: pint's own table would read
``1 h`` or ``3 khz`` in ways an engineer does not mean.
"""

from __future__ import annotations

import difflib
import re
from fractions import Fraction
from functools import cache
from typing import Any

Dimension = tuple[tuple[str, Fraction], ...]
"""Exponents of SI base dimensions, sorted by name; empty for a pure number."""

PREFIXES = {
    "a": "1e-18", "f": "1e-15", "p": "1e-12", "n": "1e-9", "u": "1e-6", "m": "1e-3",
    "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12", "c": "1e-2", "d": "1e-1", "h": "1e2",
}  # fmt: skip
_COMMON = "fpnumkMGT"

_UNITS: dict[str, tuple[str, str]] = {
    "m": ("[length]", _COMMON + "cd"),
    "kg": ("[mass]", ""),
    "s": ("[time]", "fpnum"),
    "A": ("[current]", _COMMON),
    "K": ("[temperature]", "num" + "k"),
    "mol": ("[substance]", "num" + "k"),
    "g": ("0.001 * kg", "fpnum"),
    "min": ("60 * s", ""),
    "h": ("3600 * s", ""),
    "day": ("86400 * s", ""),
    "rad": ("1", "num"),
    "deg": ("0.0174532925199432957692369 * rad", ""),
    "percent": ("0.01", ""),
    "ppm": ("0.000001", ""),
    "ppb": ("0.000000001", ""),
    "degC": ("K; offset: 273.15", ""),
    "Hz": ("1 / s", _COMMON),
    "N": ("kg * m / s**2", _COMMON),
    "Pa": ("N / m**2", _COMMON + "h"),
    "bar": ("100000 * Pa", "mu" + "k"),
    "atm": ("101325 * Pa", ""),
    "Torr": ("101325 * Pa / 760", "mu"),
    "J": ("N * m", _COMMON),
    "eV": ("1.602176634e-19 * J", "mkMG"),
    "W": ("J / s", _COMMON),
    "C": ("A * s", _COMMON),
    "V": ("W / A", _COMMON),
    "Ohm": ("V / A", _COMMON),
    "S": ("A / V", _COMMON),
    "F": ("C / V", "a" + _COMMON),
    "Wb": ("V * s", _COMMON),
    "T": ("Wb / m**2", _COMMON),
    "H": ("Wb / A", _COMMON),
    "L": ("0.001 * m**3", "num"),
}
"""Symbol to its definition and the prefixes it takes."""

_SIGNS = {"\u00b5": "u", "\u03bc": "u", "\u03a9": "Ohm", "\u2126": "Ohm", "\u00b0C": "degC", "\u2103": "degC",
          "\u00b0": "deg", "\u00b2": "^2", "\u00b3": "^3", "\u00b7": "*", "\u22c5": "*", "\u00d7": "*",
          "\u00a0": " "}  # fmt: skip
"""Typographic spellings that mean exactly one thing."""

_OTHER_NAMES = {
    "sec": "s", "second": "s", "seconds": "s", "minute": "min", "minutes": "min", "mins": "min", "hour": "h",
    "hours": "h", "hr": "h", "hrs": "h", "d": "day", "days": "day", "micron": "um", "microns": "um",
    "mu": "um", "meter": "m", "metre": "m", "degree": "deg", "degrees": "deg", "celsius": "degC",
    "kelvin": "K", "volt": "V", "watt": "W", "newton": "N", "hertz": "Hz", "tesla": "T", "pascal": "Pa",
    "ohm": "Ohm", "ohms": "Ohm", "amp": "A", "amps": "A", "pct": "%", "percent": "%", "gram": "g",
    "joule": "J", "farad": "F", "henry": "H", "siemens": "S", "coulomb": "C", "liter": "L", "litre": "L",
    "l": "L", "cc": "cm^3", "sqm": "m^2", "msec": "ms", "usec": "us", "radians": "rad", "deg_c": "degC",
}  # fmt: skip
"""Words that are refused, and what to write for them."""


def plain(text: str) -> str:
    """The text with typographic signs spelled out: ``µm²`` becomes ``um^2``."""
    for sign, spelling in _SIGNS.items():
        text = text.replace(sign, spelling)
    return text


@cache
def atoms() -> dict[str, str]:
    """Every accepted unit word, such as ``kHz`` or ``%``, with the registry's name for it."""
    words = {prefix + unit: prefix + unit for unit, (_, allowed) in _UNITS.items() for prefix in allowed}
    words |= {unit: unit for unit in _UNITS if unit != "percent"}
    return {**words, "%": "percent"}


def nearest(word: str) -> str | None:
    """The accepted spelling closest to an unknown ``word``; None where nothing is near."""
    if word.lower() in _OTHER_NAMES:
        return _OTHER_NAMES[word.lower()]
    squared = re.fullmatch(r"([^\W\d]+)([0-9])", word)
    if squared and squared[1] in atoms():
        return f"{squared[1]}^{squared[2]}"
    same = [atom for atom in atoms() if atom.lower() == word.lower()]
    if same:
        kept = {a: sum(x == y for x, y in zip(a, word, strict=True)) for a in same}
        # Of mPa and MPa for "Mpa", the one that keeps more of the written letters.
        return max(sorted(kept), key=kept.__getitem__)
    close = difflib.get_close_matches(word, atoms(), n=1, cutoff=0.6)
    return close[0] if close else None


@cache
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry(None, non_int_type=Fraction)
    for prefix, factor in PREFIXES.items():
        registry.define(f"{prefix}- = {factor}")
    for unit, (definition, _) in _UNITS.items():
        registry.define(f"{unit} = {definition}")
    return registry


@cache
def resolve(atom: str) -> tuple[Fraction, Fraction, Dimension]:
    """Exact factor and offset to coherent SI, and the dimension, of one accepted unit word."""
    registry = _registry()
    name = atoms()[atom]
    if atom == "degC":
        return Fraction(1), Fraction("273.15"), resolve("K")[2]
    factor, _ = registry.get_root_units(name)
    dimension = {str(k).strip("[]"): Fraction(v) for k, v in registry.get_dimensionality(name).items()}
    return Fraction(factor), Fraction(0), tuple(sorted(dimension.items()))
