"""Maximization without gradients, for criteria that are cheap on many designs at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from designloop.strategies.base import StrategyExhausted
from designloop.strategies.maximize import feasible_pool
from designloop.strategies.search import Array, Search, climb

Values = Callable[[Array], Array]

POOL = 1024
BEST = 8
"""Designs that each round looks around."""
WIDTHS = (0.1, 0.03, 0.01, 0.003, 0.001)
"""Standard deviations of the rounds' steps, on the unit cube."""
ROUND = 256
BREACH = 1e3
"""Penalty of differential evolution per unit of relative breach, in spreads of the values."""


def maximize(values: Values, search: Search, *, anchors: Array, seed: int) -> tuple[Array, float]:
    """The best allowed design found, and its value: ((d,), float).

    ``values`` maps (k, d) to (k,), larger is better; ``anchors`` (k, d) are designs to look around. Small
    finite spaces are searched exhaustively; otherwise a feasible quasi-random pool is scored, then rounds
    of ever smaller steps about its best, then single grid steps and choices while they improve. Raises
    StrategyExhausted where nothing is left.
    """
    if search.exhaustive:
        return _best(values, search.everything())
    pool = feasible_pool(search, anchors=anchors, seed=seed, size=POOL)
    found = _scored(values, pool)
    rng = np.random.default_rng(seed)
    for width in WIDTHS:
        order = np.argsort(-found, kind="stable")[:BEST]
        pool, found = pool[order], found[order]
        near = search.snap(_stepped(pool, rng, width))
        near = near[search.allowed(near)]
        pool, found = np.vstack([pool, near]), np.append(found, _scored(values, near))
    i = int(found.argmax())
    return climb(partial(_best, values), search, pool[i], float(found[i]))


def differential_evolution(
    values: Values, search: Search, *, seed: int, vectorized: bool = True
) -> tuple[Array, float]:
    """The best design by SciPy's differential evolution with its published defaults: ((d,), float).

    Population 15 d, mutation 0.5 to 1, recombination 0.7, up to 1000 generations, polished. Designs are
    snapped before they are scored; what breaks an input constraint or was tried is penalized. ``vectorized``
    scores one generation at once (deferred updating). An end that is not allowed gives way to the best of
    ``maximize``. Source: Storn, Price 1997.
    """
    from scipy import optimize

    d = len(search.space.parameters)
    scale = _spread(values, d, seed)

    def cost(flat: Array) -> Any:
        unit = search.snap(np.atleast_2d(np.asarray(flat).T))
        found = scale * BREACH * _breach(search, unit) - np.maximum(_scored(values, unit), -1e6 * scale)
        return found if np.ndim(flat) > 1 else float(found[0])

    evolve: Any = optimize.differential_evolution
    updating = "deferred" if vectorized else "immediate"
    end = evolve(cost, [(0.0, 1.0)] * d, rng=seed, vectorized=vectorized, updating=updating).x
    unit = search.snap(np.clip(end, 0.0, 1.0)[None])
    if search.allowed(unit)[0]:
        return unit[0], float(_scored(values, unit)[0])
    return maximize(values, search, anchors=unit, seed=seed)


def _breach(search: Search, unit: Array) -> Array:
    """How far designs (k, d) break what is allowed, (k,); 0 where they are allowed."""
    if not len(unit):
        return np.empty(0)
    slack = np.asarray(search.space.slack_of_unit(unit), dtype=float)
    size = np.maximum(np.abs(slack).max(0, initial=0.0), 1e-300)
    worst = np.maximum(-slack / size, 0.0).sum(-1)
    return np.where(search.allowed(unit), 0.0, 1.0 + worst)


def _spread(values: Values, d: int, seed: int) -> float:
    found = _scored(values, np.random.default_rng(seed).random((64, d)))
    found = found[np.isfinite(found)]
    return float(np.ptp(found)) or 1.0 if len(found) else 1.0


def _scored(values: Values, unit: Array) -> Array:
    """Values (k,); NaN counts as minus infinity."""
    if not len(unit):
        return np.empty(0)
    found = np.asarray(values(unit), dtype=float)
    return np.where(np.isnan(found), -np.inf, found)


def _best(values: Values, unit: Array) -> tuple[Array, float]:
    if not len(unit):
        raise StrategyExhausted("Every design that the campaign allows has been tried.")
    found = _scored(values, unit)
    i = int(found.argmax())
    return unit[i], float(found[i])


def _stepped(points: Array, rng: np.random.Generator, width: float) -> Array:
    """Points about each of ``points`` (k, d), some coordinates left as they are."""
    rows = np.repeat(points, -(-ROUND // len(points)), axis=0)
    moved = rng.random(rows.shape) < max(0.5, 2.0 / rows.shape[1])
    return np.asarray(np.clip(rows + width * rng.standard_normal(rows.shape) * moved, 0.0, 1.0))
