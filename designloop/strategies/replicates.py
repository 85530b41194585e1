"""When to evaluate a design again instead of a new one: where the noise outweighs what is not known."""

from __future__ import annotations

import numpy as np

from designloop.strategies.knowledge import Knowledge
from designloop.strategies.scores import integrated
from designloop.strategies.search import SNAP, Array, Search

EXACT = 1e-5
"""Noise variances in model units up to this are those of exact labels."""


def replicate_of(knowledge: Knowledge, search: Search, unit: Array, nodes: Array) -> Array | None:
    """The labelled design (d,) that is worth a repeat more than ``unit`` (d,) a label, or None.

    Asked only where labels state a standard error (a misfit model takes its own errors for noise), and where
    at ``unit`` the noise variance is larger than the learner's own. Then the design counts that takes more
    variance from ``nodes`` (u, d). Source: Binois, Huang, Gramacy, Ludkovski 2019, "Replication or
    exploration? Sequential design for stochastic simulation experiments".
    """
    stated = np.nan_to_num(knowledge.labels.noise, nan=0.0) > EXACT
    if stated.mean() < 0.5:
        return None
    if knowledge.aleatoric().mean() <= (knowledge.epistemic(unit[None]) ** 2).mean():
        return None
    designs = _repeatable(knowledge, search)
    if not len(designs):
        return None
    taken = integrated(knowledge, nodes)(np.vstack([designs, unit]))
    best = int(taken[:-1].argmax())
    return designs[best] if taken[best] > taken[-1] else None


def _repeatable(knowledge: Knowledge, search: Search) -> Array:
    """Labelled designs that the campaign allows and that nobody is evaluating now, (k, d)."""
    believed = np.array(knowledge.trials) < 0
    unit, busy = knowledge.labels.unit[~believed], knowledge.labels.unit[believed]
    inside = ((unit >= 0.0) & (unit <= 1.0)).all(-1)
    unit = np.unique(unit[inside], axis=0)
    unit = unit[search.meets(unit)]
    unit = unit[(np.abs(search.snap(unit) - unit) < SNAP).all(-1)] if len(unit) else unit
    gaps = np.abs(unit[:, None] - busy[None]).max(-1).min(1, initial=np.inf)
    return np.asarray(unit[gaps > SNAP])
