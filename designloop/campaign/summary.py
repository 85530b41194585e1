"""What a campaign says, every number in the user's units: the answer of ``designloop validate``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from designloop import units
from designloop.campaign.conditions import always_met
from designloop.campaign.execution_summary import execution_lines, execution_notes, stop_line
from designloop.campaign.goal_summary import goal_lines, goal_notes, register_lines, strategy_lines
from designloop.campaign.inputs import heading_of, open_settings
from designloop.campaign.model import Campaign, ImportedTrial, ProcessVariable
from designloop.campaign.stage_summary import oracle_lines, realization_lines
from designloop.describe import rough_time, settings_text
from designloop.oracle import Value
from designloop.space import ChoiceParameter, FloatParameter, Parameter

SCARCE = 0.01
MOST_ROWS = 5
_SCOPE = "learned where"
"""What outcome constraints are to a goal."""


def validate_report(campaign: Campaign) -> str:
    """A page that repeats the campaign as understood, with notes on what is doubtful."""
    c = campaign
    sections = [
        ("oracle", oracle_lines(c)),
        ("fidelity", _fidelity(c, c.fidelity)),
        ("fidelities", _fidelities(c)),
        ("fixed", [_fixed(c, name, value) for name, value in c.fixed.items() if name not in _settings(c)]),
        ("parameters", [_parameter(c, p) for p in c.space.parameters]),
        ("derived", [f"{d.name} = {d.expression.text}  [{d.unit or '1'}]" for d in c.derived]),
        ("process", [*(_process(c, v) for v in c.process), *realization_lines(c)]),
        ("objective", [_objective(c)] if c.file.objectives else []),
        ("goal", goal_lines(c)),
        ("constraints on inputs", [k.label for k in c.space.constraints]),
        (_SCOPE if c.goal else "constraints on outcomes", [_bound(c, i) for i in range(len(c.constraints))]),
        ("specs", [s.label + (" >= 0" if s.label == s.slack.text else "") for s in c.specs]),
        ("baseline", [_design(c, c.baseline)] if c.baseline else []),
        ("start with", [_design(c, d) for d in c.start_with]),
        ("existing trials", list(preview(c.existing, c))),
        ("strategy", strategy_lines(c)),
        ("stop", [stop_line(c), *_bill(c)]),
        ("execution", execution_lines(c)),
        ("register", register_lines(c)),
        ("tracking", [f"{c.tracking_uri} (models: {c.tracking_models})" if c.tracking_uri else "off"]),
    ]
    head = [f"{c.name}: valid.", *([c.description] if c.description else []), ""]
    body = [line for title, lines in sections if lines for line in _section(title, lines)]
    share = c.space.feasible_share()
    if c.space.constraints:
        body += ["", f"{_percent(share)} of the box meets the constraints on inputs."]
    listed = [f"note: {text}" for text in notes(c, share)]
    return "\n".join([*head, *body, *([""] if listed else []), *listed])


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    for i, line in enumerate(lines):
        yield f"  {title if i == 0 else '':<24}{line}".rstrip()


def _settings(c: Campaign) -> dict[str, Value]:
    """What the fidelity that counts sets and the campaign does not."""
    return open_settings(c.declaration.fidelity(c.counts), c.file) if c.counts else {}


def _fidelities(c: Campaign) -> list[str]:
    """Both fidelities with their settings and costs."""
    lines = []
    for level in c.fidelities:
        (text,) = _fidelity(c, level.name)
        lines.append(f"{text}, {rough_time(level.cost)}{', counts' if level.name == c.counts else ''}")
    return lines


def _fidelity(c: Campaign, name: str | None) -> list[str]:
    if name is None:
        return []
    declared = c.declaration.fidelity(name)
    own = []
    for key, heading in ((key, heading_of(key, c.file)) for key in declared.settings):
        if heading is not None:
            value = f": {_shown(c.fixed[key], c.declaration.input(key).unit)}" if key in c.fixed else ""
            own.append(f"{key}{value} by {heading}")
    text = f"{name}: {settings_text(c.declaration, declared.settings)}"
    return [f"{text} ({', '.join(own)})" if own else text]


def _bill(c: Campaign) -> list[str]:
    """What all trials cost, where the fidelity's cost is known and holds."""
    declared = c.declaration.fidelity(c.fidelity) if c.fidelity else None
    if declared is None or declared.cost is None or len(_settings(c)) < len(declared.settings):
        return []
    time = rough_time(c.stop.trials * c.dies * declared.cost)
    return [f"about {time} of computing by the oracle, by its cost at its defaults"]


def _shown(value: Value, unit: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else units.format_quantity(value, unit, exact=True)


def _also(value: float, unit: str, other: str) -> str:
    """The same quantity in the oracle's unit, where that differs."""
    if unit == other:
        return ""
    return f" ({units.format_quantity(float(units.convert(value, unit, other)), other)})"


def _fixed(c: Campaign, name: str, value: Value) -> str:
    unit = c.declaration.input(name).unit
    written = c.file.fixed.get(name)
    if written is None or isinstance(value, str | bool) or str(written) == _shown(value, unit):
        return f"{name} = {_shown(value, unit)}"
    bare = not isinstance(written, str) or units.parse_quantity(written).unit is None
    return f"{name} = {_shown(value, unit)}" if bare else f"{name} = {written} ({_shown(value, unit)})"


def _parameter(c: Campaign, p: Parameter) -> str:
    return _domain(c, p) + (f", only where {p.when}" if p.when else "")


def _domain(c: Campaign, p: Parameter) -> str:
    if isinstance(p, ChoiceParameter):
        kind = "ordered choice" if p.ordered else "choice"
        return f"{p.name}: {kind} of {', '.join(_shown(v, p.unit) for v in p.choices)}"
    lower, upper = (units.format_quantity(v, None, exact=True) for v in (p.lower, p.upper))
    declared = c.declaration.input(p.name).unit
    text = f"{p.name}: {lower} .. {upper} {p.unit}".rstrip()
    if p.unit != declared:
        ends = [float(units.convert(v, p.unit, declared)) for v in (p.lower, p.upper)]
        text += f" ({units.format_quantity(ends[0])} .. {units.format_quantity(ends[1], declared)})"
    if isinstance(p, FloatParameter) and p.step:
        text += f", step {units.format_quantity(p.step, p.unit, exact=True)}"
    whole = "" if isinstance(p, FloatParameter) else ", whole numbers"
    return text + whole + (", log scale" if p.log else "")


def _process(c: Campaign, v: ProcessVariable) -> str:
    mean, sd = (units.format_quantity(x, v.unit, exact=True) for x in (v.mean, v.sd))
    text = f"{v.name}: normal, mean {mean}, standard deviation {sd}"
    if c.objective.mode == "worst_corner":
        low, high = (v.mean + s * c.objective.sigma * v.sd for s in (-1, 1))
        text += f"; corners {units.format_quantity(low)} and {units.format_quantity(high, v.unit)}"
    declared = c.declaration.input(v.name).unit
    if v.unit != declared:
        width = units.format_quantity(units.difference(v.sd, v.unit, declared), declared)
        text += f" (mean{_also(v.mean, v.unit, declared)}, standard deviation {width})"
    return text


def _objective(c: Campaign) -> str:
    o, outcome = c.objective, c.outcomes[0]
    how = {
        "nominal": "at the nominal die" if c.process or c.realizations else "",
        "mean": f"averaged over {o.samples} dies",
        "worst_corner": f"at the worst of {c.dies} corners ({o.sigma:g} sigma)",
        "yield": f"share of {o.samples} dies that meet every spec",
    }[o.mode]
    verb = "minimize" if o.minimize else "maximize"
    text = "yield" if o.mode == "yield" else outcome.expression.text
    return f"{verb} {text}{f' [{outcome.unit}]' if outcome.unit else ''} {how}".rstrip()


def _bound(c: Campaign, index: int) -> str:
    k = c.constraints[index]
    outcome = next(o for o in c.outcomes if o.name == k.metric)
    label = f"{k.label} >= 0 (by default)" if k.is_margin else k.label
    return f"{label}: {k.metric} {k.relation} {units.format_quantity(k.bound, outcome.unit, exact=True)}"


def _design(c: Campaign, design: Mapping[str, Value]) -> str:
    chosen = {p.name: p.unit for p in c.space.parameters}
    return ", ".join(f"{n} = {_shown(v, chosen[n])}" for n, v in design.items())


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def preview(existing: Sequence[ImportedTrial], c: Campaign) -> Iterator[str]:
    """Lines about imported rows: how many of which kind, and the first few."""
    if not existing:
        return
    failed, outside = sum(t.failed for t in existing), sum(not t.in_range for t in existing)
    yield f"{len(existing)} rows: {failed} failed, {outside} out of range (kept as data)"
    metrics = {o.name: o.unit for o in c.declaration.outputs} | {o.name: o.unit for o in c.outcomes}
    for trial in existing[:MOST_ROWS]:
        values = [f"{n} = {_shown(v, metrics[n])}" for n, v in trial.metrics.items()]
        answer = "failed" if trial.failed else ", ".join(values)
        mark = "" if trial.in_range else " (out of range)"
        yield f"{trial.source}: {_design(c, trial.parameters)} -> {answer}{mark}"
    if len(existing) > MOST_ROWS:
        yield f"... and {len(existing) - MOST_ROWS} more"


def notes(c: Campaign, share: float) -> Iterator[str]:
    """What is allowed but doubtful."""
    if share < SCARCE:
        yield f"only {_percent(share)} of the box meets the constraints on inputs; narrower ranges help."
    if (c.process or c.realizations) and c.objective.mode == "nominal" and c.file.objectives[0].mode is None:
        yield "process is given but the objective has no mode, so it counts at the mean of process only; "\
              "worst_corner, mean or yield let the design survive it."  # fmt: skip
    for name in always_met(c.space):
        yield f"every design has {name}: its condition always holds."
    if c.specs and c.objective.mode != "yield":
        yield "specs are reported, they do not steer; maximize: yield would."
    if c.baseline is not None and not bool(c.space.feasible([c.baseline])[0]):
        yield "the baseline breaks a constraint on inputs; it is evaluated all the same."
    known = {n for t in c.existing for n in t.metrics}
    lacking = [o.name for o in c.outcomes if o.name not in known]
    if c.existing and lacking:
        yield f"the existing trials lack {', '.join(lacking)}, which the strategy models."
    initial = sum(c.strategy.initial.values())
    if initial >= c.stop.trials:
        yield f"all {c.stop.trials} trials are initial designs ({initial}); no model will be used."
    if c.execution.workers == 1 and c.strategy.options.get("batch", 1) not in (1, None):
        yield "designs of a batch are evaluated one after the other (workers: 1)."
    yield from execution_notes(c)
    yield from goal_notes(c)
