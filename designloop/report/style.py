"""One look for all figures: colours that the colour-blind tell apart, markers that survive a grey print."""

from __future__ import annotations

from typing import Any

BLUE, ORANGE, GREEN, RED, GREY, INK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8A8F98", "#22262B"
LINES = ("#CC3311", "#7A3E9D", "#005F73", "#9A6700")
"""Constraint lines, in order."""

KINDS: dict[str, dict[str, Any]] = {
    "feasible": {"label": "meets all constraints", "color": BLUE, "marker": "o", "symbol": "circle"},
    "violating": {"label": "violates a constraint", "color": ORANGE, "marker": "o", "symbol": "circle-open",
                  "hollow": True},
    "infeasible": {"label": "cannot exist or work", "color": RED, "marker": "v", "symbol": "triangle-down",
                   "size": 48},
    "failed": {"label": "evaluation failed", "color": GREY, "marker": "x", "symbol": "x-thin"},
}  # fmt: skip

SERIES = (BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", RED, "#7A3E9D", GREY)
"""Metrics, or what proposed a trial, in order."""
SHAPES = (
    ("o", "circle"),
    ("s", "square"),
    ("^", "triangle-up"),
    ("D", "diamond"),
    ("v", "triangle-down"),
    ("P", "cross"),
    ("X", "x"),
    ("*", "star"),
)
"""Their markers, in matplotlib and in plotly."""
MARKS = {"goal": GREEN, "gate": RED, "from": INK}
"""Upright lines of the learning curve, by the first word of what they say."""

RC = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 9.5,
    "axes.titlesize": 10.5, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.labelcolor": INK, "axes.edgecolor": "#B8BCC4", "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#E6E8EC", "grid.linewidth": 0.8, "axes.axisbelow": True,
    "xtick.color": INK, "ytick.color": INK, "text.color": INK, "legend.frameon": False,
    "legend.fontsize": 8.5, "svg.hashsalt": "designloop", "svg.fonttype": "none", "figure.dpi": 100,
}  # fmt: skip
