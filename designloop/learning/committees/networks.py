"""A committee of small ReLU networks, all trained at once, in NumPy alone.

Each member minimizes |Y - F|^2 / (2 n) + alpha |W|^2 / (2 n) over its own n labels, biases unpenalized: the
function whose gradient scikit-learn's MLPRegressor follows. The output layer is linear, so its best weights
for given hidden layers are a ridge regression; only the hidden layers are searched, by L-BFGS.
Sources: Morand et al. 2022 (committee); Golub, Pereyra 1973 (variable projection); Glorot, Bengio 2010
(initial weights).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from designloop.learning.committees.base import Array, CommitteeSpec, Labels, Rows
from designloop.learning.committees.lbfgs import minimize
from designloop.learning.features import Encoder

VALIDATION = 0.1
BLOCK = 800
"""Labels handled together: more than these fall out of the processor's cache."""
RIDGE = 1e-10
"""Least penalty of the output layer per label; it decides where neurons are silent or alike."""
ROUNDING = 1e-13
"""Least penalty of the output layer relative to the trace of its matrix."""


@dataclass(frozen=True, kw_only=True)
class Networks:
    """``weights``: one array (members, out, in + 1) per layer, the bias in its last column."""

    encoder: Encoder
    weights: tuple[Array, ...]
    rows: Rows
    loss: Array | None = None
    """Training loss of each member as scikit-learn states it: the squared error averaged over outputs."""
    noise: None = None
    state: None = None

    @property
    def arrays(self) -> dict[str, Array]:
        """The weights, by layer."""
        return {f"weights{i}": w for i, w in enumerate(self.weights)}

    def predict(self, unit: Array) -> Array:
        """Predictions of every member at unit points (k, d): (members, k, m) in z units."""
        return _forward(self.weights, self.encoder.features(unit))


def fit_networks(spec: CommitteeSpec, labels: Labels, *, rows: Rows, encoder: Encoder, seed: int) -> Networks:
    """Train one member per row of ``rows`` (members, n), each from its own random start."""
    rng = np.random.default_rng([seed, 1])
    features = np.asarray(encoder.features(labels.unit), dtype=float)
    picked = np.stack([rng.permutation(np.flatnonzero(member)) for member in rows])
    kept_out = max(1, round(VALIDATION * picked.shape[1])) if spec.early_stopping else 0
    training = _Training(features[picked[:, kept_out:]], labels.z[picked[:, kept_out:]], spec)
    held = features[picked[:, :kept_out]], labels.z[picked[:, :kept_out]]

    def watch(x: Array) -> Array:
        return _mean_square(training.weights(x), *held)

    found = minimize(
        training, training.start(rng), iterations=spec.iterations, watch=watch if kept_out else None
    )
    weights = training.weights(found.x)
    return Networks(encoder=encoder, weights=weights, rows=rows, loss=training.loss(weights))


class _Training:
    """Loss and gradient of all members over hidden weights (members, s); layout (member, neuron, label)."""

    def __init__(self, features: Array, z: Array, spec: CommitteeSpec) -> None:
        members, self.n, inputs = features.shape
        self.alpha = spec.alpha
        self.ridge = max(spec.alpha, RIDGE * self.n)
        self.given, self.z = features, z
        self.x = np.concatenate([features.transpose(0, 2, 1), np.ones((members, 1, self.n))], axis=1)
        self.mean = z.mean(axis=1, keepdims=True)
        centred = z - self.mean
        _, scale, basis = np.linalg.svd(centred.reshape(-1, z.shape[2]), full_matrices=False)
        self.basis = basis[scale > 1e-9 * max(float(scale[0]), 1e-300)]
        self.y = np.ascontiguousarray((centred @ self.basis.T).transpose(0, 2, 1))
        self.shapes = [(b, a + 1) for a, b in zip((inputs, *spec.hidden), spec.hidden, strict=False)]
        self.block = max(1, BLOCK // self.n)

    def start(self, rng: np.random.Generator) -> Array:
        """Uniform weights and biases up to sqrt(6 / (inputs + outputs)) of a layer."""
        bounds = [np.sqrt(6.0 / (a - 1 + b)) for b, a in self.shapes]
        drawn = [
            rng.uniform(-c, c, (len(self.x), b * a)) for c, (b, a) in zip(bounds, self.shapes, strict=True)
        ]
        return np.concatenate(drawn, axis=1)

    def __call__(self, x: Array) -> tuple[Array, Array]:
        parts = [slice(i, i + self.block) for i in range(0, len(x), self.block)]
        values, gradients = zip(*(self._part(x[s], self.x[s], self.y[s]) for s in parts), strict=True)
        return np.concatenate(values), np.concatenate(gradients)

    def weights(self, x: Array) -> tuple[Array, ...]:
        """All layers, the output layer by ridge regression and with its bias."""
        hidden = self._split(x)
        last = _hidden(hidden, self.x)[-1][:, :-1]
        mean = last.mean(axis=2, keepdims=True)
        output = self.basis.T @ self._ridge(last - mean, self.y).transpose(0, 2, 1)
        bias = self.mean.transpose(0, 2, 1) - output @ mean
        return (*hidden, np.concatenate([output, bias], axis=2))

    def loss(self, weights: tuple[Array, ...]) -> Array:
        """Training loss of each member in scikit-learn's convention, (members,)."""
        penalty = sum((w[..., :-1] ** 2).sum(axis=(1, 2)) for w in weights)
        return np.asarray(0.5 * (_mean_square(weights, self.given, self.z) + self.alpha * penalty / self.n))

    def _part(self, x: Array, inputs: Array, y: Array) -> tuple[Array, Array]:
        weights = self._split(x)
        layers = _hidden(weights, inputs)
        last = layers[-1][:, :-1]
        centred = last - last.mean(axis=2, keepdims=True)
        output = self._ridge(centred, y)
        error = output.transpose(0, 2, 1) @ centred - y
        penalty = sum((w**2).sum(axis=(1, 2)) for w in (output, *(w[..., :-1] for w in weights)))
        value = 0.5 * ((error**2).sum(axis=(1, 2)) + self.alpha * penalty) / self.n
        back, gradients = output @ error, []
        for i in reversed(range(len(weights))):
            back *= layers[i + 1][:, :-1] > 0
            gradient = back @ layers[i].transpose(0, 2, 1)
            gradient[..., :-1] += self.alpha * weights[i][..., :-1]
            gradients.append(gradient.reshape(len(x), -1) / self.n)
            back = weights[i][..., :-1].transpose(0, 2, 1) @ back
        return value, np.concatenate(gradients[::-1], axis=1)

    def _ridge(self, centred: Array, y: Array) -> Array:
        """Output weights (members, neurons, r) of centred activations (members, neurons, n)."""
        gram = centred @ centred.transpose(0, 2, 1)
        # A line search may try weights so large that rounding alone would make the matrix singular.
        ridge = np.maximum(self.ridge, ROUNDING * np.einsum("ijj->i", gram))
        gram += ridge[:, None, None] * np.eye(centred.shape[1])
        return np.asarray(np.linalg.solve(gram, centred @ y.transpose(0, 2, 1)))

    def _split(self, x: Array) -> tuple[Array, ...]:
        ends = np.cumsum([b * a for b, a in self.shapes])[:-1]
        pieces = np.split(x, ends, axis=1)
        return tuple(w.reshape(-1, b, a) for w, (b, a) in zip(pieces, self.shapes, strict=True))


def _hidden(weights: tuple[Array, ...], inputs: Array) -> list[Array]:
    """Inputs and activations (members, neurons + 1, n) of each hidden layer; the last row is ones."""
    layers = [inputs]
    for w in weights:
        layer = np.ones((len(inputs), w.shape[1] + 1, inputs.shape[2]))
        np.maximum(w @ layers[-1], 0.0, out=layer[:, :-1])
        layers.append(layer)
    return layers


def _forward(weights: tuple[Array, ...], features: Array) -> Array:
    """Predictions (members, k, m) at features (k, D) or (members, k, D)."""
    values: NDArray[np.float64] = np.swapaxes(features, -1, -2)
    for i, w in enumerate(weights):
        values = w[..., :-1] @ values + w[..., -1:]
        if i < len(weights) - 1:
            np.maximum(values, 0.0, out=values)
    return values.transpose(0, 2, 1)


def _mean_square(weights: tuple[Array, ...], features: Array, z: Array) -> Array:
    return np.asarray(((_forward(weights, features) - z) ** 2).mean(axis=(1, 2)))
