"""What the journal keeps of a campaign, its seeds, and whether an edited file may go on with a run."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np

from designloop.campaign.composition import Composition, Stage
from designloop.campaign.model import Campaign, StrategyChoice
from designloop.compose.dies import spec_metrics
from designloop.errors import CampaignError
from designloop.oracle import Declaration
from designloop.record import RunRecord, TrialRecord
from designloop.strategies.base import OPTIMIZERS, Bound, Fidelities, History, Problem, Status, Trial

PACKAGES = ("designloop", "ax-platform", "botorch", "gpytorch", "torch", "numpy", "scipy", "mlflow")
_STATUS: dict[str, Status] = {"proposed": "pending", "running": "pending", "waiting": "pending"}
_STATUS |= {"completed": "completed", "infeasible": "infeasible", "failed": "failed", "withdrawn": "pending"}


def seed_of(campaign_seed: int, purpose: str, trial: int) -> int:
    """The seed of one purpose in one trial: equal arguments, equal seed, on every platform."""
    words = [campaign_seed, trial, *purpose.encode()]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint32)[0])


def problem_of(campaign: Campaign, phase: int = 0) -> Problem:
    """The campaign's question as the strategy of one phase sees it."""
    bounds = tuple(
        Bound(
            metric=c.metric,
            lower=c.bound if c.relation == ">=" else None,
            upper=c.bound if c.relation == "<=" else None,
            label=c.label,
        )
        for c in campaign.constraints
    )
    objective = campaign.objective
    learn = tuple(aim.metric for aim in campaign.goal.aims) if campaign.goal else ()
    learning = bool(learn) and campaign.phases[phase].name not in OPTIMIZERS
    return Problem(
        space=campaign.space,
        metric=learn[0] if learning else objective.metric,
        minimize=objective.minimize and not learning,
        bounds=bounds,
        seed=campaign.seed,
        learn=learn if learning else (),
        fidelities=fidelities_of(campaign),
    )


def fidelities_of(campaign: Campaign) -> Fidelities | None:
    """The choice that the strategy has; a trial costs as many evaluations as it asks the oracle for dies."""
    if not campaign.fidelities:
        return None
    cheap, counting = campaign.fidelities
    return Fidelities(
        cheap=cheap.name,
        counts=counting.name,
        cheap_cost=cheap.cost * campaign.dies,
        cost=counting.cost * campaign.dies,
        trials=campaign.stop.trials,
        most_cost=campaign.stop.cost,
        imported=len(campaign.existing),
    )


def history_of(run: RunRecord) -> History:
    """The run as the strategy at work sees it: without the trials held out for judging.

    A design that the user rejected is as good as pending: it is not proposed again, and teaches nothing.
    """
    for index in dict.fromkeys(run.tally.changed[run.shown_changes :]):
        trial = run.trials[index]
        if trial.origin == "held_out" or (trial.withdrawn and trial.withdrawn["by"] == "campaign"):
            run.shown.pop(index, None)
        else:
            run.shown[index] = _shown(trial)
    run.shown_changes = len(run.tally.changed)
    return History(
        trials=tuple(run.shown.values()), fit=run.tally.fit, proposals=run.tally.proposed[run.phase]
    )


def _shown(trial: TrialRecord) -> Trial:
    """A trial as strategies see it; the same object, whose digest is known, until a record tells of it."""
    generator = str(trial.reason.get("generator", "")) if trial.origin == "strategy" else ""
    return Trial(
        index=trial.index, parameters=trial.design, status=_standing(trial), metrics=trial.metrics,
        generator=generator, fidelity=trial.fidelity,
    )  # fmt: skip


def _standing(trial: TrialRecord) -> Status:
    """Where a trial stands for strategies; a quarantined one, too, is as good as pending."""
    quarantined = trial.status == "failed" and trial.last is not None and trial.last.does == "quarantine"
    return "pending" if quarantined else _STATUS[trial.status]


def environment() -> dict[str, Any]:
    """Packages and platform; never variables, hosts or paths."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor_cores": os.cpu_count(),
        "packages": found,
    }


def campaign_record(campaign: Campaign, *, number: int) -> dict[str, Any]:
    """The campaign as the journal keeps it: everything that readers need without the file or the oracle."""
    declaration, objective = campaign.declaration, campaign.objective
    units = {o.name: o.unit for o in declaration.outputs} | {o.name: o.unit for o in campaign.outcomes}
    specs = spec_metrics(campaign)
    units |= dict.fromkeys(specs, "")
    return {
        "revision": number,
        "yaml": campaign.text,
        "folder": str(campaign.folder),
        "name": campaign.name,
        "description": campaign.description,
        "seed": campaign.seed,
        "oracle": {
            "name": campaign.oracle_name,
            "version": declaration.version,
            "labels": list(declaration.labels),
            "options": dict(campaign.oracle_options),
            "fidelity": campaign.fidelity,
            **_fidelities(campaign),
            "summary": declaration.summary,
            "source": declaration.source,
            **_stages(campaign.composition),
        },
        "parameters": campaign.space.to_json()["parameters"],
        "fixed": {n: [v, _unit_of(campaign, n)] for n, v in campaign.fixed.items()},
        "process": [{"name": v.name, "unit": v.unit, "mean": v.mean, "sd": v.sd} for v in campaign.process],
        **({"realizations": list(campaign.realizations)} if campaign.realizations else {}),
        "metrics": units,
        **_statistics(declaration),
        "objective": {
            "metric": objective.metric,
            "minimize": objective.minimize,
            "mode": objective.mode,
            "unit": units[objective.metric],
        },
        "constraints": [
            {
                "metric": c.metric,
                "relation": c.relation,
                "bound": c.bound,
                "label": c.label,
                "unit": units[c.metric],
                "is_margin": c.is_margin,
            }
            for c in campaign.constraints
        ],
        "specs": [{"metric": metric, "label": label} for metric, label in specs.items()],
        "baseline": dict(campaign.baseline) if campaign.baseline else None,
        "goal": _goal(campaign),
        "register": vars(campaign.register).copy(),
        "strategy": _strategy(campaign.strategy),
        "phases": [_strategy(choice) for choice in campaign.phases],
        "stop": vars(campaign.stop).copy(),
        "execution": {
            "engine": campaign.execution.engine,
            "workers": campaign.execution.workers,
            "hours": [[w.begin, w.end] for w in campaign.execution.hours],
        },
        "tracking": {"uri": campaign.tracking_uri, "models": campaign.tracking_models},
        "environment": environment(),
    }


def _statistics(declaration: Declaration) -> dict[str, Any]:
    """Which outputs are means or standard deviations over realizations."""
    found = {o.name: o.statistic for o in declaration.outputs if o.statistic}
    return {"statistics": found} if found else {}


def _fidelities(campaign: Campaign) -> dict[str, Any]:
    """Names of the two to choose from, the one that counts last, and what each costs in seconds."""
    costs = {level.name: level.cost for level in campaign.fidelities}
    return {"fidelities": list(costs), "costs": costs} if costs else {}


def _stages(composition: Composition | None) -> dict[str, Any]:
    """What answers in every stage, where it is not one plain oracle."""
    return {"stages": [_stage(s) for s in composition.stages]} if composition else {}


def _stage(stage: Stage) -> dict[str, Any]:
    rule = stage.escalation
    return {
        "name": stage.name,
        "oracle": stage.oracle.name,
        "options": dict(stage.oracle.options),
        "version": stage.declaration.version,
        "inputs": {joint.input: joint.source for joint in stage.joints},
        "escalate": rule and {**vars(rule), "to": vars(rule.to), "spread": dict(rule.spread)},
    }


def _goal(campaign: Campaign) -> dict[str, Any] | None:
    goal = campaign.goal
    return None if goal is None else {**vars(goal), "aims": [vars(aim).copy() for aim in goal.aims]}


def _strategy(choice: StrategyChoice) -> dict[str, Any]:
    return {**vars(choice), "options": dict(choice.options), "initial": dict(choice.initial)}


def _unit_of(campaign: Campaign, name: str) -> str:
    return next((i.unit for i in campaign.declaration.inputs if i.name == name), "")


def check_revision(old: Mapping[str, Any], new: Campaign) -> None:
    """Refuse an edited campaign whose trials could not stand beside the old ones. Raises CampaignError."""
    record = campaign_record(new, number=0)
    fixed = {
        "the oracle": ("oracle", "name"),
        "the oracle's options": ("oracle", "options"),
        "the stages": ("oracle", "stages"),
        "the fidelity": ("oracle", "fidelity"),
        "the fidelities": ("oracle", "fidelities"),
        "the objective": ("objective", "metric"),
        "the objective's direction": ("objective", "minimize"),
        "the fixed inputs": ("fixed",),
        "the process variables": ("process",),
        "the realizations": ("realizations",),
        "the seed": ("seed",),
    }
    if old["name"] != record["name"]:
        raise CampaignError(
            f"the edited campaign changes the name from {old['name']!r} to {record['name']!r}.",
            instead=f"Keep it (name: {old['name']}), or start a new run.",
        )
    for words, path in fixed.items():
        before: Any = old
        after: Any = record
        for key in path:
            before, after = before.get(key), after.get(key)
        if _versionless(before) != _versionless(after):
            raise CampaignError(
                f"the edited campaign changes {words} from {before!r} to {after!r}, so its trials would not "
                "compare with those of the run.",
                instead="Start a new run, and bring the old trials in by 'existing_trials'.",
            )
    before_names = {(p["name"], p["unit"], p.get("when", "")) for p in old["parameters"]}
    after_names = {(p["name"], p["unit"], p.get("when", "")) for p in record["parameters"]}
    if before_names != after_names:
        changed = ", ".join(sorted({name for name, *_ in before_names ^ after_names}))
        raise CampaignError(
            f"the edited campaign adds, removes or changes the unit or condition of: {changed}.",
            instead="Ranges may widen and constraints may come; for other parameters start a new run.",
        )


def versions_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """Versions of the oracles that a campaign record names, by name."""
    oracle = entry["oracle"]
    stages = oracle.get("stages") or [{"oracle": oracle["name"], "version": oracle["version"]}]
    return {stage["oracle"]: stage["version"].partition("+")[0] for stage in stages}


def _versionless(part: Any) -> Any:
    """Stages without their versions, which a trained model may change; anything else as it is."""
    is_stages = isinstance(part, list) and all(isinstance(s, Mapping) and "version" in s for s in part)
    return [{k: v for k, v in s.items() if k != "version"} for s in part] if is_stages else part


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What one campaign record changes of another, a clause each: ranges, constraints, strategy, stop."""
    found = []
    before = {p["name"]: p for p in old["parameters"]}
    for parameter in new["parameters"]:
        if _range(parameter) != _range(before[parameter["name"]]):
            name = parameter["name"]
            found.append(f"{name} from {_range(before[name])} to {_range(parameter)}")
    were, are = ({c["label"] for c in record["constraints"]} for record in (old, new))
    found += [f"without the constraint {label}" for label in sorted(were - are)]
    found += [f"with the constraint {label}" for label in sorted(are - were)]
    for part, name in (("phases", "strategy"), ("stop", "stop"), ("goal", "goal")):
        if old.get(part) != new[part]:
            found.append(f"another {name}")
    return found


def _range(parameter: Mapping[str, Any]) -> str:
    if parameter["kind"] == "choice":
        return ", ".join(map(str, parameter["choices"]))
    ends = f"{parameter['lower']:g} .. {parameter['upper']:g} {parameter['unit']}".rstrip()
    return f"{ends} in steps of {parameter['step']:g}" if parameter.get("step") else ends
