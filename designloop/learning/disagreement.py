"""How much the members of a committee disagree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Over = Literal["sum", "mean", "max"]

BLOCK = 256
"""Designs predicted together: the predictions of more fall out of the processor's cache."""


def disagreement(predictions: Array, *, over: Over = "sum") -> Array:
    """s2(x) = sum over members of (f(x) - mean f(x))^2, for ``predictions`` (members, k, m): (k,).

    The squares of a vector output are put together ``over`` its scaled outputs: their sum (the squared
    Euclidean norm), their mean, or the largest. Source: Morand et al. 2022, equation 3, which has no 1/n.
    """
    squares = len(predictions) * predictions.var(axis=0)
    return np.asarray(getattr(squares, over)(axis=-1))


def disagreement_at(unit: Array, predict: Callable[[Array], Array], *, over: Over = "sum") -> Array:
    """The disagreement (k,) of a committee's ``predict`` at many unit points (k, d)."""
    blocks = [unit[i : i + BLOCK] for i in range(0, len(unit), BLOCK)] or [unit]
    return np.concatenate([disagreement(predict(block), over=over) for block in blocks])
