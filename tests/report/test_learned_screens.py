"""What a learning run says while it runs, and when it is looked back on."""

import io
from pathlib import Path

import pytest
from learning_factory import EASY, FREQUENCY, LearningFactory
from run_factory import METRIC, Factory, campaign, space

from designloop import goals, journal, progress
from designloop.cli.screen import LiveWatch, PlainWatch, trial_line
from designloop.cli.views import list_text, status_text, trials_text, why_text
from designloop.errors import RunError
from designloop.record import RunRecord, apply, read


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = tmp_path_factory.mktemp("runs")
    factory = LearningFactory(folder, aims=EASY, gate={14: "random", 17: "committee"}).run(20)
    return read(factory.ends("the goal is reached").close())


def told(directory: Path) -> list[str]:
    """All lines of a run as its user saw them."""
    run, lines = RunRecord(directory=directory), []
    watch = PlainWatch(lines.append)
    for entry in journal.read(directory):
        apply(run, entry)
        watch.recorded(entry, run)
    watch.close()
    return lines


def test_a_trials_line_tells_what_was_measured_and_the_error_it_was_proposed_with(record: RunRecord) -> None:
    trial = record.trials[12]
    known = record.proposals[12]["progress"]
    line = " ".join(trial_line(record, trial).split())
    worst = max(EASY, key=lambda aim: goals.ratio(aim, known["errors"]))
    assert line.startswith(
        f"12 query_by_committee {METRIC} {trial.value(METRIC):.4g} nT/sqrt(Hz), {FREQUENCY}"
    )
    unit = record.campaign["metrics"][worst.metric]
    said = f"error {goals.aim_text(worst, known['errors'], unit=unit)} ({known['labels']} labels)"
    assert said in line
    assert "best" not in line


def test_one_metric_is_not_named_twice(tmp_path: Path) -> None:
    record = read(LearningFactory(tmp_path, aims=EASY[:1]).run(11).close())
    share = record.proposals[10]["progress"]["errors"][METRIC]["relative"]
    assert f"  error {100 * share:.3g} % against 60 % (9 labels)" in trial_line(record, record.trials[10])


def test_before_the_first_model_the_error_is_not_known(record: RunRecord) -> None:
    assert "error not known yet" in trial_line(record, record.trials[2])


def test_a_design_out_of_scope_says_why(record: RunRecord) -> None:
    outside = next(t for t in record.trials if t.status == "completed" and not record.is_feasible(t))
    assert "buckling_margin" in trial_line(record, outside)
    inside = next(t for t in record.trials if record.is_feasible(t))
    assert "bounds" not in trial_line(record, inside)


def test_changes_of_the_gate_and_the_goal_get_a_line_each_when_they_happen(record: RunRecord) -> None:
    lines = told(record.directory)
    at = [i for i, line in enumerate(lines) if line.startswith("gate: ")]
    assert lines[at[0]] == "gate: no better than random since trial 14: using random"
    assert [lines[i + 1].split()[0] for i in at] == ["14", "17"]
    assert sum(line.startswith("goal reached: ") for line in lines) == 1
    assert lines[-1] == "done: the goal is reached"


def test_the_end_of_a_phase_gets_a_line_and_is_not_the_end(tmp_path: Path) -> None:
    phases = [{"name": "query_by_committee", "options": {}, "initial": {}, "until": 9},
              {"name": "gp_ucb", "options": {}, "initial": {}, "until": None}]  # fmt: skip
    factory = LearningFactory(tmp_path, objective=campaign(uri=None)["objective"], phases=phases).run(9)
    factory.append("decision", action="phase", reason="query_by_committee: its 9 trials are done")
    factory.phase = 1
    lines = told(factory.run(1).close())
    assert lines[-2] == "phase ended: query_by_committee: its 9 trials are done; now gp_ucb"
    assert "error not known yet" in lines[-3]
    assert "best" in lines[-1]
    assert not any(line.startswith("done") for line in lines)
    assert "phase 2 of 2: gp_ucb" in status_text(read(factory.directory))


def test_a_learning_run_is_not_warned_that_no_design_is_the_best(tmp_path: Path) -> None:
    assert not any(line.startswith("!!!") for line in told(LearningFactory(tmp_path).run(11).close()))


def test_the_live_table_shows_errors_and_the_last_news(record: RunRecord) -> None:
    from rich.console import Console

    run, watch = RunRecord(directory=record.directory), LiveWatch()
    for entry in journal.read(record.directory):
        apply(run, entry)
        watch.recorded(entry, run)
    watch.close()
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(watch._table())
    text = console.export_text()
    assert f"{METRIC}, {FREQUENCY}" in text
    last = record.trials[-1]
    assert f"{last.value(METRIC):.4g} nT/sqrt(Hz), {last.value(FREQUENCY):.4g} kHz" in text
    assert f"({record.proposals[19]['progress']['labels']} labels)" in text
    assert [line for line in told(record.directory) if line.startswith(("gate", "goal"))][-1] in text
    assert "best so far" not in text


def test_the_status_tells_every_aim_the_gate_and_the_waste(record: RunRecord) -> None:
    text = status_text(record)
    errors = progress.judged(record)[-1].errors
    for aim in EASY:
        unit = record.campaign["metrics"][aim.metric]
        assert f"error: {goals.aim_text(aim, errors, unit=unit)} (19 labels)" in text
    outside, asked = progress.out_of_scope(record)
    assert "gate: the committee has the lower error" in text
    assert f"{outside} of {asked} evaluations fell outside" in text
    assert "best" not in text


def test_an_optimizing_run_has_no_words_of_learning(tmp_path: Path) -> None:
    parameters = space().to_json()["parameters"]
    run = read(Factory(tmp_path, uri=None, fits=False, parameters=parameters).run(6).close())
    assert "error:" not in status_text(run)
    assert "disagreement" not in why_text(run, 5)


def test_why_tells_disagreement_ignorance_scatter_and_penalty(record: RunRecord) -> None:
    trial = record.trials[12]
    text = why_text(record, 12)
    sd = trial.reason["epistemic"][FREQUENCY]
    assert "disagreement of the committee: 31 % of the labels' spread" in text
    assert f"{FREQUENCY}: not known to {float(f'{sd:.3g}'):g} kHz (epistemic sd)" in text
    assert "aleatoric sd" in text
    assert "penalty for being out of scope: 0.12" in text
    assert "nearest tried design: trial 1" in text
    assert "shadow" not in text
    assert "shadow: picked at random" in why_text(record, 19)


def test_why_measures_a_surprise_by_the_scatter_of_an_observation(record: RunRecord) -> None:
    trial = record.trials[12]
    z = progress.surprise(trial, METRIC, trial.value(METRIC))
    mean, sd = trial.reason["prediction"][METRIC]
    assert abs(z) < abs(trial.value(METRIC) - mean) / sd
    assert f"(z = {z:+.1f})" in why_text(record, 12)


def test_why_of_a_trial_that_is_not_there_gets_a_sentence(record: RunRecord) -> None:
    with pytest.raises(RunError, match="has trials 0 to 19, not 44"):
        why_text(record, 44)


def test_the_list_of_runs_tells_the_error_farthest_from_its_aim(record: RunRecord) -> None:
    text = list_text(record.directory.parent)
    assert "(19 labels)" in text
    assert "nothing in bounds" not in text


def test_show_gives_each_trial_the_error_of_its_time(record: RunRecord) -> None:
    lines = trials_text(record).splitlines()[::2]
    counts = [line.split("(")[-1].split(" ")[0] for line in lines if "labels)" in line]
    labels = [p["progress"]["labels"] for p in record.proposals if p.get("progress") and p["candidates"]]
    assert [int(c) for c in counts] == labels
