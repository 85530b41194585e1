"""Campaigns on trained models, and the model of a campaign as the oracle of the next one."""

from pathlib import Path

import pytest
from support.surrogates import packed_gp, stiffness

from designloop import session
from designloop.campaign import load, loads
from designloop.discovery import find
from designloop.errors import CampaignError
from designloop.oracle import Context

USE = """\
version: 1
name: film
oracle: ./film.dlmodel
parameters: {grain_size: 500 .. 1000 nm, width: 2 .. 4 um}
objectives: [maximize: E_mean]
strategy: {name: sobol}
stop: {trials: 3}
tracking: off
"""
CORNERS = """\
version: 1
name: film
oracle: ./film.dlmodel
parameters: {grain_size: 0.5 .. 1 um}
process: {width: {normal: [3 um, 0.1 um]}}
objectives: [{maximize: E_mean, mode: worst_corner, corners: 3 sigma}]
strategy: {name: sobol}
stop: {trials: 2}
tracking: off
"""
LEARN = """\
version: 1
name: known
seed: 3
oracle: ishigami
parameters: {x1: 0 .. 1, x2: 0 .. 1, x3: 0 .. 1}
goal: {learn: {value: 50 % of spread}}
strategy: gp_variance
stop: {trials: 12}
register: {as: ishigami-known}
tracking: {uri: "sqlite:///mlflow/mlflow.db", models: last}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    packed_gp().save(tmp_path / "film.dlmodel")
    monkeypatch.setenv("DESIGNLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_on_a_model_records_its_version_and_what_it_does_not_know(place: Path) -> None:
    run = session.run(loads(USE, folder=place), folder=place)
    assert run.campaign["oracle"]["version"] == packed_gp().card.version
    assert run.campaign["oracle"]["labels"] == ["calibrated", "modelled"]
    for trial in run.trials:
        found = trial.metrics["E_mean"]
        design = {**trial.parameters, "grain_size": trial.parameters["grain_size"] / 1000}
        assert found.value == pytest.approx(stiffness(design), rel=0.01)
        assert found.lower < found.value < found.upper
        assert found.sem is None


def test_process_corners_inside_the_box_are_answered_by_the_model(place: Path) -> None:
    run = session.run(loads(CORNERS, folder=place), folder=place)
    for trial in run.trials:
        worst = stiffness({**trial.parameters, "width": 3.3})
        assert trial.value("E_mean.min") == pytest.approx(worst, rel=0.01)


@pytest.mark.long
def test_what_a_campaign_learned_is_the_oracle_of_the_next_one(place: Path) -> None:
    (place / "learn.yaml").write_text(LEARN)
    session.run(load(place / "learn.yaml"))
    name = "models:/ishigami-known@champion"
    oracle, truth = find(name, folder=place), find("ishigami", folder=place)
    asked = {"x1": 0.4, "x2": 0.5, "x3": 0.6}
    found, exact = (o.evaluate(asked, Context()).metrics["value"] for o in (oracle, truth))
    assert found.lower < exact.value < found.upper
    use = f"version: 1\noracle: {name}\nobjectives: [minimize: value]\nstop: {{trials: 3}}\nstrategy: sobol\n"
    run = session.run(loads(use, folder=place))
    assert run.campaign["oracle"]["version"] == oracle.declaration.version
    with pytest.raises(CampaignError, match=r"x1 goes to 2, beyond.*narrow the range"):
        loads(f"{use}parameters: {{x1: 0 .. 2}}\n", folder=place)
