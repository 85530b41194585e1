"""Local maximization under nonlinear input constraints, from a point that meets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from designloop.strategies.search import Search

Array = NDArray[np.float64]


def slsqp(acquisition: Callable[[Tensor], Tensor], search: Search, start: Array) -> Array:
    """The end (d,) of sequential quadratic programming from ``start`` (d,), drawn back into the constraints.

    Source: Kraft 1988, as in SciPy. Gradients of the constraints come from torch through the space.
    """
    from scipy import optimize

    minimize: Any = optimize.minimize
    value = _Remembered(lambda u: -acquisition(u[None, None]))
    slack = _Remembered(lambda u: torch.as_tensor(search.space.slack_of_unit(u[None])).reshape(-1))
    scale = np.maximum(np.abs(slack.jacobian(start)).max(1), 1e-12)
    limits = {
        "type": "ineq",
        "fun": lambda x: slack.value(x) / scale,
        "jac": lambda x: slack.jacobian(x) / scale[:, None],
    }
    bounds = [(v, v) if fixed else (0.0, 1.0) for v, fixed in zip(start, search.fixed, strict=True)]
    end = minimize(
        lambda x: float(value.value(x)[0]), start, jac=lambda x: value.jacobian(x)[0], method="SLSQP",
        bounds=bounds, constraints=[limits], options={"maxiter": 25, "ftol": 1e-7},
    )  # fmt: skip
    return onto(search, start, np.clip(np.asarray(end.x), 0.0, 1.0))


def onto(search: Search, start: Array, end: Array) -> Array:
    """The last point (d,) on the way from a feasible start to ``end`` that meets the constraints."""
    if not np.isfinite(end).all():
        return start
    share = np.append(1.0 - np.geomspace(1e-9, 1.0, 40), 1.0)
    way = start + np.unique(share)[::-1, None] * (end - start)
    good = search.meets(way)
    return np.asarray(way[int(good.argmax())]) if good.any() else start


class _Remembered:
    """A torch function of one point with its Jacobian; the last point is kept, as solvers ask twice."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function
        self.key = b""
        self.unit = self.out = torch.empty(0)
        self.rows: Array | None = None

    def value(self, x: Array) -> Array:
        """Values (m,) at ``x`` (d,)."""
        if x.tobytes() != self.key:
            self.unit = torch.as_tensor(np.array(x)).requires_grad_()
            self.out, self.rows, self.key = self.function(self.unit), None, x.tobytes()
        return np.asarray(self.out.detach().numpy())

    def jacobian(self, x: Array) -> Array:
        """Derivatives (m, d) at ``x`` (d,)."""
        self.value(x)
        if self.rows is None:
            grads = [
                torch.autograd.grad(o, self.unit, retain_graph=True, allow_unused=True)[0]
                if o.requires_grad
                else None
                for o in self.out
            ]
            self.rows = np.nan_to_num([np.zeros(len(x)) if g is None else g.numpy() for g in grads])
        return np.asarray(self.rows)
