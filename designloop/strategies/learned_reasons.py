"""Why a learning strategy chose a design: numbers in metric units, and one sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from designloop.strategies.base import Candidate
from designloop.strategies.designs import NAMES
from designloop.strategies.knowledge import Knowledge
from designloop.strategies.search import Array, Search

TITLES = {
    "gp_variance": "The model knows least here",
    "qnipv": "A label here takes most variance from the whole space",
    "bald": "A label here says most about which of {members} models is right",
    "gsx": "Farthest from all tried designs",
    "igs": "Farthest from all labels in inputs and predicted outputs",
    "shadow": "Space-filling design that nobody chose, by which the gate judges the model",
    "gate_random": "Space-filling design, as the model explains too little for its doubts to mean much",
    **{name: f"Next point of the {title}" for name, title in NAMES.items()},
    "random": "Random design, whatever the model says",
}


def learned_candidate(
    knowledge: Knowledge, search: Search, unit: Array, *, generator: str, value: float | None = None,
    penalty: float = 0.0, over: str = "",
) -> Candidate:  # fmt: skip
    """The chosen design (d,) with what the learner predicts there before the evaluation.

    ``value`` is the criterion, ``penalty`` the region filter's, and ``over`` how the committee's outputs
    were added up.
    """
    nearest = knowledge.nearest(unit)
    (design,) = search.designs(unit[None])
    if generator == "replicate":
        design = dict(knowledge.designs[nearest])
    predicted = _predictions(knowledge, unit[None])
    reason: dict[str, Any] = {
        "generator": generator,
        "prediction": {m: list(pair) for m, pair in predicted.items()},
        "epistemic": _spread(knowledge, unit[None], knowledge.epistemic(unit[None])[0]),
        "aleatoric": _spread(knowledge, unit[None], np.sqrt(knowledge.aleatoric())),
        "disagreement": float(knowledge.disagreement(unit[None])[0]),
        "acquisition": value if value is not None and math.isfinite(value) else None,
        "penalty": penalty,
        "nearest_trial": nearest,
    }
    reason["text"] = _sentence(knowledge, reason, unit, over)
    return Candidate(parameters=design, reason=reason)


def _predictions(knowledge: Knowledge, unit: Array) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of every modelled metric at (1, d), in metric units."""
    if knowledge.trained is not None:
        models = [m for m in knowledge.trained.models if not m.internal]
        moments = {m.metric: m.transform.to_metric(*m.posterior(unit)) for m in models}
    else:
        means, sds = knowledge.means(unit), knowledge.epistemic(unit)
        moments = {
            m: w.to_metric(means[:, j], sds[:, j])
            for j, (m, w) in enumerate(zip(knowledge.metrics, knowledge.transforms, strict=True))
        }
    return {m: (float(mean[0]), float(sd[0])) for m, (mean, sd) in moments.items()}


def _spread(knowledge: Knowledge, unit: Array, sds: Array) -> dict[str, float]:
    """Standard deviations (m,) in model units about the prediction at (1, d), in metric units."""
    means = knowledge.means(unit)
    return {
        metric: float(w.to_metric(means[:, j], sds[None, j])[1][0])
        for j, (metric, w) in enumerate(zip(knowledge.metrics, knowledge.transforms, strict=True))
    }


def _sentence(knowledge: Knowledge, reason: dict[str, Any], unit: Array, over: str) -> str:
    generator, nearest = reason["generator"], reason["nearest_trial"]
    members = knowledge.committee.spec.members if knowledge.committee is not None else 0
    if generator == "query_by_committee":
        what = "A label here settles most of what a committee of {members} does not know"
        lead = what if over == "integrated" else "Committee of {members} disagrees most here"
    elif generator == "replicate":
        lead = f"Trial {nearest} again: the noise outweighs what the model does not know"
    else:
        lead = TITLES[generator]
    metric = knowledge.metrics[int(knowledge.epistemic(unit[None])[0].argmax())]
    mean, sd = reason["prediction"][metric]
    end = "" if generator == "replicate" else f"; nearest tried design: trial {nearest}"
    return f"{lead.format(members=members)}: {metric} {mean:.4g} +- {sd:.2g}{end}."
