"""Maximization of a batch's acquisition function over all coordinates of its designs together."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from designloop.strategies.base import StrategyExhausted
from designloop.strategies.maximize import CHUNK, Acquisition, Array, ascend, evaluate, maximize, onto, within
from designloop.strategies.search import Search


def maximize_batch(
    acquisition: Acquisition, search: Search, batch: Array, *, seed: int
) -> tuple[Array, float]:
    """A batch at least as good as ``batch``, and its value: ((q, d), float).

    ``acquisition`` maps (b, q, d) to (b,); ``batch`` (q, d) holds distinct allowed designs. All q x d
    coordinates but unordered choices follow the gradient under the input constraints, and each design is
    snapped. Where that meets grids or choices, each design in turn is chosen anew, the others held; so it
    is in small finite spaces, whose batches are too many to look at. The designs stay distinct.
    """
    found = batch, _settled(search, batch, _refined(acquisition, search, batch))
    values = [_value(acquisition, b) for b in found]
    best, value = found[int(np.argmax(values))], max(values)
    if search.continuous:
        return best, value
    for k in range(len(best)):
        best, value = _chosen_anew(acquisition, search, best, k, value, seed=seed)
    return best, value


def _chosen_anew(
    acquisition: Acquisition, search: Search, batch: Array, k: int, value: float, *, seed: int
) -> tuple[Array, float]:
    """The batch of that ``value`` with the best design found for place ``k``, and its value."""
    few = search.space.size is not None and search.space.size <= CHUNK
    conditional, others = partial(_with_others, acquisition, batch, k), _others(search, batch, k)
    try:
        point, gain = maximize(conditional, others, anchors=batch, seed=seed, whole=few)
    except StrategyExhausted:
        return batch, value
    return (np.vstack([batch[:k], point, batch[k + 1 :]]), gain) if gain > value else (batch, value)


def _refined(acquisition: Acquisition, search: Search, batch: Array) -> Array:
    """The local maximum (q, d) from ``batch``, each design drawn back to where it meets the constraints."""
    if bool(search.fixed.all()):
        return batch
    ends = ascend(acquisition, batch[None], {"maxiter": 100})[0]
    if not search.meets(ends).all():
        ends = within(acquisition, search, batch)
        ends = np.stack([onto(search, a, b) for a, b in zip(batch, ends, strict=True)])
    return np.where(np.isfinite(ends), ends, batch)


def _settled(search: Search, batch: Array, ends: Array) -> Array:
    """The ends snapped; a design that would not be allowed, or meet another, stays as it was."""
    batch = batch.copy()
    for k, point in enumerate(search.snap(ends)):
        if _others(search, batch, k).allowed(point[None])[0]:
            batch[k] = point
    return batch


def _others(search: Search, batch: Array, k: int) -> Search:
    """The search of design ``k``, which must keep apart from the others of the batch."""
    return search.with_tried(np.delete(batch, k, 0))


def _with_others(acquisition: Acquisition, batch: Array, k: int, X: Tensor) -> Tensor:
    """Values (b,) of the batch with design ``k`` replaced by each of X (b, 1, d)."""
    whole: Any = torch.as_tensor(batch).repeat(len(X), 1, 1)
    whole[:, k] = X[:, 0]
    return acquisition(whole)


def _value(acquisition: Acquisition, batch: Array) -> float:
    return float(evaluate(partial(_with_others, acquisition, batch, 0), batch[:1])[0])
