"""Learning campaigns from end to end: goal, held-out designs, phases, reference, replay, resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from designloop import journal
from designloop.campaign import load
from designloop.learning.models import predict
from designloop.learning.saved import SavedModel
from designloop.record import RunRecord
from designloop.replay import replay
from designloop.session import resume, run

ORACLE = """
from typing import Annotated

import math
from designloop.oracle import Input, Output


def bowl(
    x: Annotated[float, Input(lower=0, upper=10, unit="um")],
    y: Annotated[float, Input(lower=0, upper=10, unit="um")],
) -> Annotated[dict[str, float], Output("height", unit="nm"), Output("weight", unit="g")]:
    \"\"\"A bowl and a wave.\"\"\"
    return {"height": (x - 3.3) ** 2 + 0.5 * (y - 6) ** 2 + 2, "weight": math.sin(0.4 * x) + 0.1 * y}
"""
CAMPAIGN = """
version: 1
name: bowl
seed: 4
oracle: ./bowl.py:bowl
goal: {learn: {height: 5 % of spread, weight: 5 % of spread}}
strategy: {name: query_by_committee, initial: {sobol: 8}}
stop: {trials: 30}
tracking: off
"""


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("designloop.report.draw", lambda _: [])


def started(folder: Path, *, trials: int | None = None, **changes: str) -> RunRecord:
    text = CAMPAIGN
    for old, new in changes.items():
        lines = [line for line in text.splitlines() if not line.startswith(f"{old}:")]
        text = "\n".join([*lines, f"{old}: {new}", ""])
    (folder / "bowl.py").write_text(ORACLE)
    path = folder / "campaign.yaml"
    path.write_text(text)
    overrides = () if trials is None else (f"stop.trials={trials}",)
    return run(load(path, overrides=overrides), folder=folder / "runs")


def test_a_goal_ends_the_campaign_with_a_model_that_knows_the_response(tmp_path: Path) -> None:
    record = started(tmp_path)
    assert record.decisions[-1]["reason"].startswith("the goal is reached: height ")
    assert len(record.trials) < 30
    last = record.proposals[-1]
    assert last["candidates"] == []
    rng = np.random.default_rng(0)
    designs = [dict(zip("xy", map(float, row), strict=True)) for row in rng.uniform(0, 10, (200, 2))]
    truth = np.array([(d["x"] - 3.3) ** 2 + 0.5 * (d["y"] - 6) ** 2 + 2 for d in designs])
    mean, _ = predict(SavedModel.load(record.directory / last["model"]), designs)["height"]
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.05 * truth.std()


def test_each_assessment_says_what_is_known(tmp_path: Path) -> None:
    record = started(tmp_path, trials=12)
    known = [p["progress"] for p in record.proposals if p.get("progress") and "errors" in p["progress"]]
    assert [p["labels"] for p in known] == sorted({p["labels"] for p in known})
    assert set(known[-1]["errors"]) == {"height", "weight"}
    assert known[-1]["closure"]["size"] > 0
    assert set(known[-1]["disagreement"]) == {"max", "mean"}


def test_held_out_designs_come_first_and_teach_nothing(tmp_path: Path) -> None:
    record = started(
        tmp_path,
        trials=16,
        goal="{learn: {height: 1 % of spread}, judge: {held_out: 5}}",
    )
    assert [t.origin for t in record.trials] == ["held_out"] * 5 + ["strategy"] * 11
    model = SavedModel.load(record.directory / record.proposals[-1]["model"])
    assert min(t for m in model.config["models"] for t in m["trials"]) >= 5


def test_two_phases_share_their_data(tmp_path: Path) -> None:
    record = started(
        tmp_path,
        trials=24,
        goal="{learn: {height: 10 % of spread}}",
        objectives="[minimize: height]",
        strategy="[{name: query_by_committee, initial: {sobol: 8}, until: goal}, {name: gp_ucb}]",
    )
    (switch,) = [d for d in record.decisions if d["action"] == "phase"]
    assert "the goal is reached" in switch["reason"]
    generators = [t.reason["generator"] for t in record.trials]
    first = generators.index("gp_ucb")
    assert "gp_ucb" not in generators[:first]
    assert set(generators[first:]) == {"gp_ucb"}
    best = record.best()
    assert best is not None
    assert best.metrics["height"].value < 2.2
    assert len(record.trials) == 24


def test_a_phase_may_end_after_its_trials(tmp_path: Path) -> None:
    record = started(
        tmp_path,
        trials=13,
        goal="{learn: {height: 10 % of spread}}",
        objectives="[minimize: height]",
        strategy="[{name: sobol, until: {trials: 9}}, {name: gp_ucb}]",
    )
    assert [t.reason["generator"] for t in record.trials] == ["sobol"] * 9 + ["gp_ucb"] * 4


def test_a_learning_run_repeats_itself_from_its_record(tmp_path: Path) -> None:
    record = started(tmp_path, trials=13)
    assert all(result.agrees for result in replay(record.directory))


def test_a_learning_run_that_stopped_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    goal = "{learn: {height: 0.1 % of spread}}"
    whole = started(tmp_path / "whole", trials=14, goal=goal)
    parts = started(tmp_path / "parts", trials=10, goal=goal)
    text = (parts.directory / "campaign.yaml").read_text().replace("trials: 10", "trials: 14")
    edited = tmp_path / "parts" / "campaign.yaml"
    edited.write_text(text)
    parts = resume(parts.directory, campaign=load(edited))
    assert [t.parameters for t in parts.trials] == [t.parameters for t in whole.trials]
    assert [t.reason for t in parts.trials] == [t.reason for t in whole.trials]


def test_a_reference_oracle_judges_without_costing_trials(tmp_path: Path) -> None:
    record = started(
        tmp_path,
        trials=11,
        oracle="branin",
        goal="{learn: {value: 1 % of spread}, judge: {reference: branin, designs: 50}}",
    )
    assert len(record.trials) == 11
    progress = record.proposals[-1]["progress"]
    assert progress["by"] == "reference"
    assert progress["errors"]["value"]["designs"] == 50


def test_a_campaign_that_learns_nothing_more_stops(tmp_path: Path) -> None:
    record = started(
        tmp_path,
        goal="{learn: {height: 0.000001 % of spread}}",
        stop="{trials: 60, disagreement: 5 %}",
    )
    assert "disagrees" in record.decisions[-1]["reason"]


@pytest.mark.parametrize("strategy", ["sobol", "random", "gp_variance", "gsx"])
def test_every_strategy_of_a_learning_run_is_judged(tmp_path: Path, strategy: str) -> None:
    initial = "" if strategy in ("sobol", "random") else ", initial: {sobol: 8}"
    record = started(tmp_path, trials=10, strategy=f"{{name: {strategy}{initial}}}")
    assert "errors" in record.proposals[-1]["progress"]
    kinds = [r["kind"] for r in journal.read(record.directory)]
    assert kinds[-1] == "report"
