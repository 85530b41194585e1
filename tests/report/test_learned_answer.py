import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from learning_factory import AIMS, EASY, FREQUENCY, LearningFactory, learning_campaign
from run_factory import METRIC, campaign

from designloop import goals, progress
from designloop.closure import closure
from designloop.progress import Assessment
from designloop.record import RunRecord, read
from designloop.report import answer, last_screen
from designloop.report.learned import LearningAnswer, learning


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """Goal in reach, and a gate that gave up on the committee for a while."""
    folder = tmp_path_factory.mktemp("runs")
    factory = LearningFactory(folder, aims=EASY, gate={16: "random", 20: "committee"}).run(24)
    return read(factory.ends("the goal is reached: both").close())


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """The same course under aims that are out of reach."""
    return read(
        LearningFactory(tmp_path_factory.mktemp("runs")).run(20).ends("all 20 trials are done").close()
    )


def words(record: RunRecord) -> str:
    return " ".join(last_screen(answer(record)).split())


def test_the_first_line_says_that_the_goal_is_reached_and_with_how_many_labels(record: RunRecord) -> None:
    found = answer(record)
    assert isinstance(found, LearningAnswer)
    goal = progress.goal_of(record.campaign)
    first = next(
        p["progress"]["labels"] for i, p in enumerate(record.proposals)
        if goals.reached(replace(record, proposals=record.proposals[: i + 1]), goal, dimension=3)
    )  # fmt: skip
    assert last_screen(found).startswith(f"Goal reached with {first} labels")


def test_an_unreached_goal_names_the_errors_that_are_missed(strict: RunRecord) -> None:
    text = words(strict)
    ratios = progress.judged(strict)[-1].ratios
    assert text.startswith("Goal not reached with 19 labels: ")
    for aim in AIMS:
        assert (f"error of {aim.metric}" in text.split("Learned")[0]) is (ratios[aim.metric] > 1)
    assert "Stopped: all 20 trials are done." in text


def test_errors_stand_in_the_measure_of_their_aim(record: RunRecord) -> None:
    relative, absolute = answer(record).learning.aims
    last = record.proposals[-1]["progress"]["errors"]
    assert relative.error == pytest.approx(last[METRIC]["relative"])
    assert absolute.error == pytest.approx(last[FREQUENCY]["model"])
    assert f"{100 * relative.error:.3g} % 60 % met" in words(record)
    assert f"{absolute.error:.3g} kHz 45 kHz met" in words(record)


def test_the_extremes_are_those_of_the_feasible_trials_with_who_reached_them(record: RunRecord) -> None:
    feasible = [t for t in record.trials if record.is_feasible(t)]
    for metric, (least, most) in answer(record).learning.space.extremes.items():
        values = {t.index: t.value(metric) for t in feasible}
        assert (least.value, most.value) == (min(values.values()), max(values.values()))
        assert values[most.trial] == most.value
        assert most.by == record.trials[most.trial].reason["generator"]


def test_evaluations_out_of_scope_are_counted_without_failures(record: RunRecord) -> None:
    found = learning(record)
    outside = [t for t in record.trials if t.status == "completed" and t.value("buckling_margin") < 0]
    assert (found.out_of_scope, found.evaluated) == (len(outside) + 1, len(record.trials) - 1)
    assert f"{found.out_of_scope} of {found.evaluated} evaluations" in words(record)


@pytest.mark.parametrize("missed", [0, 9])
def test_of_many_aims_the_screen_tells_the_farthest_and_how_many_more(missed: int, record: RunRecord) -> None:
    found = answer(record)
    one, ends = found.learning.aims[0], found.learning.space.extremes[METRIC]
    aims = [
        replace(one, metric=f"H_{i}", error=one.aim * (1.5 + i / 100 if i < missed else i / 100))
        for i in range(21)
    ]
    aims[20] = replace(aims[20], error=None)
    space = replace(found.learning.space, extremes={aim.metric: ends for aim in aims})
    many = replace(found.learning, aims=tuple(aims), space=space, reached=not missed)
    content = replace(found, learning=many).to_json()
    text = content["screen"]
    head, errors = text.split("Learned")[0], text.split("Learned")[1].split("Reached")
    told = [aim.metric for aim in (*aims[4:9], aims[20])] if missed else [f"H_{i}" for i in range(15, 21)]
    for part in (*errors[:1], errors[-1]):
        assert re.findall(r"^  (H_\d+) ", part, flags=re.M) == told
    assert "and 15 more aims, not as far off" in errors[0]
    assert "and 15 more metrics" in errors[-1]
    left = (missed + 1 if missed else 21) - 6
    assert f"; and {left} more" in " ".join(head.split())
    assert len(content["learning"]["aims"]) == 21


def test_the_gates_last_word_is_told(record: RunRecord, tmp_path: Path) -> None:
    assert "The committee has the lower error." in words(record)
    fallen = read(LearningFactory(tmp_path, gate={10: "random"}).run(13).close())
    assert "No better than random since trial 12: using random." in words(fallen)


def test_calibration_counts_predictions_made_before_the_evaluation(record: RunRecord) -> None:
    found = {c.metric: c for c in learning(record).calibration}
    for metric in (METRIC, FREQUENCY):
        z = []
        for t in record.trials:
            if "prediction" in t.reason and t.value(metric) is not None:
                mean, sd = t.reason["prediction"][metric]
                z.append((t.value(metric) - mean) / math.hypot(sd, 0.6 * sd))
        assert found[metric].predictions == len(z)
        assert found[metric].coverage == sum(abs(each) <= 1.96 for each in z) / len(z)


def test_a_model_whose_bands_were_too_narrow_before_the_evaluation_is_not_believed(
    record: RunRecord, tmp_path: Path
) -> None:
    assert answer(record).belief.believed
    biased = answer(read(LearningFactory(tmp_path, bias=0.8).run(24).close()))
    assert not biased.belief.believed
    assert "too narrow" in biased.belief.verdict
    assert "observations that it predicted" in biased.belief.verdict


def test_the_answer_is_json_with_its_screen(record: RunRecord) -> None:
    content = json.loads(json.dumps(answer(record).to_json(), allow_nan=False))
    assert content["screen"] == last_screen(answer(record))
    assert content["learning"]["space"]["size"] == pytest.approx(closure(record, [METRIC, FREQUENCY]).size)


def test_before_the_first_model_nothing_is_known(tmp_path: Path) -> None:
    text = words(read(LearningFactory(tmp_path).run(3).close()))
    assert text.startswith(f"Goal not reached yet with 3 labels: error of {METRIC} not known, 20 % wanted")
    assert "No model was fitted: the run ended before query_by_committee had the trials for one." in text


def test_a_run_of_failures_alone_says_why(tmp_path: Path) -> None:
    factory = LearningFactory(tmp_path)
    factory.trial(status="failed", reason="no licence")
    said = "Nothing was learned: no design was evaluated; the last failed: no licence"
    assert words(read(factory.close())).startswith(said)


def test_test_designs_are_no_labels(tmp_path: Path) -> None:
    record = read(LearningFactory(tmp_path).held_out(4).run(6).close())
    found = learning(record)
    evaluated = [t for t in record.trials[4:] if t.status in ("completed", "infeasible")]
    assert (found.labels, found.evaluated) == (len(evaluated), len(evaluated))


@pytest.mark.parametrize(
    ("by", "said"),
    [("held_out", "on 20 designs held out from learning"),
     ("reference", "on 20 designs answered by cheap")],
)  # fmt: skip
def test_the_screen_says_how_errors_were_judged(by: str, said: str, tmp_path: Path) -> None:
    goal = {**learning_campaign()["goal"], "by": by, "designs": 20, "reference": "cheap"}
    factory = LearningFactory(tmp_path, goal=goal)
    assert said in words(read(factory.run(2).close()))


def test_a_run_with_a_goal_and_an_objective_tells_both(tmp_path: Path) -> None:
    phases = [{"name": "query_by_committee", "options": {}, "initial": {}, "until": "goal"},
              {"name": "gp_ucb", "options": {}, "initial": {}, "until": None}]  # fmt: skip
    factory = LearningFactory(tmp_path, aims=EASY, objective=campaign(uri=None)["objective"], phases=phases)
    factory.run(16).append("decision", action="phase", reason="query_by_committee: the goal is reached")
    learned = read(factory.directory)
    factory.phase = 1
    found = answer(read(factory.run(3).close()))
    text = last_screen(found)
    assert "Best measured design: trial" in " ".join(text.split())
    assert "Learned" in text
    errors = progress.judged(learned)[-1].errors
    assert found.learning.aims[0].error == pytest.approx(errors[METRIC]["relative"])


ratio_lists = st.lists(
    st.tuples(st.sampled_from([0.5, 1.0, 1.01, 3.0, None]), st.integers(1, 30)), max_size=8
)


@given(course=ratio_lists, parameters=st.integers(1, 12))
def test_a_goal_counts_once_enough_labels_met_it_twice_in_a_row(
    course: list[tuple[float | None, int]], parameters: int
) -> None:
    run = RunRecord(
        directory=Path(),
        revisions=[{**campaign(uri=None), **learning_campaign(), "parameters": [{}] * parameters}],
    )
    errors = [{} if r is None else {FREQUENCY: {"model": r * AIMS[1].error}} for r, _ in course]
    found = [
        Assessment(
            step=i, time=0.0, phase=0, aims=AIMS[1:], model=None, said={"labels": n, "errors": errors[i]}
        )
        for i, (_, n) in enumerate(course)
    ]
    met = [r is not None and r <= 1 for r, _ in course]
    expected = [
        i for i in range(1, len(course))
        if met[i] and met[i - 1] and course[i][1] >= max(10, 2 * parameters + 2)
    ]  # fmt: skip
    assert [a.step for a in progress.reached_at(run, found)] == expected


def test_an_assessment_without_designs_stands_at_the_next_trial(record: RunRecord) -> None:
    last = progress.assessments(record)[-1]
    assert record.proposals[-1]["candidates"] == []
    assert last.step == len(record.trials)


def test_only_changes_of_the_gate_are_changes(record: RunRecord) -> None:
    states = [(a.step, a.gate["state"]) for a in progress.gate_changes(progress.assessments(record))]
    assert states == [(16, "random"), (20, "committee")]
