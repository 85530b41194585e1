"""Curves with quartiles, and how soon each repeat got there; matplotlib for papers, plotly for the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from designloop.compare.measures import Measured
from designloop.compare.summary import Summary
from designloop.compare.verdict import reach_of
from designloop.report.figures import styled
from designloop.report.style import BLUE, GREEN, GREY, INK, LINES, ORANGE, RED

COLORS = (BLUE, ORANGE, GREEN, RED, GREY, *LINES)


def draw(folder: Path, summary: Summary) -> list[Path]:
    """Write the figures as PNG and the page ``compare.html``; their paths."""
    from designloop.report.page import page

    folder.mkdir(parents=True, exist_ok=True)
    curve, bars = ("error.png", "labels.png") if summary.learns else ("regret.png", "tries.png")
    paths = []
    with styled():
        for name, figure in ((curve, _curves(summary)), (bars, _reaches(summary))):
            paths.append(folder / name)
            figure.savefig(paths[-1], dpi=150)
    text = page([_page_curves(summary)], title=summary.problem.split(":")[0], text=summary.text())
    paths.append(folder / "compare.html")
    paths[-1].write_text(text, encoding="utf-8")
    return paths


def axis_of(summary: Summary) -> tuple[str, str]:
    """Words of the curve's axes."""
    if summary.learns:
        return "labels", "error over the spread (NRMSE), worst metric"
    return (
        "tries after the shared designs",
        f"simple regret {f'[{summary.unit}]' if summary.unit else ''}".strip(),
    )


def quartiles(one: Measured, first: int) -> tuple[Any, Any]:
    """Counts (n,) and quartiles (3, n) of the curve, where half of the repeats have a value."""
    known = np.isfinite(one.curve).mean(0) >= 0.5
    x = np.arange(one.curve.shape[1])[known] + first
    return x, np.nanpercentile(one.curve[:, known], [25, 50, 75], axis=0)


def _canvas(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _curves(summary: Summary) -> Any:
    figure, axes = _canvas(7.4, 4.6)
    for one, color in zip(summary.measured, COLORS * 3, strict=False):
        x, (low, middle, high) = quartiles(one, summary.labels_first if summary.learns else 0)
        axes.fill_between(x, low, high, color=color, alpha=0.16, lw=0)
        axes.plot(x, middle, color=color, lw=1.9, label=one.label)
    values = np.concatenate([line.get_ydata() for line in axes.get_lines()])
    if (values > 0).any():
        axes.set_yscale("log")
    axes.set_xlabel(axis_of(summary)[0])
    axes.set_ylabel(axis_of(summary)[1])
    axes.set_title("median and quartiles over repeats")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def _reaches(summary: Summary) -> Any:
    """One dot per repeat, hollow where the budget ended first; the bar is the mean over all."""
    names = [t.name for t in summary.thresholds] or ["tries"]
    figure, axes = _canvas(7.4, 1.2 + 0.42 * len(names) * len(summary.measured))
    rng = np.random.default_rng(0)
    ticks, row = [], 0
    for name in names:
        for one, color in zip(summary.measured, COLORS * 3, strict=False):
            reach = reach_of(one, name)
            y = -row + rng.uniform(-0.24, 0.24, len(reach.count))
            for which, face in ((reach.reached, color), (~reach.reached, "none")):
                axes.scatter(reach.count[which], y[which], s=15, facecolors=face, edgecolors=color, lw=0.8)
            axes.plot([reach.censored] * 2, [-row - 0.36, -row + 0.36], color=INK, lw=2.2)
            ticks.append(one.label if name == "tries" else f"{one.label}\n{name}")
            row += 1
    axes.set_yticks(-np.arange(row), ticks)
    axes.set_xlabel("labels" if summary.learns else "tries to the target, after the shared designs")
    axes.set_title("every repeat; hollow: not within the budget; bar: mean")
    return figure


def _page_curves(summary: Summary) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    for one, color in zip(summary.measured, COLORS * 3, strict=False):
        x, (low, middle, high) = quartiles(one, summary.labels_first if summary.learns else 0)
        edge = {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "legendgroup": one.label}
        figure.add_scatter(y=high, showlegend=False, **edge)
        figure.add_scatter(y=low, fill="tonexty", fillcolor=_faint(color), showlegend=False, **edge)
        figure.add_scatter(
            x=x, y=middle, mode="lines", name=one.label, legendgroup=one.label,
            line={"color": color, "width": 2},
        )  # fmt: skip
    figure.update_layout(
        template="plotly_white", height=520, legend={"orientation": "h", "y": -0.2}, font={"color": INK}
    )
    figure.update_xaxes(title_text=axis_of(summary)[0])
    figure.update_yaxes(title_text=axis_of(summary)[1], type=_scale(summary.measured))
    return figure


def _scale(measured: Sequence[Measured]) -> str:
    return "log" if any((m.curve > 0).any() for m in measured) else "linear"


def _faint(color: str) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"
