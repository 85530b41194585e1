"""How a network's error grows with the design: a power law of its inputs, fitted to rows that it never saw.

Errors of a film's modulus average out over its grains, hence fall with the number of them; the exponents are
those of greatest likelihood for normal errors.
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
    """Standard deviation over its typical one: the product of inputs to the power of ``exponents`` (k,).

    ``centre``, ``lower`` and ``upper`` (k,): logarithms of inputs at which the ratio is 1, and between which
    it was seen.
    """

    exponents: Array
    centre: Array
    lower: Array
    upper: Array

    @property
    def array(self) -> Array:
        """All of it, (4, k)."""
        return np.stack([self.exponents, self.centre, self.lower, self.upper])

    @classmethod
    def of(cls, array: ArrayLike) -> ErrorLaw:
        """Undo ``array``."""
        exponents, centre, lower, upper = np.asarray(array, dtype=float)
        return cls(exponents=exponents, centre=centre, lower=lower, upper=upper)

    def ratio(self, inputs: ArrayLike) -> Array:
        """At inputs ``(n, k)``, all positive: ``(n,)``.

        Beyond what was seen the ratio never falls, and grows with the distance in logarithms.
        """
        logs = np.log(np.asarray(inputs, dtype=float))
        near = np.clip(logs, self.lower, self.upper)
        ratio = np.exp(np.maximum(*(((x - self.centre) @ self.exponents) for x in (logs, near))))
        return np.asarray(ratio * (1 + np.abs(logs - near).sum(axis=1)))


def fitted(inputs: ArrayLike, errors: ArrayLike) -> tuple[float, ErrorLaw]:
    """Typical standard deviation and its law from inputs ``(n, k)``, positive, and errors ``(n,)``."""
    from scipy.optimize import minimize

    logs, e = np.log(np.asarray(inputs, dtype=float)), np.asarray(errors, dtype=float)
    centre, typical = logs.mean(axis=0), float(np.sqrt((e**2).mean()))
    x, e = logs - centre, e / typical

    def misfit(p: Array) -> tuple[float, Array]:
        log_sd = p[0] + x @ p[1:]
        squared = e**2 * np.exp(-2 * log_sd)
        slope = 1 - squared
        gradient = np.concatenate([[slope.mean()], (slope[:, None] * x).mean(axis=0) + 2 * RIDGE * p[1:]])
        return float((log_sd + squared / 2).mean() + RIDGE * (p[1:] ** 2).sum()), gradient

    found = minimize(misfit, np.zeros(1 + x.shape[1]), jac=True, method="BFGS").x
    law = ErrorLaw(exponents=found[1:], centre=centre, lower=logs.min(axis=0), upper=logs.max(axis=0))
    return typical * float(np.exp(found[0])), law


def columns(names: Sequence[str], designs: Sequence[Mapping[str, Any]]) -> Array:
    """Inputs of designs by name, ``(n, k)``; raises ValueError where one is missing or not positive."""
    for name in names:
        for design in designs:
            if not float(design.get(name, 0)) > 0:
                raise ValueError(f"the spread of an answer depends on {name}; give a value above 0.")
    return np.array([[float(design[name]) for name in names] for design in designs]).reshape(-1, len(names))
