"""Predictions of a saved network of structures (kind ``structure_network``).

The structure of a realization is drawn as the solver draws it, and the network answers for that one. Spread:
what the members of the ensemble disagree about, with the error that they share, times the calibrated factor.
The shared error may follow a power law of inputs (``_error_law``). It is half a bias, half scatter; further
labels teach the bias, exactly and without the old data (Bishop 2006, section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from designloop.learning.networks.ensemble import Ensemble
from designloop.learning.networks.last_layer import LastLayer
from designloop.learning.parts import Parts
from designloop.learning.saved import SavedModel

from ._asked import REALIZATION, seen
from ._error_law import ErrorLaw, columns

if TYPE_CHECKING:
    from ._encodings import Encoding

Array = NDArray[np.float64]
KIND = "structure_network"
BIAS, LAW = "bias/", "law/"
BATCH = 16


def predict(saved: SavedModel, designs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Array, Array]]:
    """{metric: (mean (n,), epistemic sd (n,))}; realization 0 of designs that name none."""
    return {metric: (p.mean, p.epistemic) for metric, p in parts(saved, designs).items()}


def parts(
    saved: SavedModel, designs: Sequence[Mapping[str, Any]], *, seeds: Sequence[int] | None = None
) -> dict[str, Parts]:
    """Answers (n,) for realizations ``seeds`` (n,), else the designs' own; nothing of them is aleatoric.

    Raises ValueError for a model of another kind or version, for seeds that are not one per design and for
    designs that the network cannot see; OracleError and Infeasible as the solver does.
    """
    mean, spread = _answers(saved, designs, _seeds(designs, seeds))
    sd = np.empty_like(spread)
    for k, metric in enumerate(saved.config["metrics"]):
        shift, variance = _bias(saved, k)
        shared = _ratio(saved, metric, designs) * np.sqrt(variance + saved.config["floor"][k] ** 2 / 2)
        mean[:, k] += shift
        sd[:, k] = saved.config["factor"][k] * np.hypot(spread[:, k], shared)
    mean, sd = _encoding(saved).labels(mean, sd)
    return {
        metric: Parts(mean=mean[:, k], aleatoric=np.zeros(len(designs)), epistemic=sd[:, k])
        for k, metric in enumerate(saved.config["metrics"])
    }


def updated(
    saved: SavedModel,
    designs: Sequence[Mapping[str, Any]],
    seeds: Sequence[int] | None,
    labels: Mapping[str, ArrayLike],
    *,
    seed: int = 0,
) -> SavedModel:
    """The model after ``labels`` {metric: (n,)} of realizations ``seeds``; weights of the network stay.

    Exact, hence nothing is drawn by ``seed``. Raises ValueError as ``parts`` does, for a metric that the
    model has not and for labels that are not one finite number per design.
    """
    del seed
    config = saved.config
    unknown = set(labels) - set(config["metrics"])
    if unknown:
        raise ValueError(
            f"the model answers {', '.join(config['metrics'])}, not {', '.join(sorted(unknown))}."
        )
    taught = [metric for metric in config["metrics"] if metric in labels]
    values = {metric: np.asarray(labels[metric], dtype=float) for metric in taught}
    for metric, one in values.items():
        if one.shape != (len(designs),) or not np.isfinite(one).all():
            raise ValueError(f"{metric}: give one finite label per design, {len(designs)} in all.")
    encoding = _encoding(saved)
    if encoding.joint and len(taught) < len(config["metrics"]):
        raise ValueError(f"its labels are learned together; give all of {', '.join(config['metrics'])}.")
    mean, _ = _answers(saved, designs, _seeds(designs, seeds))
    targets = encoding.targets(np.stack(list(values.values()), axis=1)) if values else mean
    arrays = dict(saved.arrays)
    for column, metric in enumerate(taught):
        k = config["metrics"].index(metric)
        known = _layer(saved, k).updated(np.zeros((len(designs), 0)), targets[:, column] - mean[:, k])
        arrays |= {f"{BIAS}{metric}/{name}": array for name, array in known.arrays.items()}
    return SavedModel(config=config, arrays=arrays)


def _seeds(designs: Sequence[Mapping[str, Any]], seeds: Sequence[int] | None) -> list[int]:
    if seeds is None:
        return [int(design.get(REALIZATION, 0)) for design in designs]
    if len(seeds) != len(designs):
        raise ValueError(f"{len(seeds)} seeds are not one for each of {len(designs)} designs.")
    return [int(design.get(REALIZATION, one)) for design, one in zip(designs, seeds, strict=True)]


def _answers(
    saved: SavedModel, designs: Sequence[Mapping[str, Any]], seeds: list[int]
) -> tuple[Array, Array]:
    """Mean and spread of the members, (n, metrics); rows of one shape go through the network together."""
    config = saved.config
    if config.get("kind") != KIND or config.get("version") != 1:
        raise ValueError(f"not a {KIND} of version 1: {config.get('kind')!r}, {config.get('version')!r}.")
    ensemble = _ensemble(saved)
    pixels = config["options"].get("pixels")
    mean, spread = (np.empty((len(designs), len(config["metrics"]))) for _ in range(2))
    for first in range(0, len(designs), BATCH):
        last = min(first + BATCH, len(designs))
        rows = {n: seen(config["sees"], designs[n], seeds[n], pixels=pixels) for n in range(first, last)}
        for shape in {row.shape for row in rows.values()}:
            alike = [n for n, row in rows.items() if row.shape == shape]
            answer = ensemble.spread(np.concatenate([rows[n] for n in alike]))
            mean[alike], spread[alike] = answer.mean, answer.epistemic
    return mean, spread


def _ensemble(saved: SavedModel) -> Ensemble:
    from .networks import build

    config = saved.config
    weights = {name: array for name, array in saved.arrays.items() if not name.startswith(BIAS)}
    return Ensemble.from_arrays(
        lambda: build(config["network"], config["options"]), weights, loss=config["loss"]
    )


def _encoding(saved: SavedModel) -> Encoding:
    from ._encodings import ENCODINGS

    return ENCODINGS[saved.config.get("encoding", "")]


def _layer(saved: SavedModel, k: int) -> LastLayer:
    """What is known of a metric's bias."""
    head = f"{BIAS}{saved.config['metrics'][k]}/"
    kept = {n.removeprefix(head): array for n, array in saved.arrays.items() if n.startswith(head)}
    if kept:
        return LastLayer.from_arrays(kept)
    half = np.array([saved.config["floor"][k] ** 2 / 2])
    none = {"gram": np.zeros((1, 1)), "moment": np.zeros((1, 1)), "square": np.zeros(1)}
    return LastLayer(**none, rows=np.array(0.0), prior=1 / half, noise=half)


def _ratio(saved: SavedModel, metric: str, designs: Sequence[Mapping[str, Any]]) -> Array:
    """Error of designs over the typical one, (n,)."""
    names = saved.config.get("law")
    if not names:
        return np.ones(len(designs))
    return ErrorLaw.of(saved.arrays[f"{LAW}{metric}"]).ratio(columns(names, designs))


def _bias(saved: SavedModel, k: int) -> tuple[float, float]:
    mean, variance = _layer(saved, k).predict(np.zeros((1, 0)))
    return float(mean[0, 0]), float(variance[0, 0])
