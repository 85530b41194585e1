"""The figures of a run by matplotlib, for pages and papers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from designloop.report.data import Axis, Convergence, Map, Parity, Slice, limits
from designloop.report.style import BLUE, GREY, INK, KINDS, LINES, RC


def styled() -> Any:
    """The figures' look as a context; nothing global changes."""
    return mpl.rc_context(RC)


def canvas(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """An empty figure of so many inches, and its axes (rows, columns)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def scale(axes: Any, *, x: Axis | None = None, y: Axis | None = None) -> None:
    """Label and scale the axes, with readable ticks where they are logarithmic."""
    if x is not None:
        axes.set_xlabel(x.label)
        axes.set_xscale("log" if x.log else "linear")
    if y is not None:
        axes.set_ylabel(y.label.replace(" [", "\n["))
        axes.set_yscale("log" if y.log else "linear")
    for given, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if given is not None and given.log:
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
            axis.set_major_formatter(partial(_log_label, axis))
            axis.set_minor_formatter(NullFormatter())


def _log_label(axis: Any, value: float, _: int) -> str:
    """Powers of ten, and where the axis spans less than a factor 100 also their double and half."""
    low, high = axis.get_view_interval()
    power = abs(np.log10(value) - round(np.log10(value))) < 1e-6
    return f"{value:g}" if power or high < 100 * low else ""


def _points(axes: Any, kind: str, x: Any, y: Any, *, edge: str | None = None, **more: Any) -> None:
    """Trials of one kind; ``edge`` fills the markers and outlines them, for a coloured ground."""
    look = KINDS[kind]
    face = "none" if look.get("hollow") and edge is None else look["color"]
    colors = {"facecolors": face, "edgecolors": edge or look["color"]}
    if look["marker"] == "x":
        colors = {"color": look["color"]}
    look_of = {"marker": look["marker"], "s": look.get("size", 28), "label": look["label"], **colors}
    axes.scatter(x, y, linewidths=1.2 if edge is None else 0.9, zorder=3, **look_of, **more)


def convergence(data: Convergence, *, title: str) -> Figure:
    """Each trial by its status, the best so far, the baseline."""
    figure, grid = canvas(8.0, 4.4)
    axes = grid[0, 0]
    if data.best[0].size:
        axes.step(*data.best, where="post", color=INK, lw=1.8, label="best so far", zorder=2)
    if data.baseline is not None:
        axes.axhline(data.baseline, color=GREY, ls="--", lw=1.2, label="baseline", zorder=1)
    scale(axes, y=data.axis)
    for kind, (index, value) in data.trials.items():
        known = np.isfinite(value)
        if known.any():
            _points(axes, kind, index[known], value[known])
        if (~known).any():  # no value to show: a mark on the lower edge
            edge = np.full(int((~known).sum()), 0.02)
            _points(axes, kind, index[~known], edge, transform=axes.get_xaxis_transform(), clip_on=False)
    axes.set_xlabel("trial")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title(title)
    unique = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside lower center", ncols=4)
    return figure


def slices(data: Sequence[Slice], *, title: str) -> Figure:
    """Mean and 95 % band along each parameter through one design; grey where a constraint is violated."""
    wide = min(3, len(data))
    tall = -(-len(data) // wide)
    figure, grid = canvas(3.9 * wide + 0.6, 3.1 * tall + 0.5, tall, wide)
    for axes, one in zip(grid.flat, data, strict=False):
        _slice(axes, one)
    for axes in grid.flat[len(data) :]:
        axes.set_visible(False)
    for axes in grid.flat[: len(data)]:
        axes.set_ylim(*limits(data))
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=10.5)
    found = {
        k: v for a in grid.flat[: len(data)] for v, k in zip(*a.get_legend_handles_labels(), strict=True)
    }
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=5)
    return figure


def _slice(axes: Any, s: Slice) -> None:
    scale(axes, x=s.axis, y=s.objective)
    low, high = s.mean - 1.96 * s.sd, s.mean + 1.96 * s.sd
    if s.choices:
        axes.errorbar(s.x, s.mean, 1.96 * s.sd, fmt="o", color=BLUE, capsize=4, label="mean and 95 % band")
        axes.set_xticks(s.x, s.choices)
    else:
        axes.fill_between(s.x, low, high, color=BLUE, alpha=0.18, lw=0, label="95 % band")
        axes.plot(s.x, s.mean, color=BLUE, lw=1.8, label="predicted mean")
        forbidden = ~s.allowed
        if forbidden.any():
            axes.fill_between(
                s.x, 0, 1, where=forbidden, transform=axes.get_xaxis_transform(), color=GREY, alpha=0.22,
                lw=0, label="predicted to violate a constraint", zorder=0,
            )  # fmt: skip
    axes.scatter(*s.tried, s=9, color=INK, alpha=0.35, lw=0, label="tried (other values differ)", zorder=2)
    axes.axvline(s.at, color=INK, lw=1.0, ls=":", label="this design")


def two_parameter_map(data: Map, *, title: str) -> Figure:
    """Mean and sd side by side, constraint lines hatched on their violated side, tried designs on top."""
    figure, grid = canvas(11.4, 5.0, 1, 2)
    shown = (("predicted mean", data.mean, "viridis"), ("predicted sd", data.sd, "magma"))
    for axes, (name, values, colours) in zip(grid[0], shown, strict=True):
        scale(axes, x=data.x_axis, y=data.y_axis)
        axes.grid(visible=False)
        levels, norm = _levels(values, log=data.objective.log)
        filled = axes.contourf(data.x, data.y, values, levels=levels, norm=norm, cmap=colours, extend="both")
        ticks = None if norm else MaxNLocator(6).tick_values(levels[0], levels[-1])
        inside = None if ticks is None else ticks[(ticks >= levels[0]) & (ticks <= levels[-1])]
        bar = figure.colorbar(filled, ax=axes, pad=0.02, ticks=inside, format=lambda value, _: f"{value:.3g}")
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.set_label(data.objective.unit)
        _constraint_lines(axes, data)
        for kind, (x, y) in data.tried.items():
            if x.size:
                _points(axes, kind, x, y, edge="white")
        axes.plot(*data.at, marker="*", ms=15, mfc="white", mec=INK, ls="none", label="this design", zorder=4)
        axes.set_title(name)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=10.5)
    unique = dict(zip(*reversed(grid[0, 0].get_legend_handles_labels()), strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside lower center", ncols=5)
    return figure


def _levels(values: Any, *, log: bool) -> tuple[Any, Any]:
    from matplotlib.colors import LogNorm

    low, high = (float(v) for v in np.quantile(values, (0.005, 0.995)))
    if high <= low:
        return np.linspace(low - 1e-12, low + 1e-12 + abs(low) * 1e-6, 3), None
    if log and low > 0:
        return np.geomspace(low, high, 24), LogNorm(low, high)
    return np.linspace(low, high, 24), None


def _constraint_lines(axes: Any, data: Map) -> None:
    for (label, slack), color in zip(data.constraints, LINES * 5, strict=False):
        if slack.min() < 0 < slack.max():
            axes.contour(data.x, data.y, slack, levels=[0.0], colors=[color], linewidths=2.0)
            axes.contourf(
                data.x, data.y, slack, levels=[-np.inf, 0.0], colors="none", hatches=["///"],
            ).set_edgecolor(color + "66")  # fmt: skip
            axes.plot([], [], color=color, lw=2.0, label=label)


def parity(data: Sequence[Parity], *, title: str) -> Figure:
    """Above: leave-one-out prediction with its 95 % band against the observation; below: z-scores."""
    shown = list(data[:4])
    figure, grid = canvas(3.9 * len(shown) + 0.6, 6.0, 2, len(shown))
    for (top, bottom), one in zip(grid.T, shown, strict=True):
        _parity(top, one)
        _scores(bottom, one)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=10.5)
    return figure


def _parity(axes: Any, p: Parity) -> None:
    scale(axes, x=p.axis, y=p.axis)
    inside = np.abs(p.z) <= 1.96
    for which, color in ((inside, BLUE), (~inside, KINDS["infeasible"]["color"])):
        if which.any():
            axes.errorbar(
                p.observed[which], p.mean[which], 1.96 * p.sd[which], fmt="o", ms=4, color=color,
                ecolor=color, elinewidth=0.9, alpha=0.85,
            )  # fmt: skip
    low, high = float(p.observed.min()), float(p.observed.max())
    pad = 0.0 if p.axis.log else 0.05 * (high - low or 1.0)
    ends = (low * 0.85, high * 1.15) if p.axis.log else (low - pad, high + pad)
    axes.plot(ends, ends, color=INK, lw=1.0, ls="--")
    axes.set_xlim(*ends)
    axes.set_xlabel(f"observed\n{p.axis.label}")
    axes.set_ylabel("predicted from the others" + (f"\n[{p.axis.unit}]" if p.axis.unit else ""))
    axes.set_title(f"R² {p.r2:.2f}, {100 * p.coverage:.0f} % in the 95 % band")


def _scores(axes: Any, p: Parity) -> None:
    axes.axhspan(-1.96, 1.96, color=BLUE, alpha=0.10, lw=0)
    axes.axhline(0, color=INK, lw=0.8)
    axes.vlines(p.trials, 0, p.z, color=GREY, lw=0.9)
    colors = np.where(np.abs(p.z) <= 1.96, BLUE, KINDS["infeasible"]["color"])
    axes.scatter(p.trials, p.z, s=18, c=list(colors), zorder=3)
    reach = max(3.0, float(np.abs(p.z).max()) * 1.1) if len(p.z) else 3.0
    axes.set_ylim(-reach, reach)
    axes.set_xlabel("trial")
    axes.set_ylabel("z = (observed - predicted)\n/ sd")
