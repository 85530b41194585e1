"""Runs that choose the fidelity of every trial: settings per call, answers that count, stop rules, replay."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from designloop import journal
from designloop.campaign import load
from designloop.cli.screen import trial_line
from designloop.cli.views import why_text
from designloop.errors import CampaignError
from designloop.record import RunRecord, read
from designloop.replay import replay
from designloop.report import answer, last_screen
from designloop.report.data import convergence
from designloop.revision import check_revision, history_of
from designloop.session import resume, run
from designloop.tracking.overview import trial_table

ORACLE = """
import math
from designloop.oracle import Declaration, Fidelity, Infeasible, Input, Output, Result, as_observations


class Plate:
    declaration = Declaration(
        name="plate", summary="A bowl on a mesh; a coarse one flatters.",
        inputs=(
            Input(name="x", lower=0, upper=1),
            Input(name="y", lower=0, upper=1),
            Input(name="mesh", lower=1, upper=64, integer=True),
            Input(name="load", lower=0, upper=2, default=1.0),
        ),
        outputs=(Output("loss"), Output("stress", unit="MPa")),
        fidelities=(
            Fidelity(name="screen", settings={"mesh": 4}, cost=0.4),
            Fidelity(name="reference", settings={"mesh": 64}, cost=4.0),
        ),
    )

    def evaluate(self, parameters, context):
        x, y, h = parameters["x"], parameters["y"], 1 / parameters["mesh"]
        assert {"screen": 4, "reference": 64}[context.fidelity] == parameters["mesh"]
        loss = 1 + (x - 0.6 - h / 4) ** 2 + (y - 0.3) ** 2 - 2 * h * (1 + 0.2 * math.sin(9 * x))
        loss += 0.1 * (parameters.get("load", 1.0) - 1) ** 2
        return Result(metrics=as_observations({"loss": loss, "stress": 100 + 50 * x - 20 * h}))
"""
CAMPAIGN = """
version: 1
name: plate
seed: 3
oracle: ./plate.py:Plate
fidelities: [screen, reference]
parameters: {x: 0 .. 1, y: 0 .. 1}
constraints: [stress <= 128 MPa]
existing_trials: {file: old.csv, columns: {x: x, y: y, loss: loss, stress: stress}}
baseline: {x: 0.2, y: 0.2}
start_with: [{x: 0.3, y: 0.9}]
strategy: {name: gp_ucb, initial: {sobol: 9}}
stop: {trials: 24}
tracking: off
"""
PLAIN = "objectives: [minimize: loss]\n"
CORNERS = (
    "objectives: [{minimize: loss, mode: worst_corner, corners: 2 sigma}]\n"
    "process: {load: {normal: [1, 0.1]}}\n"
)
OLD = "x,y,loss,stress\n0.9,0.9,1.45,145\n0.4,0.6,1.13,120\n"


def ran(folder: Path, text: str = CAMPAIGN + PLAIN, *overrides: str) -> RunRecord:
    (folder / "plate.py").write_text(ORACLE)
    (folder / "old.csv").write_text(OLD)
    (folder / "plate.yaml").write_text(text)
    return run(load(folder / "plate.yaml", overrides=list(overrides)), folder=folder / "runs")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return ran(tmp_path_factory.mktemp("two"))


def cheap(run: RunRecord) -> list[int]:
    return [t.index for t in run.trials if t.fidelity == "screen"]


def test_given_designs_count_and_the_strategy_uses_both(done: RunRecord) -> None:
    given = [t for t in done.trials if t.origin != "strategy"]
    assert [t.origin for t in given] == ["existing", "existing", "baseline", "start_with"]
    assert all(t.fidelity is None and done.counts(t) for t in given)
    assert all(t.last.fidelity == "reference" for t in given[2:])  # type: ignore[union-attr]
    chosen = [t for t in done.trials if t.origin == "strategy"]
    assert {t.fidelity for t in chosen[14:]} == {"screen", "reference"}
    assert all(t.last.fidelity == t.fidelity for t in chosen)  # type: ignore[union-attr]


def test_cheap_trials_are_data_and_never_the_answer(done: RunRecord) -> None:
    best = done.best()
    assert best is not None
    assert best.index not in cheap(done)
    values = {t.index: t.value("loss") or 9.0 for t in done.trials}
    assert min(values[i] for i in cheap(done)) < values[best.index], "the coarse mesh does flatter"
    assert not any(done.is_feasible(done.trials[i]) for i in cheap(done))
    found = answer(done)
    assert found.best is not None
    assert found.best.trial == best.index
    assert "fidelity reference" in last_screen(found)
    drawn = {int(i) for indices, _ in convergence(done).trials.values() for i in indices}
    assert drawn.isdisjoint(cheap(done))
    assert len(history_of(done).trials) == len(done.trials)


def test_the_table_the_screen_and_why_name_the_fidelity(done: RunRecord) -> None:
    with (done.directory / "trials.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["fidelity"] for row in table] == [t.fidelity or "reference" for t in done.trials]
    assert {row["feasible"] for row in table if row["fidelity"] == "screen"} == {"no"}
    mirrored = json.loads(trial_table(done))
    place = mirrored["columns"].index("fidelity")
    assert [row[place] for row in mirrored["data"]] == [row["fidelity"] for row in table]
    chosen = next(i for i in cheap(done) if "believed" in done.trials[i].reason)
    assert "at screen, which does not count" in trial_line(done, done.trials[chosen])
    assert "nats for 0.4 s against" in why_text(done, chosen)


def test_the_record_holds_the_fidelity_of_every_candidate_and_replays(done: RunRecord) -> None:
    said = [
        c
        for entry in journal.read(done.directory)
        if entry["kind"] == "proposal"
        for c in entry["candidates"]
    ]
    assert {c.get("fidelity") for c in said} == {None, "screen", "reference"}
    again = replay(done.directory)
    assert len(again) >= 14
    assert all(found.agrees for found in again)
    assert cheap(read(done.directory)) == cheap(done)


def test_the_last_trial_is_the_best_believed_design_at_the_fidelity_that_counts(done: RunRecord) -> None:
    last = done.trials[-1]
    assert last.fidelity == "reference"
    assert "the best believed design" in last.reason["text"]


def test_an_edited_campaign_keeps_its_fidelities_and_goes_on(done: RunRecord, tmp_path: Path) -> None:
    folder = Path(done.campaign["folder"])
    edited = CAMPAIGN.replace("[screen, reference]", "{screen: 1 s, reference: 2 s}") + PLAIN
    (folder / "edited.yaml").write_text(edited.replace("trials: 24", "trials: 26"))
    other = load(folder / "edited.yaml", overrides=["fidelities=null", "fidelity=reference"])
    with pytest.raises(CampaignError, match="the fidelity"):
        check_revision(done.campaign, other)
    longer = resume(done.directory, campaign=load(folder / "edited.yaml"))
    assert len(longer.trials) == 28
    assert longer.campaign["oracle"]["costs"] == {"screen": 1.0, "reference": 2.0}


def test_corners_are_asked_at_the_trials_own_fidelity(tmp_path: Path) -> None:
    found = ran(tmp_path, CAMPAIGN + CORNERS, "stop.trials=18")
    assert {t.status for t in found.trials} == {"completed"}
    assert len(cheap(found)) >= 5
    assert all(r.agrees for r in replay(found.directory))


def test_stop_rules_look_at_trials_that_count(tmp_path: Path) -> None:
    found = ran(tmp_path, CAMPAIGN + PLAIN, "stop={trials: 40, target: loss <= 0.98}")
    best = found.best()
    assert best is not None
    assert found.decisions[-1]["reason"].startswith("the target is reached")
    assert min(found.trials[i].value("loss") or 9.0 for i in cheap(found)[:5]) < 0.98


def test_two_workers_choose_ahead_and_replay_agrees(tmp_path: Path) -> None:
    found = ran(tmp_path, CAMPAIGN + PLAIN, "execution={workers: 2}", "stop.trials=18")
    assert {t.status for t in found.trials} <= {"completed", "withdrawn"}
    assert cheap(found)
    assert all(r.agrees for r in replay(found.directory))
