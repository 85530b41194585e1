"""Commands of people who run the trials: suggestions, rejections, the end, other engines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from support.laboratory import (
    CAMPAIGN,
    HEADERS,
    ORACLE,
    design_of,
    filled,
    here,
    kinds,
    not_told,
    refused,
    results,
    rows_of,
    told,
    trial,
)

from designloop.record import RunRecord, read


def test_a_run_suggests_and_leaves_a_table_to_fill_in(lab: Path) -> None:
    assert kinds(lab) == ["campaign", "proposal", "start", "proposal", "start", "start", "start"]
    assert [t.status for t in read(lab).trials] == ["running"] * 4
    (row,) = rows_of(lab / "suggestions-1.csv")
    assert list(row) == HEADERS
    assert row["trial"] == "0"
    assert row["gas"] in ("air", "argon")
    assert not any(row[name] for name in HEADERS[5:])
    assert [r["trial"] for r in rows_of(lab / "suggestions-2.csv")] == ["1", "2", "3"]


def test_a_rejected_suggestion_does_not_come_back(lab: Path) -> None:
    gone = dict(trial(lab, 1).parameters)
    here("reject", str(lab), "1", "--reason", "no powder")
    assert trial(lab, 1).status == "withdrawn"
    assert "cannot be rejected" in refused("reject", str(lab), "1", "--reason", "again")
    row = filled(rows_of(lab / "suggestions-2.csv")[0], {"conductivity": 2.0})
    assert "trial 1 was rejected: no powder" in not_told(lab, row)
    here("suggest", str(lab), "-n", "8")
    assert gone not in [dict(t.parameters) for t in read(lab).trials[2:]]


def test_what_is_at_hand_restricts_one_proposal(lab: Path) -> None:
    here(
        "suggest",
        str(lab),
        "-n",
        "4",
        "--only",
        "powder=0,10",
        "--only",
        "gas=air",
        "--only",
        "temperature=1173.15 K",
    )
    new = [t.parameters for t in read(lab).trials[4:]]
    assert len(new) == 4
    assert {p["powder"] for p in new} <= {0, 10}
    assert {(p["gas"], p["temperature"]) for p in new} == {("air", 900.0)}
    proposal = read(lab).proposals[-1]
    assert proposal["only"] == {"powder": [0, 10], "gas": ["air"], "temperature": [900.0]}
    assert "3 of 3 proposals agree" in here("replay", str(lab), "--verify")
    for words in ("powder=3", "powder=", "temperature=905", "colour=1"):
        assert "--only" in refused("suggest", str(lab), "--only", words)


def levels(run: RunRecord, first: int, last: int | None = None) -> set[object]:
    return {t.parameters["powder"] for t in run.trials[first:last]}


def test_one_call_opens_one_level_of_what_is_hard_to_change(lab: Path) -> None:
    known = levels(read(lab), 0)
    for _ in range(2):
        first = len(read(lab).trials)
        said = here("suggest", str(lab), "-n", "4")
        new = levels(read(lab), first) - known
        assert len(new) <= 1
        assert ("a level at which nothing was run before" in said) == bool(new)
        known |= new
    assert "4 of 4 proposals agree" in here("replay", str(lab), "--verify")


def test_levels_named_as_at_hand_are_not_counted(lab: Path) -> None:
    known = levels(read(lab), 0)
    others = sorted({0, 2, 4, 6, 8, 10} - known)
    here("suggest", str(lab), "-n", "6", "--only", f"powder={','.join(map(str, others))}")
    assert len(levels(read(lab), 4)) > 1


def test_an_edited_campaign_widens_the_space(lab: Path) -> None:
    told(lab, results(lab))
    text = CAMPAIGN.replace("step: 25 degC", "step: 12.5 degC").replace("800 .. 1100", "900 .. 1100")
    Path("wide.yaml").write_text(text)
    here("suggest", str(lab), "-n", "6", "--campaign", "wide.yaml")
    run = read(lab)
    assert len(run.revisions) == 2
    assert all(900 <= float(t.parameters["temperature"]) <= 1100 for t in run.trials[4:])
    assert trial(lab, 0).status == "completed"
    machine = Path("machine.yaml")
    machine.write_text(
        text.replace("{engine: manual}", "{engine: in_process}").replace(", hard_to_change: true", "")
    )
    assert "Keep engine: manual" in refused("suggest", str(lab), "--campaign", str(machine))


def test_the_run_ends_when_its_trials_are_told_and_goes_on_when_more_are_allowed(lab: Path) -> None:
    assert "only 8 of 12 trials were left" in here("suggest", str(lab), "-n", "20")
    assert "no suggestion: all 12 trials are done; 12 suggestions are still open" in here("suggest", str(lab))
    rows = [r for n in (1, 2, 3) for r in rows_of(lab / f"suggestions-{n}.csv")]
    said = told(lab, *(filled(r, {"conductivity": float(r["trial"]) + 1}) for r in rows))
    assert "done: all 12 trials are done" in said
    assert read(lab).status == "finished"
    assert "is finished: all 12 trials are done" in refused("suggest", str(lab))
    here("suggest", str(lab), "-n", "2", "--set", "stop.trials=14")
    assert (read(lab).status, len(read(lab).trials)) == ("running", 14)


def test_resume_sends_people_to_their_own_commands(lab: Path) -> None:
    assert "designloop suggest" in refused("resume", str(lab))
    assert "--campaign or --set" in refused("resume", str(lab), "--set", "stop.trials=14")


def test_equal_failures_pause_until_people_say_that_the_cause_is_mended(lab: Path) -> None:
    first, second, third = rows_of(lab / "suggestions-2.csv")
    cracked = [row | {"status": "failed", "note": "cracked at 3 h"} for row in (first, second, third)]
    said = told(lab, *cracked, results(lab))
    assert "!!! paused: 3 trials in a row failed alike: cracked at 3 h. Nothing more is suggested." in said
    assert f"designloop resume {lab.name}" in said
    assert read(lab).status == "paused"
    assert "paused, 4 of 12 trials" in here("status", str(lab))
    paused = refused("suggest", str(lab))
    assert "is paused: 3 trials in a row failed alike" in paused
    assert "'designloop resume" in paused
    said = here("resume", str(lab))
    assert f"{lab.name} goes on; to be run again: 1, 2, 3" in said
    assert [t.status for t in read(lab).trials] == ["completed", "running", "running", "running"]
    assert "recorded: nothing; 4 known already" in told(lab, *cracked, results(lab))
    told(lab, *(filled(row, {"conductivity": 2.0 + n}) for n, row in enumerate((first, second, third))))
    here("suggest", str(lab), "-n", "2")
    assert [t.status for t in read(lab).trials] == ["completed"] * 4 + ["running"] * 2


def test_the_limit_of_failures_holds_for_people_too(lab: Path) -> None:
    here("suggest", str(lab), "--set", "execution.failure_limit=2")
    first, second, third = rows_of(lab / "suggestions-2.csv")
    told(lab, first | {"status": "failed", "note": "cracked"}, second | {"status": "failed", "note": "lost"})
    assert "2 trials failed, the limit is 2; the last: lost" in here("status", str(lab))
    said = told(lab, filled(third, {"conductivity": 2.0}), results(lab))
    assert "recorded: 2 results" in said
    here("resume", str(lab))
    assert read(lab).status == "running"
    here("suggest", str(lab))


def test_people_learn_until_the_goal_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("designloop.report.draw", lambda _: [])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESIGNLOOP_HOME", str(tmp_path))
    (tmp_path / "furnace.py").write_text(ORACLE)
    aim = "goal: {learn: {conductivity: 20 % of spread}}"
    learner = "{name: query_by_committee, members: 3, batch: 6, initial: {sobol: 6}}"
    text = CAMPAIGN.replace("objectives: [maximize: conductivity]", aim)
    text = text.replace("strategy: sobol", f"strategy: {learner}").replace("trials: 12", "trials: 60")
    for line in ("  powder: {choices: [0, 2, 4, 6, 8, 10], hard_to_change: true}\n", "  gas:\n"):
        text = text.replace(line, "")
    (tmp_path / "learn.yaml").write_text(
        text.replace("parameters:", "fixed: {powder: 2, gas: air}\nparameters:")
    )
    here("run", "learn.yaml", "--runs", "runs")
    (directory,) = (tmp_path / "runs").iterdir()
    for number in range(1, 16):
        rows = rows_of(directory / f"suggestions-{number}.csv")
        told(directory, *(filled(row, {"conductivity": smooth(row), "density": 90.0}) for row in rows))
        if read(directory).status == "running":
            here("suggest", str(directory))
        if read(directory).status == "finished":
            break
    run = read(directory)
    assert run.status == "finished"
    assert "the goal is reached: conductivity" in run.decisions[-1]["reason"]
    assert len(run.trials) < 60
    assert "the goal is reached" in here("best", str(directory))


def smooth(row: Mapping[str, str]) -> float:
    """A response that a small model learns soon."""
    design = design_of(row, ("temperature", "hours"))
    return 1.0 + (design["temperature"] - 800) / 100 + 0.01 * design["hours"]


def test_a_run_that_programs_run_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answer = 'return {"conductivity": hours, "density": 1.0, "crack_margin": 1.0}'
    oracle = ORACLE.replace('raise AssertionError("people answer, not the program")', answer)
    (tmp_path / "furnace.py").write_text(oracle)
    text = CAMPAIGN.replace("{engine: manual}", "{engine: in_process}").replace(", hard_to_change: true", "")
    (tmp_path / "lab.yaml").write_text(text)
    here("run", "lab.yaml", "--runs", "runs", "--set", "stop.trials=2")
    assert "runs its trials by itself" in refused("tell", "lab", "--runs", "runs", "--set", "density=1")
