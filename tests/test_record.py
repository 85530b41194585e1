"""What a journal says."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.entries import CAMPAIGN, campaign, decision, done, failed, outcome, proposal, run_of, start

from designloop.errors import RunError
from designloop.journal import Journal
from designloop.record import read


@pytest.mark.parametrize(
    ("entries", "status"),
    [
        pytest.param([proposal(0)], "proposed", id="proposed"),
        pytest.param([proposal(0), start(0)], "running", id="started"),
        pytest.param(done(0, noise=1.0, f=30.0), "completed", id="completed"),
        pytest.param(failed(0, "no"), "failed", id="failed"),
        pytest.param([*failed(0, "no"), start(0, 2)], "running", id="second attempt"),
        pytest.param([*failed(0, "no"), start(0, 2), outcome(0, 2, noise=1.0)], "completed", id="mended"),
    ],
)
def test_a_trial_stands_where_its_last_attempt_stands(entries: list[dict[str, object]], status: str) -> None:
    assert run_of(entries).trials[0].status == status


def test_the_best_design_is_the_best_feasible_one() -> None:
    run = run_of(done(0, noise=5.0, f=30.0), done(1, noise=1.0, f=81.0), done(2, noise=3.0, f=79.0))
    assert run.best() is run.trials[2]


def test_the_best_design_of_a_maximization_is_the_largest() -> None:
    objective = {"metric": "noise", "minimize": False, "mode": "nominal", "unit": "nT"}
    run = run_of(done(0, noise=5.0, f=30.0), done(1, noise=9.0, f=30.0), objective=objective)
    assert run.best() is run.trials[1]


def test_the_earliest_of_equals_is_the_best() -> None:
    run = run_of(done(0, noise=5.0, f=30.0), done(1, noise=5.0, f=31.0))
    assert run.best() is run.trials[0]


def test_a_constrained_metric_that_was_not_observed_is_not_proven_feasible() -> None:
    assert run_of(done(0, noise=5.0)).best() is None


MARGIN = {
    "metric": "room.min",
    "relation": ">=",
    "bound": 0.0,
    "label": "room",
    "unit": "um",
    "is_margin": True,
}


def existing(**metrics: float) -> dict[str, object]:
    values = {name: {"value": value} for name, value in metrics.items()}
    row = {"trial": 0, "parameters": {"w": 2.0}, "metrics": values, "status": "completed",
           "source": "lab.csv row 2", "in_range": True}  # fmt: skip
    return {"kind": "import", "time": 0.5, "trials": [row]}


def test_a_measured_row_without_the_default_margins_can_be_the_best() -> None:
    constraints = [*CAMPAIGN["constraints"], MARGIN]
    run = run_of(existing(noise=5.0, f=30.0), constraints=constraints)
    assert run.best() is run.trials[0]


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([existing(noise=5.0)], id="a written constraint was not measured"),
        pytest.param([existing(noise=5.0, f=30.0, **{"room.min": -1.0})], id="the margin was measured"),
        pytest.param(done(0, noise=5.0, f=30.0), id="the trial is the oracle's"),
    ],
)
def test_a_missing_metric_is_forgiven_to_default_margins_of_existing_trials_only(
    entries: list[dict[str, object]],
) -> None:
    assert run_of(entries, constraints=[*CAMPAIGN["constraints"], MARGIN]).best() is None


def test_a_violation_is_relative_to_its_bound() -> None:
    run = run_of(done(0, noise=5.0, f=100.0))
    assert run.violation(run.trials[0]) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("action", "status"), [("stop", "finished"), ("pause", "paused"), ("resume", "running")]
)
def test_the_last_decision_is_the_state_of_the_run(action: str, status: str) -> None:
    assert run_of(decision("pause"), decision(action)).status == status


def test_an_import_is_data_with_its_source() -> None:
    row = {"trial": 0, "parameters": {"w": 3.0}, "metrics": {"noise": {"value": 2.0}, "f": {"value": 30.0}}}
    row |= {"status": "completed", "source": "old.csv, row 2", "in_range": False}
    run = run_of({"kind": "import", "time": 1.0, "trials": [row]})
    assert (run.trials[0].origin, run.trials[0].status, run.best()) == ("existing", "completed", None)


def test_a_run_without_its_campaign_gets_a_sentence(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal, pytest.raises(RunError, match="died before it began"):
        journal.append("decision", action="stop", reason="")
        read(tmp_path)


def test_the_latest_revision_counts() -> None:
    run = run_of(campaign(revision=2, name="beam again"))
    assert run.campaign["name"] == "beam again"
