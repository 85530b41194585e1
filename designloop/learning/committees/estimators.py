"""A committee of scikit-learn regressors, each with its own seed and its own subset of the labels."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from designloop.learning.committees.base import Array, CommitteeSpec, Labels, Rows
from designloop.learning.features import Encoder

TREE = "sklearn.tree:ExtraTreeRegressor"
"""A member of a forest: Geurts, Ernst, Wehenkel 2006."""


@dataclass(frozen=True, kw_only=True)
class Estimators:
    """Fitted scikit-learn regressors; rebuilt, not stored."""

    models: Sequence[Any]
    encoder: Encoder
    rows: Rows
    outputs: int
    noise: None = None
    state: None = None

    @property
    def arrays(self) -> dict[str, Array]:
        """Nothing: a regressor is fitted anew from labels and seed."""
        return {}

    def predict(self, unit: Array) -> Array:
        """Predictions of every member at unit points (k, d): (members, k, m) in z units."""
        features = np.asarray(self.encoder.features(unit), dtype=float)
        predictions = [np.asarray(m.predict(features), dtype=float) for m in self.models]
        return np.stack([p.reshape(len(features), self.outputs) for p in predictions])


def fit_estimators(
    spec: CommitteeSpec, labels: Labels, *, rows: Rows, encoder: Encoder, seed: int
) -> Estimators:
    """Fit one member per row of ``rows`` (members, n). Raises ValueError for what is no regressor."""
    from sklearn.exceptions import ConvergenceWarning

    path = TREE if spec.kind == "forest" else spec.kind
    features = np.asarray(encoder.features(labels.unit), dtype=float)
    outputs = labels.z.shape[1]
    seeds = np.random.SeedSequence([seed, 3]).generate_state(len(rows))
    models = []
    for member, own in zip(rows, seeds, strict=True):
        model = regressor(path, outputs=outputs, seed=int(own))
        targets = labels.z[member] if outputs > 1 else labels.z[member, 0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            models.append(model.fit(features[member], targets))
    return Estimators(models=models, encoder=encoder, rows=rows, outputs=outputs)


def regressor(path: str, *, outputs: int = 1, seed: int = 0) -> Any:
    """A new scikit-learn regressor by its import path, such as ``sklearn.ensemble:RandomForestRegressor``.

    One that knows a single output is fitted per output. Raises ValueError for what is no regressor.
    """
    from sklearn.base import BaseEstimator, is_regressor
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.utils import get_tags

    instead = "write a scikit-learn regressor such as sklearn.ensemble:RandomForestRegressor"
    module, _, name = path.partition(":")
    try:
        model = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path!r} cannot be made ({error}); {instead}.") from None
    if not (isinstance(model, BaseEstimator) and is_regressor(model)):
        raise ValueError(f"{path!r} is no scikit-learn regressor; {instead}.")
    if "random_state" in model.get_params():
        model.set_params(random_state=seed)
    single = outputs > 1 and not get_tags(model).target_tags.multi_output
    return MultiOutputRegressor(model) if single else model
