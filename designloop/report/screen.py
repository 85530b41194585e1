"""The last screen: the answer as plain text with units."""

from __future__ import annotations

from designloop.report.answer import Answer, Margin, Measured
from designloop.report.learned import LearningAnswer
from designloop.report.learned_screen import aims_lines, learning_lines
from designloop.report.text import quantity, sentence, table, wrapped


def last_screen(answer: Answer | LearningAnswer) -> str:
    """The answer for a terminal: first whether and what to believe, then the design, then its limits."""
    lines = learning_lines(answer) if isinstance(answer, LearningAnswer) else _lines(answer)
    return "\n".join(line.rstrip() for line in lines)


def _lines(answer: Answer) -> list[str]:
    return [
        *wrapped(_headline(answer)),
        *_design(answer),
        *_margins(answer),
        *_errors(answer),
        *_specs(answer),
        *(aims_lines(answer.learning) if answer.learning else ()),
        "",
        *_model(answer),
    ]


def _headline(answer: Answer) -> str:
    labels = f" ({', '.join(answer.labels)})" if answer.labels else ""
    if answer.best is None:
        return _no_design(answer) + labels
    shown = quantity(answer.best.value, answer.unit)
    trust = (
        "" if answer.belief.believed else f"{sentence(answer.belief.summary)}, so the answer is measured. "
    )
    lead = f"{trust}Best measured design"
    said = f"{lead}: trial {answer.best.trial}, {answer.metric} = {shown}{labels}"
    unknown = [m.metric for m in answer.best.margins if m.spare is None]
    return f"{said}; not measured there: {', '.join(unknown)}" if unknown else said


def _no_design(answer: Answer) -> str:
    if answer.trials == answer.failed_trials:
        return _nothing(answer)
    if answer.nearest is None:
        lacking = "the constrained metrics" if answer.is_constrained else answer.metric
        return f"No design could be judged: none of {answer.trials} trials gave {lacking}{_failures(answer)}."
    worst = [m for m in answer.nearest.margins if m.spare is not None and m.spare < 0]
    if not worst:
        return (
            f"No design meets all. Nearest: trial {answer.nearest.trial}, "
            f"which meets the outcome constraints but did not complete."
        )
    said = "; ".join(_against(m) for m in worst)
    relax = " or ".join(f"'{m.label}' beyond {quantity(m.value, m.unit)}" for m in worst)
    return f"No design meets all; nearest: trial {answer.nearest.trial}, {said}; relax {relax}"


def _nothing(answer: Answer) -> str:
    if not answer.trials:
        return "No design was evaluated."
    count = "the only trial" if answer.trials == 1 else f"all {answer.trials} trials"
    last = "" if answer.trials == 1 else "; the last"
    reason = f"{last}: {answer.last_failure.rstrip('.')}" if answer.last_failure else ""
    return f"No design was evaluated: {count} failed{reason}."


def _failures(answer: Answer) -> str:
    if not answer.failed_trials:
        return ""
    reason = f", the last: {answer.last_failure.rstrip('.')}" if answer.last_failure else ""
    return f"; {answer.failed_trials} failed{reason}"


def _against(margin: Margin) -> str:
    return (
        f"{margin.metric} {quantity(margin.value, margin.unit)} against {quantity(margin.bound, margin.unit)}"
    )


def _design(answer: Answer) -> list[str]:
    shown = answer.best or answer.nearest
    if shown is None:
        return []
    other = answer.baseline
    head = ["", "best" if answer.best else "nearest", "baseline" if other else ""]
    names = list(dict.fromkeys([*shown.parameters, *(other.parameters if other else ())]))
    rows = [[name, _starred(shown, name, answer), _parameter(other, name, answer)] for name in names]
    if answer.metric not in names:
        rows.append([answer.metric, _value(shown, answer.unit), _value(other, answer.unit)])
    lines = ["", *table([head, *rows])]
    if shown.on_bounds:
        lines.append("  * on a bound of its range: a wider range may give more")
    if other and answer.improvement is not None:
        better = "better" if answer.improvement >= 0 else "worse"
        note = "" if other.feasible else "; the baseline itself violates a constraint"
        lines.append(f"  {abs(100 * answer.improvement):.3g} % {better} than the baseline{note}")
    return lines


def _starred(design: Measured, name: str, answer: Answer) -> str:
    return _parameter(design, name, answer) + (" *" if name in design.on_bounds else "")


def _parameter(design: Measured | None, name: str, answer: Answer) -> str:
    return quantity(design.parameters.get(name), answer.units.get(name, "")) if design else ""


def _value(design: Measured | None, unit: str) -> str:
    return with_errors(design, unit) if design else ""


def with_errors(known: Measured | Margin, unit: str) -> str:
    """A value with its sampling and its numerical error: ``8.1 GPa +- 0.2 GPa [7.9 .. 8.3]``."""
    sampling = f" +- {quantity(known.sem, unit)}" if known.sem else ""
    bounds = f" [{quantity(known.lower, '')} .. {quantity(known.upper, '')}]" if _is_bounded(known) else ""
    return quantity(known.value, unit) + sampling + bounds


def _is_bounded(known: Measured | Margin) -> bool:
    return known.lower is not None or known.upper is not None


def _errors(answer: Answer) -> list[str]:
    """What the signs mean, where an interval is shown."""
    shown = answer.best or answer.nearest
    known: list[Measured | Margin] = [*(shown.margins if shown else ())]
    known += [design for design in (shown, answer.baseline) if design]
    if not any(map(_is_bounded, known)):
        return []
    return ["  +- is the standard error of sampling, [..] bounds the numerical error (a bias, not noise)"]


def _margins(answer: Answer) -> list[str]:
    shown = answer.best or answer.nearest
    if shown is None or not shown.margins:
        return []
    rows = [["", "value", "margin"]]
    for m in shown.margins:
        if m.spare is None:
            rows.append([m.label, "-", "not observed"])
            continue
        spare = quantity(abs(m.spare), m.unit)
        rows.append([m.label, with_errors(m, m.unit), f"{spare} {'to spare' if m.spare >= 0 else 'too far'}"])
    return ["", "Constraints", *table(rows)]


def _specs(answer: Answer) -> list[str]:
    shown = answer.best or answer.nearest
    if shown is None or not shown.specs:
        return []
    worst_first = sorted(shown.specs, key=lambda s: s.value)
    return [
        "",
        "Share of dies that meet",
        *table([[s.label, f"{100 * s.value:.3g} %"] for s in worst_first]),
    ]


def _model(answer: Answer) -> list[str]:
    lines = wrapped(f"{sentence(answer.belief.summary)}: {answer.belief.verdict}.")
    if answer.predicted is not None:
        p = answer.predicted
        design = ", ".join(
            f"{n} {quantity(v, answer.units.get(n, ''))}{' *' if n in p.on_bounds else ''}"
            for n, v in p.parameters.items()
        )
        band = f"{quantity(p.mean, answer.unit)} +- {quantity(1.96 * p.sd, answer.unit)}"
        lines += wrapped(f"It expects most of {design}: {band} (95 %, not measured).")
    return lines
