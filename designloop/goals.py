"""How well a run's model knows what is to be learned, and whether that is enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from designloop.campaign.model import Aim, Goal
from designloop.oracle import Value
from designloop.record import RunRecord, TrialRecord
from designloop.space import Space

if TYPE_CHECKING:
    from designloop.learning.saved import SavedModel

Array = NDArray[np.float64]
FEWEST = 10
"""Labels that a judgement needs at least; with many parameters two per parameter and two more."""
TWICE = 2
"""So many assessments in a row must meet every aim: a single lucky one does not end a campaign."""
SCOPE = 16
"""Designs in scope that such a summary needs at least."""
CONSTANT = ("rmse", "noise", "predicted", "model", "mean", "sd", "relative", "spread")
SPREAD = 512
"""Designs over which spread, mean and the model's own error are taken."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Designs with known answers that no strategy sees: {metric: (n,)} in the metric's unit."""

    designs: Sequence[Mapping[str, Value]]
    values: Mapping[str, Array]


def assess(
    run: RunRecord, goal: Goal, *, saved: SavedModel, space: Space, truth: Truth | None = None
) -> dict[str, Any]:
    """Errors of ``saved`` on every aim, as JSON: what a proposal's ``progress`` holds.

    Per metric, in its unit: ``rmse`` between prediction and judged answers, ``noise`` (root mean square of
    their standard errors), ``predicted`` (root mean square of the model's own sd over the scope), and
    ``model``: what is left of the rmse without the noise, but never less than ``predicted`` (unless exact
    answers at designs that nobody learned from tell it directly). ``mean`` and ``sd`` of the response over
    the scope, as the model predicts both, turn it into ``relative`` and ``spread``. A metric whose labels are
    all alike is known.
    """
    from designloop.learning.models import predict

    expected = _in_scope(run, predict(saved, _over(space)))
    judged = _judged(run, goal, saved, truth)
    errors: dict[str, dict[str, Any]] = {}
    for aim in goal.aims:
        if is_constant(run, aim.metric):
            errors[aim.metric] = dict.fromkeys(CONSTANT, 0.0) | {"designs": len(labelled(run))}
            continue
        residual, noise = judged.get(aim.metric, (np.empty(0), np.empty(0)))
        if aim.metric not in expected or not len(residual):
            continue
        mean, sd = (np.asarray(v, dtype=float) for v in expected[aim.metric])
        rmse, own = _rms(residual), _rms(sd)
        measured = math.sqrt(max(rmse**2 - _rms(noise) ** 2, 0.0))
        direct = goal.by != "leave_one_out" and not noise.any()
        model = measured if direct else max(measured, own)
        scale, spread = float(np.abs(mean).mean()), float(mean.std())
        errors[aim.metric] = {
            "rmse": rmse, "noise": _rms(noise), "predicted": own, "model": model, "designs": len(residual),
            "mean": scale, "sd": spread,
            "relative": model / scale if scale else None, "spread": model / spread if spread else None,
        }  # fmt: skip
    return {"labels": len(labelled(run)), "by": goal.by, "errors": errors}


def labelled(run: RunRecord) -> list[TrialRecord]:
    """Trials that a model may learn from."""
    return [t for t in run.trials if t.origin != "held_out" and t.status in ("completed", "infeasible")]


def ratio(aim: Aim, errors: Mapping[str, Any]) -> float | None:
    """Error over aim: at or below 1 the aim is met; None while it is not known."""
    found = errors.get(aim.metric)
    if found is None:
        return None
    value = found["model" if aim.kind == "absolute" else aim.kind]
    return None if value is None else float(value) / aim.error


def worst(goal: Goal, progress: Mapping[str, Any] | None) -> float | None:
    """The largest error over aim; None while one of them is not known."""
    ratios = [ratio(aim, (progress or {}).get("errors", {})) for aim in goal.aims]
    known = [r for r in ratios if r is not None]
    return max(known) if known and len(known) == len(ratios) else None


def progresses(run: RunRecord) -> list[Mapping[str, Any]]:
    """What was known at each assessment, in order."""
    return [p["progress"] for p in run.proposals if p.get("progress")]


def labels_needed(dimension: int) -> int:
    """Labels that a judgement of a goal over ``dimension`` parameters needs at least."""
    return max(FEWEST, 2 * dimension + 2)


def reached(run: RunRecord, goal: Goal, *, dimension: int) -> bool:
    """Whether the last assessments meet every aim."""
    recent = [p for p in progresses(run) if "errors" in p][-TWICE:]
    enough = len(recent) == TWICE and recent[-1]["labels"] >= labels_needed(dimension)
    ratios = [worst(goal, p) for p in recent]
    return enough and all(r is not None and r <= 1.0 for r in ratios)


def aim_text(aim: Aim, errors: Mapping[str, Any], *, unit: str = "") -> str:
    """One aim against what is known, as ``H_mean 2.1 % against 5 %``; ``unit`` is the metric's."""
    found = ratio(aim, errors)
    if found is None:
        return f"{aim.metric} not known yet"
    value = found * aim.error
    shown = f"{value:.3g} {unit}".rstrip() if aim.kind == "absolute" else f"{100 * value:.3g} %"
    return f"{aim.metric} {shown} against {aim.label}"


def is_constant(run: RunRecord, metric: str) -> bool:
    """Whether all labels, FEWEST at least, are alike: then nothing is left to learn."""
    values = [t.metrics[metric].value for t in labelled(run) if metric in t.metrics]
    return len(values) >= FEWEST and max(values) == min(values)


def _in_scope(run: RunRecord, expected: Mapping[str, tuple[Array, Array]]) -> dict[str, tuple[Array, Array]]:
    """Predictions at designs whose predicted means meet the constraints; all where hardly any do."""
    keep = np.ones(len(next(iter(expected.values()))[0]), dtype=bool)
    for c in run.campaign.get("constraints") or ():
        if c["metric"] in expected:
            mean = np.asarray(expected[c["metric"]][0])
            keep &= mean <= c["bound"] if c["relation"] == "<=" else mean >= c["bound"]
    if keep.sum() < SCOPE:
        keep[:] = True
    return {m: (np.asarray(mean)[keep], np.asarray(sd)[keep]) for m, (mean, sd) in expected.items()}


def _over(space: Space) -> list[dict[str, Value]]:
    """Designs spread over the allowed space."""
    from scipy.stats import qmc

    designs: list[dict[str, Value]] = []
    engine = qmc.Sobol(space.dimension, rng=0)
    for _ in range(16):
        found = space.from_unit(engine.random(SPREAD))
        designs += [d for d, good in zip(found, space.feasible(found), strict=True) if good]
        if len(designs) >= SPREAD // 2:
            break
    return designs[:SPREAD] or space.from_unit(np.full((1, space.dimension), 0.5))


def _judged(
    run: RunRecord, goal: Goal, saved: SavedModel, truth: Truth | None
) -> dict[str, tuple[Array, Array]]:
    """Residuals and standard errors (n,) of every aim at the feasible designs that judge it."""
    from designloop.learning.models import leave_one_out, predict

    metrics = [aim.metric for aim in goal.aims]
    found: dict[str, tuple[Array, Array]] = {}
    if goal.by == "leave_one_out":
        for metric, loo in leave_one_out(saved).items():
            rows = [i for i, t in enumerate(loo.trials) if t >= 0 and run.is_feasible(run.trials[t])]
            if metric in metrics:
                trials = [run.trials[loo.trials[i]] for i in rows]
                found[metric] = np.asarray(loo.observed - loo.mean, dtype=float)[rows], _sems(trials, metric)
    elif goal.by == "held_out":
        tests = [t for t in run.trials if t.origin == "held_out" and run.is_feasible(t)]
        means = predict(saved, [dict(t.design) for t in tests]) if tests else {}
        for metric in (m for m in metrics if m in means):
            rows = [i for i, t in enumerate(tests) if t.value(metric) is not None]
            trials = [tests[i] for i in rows]
            observed = np.array([t.metrics[metric].value for t in trials])
            found[metric] = observed - means[metric][0][rows], _sems(trials, metric)
    elif truth is not None:
        means = predict(saved, truth.designs)
        for metric in (m for m in metrics if m in means and m in truth.values):
            residual = np.asarray(truth.values[metric] - means[metric][0], dtype=float)
            residual = residual[np.isfinite(residual)]
            found[metric] = residual, np.zeros(len(residual))
    return found


def _sems(trials: Sequence[TrialRecord], metric: str) -> Array:
    return np.array([t.metrics[metric].sem or 0.0 for t in trials], dtype=float)


def _rms(values: Array) -> float:
    return float(np.sqrt((np.asarray(values, dtype=float) ** 2).mean())) if len(values) else 0.0
