"""The last screen of a learning run: errors against aims, what was reached, whom to believe."""

from __future__ import annotations

import math
from collections.abc import Sequence

from designloop.closure import MOST
from designloop.report.learned import Learned, Learning, LearningAnswer
from designloop.report.text import quantity, sentence, table, wrapped

PRODUCT = " x "
SHOWN = 6
"""Aims that the screen tells at most: those farthest off."""


def learning_lines(answer: LearningAnswer) -> list[str]:
    """First whether the goal is reached, then errors, gate, reached space, and whether to believe."""
    found = answer.learning
    labels = f" ({', '.join(answer.labels)})" if answer.labels else ""
    lines = [*wrapped(f"{_headline(answer)}{labels}"), *aims_lines(found)]
    gate = wrapped(f"{sentence(found.gate).rstrip('.')}.") if found.gate else []
    told = [*gate, *_scope(found)]
    lines += ["", *told] if told else []
    lines += _space(found)
    lines += ["", *wrapped(f"{sentence(answer.belief.summary)}: {answer.belief.verdict}.")]
    if answer.stopped:
        ended = "Stopped" if answer.status == "finished" else sentence(answer.status)
        lines += wrapped(f"{ended}: {answer.stopped}.")
    return lines


def _headline(answer: LearningAnswer) -> str:
    found = answer.learning
    if not answer.trials or answer.trials == answer.failed_trials:
        last = f"; the last failed: {answer.last_failure.rstrip('.')}" if answer.last_failure else ""
        return f"Nothing was learned: no design was evaluated{last}."
    if found.reached:
        now = "" if found.labels == found.reached_with else f"; now, with {found.labels}"
        return f"Goal reached with {found.reached_with} labels{now}: {_met(found.aims)}"
    if found.reached_with is not None:
        lost = f"Goal reached with {found.reached_with} labels, no longer met with {found.labels}"
        return f"{lost}: {_unmet(found.aims)}"
    waits = "" if answer.status == "finished" else " yet"
    return f"Goal not reached{waits} with {found.labels} labels: {_unmet(found.aims) or _met(found.aims)}"


def _met(aims: tuple[Learned, ...]) -> str:
    return _told(aims)


def _unmet(aims: tuple[Learned, ...]) -> str:
    return _told([aim for aim in aims if not aim.met])


def _told(aims: Sequence[Learned]) -> str:
    shown = farthest(aims)
    more = [f"and {len(aims) - len(shown)} more"] if len(aims) > len(shown) else []
    return "; ".join([*map(against, shown), *more])


def farthest(aims: Sequence[Learned]) -> list[Learned]:
    """The SHOWN aims farthest off, in their order; an error that is not known is farthest."""
    ratios = {aim.metric: math.inf if aim.error is None else aim.error / aim.aim for aim in aims}
    chosen = sorted(ratios, key=lambda metric: -ratios[metric])[:SHOWN]
    return [aim for aim in aims if aim.metric in chosen]


def _left_out(count: int, what: str) -> list[str]:
    return [f"  and {count} more {what}"] if count > 0 else []


def against(aim: Learned) -> str:
    """``error of H_mean 2.1 % against 5 %``."""
    if aim.error is None:
        return f"error of {aim.metric} not known, {aim.label} wanted"
    return f"error of {aim.metric} {error_text(aim, aim.error)} against {aim.label}"


def error_text(aim: Learned, error: float) -> str:
    """An error in the aim's own measure: ``2.1 %``, ``40 % of spread``, ``3 MPa``."""
    if aim.kind == "absolute":
        return quantity(float(f"{error:.3g}"), aim.unit)
    return f"{100 * error:.3g} %" + (" of spread" if aim.kind == "spread" else "")


def aims_lines(found: Learning) -> list[str]:
    """The table of errors against aims, and how they were judged."""
    rows = [["Learned", "error", "aim", "", "judged on"]]
    shown = farthest(found.aims)
    for aim in shown:
        known = aim.error is not None
        mark = ("met" if aim.met else "not met") if known else "not known"
        error = error_text(aim, aim.error) if aim.error is not None else "-"
        rows.append([aim.metric, error, aim.label, mark, f"{aim.designs} designs" if known else "-"])
    note = f"  Error: root mean square {found.judged_by}."
    if any(aim.kind == "relative" for aim in found.aims):
        note += " %: of the mean absolute value."
    more = _left_out(len(found.aims) - len(shown), "aims, not as far off (the journal has all)")
    return ["", *table(rows), *more, *(f"  {line}" for line in wrapped(note.strip()))]


def _scope(found: Learning) -> list[str]:
    if not found.out_of_scope:
        return []
    share = 100 * found.out_of_scope / found.evaluated
    return wrapped(
        f"{found.out_of_scope} of {found.evaluated} evaluations ({share:.3g} %) fell outside the constraints."
    )


def _space(found: Learning) -> list[str]:
    space = found.space
    if not space.extremes:
        return []
    rows = [["Reached", "", "", "trial", "proposed by"]]
    shown = [aim.metric for aim in farthest(found.aims)]
    told = {metric: ends for metric, ends in space.extremes.items() if metric in shown}
    for metric, ends in told.items():
        for name, which, end in zip((metric, ""), ("least", "most"), ends, strict=True):
            value = quantity(end.value, found.units.get(metric, ""))
            rows.append([name, which, value, str(end.trial), end.by])
    lines = ["", *table(rows), *_left_out(len(space.extremes) - len(told), "metrics (closure.csv has all)")]
    if len(space.metrics) > 1 and space.size > 0:
        lines += [
            f"  Convex hull of {space.trials} designs: {space.size:.4g} {size_unit(found)};",
            f"  {100 * space.cells:.3g} % of a 10 x 10 grid over the first two metrics holds a design.",
        ]
    return lines


def size_unit(found: Learning) -> str:
    """The unit of the hull's size: the product of the metrics' units."""
    return PRODUCT.join(found.units.get(metric) or "1" for metric in found.space.metrics[:MOST])
