"""Small trained models with cards, made without fitting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from designloop.learning import gp
from designloop.learning.card import Card
from designloop.learning.packed import Packed
from designloop.learning.saved import SavedModel
from designloop.learning.transforms import MetricTransform
from designloop.oracle import Input, Output
from designloop.space import FloatParameter, Space

SPACE = Space(
    (
        FloatParameter(name="grain_size", lower=0.4, upper=1.2, unit="um", log=True),
        FloatParameter(name="width", lower=2.0, upper=4.0, unit="um"),
    )
)


def stiffness(design: Mapping[str, Any]) -> float:
    """GPa."""
    return 150.0 + 10.0 * design["grain_size"] - 3.0 * design["width"]


def scatter(design: Mapping[str, Any]) -> float:
    """GPa."""
    return 1.0 + 2.0 * design["grain_size"] / design["width"]


METRICS: dict[str, Callable[[Mapping[str, Any]], float]] = {"E_mean": stiffness, "E_std": scatter}


def designs(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    return SPACE.from_unit(np.random.default_rng(seed).random((count, 2)))


def saved_gp(metrics: Sequence[str] = ("E_mean",), *, rows: int = 24, noise: float = 1e-4) -> SavedModel:
    """A Gaussian process with given hyper-parameters, conditioned on the functions above."""
    labelled = designs(rows)
    unit = np.asarray(SPACE.to_unit(labelled), dtype=float)
    models = []
    for metric in metrics:
        y = np.array([METRICS[metric](d) for d in labelled])
        transform = MetricTransform(mean=float(y.mean()), sd=float(y.std()))
        models.append(
            gp.MetricModel(
                metric=metric,
                encoder=gp.encoder_of(SPACE),
                kernel="matern52",
                lengthscales=(0.8, 0.8),
                transform=transform,
                unit=unit,
                z=transform.forward(y),
                noise=np.full(rows, noise),
                noise_level=noise,
                trials=tuple(range(rows)),
            )
        )
    return gp.pack(models, space=SPACE)


def card(metrics: Sequence[str] = ("E_mean",), **changes: Any) -> Card:
    """A card of ``saved_gp``, with one input that never varied."""
    kinds = {"E_mean": "mean", "E_std": "std"}
    given: dict[str, Any] = {
        "name": "film",
        "summary": "Stiffness of a film.",
        "oracle": {"name": "polysilicon", "version": "2", "options": {"single": True}},
        "inputs": (
            Input(name="grain_size", unit="um", lower=0.4, upper=1.2, log=True, description="mean diameter"),
            Input(name="width", unit="um", lower=2.0, upper=4.0),
            Input(name="fibre_axis", choices=("100",), default="100"),
        ),
        "outputs": tuple(Output(m, unit="GPa", statistic=kinds[m]) for m in metrics),
        "data": {"run": "film-1", "rows": 24, "digest": "abc"},
        "split": "leave-one-out",
        "errors": {"E_mean": {"rmse": 0.25, "nrmse": 0.03, "r2": 0.999, "coverage_95": 0.96}},
        "calibration": {"E_mean": {"factor": 1.0, "before": 0.96, "after": 0.96, "points": 24}},
        "labels": ("calibrated",),
    }
    return Card(**{**given, **changes})


def packed_gp(metrics: Sequence[str] = ("E_mean",), **changes: Any) -> Packed:
    return Packed(saved=saved_gp(metrics), card=card(metrics, **changes))
