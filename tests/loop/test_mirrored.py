"""A campaign killed beside its mirror: MLflow ends up as if nothing had happened."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from support.chain import ORACLE

from designloop import journal
from designloop.record import read

CAMPAIGN = """
version: 1
name: mirrored
seed: 5
oracle: ./simulate.py:simulate
objectives: [minimize: height]
strategy: {name: gp_ucb, initial: {sobol: 4}}
stop: {trials: 8}
tracking: {uri: "sqlite:///store/mlflow.db"}
"""
SCRIPT = Path(sys.executable).with_name("designloop")


def outcomes(folder: Path) -> int:
    found = list(folder.glob("runs/*/journal.jsonl"))
    return sum(r["kind"] == "outcome" for r in journal.read(found[0].parent)) if found else 0


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose only run was killed after three outcomes."""
    (tmp_path / "simulate.py").write_text(ORACLE)
    (tmp_path / "c.yaml").write_text(CAMPAIGN)
    monkeypatch.setenv("DESIGNLOOP_HOME", str(tmp_path))
    process = subprocess.Popen([SCRIPT, "run", "c.yaml"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while outcomes(tmp_path) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert outcomes(tmp_path) >= 3
    return tmp_path


def test_a_killed_and_resumed_campaign_is_whole_in_mlflow(killed: Path) -> None:
    end = subprocess.run([SCRIPT, "resume"], cwd=killed, capture_output=True, text=True, timeout=300)
    assert end.returncode == 0, end.stderr
    run = read(next((killed / "runs").iterdir()))
    assert [t.status for t in run.trials] == ["completed"] * 8

    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{killed}/store/mlflow.db")
    (experiment,) = [e for e in client.search_experiments() if e.name == "mirrored"]
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [r for r in found if "mlflow.parentRunId" not in r.data.tags]
    children = [r for r in found if "mlflow.parentRunId" in r.data.tags]
    assert len(parents) == 1
    assert parents[0].info.status == "FINISHED"
    per_trial = Counter(c.data.tags["designloop.trial"] for c in children if c.info.status == "FINISHED")
    assert per_trial == {str(t): 1 for t in range(8)}
    assert len(children) == sum(len(t.attempts) for t in run.trials)
    models = client.search_logged_models([experiment.experiment_id])
    assert len(models) == len([p for p in run.proposals if p["model"]])
    for child in children:
        if child.info.status == "FINISHED":
            trial = run.trials[int(child.data.tags["designloop.trial"])]
            assert child.data.metrics["height"] == trial.value("height")
    assert not list(killed.glob("mlruns")) + list(killed.glob("mlflow.db"))
