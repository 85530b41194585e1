"""The card of a model that a run fitted: from the run's record, the model and its oracle's declaration."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from designloop import progress
from designloop.discovery import find
from designloop.errors import DesignloopError
from designloop.learning import metrics as figures
from designloop.learning.card import Card
from designloop.learning.gp import LeaveOneOut
from designloop.learning.saved import SavedModel
from designloop.oracle import Declaration, Input, Output, Value
from designloop.record import RunRecord, TrialRecord
from designloop.tracking import content

_SPLITS = {"held_out": "held-out designs", "reference": "designs answered by the reference oracle"}
LEAVE_ONE_OUT = "leave-one-out"


def card_of(record: RunRecord, path: str, saved: SavedModel, loo: Mapping[str, LeaveOneOut]) -> Card:
    """The card of the model in ``path`` of a run; ``loo`` is how well each label is predicted without it.

    Inputs are in the campaign's units, as the model takes them; the domain box is the parameters' ranges.
    """
    campaign = record.campaign
    rows = _rows(record, saved)
    assessed = _assessed(record, path)
    split = _SPLITS.get(str(assessed.get("by")), LEAVE_ONE_OUT)
    oracle = campaign["oracle"]
    declared = _declaration(record)
    text = f"Surrogate of {oracle['name']}, from run {record.name}."
    return Card(
        name=campaign["name"],
        summary=campaign.get("description") or text,
        oracle={k: oracle.get(k) for k in ("name", "version", "options", "fidelity") if oracle.get(k)},
        inputs=_inputs(campaign, declared),
        outputs=tuple(_output(record, metric, declared) for metric in saved.config["metrics"]),
        data={
            "run": record.name,
            "campaign": campaign["name"],
            "rows": len(rows),
            "digest": hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:12],
            "objective": campaign["objective"].get("mode") or "nominal",
            **({"process": _process(campaign)} if campaign.get("process") else {}),
        },
        split=split,
        errors={m: _errors(found, (assessed.get("errors") or {}).get(m), split) for m, found in loo.items()},
        calibration={
            m: {"factor": 1.0, "before": found.coverage, "after": found.coverage, "points": len(found.trials)}
            for m, found in loo.items()
            if len(found.trials)
        },
        labels=tuple(oracle.get("labels") or ()),
    )


def _rows(record: RunRecord, saved: SavedModel) -> list[Any]:
    """Designs and answers that the model learned from."""
    config = saved.config
    lists = [config.get("trials") or (), *(m.get("trials") or () for m in config.get("models") or ())]
    known = {int(trial) for trials in lists for trial in trials}
    trials: list[TrialRecord] = [t for t in record.trials if t.index in known]
    return [[dict(t.design), {m: t.value(m) for m in config["metrics"] if m in t.metrics}] for t in trials]


def _assessed(record: RunRecord, path: str) -> Mapping[str, Any]:
    """What was said of the model, or the learner's last assessment where nobody judged this one."""
    judged = progress.judged(record)
    own = [a for a in judged if a.model == path] or judged
    return own[-1].said if own else {}


def _declaration(record: RunRecord) -> Declaration | None:
    """What an installed oracle declares, for descriptions; nobody's own file is run for them."""
    oracle = record.campaign["oracle"]
    if re.search(r"[:./\\]", oracle["name"]):
        return None
    try:
        return find(oracle["name"], folder=record.directory, options=oracle.get("options")).declaration
    except DesignloopError:
        return None


def _inputs(campaign: Mapping[str, Any], declared: Declaration | None) -> tuple[Input, ...]:
    told = {i.name: i.description for i in declared.inputs} if declared else {}
    found = [_varied(p, told.get(p["name"], "")) for p in campaign["parameters"]]
    pinned: dict[str, tuple[Value, str]] = {n: (v, u) for n, (v, u) in (campaign.get("fixed") or {}).items()}
    if campaign["objective"].get("mode") in ("nominal", "learn"):
        pinned |= {p["name"]: (p["mean"], p["unit"]) for p in campaign.get("process") or ()}
    return (*found, *(_pinned(n, v, u, told.get(n, "")) for n, (v, u) in pinned.items()))


def _varied(parameter: Mapping[str, Any], description: str) -> Input:
    given: dict[str, Any] = {
        "name": parameter["name"], "unit": parameter.get("unit") or "", "description": description,
        "when": parameter.get("when") or "",
    }  # fmt: skip
    if parameter["kind"] == "choice":
        return Input(**given, choices=tuple(parameter["choices"]), ordered=bool(parameter.get("ordered")))
    return Input(
        **given, lower=parameter["lower"], upper=parameter["upper"], log=bool(parameter.get("log")),
        integer=parameter["kind"] == "int",
    )  # fmt: skip


def _pinned(name: str, value: Value, unit: str, description: str) -> Input:
    given: dict[str, Any] = {"name": name, "unit": unit, "default": value, "description": description}
    if isinstance(value, bool | str):
        return Input(**given, choices=(value,))
    return Input(**given, lower=value, upper=value, integer=isinstance(value, int))


def _output(record: RunRecord, metric: str, declared: Declaration | None) -> Output:
    known = next((o for o in declared.outputs if o.name == metric), None) if declared else None
    margins = {c["metric"] for c in record.campaign.get("constraints") or () if c.get("is_margin")}
    return Output(
        metric,
        unit=content.units(record).get(metric, ""),
        description=known.description if known else "",
        margin=metric in margins,
        statistic=(record.campaign.get("statistics") or {}).get(metric, known.statistic if known else ""),
    )


def _process(campaign: Mapping[str, Any]) -> dict[str, str]:
    return {
        p["name"]: f"normal, mean {p['mean']:.12g} {p['unit']}, sd {p['sd']:.12g} {p['unit']}"
        for p in campaign["process"]
    }


def _errors(loo: LeaveOneOut, assessed: Mapping[str, Any] | None, split: str) -> dict[str, Any]:
    """Figures on the named split; those of leave-one-out stand apart where that is another."""
    own = _leave_one_out(loo)
    if assessed is None:
        return own
    said = {k: assessed.get(k) for k in ("rmse", "noise", "model", "designs")}
    said = {k: v for k, v in said.items() if v is not None}
    if split == LEAVE_ONE_OUT:
        return {**{k: v for k, v in said.items() if k != "rmse"}, **own}
    return {**said, "leave_one_out": own}


def _leave_one_out(loo: LeaveOneOut) -> dict[str, Any]:
    if not len(loo.trials):
        return {}
    given = (loo.observed, loo.mean, loo.sd)
    found = {
        "rmse": figures.rmse(loo.observed, loo.mean),
        "nrmse": loo.nrmse,
        "r2": loo.r2,
        "mape": figures.mape(loo.observed, loo.mean),
        "nll": figures.nll(*given),
        "crps": figures.crps(*given),
        "coverage_95": loo.coverage,
        "interval_width": figures.interval_width(loo.sd),
    }
    return content.finite(found) | {"points": len(loo.trials)}
