"""The shipped external programs against exact results, and the recipes against stand-ins of programs."""

from __future__ import annotations

import csv
import math
import re
import runpy
import shutil
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from designloop.campaign import load
from designloop.cli import main
from designloop.oracle import Context, Failed, Infeasible, Value
from designloop_oracles.external.oracle import ExternalProgram, find

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "campaigns" / "external"
RECIPES = ROOT / "docs" / "recipes"
STAND_INS = Path(__file__).with_name("stand_ins")
PROGRAMS = {"comsol": "comsol", "ansys": "ansys242", "abaqus": "abaqus", "matlab": "matlab"}
"""Page to the program that it starts."""

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
needs_ccx = pytest.mark.skipif(shutil.which("ccx") is None, reason="ccx (calculix-ccx) is not installed")
needs_octave = pytest.mark.skipif(shutil.which("octave") is None, reason="octave is not installed")


def unpacked(page: str, folder: Path) -> Path:
    """Write the files that a recipe shows, and the model that it cannot."""
    for block in re.findall(r"```\w+\n(.*?)```", (RECIPES / f"{page}.md").read_text(), flags=re.S):
        name = re.match(r"(?:#|!|\*\*|%|\{#) (\S+)", block)
        assert name, block
        path = folder / name[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(re.sub(r"^\{#.*?#\}", "", block))
    (folder / "comsol").mkdir(exist_ok=True)
    (folder / "comsol" / "susp.mph").write_text("a model")
    return folder


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of stand-ins on PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in PROGRAMS.values():
        shutil.copy(STAND_INS / name, programs / name)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return programs


def recipe(page: str, folder: Path) -> ExternalProgram:
    return find(f"./{page}/oracle.yml", folder=unpacked(page, folder), options={})


def values(oracle: ExternalProgram, design: dict[str, Value], folder: Path) -> dict[str, float]:
    result = oracle.evaluate(design, Context(directory=folder / "trial"))
    return {name: one.value for name, one in result.metrics.items()}


def slender(length: float, width: float) -> float:
    """Frequency in kHz of a clamped beam, sizes in um."""
    return (
        4.730040744862704**2 / (2 * math.pi) * math.sqrt(148217.3 / 12 / 2.33e-15) * width / length**2 / 1e3
    )


SUSPENSION: dict[str, Value] = {
    "beam_length": 480.0, "beam_width": 3.5, "fold_gap": 10.0, "anchor": "double",
}  # fmt: skip
BEAM: dict[str, Value] = {"beam_length": 400.0, "beam_width": 4.0}
PLATE: dict[str, Value] = {
    "plate_length": 1000.0, "plate_width": 10.0, "gap": 5.0, "pressure": 2e5, "frequency": 10.0,
}  # fmt: skip
ASKED = [
    pytest.param(
        "comsol", SUSPENSION, "peak_stress", 3 * 160e9 * 3.5e-6 * 2e-6 / 480e-6**2 / 1e6, id="comsol"
    ),
    pytest.param("ansys", BEAM, "resonance_frequency", slender(400, 4), id="ansys"),
    pytest.param("abaqus", BEAM, "resonance_frequency", slender(400, 4), id="abaqus"),
    pytest.param("matlab", PLATE, "damping", 1.82e-5 * 1e-3 * 1e-15 / 125e-18, id="matlab"),
]


@pytest.mark.parametrize(("page", "design", "output", "expected"), ASKED)
def test_a_recipe_tells_its_program_the_design_and_reads_the_answer(
    page: str, design: dict[str, Value], output: str, expected: float, tmp_path: Path, installed: Path
) -> None:
    found = values(recipe(page, tmp_path), design, tmp_path)
    assert found[output] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("page", "design", "output", "expected"), ASKED)
def test_a_licence_that_is_not_free_is_waited_for(
    page: str, design: dict[str, Value], output: str, expected: float, tmp_path: Path, installed: Path
) -> None:
    oracle = recipe(page, tmp_path)
    (installed / "denials").write_text("2")
    for _ in range(2):
        with pytest.raises(Failed) as caught:
            values(oracle, design, tmp_path)
        assert caught.value.cause == "wait"
        assert caught.value.retry_after in (300, 600)
    assert values(oracle, design, tmp_path)[output] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("page", PROGRAMS)
def test_the_campaign_of_a_recipe_loads(page: str, tmp_path: Path) -> None:
    campaign = load(unpacked(page, tmp_path) / f"{page}.yaml")
    assert campaign.oracle_name.endswith("oracle.yml")


@pytest.mark.parametrize("page", PROGRAMS)
def test_what_a_recipe_keeps_leaves_large_files_behind(page: str, tmp_path: Path, installed: Path) -> None:
    design = dict(next(p.values[1] for p in ASKED if p.id == page))  # type: ignore[call-overload]
    values(recipe(page, tmp_path), design, tmp_path)
    kept = {path.suffix for path in (tmp_path / "trial").rglob("*") if path.is_file()}
    assert not kept & {".mph", ".odb", ".rst", ".m", ".py"}


def test_a_mesh_that_fails_is_an_infeasible_design(tmp_path: Path, installed: Path) -> None:
    with pytest.raises(Infeasible, match="Failed to mesh"):
        values(recipe("comsol", tmp_path), {**SUSPENSION, "fold_gap": 5.0}, tmp_path)


def test_a_number_without_its_unit_is_taken_in_metres_by_the_stand_in(
    tmp_path: Path, installed: Path
) -> None:
    file = unpacked("comsol", tmp_path) / "comsol" / "oracle.yml"
    file.write_text(file.read_text().replace('"{value}[{unit}]"', '"{value}"'))
    with pytest.raises(Infeasible, match="Failed to mesh"):
        values(find(str(file), folder=tmp_path, options={}), SUSPENSION, tmp_path)


@pytest.fixture
def suspension(tmp_path: Path) -> Path:
    """A folder with a suspension campaign, its model and an older sweep."""
    folder = tmp_path / "suspension"
    shutil.copytree(STAND_INS / "suspension", folder)
    (folder / "comsol" / "susp.mph").write_text("a model")
    (folder / "old data").mkdir()
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "sweep 3"
    sheet.append(["L [um]", "Breite", "f0 (Hz)", "remarks"])
    for row in ([480, "3,5", "31250,5", ""], [500, "3,5", "29400", ""], [650, "2,5", None, "no mesh"]):
        sheet.append(row)
    book.save(folder / "old data" / "DOE 2025 (final).xlsx")
    return folder


def test_a_conditional_parameter_is_told_only_where_it_exists(suspension: Path, installed: Path) -> None:
    oracle = find("./comsol/oracle.yml", folder=suspension, options={})
    single: dict[str, Value] = {**SUSPENSION, "anchor": "single"}
    plain = values(oracle, single, suspension)["mode_separation"]
    wide = values(oracle, {**SUSPENSION, "anchor_pitch": 80.0}, suspension)["mode_separation"]
    narrow = values(oracle, {**SUSPENSION, "anchor_pitch": 20.0}, suspension)["mode_separation"]
    assert plain < narrow < wide


def test_a_suspension_campaign_with_licences_hours_and_an_old_sweep_loads(suspension: Path) -> None:
    campaign = load(suspension / "3-suspension-comsol.yaml")
    assert campaign.name == "suspension-comsol"


def pull_in(**design: Value) -> dict[str, float]:
    oracle = find("./pull_in/oracle.yml", folder=SHIPPED, options={})
    result = oracle.evaluate({"beam_width": 200.0, **design}, Context())
    return {name: one.value for name, one in result.metrics.items()}


@needs_gcc
def test_a_beam_over_a_narrow_gap_pulls_in_at_the_textbook_voltage() -> None:
    """eps0 b V^2 L^4 / (2 E I g^3) = 70.1 without stretching and fringing, both small for a narrow gap."""
    sizes: dict[str, Value] = {"beam_length": 200.0, "thickness": 20.0, "gap": 0.2}
    found = pull_in(**sizes)
    square = found["pull_in_voltage"] ** 2
    number = 8.8541878128e-12 * square * 200e-6**4 * 6 / (160e9 * 20e-6**3 * 0.2e-6**3)
    assert number == pytest.approx(70.1, rel=2e-3)
    assert found["release_pressure"] * 1e3 == pytest.approx(
        384 * 160e9 * 20e-6**3 / 12 * 0.2e-6 / 200e-6**4, rel=1e-3
    )


@needs_gcc
def test_a_buckled_switch_is_infeasible() -> None:
    with pytest.raises(Infeasible):
        pull_in(beam_length=300.0, thickness=2.0, gap=2.0, residual_stress=-50.0)


@pytest.mark.parametrize("file", [SHIPPED / "pull_in.yaml", ROOT / "campaigns" / "beam_fe.yaml"])
def test_a_shipped_campaign_loads_without_its_program(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert load(file).description


def mesh(refinement: int) -> tuple[dict[tuple[int, int, int], tuple[float, ...]], list[tuple[int, ...]]]:
    tool = runpy.run_path(str(SHIPPED / "beam_fe" / "mesh.py"))
    nodes, first, counts = tool["grid"](400.0, 4.0, 20.0, refinement)
    text = list(tool["lines"](nodes, first, counts))
    begin = text.index("*ELEMENT, TYPE=C3D20R, ELSET=ALL") + 1
    rows = [text[k] + text[k + 1] for k in range(begin, begin + 2 * len(first), 2)]
    return nodes, [tuple(map(int, row.split(",")[1:])) for row in rows]


def test_the_bricks_of_the_mesh_fill_an_eighth_of_the_beam() -> None:
    nodes, elements = mesh(2)
    places = {number: place for number, *place in nodes.values()}
    volume = 0.0
    for element in elements:
        assert len(set(element)) == 20
        low, high = places[element[0]], places[element[6]]
        volume += math.prod(b - a for a, b in zip(low, high, strict=True))
        middle = [(a + b) / 2 for a, b in zip(places[element[0]], places[element[1]], strict=True)]
        assert places[element[8]][1:] == pytest.approx(middle[1:])
    assert volume == pytest.approx(400 * 4 * 20 / 8)


def test_the_nodes_of_a_mesh_are_among_those_of_the_finer_one() -> None:
    coarse, fine = ({tuple(round(x, 9) for x in place) for _, *place in mesh(n)[0].values()} for n in (1, 2))
    assert coarse < fine


def test_two_meshes_of_second_order_give_the_exact_value() -> None:
    tool = runpy.run_path(str(SHIPPED / "beam_fe" / "extrapolate.py"))
    found = tool["extrapolated"](10 + 4 * 0.03, 10 + 0.03)
    assert found == {"value": pytest.approx(10), "error": pytest.approx(0.09)}


def solved(**design: Value) -> dict[str, float]:
    oracle = find("./beam_fe/oracle.yml", folder=SHIPPED, options={})
    result = oracle.evaluate({"youngs_modulus": 148217.3, "thickness": 20.0, **design}, Context())
    return {name: one.value for name, one in result.metrics.items()}


@needs_ccx
@pytest.mark.parametrize(("length", "width"), [(400.0, 4.0), (200.0, 8.0)])
def test_finite_elements_agree_with_a_beam_with_shear_within_their_error(length: float, width: float) -> None:
    """Poisson's ratio 0, where Cowper's factor is 5/6: w = F L^3 / (384 E I) + F L / (8 kappa G A)."""
    found = solved(beam_length=length, beam_width=width, poisson_ratio=0.0)
    plain = 384 * 148217.3 * 20 * width**3 / 12 / length**3
    expected = plain / (1 + 9.6 * (width / length) ** 2)
    assert abs(found["stiffness"] - expected) <= found["stiffness_error"] <= 3e-4 * expected
    assert found["resonance_frequency"] < slender(length, width)
    assert found["resonance_frequency_error"] <= 2e-4 * found["resonance_frequency"]


@needs_ccx
def test_a_wide_beam_is_stiffer_where_its_clamps_hold_it_flat() -> None:
    """By about (nu^2 t / L) in frequency, for which the formulas of a beam have no term."""
    flat = solved(beam_length=200.0, beam_width=4.0)["resonance_frequency"]
    free = solved(beam_length=200.0, beam_width=4.0, poisson_ratio=0.0)["resonance_frequency"]
    assert flat / free - 1 == pytest.approx(1.1 * 0.22**2 * 20 / 200, rel=0.1)


@needs_ccx
def test_tension_stiffens_and_compression_buckles() -> None:
    """At 0.616 of the buckling load, shear counted, (f / f0)^2 of a tensioned beam is 1.58969."""
    sizes: dict[str, Value] = {"beam_length": 400.0, "beam_width": 4.0, "poisson_ratio": 0.0}
    free, tense = (solved(**sizes, residual_stress=s)["resonance_frequency"] for s in (0.0, 30.0))
    assert (tense / free) ** 2 == pytest.approx(1.5897, abs=2e-4)
    with pytest.raises(Infeasible):
        solved(**sizes, residual_stress=-55.0)


@needs_octave
def test_the_matlab_script_gives_the_damping_of_a_long_plate(tmp_path: Path) -> None:
    """viscosity L W^3 / d^3, with the viscosity of air between close plates (Veijola 1995)."""
    file = unpacked("matlab", tmp_path) / "matlab" / "oracle.yml"
    text = file.read_text().replace("[matlab, -batch, squeeze_film]", "[octave, --no-gui, squeeze_film.m]")
    file.write_text(text)
    found = values(find(str(file), folder=tmp_path, options={}), PLATE, tmp_path)
    viscosity = 1.82e-5 / (1 + 9.638 * (65e-9 * 101325 / 2e5 / 5e-6) ** 1.159)
    long = 1 - 0.63 * 10 / 1000
    assert found["damping"] == pytest.approx(viscosity * 1e-3 * 1e-15 / 125e-18 * long, rel=2e-4)
    assert 0 < found["stiffness"] < 1e-3


def run(campaign: Path, *settings: str) -> list[dict[str, str]]:
    """The rows of trials.csv of a run."""
    options = [
        word for setting in ("tracking=off", "strategy=sobol", *settings) for word in ("--set", setting)
    ]
    runs = campaign.parent / "runs"
    done = CliRunner().invoke(main, ["run", str(campaign), "--runs", str(runs), *options])
    assert done.exit_code == 0, done.output
    (table,) = runs.glob("*/trials.csv")
    with table.open() as lines:
        return list(csv.DictReader(lines))


def test_a_campaign_waits_for_licences_without_losing_a_trial(tmp_path: Path, installed: Path) -> None:
    file = unpacked("comsol", tmp_path) / "comsol" / "oracle.yml"
    file.write_text(file.read_text().replace("retry_every: 10 min", "retry_every: 0.2 s"))
    (installed / "denials").write_text("2")
    rows = run(tmp_path / "comsol.yaml", "stop.trials=3")
    assert [row["status"] for row in rows] == ["completed"] * 3
    assert (installed / "denials").read_text() == "0"


def test_the_suspension_campaign_continues_its_old_sweep(suspension: Path, installed: Path) -> None:
    """Without its cluster and its hours, which would make the test wait for the evening."""
    file = suspension / "3-suspension-comsol.yaml"
    text = re.sub(
        r"execution: .*\n.*\n?$", "execution: {workers: 2, licences: {comsol: 2}}\n", file.read_text()
    )
    file.write_text(text)
    rows = run(file, "stop.trials=3")
    assert [row["status"] for row in rows[3:]] == ["completed"] * 3
    assert len(rows) == 6
    for row in rows[3:]:
        assert (row["anchor_pitch [um]"] != "") == (row["anchor"] == "double")
