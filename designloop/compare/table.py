"""The table on the screen: one row per strategy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from designloop.compare.measures import Measured, Reach, Threshold


def table(measured: Sequence[Measured], thresholds: Sequence[Threshold], unit: str) -> list[str]:
    """A heading and a row per strategy, aligned; ``unit`` is that of the regret."""
    if thresholds:
        heads = ["strategy", *(f"labels to {t.name}" for t in thresholds), "error along the way"]
        heads += ["in 95 % band", "out of scope"]
        body = [[m.label, *(_labels(m.labels[t.name]) for t in thresholds), _error(m),
                 _percent(m.coverage), _percent(m.waste)] for m in measured]  # fmt: skip
    else:
        heads = ["strategy", "success", "tries (found)", "tries (all)", f"regret {unit}".strip()]
        heads += ["out of scope"]
        body = [[m.label, *_tries(m), _median(m.final), _percent(m.waste)] for m in measured]
    body = [[*row, f"{m.seconds:.2g} s"] for row, m in zip(body, measured, strict=True)]
    cells = [[*heads, "CPU each"], *body]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]


def _tries(one: Measured) -> list[str]:
    reach = one.tries
    if reach is None:
        return ["", "", ""]
    over = reach.over_successes
    return [f"{100 * reach.rate:.0f} %", "never" if over is None else f"{over:.1f}", f"{reach.censored:.1f}"]


def _labels(reach: Reach) -> str:
    middle = float(np.median(reach.count))
    if not reach.reached.any():
        return "never"
    missed = f" ({100 * reach.rate:.0f} % got there)" if not reach.reached.all() else ""
    return f"{middle:.0f}{missed}"


def _error(one: Measured) -> str:
    known = one.area[np.isfinite(one.area)]
    return f"{math.exp(known.mean()):.3g}" if len(known) else ""


def _median(values: Any) -> str:
    known = values[np.isfinite(values)]
    return f"{np.median(known):.3g}" if len(known) else "nothing in scope"


def _percent(values: Any) -> str:
    known = values[np.isfinite(values)]
    return f"{100 * known.mean():.0f} %" if len(known) else ""
