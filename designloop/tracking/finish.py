"""What a finished run leaves in MLflow: its training set, and its last model registered under an alias."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from designloop.progress import learned_metrics
from designloop.record import RunRecord
from designloop.tracking import content, registration
from designloop.tracking.models import Fit, modelled_metrics, training_rows

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

PROMOTED = "designloop.promoted"


def last_fit(record: RunRecord, fits: Sequence[Fit]) -> Fit:
    """The last of ``fits`` that predicts everything that was to be learned; else the last."""
    wanted = set(learned_metrics(record))
    whole = (f for f in reversed(fits) if wanted <= set(modelled_metrics(record.directory / f.path)))
    return next(whole, fits[-1])


def log_training_set(client: MlflowClient, record: RunRecord, *, run: str, path: str) -> None:
    """The trials the model in ``path`` learned from, as a dataset input of the parent run."""
    from mlflow.entities import DatasetInput, InputTag

    dataset = _dataset(record, path)
    known = {d.dataset.digest for d in client.get_run(run).inputs.dataset_inputs}
    if dataset.digest not in known:
        entity = dataset._to_mlflow_entity()
        tags = [InputTag("mlflow.data.context", "training"), InputTag(content.MODEL, path)]
        client.log_inputs(run, [DatasetInput(entity, tags)])


def _dataset(record: RunRecord, path: str) -> Any:
    import mlflow.data
    import pandas as pd
    from mlflow.data.code_dataset_source import CodeDatasetSource

    metrics = modelled_metrics(record.directory / path)
    names = [p["name"] for p in record.campaign["parameters"]]
    rows = [
        {**{n: t.design.get(n) for n in names}, **{m: t.value(m) for m in metrics}}
        for t in training_rows(record, metrics)
    ]
    frame = pd.DataFrame(rows, columns=[*names, *metrics])
    whole = frame.select_dtypes("integer").columns
    frame[whole] = frame[whole].astype("float64")
    target = record.metric if record.metric in metrics else None
    source = CodeDatasetSource(tags={"run": record.name})
    return mlflow.data.from_pandas(frame, source=source, name=f"{record.name} trials", targets=target)


def promote(client: MlflowClient, record: RunRecord, model: LoggedModel) -> None:
    """Register the run's last model as the campaign wishes and give it the alias, once.

    Does nothing where the campaign wants no model of a goal that was not reached. A later run of the
    campaign takes the alias over; mirroring an old run again never takes it back.
    """
    if not registration.is_wanted(record):
        return
    name, alias = registration.name_and_alias(record)
    version = version_of(
        client, model, name=name, description=record.campaign.get("description") or None,
        tags={content.RUN: record.name, content.MODEL: model.tags[content.MODEL]},
    )  # fmt: skip
    if version.tags.get(PROMOTED) != "yes":
        point(client, model, version, alias=alias)
        client.set_model_version_tag(name, version.version, PROMOTED, "yes")


def point(client: MlflowClient, model: LoggedModel, version: Any, *, alias: str) -> None:
    """Give a registered version the alias, and say on the model's page which version it is."""
    versions = json.dumps([{"name": version.name, "version": int(version.version)}])
    client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": versions})
    client.set_registered_model_alias(version.name, alias, version.version)


def version_of(
    client: MlflowClient, model: LoggedModel, *, name: str, tags: Mapping[str, str], description: str | None
) -> Any:
    """The registered version of ``name`` that carries ``tags``, made from ``model`` where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=description)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for version in client.search_model_versions(f"name='{name}'"):
        if tags.items() <= version.tags.items():
            return version
    # A database store would look a models:/ address up in another process-wide store.
    remote = client.tracking_uri.startswith("http")
    return client.create_model_version(
        name,
        source=f"models:/{model.model_id}" if remote else model.artifact_location,
        run_id=model.source_run_id,
        model_id=model.model_id,
        tags=dict(tags),
    )
