"""A metric's answers at two fidelities, and the model that learns from both.

Cheap answers are used where the evidence for a link is clear, and left out otherwise: the model is then that
of a campaign with one fidelity. Evidence is the logarithm of the posterior density with the link over that
with the correlation held at 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from designloop.learning.features import Encoder
from designloop.learning.fit_link import LinkedHyper, fit_linked, initial_links
from designloop.learning.gp import MetricModel
from designloop.learning.kernels import Array, Kernel
from designloop.learning.link import Link
from designloop.learning.transforms import MetricTransform, candidates, standardized
from designloop.strategies.base import Problem, Trial
from designloop.strategies.labels import TIE, labels_of
from designloop.strategies.places import places_of

CLEAR = 2.0
"""Least evidence for a link, in natural logarithms. In 12 campaigns each, looked at after 14, 20, 30 trials,
it was 3 or more for the pairs of Branin and Currin and, from 20 trials on, of Forrester (0 to 3.4 with 14);
for a cheap function that has nothing to do with Branin it was below 1, but once (3.2)."""


def split(problem: Problem, trials: Sequence[Trial]) -> tuple[list[Trial], list[Trial]]:
    """Trials at the cheap fidelity, and those that count: all where there is one fidelity."""
    if problem.fidelities is None:
        return [], list(trials)
    cheap = [t for t in trials if problem.fidelities.is_cheap(t.fidelity)]
    return cheap, [t for t in trials if not problem.fidelities.is_cheap(t.fidelity)]


def fit_link(
    problem: Problem,
    metric: str,
    trials: Sequence[Trial],
    kernel: Kernel,
    encoder: Encoder,
    bounds: Sequence[float],
    known: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """The state of the most probable fit of both fidelities; None where the evidence for a link is weak."""
    cheap, counting = split(problem, trials)
    if min(len(cheap), len(counting)) < 2:
        return None
    unit = places_of(problem, [*cheap, *counting])
    low, high = (np.array([t.metrics[metric].value for t in part]) for part in (cheap, counting))
    starts = [*initial_links(encoder.dimension), *([_hyper(known)] if known and "cheap" in known else [])]
    best: dict[str, Any] = {}
    lowest, evidence = np.inf, 0.0
    for transform in candidates(high, bounds=bounds):
        plain = replace(transform, mean=0.0, sd=1.0)
        if not np.isfinite(plain.forward(low)).all():  # values that a logarithm cannot take
            continue
        own = standardized(plain, low)
        z, noise = _labels(cheap, counting, metric, (own, transform))
        hyper, loss = fit_linked(unit, z, noise, encoder=encoder, kernel=kernel, starts=starts)
        change = float(np.log(transform.slope(high)).sum() + np.log(own.slope(low)).sum())
        if loss - change < lowest - (TIE if best else 0.0):
            held = [_without(hyper), initial_links(encoder.dimension)[1]]
            _, apart = fit_linked(unit, z, noise, encoder=encoder, kernel=kernel, starts=held, apart=True)
            best, lowest, evidence = _state(hyper, transform, own), loss - change, apart - loss
    return {"bounds": list(bounds), **best} if evidence >= CLEAR else None


def linked_model(
    problem: Problem, metric: str, trials: Sequence[Trial], kernel: Kernel, encoder: Encoder,
    state: Mapping[str, Any],
) -> MetricModel:  # fmt: skip
    """The model of both fidelities with the hyper-parameters of a state."""
    cheap, counting = split(problem, trials)
    hyper = _hyper(state)
    transform = MetricTransform.from_json(state["transform"])
    own = MetricTransform.from_json(state["cheap"]["transform"])
    z, noise = _labels(cheap, counting, metric, (own, transform))
    level = np.repeat([hyper.cheap_noise, hyper.noise], [len(cheap), len(counting)])
    return MetricModel(
        metric=metric,
        encoder=encoder,
        kernel=kernel,
        lengthscales=hyper.lengthscales,
        transform=transform,
        unit=places_of(problem, [*cheap, *counting]),
        z=z,
        noise=np.where(np.isnan(noise), level, noise),
        noise_level=hyper.noise,
        trials=tuple(t.index for t in (*cheap, *counting)),
        link=hyper.link,
    )


def cheap_transform(state: Mapping[str, Any]) -> MetricTransform | None:
    """How cheap answers are standardized; None where they are left out."""
    return MetricTransform.from_json(state["cheap"]["transform"]) if "cheap" in state else None


def _labels(
    cheap: Sequence[Trial], counting: Sequence[Trial], metric: str, transforms: Sequence[MetricTransform]
) -> tuple[Array, Array]:
    """Model values and known noise variances of the cheap trials, then of those that count."""
    parts = [labels_of(t, metric, w) for t, w in zip((cheap, counting), transforms, strict=True)]
    z, noise = (np.concatenate(part) for part in zip(*parts, strict=True))
    return z, noise


def _without(hyper: LinkedHyper) -> LinkedHyper:
    return replace(hyper, link=replace(hyper.link, correlation=0.0))


def _state(hyper: LinkedHyper, transform: MetricTransform, cheap: MetricTransform) -> dict[str, Any]:
    link = {**asdict(hyper.link), "lengthscales": list(hyper.link.lengthscales)}
    return {
        "lengthscales": list(hyper.lengthscales),
        "noise": hyper.noise,
        "transform": transform.to_json(),
        "cheap": {"noise": hyper.cheap_noise, "transform": cheap.to_json(), "link": link},
    }


def _hyper(state: Mapping[str, Any]) -> LinkedHyper:
    cheap = state["cheap"]
    return LinkedHyper(
        lengthscales=tuple(state["lengthscales"]),
        link=Link.from_json(cheap["link"]),
        noise=state["noise"],
        cheap_noise=cheap["noise"],
    )
