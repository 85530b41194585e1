"""The error card of a model, for people: what it takes, what it learned from, how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from designloop.learning.card import Card
from designloop.oracle import Input
from designloop.report.text import quantity, table, wrapped

IN_UNIT = {
    "rmse": "root mean squared error",
    "model": "the same without the labels' scatter",
    "noise": "scatter of the labels",
    "crps": "continuous ranked probability score",
    "interval_width": "mean width of the 95 % interval",
}
"""Figures in the metric's own unit."""
SHARES = {
    "nrmse": "error over the spread of the labels",
    "mape": "mean relative error",
    "coverage_95": "labels within the 95 % interval",
}
PLAIN = {
    "r2": "explained share of the variance (R2)",
    "nll": "negative log density",
    "nmciw": "NMCIW",
    "cicp": "CICP",
}
COUNTS = {"designs": "designs judged", "points": "labels judged"}


def card_text(card: Card) -> str:
    """The card as lines, with a unit on every number."""
    lines = [f"{card.name}, version {card.version}", *wrapped(card.summary)]
    if card.labels:
        lines.append(f"LABELS: {', '.join(card.labels)}")
    oracle = " ".join(str(card.oracle[key]) for key in ("name", "version") if card.oracle.get(key))
    lines += ["", "learned from", *table([("oracle", oracle), *_options(card), *_flat(card.data)])]
    lines += ["", "domain box: it answers within these ranges only"]
    lines += table([(i.name, _range(i), i.description) for i in card.varied]) or ["  nothing varies"]
    fixed = [(i.name, _range(i), i.description) for i in card.inputs if i.name in card.pinned]
    lines += ["", "held fixed in every label", *table(fixed)] if fixed else []
    for output in card.outputs:
        found = card.errors.get(output.name) or {}
        unit = f" [{output.unit}]" if output.unit else ""
        lines += ["", f"{output.name}{unit}: errors on {card.split or 'an unnamed split'}"]
        lines += table(_figures(found, output.unit)) or ["  not judged"]
        lines += _calibration(card.calibration.get(output.name) or {})
    if card.stochastic:
        lines += ["", *wrapped("An answer is one realization's, chosen by the seed.")]
    return "\n".join(line.rstrip() for line in lines)


def _options(card: Card) -> list[tuple[str, str]]:
    options = card.oracle.get("options") or {}
    return [("options", ", ".join(f"{k}: {v}" for k, v in options.items()))] if options else []


def _flat(data: Mapping[str, Any], lead: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in data.items():
        name = f"{lead}{key}".replace("_", " ")
        rows += _flat(value, f"{name} ") if isinstance(value, Mapping) else [(name, str(value))]
    return rows


def _range(declared: Input) -> str:
    return _domain(declared) + (f", only where {declared.when}" if declared.when else "")


def _domain(declared: Input) -> str:
    if declared.choices:
        return " | ".join(map(str, declared.choices))
    if declared.lower == declared.upper:
        return quantity(declared.lower, declared.unit)
    ends = f"{declared.lower:.12g} .. {declared.upper:.12g} {declared.unit}".strip()
    return f"{ends} (log)" if declared.log else ends


def _figures(found: Mapping[str, Any], unit: str, lead: str = "") -> list[tuple[str, str]]:
    """Rows of figures; those of a baseline or of another split stand below with its name before them."""
    rows = [(f"{lead}{words}", quantity(found[key], unit)) for key, words in IN_UNIT.items() if key in found]
    rows += [(f"{lead}{words}", f"{100 * found[key]:.3g} %") for key, words in SHARES.items() if key in found]
    rows += [(f"{lead}{words}", f"{found[key]:.3g}") for key, words in PLAIN.items() if key in found]
    rows += [(f"{lead}{words}", str(found[key])) for key, words in COUNTS.items() if key in found]
    for key, value in found.items():
        if isinstance(value, Mapping):
            rows += _figures(value, unit, f"{lead}{key.replace('_', ' ')}: ")
    return rows


def _calibration(found: Mapping[str, Any]) -> list[str]:
    if not {"before", "after"} <= found.keys():
        return []
    text = f"{100 * found['after']:.3g} % of the labels lie within the 95 % interval"
    if found.get("factor", 1.0) != 1.0:
        text += f" ({100 * found['before']:.3g} % before its sd was multiplied by {found['factor']:.3g})"
    judged = f", judged on {found['points']}" if "points" in found else ""
    return [f"  coverage: {text}{judged}"]
