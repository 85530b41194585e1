"""Maximization of an acquisition function over a search: exhaustive, or pool and local refinement."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from designloop.strategies.base import StrategyExhausted
from designloop.strategies.search import Search, climb

Array = NDArray[np.float64]
Acquisition = Callable[[Tensor], Tensor]

POOL = 512
STARTS = 4
CHUNK = 2048


def maximize(
    acquisition: Acquisition, search: Search, *, anchors: Array, seed: int, whole: bool = True
) -> tuple[Array, float]:
    """The best allowed design and its value: ((d,), float).

    ``acquisition`` maps (b, 1, d) to (b,); ``anchors`` (k, d) are good known designs to look around.
    Small finite spaces are searched exhaustively (where ``whole`` allows it). Otherwise a feasible
    quasi-random pool is scored, the best points are refined with gradients under the input constraints,
    snapped, and improved by single grid steps. Raises StrategyExhausted where nothing is left.
    """
    if whole and search.exhaustive:
        return _best(acquisition, search.everything())
    pool = feasible_pool(search, anchors=anchors, seed=seed)
    values = evaluate(acquisition, pool)
    starts = _spread(pool, values, STARTS)
    refined = _refine(acquisition, search, starts)
    snapped = search.snap(refined)
    if not search.continuous:
        snapped = np.vstack([snapped, search.onto_feasible(refined[~search.meets(snapped)])])
    ends = np.vstack([snapped[search.allowed(snapped)], starts[:1]])
    point, value = _best(acquisition, ends)
    return (point, value) if search.continuous else climb(partial(_best, acquisition), search, point, value)


def evaluate(acquisition: Acquisition, unit: Array) -> Array:
    """Values (k,) at (k, d), without gradients; NaN counts as minus infinity."""
    with torch.no_grad():
        chunks: Any = torch.split(torch.as_tensor(unit).unsqueeze(1), CHUNK)
        values = torch.cat([acquisition(c) for c in chunks]).numpy()
    return np.where(np.isnan(values), -np.inf, values)


def feasible_pool(search: Search, *, anchors: Array, seed: int, size: int = POOL) -> Array:
    """Allowed snapped designs, (k, d): quasi-random ones and neighbours of the anchors.

    Raises StrategyExhausted where none can be found.
    """
    from scipy.stats import qmc

    d = len(search.space.parameters)
    engine = qmc.Sobol(d, rng=seed)
    rng = np.random.default_rng(seed)
    found = [_around(anchors, rng, size // 4)] if len(anchors) else []
    kept = np.empty((0, d))
    for _ in range(5):
        found.append(engine.random(size))
        snapped = search.snap(np.vstack(found))
        kept = np.vstack([kept, snapped[search.allowed(snapped)]])
        if len(kept) >= POOL // 2:
            return kept
        found, size = [], 2 * size
    return _thicken(search, kept, rng)


def _around(anchors: Array, rng: np.random.Generator, count: int) -> Array:
    """Points about the anchors at four widths, some coordinates left as they are."""
    rows = anchors[np.arange(count) % len(anchors)]
    width = np.array([0.003, 0.01, 0.03, 0.1])[np.arange(count) // len(anchors) % 4, None]
    moved = rng.random(rows.shape) < max(0.5, 2.0 / rows.shape[1])
    return np.asarray(np.clip(rows + width * rng.standard_normal(rows.shape) * moved, 0.0, 1.0))


def _thicken(search: Search, kept: Array, rng: np.random.Generator) -> Array:
    """More points of a small feasible region: a random walk from those known to lie in it."""
    inside = np.vstack([kept, search.tried[search.meets(search.tried)]])
    if not len(inside):
        inside = _descend(search, rng)
    for _ in range(4):
        rows = inside[rng.integers(len(inside), size=POOL)] if len(inside) else inside
        width = 10.0 ** rng.uniform(-4.5, -0.7, (len(rows), 1))
        moved = search.snap(np.clip(rows + width * rng.standard_normal(rows.shape), 0.0, 1.0))
        inside = np.vstack([inside, moved[search.meets(moved)]])
    _, first = np.unique(np.round(inside, 9), axis=0, return_index=True)
    inside = inside[np.sort(first)]
    inside = inside[search.allowed(inside)]
    if len(inside):
        return inside
    raise StrategyExhausted(
        "No untried design that meets the input constraints was found. "
        "Widen a range, use finer steps, or relax a constraint."
    )


def _descend(search: Search, rng: np.random.Generator) -> Array:
    """Designs that meet the input constraints, by descent on their violation from random points."""
    from scipy import optimize

    minimize: Any = optimize.minimize
    starts = rng.random((32, len(search.space.parameters)))
    scale = np.maximum(np.abs(np.asarray(search.space.slack_of_unit(starts))).max(0), 1e-300)

    def violation(flat: Array) -> float:
        slack = np.asarray(search.space.slack_of_unit(flat[None]))[0] / scale
        return float((np.minimum(slack - 1e-6, 0.0) ** 2).sum() * 1e6)

    bounds = [(0.0, 1.0)] * starts.shape[1]
    ends = np.stack([minimize(violation, s, method="L-BFGS-B", bounds=bounds).x for s in starts])
    ends = np.vstack([search.snap(ends), search.onto_feasible(ends)])
    return ends[search.meets(ends)]


def _best(acquisition: Acquisition, unit: Array) -> tuple[Array, float]:
    if not len(unit):
        raise StrategyExhausted("Every design that the campaign allows has been tried.")
    values = evaluate(acquisition, unit)
    i = int(values.argmax())
    return unit[i], float(values[i])


def _spread(pool: Array, values: Array, count: int) -> Array:
    """The best points of a pool that keep a distance from each other, best first."""
    kept: list[int] = []
    order = np.argsort(-values, kind="stable")
    for gap in (0.1, 0.01):
        for i in order:
            if len(kept) < count and all(np.abs(pool[i] - pool[k]).max() > gap for k in kept):
                kept.append(int(i))
    return pool[kept]


def _refine(acquisition: Acquisition, search: Search, starts: Array) -> Array:
    """Local maxima from the starts by BoTorch; the constrained search only where a constraint is in the way.

    Unordered choices stay: the features carry no gradient in them.
    """
    if bool(search.fixed.all()):
        return starts
    ends = ascend(acquisition, starts[:, None], {"maxiter": 50})[:, 0]
    for k, i in enumerate(np.flatnonzero(~search.meets(ends))):
        inside = within(acquisition, search, starts[i : i + 1])[0] if k < 2 else ends[i]
        ends[i] = onto(search, starts[i], inside)
    return ends


def ascend(acquisition: Acquisition, starts: Array, options: dict[str, Any], **constraints: Any) -> Array:
    """Ends (k, q, d) of L-BFGS-B from the starts (k, q, d), or of SLSQP under constraints."""
    from botorch.generation import gen_candidates_scipy

    ends, _ = gen_candidates_scipy(
        torch.as_tensor(starts), acquisition, 0.0, 1.0, options=options, **constraints
    )
    return np.asarray(ends.numpy())


def within(acquisition: Acquisition, search: Search, start: Array) -> Array:
    """The end (q, d) of sequential quadratic programming (Kraft 1988), each design under the constraints."""
    space = search.space
    jacobian: Any = torch.autograd.functional.jacobian
    slopes: Tensor = torch.stack([jacobian(space.slack_of_unit, u) for u in torch.as_tensor(start)])
    scale = slopes.abs().amax((0, -1)).clamp_min(1e-12)
    rows: Any = [(lambda u, m=m: space.slack_of_unit(u)[m] / scale[m], True) for m in range(len(scale))]
    ends = ascend(
        acquisition, start[None], {"maxiter": 25, "ftol": 1e-7}, nonlinear_inequality_constraints=rows
    )
    return np.asarray(ends[0])


def onto(search: Search, start: Array, end: Array) -> Array:
    """The last point (d,) on the way from a feasible start to ``end`` that meets the constraints."""
    if not np.isfinite(end).all():
        return start
    share = np.append(1.0 - np.geomspace(1e-9, 1.0, 40), 1.0)
    way = start + np.unique(share)[::-1, None] * (end - start)
    good = search.meets(way)
    return np.asarray(way[int(good.argmax())]) if good.any() else start
