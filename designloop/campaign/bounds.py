"""Bounds of one quantity that no number can meet together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from designloop import units
from designloop.reading.document import Path_
from designloop.reading.expression import Comparison, Expression
from designloop.reading.problems import Problems

_BARE = re.compile(r"[-+\d.eE\s]+")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One bound, in the unit of its expression, and where the user wrote it."""

    path: Path_
    label: str
    expression: Expression
    relation: Literal["<=", ">="]
    bound: float
    written: str

    @property
    def words(self) -> str:
        """The bound as a sentence says it."""
        return f"at {'least' if self.relation == '>=' else 'most'} {self.written}"

    def excludes(self, other: Asked) -> bool:
        """Whether no number meets both."""
        if self.relation == other.relation or self.expression.node != other.expression.node:
            return False
        signed = self.bound - other.bound if self.relation == ">=" else other.bound - self.bound
        return signed > 1e-9 * max(abs(self.bound), abs(other.bound))


def asked(path: Path_, comparison: Comparison, sided: tuple[Expression, Literal["<=", ">="], float]) -> Asked:
    """The bound that ``comparison`` sets, as ``outcomes.one_sided`` understands it."""
    expression, relation, bound = sided
    sides = [s.text for s in (comparison.left, comparison.right) if s.is_constant]
    written = sides[0] if sides else ""
    if not written or _BARE.fullmatch(written):
        written = units.format_quantity(bound, expression.unit)
    return Asked(path=path, label=comparison.text, expression=expression, relation=relation, bound=bound,
                 written=written)  # fmt: skip


def refuse_contradictions(bounds: list[Asked], problems: Problems) -> None:
    """Note each bound that an earlier one on the same quantity excludes, once for each entry of the file."""
    for i, later in enumerate(bounds):
        earlier = next((b for b in bounds[:i] if later.excludes(b)), None)
        if earlier is None or problems.below(later.path):
            continue
        low, high = sorted((earlier, later), key=lambda b: b.relation, reverse=True)
        beside = "" if earlier.path == later.path else f" (with {earlier.label})"
        problems.add(
            later.path,
            f"this asks {later.expression.text} to be {low.words} and {high.words}{beside}, which nothing "
            "can be.",
            "Swap the two, or widen them.",
        )
