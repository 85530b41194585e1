"""What a comparison counts, from the finished virtual campaigns: tries, regret, labels, errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.campaign.model import Aim
from designloop.compare.setup import Setup
from designloop.compare.source import Reference
from designloop.compare.virtual import hit
from designloop.strategies import Problem

Array = NDArray[np.float64]
NEAR = 0.01
"""Where nobody knows the best value, the target is the best one found by anyone, missed by at most this share
of what lies between it and the median of the shared designs."""
NRMSE = (0.10, 0.05)
"""Errors over the response's standard deviation to which labels are counted."""
FLOOR = 1e-9
"""Regrets and errors are compared down to this share of the spread: smaller ones are rounding."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """An error by metric, in the metric's unit, that shall be reached for all of them."""

    name: str
    errors: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How soon something was reached, by repeat: ``count`` (n,), the budget where it was not."""

    count: Array
    reached: NDArray[np.bool_]
    budget: float

    @property
    def rate(self) -> float:
        """Share of the repeats that reached it."""
        return float(self.reached.mean())

    @property
    def over_successes(self) -> float | None:
        """Mean over the repeats that reached it; None where none did."""
        return float(self.count[self.reached].mean()) if self.reached.any() else None

    @property
    def censored(self) -> float:
        """Mean over all repeats, a miss counted as the whole budget."""
        return float(self.count.mean())


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One strategy: arrays over repeats, in their order."""

    label: str
    repeats: tuple[int, ...]
    tries: Reach | None = None
    curve: Array = field(default_factory=lambda: np.empty((0, 0)))
    """(repeats, tries + 1): simple regret after each try, or the worst metric's NRMSE after each label."""
    final: Array = field(default_factory=lambda: np.empty(0))
    """Simple regret after the last try, in the metric's unit."""
    labels: Mapping[str, Reach] = field(default_factory=dict)
    area: Array = field(default_factory=lambda: np.empty(0))
    """Mean of ln NRMSE over the labels."""
    coverage: Array = field(default_factory=lambda: np.empty(0))
    waste: Array = field(default_factory=lambda: np.empty(0))
    seconds: float = 0.0


Rows = Mapping[tuple[str, int], Mapping[str, Any]]


def target_of(rows: Rows, problem: Problem, top: float | None) -> float | None:
    """The value to be found: the one given, else a hair's breadth from the best found; None without any."""
    if top is not None:
        return top
    sign = 1.0 if problem.minimize else -1.0
    known = [sign * v for row in rows.values() for v in row["values"] if v is not None]
    if not known:
        return None
    starts = [sign * v for row in rows.values() for v in row["values"][: row["initial"]] if v is not None]
    best = min(known)
    return float(sign * (best + NEAR * max(0.0, float(np.median(starts or known)) - best)))


def optimum_of(rows: Rows, problem: Problem, top: float | None, *, is_best: bool) -> float | None:
    """What regret counts from: the best value there is, else the best that was found."""
    values = [v for row in rows.values() for v in row["values"] if v is not None]
    values += [top] if is_best and top is not None else []
    if not values:
        return None
    return float(min(values) if problem.minimize else max(values))


def thresholds_of(setup: Setup, aims: Sequence[Aim], reference: Reference) -> tuple[Threshold, ...]:
    """The goal's errors first, where there is a goal, then fixed shares of the spread."""
    spread = {m: float(v.std()) or 1.0 for m, v in reference.values.items()}
    scale = {m: float(np.abs(v).mean()) for m, v in reference.values.items()}
    found = [Threshold(name=f"NRMSE {t:.2f}", errors={m: t * spread[m] for m in setup.learn}) for t in NRMSE]
    own = {a.metric: a for a in aims if a.metric in spread}
    if set(own) < set(setup.learn):
        return tuple(found)
    unit = {"absolute": dict.fromkeys(spread, 1.0), "relative": scale, "spread": spread}
    goal = {m: a.error * unit[a.kind][m] for m, a in own.items()}
    return (Threshold(name="the goal", errors=goal), *found)


def optimized(
    rows: Rows, label: str, repeats: Sequence[int], *, problem: Problem, setup: Setup,
    target: float | None, optimum: float | None,
) -> Measured:  # fmt: skip
    """One strategy that looked for the best design."""
    mine = [rows[label, r] for r in repeats]
    counts = [_tries(row, problem, setup, target) for row in mine]
    reach = Reach(
        count=np.array([setup.trials if c is None else c for c in counts], dtype=float),
        reached=np.array([c is not None for c in counts]), budget=setup.trials,
    )  # fmt: skip
    curve = np.array([_regret(row, problem, setup, optimum) for row in mine])
    return Measured(
        label=label, repeats=tuple(repeats), tries=reach, curve=curve, final=curve[:, -1],
        waste=_waste(mine), seconds=_seconds(mine),
    )  # fmt: skip


def learned(
    rows: Rows, label: str, repeats: Sequence[int], *, setup: Setup, reference: Reference,
    thresholds: Sequence[Threshold],
) -> Measured:  # fmt: skip
    """One strategy that learned a response."""
    mine = [rows[label, r] for r in repeats]
    spread = {m: float(v.std()) or 1.0 for m, v in reference.values.items()}
    length = setup.trials + 1
    curve = np.full((len(mine), length), np.nan)
    for k, row in enumerate(mine):
        for i, n in enumerate(row["labels"]):
            curve[k, n - row["initial"]] = max(row["rmse"][m][i] / spread[m] for m in setup.learn)
    reaches = {
        t.name: Reach(
            count=np.array([setup.count + setup.trials if c is None else c for c in found], dtype=float),
            reached=np.array([c is not None for c in found]), budget=setup.count + setup.trials,
        )
        for t in thresholds
        for found in [[_labels(row, t) for row in mine]]
    }  # fmt: skip
    with np.errstate(all="ignore"):
        logs = np.log(np.maximum(curve, FLOOR))
    area = np.array([float(np.nanmean(row)) if np.isfinite(row).any() else math.nan for row in logs])
    cover = [row["coverage"][-1] if row["coverage"] else math.nan for row in mine]
    return Measured(
        label=label, repeats=tuple(repeats), curve=curve, labels=reaches, area=area,
        coverage=np.array(cover), waste=_waste(mine), seconds=_seconds(mine),
    )  # fmt: skip


def _tries(row: Mapping[str, Any], problem: Problem, setup: Setup, target: float | None) -> int | None:
    """Tries after the shared designs until the target was met; 0 where one of them met it.

    Drawn with replacement the shared rows do not count: the strategy has to pick the row itself.
    """
    if target is None:
        return None
    shared = row["initial"]
    values = row["values"][shared:] if setup.replacement else row["values"]
    skipped = 0 if setup.replacement else shared
    for i in range(len(values)):
        if hit([values[i]], target, problem.minimize):
            return max(0, i + 1 - skipped)
    return None


def _regret(row: Mapping[str, Any], problem: Problem, setup: Setup, optimum: float | None) -> list[float]:
    """Distance of the best true value so far from the optimum, (trials + 1,); NaN while there is none."""
    sign, best = 1.0 if problem.minimize else -1.0, math.inf
    curve = []
    for i, value in enumerate(row["values"], start=1):
        best = best if value is None else min(best, sign * value)
        if i >= row["initial"]:
            curve.append(best)
    curve = ([math.inf] if not row["initial"] else []) + curve
    curve += [best] * (setup.trials + 1 - len(curve))
    top = math.nan if optimum is None else sign * optimum
    return [max(0.0, v - top) if math.isfinite(v) else math.nan for v in curve]


def _labels(row: Mapping[str, Any], threshold: Threshold) -> int | None:
    """Labels at which the error falls below the threshold and is still there at the next judgement."""
    known = len(row["labels"])
    below = [all(row["rmse"][m][i] <= e for m, e in threshold.errors.items()) for i in range(known)]
    for i, n in enumerate(row["labels"]):
        if below[i] and below[min(i + 1, known - 1)]:
            return int(n)
    return None


def _waste(rows: Sequence[Mapping[str, Any]]) -> Array:
    return np.array([float(np.mean([v is None for v in row["values"]])) for row in rows])


def _seconds(rows: Sequence[Mapping[str, Any]]) -> float:
    return float(np.mean([row["cpu_seconds"] for row in rows]))
