"""What MLflow shall hold of a whole campaign, its parent run: computed from the record alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from designloop import progress
from designloop.record import Attempt, RunRecord, TrialRecord
from designloop.tracking import content, registration
from designloop.tracking.content import Point, RunContent, milliseconds, text, units
from designloop.tracking.names import safe

_PACKAGES = ("designloop", "ax-platform", "botorch", "gpytorch", "torch", "numpy", "scipy", "mlflow")
_STATUS = {"finished": "FINISHED", "paused": "KILLED"}


def parent_content(record: RunRecord, *, live: bool) -> RunContent:
    """The parent run, without its step metrics and files (``steps`` and ``artifacts``)."""
    status = _STATUS.get(record.status, "RUNNING" if live or record.is_manual else "KILLED")
    return RunContent(
        name=record.name,
        status=status,
        started=milliseconds(record.revisions[0].get("time") or 0),
        ended=None if status == "RUNNING" else milliseconds(_latest(record)),
        params=_params(record.revisions[0]),
        tags=_tags(record, live=live),
    )


def _latest(record: RunRecord) -> float:
    """When the last decision was taken; where none was, when something was last proposed or evaluated."""
    if record.decisions:
        return float(record.decisions[-1]["time"])
    times = [record.revisions[-1].get("time") or 0.0, *(p["time"] for p in record.proposals)]
    times += [a.ended or a.started for t in record.trials for a in t.attempts]
    return float(max(times))


def parameter_text(parameter: Mapping[str, Any]) -> str:
    """A parameter as a person would write it: ``200 .. 800 um, step 1 um, log``."""
    unit = f" {parameter['unit']}" if parameter.get("unit") else ""
    only = [f"only where {parameter['when']}"] if parameter.get("when") else []
    if parameter["kind"] == "choice":
        return ", ".join([*map(str, parameter["choices"])]) + unit + ", ".join([" (choices)", *only])
    parts = [f"{parameter['lower']:.12g} .. {parameter['upper']:.12g}{unit}"]
    parts += [f"step {parameter['step']:.12g}{unit}"] if parameter.get("step") else []
    parts += ["log"] if parameter.get("log") else []
    parts += ["whole numbers"] if parameter["kind"] == "int" else []
    return ", ".join([*parts, *only])


def _params(campaign: Mapping[str, Any]) -> dict[str, str]:
    oracle, strategy, objective = campaign["oracle"], campaign["strategy"], campaign["objective"]
    goal, phases = campaign.get("goal") or {}, campaign.get("phases") or ()
    params = {
        "seed": campaign["seed"],
        "oracle": oracle["name"],
        "oracle.version": oracle.get("version"),
        "fidelity": oracle.get("fidelity") or ", ".join(oracle.get("fidelities") or ()) or None,
        **{f"oracle.{k}": v for k, v in (oracle.get("options") or {}).items()},
        **{k: v for s in oracle.get("stages") or () for k, v in _stage(s).items()},
        "strategy": strategy["name"],
        **{f"strategy.{k}": v for k, v in (strategy.get("options") or {}).items()},
        **{f"initial.{k}": v for k, v in (strategy.get("initial") or {}).items()},
        **{f"strategy.{i}": _phase(p) for i, p in enumerate(phases, 1) if len(phases) > 1},
        "objective": _objective(objective),
        **{f"goal.{a['metric']}": a["label"] for a in goal.get("aims", ())},
        "goal.judge": goal.get("by"),
        "goal.designs": goal.get("designs") or None,
        "goal.reference": goal.get("reference"),
        "register": _register(campaign.get("register") or {}),
        **{f"constraint.{i}": c["label"] for i, c in enumerate(campaign.get("constraints") or (), 1)},
        **{f"stop.{k}": v for k, v in (campaign.get("stop") or {}).items()},
        **{f"parameter.{p['name']}": parameter_text(p) for p in campaign["parameters"]},
        **{f"fixed.{k}": _quantity(v) for k, v in (campaign.get("fixed") or {}).items()},
        **{f"process.{p['name']}": f"normal, mean {p['mean']:.12g} {p['unit']}, sd {p['sd']:.12g} {p['unit']}"
           for p in campaign.get("process") or ()},
        **{f"process.{name}": "every die its own" for name in campaign.get("realizations") or ()},
    }  # fmt: skip
    return {safe(key): text(value) for key, value in params.items() if value is not None}


def _stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    """One oracle of several, with what feeds it and which solver stands behind it."""
    name, rule = f"stage.{stage['name'] or 'oracle'}", stage.get("escalate") or {}
    said = {name: stage["oracle"], f"{name}.version": stage["version"]}
    said |= {f"{name}.{k}": v for k, v in (stage.get("options") or {}).items()}
    said |= {f"{name}.{k}": f"from {source}" for k, source in (stage.get("inputs") or {}).items()}
    if rule:
        said[f"{name}.escalate"] = f"to {rule['to']['name']}, audit {100 * rule['audit']:g} %"
        said |= {f"{name}.escalate.{k}": f"above {v:g}" for k, v in (rule.get("spread") or {}).items()}
    return said


def _objective(objective: Mapping[str, Any]) -> str:
    if objective.get("mode") == "learn":
        return "learn"
    aim = "minimize" if objective["minimize"] else "maximize"
    return f"{aim} {objective['metric']} ({objective.get('mode', 'nominal')})"


def _register(wish: Mapping[str, Any]) -> str | None:
    condition = ", if the goal is reached" if wish.get("if_reached") else ""
    return f"{wish['name']}@{wish['alias']}{condition}" if wish else None


def _phase(choice: Mapping[str, Any]) -> str:
    until = choice.get("until")
    ends = "" if until is None else f", until the {until}" if until == "goal" else f", for {until} trials"
    return f"{choice['name']}{ends}"


def _quantity(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(text(part) for part in value if part not in ("", None))
    return text(value)


def _tags(record: RunRecord, *, live: bool) -> dict[str, str]:
    campaign, environment = record.campaign, record.campaign.get("environment") or {}
    packages = environment.get("packages") or {}
    resting = "waits for people" if record.is_manual else "interrupted"
    status = record.status if record.status != "running" or live else resting
    return {
        content.RUN: record.name,
        content.KIND: "campaign",
        "campaign": campaign["name"],
        "status": status,
        "revision": str(campaign["revision"]),
        **_revisions(record),
        **{f"environment.{k}": str(environment[k]) for k in ("python", "platform") if k in environment},
        **{f"environment.{k}": str(packages[k]) for k in _PACKAGES if k in packages},
        **{f"unit.{safe(name)}": unit for name, unit in units(record).items() if unit},
        **content.labels(record),
        **registration.tags(record),
        content.NOTE: _note(record),
    }


def _revisions(record: RunRecord) -> dict[str, str]:
    """What each later revision changed; params cannot, they are fixed once written."""
    tags = {}
    for old, new in zip(record.revisions, record.revisions[1:], strict=False):
        before, after = _params(old), _params(new)
        changes = [f"{k}: {v}" for k, v in after.items() if before.get(k) != v]
        changes += [f"{k}: removed" for k in before if k not in after]
        tags[f"revision.{new['revision']}"] = "; ".join(changes) or "no change of parameters or limits"
    return tags


def _note(record: RunRecord) -> str:
    """Question and answer, in Markdown, for the run's page."""
    campaign, params = record.campaign, _params(record.campaign)
    question = [f"**{campaign['description']}**"] if campaign.get("description") else []
    goal = campaign.get("goal") or {}
    question += [f"Learn: {a['metric']} to {a['label']}" for a in goal.get("aims", ())]
    question += [] if record.learns else [f"Question: {params['objective']}"]
    question += [f"- {c['label']}" for c in campaign.get("constraints") or ()]
    answer = ((record.report or {}).get("answer") or {}).get("screen")
    return "\n".join(question) + (f"\n\n```\n{answer}\n```" if answer else "")


def steps(record: RunRecord) -> list[Point]:
    """The parent's step metrics in the order they came to be, at step = trial index."""
    return Steps(record).new()


class Steps:
    """The parent's step metrics as they come to be, at step = trial index.

    What stands after an outcome, such as the best so far, is at step = attempts that ended before: trials
    that run at the same time end in another order than that of their indices.

    A point never changes once its journal record is written: best so far is taken over the outcomes
    recorded before it, under the revision then in force, so logging twice doubles nothing. A correction
    makes other points of the trial's.
    """

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._corrections = record.tally.corrections
        self._proposals = self._lessons = self._ended = self._asked = self._outside = self._revision = 0
        self._seen: list[TrialRecord] = []
        self._best: TrialRecord | None = None

    def fits(self, record: RunRecord) -> bool:
        """Whether what was told so far still stands."""
        return self._record is record and self._corrections == record.tally.corrections

    @property
    def told(self) -> str:
        """How far the points were told, for ``skip``."""
        return f"{self._proposals} {self._lessons} {self._ended} {self._corrections}"

    def skip(self, told: str) -> None:
        """Pass over what another process told, unless it knew another record."""
        count = [int(part) for part in told.split() if part.isdigit()]
        held = [len(self._record.proposals), len(self._record.lessons), len(self._record.tally.ended)]
        if count[3:] == [self._corrections] and all(n <= most for n, most in zip(count, held, strict=False)):
            self._on(*count[:3])

    def new(self) -> list[Point]:
        """The points since the last time."""
        record = self._record
        return self._on(len(record.proposals), len(record.lessons), len(record.tally.ended))

    def _on(self, proposals: int, lessons: int, ended: int) -> list[Point]:
        """The points up to so many proposals, lessons and attempts that ended."""
        record, points = self._record, list[Point]()
        for proposal in record.proposals[self._proposals : proposals]:
            points += _proposal_points(record, proposal)
        for found in progress.assessments(record, since=self._proposals, upto=proposals):
            points += _points(_learning(found), time=found.time, step=found.step)
        for lesson in record.lessons[self._lessons : lessons]:
            points += _points(_lesson(lesson), time=lesson["time"], step=lesson["outcomes_before"])
        for place, (index, number) in enumerate(record.tally.ended[self._ended : ended], self._ended):
            trial = record.trials[index]
            attempt = next(a for a in trial.attempts if a.number == number)
            if attempt.only_waited:
                continue
            time, view = attempt.ended or attempt.started, _as_of(record, attempt)
            points += _points(_values(view, trial, attempt), time=time, step=index)
            if attempt.status != "failed":
                points += _points(self._standing(view, trial), time=time, step=place)
        self._proposals, self._lessons, self._ended = proposals, lessons, ended
        return points

    def _standing(self, view: RunRecord, trial: TrialRecord) -> dict[str, Any]:
        """The best design and the share out of scope after an answer."""
        self._seen.append(trial)
        # Under the same rules only the newcomer counts.
        revised = len(view.revisions) != self._revision
        self._revision = len(view.revisions)
        self._asked += _is_asked(trial)
        self._outside = _outside(view, self._seen) if revised else self._outside + _outside(view, [trial])
        held = [self._best] if self._best else []
        self._best = view.best(self._seen if revised else [*held, trial])
        values = {}
        if self._record.goal and self._asked:
            values["learning/wasted_share"] = self._outside / self._asked
        if self._best is not None and (value := self._best.value(view.metric)) is not None:
            values[f"best/{view.metric}"] = value
        return values


def _values(view: RunRecord, trial: TrialRecord, attempt: Attempt) -> dict[str, Any]:
    """What an attempt that ended says of its trial."""
    shown = {view.metric, *(c["metric"] for c in view.campaign.get("constraints") or ())}
    shown |= set(progress.learned_metrics(view))
    return {
        **content.surprises(trial, attempt.metrics),
        **{f"value/{m}": o.value for m, o in attempt.metrics.items() if m in shown},
        **content.escalation(attempt),
        **({"seconds/oracle": attempt.seconds} if attempt.seconds is not None else {}),
    }


def _is_asked(trial: TrialRecord) -> bool:
    return trial.origin not in ("existing", "held_out")


def _outside(view: RunRecord, trials: list[TrialRecord]) -> int:
    return sum(not view.is_feasible(t) for t in trials if _is_asked(t))


def _points(values: Mapping[str, Any], *, time: float, step: int) -> list[Point]:
    finite = content.finite(values)
    return [Point(key=k, value=v, time=milliseconds(time), step=step) for k, v in finite.items()]


def _learning(found: progress.Assessment) -> dict[str, Any]:
    """What one assessment said; ``gate/state`` is 1 while the committee chooses, 0 while chance does."""
    said, ratios = found.said, found.ratios
    values: dict[str, Any] = {"learning/labels": found.labels}
    for metric, errors in found.errors.items():
        name = f"learning/{metric}"
        values |= {f"{name}.rmse": errors.get("rmse"), f"{name}.error": errors.get("model")}
        values[f"{name}.ratio"] = ratios.get(metric)
    values |= {f"learning/disagreement.{k}": v for k, v in (said.get("disagreement") or {}).items()}
    values["closure/size"] = (said.get("closure") or {}).get("size")
    if found.gate:
        values["gate/state"] = float(found.gate["state"] == "committee")
    return values


def _lesson(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What one retraining brought: errors on the audited answers before and after, and whether it counts."""
    name = f"retraining/{entry['stage'] or 'oracle'}"
    values: dict[str, Any] = {f"{name}.labels": entry["labels"], f"{name}.promoted": float(entry["promoted"])}
    for when, errors in entry["errors"].items():
        values |= {f"{name}.{metric}.rmse_{when}": error for metric, error in errors.items()}
    return values


def _proposal_points(record: RunRecord, proposal: Mapping[str, Any]) -> Iterator[Point]:
    for candidate in proposal["candidates"]:
        trial = record.trials[candidate["trial"]]
        values: dict[str, Any] = {**content.predicted(trial)}
        if candidate is proposal["candidates"][0]:
            values |= {f"seconds/{part}": s for part, s in (proposal.get("seconds") or {}).items()}
        yield from _points(values, time=proposal["time"], step=trial.index)


def _as_of(record: RunRecord, attempt: Attempt) -> RunRecord:
    """The record with the revisions in force when the attempt ended."""
    moment = attempt.ended or attempt.started
    revisions = [r for r in record.revisions if (r.get("time") or 0) <= moment] or record.revisions[:1]
    if len(revisions) == len(record.revisions):
        return record
    return RunRecord(directory=record.directory, revisions=revisions)


def trial_table(record: RunRecord) -> str:
    """The trials as MLflow's table format (JSON with columns and data), one row per trial."""
    unit = units(record)
    parameters = [p["name"] for p in record.campaign["parameters"]]
    metrics = [m for m in record.campaign.get("metrics") or {} if any(m in t.metrics for t in record.trials)]
    metrics += sorted({m for t in record.trials for m in t.metrics} - set(metrics))
    metrics = [m for m in metrics if m not in parameters]
    both = (record.campaign.get("oracle") or {}).get("fidelities")
    head = ["trial", "status", "feasible", "generator", "origin", *(["fidelity"] if both else [])]
    columns = head + [f"{n} [{unit[n]}]" if unit.get(n) else n for n in (*parameters, *metrics)]
    data = [
        [t.index, t.status, record.is_feasible(t), t.reason.get("generator") or t.origin, t.origin,
         *([t.fidelity or both[-1]] if both else []),
         *(t.design.get(p) for p in parameters), *(t.value(m) for m in metrics)]
        for t in record.trials
    ]  # fmt: skip
    return json.dumps({"columns": columns, "data": data})
