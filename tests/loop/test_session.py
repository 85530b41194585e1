"""Runs from end to end in one process: order, failures, pauses, revisions, imports, replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from designloop import journal
from designloop.campaign import load
from designloop.errors import CampaignError, RunError
from designloop.record import RunRecord, read
from designloop.replay import environment_differences, replay
from designloop.session import resume, run
from designloop.tracking.content import trial_content

ORACLE = """
from pathlib import Path
from typing import Annotated

from designloop.oracle import Infeasible, Input, Output

SWITCH = Path(__file__).with_name("switch")


def simulate(
    x: Annotated[float, Input(lower=0, upper=10, unit="um")],
    n: Annotated[int, Input(lower=1, upper=4)] = 2,
) -> Annotated[dict[str, float], Output("height", unit="nm"), Output("weight", unit="g")]:
    mode = SWITCH.read_text() if SWITCH.exists() else "good"
    if mode == "broken":
        raise ValueError(f"no licence after {x} s")
    if mode == "infinite":
        return {"height": float("inf"), "weight": 1.0}
    if mode == "half broken" and x > 5:
        raise ValueError("the mesh collapsed")
    if mode == "exit":
        raise SystemExit("the solver left")
    if mode == "infeasible" and x > 5:
        raise Infeasible("too long")
    return {"height": (x - 3.3) ** 2 + n, "weight": x}
"""
CAMPAIGN = """
version: 1
name: parabola
seed: 4
oracle: ./simulate.py:simulate
parameters: {x: 0 .. 10 um}
objectives: [minimize: height]
strategy: {name: sobol}
stop: {trials: 6}
tracking: off
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "simulate.py").write_text(ORACLE)
    return tmp_path


def written(folder: Path, text: str = CAMPAIGN, *, extra: str = "", **changes: str) -> Path:
    for old, new in changes.items():
        text = text.replace(old, new)
    path = folder / "campaign.yaml"
    path.write_text(text + extra)
    return path


def switched(folder: Path, mode: str) -> None:
    (folder / "switch").write_text(mode)


def started(folder: Path, *, overrides: tuple[str, ...] = (), extra: str = "") -> RunRecord:
    return run(load(written(folder, extra=extra), overrides=overrides), folder=folder / "runs")


def test_a_run_ends_by_its_budget_and_leaves_its_files(folder: Path) -> None:
    record = started(folder)
    assert record.status == "finished"
    assert [t.status for t in record.trials] == ["completed"] * 6
    assert record.is_reported
    left = {p.name for p in record.directory.iterdir()}
    assert {"campaign.yaml", "journal.jsonl", "trials.csv", "figures"} <= left


def test_every_trial_is_proposed_then_started_then_observed(folder: Path) -> None:
    kinds = [r["kind"] for r in journal.read(started(folder).directory)]
    assert kinds == ["campaign", *["proposal", "start", "outcome"] * 6, "decision", "report"]


def test_baseline_and_given_designs_run_first(folder: Path) -> None:
    record = started(folder, extra="baseline: {x: 7 um}\nstart_with: [{x: 1 um}, {x: 2 um}]\n")
    assert [t.origin for t in record.trials] == ["baseline", "start_with", "start_with", *["strategy"] * 3]
    assert [t.parameters["x"] for t in record.trials[:3]] == [7.0, 1.0, 2.0]


def test_imported_trials_are_data_and_cost_no_budget(folder: Path) -> None:
    (folder / "old.csv").write_text("x [um];height [nm]\n1,5;9,25\n12;3\n2;\n")
    extra = 'existing_trials: {file: old.csv, decimal: ",", failed_if: {empty: "height [nm]"}}\n'
    record = started(folder, extra=extra)
    imported = [t for t in record.trials if t.origin == "existing"]
    assert [t.parameters["x"] for t in imported] == [1.5, 12.0, 2.0]
    assert [t.status for t in imported] == ["completed", "completed", "failed"]
    assert [t.in_range for t in imported] == [True, False, True]
    assert sum(t.origin == "strategy" for t in record.trials) == 6


def test_three_equal_failures_pause_and_resume_repeats_only_those(folder: Path) -> None:
    switched(folder, "broken")
    record = started(folder)
    assert record.status == "paused"
    assert [t.status for t in record.trials] == ["failed"] * 3
    assert "ValueError: no licence" in record.decisions[-1]["reason"]
    assert "Traceback" in (record.directory / "trials" / "000" / "error.txt").read_text()
    switched(folder, "good")
    mended = resume(record.directory)
    assert mended.status == "finished"
    assert [len(t.attempts) for t in mended.trials] == [2, 2, 2, 1, 1, 1]
    assert [t.status for t in mended.trials] == ["completed"] * 6


def test_an_oracle_that_still_fails_pauses_again(folder: Path) -> None:
    switched(folder, "broken")
    record = resume(started(folder).directory)
    assert record.status == "paused"
    assert [len(t.attempts) for t in record.trials] == [2, 2, 2]


@pytest.mark.parametrize(("mode", "words"), [("infinite", "height = inf"), ("exit", "the solver left")])
def test_infinities_and_exits_are_failed_trials(folder: Path, mode: str, words: str) -> None:
    switched(folder, mode)
    record = started(folder)
    assert record.status == "paused"
    assert words in str(record.trials[0].last and record.trials[0].last.reason)


def test_infinities_do_not_brick_a_model_based_campaign(folder: Path) -> None:
    switched(folder, "infinite")
    overrides = ("strategy={name: gp_ucb, initial: {sobol: 3}}", "stop.trials=7")
    record = started(folder, overrides=overrides)
    switched(folder, "good")
    (folder / "switch").unlink()
    assert resume(record.directory).status == "finished"


def test_infeasible_answers_go_on(folder: Path) -> None:
    switched(folder, "infeasible")
    record = started(folder)
    assert record.status == "finished"
    assert {t.status for t in record.trials} == {"completed", "infeasible"}


def test_a_deterministic_failure_is_never_proposed_again(folder: Path) -> None:
    switched(folder, "half broken")
    grid = "parameters={x: {range: 0 .. 10 um, step: 1 um}}"
    overrides = (grid, "strategy={name: gp_ucb, initial: {sobol: 3}}", "stop.trials=11")
    record = started(folder, overrides=(*overrides, "execution={failure_limit: 20}"))
    for _ in range(3):
        if record.status == "paused":
            record = resume(record.directory)
    designs = [t.parameters["x"] for t in record.trials]
    assert len(designs) == len(set(designs))


def test_a_finished_run_says_how_to_go_on(folder: Path) -> None:
    record = started(folder)
    with pytest.raises(RunError, match="is finished: all 6 trials are done.*--set stop.trials"):
        resume(record.directory)


def test_a_revision_with_more_trials_goes_on_from_the_old_ones(folder: Path) -> None:
    record = started(folder)
    longer = load(written(folder), overrides=("stop.trials=9", "parameters={x: 0 .. 9 um}"))
    more = resume(record.directory, campaign=longer)
    assert [r["revision"] for r in more.revisions] == [1, 2]
    assert [t.parameters for t in more.trials[:6]] == [t.parameters for t in record.trials]
    assert len(more.trials) == 9
    assert all(float(t.parameters["x"]) <= 9 for t in more.trials[6:])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            "objectives=[minimize: weight]", "the objective from 'height' to 'weight'", id="objective"
        ),
        pytest.param("seed=5", "the seed from 4 to 5", id="seed"),
        pytest.param("name=other", "the name from '.+' to 'other'.*or start a new run", id="name"),
        pytest.param("parameters={x: 0 .. 10 um, n: 1 .. 4}", "adds, removes or changes.*n", id="parameter"),
    ],
)
def test_a_revision_that_would_not_compare_is_refused(folder: Path, change: str, words: str) -> None:
    record = started(folder)
    edited = load(written(folder), overrides=(change,))
    with pytest.raises(CampaignError, match=words):
        resume(record.directory, campaign=edited)
    assert len(read(record.directory).revisions) == 1


CLASS = """
from pathlib import Path

from designloop.oracle import Declaration, Fidelity, Input, Observation, Output, Result


class Cell:
    declaration = Declaration(
        name="cell", summary="A cell.",
        inputs=(Input(name="x", lower=0, upper=10, unit="um"),
                Input(name="n", lower=1, upper=64, integer=True, default=8)),
        outputs=(Output("height", unit="nm"),),
        fidelities=(Fidelity(name="coarse", settings={"n": 2}, cost=0.1), Fidelity(name="fine", settings={})),
    )

    def evaluate(self, parameters, context):
        for name in ("cell.txt", "fields/cell.txt"):
            path = context.directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{name} {context.fidelity} {parameters['n']}")
        return Result(metrics={"height": Observation(value=(parameters["x"] - 3.3) ** 2)})
"""


def at_fidelity(folder: Path, name: str = "coarse") -> RunRecord:
    (folder / "simulate.py").write_text(CLASS)
    written(folder, extra=f"fidelity: {name}\n", **{":simulate": ":Cell"})
    return run(load(folder / "campaign.yaml"), folder=folder / "runs")


def test_a_fidelity_reaches_the_oracle_and_the_record(folder: Path) -> None:
    record = at_fidelity(folder)
    starts = [r for r in journal.read(record.directory) if r["kind"] == "start"]
    assert [r["fidelity"] for r in starts] == ["coarse"] * 6
    assert {a.fidelity for t in record.trials for a in t.attempts} == {"coarse"}
    assert record.campaign["oracle"]["fidelity"] == "coarse"
    assert record.campaign["fixed"]["n"] == [2, ""]
    assert (record.directory / "trials" / "003" / "cell.txt").read_text() == "cell.txt coarse 2"
    assert "(fidelity coarse)" in record.report["answer"]["screen"]


def test_a_resumed_run_keeps_its_fidelity(folder: Path) -> None:
    record = at_fidelity(folder)
    more = resume(record.directory, campaign=load(folder / "campaign.yaml", overrides=("stop.trials=7",)))
    assert [t.last.fidelity for t in more.trials if t.last] == ["coarse"] * 7
    assert "another stop" in more.revisions[1]["changes"]


def test_a_revision_of_the_fidelity_is_refused(folder: Path) -> None:
    record = at_fidelity(folder)
    edited = load(folder / "campaign.yaml", overrides=("fidelity=fine", "fixed={n: 2}"))
    with pytest.raises(CampaignError, match="the fidelity from 'coarse' to 'fine', so its trials would not"):
        resume(record.directory, campaign=edited)


def test_a_run_recorded_before_there_were_fidelities_goes_on(folder: Path) -> None:
    record = started(folder)
    entries = journal.read(record.directory)
    entries[0]["oracle"].pop("fidelity")
    for entry in entries:
        entry.pop("fidelity", None)
    (record.directory / journal.FILE).write_bytes(b"".join(journal.encode(e) for e in entries))
    more = resume(record.directory, campaign=load(written(folder), overrides=("stop.trials=7",)))
    assert [t.status for t in more.trials] == ["completed"] * 7


def test_files_of_a_trial_are_its_artifacts_even_where_two_have_one_name(folder: Path) -> None:
    record = at_fidelity(folder)
    assert record.trials[2].last is not None
    assert record.trials[2].last.artifacts == {
        "cell.txt": "trials/002/cell.txt", "fields/cell.txt": "trials/002/fields/cell.txt",
    }  # fmt: skip
    sent = trial_content(record, record.trials[2], record.trials[2].last, live=False).files
    assert {name: path.read_text() for name, path in sent.items()} == {
        "cell.txt": "cell.txt coarse 2", "fields/cell.txt": "fields/cell.txt coarse 2",
    }  # fmt: skip


def test_a_killed_report_is_made_up_for(folder: Path) -> None:
    record = started(folder)
    path = record.directory / journal.FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    again = resume(record.directory)
    assert again.is_reported
    assert len(again.decisions) == 1


def test_replay_proposes_the_same_designs(folder: Path) -> None:
    record = started(folder, overrides=("strategy={name: gp_ucb, initial: {sobol: 3}}",))
    results = replay(record.directory)
    assert len(results) == 6
    assert all(r.agrees and r.difference == 0 for r in results)
    assert environment_differences(record) == []


def test_replay_notices_a_changed_record(folder: Path) -> None:
    record = started(folder, overrides=("strategy={name: gp_ucb, initial: {sobol: 3}}",))
    path = record.directory / journal.FILE
    entries = journal.read(record.directory)
    changed = next(e for e in entries if e["kind"] == "outcome" and e["trial"] == 2)
    changed["metrics"]["height"]["value"] += 5.0
    path.write_bytes(b"".join(journal.encode(e) for e in entries))
    agree = [r.agrees for r in replay(record.directory)]
    assert agree[:3] == [True] * 3
    assert not any(agree[3:])


def test_equal_seeds_give_equal_runs_and_others_do_not(folder: Path) -> None:
    def designs(seed: int) -> list[object]:
        return [t.parameters["x"] for t in started(folder, overrides=(f"seed={seed}",)).trials]

    assert designs(4) == designs(4)
    assert designs(4) != designs(5)
