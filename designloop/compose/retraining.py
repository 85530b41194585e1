"""Surrogates learn from what the solver answered: a step between two trials, written into the journal.

The new model takes over only if it predicts the audited answers better, which are never learned from. What a
lesson learns from is what the journal names, in its order, so that a resumed run learns the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from designloop.compose.answers import Answer, Answers
from designloop.compose.notes import escalations
from designloop.learning import models
from designloop.learning.metrics import rmse
from designloop.learning.packed import Packed
from designloop.record import RunRecord

FOLDER = "surrogates"


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """How often a stage's surrogate learns, and on how many audited answers it is judged at least."""

    every: int
    """New answers of the solver after which it learns."""
    tests: int = 10
    """Audited answers below which no new model takes over."""


def is_due(run: RunRecord, *, stage: str, plan: Retraining) -> bool:
    """Whether a stage's solver has given enough answers since its last lesson."""
    last = _lessons(run, stage)[-1:]
    enough = plan.every + (last[0]["labels"] if last else 0)
    return len(_keys(run, stage, "labels")) >= enough and len(_labels(run, stage)) >= enough


def lesson(run: RunRecord, *, stage: str, packed: Packed, plan: Retraining, seed: int) -> dict[str, Any]:
    """Train, judge and keep the next version of a stage's surrogate.

    ``packed``: the version at work. The new one is written below the run before it is returned as a journal
    record: ``version``, ``path``, counts of ``labels`` (all so far) and ``tests``, root mean square
    ``errors`` before and after on the tests by metric, and whether it is ``promoted``.
    """
    labels, tests = _labels(run, stage), _tests(run, stage)
    taught = max((entry["labels"] for entry in _lessons(run, stage) if entry["promoted"]), default=0)
    fresh = _next(packed, labels[taught:], seed=seed)
    errors = {"before": _errors(packed, tests), "after": _errors(fresh, tests)}
    path = Path(FOLDER) / f"{stage or 'oracle'}-{fresh.card.version}.dlmodel"
    (run.directory / FOLDER).mkdir(exist_ok=True)
    fresh.save(run.directory / path)
    return {
        "stage": stage,
        "from": packed.card.version,
        "version": fresh.card.version,
        "path": str(path),
        "labels": len(labels),
        "tests": len(tests),
        "errors": errors,
        "promoted": len(tests) >= plan.tests and _ratio(errors) < 1,
    }


def at_work(run: RunRecord, stage: str) -> Path | None:
    """The file of the last promoted version of a stage's surrogate; None while it is the first one."""
    paths = [entry["path"] for entry in _lessons(run, stage) if entry["promoted"]]
    return run.directory / paths[-1] if paths else None


def _lessons(run: RunRecord, stage: str) -> list[dict[str, Any]]:
    return [entry for entry in run.lessons if entry["stage"] == stage]


def _labels(run: RunRecord, stage: str) -> list[Answer]:
    """What may be learned from, each question once, in the order in which trials ended."""
    return _answers(run, _keys(run, stage, "labels"))


def _tests(run: RunRecord, stage: str) -> list[Answer]:
    """What audits found and no model has learned from."""
    labels = set(_keys(run, stage, "labels"))
    return _answers(run, [key for key in _keys(run, stage, "tests") if key not in labels])


def _keys(run: RunRecord, stage: str, kind: str) -> list[str]:
    found: dict[str, None] = {}
    for trial, number in run.outcomes:
        attempt = next(a for a in run.trials[trial].attempts if a.number == number)
        found |= dict.fromkeys((escalations(attempt.notes, stage) or {}).get(kind, ()))
    return list(found)


def _answers(run: RunRecord, keys: Sequence[str]) -> list[Answer]:
    known = Answers(run.directory / "answers")
    found = [known.get(key) for key in keys]
    return [a for a in found if a is not None and a.infeasible is None]


def _next(packed: Packed, labels: Sequence[Answer], *, seed: int) -> Packed:
    metrics = [o.name for o in packed.card.outputs if all(o.name in a.metrics for a in labels)]
    saved = models.updated(
        packed.saved,
        [dict(a.inputs) for a in labels],
        [a.seed for a in labels],
        {m: np.array([a.metrics[m].value for a in labels]) for m in metrics},
        seed=seed,
    )
    data = {**packed.card.data, "further_labels": packed.card.data.get("further_labels", 0) + len(labels)}
    return Packed(saved=saved, card=replace(packed.card, version="", data=data))


def _errors(packed: Packed, tests: Sequence[Answer]) -> dict[str, float]:
    if not tests:
        return {}
    parts = models.parts(packed.saved, [dict(a.inputs) for a in tests], seeds=[a.seed for a in tests])
    return {
        metric: rmse([a.metrics[metric].value for a in tests], part.mean)
        for metric, part in parts.items()
        if all(metric in a.metrics for a in tests)
    }


def _ratio(errors: Mapping[str, Mapping[str, float]]) -> float:
    """Geometric mean over metrics of the error after over the error before."""
    before, after = errors["before"], errors["after"]
    logs = [math.log(max(after[m], 1e-300) / max(before[m], 1e-300)) for m in before]
    return math.exp(sum(logs) / len(logs)) if logs else math.inf
