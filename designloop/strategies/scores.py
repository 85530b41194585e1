"""The criterion of each learning strategy as a function of designs, from what is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from designloop.learning.disagreement import Over, disagreement
from designloop.strategies.criteria import (
    bald,
    covariance_terms,
    disagreement_terms,
    gsx,
    igs,
    variance_taken,
)
from designloop.strategies.knowledge import Knowledge
from designloop.strategies.search import Array, Search

Score = Callable[[Array], Array]
NODES = 256
"""Designs over which variances are integrated."""
STEP = 0.02
"""Half the length over which slopes are taken, on the unit cube."""
FLOOR = 1e-6
"""Least noise variance of a label in model units, where entropies need one."""


def nodes_of(search: Search, *, seed: int, count: int = NODES) -> Array:
    """Designs (u, d) that stand for the whole space under its input constraints, tried ones among them."""
    from designloop.strategies.maximize import feasible_pool

    none = np.empty((0, len(search.space.parameters)))
    free = Search(space=search.space, tried=none, failed=none)
    if search.exhaustive:
        every = free.everything()
        return every[np.random.default_rng(seed).permutation(len(every))[: 4 * count]]
    return feasible_pool(free, anchors=none, seed=seed, size=2 * count)[:count]


def score_of(name: str, knowledge: Knowledge, options: Mapping[str, Any], nodes: Array) -> Score:
    """The criterion of strategy ``name``, (k, d) to (k,), at least 0 and larger where a label teaches more.

    It is weighted by the probability that an evaluation gives an answer, and under ``region: auto`` one in
    scope.
    """
    made: dict[str, Callable[[], Score]] = {
        "query_by_committee": lambda: _committee(knowledge, options, nodes),
        "gp_variance": lambda: lambda unit: (knowledge.epistemic(unit) ** 2).mean(-1),
        "qnipv": lambda: integrated(replace(knowledge, committee=None), nodes),
        "bald": lambda: _bald(knowledge),
        "gsx": lambda: _gsx(knowledge),
        "igs": lambda: _igs(knowledge),
    }
    criterion = made[name]()
    weight = knowledge.feasibility if options.get("region") == "auto" else knowledge.viability
    return lambda unit: criterion(unit) * weight(unit)


def integrated(knowledge: Knowledge, nodes: Array, weights: Array | None = None) -> Score:
    """Variance that a label takes from the nodes, mean over metrics, by ``weights`` (u, m).

    What the learner's Gaussian processes do not know and what the committee disagrees on add up.
    """
    there = None if knowledge.committee is None else knowledge.committee.predict(nodes)
    scales = knowledge.scales**2

    def score(unit: Array) -> Array:
        here = None if knowledge.committee is None else knowledge.committee.predict(unit)
        taken = []
        for j in range(len(knowledge.metrics)):
            terms = []
            if knowledge.models:
                terms.append(covariance_terms(knowledge.models[j], unit, nodes, scale=scales[j]))
            if here is not None and there is not None:
                noise = 0.0 if knowledge.models else float(knowledge.aleatoric()[j])
                terms.append(disagreement_terms(here[..., j], there[..., j], noise=noise))
            taken.append(variance_taken(terms, None if weights is None else weights[:, j]))
        return np.asarray(np.mean(taken, axis=0))

    return score


def weights_of(knowledge: Knowledge, nodes: Array) -> Array:
    """How much each node counts, (u, m): where the response is steep or disputed, more.

    1 + g / mean g + v / mean v with the squared slope g of the learner's mean and the committee's variance v.
    """
    slope = np.zeros((len(nodes), len(knowledge.metrics)))
    for step in STEP * np.eye(nodes.shape[1]):
        ends = [knowledge.means(np.clip(nodes + s * step, 0.0, 1.0)) for s in (1.0, -1.0)]
        slope += (ends[0] - ends[1]) ** 2
    spread = knowledge.advisers().predict(nodes).var(0)
    return 1.0 + _relative(slope) + _relative(spread)


def _within(knowledge: Knowledge, options: Mapping[str, Any], nodes: Array) -> Array:
    """The nodes' weights, less where they are expected out of scope: nothing need be known there."""
    weights = weights_of(knowledge, nodes)
    if options["region"] != "auto":
        return weights
    return np.asarray(weights * knowledge.feasibility(nodes)[:, None])


def _relative(values: Array) -> Array:
    return np.asarray(values / np.maximum(values.mean(0), 1e-300))


def _committee(knowledge: Knowledge, options: Mapping[str, Any], nodes: Array) -> Score:
    over, power = options["disagreement"], float(options["diversity"])
    taken = knowledge.features(knowledge.taken)
    if over == "integrated":
        plain = integrated(knowledge, nodes, _within(knowledge, options, nodes))
    else:
        plain = _spread(knowledge, over)
    if not power:
        return plain
    return lambda u: plain(u) * gsx(knowledge.features(u), taken) ** power


def _spread(knowledge: Knowledge, over: Over) -> Score:
    return lambda u: disagreement(knowledge.advisers().predict(u), over=over)


def _bald(knowledge: Knowledge) -> Score:
    committee = knowledge.advisers()
    noise = np.maximum(committee.aleatoric, FLOOR)

    def score(unit: Array) -> Array:
        means = committee.predict(unit)
        return bald(means, np.broadcast_to(noise, means.shape))

    return score


def _gsx(knowledge: Knowledge) -> Score:
    taken = knowledge.features(knowledge.taken)
    return lambda u: gsx(knowledge.features(u), taken)


def _igs(knowledge: Knowledge) -> Score:
    known = knowledge.features(knowledge.labels.unit)
    return lambda u: igs(knowledge.features(u), known, knowledge.means(u), knowledge.labels.z)
