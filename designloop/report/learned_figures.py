"""The figures of learning by matplotlib, for pages and papers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from designloop.report.data import Axis
from designloop.report.figures import canvas, scale
from designloop.report.learned_data import SHOWN, LearningCurve, Reached, Surprises, curve_title
from designloop.report.style import BLUE, GREY, INK, MARKS, RED, SERIES, SHAPES


def learning_curve(data: LearningCurve, *, title: str) -> Figure:
    """Error over aim against labels, a line per metric (the SHOWN farthest), upright lines at changes."""
    data = data.farthest(SHOWN)
    figure, grid = canvas(8.0, 4.6)
    axes = grid[0, 0]
    axes.axhline(1.0, color=INK, lw=1.4, ls="--", label="aim", zorder=1)
    for (metric, (labels, ratio)), color, (marker, _) in zip(
        data.lines.items(), cycle(SERIES), cycle(SHAPES), strict=False
    ):
        axes.plot(labels, ratio, color=color, marker=marker, ms=4, lw=1.6, label=metric, zorder=3)
    for at, text in data.marks:
        color = MARKS[text.split(" ")[0].rstrip(":")]
        axes.axvline(at, color=color, lw=1.2, ls="-." if "committee" in text else ":", label=text)
    scale(axes, x=Axis(name="labels", unit=""), y=Axis(name="error / aim", unit="", log=True))
    axes.set_ylim(*limits(data))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title(curve_title(data, title))
    _legend(figure, axes, columns=4)
    return figure


def limits(data: LearningCurve) -> tuple[float, float]:
    """Range of the errors' axis: all of them and the aim, and never less than a factor of ten."""
    every = np.concatenate([ratio for _, ratio in data.lines.values()])
    low, high = min(0.8, float(every.min()) * 0.8), max(1.25, float(every.max()) * 1.25)
    return low, max(high, 10 * low)


def reached(data: Reached, *, title: str) -> Figure:
    """Every feasible trial by what proposed it, and the reached space at each quarter of the run."""
    figure, grid = canvas(7.4, 5.6)
    axes = grid[0, 0]
    scale(axes, x=data.axes[0], y=data.axes[1])
    for (maker, points), color, (marker, _) in zip(
        data.points.items(), cycle(SERIES), cycle(SHAPES), strict=False
    ):
        axes.scatter(*points.T, color=color, marker=marker, s=26, lw=0, label=maker, zorder=3)
    for place, (count, corners) in enumerate(data.outlines, start=1):
        faint = (len(data.outlines) - place) / len(data.outlines)
        if data.is_interval:
            axes.fill(*corners.T, color=GREY, alpha=0.18, lw=0, label="reached so far", zorder=1)
        else:
            axes.plot(
                *corners.T, color=INK, alpha=1.0 - 0.8 * faint, lw=1.8 - faint, zorder=2,
                label=f"hull of {count} trials",
            )  # fmt: skip
    if data.is_interval:
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title(title)
    _legend(figure, axes, columns=4)
    return figure


def calibration(data: Sequence[Surprises], *, title: str) -> Figure:
    """z-scores of predictions made before the evaluation, one panel per metric."""
    shown = list(data[:4])
    figure, grid = canvas(8.0, 1.0 + 2.1 * len(shown), len(shown), 1)
    for axes, one in zip(grid[:, 0], shown, strict=True):
        inside = np.abs(one.z) <= 1.96
        axes.axhspan(-1.96, 1.96, color=BLUE, alpha=0.10, lw=0)
        axes.axhline(0, color=INK, lw=0.8)
        axes.vlines(one.trials, 0, one.z, color=GREY, lw=0.9)
        axes.scatter(one.trials, one.z, s=18, c=np.where(inside, BLUE, RED).tolist(), zorder=3)
        reach = max(3.0, float(np.abs(one.z).max()) * 1.1)
        axes.set_ylim(-reach, reach)
        axes.set_ylabel("z = (observed -\npredicted) / sd")
        axes.set_title(f"{one.metric}: {100 * one.coverage:.0f} % of {len(one.z)} in the 95 % band")
        axes.xaxis.get_major_locator().set_params(integer=True)
    grid[-1, 0].set_xlabel("trial")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=10.5)
    return figure


def _legend(figure: Figure, axes: Any, *, columns: int) -> None:
    unique = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside lower center", ncols=columns)
