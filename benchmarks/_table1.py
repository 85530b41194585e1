"""Table 1 of Morand et al. 2022: networks trained on one set of hardening curves, judged on the others.

Forward (beta, gamma/beta) -> 20 stresses by a network (10, 15), Eq. 10; inverse by (15, 10), whose
parameters are put back into the curve, Eq. 11. ReLU, L-BFGS, L2 weight 1e-4, averages over validation splits.
Inputs and outputs are standardized, and a tenth of the set stops the training: scikit-learn ignores early
stopping under L-BFGS, so it runs in slices here and the weights of the best slice are kept. Neither is stated
in the article.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from designloop_oracles.analytic import STRAINS

Array = NDArray[np.float64]

LOWER, UPPER = np.array([5.0, 100.0]), np.array([200.0, 400.0])
"""Ranges of beta and of gamma / beta in MPa."""
DENSE = 10_000
SLICE, SLICES, PATIENCE = 25, 40, 8
FORWARD, INVERSE = (10, 15), (15, 10)


def curves(designs: Array) -> Array:
    """Stresses (n, 20) in MPa of designs (n, 2): beta, gamma / beta (Eq. 7)."""
    return np.asarray(designs[:, 1:] * -np.expm1(-designs[:, :1] * STRAINS))


def dense_designs() -> Array:
    """Independent quasi-random test designs over the whole box, (10,000, 2)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the count is no power of two
        points = qmc.Sobol(2, rng=2022).random(DENSE)
    return np.asarray(LOWER + points * (UPPER - LOWER))


def fit_network(x: Array, y: Array, hidden: tuple[int, ...], *, seed: int) -> Callable[[Array], Array]:
    """A network of ``x`` (n, a) to ``y`` (n, b), as a function of (k, a)."""
    scale_x, scale_y = _scale(x), _scale(y)
    u, v = (x - scale_x[0]) / scale_x[1], (y - scale_y[0]) / scale_y[1]
    order = np.random.default_rng(seed).permutation(len(x))
    held, kept = order[: max(1, len(x) // 10)], order[max(1, len(x) // 10) :]
    network = MLPRegressor(
        hidden_layer_sizes=hidden,
        solver="lbfgs",
        alpha=1e-4,
        max_iter=SLICE,
        warm_start=True,
        random_state=seed,
    )
    best, weights, waited = np.inf, None, 0
    for _ in range(SLICES):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(u[kept], v[kept])
        error = float(np.mean((network.predict(u[held]).reshape(len(held), -1) - v[held]) ** 2))
        if error < best:
            best, waited = error, 0
            weights = ([w.copy() for w in network.coefs_], [b.copy() for b in network.intercepts_])
        else:
            waited += 1
        if waited >= PATIENCE:
            break
    if weights is not None:
        network.coefs_, network.intercepts_ = weights

    def predict(points: Array) -> Array:
        z = network.predict((points - scale_x[0]) / scale_x[1]).reshape(len(points), -1)
        return np.asarray(scale_y[0] + z * scale_y[1])

    return predict


def _scale(values: Array) -> tuple[Array, Array]:
    """Mean and standard deviation per column; 1 for a column that is constant."""
    sd = values.std(axis=0)
    return values.mean(axis=0), np.where(sd > 1e-12, sd, 1.0)


def errors_of(train: Array, tests: Mapping[str, Array], *, seed: int) -> dict[str, dict[str, float]]:
    """Mean absolute errors in MPa on each test set of the networks of one split: {test: {fwd, inv}}."""
    known = curves(train)
    forward = fit_network(train, known, FORWARD, seed=seed)
    inverse = fit_network(known, train, INVERSE, seed=seed)
    found = {}
    for name, designs in tests.items():
        true = curves(designs)
        found[name] = {
            "fwd": float(np.abs(forward(designs) - true).mean()),
            "inv": float(np.abs(curves(inverse(true)) - true).mean()),
        }
    return found


def matrix(sets: Mapping[str, Array], *, splits: int = 5) -> dict[str, Any]:
    """{train: {test: {fwd, inv}}} in MPa, averaged over validation splits; ``dense`` is a test set too."""
    everything = {**sets, "dense": dense_designs()}
    found: dict[str, Any] = {}
    for name, designs in sets.items():
        tests = {other: d for other, d in everything.items() if other != name}
        rows = [errors_of(designs, tests, seed=split) for split in range(splits)]
        found[name] = {
            other: {way: float(np.mean([row[other][way] for row in rows])) for way in ("fwd", "inv")}
            for other in tests
        }
    return found
