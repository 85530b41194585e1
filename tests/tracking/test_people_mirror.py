"""Trials that people make, in MLflow: open while a laboratory has them, then as they were run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.laboratory import here

from designloop.tracking import sync

ORACLE = """
from typing import Annotated

from designloop.oracle import Input, Output


def furnace(
    temperature: Annotated[float, Input(lower=800, upper=1100, unit="degC")],
) -> Annotated[dict[str, float], Output("conductivity", unit="mS/cm")]:
    raise AssertionError("people answer")
"""
CAMPAIGN = """
version: 1
name: lab
oracle: ./furnace.py:furnace
parameters: {temperature: {range: 800 .. 1100 degC, step: 25 degC}}
objectives: [maximize: conductivity]
strategy: sobol
execution: {engine: manual}
stop: {trials: 4}
tracking: off
"""


def mirrored(directory: Path, store: str) -> dict[str, Any]:
    """Runs in MLflow by the trial's number; the campaign's under an empty one."""
    from mlflow import MlflowClient

    sync(directory, uri=store)
    client = MlflowClient(store)
    experiments = [e.experiment_id for e in client.search_experiments() if e.name == "lab"]
    return {r.data.tags.get("designloop.trial", ""): r for r in client.search_runs(experiments)}


def test_a_trial_is_open_until_told_and_then_as_it_was_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("designloop.report.draw", lambda _: [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "furnace.py").write_text(ORACLE)
    (tmp_path / "lab.yaml").write_text(CAMPAIGN)
    here("run", "lab.yaml", "--runs", "runs")
    directory = next((tmp_path / "runs").iterdir())
    here("suggest", str(directory), "-n", "1")
    store = f"sqlite:///{tmp_path}/mlflow.db"

    runs = mirrored(directory, store)
    assert {number: run.info.status for number, run in runs.items()} == dict.fromkeys(
        ("", "0", "1"), "RUNNING"
    )
    assert runs[""].data.tags["status"] == "waits for people"
    assert runs["0"].data.params == {}
    suggested = float(runs["0"].data.tags["suggested.temperature"])

    here("tell", str(directory), "--trial", "0", "--set", "conductivity=1", "--set", "temperature=905 degC")
    here("reject", str(directory), "1", "--reason", "no powder")
    runs = mirrored(directory, store)
    assert runs["0"].info.status == "FINISHED"
    assert runs["0"].data.params == {"temperature": "905.0"}
    assert float(runs["0"].data.tags["suggested.temperature"]) == suggested != 905.0
    assert (runs["1"].info.status, runs["1"].data.tags["withdrawn"]) == ("KILLED", "no powder")

    here(
        "tell", str(directory), "--trial", "0", "--set", "conductivity=2", "--set", "temperature=915 degC",
        "--correct",
    )  # fmt: skip
    run = mirrored(directory, store)["0"]
    assert run.data.metrics["conductivity"] == 2.0
    assert run.data.params == {"temperature": "905.0"}
    assert run.data.tags["corrected.temperature"] == "915.0"
