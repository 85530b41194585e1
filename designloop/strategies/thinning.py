"""Which trials a Gaussian process learns from where there are more than it can take.

Distances are taken on the unit cube in lengthscales of the last fit. The best designs stay. Then, one after
another, the design stays that lies furthest from those kept, in units of its own distance from the best: so
every scale about the best designs gets its share, and no hole is left where trials are. A campaign that
learns a response has no best designs, and keeps all places alike.
Farthest points: Gonzalez 1985, "Clustering to minimize the maximum intercluster distance".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from designloop.learning.features import Encoder
from designloop.learning.kernels import Array
from designloop.strategies.base import History, Problem, Trial
from designloop.strategies.places import places_of

BEST = 8
"""Best designs that stay in any case."""
NEAR = 0.01
"""Lengthscales from the best design within which all distances count alike."""


def ended(history: History) -> int:
    """How many trials have ended, with or without an answer."""
    return sum(t.status != "pending" for t in history.trials)


def thinned(problem: Problem, history: History, *, most: int, encoder: Encoder) -> History:
    """The history with at most ``most`` of the trials that ended, in their order; pending ones all stay.

    It depends on the history alone.
    """
    done = [k for k, t in enumerate(history.trials) if t.status != "pending"]
    if len(done) <= most:
        return history
    trials = [history.trials[k] for k in done]
    unit, d = places_of(problem, trials), len(problem.space.parameters)
    features = encoder.features(unit[:, :d]) / _scale(problem, history, encoder)
    points = np.hstack([features, unit[:, d:]])  # two fidelities stand a lengthscale apart
    best = [] if problem.learn else _best(problem, trials)[: min(BEST, most)]
    kept = {done[i] for i in _farthest(points, best, most)}
    chosen = tuple(t for k, t in enumerate(history.trials) if t.status == "pending" or k in kept)
    return replace(history, trials=chosen)


def diagnosed(*, used: int, of: int) -> dict[str, Any]:
    """For a proposal's diagnostics: how many trials the model learned from, where that is not all of them."""
    return {} if used == of else {"data": {"used": used, "of": of}}


def _scale(problem: Problem, history: History, encoder: Encoder) -> Array:
    """Lengthscales of the objective's last fit, 1 before."""
    known = (history.fit or {}).get("metrics", {}).get(problem.metric, {}).get("lengthscales", ())
    scales = np.asarray(known, dtype=float) if len(known) == encoder.dimension else np.ones(encoder.dimension)
    return np.asarray(scales[encoder.groups])


def _best(problem: Problem, trials: Sequence[Trial]) -> list[int]:
    """Trials with a value of the objective: by how many bounds they break, then by value."""
    sign = 1.0 if problem.minimize else -1.0
    found = []
    for i, trial in enumerate(trials):
        known = trial.metrics.get(problem.metric)
        if known is not None and math.isfinite(known.value):
            found.append((_broken(problem, trial), sign * known.value, i))
    return [i for _, _, i in sorted(found)]


def _broken(problem: Problem, trial: Trial) -> int:
    """How many bounds the trial is not seen to meet."""
    count = 0
    for bound in problem.bounds:
        known = trial.metrics.get(bound.metric)
        low = -math.inf if bound.lower is None else bound.lower
        high = math.inf if bound.upper is None else bound.upper
        count += known is None or not low <= known.value <= high
    return count


def _farthest(points: Array, best: Sequence[int], most: int) -> list[int]:
    """``best`` and, in turn, the rows of ``points`` (n, D) that lie furthest from those chosen."""
    chosen = list(best) or [0]
    gaps = np.full(len(points), np.inf)
    for i in chosen:
        gaps = np.minimum(gaps, _gaps(points, i))
    weight = 1.0 / (NEAR**2 + gaps) if len(best) else np.ones(len(points))
    gaps[chosen] = -1.0
    while len(chosen) < most:
        i = int((gaps * weight).argmax())
        chosen.append(i)
        gaps = np.minimum(gaps, _gaps(points, i))
        gaps[i] = -1.0
    return chosen


def _gaps(points: Array, i: int) -> Array:
    """Squared distances of all rows from row ``i``."""
    offset = points - points[i]
    return np.asarray(np.einsum("ij,ij->i", offset, offset))
