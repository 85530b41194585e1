"""Data sets in MLflow: once, whole, and named by their digest."""

from __future__ import annotations

import json
from pathlib import Path

from designloop.learning.datasets import DataSet, make
from designloop.learning.sources import find
from designloop.tracking import store
from designloop.tracking.datasets import log


def test_a_data_set_is_logged_once_with_its_files_columns_and_provenance(tmp_path: Path, uri: str) -> None:
    data = make(find("over_etch"), tmp_path / "dies", count=20)
    run = log(data, uri=uri)
    assert log(DataSet.load(tmp_path / "dies"), uri=uri) == run
    client = store.open_store(uri)
    experiment = client.get_experiment_by_name("datasets")
    assert experiment is not None
    assert [one.info.run_id for one in client.search_runs([experiment.experiment_id])] == [run]
    logged = client.get_run(run)
    assert logged.info.status == "FINISHED"
    assert logged.data.params["digest"] == data.digest
    assert logged.data.params["rows"] == "20"
    assert "reproduce: quesada_molina_2022" in logged.data.params["provenance.solver"]
    (one,) = logged.inputs.dataset_inputs
    assert (one.dataset.name, one.dataset.digest) == ("over_etch", data.digest[:12])
    names = [column["name"] for column in json.loads(one.dataset.schema)["mlflow_colspec"]]
    assert names == ["youngs_modulus", "over_etch", "amplitude"]
    fetched = client.download_artifacts(run, "dataset", str(tmp_path))
    assert DataSet.load(fetched).digest == data.digest


def test_a_set_that_has_grown_is_another_run_and_structures_stay_out_of_the_table(
    tmp_path: Path, uri: str
) -> None:
    source = find("sve", {"pixels": 8, "solver_pixels": 8})
    first = log(make(source, tmp_path / "windows", count=2), uri=uri)
    second = log(make(source, tmp_path / "windows", count=3), uri=uri)
    assert first != second
    (one,) = store.open_store(uri).get_run(second).inputs.dataset_inputs
    columns = {c["name"]: c["type"] for c in json.loads(one.dataset.schema)["mlflow_colspec"]}
    assert columns["seed"] == "long"
    assert columns["youngs_modulus"] == "double"
    assert not {"labels", "angles"} & set(columns)
