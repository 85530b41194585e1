"""What MLflow holds of a learning run, computed from its record."""

from pathlib import Path

import pytest
from learning_factory import EASY, FREQUENCY, LearningFactory
from run_factory import METRIC, Factory, campaign

from designloop import progress
from designloop.closure import closure
from designloop.record import RunRecord, read
from designloop.tracking import finish, models, overview, registration
from designloop.tracking.content import Point, trial_content

WISH = {"name": "film scatter", "alias": "trusted", "if_reached": True}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = tmp_path_factory.mktemp("runs")
    factory = LearningFactory(folder, aims=EASY, gate={14: "random", 17: "committee"}, register=WISH)
    return read(factory.run(20).ends("the goal is reached").close())


def column(record: RunRecord, key: str) -> dict[int, float]:
    return {p.step: p.value for p in overview.steps(record) if p.key == key}


def test_errors_and_ratios_stand_at_the_step_of_their_assessment(record: RunRecord) -> None:
    said = {a.step: a for a in progress.assessments(record)}
    assert list(said) == list(range(10, 21))
    for aim in EASY:
        rmse = {step: a.errors[aim.metric]["rmse"] for step, a in said.items()}
        ratios = {step: a.ratios[aim.metric] for step, a in said.items()}
        assert column(record, f"learning/{aim.metric}.rmse") == rmse
        assert column(record, f"learning/{aim.metric}.ratio") == ratios


def test_the_gate_is_one_while_the_committee_chooses(record: RunRecord) -> None:
    state = column(record, "gate/state")
    assert [step for step, value in state.items() if value == 0.0] == [14, 15, 16]
    assert state[20] == 1.0


def test_the_reached_space_and_the_disagreement_are_followed(record: RunRecord) -> None:
    sizes = column(record, "closure/size")
    assert sizes[20] == pytest.approx(closure(record, [METRIC, FREQUENCY]).size)
    labels = column(record, "learning/labels")
    assert column(record, "learning/disagreement.max") == {s: 2.0 / n for s, n in labels.items()}


def test_the_wasted_share_counts_evaluations_out_of_scope(record: RunRecord) -> None:
    outside, asked = progress.out_of_scope(record)
    assert column(record, "learning/wasted_share")[19] == pytest.approx(outside / asked)


def test_points_already_told_do_not_change_when_the_goal_does(tmp_path: Path) -> None:
    from learning_factory import AIMS, learning_campaign

    factory = LearningFactory(tmp_path, aims=EASY).run(12)
    before = overview.steps(read(factory.directory))
    factory.append("campaign", **campaign(uri=None, revision=2, **learning_campaign(AIMS)))
    after: list[Point] = overview.steps(read(factory.run(2).close()))
    assert set(before) <= set(after)


def test_nothing_is_called_best_in_a_learning_run(record: RunRecord) -> None:
    assert not any(p.key.startswith("best/") for p in overview.steps(record))


def test_the_goal_stands_in_params_and_note(record: RunRecord) -> None:
    content = overview.parent_content(record, live=False)
    assert content.params[f"goal.{METRIC}"] == "60 %"
    assert content.params["goal.judge"] == "leave_one_out"
    assert content.params["objective"] == "learn"
    assert content.params["register"] == "film scatter@trusted, if the goal is reached"
    assert f"Learn: {FREQUENCY} to 45 kHz" in content.tags["mlflow.note.content"]
    assert "maximize" not in content.tags["mlflow.note.content"]


def test_phases_stand_in_params(tmp_path: Path) -> None:
    phases = [{"name": "query_by_committee", "options": {}, "initial": {}, "until": "goal"},
              {"name": "gp_ucb", "options": {}, "initial": {}, "until": None}]  # fmt: skip
    factory = LearningFactory(tmp_path, objective=campaign(uri=None)["objective"], phases=phases).run(2)
    params = overview.parent_content(read(factory.close()), live=False).params
    assert (params["strategy.1"], params["strategy.2"]) == ("query_by_committee, until the goal", "gp_ucb")


def test_a_trial_carries_what_the_committee_did_not_know(record: RunRecord) -> None:
    trial = record.trials[12]
    points = trial_content(record, trial, trial.attempts[0], live=False).points
    values = {p.key: p.value for p in points}
    assert values["disagreement"] == 0.31
    assert values[f"predicted/{METRIC}.epistemic"] == trial.reason["epistemic"][METRIC]
    z = progress.surprise(trial, METRIC, trial.value(METRIC))
    assert values[f"calibration/{METRIC}.z"] == z


def test_the_model_of_the_last_assessment_stands_at_the_next_trial(record: RunRecord) -> None:
    fits = models.fits(record, ended=True)
    assert (fits[-1].step, len(fits)) == (len(record.trials), 11)


def test_a_reached_goal_is_registered_as_wished(record: RunRecord) -> None:
    assert registration.is_wanted(record)
    assert registration.name_and_alias(record) == ("film scatter", "trusted")
    assert registration.tags(record) == {"goal": "reached"}


@pytest.mark.parametrize("if_reached", [True, False])
def test_an_unreached_goal_says_that_nothing_is_registered_only_where_that_was_the_wish(
    if_reached: bool, tmp_path: Path
) -> None:
    factory = LearningFactory(tmp_path, register={**WISH, "if_reached": if_reached})
    record = read(factory.run(10).ends("all 10 trials are done").close())
    assert registration.is_wanted(record) is not if_reached
    told = {"registered": "no: the goal was not reached"} if if_reached else {}
    assert registration.tags(record) == {"goal": "not reached", **told}


def test_a_run_that_goes_on_says_nothing_of_its_registration_yet(tmp_path: Path) -> None:
    record = read(LearningFactory(tmp_path, register=WISH).run(2).close())
    assert registration.tags(record) == {}


def test_an_optimizing_run_is_registered_under_its_name_as_ever(tmp_path: Path) -> None:
    record = read(Factory(tmp_path, uri=None, fits=False).run(2).close())
    assert registration.is_wanted(record)
    assert registration.name_and_alias(record) == ("beam", "champion")


def test_the_registered_model_predicts_what_was_to_be_learned(record: RunRecord) -> None:
    import json

    fits = models.fits(record, ended=True)
    path = record.directory / fits[-1].path / "model.json"
    whole = path.read_text()
    path.write_text(json.dumps({**json.loads(whole), "metrics": ["buckling_margin"]}))
    try:
        assert finish.last_fit(record, fits) == fits[-2]
    finally:
        path.write_text(whole)
    assert finish.last_fit(record, fits) == fits[-1]


def test_test_designs_are_no_training_rows(tmp_path: Path) -> None:
    record = read(LearningFactory(tmp_path).held_out(2).run(3).close())
    assert [t.index for t in models.training_rows(record, (METRIC,))] == [4]
