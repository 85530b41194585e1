"""How a network's error grows with the design: a power law of inputs above a floor, fitted to unseen rows.

Errors of a film's modulus average out over its grains, hence fall with the number of them, down to what does
not depend on grains. Floor and exponents are those of greatest likelihood for normal errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
RIDGE = 1e-3
"""Penalty on exponents, so that an input which errors do not depend on gets none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ErrorLaw:
    """Standard deviation over its typical one: a share of its square is a product of powers of inputs.

    ``exponents`` (k,) are those of the standard deviation; the rest of the square is constant. ``centre``,
    ``lower``, ``upper`` (k,): logarithms of inputs at which the ratio is 1, and between which it was seen.
    """

    share: float
    exponents: Array
    centre: Array
    lower: Array
    upper: Array

    @property
    def array(self) -> Array:
        """All of it, (5, k)."""
        share = np.full_like(self.exponents, self.share)
        return np.stack([share, self.exponents, self.centre, self.lower, self.upper])

    @classmethod
    def of(cls, array: ArrayLike) -> ErrorLaw:
        """Undo ``array``."""
        share, exponents, centre, lower, upper = np.asarray(array, dtype=float)
        return cls(share=float(share[0]), exponents=exponents, centre=centre, lower=lower, upper=upper)

    def ratio(self, inputs: ArrayLike) -> Array:
        """At inputs ``(n, k)``, all positive: ``(n,)``.

        Beyond what was seen the ratio never falls, and grows with the distance in logarithms.
        """
        logs = np.log(np.asarray(inputs, dtype=float))
        near = np.clip(logs, self.lower, self.upper)
        power = np.maximum(*(((x - self.centre) @ self.exponents) for x in (logs, near)))
        ratio = np.sqrt(1 - self.share + self.share * np.exp(2 * power))
        return np.asarray(ratio * (1 + np.abs(logs - near).sum(axis=1)))


def fitted(inputs: ArrayLike, errors: ArrayLike) -> tuple[float, ErrorLaw]:
    """Typical standard deviation and its law from inputs ``(n, k)``, positive, and errors ``(n,)``."""
    from scipy.optimize import minimize
    from scipy.special import expit

    logs, e = np.log(np.asarray(inputs, dtype=float)), np.asarray(errors, dtype=float)
    centre, typical = logs.mean(axis=0), float(np.sqrt((e**2).mean()))
    x, e = logs - centre, e / typical

    def squared(p: Array) -> Array:
        share = expit(p[1])
        return np.asarray(1 - share + share * np.exp(2 * x @ p[2:]))

    def misfit(p: Array) -> float:
        variance = np.exp(2 * p[0]) * squared(p)
        return float((np.log(variance) + e**2 / variance).mean() / 2 + RIDGE * (p[2:] ** 2).sum())

    bounds = [(-3.0, 3.0), (-4.0, 4.0)] + [(-3.0, 3.0)] * x.shape[1]
    start = np.zeros(2 + x.shape[1])
    found = minimize(misfit, start, bounds=bounds, method="L-BFGS-B").x
    law = ErrorLaw(
        share=float(expit(found[1])), exponents=found[2:], centre=centre,
        lower=logs.min(axis=0), upper=logs.max(axis=0),
    )  # fmt: skip
    return typical * float(np.exp(found[0])), law


def columns(names: Sequence[str], designs: Sequence[Mapping[str, Any]]) -> Array:
    """Inputs of designs by name, ``(n, k)``; raises ValueError where one is missing or not positive."""
    for name in names:
        for design in designs:
            if not float(design.get(name, 0)) > 0:
                raise ValueError(f"the spread of an answer depends on {name}; give a value above 0.")
    return np.array([[float(design[name]) for name in names] for design in designs]).reshape(-1, len(names))
