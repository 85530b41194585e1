from pathlib import Path

import pytest
from run_factory import METRIC, Factory, campaign, evaluate

from designloop.record import RunRecord, read
from designloop.tracking import models, overview
from designloop.tracking.content import shown, trial_content


def written(factory: Factory) -> RunRecord:
    return read(factory.close())


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    return written(Factory(tmp_path, uri=None, fits=False).run(8))


def test_statuses_mirror_what_became_of_the_trial(record: RunRecord) -> None:
    contents = [trial_content(record, t, t.attempts[-1], live=True) for t in record.trials]
    assert [c.status for c in contents[:5]] == ["FINISHED", "FINISHED", "FINISHED", "FAILED", "FINISHED"]
    assert [c.tags["status"] for c in contents[1:4]] == ["completed", "infeasible", "failed"]
    assert contents[2].tags["reason"] == "the beam buckles"


@pytest.mark.parametrize(("live", "status"), [(True, "RUNNING"), (False, "KILLED")], ids=["live", "dead"])
def test_an_open_trial_runs_only_while_its_loop_lives(tmp_path: Path, live: bool, status: str) -> None:
    factory = Factory(tmp_path, uri=None, fits=False).run(2)
    factory.begin(factory.propose())
    record = written(factory)
    content = trial_content(record, record.trials[-1], record.trials[-1].attempts[-1], live=live)
    assert (content.status, content.ended is None) == (status, live)
    assert overview.parent_content(record, live=live).status == status


def test_an_abandoned_attempt_is_killed_although_the_loop_lives(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False)
    index = factory.propose()
    factory.begin(index)
    factory.begin(index, attempt=2)
    record = written(factory)
    contents = [trial_content(record, record.trials[0], a, live=True) for a in record.trials[0].attempts]
    assert [c.status for c in contents] == ["KILLED", "RUNNING"]


def test_attempts_that_only_waited_share_the_run_of_the_next(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False)
    index = factory.propose()
    for attempt in range(1, 289):
        factory.begin(index, attempt=attempt)
        factory.end(index, attempt=attempt, status="failed", reason="none free", cause="wait", does="retry")
    (trial,) = read(factory.directory).trials
    (attempt,) = shown(trial)
    first = trial_content(read(factory.directory), trial, attempt, live=True)
    assert (first.status, first.tags["status"], first.tags["waited"]) == ("RUNNING", "open", "288 times")
    assert {"cause", "does", "reason"}.isdisjoint(first.tags)
    factory.begin(index, attempt=289)
    factory.end(index, attempt=289)
    record = written(factory)
    (attempt,) = shown(record.trials[0])
    last = trial_content(record, record.trials[0], attempt, live=False)
    assert (last.status, last.name, last.tags["waited"]) == ("FINISHED", "trial 000", "288 times")
    assert last.tags["designloop.attempt"] == first.tags["designloop.attempt"] == "1"
    assert last.started == first.started
    assert len(overview.steps(record)) < 20


def test_a_trial_carries_its_prediction_its_outcome_and_the_surprise(record: RunRecord) -> None:
    trial = record.trials[6]
    values = {p.key: p.value for p in trial_content(record, trial, trial.attempts[0], live=False).points}
    mean, sd = trial.reason["prediction"][METRIC]
    truth = evaluate(dict(trial.parameters))[METRIC]
    assert values[f"predicted/{METRIC}.mean"] == mean
    assert values[f"calibration/{METRIC}.z"] == pytest.approx((truth - mean) / sd)
    assert (values[METRIC], values[f"{METRIC}.sem"]) == (pytest.approx(truth), 0.5)


def test_best_so_far_counts_feasible_trials_only_and_never_rises(record: RunRecord) -> None:
    best = [p.value for p in overview.steps(record) if p.key == f"best/{METRIC}"]
    feasible = [t.value(METRIC) for t in record.trials if record.is_feasible(t)]
    assert best == sorted(best, reverse=True)
    assert best[-1] == min(feasible)
    assert min(t.value(METRIC) for t in record.trials if t.status == "completed") < best[-1]


def test_best_so_far_is_told_in_the_order_in_which_outcomes_come(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False)
    for _ in range(8):
        factory.begin(factory.propose())
    for trial in (5, 0, 7, 2, 6, 1, 4, 3):
        factory.end(trial)
    points = overview.steps(read(factory.directory))
    best = [(p.step, p.value) for p in points if p.key == f"best/{METRIC}"]
    assert len(best) > 1
    assert best == sorted(best, key=lambda at: (at[0], -at[1]))
    assert [value for _, value in best] == sorted((value for _, value in best), reverse=True)
    assert [p.step for p in points if p.key == f"value/{METRIC}"] == [5, 0, 7, 2, 6, 1, 4, 3]


def test_points_already_told_do_not_change_when_the_journal_grows(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False).run(6)
    before = overview.steps(read(factory.directory))
    constraints = [{**campaign(uri=None)["constraints"][0], "bound": 20.0}]
    factory.append("campaign", **campaign(uri=None, revision=2, constraints=constraints))
    factory.run(3)
    after = overview.steps(written(factory))
    assert set(before) <= set(after)
    assert len(after) > len(before)


def test_a_revision_is_told_in_a_tag_because_params_are_fixed(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False).run(2)
    factory.append("campaign", **campaign(uri=None, revision=2, stop={"trials": 40}))
    content = overview.parent_content(written(factory), live=True)
    assert content.params["stop.trials"] == "12"
    assert content.tags["revision.2"] == "stop.trials: 40"


def test_ranges_read_as_a_person_would_write_them(record: RunRecord) -> None:
    params = overview.parent_content(record, live=False).params
    assert params["parameter.beam_length"] == "200 .. 800 um, step 1 um"
    assert params["parameter.current"] == "0.1 .. 4 mA, log"
    assert params["fixed.thickness"] == "20.0 um"


@pytest.mark.parametrize(
    ("which", "ended", "numbers"),
    [("every_fit", False, ["5", "6", "7"]), ("checkpoints", False, ["5", "7"]),
     ("checkpoints", True, ["5", "7"]), ("last", False, []), ("last", True, ["7"])],
)  # fmt: skip
def test_which_fits_become_models(tmp_path: Path, which: str, ended: bool, numbers: list[str]) -> None:
    record = written(Factory(tmp_path, uri=None, models=which).run(8))
    assert [f.number.lstrip("0") for f in models.fits(record, ended=ended)] == numbers
