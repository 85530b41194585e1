"""What committees have in common: labels, settings, and which labels each member sees."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from designloop.learning.features import Encoder
from designloop.learning.kernels import Kernel

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]

KINDS = ("gp", "networks", "forest", "mixed")
KERNELS: tuple[Kernel, ...] = ("matern52", "rbf", "matern32")


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Labelled designs: ``unit`` (n, d), ``z`` (n, m) outputs standardized per metric.

    ``noise`` (n, m): known noise variances in z units, NaN where unknown; all unknown where left out.
    Raises ValueError for shapes that do not fit and for values that are not finite.
    """

    unit: Array
    z: Array
    noise: Array = field(default_factory=lambda: np.empty((0, 0)))

    def __post_init__(self) -> None:
        if not self.noise.size:
            object.__setattr__(self, "noise", np.full(self.z.shape, math.nan))
        if self.unit.ndim != 2 or self.z.ndim != 2 or len(self.unit) != len(self.z):
            raise ValueError("labels need unit points (n, d) and outputs (n, m) of the same n.")
        if self.noise.shape != self.z.shape:
            raise ValueError("noise variances need the shape of the outputs, with NaN where unknown.")
        if not (np.isfinite(self.unit).all() and np.isfinite(self.z).all()):
            raise ValueError("labels hold a value that is not finite; leave such designs out.")

    def __len__(self) -> int:
        return len(self.z)


@dataclass(frozen=True, kw_only=True)
class CommitteeSpec:
    """Settings of a committee; plain JSON by ``to_json``. Raises ValueError for settings out of range."""

    kind: str = "gp"
    """gp, networks, forest, mixed (of these three), or a scikit-learn regressor as package.module:Class."""
    members: int = 5
    subset: float = 0.8
    """Share of the labels each member sees, drawn without replacement (Morand et al. 2022)."""
    hidden: tuple[int, ...] = (10, 15)
    """Neurons per hidden layer of a network."""
    alpha: float = 1e-4
    """L2 penalty of a network, in scikit-learn's convention."""
    iterations: int = 60
    """Iterations of a network's training."""
    early_stopping: bool = False
    """Keep a network's weights where a random tenth of its labels, never learned from, is met best."""
    kernel: str = "matern52"
    """matern52, rbf, matern32, or ``various``: these three by turns, for members that differ by kernel."""
    cap: int = 500
    """Most labels a Gaussian-process member sees."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(int(h) for h in self.hidden))
        for fine, text in (
            (self.kind in KINDS or ":" in self.kind, f"{self.kind!r} is no kind of committee; write "
             f"{', '.join(KINDS)}, or a regressor such as sklearn.ensemble:RandomForestRegressor."),
            (self.members >= 2, f"a committee of {self.members} cannot disagree; write 2 members or more."),
            (0 < self.subset <= 1, f"the subset must be a share of the labels up to 1, not {self.subset:g}."),
            (self.hidden and min(self.hidden) > 0, "hidden layers need a neuron or more, as in [10, 15]."),
            (0 <= self.alpha < math.inf, f"alpha must be 0 or positive, not {self.alpha:g}."),
            (self.iterations > 0, f"iterations must be 1 or more, not {self.iterations}."),
            (self.kernel in (*KERNELS, "various"), f"{self.kernel!r} is no kernel; write "
             f"{', '.join(KERNELS)} or various."),
            (self.cap > 1, f"the cap must be 2 labels or more, not {self.cap}."),
        ):  # fmt: skip
            if not fine:
                raise ValueError(text)

    def to_json(self) -> dict[str, Any]:
        """All settings, as JSON."""
        return {**asdict(self), "hidden": list(self.hidden)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> CommitteeSpec:
        """The settings that ``to_json`` wrote."""
        return cls(**{**content, "hidden": tuple(content["hidden"])})


class Members(Protocol):
    """The fitted models of one kind."""

    @property
    def rows(self) -> Rows:
        """Which labels each member learned from, (members, n)."""
        ...

    @property
    def noise(self) -> Array | None:
        """Fitted noise variance of one label per output (m,) in z units; None for kinds that fit none."""
        ...

    @property
    def state(self) -> Any:
        """Fitted hyper-parameters as JSON; None for kinds that have none."""
        ...

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Fitted weights; empty where the members are rebuilt from labels, seed and state."""
        ...

    def predict(self, unit: Array) -> Array:
        """Predictions of every member at unit points (k, d): (members, k, m) in z units."""
        ...


@dataclass(frozen=True, kw_only=True)
class Committee:
    """Several fitted models of the same labels, and all they can be rebuilt from."""

    spec: CommitteeSpec
    labels: Labels
    encoder: Encoder
    seed: int
    members: Members

    @property
    def rows(self) -> Rows:
        """Which labels each member learned from, (members, n)."""
        return self.members.rows

    @property
    def state(self) -> Any:
        """Fitted hyper-parameters as JSON, to be journaled and given back to the next fit."""
        return self.members.state

    @cached_property
    def aleatoric(self) -> Array:
        """Noise variance of one label per output (m,) in z units.

        The mean of the known variances of an output; else what the members fitted; else what their out-of-bag
        errors leave over, which also holds what all members miss alike.
        """
        known = self.labels.noise
        fitted = self.members.noise
        unknown = np.isnan(known).all(axis=0)
        if fitted is None and unknown.any():
            fitted = left_over(self.predict(self.labels.unit), self.labels.z, self.rows)
        mean = np.where(np.isnan(known), 0.0, known).sum(axis=0) / np.maximum(
            1, (~np.isnan(known)).sum(axis=0)
        )
        return mean if fitted is None else np.where(unknown, fitted, mean)

    def predict(self, unit: Array) -> Array:
        """Predictions of every member at unit points (k, d): (members, k, m) in z units."""
        return self.members.predict(np.asarray(unit, dtype=float))


def subset_rows(n: int, spec: CommitteeSpec, rng: np.random.Generator) -> Rows:
    """Which of ``n`` labels each member sees, (members, n): equal counts, two at least."""
    count = min(max(2, round(spec.subset * n)), n)
    seen = np.zeros((spec.members, n), dtype=bool)
    for member in seen:
        member[rng.permutation(n)[:count]] = True
    return seen


def out_of_bag(predictions: Array, rows: Rows) -> Array:
    """Mean over the members that did not see the label, of predictions (members, n, m): (n, m).

    NaN where every member saw it.
    """
    unseen = ~rows[..., None]
    count = unseen.sum(axis=0)
    total = np.where(unseen, predictions, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), math.nan)


def left_over(predictions: Array, z: Array, rows: Rows) -> Array:
    """Mean squared out-of-bag error less the members' variance, (m,), zero at least.

    ``predictions`` (members, n, m) are those at the labels ``z`` (n, m).
    """
    judged = ~rows.all(axis=0)
    error = (z - out_of_bag(predictions, rows))[judged] ** 2
    spread = predictions.var(axis=0, ddof=1)[judged]
    return np.asarray(np.maximum(0.0, (error - spread).sum(axis=0) / max(1, len(error))))
