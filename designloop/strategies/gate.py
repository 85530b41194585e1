"""The gate: whether a committee's choices may be believed, judged at places that nobody chose.

Labels T of the initial design, of shadows and of the fall-back are a fair sample of the space; chosen ones
are not. With leave-one-out residuals e and the learner's mean mu,

    rho = sqrt( mean over T of e^2 / variance of mu over the space )

estimates the relative error of the map, on the high side. A map with rho > LIMIT explains too little for its
disagreement to mean much: space-filling designs are proposed instead. Each of them is a fair label, rho is
judged anew at every proposal, and the gate opens as soon as it falls. Every label is charged to the budget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from designloop.learning.committees.base import Committee, Labels, out_of_bag
from designloop.learning.gp import MetricModel
from designloop.learning.kernels import Array
from designloop.strategies.base import History, Trial

State = Literal["committee", "random"]
SHADOW = "shadow"
FALLBACK = "gate_random"
FAIR = ("random", "sobol", "latin_hypercube", SHADOW, FALLBACK)
"""Generators whose designs are a fair sample of the space."""
LIMIT = 0.7
"""Largest relative error rho with which choices are believed."""
PATIENCE = 8
"""Labels per dimension before the gate may close."""
FEWEST = 5
"""Fair labels before the gate may close."""
WITHIN = 1.96


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Leave-one-out (or out-of-bag) residuals of trials: ``residual`` and ``sd`` (n, m), in model units."""

    trials: tuple[int, ...]
    residual: Array
    sd: Array


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What proposes now; ``since``: the trial from which random designs are proposed; ``figures``: JSON."""

    state: State
    since: int | None
    text: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For the journal: state, since, text and figures on one level."""
        return {"state": self.state, "since": self.since, "text": self.text, **self.figures}


def is_shadow(position: int, every: int) -> bool:
    """Whether the pick at ``position`` (0, 1, ... after the initial design) is random; ``every`` 0: never."""
    return every > 0 and position % every == every - 1


def is_fair(trial: Trial) -> bool:
    """Whether the place of a trial was left to chance."""
    return trial.generator in FAIR


def left_out(models: Sequence[MetricModel]) -> LeftOut:
    """Leave-one-out of Gaussian processes in closed form, hyper-parameters kept, for trials that all have.

    residual_i = alpha_i / (K^-1)_ii, var_i = 1 / (K^-1)_ii: Rasmussen, Williams 2006, equation 5.12.
    """
    precision = [(m.whitener**2).sum(0) for m in models]
    shared = [t for t in models[0].trials if all(t in m.trials for m in models)]
    rows = [[m.trials.index(t) for t in shared] for m in models]
    each = list(zip(models, precision, rows, strict=True))
    return LeftOut(
        trials=tuple(shared),
        residual=np.stack([(m.alpha / p)[r] for m, p, r in each], axis=-1),
        sd=np.stack([p[r] ** -0.5 for _, p, r in each], axis=-1),
    )


def left_out_of_bag(committee: Committee, labels: Labels, trials: Sequence[int]) -> LeftOut:
    """Each of ``labels`` (n) by the members that did not see it; labels that all members saw are dropped.

    ``sd``: the members' spread and the label's noise together.
    """
    predictions = committee.predict(labels.unit)
    noise = np.where(np.isnan(labels.noise), committee.aleatoric, labels.noise)
    judged = np.flatnonzero(~committee.rows.all(axis=0))
    sd = np.sqrt(predictions.var(axis=0, ddof=1) + noise)
    return LeftOut(
        trials=tuple(trials[i] for i in judged.tolist()),
        residual=(labels.z - out_of_bag(predictions, committee.rows))[judged],
        sd=np.maximum(sd[judged], 1e-9),
    )


def relative_error(residual: Array, means: Array) -> Array:
    """rho per metric, (m,), from fair residuals (n, m) and the learner's means at fair places (k, m)."""
    spread = np.asarray(means).var(0)
    return np.asarray(np.sqrt((np.asarray(residual) ** 2).mean(0) / np.maximum(spread, 1e-300)))


def judge(
    history: History, *, metrics: Sequence[str], left_out: LeftOut, means: Array, dimension: int
) -> Verdict:
    """Whether the committee's choices may be believed: a pure function of the history and the learner.

    ``means`` (k, m): the learner's means at a fair sample of the space. Of several metrics the best explained
    one decides: a committee is of use as long as it learns one of them. Figures: ``relative_error`` by
    metric; at fair labels ``calibration`` (mean of (e / sd)^2, near 1 where the model is honest, above 2
    where it is too sure of itself) and ``coverage`` (share of |e / sd| <= 1.96).
    """
    fair = _fair(history, left_out.trials)
    labels, count = _labels(history), int(fair.sum())
    figures: dict[str, Any] = {"labels": labels, "fair": count, "shadows": _shadows(history), "limit": LIMIT}
    if count < FEWEST or labels < PATIENCE * dimension:
        text = f"The gate judges from {FEWEST} labels at random places and {PATIENCE * dimension} in all on."
        return Verdict(state="committee", since=None, text=text, figures=figures)
    rho = relative_error(left_out.residual[fair], means)
    scores = left_out.residual[fair] / left_out.sd[fair]
    figures |= {
        "relative_error": {m: min(float(v), 1e9) for m, v in zip(metrics, rho, strict=True)},
        "coverage": float((np.abs(scores) <= WITHIN).mean()),
        "calibration": float((scores**2).mean()),
    }
    best = float(rho.min())
    if best <= LIMIT:
        text = f"The committee proposes: relative error {best:.2f} at places that nobody chose."
        return Verdict(state="committee", since=None, text=text, figures=figures)
    since = _since(history)
    text = (
        f"The model explains too little at places that nobody chose (relative error {best:.2g} > "
        f"{LIMIT:.2f}): using random since #{since}."
    )
    return Verdict(state="random", since=since, text=text, figures=figures)


def _fair(history: History, trials: Sequence[int]) -> NDArray[np.bool_]:
    fair = {t.index for t in history.trials if is_fair(t)}
    return np.array([i in fair for i in trials], dtype=bool)


def _labels(history: History) -> int:
    return sum(t.status == "completed" for t in history.trials)


def _shadows(history: History) -> int:
    return sum(t.generator == SHADOW for t in history.trials)


def _since(history: History) -> int:
    """The first trial of the fall-back that lasts until now, or the next one."""
    following = 1 + max((t.index for t in history.trials), default=-1)
    for trial in sorted(history.trials, key=lambda t: -t.index):
        if trial.generator != FALLBACK:
            break
        following = trial.index
    return following
