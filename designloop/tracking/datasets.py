"""A data set in MLflow: a run of the experiment ``datasets`` with its folder and the set as input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from designloop.errors import TrackingError
from designloop.learning.datasets import DataSet
from designloop.tracking import runs, store

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

EXPERIMENT = "datasets"
DIGEST = "designloop.dataset.digest"
FILES = "dataset"
_LONGEST = 6000
"""Characters that MLflow keeps of a parameter."""


def log(data: DataSet, *, uri: str) -> str:
    """Id of the run that holds the data set; a set that is there already is not logged again.

    Raises TrackingError.
    """
    if data.folder is None:
        raise TrackingError("a data set without a folder cannot be logged; load it from its folder.")
    client = store.open_store(uri)
    with store.speaking(uri):
        experiment = store.experiment(client, name=EXPERIMENT, uri=uri)
        there = runs.keep_one(client, runs.find(client, experiment, tags={DIGEST: data.digest}))
        if there is not None and there.info.status == "FINISHED":
            return str(there.info.run_id)
        told = data.description
        run = there or client.create_run(
            experiment, run_name=f"{told['source']} {data.digest[:8]}", tags={DIGEST: data.digest}
        )
        name = run.info.run_id
        runs.log(client, name, params=_params(data))
        client.log_inputs(name, datasets=[_input(data, f"{run.info.artifact_uri}/{FILES}")])
        client.log_artifacts(name, str(data.folder), FILES)
        client.set_terminated(name, status="FINISHED")
        return str(name)


def _params(data: DataSet) -> dict[str, str]:
    """What the set is, by name; of the provenance one parameter per entry."""
    told = data.description
    plain = {name: told[name] for name in ("source", "version", "seed")}
    plain |= {"rows": len(data), "digest": data.digest}
    groups = {
        f"{group}.{name}": value for group in ("options", "provenance") for name, value in told[group].items()
    }
    return {name: _text(value) for name, value in (plain | groups).items()}


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:_LONGEST]


def _input(data: DataSet, source: str) -> DatasetInput:
    """The columns that hold one number per row, named and typed; structures are in the artifacts."""
    import pandas
    from mlflow.data.pandas_dataset import from_pandas
    from mlflow.entities import DatasetInput, InputTag

    flat = {name: values for name, values in data.arrays.items() if values.ndim == 1}
    flat = {
        name: values.astype("int64") if values.dtype.kind == "u" else values for name, values in flat.items()
    }
    table = from_pandas(
        pandas.DataFrame(flat), source=source, name=data.description["source"], digest=data.digest[:12]
    )
    return DatasetInput(dataset=table._to_mlflow_entity(), tags=[InputTag("mlflow.data.context", "made")])
