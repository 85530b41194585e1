"""Whether one strategy is better than another, in words, from paired repeats."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from designloop.compare.measures import Measured, Reach

Array = NDArray[np.float64]
WIN, HARM = 0.95, 1.05
"""A win: the interval's upper end at or below; harm: its lower end above."""
DRAWS, LEVEL = 10_000, 0.90
USUAL = 0.5
"""A reach is compared where one strategy gets there in this share of its repeats, else the curve is."""
FEWEST = 5
"""Repeats below which the bootstrap of the mean promises too much."""
Ruling = Literal["win", "harm", "open", "not comparable"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One strategy against the reference: ratio below 1 is better; the interval is over repeats."""

    strategy: str
    against: str
    measure: str
    ratio: float | None
    low: float | None
    high: float | None
    ruling: Ruling
    text: str

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def reference_of(labels: Sequence[str], apart: Collection[str] = ()) -> str:
    """What the others are held against: random where it is among them, else the first that is comparable."""
    if "random" in labels:
        return "random"
    return next((label for label in labels if label not in apart), labels[0])


def interval(ours: Array, theirs: Array, *, logs: bool) -> tuple[float, float, float]:
    """Ratio of the means over repeats (of exp of the mean difference under ``logs``) and its 90 % interval.

    Bootstrap over repeats in pairs, percentiles; Efron, Tibshirani 1993, chapter 13.
    """
    pick = np.random.default_rng(0).integers(len(ours), size=(DRAWS, len(ours)))
    if logs:
        gaps = ours - theirs
        value, draws = float(np.exp(gaps.mean())), np.exp(gaps[pick].mean(1))
    else:
        value = float(ours.mean() / theirs.mean()) if theirs.mean() else math.nan
        with np.errstate(all="ignore"):
            draws = ours[pick].mean(1) / theirs[pick].mean(1)
    if not np.isfinite(draws).all():
        return value, math.nan, math.nan
    low, high = np.percentile(draws, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return value, float(low), float(high)


def verdicts(
    measured: Sequence[Measured], *, main: str | None, unit: str = "", apart: Collection[str] = ()
) -> list[Verdict]:
    """Every strategy against the reference, on the measure ``main`` (of ``main_measure``).

    ``apart`` holds the labels of those that never draw a row twice where the others may, and so do not pay
    for repeats: they get no ruling, unless nothing else takes part.
    """
    if all(m.label in apart for m in measured):
        apart = ()
    against = reference_of([m.label for m in measured], apart)
    base = next(m for m in measured if m.label == against)
    return [
        _apart(m, base) if m.label in apart else _verdict(m, base, main, unit)
        for m in measured
        if m is not base
    ]


def _apart(one: Measured, base: Measured) -> Verdict:
    text = f"{one.label} against {base.label}: not comparable: never draws a row twice."
    return Verdict(
        strategy=one.label, against=base.label, measure="", ratio=None, low=None, high=None,
        ruling="not comparable", text=text,
    )  # fmt: skip


def main_measure(measured: Sequence[Measured]) -> str | None:
    """What the verdict rests on: the first thing that somebody usually reaches; None: the whole curve."""
    names = ["tries"] if measured[0].tries else list(measured[0].labels)
    for name in names:
        if any(reach_of(m, name).rate >= USUAL for m in measured):
            return name
    return None


def reach_of(one: Measured, name: str) -> Reach:
    """The reach of that name; raises KeyError."""
    if name == "tries" and one.tries is not None:
        return one.tries
    return one.labels[name]


def _verdict(one: Measured, base: Measured, main: str | None, unit: str) -> Verdict:
    if main is None:
        return _by_curve(one, base, unit)
    ours, theirs = reach_of(one, main), reach_of(base, main)
    ratio, low, high = interval(ours.count, theirs.count, logs=False)
    thing = "finds the target" if main == "tries" else f"reaches {main}"
    what = "tries" if main == "tries" else "labels"
    lead = f"{one.label} {thing} in {_counted(ours)} {what} against {_counted(theirs)} by {base.label}"
    return _ruled(one, base, f"{what} to {'the target' if main == 'tries' else main}", ratio, low, high, lead)


def _counted(reach: Reach) -> str:
    missed = int((~reach.reached).sum())
    whole = f" ({missed} of {len(reach.reached)} never did, counted as {reach.budget:.0f})" if missed else ""
    return f"{reach.censored:.3g}{whole}"


def _by_curve(one: Measured, base: Measured, unit: str) -> Verdict:
    if one.tries is not None:
        floor = 1e-6 * max(
            float(np.nanmax(base.curve, initial=0.0)), float(np.nanmax(one.curve, initial=0.0))
        )
        ours, theirs = (np.log(np.maximum(m.final, floor or 1e-300)) for m in (one, base))
        measure, tail = "regret after the last try", f" {unit}".rstrip()
        shown = f"leaves a median regret of {np.nanmedian(one.final):.3g}{tail} against "
        shown += f"{np.nanmedian(base.final):.3g}{tail} by {base.label}"
    else:
        ours, theirs, measure = one.area, base.area, "error along the way"
        shown = f"has {100 * math.exp(float(np.nanmean(ours) - np.nanmean(theirs))):.3g} % of the error of "
        shown += f"{base.label} along the way"
    both = np.isfinite(ours) & np.isfinite(theirs)
    if both.sum() < 2:
        text = f"{one.label} against {base.label}: too few repeats have a value to compare."
        return Verdict(
            strategy=one.label, against=base.label, measure=measure, ratio=None, low=None, high=None,
            ruling="open", text=text,
        )  # fmt: skip
    return _ruled(one, base, measure, *interval(ours[both], theirs[both], logs=True), f"{one.label} {shown}")


def _ruled(
    one: Measured, base: Measured, measure: str, ratio: float, low: float, high: float, lead: str
) -> Verdict:
    ruling: Ruling = "win" if high <= WIN else "harm" if low > HARM else "open"
    few = len(one.repeats) < FEWEST
    if few:
        ruling = "open"
    end = {
        "win": "trust it",
        "harm": f"worse than {base.label}: leave it",
        "open": f"{len(one.repeats)} repeats are too few for a verdict, {FEWEST} the least"
        if few
        else f"no difference that {len(one.repeats)} repeats can show",
    }[ruling]
    known = math.isfinite(ratio) and math.isfinite(low)
    span = f" (ratio {ratio:.2f}, 90 %: {low:.2f} .. {high:.2f})" if known else ""
    return Verdict(
        strategy=one.label, against=base.label, measure=measure, ruling=ruling, text=f"{lead}{span}: {end}.",
        ratio=ratio if known else None, low=low if known else None, high=high if known else None,
    )  # fmt: skip


def advice(found: Sequence[Verdict]) -> str:
    """One sentence: which strategy to take."""
    against = found[0].against
    if all(v.ruling == "not comparable" for v in found):
        return f"Nothing here can be compared with {against}: leave --replacement out."
    wins = sorted((v for v in found if v.ruling == "win"), key=lambda v: v.ratio or 1.0)
    if not wins:
        return f"None is shown to beat {against}: more repeats may show it; until then take {against}."
    best = wins[0]
    rivals = [
        v.strategy for v in wins[1:] if v.low is not None and best.high is not None and v.low <= best.high
    ]
    more = f"; {', '.join(rivals)} may be as good" if rivals else ""
    fewer = "fewer" if best.measure.startswith(("tries", "labels")) else "less"
    gain = f"{100 * (1 - (best.ratio or 1.0)):.0f} % {fewer} {best.measure}"
    return f"Take {best.strategy}: {gain} than {against}{more}."
