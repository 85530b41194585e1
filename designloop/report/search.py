"""The design a model expects most of, found by sampling: cheap, derivative-free, repeatable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from designloop.errors import DesignloopError
from designloop.oracle import Value
from designloop.record import RunRecord

if TYPE_CHECKING:
    from designloop.learning.saved import SavedModel

Array = NDArray[np.float64]
ROUNDS = (0.0, 0.2, 0.07, 0.02, 0.006)
"""Widths of the search about the best so far, on the unit cube; the first round covers all of it."""
SAMPLES = 1500


def best_predicted(
    record: RunRecord, saved: SavedModel, *, start: Mapping[str, Value]
) -> tuple[dict[str, Value], float, float] | None:
    """The design with the best predicted mean whose predicted means meet every outcome constraint.

    Searches from ``start`` and keeps to the campaign's input constraints. Returns the design, mean and sd in
    the metric's unit, or None.
    """
    from designloop.learning.models import predict
    from designloop.space import Space

    space = Space.from_json(saved.config["space"])
    allowed = input_rules(record)
    random = np.random.default_rng([int(record.campaign["seed"]), 0x5EA5C4])
    center = np.clip(np.asarray(space.to_unit([dict(start)]), dtype=float)[0], 0, 1)
    best: tuple[float, dict[str, Value], float, float] | None = None
    for width in ROUNDS:
        points = _points(random, center, width)
        designs = space.from_unit(points)
        designs = [d for d, fits in zip(designs, allowed(designs), strict=True) if fits]
        if not designs:
            continue
        answers = predict(saved, designs)
        score = _score(record, answers)
        at = int(np.argmin(score))
        if np.isfinite(score[at]) and (best is None or score[at] < best[0]):
            mean, sd = answers[record.metric]
            best = (float(score[at]), designs[at], float(mean[at]), float(sd[at]))
            center = np.asarray(space.to_unit([designs[at]]), dtype=float)[0]
    return None if best is None else best[1:]


def _points(random: np.random.Generator, center: Array, width: float) -> Array:
    if width == 0.0:
        return np.vstack([center, random.random((SAMPLES, len(center)))])
    near = center + width * random.standard_normal((SAMPLES, len(center)))
    keep = random.random(near.shape) < 0.5  # moves along few axes find edges and corners
    return np.asarray(np.clip(np.vstack([center, np.where(keep, center, near)]), 0.0, 1.0))


def _score(record: RunRecord, answers: Mapping[str, tuple[Array, Array]]) -> Array:
    """What to minimize; infinite where a constraint's predicted mean is violated."""
    score = np.asarray(answers[record.metric][0], dtype=float) * (1 if record.minimize else -1)
    for c in record.campaign.get("constraints") or ():
        if c["metric"] in answers:
            mean = answers[c["metric"]][0]
            violated = mean > c["bound"] if c["relation"] == "<=" else mean < c["bound"]
            score = np.where(violated, np.inf, score)
    return score


def input_rules(record: RunRecord) -> Callable[[list[dict[str, Value]]], NDArray[np.bool_]]:
    """A test of designs (n,) on the campaign's input constraints; all pass where it cannot be loaded."""
    from designloop.campaign import loads

    folder = Path(record.campaign.get("folder") or record.directory)
    try:
        space = loads(record.campaign["yaml"], folder=folder, name="campaign.yaml").space
    except (DesignloopError, OSError):  # the oracle may be gone since; the rest can be said all the same
        return lambda designs: np.ones(len(designs), dtype=bool)
    return space.feasible
