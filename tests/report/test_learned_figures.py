import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from learning_factory import EASY, FREQUENCY, LearningFactory
from run_factory import METRIC

from designloop import progress
from designloop.closure import closure, hull
from designloop.record import RunRecord, read
from designloop.report import draw, learned_figures, learned_page
from designloop.report.data import centre
from designloop.report.learned_data import (
    LearningCurve,
    closure_rows,
    learning_curve,
    outline,
    reached,
    surprise_figures,
)
from designloop.report.learned_figures import limits
from designloop.report.table import rows


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = tmp_path_factory.mktemp("runs")
    factory = LearningFactory(folder, aims=EASY, gate={14: "random", 17: "committee"}).run(20)
    return read(factory.ends("the goal is reached").close())


def test_all_figures_of_learning_are_drawn(record: RunRecord) -> None:
    written = {p.name for p in draw(record.directory)}
    names = ["learning_curve", "closure", "calibration", "slices", "map", f"slices-{FREQUENCY}",
             f"map-{FREQUENCY}", "parity"]  # fmt: skip
    assert written == {f"{n}.{e}" for n in names for e in ("png", "svg")} | {
        "closure.csv",
        "interactive.html",
    }
    page = (record.directory / "figures" / "interactive.html").read_text()
    assert page.count('class="plotly-graph-div"') == len(names)
    assert "goal reached" in page
    assert "error / aim" in (record.directory / "figures" / "learning_curve.svg").read_text()
    svg = (record.directory / "figures" / "closure.svg").read_text()
    assert f"{METRIC} [nT/sqrt(Hz)]" in svg
    assert "query_by_committee" in svg


def test_the_learning_curve_is_error_over_aim_at_each_assessment(record: RunRecord) -> None:
    curve = learning_curve(record)
    judged = [p["progress"] for p in record.proposals if p.get("progress")]
    for aim, key in zip(EASY, ("relative", "model"), strict=True):
        labels, ratio = curve.lines[aim.metric]
        assert list(labels) == [p["labels"] for p in judged]
        assert ratio == pytest.approx([p["errors"][aim.metric][key] / aim.error for p in judged])


def test_the_learning_curve_marks_the_gate_and_the_goal(record: RunRecord) -> None:
    labels = {a.step: a.labels for a in progress.assessments(record)}
    marks = {text: at for at, text in learning_curve(record).marks}
    assert marks["gate: random from here"] == labels[14]
    assert marks["gate: committee again"] == labels[17]
    assert "goal reached" in marks


def test_the_aim_is_always_in_sight(record: RunRecord) -> None:
    low, high = limits(learning_curve(record))
    assert low < 1 < high


def test_of_many_aims_the_figure_shows_the_farthest_and_says_how_many_it_leaves_out() -> None:
    ends = {f"H_{i}": float(i) for i in range(21)}
    lines = {m: (np.array([10.0, 20.0]), np.array([50.0, max(end, 0.1)])) for m, end in ends.items()}
    data = LearningCurve(lines=lines, marks=())
    title = "Learning"
    axes = learned_figures.learning_curve(data, title=title).axes[0]
    shown = [line.get_label() for line in axes.lines][1:]
    assert shown == [f"H_{i}" for i in range(15, 21)]
    assert len({line.get_color() for line in axes.lines}) == 7
    assert axes.get_title() == "Learning: the 6 aims farthest off, 15 left out"
    page = learned_page.learning_curve(data, title=title)
    assert [trace.name for trace in page.data] == ["aim", *shown]
    few = LearningCurve(lines=dict(list(lines.items())[:6]), marks=())
    assert learned_figures.learning_curve(few, title=title).axes[0].get_title() == title


def test_a_run_without_a_model_has_no_curve_but_its_reached_space(tmp_path: Path) -> None:
    record = read(LearningFactory(tmp_path).run(6).close())
    assert learning_curve(record) is None
    assert {p.stem for p in draw(record.directory)} == {"closure", "interactive"}


def test_a_learning_run_without_a_value_is_drawn(tmp_path: Path) -> None:
    factory = LearningFactory(tmp_path)
    factory.trial(status="failed", reason="no licence")
    assert {p.name for p in draw(factory.close())} == {"closure.csv", "interactive.html"}


@given(values=arrays(float, st.tuples(st.integers(3, 20), st.just(2)), elements=st.integers(-9, 9)))
def test_the_outline_encloses_what_the_hull_measures(values: np.ndarray) -> None:
    corners = outline(values)
    size, _ = hull(values)
    if not size:
        assert not len(corners)
        return
    x, y = corners.T
    assert list(corners[0]) == list(corners[-1])
    assert 0.5 * float(x[:-1] @ y[1:] - x[1:] @ y[:-1]) == pytest.approx(size)


def test_every_feasible_trial_is_a_point_of_who_proposed_it(record: RunRecord) -> None:
    space = reached(record)
    feasible = [t for t in record.trials if record.is_feasible(t)]
    assert sum(len(p) for p in space.points.values()) == len(feasible)
    shadows = [[t.value(METRIC), t.value(FREQUENCY)] for t in feasible if t.reason["generator"] == "shadow"]
    assert space.points["shadow"].tolist() == shadows
    counts = [count for count, _ in space.outlines]
    assert counts[-1] == len(record.trials)
    assert counts == sorted(counts)


def test_one_metric_is_shown_as_the_interval_reached_by_each_trial(tmp_path: Path) -> None:
    record = read(LearningFactory(tmp_path, aims=EASY[:1]).run(12).close())
    space = reached(record)
    feasible = [t for t in record.trials if record.is_feasible(t)]
    ((count, line),) = space.outlines
    there, back = line[: 2 * count - 1], line[2 * count - 1 :][::-1]
    lower, upper = there[::2, 1], back[::2, 1]
    values = [t.value(METRIC) for t in feasible]
    assert list(lower) == [min(values[: i + 1]) for i in range(count)]
    assert list(upper) == [max(values[: i + 1]) for i in range(count)]
    assert list(there[::2, 0]) == [t.index for t in feasible]
    assert list(there[1::2, 1]) == list(lower[:-1])
    assert space.axes[0].name == "trial"


def test_the_table_of_the_closure_grows_to_what_the_run_reaches(record: RunRecord) -> None:
    draw_free = closure_rows(record)
    sizes = [row["size [nT/sqrt(Hz) x kHz]"] for row in draw_free]
    assert sizes == sorted(sizes)
    whole = closure(record, [METRIC, FREQUENCY])
    last = draw_free[-1]
    assert (last["trial"], sizes[-1]) == (record.trials[-1].index, pytest.approx(whole.size))
    assert last["cells"] == pytest.approx(whole.cells)
    least, most = whole.extremes[FREQUENCY]
    assert (last[f"{FREQUENCY} least [kHz]"], last[f"{FREQUENCY} most [kHz]"]) == (least.value, most.value)


def test_the_table_of_the_closure_survives_csv(record: RunRecord) -> None:
    path = record.directory / "figures" / "closure.csv"
    if not path.exists():
        draw(record.directory)
    with path.open(encoding="utf-8") as file:
        back = list(csv.DictReader(file))
    assert [float(r["size [nT/sqrt(Hz) x kHz]"]) for r in back] == [
        r["size [nT/sqrt(Hz) x kHz]"] for r in closure_rows(record)
    ]


def test_surprises_belong_to_trials_predicted_before_their_evaluation(record: RunRecord) -> None:
    first, second = surprise_figures(record)
    predicted = [t.index for t in record.trials if "prediction" in t.reason and t.value(METRIC) is not None]
    assert (first.metric, second.metric) == (METRIC, FREQUENCY)
    assert list(first.trials) == predicted
    assert first.coverage == np.mean(np.abs(first.z) <= 1.96)


def test_slices_go_through_the_feasible_design_nearest_to_the_middle(record: RunRecord) -> None:
    from run_factory import space

    feasible = [t for t in record.trials if record.is_feasible(t)]
    unit = space().to_unit([dict(t.parameters) for t in feasible])
    nearest = min(zip(((unit - 0.5) ** 2).sum(1), (t.index for t in feasible), strict=True))
    assert centre(record).index == nearest[1]


def test_the_trials_table_holds_predictions_and_marks_test_designs(tmp_path: Path) -> None:
    record = read(LearningFactory(tmp_path).held_out(2).run(12).close())
    table = rows(record)
    assert [row["origin"] for row in table[:3]] == ["held_out", "held_out", "strategy"]
    for trial, row in zip(record.trials, table, strict=True):
        mean, sd = trial.reason.get("prediction", {}).get(METRIC, (None, None))
        assert row[f"{METRIC} predicted [nT/sqrt(Hz)]"] == mean
        assert row[f"{METRIC} predicted sd [nT/sqrt(Hz)]"] == sd
    assert table[-1][f"{METRIC} predicted [nT/sqrt(Hz)]"] is not None
