"""Every fit as an MLflow model: one small template, copied and filled per fit (20 ms, not 0.7 s)."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from designloop import keeping
from designloop.learning.packed import Packed
from designloop.learning.saved import SavedModel
from designloop.progress import step_of
from designloop.record import RunRecord, TrialRecord
from designloop.tracking import content, served
from designloop.tracking.cards import card_of
from designloop.tracking.content import text
from designloop.tracking.names import safe, safe_model

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Metric

    from designloop.learning.gp import LeaveOneOut

VERSION = "designloop.version"
"""Tag with the version on a model's card."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One saved model of a run and the step it was made for."""

    path: str
    """Folder relative to the run, such as ``models/0007``."""
    step: int
    """Index of the first trial chosen with it, or of the next where none was."""
    time: float
    """When it was proposed with; epoch seconds."""
    parameters: Mapping[str, Any]

    @property
    def number(self) -> str:
        """``0007``."""
        return Path(self.path).name


def fits(record: RunRecord, *, ended: bool) -> list[Fit]:
    """The fits that shall be models, as ``tracking.models`` asks.

    ``checkpoints``: those that last in the run's folder and the last of an ended run; ``last``: that alone;
    ``every_fit``: the model of every proposal.
    """
    made = [n for n, proposal in enumerate(record.proposals) if proposal.get("model")]
    chosen = [] if keeping.choice(record) == "last" else keeping.lasting(record)
    last = next((n for n in reversed(made) if _is_there(record, n)), None) if ended else None
    found = [n for n in chosen if n != last and _is_there(record, n)]
    return [_fit(record, n) for n in (*found, *([] if last is None else [last]))]


def _path(record: RunRecord, number: int) -> str:
    return str(record.proposals[number]["model"])


def _is_there(record: RunRecord, number: int) -> bool:
    return (record.directory / _path(record, number) / "model.json").is_file()


def _fit(record: RunRecord, number: int) -> Fit:
    proposal = record.proposals[number]
    return Fit(
        path=_path(record, number), step=step_of(record, number), time=proposal["time"],
        parameters=proposal.get("fit") or {},
    )  # fmt: skip


class Template:
    """A model folder saved once by MLflow; each fit's numbers are put into a copy of it."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._metrics: tuple[str, ...] = ()

    def filled(self, record: RunRecord, packed: Packed, model: LoggedModel, folder: Path) -> Path:
        """A complete model folder for ``packed`` inside ``folder``."""
        target = folder / "filled"
        shutil.copytree(self._saved(record, packed), target)
        served.fill(target, packed, model)
        return target

    def _saved(self, record: RunRecord, packed: Packed) -> Path:
        metrics = tuple(packed.saved.config["metrics"])
        if self._folder is None or metrics != self._metrics:
            self._folder, self._metrics = tempfile.TemporaryDirectory(prefix="designloop-"), metrics
            served.save(packed, Path(self._folder.name, "model"), example=example(record))
        return Path(self._folder.name, "model")


def modelled_metrics(source: Path) -> tuple[str, ...]:
    """Metrics the saved model in ``source`` predicts."""
    return tuple(json.loads((source / "model.json").read_text())["metrics"])


def example(record: RunRecord) -> dict[str, Any]:
    """A design of the campaign: the baseline, or the first whole trial; None where it lacks a parameter."""
    names = {p["name"]: not p.get("when") for p in record.campaign["parameters"]}
    designs = [record.campaign.get("baseline") or {}, *(t.parameters for t in record.trials)]
    whole = next(d for d in designs if all(name in d for name, always in names.items() if always))
    return {name: whole.get(name) for name in names}


def find(client: MlflowClient, experiment: str, record: RunRecord) -> dict[str, LoggedModel]:
    """The run's models in MLflow by their folder, doubles removed."""
    found: dict[str, LoggedModel] = {}
    token = None
    while True:
        page = client.search_logged_models(
            [experiment], f"tags.`{content.RUN}` = '{record.name}'", page_token=token,
            order_by=[{"field_name": "creation_time", "ascending": True}],
        )  # fmt: skip
        for model in page:
            path = model.tags.get(content.MODEL, "")
            if path in found and str(found[path].status) == "READY":
                client.delete_logged_model(model.model_id)
            elif path in found:
                client.delete_logged_model(found[path].model_id)
                found[path] = model
            else:
                found[path] = model
        token = page.token
        if not token:
            return found


def create(client: MlflowClient, experiment: str, record: RunRecord, fit: Fit, *, parent: str) -> LoggedModel:
    """An empty model with its tags, so that it is found again whatever happens next."""
    flat = dict(_flat(fit.parameters))
    return client.create_logged_model(
        experiment,
        name=safe_model(f"{record.campaign['name']}-{fit.number}"),
        source_run_id=parent,
        tags={content.RUN: record.name, content.MODEL: fit.path, "step": str(fit.step)},
        params={safe(k): text(v)[:500] for k, v in list(flat.items())[:100]},
        model_type="surrogate",
    )


def _flat(values: Any, prefix: str = "fit") -> list[tuple[str, Any]]:
    if isinstance(values, Mapping):
        return [pair for k, v in values.items() for pair in _flat(v, f"{prefix}.{k}")]
    return [(prefix, values if isinstance(values, str | int | float) else str(values))]


def complete(
    client: MlflowClient, record: RunRecord, *, template: Template, fit: Fit, model: LoggedModel, run: str
) -> None:
    """Upload the model's folder, say that it is ready, and link it to the parent run at its step."""
    from mlflow.entities import LoggedModelOutput

    from designloop.learning.models import leave_one_out

    if str(model.status) != "READY":
        saved = SavedModel.load(record.directory / fit.path)
        loo = leave_one_out(saved)
        packed = Packed(saved=saved, card=card_of(record, fit.path, saved, loo))
        client.set_logged_model_tags(model.model_id, {VERSION: packed.card.version})
        if not model.metrics:
            client.log_batch(run, metrics=_quality(loo, fit, model))
        with tempfile.TemporaryDirectory(prefix="designloop-") as folder:
            filled = template.filled(record, packed, model, Path(folder))
            client.log_model_artifacts(model.model_id, str(filled))
        client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(model.model_id, fit.step)])


def _quality(found: Mapping[str, LeaveOneOut], fit: Fit, model: LoggedModel) -> list[Metric]:
    """How well each trial is predicted from the others, of the run at the fit's step and of the model."""
    from mlflow.entities import Metric

    named: dict[str, float | None] = {}
    for metric, loo in found.items():
        figures = {"r2": loo.r2, "nrmse": loo.nrmse, "coverage": loo.coverage, "trials": len(loo.trials)}
        named |= {f"leave_one_out/{metric}.{key}": float(value) for key, value in figures.items()}
    given = {"timestamp": content.milliseconds(fit.time), "step": fit.step, "model_id": model.model_id}
    return [Metric(key=k, value=v, run_id=model.source_run_id, **given)
            for k, v in content.finite(named).items()]  # fmt: skip


def training_rows(record: RunRecord, metrics: tuple[str, ...]) -> list[TrialRecord]:
    """Trials a model can learn from: those that observed one of its metrics and were not held out."""
    return [t for t in record.trials if t.origin != "held_out" and any(m in t.metrics for m in metrics)]
