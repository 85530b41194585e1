"""The answer of a run: the best measured design, what limits it, and whether its model is to be believed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from designloop.oracle import Observation, Value
from designloop.record import RunRecord, TrialRecord
from designloop.report.belief import Belief, judge
from designloop.report.learned import Learning, LearningAnswer, learning, learning_answer
from designloop.report.plain import all_units, finite, last_failure, oracle_labels, unit_of
from designloop.report.saved import last_model

if TYPE_CHECKING:
    from designloop.learning.saved import SavedModel

ON_BOUND = 1e-3
"""A value this close to an end of its range, as a share of the range, sits on the bound."""


@dataclass(frozen=True, kw_only=True)
class Margin:
    """How far a design is from one constraint; ``spare`` is negative where it is violated, in ``unit``."""

    label: str
    metric: str
    relation: str
    bound: float
    unit: str
    value: float | None
    spare: float | None
    sem: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, kw_only=True)
class Share:
    """Share of a design's dies that meet one spec, 0 to 1."""

    label: str
    metric: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One evaluated design; parameters in the user's units, the objective's value in its unit.

    ``sem`` is the standard error of sampling, ``lower`` and ``upper`` bound the numerical error.
    """

    trial: int
    parameters: Mapping[str, Value]
    value: float | None
    sem: float | None
    feasible: bool
    margins: tuple[Margin, ...]
    lower: float | None = None
    upper: float | None = None
    on_bounds: Mapping[str, str] = field(default_factory=dict)
    """Parameter to ``lower`` or ``upper``."""
    specs: tuple[Share, ...] = ()
    """Under mode yield: which spec the dies fail."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """A design that nobody evaluated: what the model expects of it."""

    parameters: Mapping[str, Value]
    mean: float
    sd: float
    on_bounds: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Everything the last screen says, as JSON by ``to_json``."""

    run: str
    metric: str
    unit: str
    minimize: bool
    status: str
    stopped: str
    trials: int
    failed_trials: int
    last_failure: str
    """What the last failed trial died of; empty where none failed, or none said."""
    feasible_trials: int
    is_constrained: bool
    best: Measured | None
    nearest: Measured | None
    """Where no design meets every constraint: the one that violates them least."""
    baseline: Measured | None
    improvement: float | None
    """Relative to the baseline: 0.3 is 30 % better."""
    belief: Belief
    predicted: Predicted | None
    labels: tuple[str, ...]
    units: Mapping[str, str]
    learning: Learning | None = None
    """What was learned beside, where the campaign has a goal and an objective."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, with the last screen's text under ``screen``."""
        from designloop.report.screen import last_screen

        content: dict[str, Any] = finite(asdict(self))
        return {**content, "screen": last_screen(self)}


def answer(record: RunRecord) -> Answer | LearningAnswer:
    """The answer of a run as its journal and its last model give it."""
    return learning_answer(record) if record.learns else _answer(record)


def _answer(record: RunRecord) -> Answer:
    saved = last_model(record)
    belief = judge(record, saved)
    best, baseline = record.best(), _baseline(record)
    measured = _measured(record, best)
    reference = _measured(record, baseline)
    campaign = record.campaign
    return Answer(
        run=record.name,
        metric=record.metric,
        unit=unit_of(record, record.metric),
        minimize=record.minimize,
        status=record.status,
        stopped=str(record.decisions[-1].get("reason") or "") if record.decisions else "",
        trials=len(record.trials),
        failed_trials=sum(t.status == "failed" for t in record.trials),
        last_failure=last_failure(record),
        is_constrained=bool(campaign.get("constraints")),
        feasible_trials=sum(record.is_feasible(t) for t in record.trials),
        best=measured,
        nearest=None if best else _measured(record, nearest(record)),
        baseline=reference,
        improvement=_improvement(measured, reference, minimize=record.minimize),
        belief=belief,
        predicted=_predicted(record, saved, best) if belief.believed and best and saved else None,
        labels=oracle_labels(campaign["oracle"]),
        units=all_units(record),
        learning=learning(record) if record.goal else None,
    )


def nearest(record: RunRecord) -> TrialRecord | None:
    """The trial in range that violates its constraints least; None where none could be judged."""
    judged = [
        (violation, t.index, t)
        for t in record.trials
        if t.in_range and t.metrics and record.counts(t) and math.isfinite(violation := record.violation(t))
    ]
    return min(judged)[2] if judged else None


def on_bounds(parameters: Sequence[Mapping[str, Any]], design: Mapping[str, Value]) -> dict[str, str]:
    """Numeric parameters of a design that sit on an end of their range."""
    found = {}
    for p in parameters:
        value = design.get(p["name"])
        if p["kind"] == "choice" or value is None:
            continue
        low, high, at = ((math.log(v) if p.get("log") else v) for v in (p["lower"], p["upper"], float(value)))
        share = (at - low) / (high - low)
        if min(share, 1 - share) <= ON_BOUND:
            found[p["name"]] = "lower" if share < 0.5 else "upper"
    return found


def margins(record: RunRecord, trial: TrialRecord) -> tuple[Margin, ...]:
    """The trial's distance to every outcome constraint, in the metric's unit."""
    found = []
    for label, c in labelled(record):
        value = trial.value(c["metric"])
        spare = None
        if value is not None:
            spare = c["bound"] - value if c["relation"] == "<=" else value - c["bound"]
        unit = c.get("unit") or unit_of(record, c["metric"])
        named = {key: c[key] for key in ("metric", "relation", "bound")}
        errors = _errors(trial.metrics.get(c["metric"]))
        found.append(Margin(label=label, **named, unit=unit, value=value, spare=spare, **errors))
    return tuple(found)


def _errors(observed: Observation | None) -> dict[str, Any]:
    return {part: getattr(observed, part) for part in ("sem", "lower", "upper")} if observed else {}


def labelled(record: RunRecord) -> list[tuple[str, Mapping[str, Any]]]:
    """Each outcome constraint under a name of its own: the user's text, a chained one split in its sides."""
    constraints = record.campaign.get("constraints") or ()
    labels = [c["label"] for c in constraints]
    named = []
    for c in constraints:
        unit = c.get("unit") or unit_of(record, c["metric"])
        side = f"{c['metric']} {c['relation']} {c['bound']:g} {unit}".rstrip()
        label = f"{c['label']} {c['relation']} 0" if c.get("is_margin") else c["label"]
        named.append((side if labels.count(c["label"]) > 1 else label, c))
    return named


def _measured(record: RunRecord, trial: TrialRecord | None) -> Measured | None:
    if trial is None:
        return None
    observed = trial.metrics.get(record.metric)
    return Measured(
        trial=trial.index,
        parameters=dict(trial.design),
        value=observed.value if observed else None,
        **{"sem": None, **_errors(observed)},
        feasible=record.is_feasible(trial),
        margins=margins(record, trial),
        on_bounds=on_bounds(record.campaign["parameters"], trial.design),
        specs=shares(record, trial),
    )


def shares(record: RunRecord, trial: TrialRecord) -> tuple[Share, ...]:
    """Share of the trial's dies that meet each spec; empty but under mode yield."""
    known = [(s["label"], s["metric"], trial.value(s["metric"])) for s in record.campaign.get("specs") or ()]
    return tuple(Share(label=label, metric=m, value=value) for label, m, value in known if value is not None)


def _baseline(record: RunRecord) -> TrialRecord | None:
    return next((t for t in record.trials if t.origin == "baseline"), None)


def _improvement(best: Measured | None, baseline: Measured | None, *, minimize: bool) -> float | None:
    if not best or not baseline or best.value is None or not baseline.value:
        return None
    gain = (baseline.value - best.value) if minimize else (best.value - baseline.value)
    return gain / abs(baseline.value)


def _predicted(record: RunRecord, saved: SavedModel, best: TrialRecord) -> Predicted | None:
    from designloop.report.search import best_predicted

    found = best_predicted(record, saved, start=best.parameters)
    if found is None:
        return None
    design, mean, sd = found
    bounds = on_bounds(record.campaign["parameters"], design)
    return Predicted(parameters=design, mean=mean, sd=sd, on_bounds=bounds)
