import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from run_factory import METRIC, Factory

from designloop.errors import RunError
from designloop.record import RunRecord, read
from designloop.report import draw, figures
from designloop.report.data import convergence, influence, parities, slices, two_parameter_map
from designloop.report.saved import last_model


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return read(Factory(tmp_path_factory.mktemp("runs"), uri=None).run(14).close())


def test_all_figures_are_drawn_and_the_page_needs_no_network(record: RunRecord) -> None:
    written = draw(record.directory)
    names = {f"{n}.{e}" for n in ("convergence", "slices", "map", "parity") for e in ("png", "svg")}
    assert {p.name for p in written} == names | {"interactive.html"}
    assert all(p.stat().st_size > 5000 for p in written)
    page = (record.directory / "figures" / "interactive.html").read_text()
    assert page.count("<script src=") == 0
    assert page.count('class="plotly-graph-div"') == 4
    assert "beam_length [um]" in page


def test_units_stand_on_every_axis(record: RunRecord) -> None:
    if not (record.directory / "figures").exists():
        draw(record.directory)
    text = (record.directory / "figures" / "slices.svg").read_text()
    for label in ("beam_length [um]", "beam_width [um]", "current [mA]", "[nT/sqrt(Hz)]"):
        assert label in text


def test_drawing_twice_gives_the_same_picture(record: RunRecord) -> None:
    with figures.styled():
        course = convergence(record)
        pictures = []
        for _ in range(2):
            file = io.BytesIO()
            figures.convergence(course, title="twice").savefig(file, format="svg", metadata={"Date": None})
            pictures.append(file.getvalue())
    assert pictures[0] == pictures[1]


def test_without_a_model_only_the_course_is_drawn(tmp_path: Path) -> None:
    directory = Factory(tmp_path, uri=None, fits=False).run(3).close()
    assert {p.stem for p in draw(directory)} == {"convergence", "interactive"}


def test_a_run_without_a_single_value_is_drawn(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False)
    factory.trial(status="failed", reason="no licence")
    assert len(draw(factory.close())) == 3


def test_no_run_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no journal can be read there"):
        draw(tmp_path)


def test_the_course_tells_failures_from_violations(record: RunRecord) -> None:
    course = convergence(record)
    assert [list(course.trials[k][0]) for k in ("infeasible", "failed")] == [[2.0], [3.0]]
    assert np.all(np.diff(course.best[1]) <= 0)
    assert course.baseline == record.trials[0].value(METRIC)


def test_a_slice_passes_through_its_design(record: RunRecord) -> None:
    best, saved = record.best(), last_model(record)
    for cut in slices(record, saved):
        assert cut.at == best.parameters[cut.axis.name]
        nearby = np.interp(cut.at, cut.x, cut.mean)
        assert nearby == pytest.approx(best.value(METRIC), rel=0.05)


def test_the_map_shows_the_two_parameters_that_matter_most(record: RunRecord) -> None:
    saved = last_model(record)
    cuts = slices(record, saved)
    names = influence(cuts)
    spans = {c.axis.name: np.ptp(np.log(c.mean) if c.objective.log else c.mean) for c in cuts}
    assert spans[names[0]] >= spans[names[1]] >= spans[names[2]]
    field = two_parameter_map(record, saved, names)
    assert (field.x_axis.name, field.y_axis.name) == tuple(names[:2])
    assert field.mean.shape == field.sd.shape == (len(field.y), len(field.x))
    assert two_parameter_map(record, saved, names[:1]) is None


def test_the_objective_leads_the_leave_one_out_figure(record: RunRecord) -> None:
    found = parities(record, last_model(record))
    assert found[0].axis.label == f"{METRIC} [nT/sqrt(Hz)]"


def test_importing_the_report_loads_nothing_heavy() -> None:
    heavy = ("matplotlib", "plotly", "pandas", "mlflow", "torch", "scipy", "openpyxl")
    code = f"import sys, designloop.report; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
