import json
from pathlib import Path

import pytest
from run_factory import BASELINE, CONSTRAINTS, METRIC, Factory, campaign, evaluate

from designloop.record import RunRecord, read
from designloop.report import answer, last_screen
from designloop.report.answer import on_bounds
from designloop.report.belief import at_most, judge
from designloop.report.saved import last_model


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return read(Factory(tmp_path_factory.mktemp("runs"), uri=None).run(40).finish().close())


def test_the_answer_is_the_best_feasible_measured_design(record: RunRecord) -> None:
    best = answer(record).best
    feasible = [t for t in record.trials if record.is_feasible(t)]
    assert best.value == min(t.value(METRIC) for t in feasible)
    assert best.feasible
    assert best.value > min(t.value(METRIC) for t in record.trials if t.status == "completed")


def test_the_baseline_stands_beside_it(record: RunRecord) -> None:
    found = answer(record)
    assert found.baseline.parameters == BASELINE
    assert found.improvement == pytest.approx(1 - found.best.value / evaluate(BASELINE)[METRIC])


def test_margins_are_signed_and_carry_units(record: RunRecord) -> None:
    frequency, buckling = answer(record).best.margins
    assert (frequency.unit, buckling.unit) == ("kHz", "MPa")
    assert frequency.spare == pytest.approx(80 - frequency.value)
    assert buckling.spare == pytest.approx(buckling.value)


def test_the_sides_of_a_chained_constraint_have_names_of_their_own(tmp_path: Path) -> None:
    chained = {**CONSTRAINTS[0], "label": "20 kHz <= resonance_frequency <= 80 kHz"}
    sides = [{**chained, "relation": ">=", "bound": 20.0}, chained]
    factory = Factory(tmp_path, uri=None, fits=False, constraints=sides).run(3)
    labels = [m.label for m in answer(read(factory.close())).baseline.margins]
    assert labels == ["resonance_frequency.max >= 20 kHz", "resonance_frequency.max <= 80 kHz"]


def test_a_model_that_predicts_its_own_trials_is_believed(record: RunRecord) -> None:
    found = answer(record)
    assert found.belief.believed, found.belief.verdict
    assert found.predicted.mean < found.best.value
    truth = evaluate(dict(found.predicted.parameters))
    assert found.predicted.mean == pytest.approx(truth[METRIC], rel=0.5)
    assert truth["resonance_frequency.max"] < 85


def test_few_trials_are_no_ground_for_belief(tmp_path: Path) -> None:
    verdict = judge(*_with_model(read(Factory(tmp_path, uri=None).run(7).close())))
    assert not verdict.believed
    assert verdict.verdict == "too few data: 4 trials, 10 needed for a judgement"


def test_noise_yields_no_trend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    import run_factory

    coin = random.Random(3)
    monkeypatch.setattr(
        run_factory, "evaluate", lambda design: {**evaluate(design), METRIC: coin.uniform(10, 100)}
    )
    verdict = judge(*_with_model(read(Factory(tmp_path, uri=None).run(30).close())))
    assert verdict.verdict.startswith("no trend found")


def _with_model(record: RunRecord) -> tuple[RunRecord, object]:
    return record, last_model(record)


def test_without_a_model_there_is_nothing_to_believe(tmp_path: Path) -> None:
    record = read(Factory(tmp_path, uri=None, fits=False).run(6).finish().close())
    text = last_screen(answer(record))
    assert "No model was fitted, so the answer is measured." in text
    assert "No model was fitted: the run ended before gp_ucb had the trials for one." in text


def test_a_strategy_without_a_model_is_not_blamed_for_it(tmp_path: Path) -> None:
    sobol = {"name": "sobol", "options": {}, "initial": {}}
    record = read(Factory(tmp_path, uri=None, fits=False, strategy=sobol).run(6).finish().close())
    text = last_screen(answer(record))
    assert "No model was fitted: sobol proposes without one." in text
    assert "believed" not in text


@pytest.mark.parametrize(
    ("r2", "start", "believed"),
    [
        (0.29, "The model is not to be believed: no trend found", False),
        (0.44, "The model shows only a weak trend: predicted from the others", False),
        (0.6, "The model is to be believed: predicted from the others", True),
    ],
)
def test_a_model_is_believed_by_its_r2(
    r2: float, start: str, believed: bool, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    loo = SimpleNamespace(trials=range(12), coverage=1.0, r2=r2, nrmse=0.1)
    monkeypatch.setattr("designloop.learning.gp.leave_one_out", lambda _: {METRIC: loo})
    found = answer(record)
    assert found.belief.believed is believed
    assert (found.predicted is not None) is believed
    assert start in " ".join(last_screen(found).split())
    assert ("0.6 is needed to believe it" in found.belief.verdict) is (r2 == 0.44)


def test_the_answer_names_the_margins_that_an_existing_trial_lacks(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False)
    metrics = {METRIC: {"value": 3.0}, "resonance_frequency.max": {"value": 40.0}}
    row = {"trial": 0, "parameters": BASELINE, "metrics": metrics, "status": "completed",
           "source": "lab.csv row 2", "in_range": True}  # fmt: skip
    factory.append("import", trials=[row])
    text = " ".join(last_screen(answer(read(factory.close()))).split())
    assert "Best measured design: trial 0" in text
    assert "(calibrated); not measured there: buckling_margin" in text


SPECS = [{"metric": "yield.f_le_80_kHz", "label": "f <= 80 kHz"}, {"metric": "yield.room", "label": "room"},
         {"metric": "yield.unknown", "label": "unknown"}]  # fmt: skip


def test_the_screen_shows_which_spec_the_dies_fail_worst_first(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False, specs=SPECS, constraints=[])
    factory.begin(factory.propose(BASELINE))
    metrics = {METRIC: {"value": 3.0}, "yield.f_le_80_kHz": {"value": 0.75}, "yield.room": {"value": 0.5}}
    factory.append("outcome", trial=0, attempt=1, status="completed", metrics=metrics, reason=None,
                   seconds=0.1, artifacts={})  # fmt: skip
    found = answer(read(factory.close()))
    assert [s.metric for s in found.best.specs] == ["yield.f_le_80_kHz", "yield.room"]
    lines = [" ".join(line.split()) for line in last_screen(found).splitlines()]
    at = lines.index("Share of dies that meet")
    assert lines[at + 1 : at + 4] == ["room 50 %", "f <= 80 kHz 75 %", ""]


def test_an_infeasible_problem_names_the_nearest_design_and_what_to_relax(tmp_path: Path) -> None:
    constraints = [{**CONSTRAINTS[0], "bound": 1.0, "label": "resonance_frequency <= 1 kHz"}]
    factory = Factory(tmp_path, uri=None, fits=False, constraints=constraints)
    found = answer(read(factory.run(8).finish().close()))
    assert found.best is None
    lowest = min(evaluate(t.parameters)["resonance_frequency.max"]
                 for t in read(factory.directory).trials if t.status == "completed")  # fmt: skip
    assert found.nearest.margins[0].value == pytest.approx(lowest)
    text = " ".join(last_screen(found).split())
    assert "No design meets all; nearest: trial" in text
    assert "kHz against 1 kHz; relax 'resonance_frequency <= 1 kHz' beyond" in text


def test_nothing_judged_says_so(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False)
    factory.trial(status="failed", reason="no licence")
    factory.propose()
    text = " ".join(last_screen(answer(read(factory.close()))).split())
    said = "none of 2 trials gave the constrained metrics; 1 failed, the last: no licence."
    assert f"No design could be judged: {said}" in text


@pytest.mark.parametrize("constraints", [CONSTRAINTS, []], ids=["constrained", "free"])
@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "the only trial failed: reason 0"), (3, "all 3 trials failed; the last: reason 2")],
)
def test_where_all_trials_failed_the_last_reason_is_told(
    tmp_path: Path, constraints: list[object], count: int, said: str
) -> None:
    factory = Factory(tmp_path, uri=None, fits=False, constraints=constraints)
    for number in range(count):
        factory.trial(status="failed", reason=f"reason {number}.")
    text = last_screen(answer(read(factory.close())))
    assert text.startswith(f"No design was evaluated: {said}. (calibrated)")
    assert "constrained" not in text


@pytest.mark.parametrize(
    ("value", "side"), [(200.0, "lower"), (800.0, "upper"), (799.9, "upper"), (500.0, None), (210.0, None)]
)
def test_a_value_at_the_end_of_its_range_is_starred(value: float, side: str | None) -> None:
    found = on_bounds(campaign(uri=None)["parameters"], {**BASELINE, "beam_length": value})
    assert found == ({"beam_length": side} if side else {})


def test_bounds_on_a_logarithmic_range_are_judged_on_its_own_scale() -> None:
    parameters = campaign(uri=None)["parameters"]
    assert on_bounds(parameters, {**BASELINE, "current": 0.1002}) == {"current": "lower"}
    assert on_bounds(parameters, {**BASELINE, "current": 0.104}) == {}


def test_the_screen_stars_bounds_and_shows_units(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False)
    design = {"beam_length": 800.0, "beam_width": 4.0, "current": 1.0}
    factory.begin(factory.propose(BASELINE))
    factory.end(0, parameters=BASELINE)
    factory.begin(factory.propose(design))
    factory.end(1, parameters=design)
    text = last_screen(answer(read(factory.finish().close())))
    assert "800 um *" in text
    assert "* on a bound of its range" in text
    assert "nT/sqrt(Hz) (calibrated)" in text
    assert "to spare" in text


def test_the_answer_is_json_with_its_screen(record: RunRecord) -> None:
    content = json.loads(json.dumps(answer(record).to_json(), allow_nan=False))
    assert content["screen"] == last_screen(answer(record))
    assert content["belief"]["checks"][METRIC]["trials"] == 37


@pytest.mark.parametrize(("k", "n", "chance"), [(20, 20, 1.0), (0, 1, 0.05), (18, 20, 0.2642)])
def test_the_chance_of_few_hits_is_binomial(k: int, n: int, chance: float) -> None:
    assert at_most(k, n) == pytest.approx(chance, abs=1e-4)
