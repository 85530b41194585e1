"""From the unit cube to the inputs of a kernel: unordered choices become one-hot columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Encoder:
    """``levels[j]`` is 0 for a numeric column and the number of choices for an unordered one.

    An unordered choice with k levels stands in the unit column at i / (k - 1).
    """

    levels: tuple[int, ...]

    @property
    def groups(self) -> NDArray[np.intp]:
        """For each feature the unit column it comes from; features of one column share a lengthscale."""
        return np.repeat(np.arange(len(self.levels)), [max(1, k) for k in self.levels])

    def features(self, unit: Any) -> Any:
        """Unit points (..., d), NumPy or torch, to features (..., D); torch keeps its gradient."""
        if not any(self.levels):
            return unit
        if isinstance(unit, np.ndarray):
            return np.concatenate([self._columns(unit[..., j], k) for j, k in enumerate(self.levels)], -1)
        import torch

        return torch.cat([self._torch_columns(unit[..., j], k) for j, k in enumerate(self.levels)], -1)

    @staticmethod
    def _columns(column: Array, levels: int) -> Array:
        if not levels:
            return column[..., None]
        index = np.rint(np.clip(column, 0.0, 1.0) * max(1, levels - 1))
        return np.asarray((index[..., None] == np.arange(levels)) * np.sqrt(0.5))

    @staticmethod
    def _torch_columns(column: Any, levels: int) -> Any:
        if not levels:
            return column[..., None]
        import torch

        onehot = Encoder._columns(column.detach().numpy(), levels)
        return torch.as_tensor(onehot, dtype=column.dtype)


def levels_of(parameters: Sequence[Any]) -> tuple[int, ...]:
    """Levels of each parameter of a space: the number of choices where their order means nothing."""
    return tuple(
        0 if getattr(p, "ordered", True) else len(p.choices) if hasattr(p, "choices") else 0
        for p in parameters
    )
