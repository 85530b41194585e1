"""A model file into the registry: one logged model and one registered version per content."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from designloop.errors import OracleError
from designloop.learning.packed import Packed
from designloop.tracking import finish, served, store
from designloop.tracking.models import VERSION
from designloop.tracking.names import safe, safe_model
from designloop.tracking.registration import CHAMPION
from designloop.tracking.registry import registered

if TYPE_CHECKING:
    from mlflow import MlflowClient


def register(packed: Packed, *, name: str, uri: str, alias: str | None = CHAMPION) -> str:
    """Register a model under ``name`` and give it ``alias``; returns the version's number.

    The same content is registered once: again, it only takes the alias. Raises OracleError for a name that
    MLflow does not take, and TrackingError where the store cannot be used.
    """
    if safe_model(name) != name:
        raise OracleError(f"{name!r} cannot name a registered model. Write --as {safe_model(name)!r}.")
    client = store.open_store(uri)
    with store.speaking(uri):
        known = registered(client, name=name, version=packed.card.version)
        version, model = known or _new(client, packed, name=name, uri=uri)
        if alias:
            finish.point(client, model, version, alias=alias)
        return str(version.version)


def _new(client: MlflowClient, packed: Packed, *, name: str, uri: str) -> tuple[Any, Any]:
    experiment = store.experiment(client, name=name, uri=uri)
    model = _logged(client, packed, experiment, name=name)
    tags = {VERSION: packed.card.version}
    return finish.version_of(client, model, name=name, tags=tags, description=packed.card.summary), model


def _logged(client: MlflowClient, packed: Packed, experiment: str, *, name: str) -> Any:
    """The logged model of this content, made or completed where it is not there."""
    tag = packed.card.version
    found = client.search_logged_models([experiment], f"tags.`{VERSION}` = '{tag}'")
    ready = next((m for m in found if str(m.status) == "READY"), None)
    if ready is not None:
        return ready
    # A database registry would look a model without a run up in another process-wide store.
    run = client.create_run(experiment, run_name=f"import {name} {tag}", tags={VERSION: tag}).info.run_id
    model = client.create_logged_model(
        experiment,
        name=safe_model(name),
        model_type="surrogate",
        source_run_id=run,
        tags={VERSION: tag},
        params={safe(k): str(v)[:500] for k, v in packed.card.data.items()},
    )
    with tempfile.TemporaryDirectory(prefix="designloop-") as folder:
        target = Path(folder, "model")
        served.save(packed, target)
        served.fill(target, packed, model)
        client.log_model_artifacts(model.model_id, str(target))
    client.set_terminated(run)
    return client.finalize_logged_model(model.model_id, "READY")
