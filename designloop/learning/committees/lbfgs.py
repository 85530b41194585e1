"""Many small smooth problems minimized at once by limited-memory BFGS, each with its own step length.

One evaluation serves all problems: each stands at its own place of its own line search, so that none waits
for another. Sources: Byrd, Nocedal, Schnabel 1994, equation 3.1 (compact form of the inverse Hessian);
Lewis, Overton 2013 (bisection to a weak Wolfe step, which kinks of the function do not upset).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Value = Callable[[Array], tuple[Array, Array]]
"""Points (p, s), one per problem, to values (p,) and gradients (p, s)."""

PAIRS = 10
DECREASE, SLOPE = 1e-4, 0.9
"""Constants of the weak Wolfe conditions."""
TRIES = 30
"""Evaluations without an accepted step after which a problem has ended."""
GRADIENT, PROGRESS = 1e-4, 2.2e-9
"""A problem ends at a gradient, or by a relative decrease, as small as this: scikit-learn's settings."""


@dataclass(frozen=True, kw_only=True)
class Minima:
    """Points (p, s), values (p,) and accepted steps (p,) of each problem; evaluations of all together."""

    x: Array
    value: Array
    iterations: NDArray[np.intp]
    evaluations: int


class _Curvature:
    """The last differences of points and gradients of each problem, oldest first; zero where missing."""

    def __init__(self, problems: int, size: int) -> None:
        self.s, self.y = np.zeros((2, problems, PAIRS, size))
        self.sy, self.yy = np.zeros((2, problems, PAIRS, PAIRS))
        self.scale = np.ones(problems)

    def add(self, which: NDArray[np.intp], s: Array, y: Array) -> None:
        """Remember one pair of each problem in ``which``, where its curvature is positive."""
        sy, yy = np.einsum("ij,ij->i", s, y), np.einsum("ij,ij->i", y, y)
        good = sy > 1e-10 * yy
        which, s, y, sy, yy = which[good], s[good], y[good], sy[good], yy[good]
        for pairs, new in ((self.s, s), (self.y, y)):
            pairs[which, :-1] = pairs[which, 1:]
            pairs[which, -1] = new
        for products in (self.sy, self.yy):
            products[which, :-1, :-1] = products[which, 1:, 1:]
        self.sy[which, :, -1] = (self.s[which] @ y[..., None])[..., 0]
        self.sy[which, -1, :-1] = 0.0
        self.yy[which, -1] = self.yy[which, :, -1] = (self.y[which] @ y[..., None])[..., 0]
        self.scale[which] = sy / yy

    def direction(self, gradient: Array) -> Array:
        """Minus the inverse Hessian times ``gradient``, both (p, s)."""
        scale, curvature = self.scale[:, None, None], np.einsum("ijj->ij", self.sy)
        identity = np.eye(PAIRS)
        inverse = np.linalg.inv(self.sy + (curvature <= 0)[..., None] * identity)
        g = gradient[..., None]
        u = inverse @ (self.s @ g)
        v = (curvature[..., None] * identity + scale * self.yy) @ u - scale * (self.y @ g)
        along = _t(self.s) @ (_t(inverse) @ v) - scale * (_t(self.y) @ u)
        return np.asarray(-(scale * g + along)[..., 0])


def minimize(
    value: Value, start: Array, *, iterations: int, watch: Callable[[Array], Array] | None = None
) -> Minima:
    """Minimize every problem from its row of ``start`` (p, s), by at most ``iterations`` steps each.

    With ``watch``, points to (p,), each problem ends at the point where its watched value was least.
    """
    x = start.copy()
    f, g = value(x)
    problems, size = x.shape
    curvature, p, evaluations = _Curvature(problems, size), -g, 1
    t = 1.0 / np.maximum(1.0, np.linalg.norm(g, axis=1))
    low, high = np.zeros(problems), np.full(problems, np.inf)
    steps, tries = np.zeros((2, problems), dtype=np.intp)
    ended = np.abs(g).max(axis=1) <= GRADIENT
    best, least = x.copy(), np.full(problems, np.inf) if watch is None else watch(x)
    while not ended.all():
        trial = x + t[:, None] * p
        with np.errstate(over="ignore", invalid="ignore"):
            f_trial, g_trial = value(trial)
            slope = np.einsum("ij,ij->i", g, p)
            lower = f_trial <= f + DECREASE * t * slope
            flat = np.einsum("ij,ij->i", g_trial, p) >= SLOPE * slope
        evaluations, tries = evaluations + 1, tries + 1
        high, low = np.where(lower, high, t), np.where(lower & ~flat, t, low)
        step = np.flatnonzero(lower & flat & ~ended)
        t = np.where(np.isinf(high), 2.0 * t, 0.5 * (low + high))
        ended |= tries > TRIES
        if not step.size:
            continue
        curvature.add(step, trial[step] - x[step], g_trial[step] - g[step])
        progress = (f[step] - f_trial[step]) / np.maximum(np.abs(f[step]), 1e-300)
        x[step], f[step], g[step] = trial[step], f_trial[step], g_trial[step]
        p[step] = curvature.direction(g)[step]
        t[step], low[step], high[step], tries[step] = 1.0, 0.0, np.inf, 0
        steps[step] += 1
        ended[step] |= (np.abs(g[step]).max(axis=1) <= GRADIENT) | (progress < PROGRESS)
        ended |= steps >= iterations
        if watch is not None:
            seen = watch(x)
            better = seen < least
            best[better], least[better] = x[better], seen[better]
    return Minima(x=x if watch is None else best, value=f, iterations=steps, evaluations=evaluations)


def _t(matrices: Array) -> Array:
    return np.asarray(matrices.transpose(0, 2, 1))
