"""Runs over a space with conditions, to the report, the table, the replay, and the model as an oracle."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from designloop.campaign import load
from designloop.compose.surrogate import SurrogateOracle
from designloop.errors import OracleError
from designloop.learning.packed import Packed
from designloop.oracle import Context
from designloop.record import RunRecord, read
from designloop.replay import replay
from designloop.report import answer, last_screen
from designloop.session import run
from designloop.tracking.served import NUMBERS

ORACLE = """
import math
from typing import Annotated
from designloop.oracle import Input, Output


def suspension(
    length: Annotated[float, Input(lower=200, upper=800, unit="um")],
    width: Annotated[float, Input(lower=2, upper=6, unit="um")],
    anchor: Annotated[str, Input(choices=("single", "double", "ring"))],
    fins: Annotated[int, Input(lower=1, upper=6)] = 1,
    pitch: Annotated[float, Input(lower=10, upper=100, unit="um", when="anchor == double")] = None,
    radius: Annotated[float, Input(lower=1, upper=100, unit="um", when="anchor == ring")] = None,
    gap: Annotated[float, Input(lower=0, upper=10, unit="um")] = 5.0,
) -> Annotated[dict[str, float], Output("loss"), Output("stress", unit="MPa")]:
    if (anchor == "double") != (pitch is not None) or (anchor == "ring") != (radius is not None):
        raise ValueError("what this anchor has was not given, or what it does not have was")
    x, w = (length - 300) / 400, (width - 2.5) / 2.5
    loss = (x - 0.6) ** 2 + (w - 0.3) ** 2 + 0.03 * abs(fins - 4) + (gap / 10 - 0.3) ** 2
    loss += {"single": 0.3, "double": ((pitch or 0) / 60 - 0.8) ** 2,
             "ring": (math.log10(radius or 1) - 1.2) ** 2 + 0.1}[anchor]
    return {"loss": loss, "stress": 100 + 200 * loss}
"""
CAMPAIGN = """
version: 1
name: branches
seed: 3
oracle: ./oracle.py:suspension
parameters:
  length: {range: 300 .. 700 um, step: 1 um}
  width: 2.5 .. 5 um
  anchor: {choices: [single, double, ring]}
  pitch: {range: 20 .. 80 um, when: anchor == double}
  radius: {range: 5 .. 50 um, scale: log}
  fins: {range: 1 .. 6}
  gap: {range: 0 .. 10 um, step: 0.5 um, when: fins >= 3 and anchor != single}
constraints: [pitch <= 0.15 * length]
existing_trials: {file: old.csv, columns: {L: length, W: width, A: anchor, P: pitch, N: fins, loss: loss, stress: stress}}
baseline: {length: 480 um, width: 3.5 um, anchor: single, fins: 2}
"""  # noqa: E501 - as users write it
OPTIMIZE = """
objectives: [minimize: loss]
strategy: {name: gp_ucb, initial: {sobol: 4}}
stop: {trials: 9}
tracking: off
"""
LEARN = """
goal: {learn: {loss: 5 %}, judge: {held_out: 5}}
register: {as: branches, if: always}
strategy: {name: query_by_committee, initial: {sobol: 5}}
stop: {trials: 13}
tracking: {uri: "sqlite:///store/mlflow.db"}
"""
OLD = "L,W,A,P,N,loss,stress\n400,3,single,,2,0.9,200\n450,3,double,40,1,0.6,190\n"


def ran(folder: Path, text: str) -> RunRecord:
    (folder / "oracle.py").write_text(ORACLE)
    (folder / "old.csv").write_text(OLD)
    (folder / "c.yaml").write_text(CAMPAIGN + text)
    return read(run(load(folder / "c.yaml"), folder=folder / "runs").directory)


@pytest.fixture(scope="module")
def optimized(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("optimized")
        patch.setenv("DESIGNLOOP_HOME", str(folder))
        return ran(folder, OPTIMIZE)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("learned")
        patch.setenv("DESIGNLOOP_HOME", str(folder))
        return ran(folder, LEARN)


@pytest.fixture(params=["optimized", "learned"])
def record(request: pytest.FixtureRequest) -> RunRecord:
    found: RunRecord = request.getfixturevalue(request.param)
    return found


def test_every_trial_has_what_its_choices_ask_for(record: RunRecord) -> None:
    assert {t.status for t in record.trials} == {"completed"}
    for trial in record.trials:
        p = trial.parameters
        assert ("pitch" in p) == (p["anchor"] == "double")
        assert ("gap" in p) == (p["fins"] >= 3 and p["anchor"] != "single")
    assert any(t.reason.get("generator") in ("gp_ucb", "query_by_committee") for t in record.trials)


def test_the_run_is_reported_whole(record: RunRecord) -> None:
    assert any("slices" in path.name for path in (record.directory / "figures").iterdir())
    assert "length" in last_screen(answer(record)) or record.learns
    with (record.directory / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["pitch [um]"] == ""
    assert [bool(r["pitch [um]"]) for r in rows] == ["pitch" in t.parameters for t in record.trials]


def test_it_is_proposed_again_as_it_was(record: RunRecord) -> None:
    found = list(replay(record.directory))
    assert found
    assert all(r.digest_agrees and r.difference == 0.0 for r in found)


@pytest.fixture(scope="module")
def served(learned: RunRecord) -> Path:
    """The registered model's folder."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{learned.directory.parents[1]}/store/mlflow.db")
    return Path(mlflow.artifacts.download_artifacts("models:/branches/1"))


PLAIN = {"length": 500.0, "width": 3.0, "anchor": "single", "fins": 2}


def test_the_served_model_takes_designs_with_what_they_have(served: Path) -> None:
    import mlflow
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(served))
    ring = {**PLAIN, "anchor": "ring", "radius": 10.0, "fins": 4, "gap": 3.0}
    alone = model.predict(pd.DataFrame([PLAIN]))
    together = model.predict(pd.DataFrame([PLAIN, ring]))
    assert np.isfinite(together.to_numpy()).all()
    assert together["loss_mean"][0] == pytest.approx(alone["loss_mean"][0])
    needless = model.predict(pd.DataFrame([{**PLAIN, "radius": 40.0}]))
    assert needless["loss_mean"][0] == pytest.approx(alone["loss_mean"][0])


def test_a_model_of_it_is_an_oracle_with_the_same_conditions(served: Path) -> None:
    oracle = SurrogateOracle(Packed.load(served / NUMBERS))
    assert {i.name for i in oracle.declaration.inputs if i.when} == {"pitch", "radius", "gap"}
    assert np.isfinite(oracle.evaluate(PLAIN, Context()).metrics["loss"].value)
    with pytest.raises(OracleError, match="needs a value of radius"):
        oracle.evaluate({**PLAIN, "anchor": "ring"}, Context())
