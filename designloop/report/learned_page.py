"""The figures of learning by plotly, for the interactive page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np

from designloop.report.data import Axis
from designloop.report.learned_data import SHOWN, LearningCurve, Reached, Surprises, curve_title
from designloop.report.page import blank, scale
from designloop.report.style import BLUE, GREY, INK, MARKS, RED, SERIES, SHAPES


def learning_curve(data: LearningCurve, *, title: str) -> Any:
    """Error over aim against labels, one line per metric (the SHOWN farthest)."""
    data = data.farthest(SHOWN)
    figure = blank(title=curve_title(data, title))
    every = np.concatenate([labels for labels, _ in data.lines.values()])
    ends = [float(every.min()), float(every.max())]
    dash = {"color": INK, "dash": "dash"}
    figure.add_scatter(x=ends, y=[1, 1], mode="lines", name="aim", line=dash, hoverinfo="skip")
    for (metric, (labels, ratio)), color, (_, symbol) in zip(
        data.lines.items(), cycle(SERIES), cycle(SHAPES), strict=False
    ):
        figure.add_scatter(
            x=labels, y=ratio, mode="lines+markers", name=metric, line={"color": color},
            marker={"symbol": symbol, "size": 7}, hovertemplate="%{x} labels<br>%{y:.3g} of the aim",
        )  # fmt: skip
    ratios = np.concatenate([ratio for _, ratio in data.lines.values()])
    span = [min(1.0, float(ratios.min())), max(1.0, float(ratios.max()))]
    for at, text in data.marks:
        line = {"color": MARKS[text.split(" ")[0].rstrip(":")], "dash": "dot"}
        figure.add_scatter(x=[at, at], y=span, mode="lines", name=text, line=line, hoverinfo="name")
    scale(figure, x=Axis(name="labels", unit=""), y=Axis(name="error / aim", unit="", log=True))
    return figure


def reached(data: Reached, *, title: str) -> Any:
    """Every feasible trial by what proposed it, and the reached space at each quarter of the run."""
    figure = blank(title=title, height=560)
    for place, (count, corners) in enumerate(data.outlines, start=1):
        faint = 1.0 - 0.8 * (len(data.outlines) - place) / len(data.outlines)
        if data.is_interval:
            look: dict[str, Any] = {
                "name": "reached so far",
                "fill": "toself",
                "line": {"width": 0, "color": GREY},
            }
        else:
            look = {"name": f"hull of {count} trials", "line": {"color": INK}, "opacity": faint}
        figure.add_scatter(x=corners[:, 0], y=corners[:, 1], mode="lines", hoverinfo="skip", **look)
    for (maker, points), color, (_, symbol) in zip(
        data.points.items(), cycle(SERIES), cycle(SHAPES), strict=False
    ):
        figure.add_scatter(
            x=points[:, 0], y=points[:, 1], mode="markers", name=maker,
            marker={"color": color, "symbol": symbol, "size": 8},
            hovertemplate="%{x:.4g}<br>%{y:.4g}",
        )  # fmt: skip
    scale(figure, x=data.axes[0], y=data.axes[1])
    return figure


def calibration(data: Sequence[Surprises], *, title: str) -> Any:
    """z-scores of predictions made before the evaluation, one panel per metric."""
    shown = list(data[:4])
    heads = [f"{s.metric}: {100 * s.coverage:.0f} % of {len(s.z)} in the 95 % band" for s in shown]
    figure = blank(rows=len(shown), cols=1, title=title, height=220 * len(shown) + 160, subplot_titles=heads)
    figure.update_layout(showlegend=False)
    for row, one in enumerate(shown, start=1):
        colors = np.where(np.abs(one.z) <= 1.96, BLUE, RED).tolist()
        figure.add_scatter(
            x=one.trials, y=one.z, mode="markers", marker={"color": colors, "size": 8},
            hovertemplate="trial %{x}<br>z %{y:.2f}<extra></extra>", row=row, col=1,
        )  # fmt: skip
        for level in (-1.96, 1.96):
            figure.add_hline(level, line_dash="dash", line_color=BLUE, row=row, col=1)
        last = Axis(name="trial" if row == len(shown) else "", unit="")
        scale(figure, x=last, y=Axis(name="z", unit=""), row=row)
    return figure
