"""The numbers behind the figures of learning: errors over labels, reached properties, surprises."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from designloop import progress
from designloop.closure import MOST, hull, occupied
from designloop.record import RunRecord
from designloop.report.data import Axis, columns
from designloop.report.learned import surprises
from designloop.report.plain import unit_of
from designloop.report.table import heading

Array = NDArray[np.float64]
QUARTERS = (0.25, 0.5, 0.75, 1.0)
"""Shares of the run's trials at which the reached space is drawn."""

SHOWN = 6
"""Metrics that one figure or table of the screen takes: more are not told apart."""
GATE = {"random": "random from here", "committee": "committee again"}


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """Error over aim against labels, per metric; 1 is the aim."""

    lines: Mapping[str, tuple[Array, Array]]
    marks: tuple[tuple[float, str], ...]
    """Labels at which something changed, and what: the gate's state, the phase, the goal."""
    left_out: int = 0
    """Metrics that are not among ``lines`` because they are nearer to their aims."""

    def farthest(self, most: int) -> LearningCurve:
        """The curve with the ``most`` lines that end farthest from their aims, in their order."""
        ends = sorted(self.lines, key=lambda metric: -float(self.lines[metric][1][-1]))[:most]
        lines = {metric: line for metric, line in self.lines.items() if metric in ends}
        return replace(self, lines=lines, left_out=self.left_out + len(self.lines) - len(lines))


def curve_title(data: LearningCurve, title: str) -> str:
    """The title, with what the figure leaves out."""
    if not data.left_out:
        return title
    return f"{title}: the {len(data.lines)} aims farthest off, {data.left_out} left out"


@dataclass(frozen=True, kw_only=True)
class Reached:
    """The feasible trials in the space of one or two learned metrics.

    ``points`` maps what proposed them to (n, 2) values; with one metric the columns are trial and value.
    ``outlines`` are the reached spaces at QUARTERS: the trials they take in, and the hull's corners in order
    (k, 2), closed; with one metric the reached interval by trial (lower and upper line, one outline).
    """

    axes: tuple[Axis, Axis]
    points: Mapping[str, Array]
    outlines: tuple[tuple[int, Array], ...]
    is_interval: bool


@dataclass(frozen=True, kw_only=True)
class Surprises:
    """z-scores of one metric's predictions made before the evaluation, by trial."""

    metric: str
    trials: Array
    z: Array

    @property
    def coverage(self) -> float:
        """Share within +- 1.96."""
        return float((np.abs(self.z) <= 1.96).mean())


def learning_curve(record: RunRecord) -> LearningCurve | None:
    """The course of the errors; None before anything was judged."""
    said = progress.assessments(record)
    found = progress.judged(record, said)
    lines = {}
    for metric in progress.learned_metrics(record):
        known = [(float(a.labels), a.ratios[metric]) for a in found if a.labels and metric in a.ratios]
        known = [(labels, ratio) for labels, ratio in known if ratio > 0]
        if known:
            lines[metric] = columns(known)
    if not lines:
        return None
    return LearningCurve(lines=lines, marks=tuple(_marks(record, said, found)))


def _marks(
    record: RunRecord, said: Sequence[progress.Assessment], found: Sequence[progress.Assessment]
) -> list[tuple[float, str]]:
    marks = [
        (float(a.labels), f"gate: {GATE[a.gate['state']]}") for a in progress.gate_changes(said) if a.labels
    ]
    phases = record.campaign.get("phases") or []
    marks += [
        (float(b.labels), f"from here: {phases[b.phase]['name']}")
        for a, b in pairwise(said)
        if b.phase != a.phase and b.labels and b.phase < len(phases)
    ]
    marks += [(float(a.labels), "goal reached") for a in progress.reached_at(record, found)[:1] if a.labels]
    return sorted(marks)


def reached(record: RunRecord) -> Reached | None:
    """What the feasible trials reach in the first two learned metrics; None without any."""
    metrics = progress.learned_metrics(record)[:2]
    trials = [
        t for t in record.trials if record.is_feasible(t) and all(t.value(m) is not None for m in metrics)
    ]
    if not metrics or not trials:
        return None
    index = np.array([t.index for t in trials], dtype=float)
    values = np.array([[t.metrics[m].value for m in metrics] for t in trials])
    axes = [Axis(name=m, unit=unit_of(record, m)) for m in metrics]
    single = len(metrics) == 1
    shown = np.column_stack([index, values]) if single else values
    makers = np.array([str(t.reason.get("generator") or t.origin) for t in trials])
    return Reached(
        axes=(Axis(name="trial", unit=""), axes[0]) if single else (axes[0], axes[1]),
        points={maker: shown[makers == maker] for maker in dict.fromkeys(makers)},
        outlines=_interval(index, values[:, 0]) if single else _outlines(len(record.trials), index, values),
        is_interval=single,
    )


def _interval(index: Array, values: Array) -> tuple[tuple[int, Array], ...]:
    """The reached interval as one outline of stairs: there by its lower end, back by its upper."""
    when = np.repeat(index, 2)[1:]
    lower, upper = (np.repeat(f.accumulate(values), 2)[:-1] for f in (np.minimum, np.maximum))
    there, back = np.column_stack([when, lower]), np.column_stack([when, upper])[::-1]
    return ((len(values), np.vstack([there, back])),)


def _outlines(count: int, index: Array, values: Array) -> tuple[tuple[int, Array], ...]:
    found = []
    for share in QUARTERS:
        upto = round(share * count)
        corners = outline(values[index < upto])
        if len(corners):
            found.append((upto, corners))
    return tuple(found)


def outline(values: Array) -> Array:
    """Corners (k, 2) of the convex hull of ``values`` (n, 2) in order, the first again last; () if flat."""
    size, rows = hull(values)
    if size <= 0:
        return np.empty((0, 2))
    corners = values[list(rows)]
    spread = (corners - corners.mean(0)) / np.ptp(values, axis=0)
    order = np.argsort(np.arctan2(spread[:, 1], spread[:, 0]))
    return np.asarray(corners[[*order, order[0]]])


def surprise_figures(record: RunRecord) -> list[Surprises]:
    """Each learned metric's z-scores, where predictions were made before the evaluation."""
    found = []
    for metric in progress.learned_metrics(record):
        pairs = surprises(record, metric)
        if pairs:
            trials, z = np.array(pairs, dtype=float).T
            found.append(Surprises(metric=metric, trials=trials, z=z))
    return found


def closure_rows(record: RunRecord) -> list[dict[str, object]]:
    """One row per trial: what the feasible trials up to and with it reach in the learned metrics."""
    metrics = progress.learned_metrics(record)
    units = {m: unit_of(record, m) for m in metrics}
    whole = " x ".join(units[m] or "1" for m in metrics[:MOST])
    rows: list[dict[str, object]] = []
    values, size, cells = np.empty((0, len(metrics))), 0.0, 0.0
    for trial in record.trials:
        if record.is_feasible(trial) and all(trial.value(m) is not None for m in metrics):
            values = np.vstack([values, [trial.metrics[m].value for m in metrics]])
            size, cells = hull(values[:, :MOST])[0], occupied(values[:, :2])
        row: dict[str, object] = {"trial": trial.index, f"size [{whole}]": size, "cells": cells}
        for j, metric in enumerate(metrics):
            ends = (values[:, j].min(), values[:, j].max()) if len(values) else (None, None)
            row[heading(f"{metric} least", units, of=metric)] = ends[0]
            row[heading(f"{metric} most", units, of=metric)] = ends[1]
        rows.append(row)
    return rows


def write_closure(record: RunRecord, path: Path) -> Path:
    """Write ``closure_rows`` as CSV; returns ``path``."""
    table = closure_rows(record)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]) if table else ["trial"])
        writer.writeheader()
        writer.writerows(table)
    return path
