"""Words for a terminal: lines of one width, quantities, tables."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from designloop.oracle import Value
from designloop.units import format_quantity

WIDTH = 100


def wrapped(text: str) -> list[str]:
    """One paragraph as lines."""
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def sentence(clause: str) -> str:
    """A clause with a capital letter."""
    return clause[:1].upper() + clause[1:]


def quantity(value: Value | None, unit: str) -> str:
    """A value with its unit, to four digits; choices as they are."""
    if isinstance(value, bool | str) or value is None:
        return "-" if value is None else str(value)
    return format_quantity(float(f"{value:.4g}"), unit or None)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length as lines with columns."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    ]
