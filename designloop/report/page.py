"""One interactive page per run: the same figures by plotly, which travels inside the file."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from designloop.report.data import Axis, Convergence, Map, Parity, Slice, limits
from designloop.report.style import BLUE, GREY, INK, KINDS, LINES

BAND = "rgba(0,114,178,0.18)"
_STYLE = (
    "body{font-family:system-ui,sans-serif;color:#22262B;max-width:1200px;margin:2rem auto;padding:0 1rem}"
    "pre{background:#F5F6F8;padding:1rem;border-radius:6px;overflow:auto}h1{font-size:1.4rem}"
)


def page(figures: Sequence[Any], *, title: str, text: str) -> str:
    """A whole HTML page that needs no network: the answer's text, then the figures."""
    given = {"full_html": False, "config": {"displaylogo": False, "responsive": True}}
    parts = [
        f.to_html(include_plotlyjs="inline" if i == 0 else False, div_id=f"figure-{i}", **given)
        for i, f in enumerate(figures)
    ]
    head = f"<meta charset='utf-8'><title>{html.escape(title)}</title><style>{_STYLE}</style>"
    body = f"<h1>{html.escape(title)}</h1><pre>{html.escape(text)}</pre>{''.join(parts)}"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{body}</body></html>"


def blank(*args: Any, title: str, height: int = 460, **kwargs: Any) -> Any:
    """An empty figure with the page's look."""
    from plotly.subplots import make_subplots

    figure = make_subplots(*args, **kwargs)
    figure.update_layout(
        template="plotly_white", title={"text": title, "x": 0.01}, height=height,
        legend={"orientation": "h", "y": -0.22}, font={"color": INK},
        margin={"l": 70, "r": 30, "t": 70, "b": 60},
    )  # fmt: skip
    return figure


def scale(figure: Any, *, x: Axis | None, y: Axis | None, row: int = 1, col: int = 1) -> None:
    """Label and scale one panel's axes."""
    for axis, update in ((x, figure.update_xaxes), (y, figure.update_yaxes)):
        if axis is not None:
            update(title_text=axis.label, type="log" if axis.log else "linear", row=row, col=col)


def _marks(kind: str) -> dict[str, Any]:
    look = KINDS[kind]
    return {
        "mode": "markers", "name": look["label"], "legendgroup": kind,
        "marker": {"symbol": look["symbol"], "color": look["color"], "size": 9,
                   "line": {"width": 1.5, "color": look["color"]}},
    }  # fmt: skip


def convergence(data: Convergence, *, title: str) -> Any:
    """Each trial by its status, the best so far, the baseline."""
    figure = blank(title=title)
    known = np.concatenate([v for _, v in data.trials.values()])
    known = known[np.isfinite(known)]
    floor = float(known.min()) if known.size else 0.0
    for kind, (index, value) in data.trials.items():
        if index.size:
            shown = np.where(np.isfinite(value), value, floor)
            note = ["" if np.isfinite(v) else "no value" for v in value]
            figure.add_scatter(
                x=index, y=shown, text=note, hovertemplate="trial %{x}<br>%{y:.4g}<br>%{text}", **_marks(kind)
            )
    if data.best[0].size:
        line = {"color": INK, "width": 2, "shape": "hv"}
        figure.add_scatter(x=data.best[0], y=data.best[1], mode="lines", name="best so far", line=line)
    if data.baseline is not None:
        ends = [0, max(float(index.max()) for index, _ in data.trials.values() if index.size)]
        dash = {"color": GREY, "dash": "dash"}
        figure.add_scatter(x=ends, y=[data.baseline] * 2, mode="lines", name="baseline", line=dash)
    scale(figure, x=Axis(name="trial", unit=""), y=data.axis)
    return figure


def slices(data: Sequence[Slice], *, title: str) -> Any:
    """Mean and 95 % band along each parameter through one design."""
    wide = min(3, len(data))
    tall = -(-len(data) // wide)
    figure = blank(rows=tall, cols=wide, title=title, height=340 * tall + 120, vertical_spacing=0.25 / tall)
    for i, s in enumerate(data):
        at = {"row": i // wide + 1, "col": i % wide + 1}
        first = {"showlegend": i == 0}
        x = list(s.choices) or s.x
        low, high = s.mean - 1.96 * s.sd, s.mean + 1.96 * s.sd
        if s.choices:
            figure.add_scatter(
                x=x, y=s.mean, error_y={"array": 1.96 * s.sd}, mode="markers", name="predicted mean",
                marker={"color": BLUE}, **first, **at,
            )  # fmt: skip
        else:
            edges = {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", **at}
            figure.add_scatter(y=high, showlegend=False, **edges)
            figure.add_scatter(y=low, fill="tonexty", fillcolor=BAND, name="95 % band", **first, **edges)
            figure.add_scatter(
                x=x, y=s.mean, mode="lines", line={"color": BLUE}, name="predicted mean", **first, **at
            )
        tried = [s.choices[int(v)] for v in s.tried[0]] if s.choices else s.tried[0]
        figure.add_scatter(
            x=tried, y=s.tried[1], mode="markers", name="tried (other values differ)",
            marker={"color": INK, "opacity": 0.35, "size": 5}, **first, **at,
        )  # fmt: skip
        if not s.choices:
            figure.add_vline(s.at, line_dash="dot", line_color=INK, **at)
        labelled = s.objective if i % wide == 0 else Axis(name="", unit="", log=s.objective.log)
        scale(figure, x=s.axis if not s.choices else Axis(name=s.axis.label, unit=""), y=labelled, **at)
        ends = limits(data)
        span = [math.log10(end) for end in ends] if s.objective.log else list(ends)
        figure.update_yaxes(range=span, **at)
    return figure


def two_parameter_map(data: Map, *, title: str) -> Any:
    """Mean and sd side by side, with constraint lines and tried designs."""
    names = ("predicted mean", "predicted sd")
    figure = blank(rows=1, cols=2, title=title, height=560, subplot_titles=names, horizontal_spacing=0.16)
    hover = f"{data.x_axis.name} %{{x:.4g}}<br>{data.y_axis.name} %{{y:.4g}}<br>%{{z:.4g}}<extra></extra>"
    for col, values, colours, place in ((1, data.mean, "Viridis", 0.42), (2, data.sd, "Magma", 1.0)):
        bar = {"x": place, "len": 0.9, "title": {"text": data.objective.unit, "side": "top"}}
        figure.add_contour(
            x=data.x, y=data.y, z=values, colorscale=colours, ncontours=24, line_width=0, colorbar=bar,
            hovertemplate=hover, row=1, col=col,
        )  # fmt: skip
        _overlay(figure, data, col)
        scale(figure, x=data.x_axis, y=data.y_axis, col=col)
    return figure


def _overlay(figure: Any, data: Map, col: int) -> None:
    """Constraint lines, tried designs and the design itself, named once in the legend."""
    at = {"row": 1, "col": col, "showlegend": col == 1}
    only_zero = {"start": 0, "end": 0, "size": 1, "coloring": "none"}
    for (label, slack), color in zip(data.constraints, LINES * 5, strict=False):
        if slack.min() < 0 < slack.max():
            figure.add_contour(
                x=data.x, y=data.y, z=slack, contours=only_zero, line={"color": color, "width": 3},
                showscale=False, name=label, hoverinfo="skip", **at,
            )  # fmt: skip
    for kind, (x, y) in data.tried.items():
        if x.size:
            figure.add_scatter(x=x, y=y, **at, **_marks(kind))
    star = {"symbol": "star", "size": 16, "color": "white", "line": {"width": 1.5, "color": INK}}
    figure.add_scatter(x=[data.at[0]], y=[data.at[1]], mode="markers", name="this design", marker=star, **at)


def parity(data: Sequence[Parity], *, title: str) -> Any:
    """Leave-one-out prediction with its 95 % band against the observation; z-scores on hover."""
    shown = list(data[:4])
    heads = [f"{p.axis.name}<br>R² {p.r2:.2f}, {100 * p.coverage:.0f} % in band" for p in shown]
    figure = blank(rows=1, cols=len(shown), title=title, height=480, subplot_titles=heads)
    figure.update_layout(showlegend=False, margin_t=110)
    for col, p in enumerate(shown, start=1):
        ends = [float(p.observed.min()), float(p.observed.max())]
        diagonal = {"color": INK, "dash": "dash"}
        figure.add_scatter(x=ends, y=ends, mode="lines", line=diagonal, row=1, col=col)
        colors = [BLUE if abs(z) <= 1.96 else KINDS["infeasible"]["color"] for z in p.z]
        figure.add_scatter(
            x=p.observed, y=p.mean, error_y={"array": 1.96 * p.sd, "color": GREY}, mode="markers",
            marker={"color": colors, "size": 8},
            text=[f"trial {t}, z {z:.2f}" for t, z in zip(p.trials, p.z, strict=True)],
            hovertemplate="%{text}<br>observed %{x:.4g}<br>predicted %{y:.4g}<extra></extra>",
            row=1, col=col,
        )  # fmt: skip
        observed = Axis(name="observed", unit=p.axis.unit, log=p.axis.log)
        predicted = Axis(name="predicted from the others", unit=p.axis.unit, log=p.axis.log)
        scale(figure, x=observed, y=predicted, col=col)
    return figure
