"""Who answered, read from a journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from support.entries import outcome, proposal, run_of, start

from designloop.answered import answered, lines_of
from designloop.cli.views import why_text
from designloop.record import RunRecord
from designloop.tracking import content, overview


def figures(*, version: str = "v1", answers: int = 10, audits: Any = None, **solver: int) -> dict[str, Any]:
    keys = [f"k{n}" for n in range(sum(solver.values()))]
    return {
        "version": version, "answers": answers, "solver": solver, "labels": keys, "tests": [],
        "audits": audits or {}, "seconds": 2.0 * sum(solver.values()),
    }  # fmt: skip


def noted(*notes: dict[str, Any], lessons: Sequence[dict[str, Any]] = ()) -> RunRecord:
    entries: list[dict[str, Any]] = []
    for trial, note in enumerate(notes):
        ended = {**outcome(trial, noise=1.0), "notes": {"escalation": note}}
        entries += [proposal(trial), start(trial), ended]
    return run_of(*entries, *lessons, metrics={"film.E": "GPa", "noise": "nT", "f": "kHz"})


def test_counts_add_up_over_trials_and_stages_stay_apart() -> None:
    run = noted(
        {"film": figures(spread=2, outside=1), "device": figures(answers=4)},
        {"film": figures(version="v2", spread=1)},
    )
    film, device = answered(run)
    assert (film.stage, film.answers, film.solver) == ("film", 20, {"spread": 3, "outside": 1})
    assert film.versions == ("v1", "v2")
    assert film.rate == 0.2
    assert film.seconds == 8.0
    assert film.seconds_saved == pytest.approx(2.0 * 16)
    assert (device.solved, device.rate) == (0, 0.0)


def test_one_trial_can_be_asked_for_alone() -> None:
    run = noted({"": figures(spread=2)}, {"": figures(audit=1)})
    assert answered(run, trial=1)[0].solver == {"audit": 1}


def test_audits_say_how_wrong_and_how_often_within() -> None:
    audits = {"E": [[1.0, 0.1, 1.1], [2.0, 0.1, 2.3], [3.0, 0.1, 3.0]]}
    (film,) = answered(noted({"film": figures(audit=3, audits=audits)}))
    audit = film.audits["E"]
    assert (audit.count, audit.within) == (3, 2)
    assert audit.rmse == pytest.approx((0.1 / 3) ** 0.5)


def test_people_read_who_answered_how_wrong_and_what_was_learned() -> None:
    lesson = {
        "kind": "lesson", "time": 5.0, "stage": "film", "from": "v1", "version": "v2", "path": "s/v2.dlmodel",
        "labels": 3, "tests": 4, "errors": {"before": {"E": 0.2}, "after": {"E": 0.1}}, "promoted": True,
    }  # fmt: skip
    audits = {"E": [[1.0, 0.1, 1.1]]}
    run = noted({"film": figures(spread=2, audit=1, audits=audits)}, lessons=[lesson])
    said = "\n".join(lines_of(run))
    assert "film: the model answered 7 of 10 questions, the solver 3 (2 unsure, 1 audited)" in said
    assert "E: wrong by 0.1 GPa (root mean square over 1 audits), its 95 % intervals held 1 of 1" in said
    assert "1 retrainings, 1 taken over" in said


def test_why_says_who_answered_a_trial() -> None:
    run = noted({"film": figures(spread=2)}, {"film": figures(version="v2", audit=1)})
    assert "film: the model answered 9 of 10 questions, the solver 1 (1 audited), version v2" in why_text(
        run, 1
    )


def test_a_run_without_surrogates_says_nothing() -> None:
    run = run_of(proposal(0), start(0), outcome(0, noise=1.0))
    assert lines_of(run) == []
    assert answered(run) == []


def test_mlflow_gets_rates_per_trial_and_errors_per_retraining() -> None:
    lesson = {
        "kind": "lesson", "time": 5.0, "stage": "", "from": "v1", "version": "v2", "path": "s/v2.dlmodel",
        "labels": 3, "tests": 4, "errors": {"before": {"E": 0.2}, "after": {"E": 0.1}}, "promoted": False,
    }  # fmt: skip
    run = noted({"": figures(spread=4)}, lessons=[lesson])
    points = {p.key: (p.value, p.step) for p in overview.steps(run)}
    assert points["escalation/oracle.rate"] == (0.4, 0)
    assert points["escalation/oracle.solved"] == (4.0, 0)
    assert points["retraining/oracle.E.rmse_before"] == (0.2, 1)
    assert points["retraining/oracle.promoted"] == (0.0, 1)
    assert content.escalation(run.trials[0].attempts[0])["escalation/oracle.answers"] == 10


def test_mlflow_is_told_of_every_stage_and_the_solver_behind_it() -> None:
    rule = {"to": {"name": "polysilicon"}, "audit": 0.02, "spread": {"E": 0.15}}
    stages = [
        {"name": "film", "oracle": "./film.dlmodel", "version": "abc+polysilicon:1", "escalate": rule},
        {"name": "device", "oracle": "magnetometer", "version": "1", "inputs": {"youngs_modulus": "film.E"}},
    ]
    oracle = {"name": "pipeline", "version": "1", "stages": stages}
    objective = {"metric": "noise", "minimize": True, "mode": "mean", "unit": "nT"}
    run = run_of(
        proposal(0), oracle=oracle, objective=objective, strategy={"name": "sobol"}, seed=1,
        realizations=["film.realization"],
    )  # fmt: skip
    params = overview.parent_content(run, live=False).params
    assert params["stage.film.escalate"] == "to polysilicon, audit 2 %"
    assert params["stage.film.escalate.E"] == "above 0.15"
    assert params["stage.device.youngs_modulus"] == "from film.E"
    assert params["process.film.realization"] == "every die its own"
