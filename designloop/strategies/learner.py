"""From a history to what a learning strategy knows: the trained learner and its committee."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from designloop.learning.committees import CommitteeSpec, Labels, fit_committee
from designloop.learning.committees.saved import pack_committee
from designloop.learning.features import encoder_of
from designloop.learning.gp import MetricModel, pack
from designloop.learning.kernels import Array
from designloop.learning.saved import SavedModel
from designloop.learning.transforms import MetricTransform, candidates
from designloop.strategies.base import History, Problem
from designloop.strategies.knowledge import Knowledge
from designloop.strategies.labels import labels_of
from designloop.strategies.thinning import thinned
from designloop.strategies.training import Trained, learned_metrics, measured, train
from designloop.strategies.viability import VIABILITY, viability

BESIDE_GP = ("gp", "mixed")
"""Committees that advise a Gaussian process; any other committee is the learner itself."""
MOST = 1000
"""Trials for the learner of a strategy without a model."""
BY_COMMITTEE = ("query_by_committee", "bald")


def learn(
    problem: Problem, history: History, *, name: str, options: Mapping[str, Any], taken: Array, seed: int
) -> Knowledge:
    """Train the learner, and the committee where strategy ``name`` asks one, on a history.

    Hyper-parameters journaled in ``history.fit`` stay while the refit schedule says so. Gaussian processes,
    and what advises them, see ``most_data`` trials at most.
    """
    metrics, whole = learned_metrics(problem), history
    kernel = options.get("kernel", "matern52")
    encoder = encoder_of(problem.space, options.get("features", ()))
    by_committee = name in BY_COMMITTEE
    trained = models = None
    if not by_committee or options["committee"] in BESIDE_GP:
        history = thinned(problem, history, most=int(options.get("most_data", MOST)), encoder=encoder)
        trained = train(problem, history, kernel=kernel, encoder=encoder, free=True, of=whole)
        models = {m.metric: m for m in trained.models if not m.internal}
        transforms = tuple(_standardizing(models[m], trained) for m in metrics)
        viable = next((m for m in trained.models if m.metric == VIABILITY and m.internal), None)
    else:
        values = {m: [t.metrics[m].value for t in measured(problem, history)] for m in metrics}
        transforms = tuple(candidates(values[m])[0] for m in metrics)
        viable = next(iter(viability(problem, history, kernel)), None)
    labels, trials = _labels(problem, history, metrics, transforms)
    committee = None
    if by_committee:
        committee = fit_committee(
            spec_of(options),
            labels,
            encoder=encoder,
            seed=seed,
            state=(history.fit or {}).get("committee"),
            refit=trained is None or trained.refitted,
        )
    return Knowledge(
        problem=problem,
        metrics=metrics,
        transforms=transforms,
        trials=trials,
        labels=labels,
        taken=taken,
        trained=trained,
        models=tuple(models[m] for m in metrics) if models else (),
        viable=viable,
        committee=committee,
        designs={t.index: t.parameters for t in measured(problem, history)},
        encoder=encoder,
        seed=seed,
    )


def saved(knowledge: Knowledge) -> SavedModel:
    """The learner as plain JSON and arrays."""
    space = knowledge.problem.space
    if knowledge.trained is not None:
        return pack(knowledge.trained.models, space=space)
    return pack_committee(
        knowledge.advisers(),
        space=space,
        metrics=knowledge.metrics,
        transforms=knowledge.transforms,
        trials=knowledge.trials,
    )


def spec_of(options: Mapping[str, Any]) -> CommitteeSpec:
    """The committee that options ask for.

    ``auto``: three Gaussian processes that differ by kernel and see every label; five members of any other
    kind, each on 80 % of the labels.
    """
    alone = options["committee"] == "gp"
    members, subset = options["members"], options["subset"]
    return CommitteeSpec(
        kind=options["committee"],
        members=(3 if alone else 5) if members == "auto" else members,
        subset=(1.0 if alone else 0.8) if subset == "auto" else subset,
        hidden=tuple(options["hidden"]),
        alpha=options["alpha"],
        kernel="various",
    )


def _standardizing(model: MetricModel, trained: Trained) -> MetricTransform:
    """The model's transform without its signal variance, so that labels are standardized."""
    variance = trained.fit["metrics"][model.metric]["variance"]
    return replace(model.transform, sd=model.transform.sd / math.sqrt(variance))


def _labels(
    problem: Problem, history: History, metrics: tuple[str, ...], transforms: tuple[MetricTransform, ...]
) -> tuple[Labels, tuple[int, ...]]:
    trials = measured(problem, history)
    unit = np.asarray(problem.space.to_unit([t.parameters for t in trials]), dtype=float)
    columns = [labels_of(trials, m, w) for m, w in zip(metrics, transforms, strict=True)]
    z, noise = (np.stack(parts, axis=-1) for parts in zip(*columns, strict=True))
    return Labels(unit=unit, z=z, noise=noise), tuple(t.index for t in trials)
