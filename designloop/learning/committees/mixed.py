"""Members of several kinds in one committee."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from designloop.learning.committees.base import Array, Members, Rows


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """``parts``: the members of each kind, in order."""

    parts: Mapping[str, Members]
    noise: None = None

    @property
    def rows(self) -> Rows:
        """Which labels each member learned from, (members, n)."""
        return np.vstack([part.rows for part in self.parts.values()])

    @property
    def state(self) -> dict[str, Any]:
        """Fitted hyper-parameters by kind."""
        return {kind: part.state for kind, part in self.parts.items()}

    @property
    def arrays(self) -> dict[str, Array]:
        """Fitted weights, by kind and name."""
        return {f"{kind}/{name}": a for kind, part in self.parts.items() for name, a in part.arrays.items()}

    def predict(self, unit: Array) -> Array:
        """Predictions of every member at unit points (k, d): (members, k, m) in z units."""
        return np.concatenate([part.predict(unit) for part in self.parts.values()])


def deal(rows: Rows, kinds: tuple[str, ...]) -> dict[str, Rows]:
    """The subsets (members, n) shared out evenly to ``kinds``; those that get none are left out."""
    shares = zip(kinds, np.array_split(rows, len(kinds)), strict=True)
    return {kind: own for kind, own in shares if len(own)}
