"""The polysilicon oracle: the contract, exact values of films and crystals, laws of scatter, refusals."""

import csv
import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from support.narrowed import Narrowed

from designloop._contract import Subject, different
from designloop.errors import OracleError
from designloop.oracle import Context, Infeasible
from designloop.testing import CHECKS, checks, spawn_safe, writes_in_directory
from designloop_oracles import _film
from designloop_oracles._inputs import complete
from designloop_oracles._realizations import Effort, sample
from designloop_oracles.polysilicon import SPECIMENS, Polysilicon

BOX = {
    "grain_size": (0.5, 1), "texture_spread": (20, 90), "size_variation": (0, 0), "beam_length": (4, 8),
    "beam_width": (1, 2), "sve_size": (1, 2), "cell_size": (2, 4), "pixels_per_grain": (3, 4),
    "realizations": (3, 4), "realizations_max": (3, 4), "scatter_error": (50, 100), "mesh_check": (0, 1),
}  # fmt: skip
VARIANTS = [(specimen, single) for specimen in SPECIMENS for single in (False, True)]
IN_PROCESS = [check for check in CHECKS if check not in (spawn_safe, writes_in_directory)]
EXACT = 148.2173
C11, C12, C44 = 165.64, 63.94, 79.51
GRID = {"pixels_per_grain": 4, "mesh_check": 0}


def youngs_modulus(degrees):
    """Of the silicon crystal in plane stress; its reciprocal is linear in sin^2 of twice the angle."""
    Q11, Q12 = C11 - C12**2 / C11, C12 - C12**2 / C11
    K = (Q11 + Q12) / 2
    softest, stiffest = (4 * K * m / (K + m) for m in ((Q11 - Q12) / 2, C44))
    return 1 / (1 / softest + (1 / stiffest - 1 / softest) * math.sin(2 * math.radians(degrees)) ** 2)


def ask(specimen="beam", *, seed=0, directory=None, realizations=3, **inputs):
    design = {"grain_size": 0.5, **GRID, "scatter_error": 100, "realizations": realizations, **inputs}
    return Polysilicon(specimen).evaluate(design, Context(seed=seed, directory=directory))


def film(specimen, **inputs):
    declaration = Polysilicon(specimen).declaration
    return _film.film_of(specimen, complete(declaration, {"grain_size": 0.5, **GRID, **inputs}))


@pytest.mark.parametrize(("specimen", "single"), VARIANTS)
def test_the_contract_is_kept(specimen, single):
    subject = Subject(Narrowed(Polysilicon(specimen, single), BOX))
    assert {check.__name__: said for check in IN_PROCESS if (said := check(subject))} == {}


def test_a_fresh_process_answers_alike_and_writes_into_its_folder():
    subject = Subject(Narrowed(Polysilicon("sve"), BOX))
    assert (spawn_safe(subject), writes_in_directory(subject)) == ("", "")


@pytest.mark.long
@pytest.mark.parametrize(("specimen", "single"), VARIANTS)
def test_the_whole_suite_passes(specimen, single):
    assert [c for c in checks(Narrowed(Polysilicon(specimen, single), BOX)) if not c.passed] == []


@pytest.mark.parametrize(("specimen", "single"), VARIANTS)
def test_corners_of_the_declared_box_are_weighed_before_any_work(specimen, single, monkeypatch):
    class Started(Exception):  # noqa: N818 - not an error
        pass

    def start(film, seed, which):
        assert film.pixels <= _film.MOST_PIXELS
        assert film.pixels * len(which) <= _film.MOST_WORK
        raise Started

    monkeypatch.setattr(_film, "realize", start)
    oracle, generator, ends = Polysilicon(specimen, single), random.Random(0), []
    for _ in range(60):
        corner = {
            i.name: generator.choice(i.choices or (i.lower, i.upper)) for i in oracle.declaration.inputs
        }
        with pytest.raises((Infeasible, Started)) as end:
            oracle.evaluate(corner, Context())
        ends.append(end.type)
    assert {*ends} == {Infeasible, Started}


def test_a_periodic_film_has_the_exact_principal_modulus_within_its_bounds():
    one = ask("film", cell_size=4, pixels_per_grain=8, mesh_check=2).metrics["principal_modulus_mean"]
    beyond = 0.05 * (one.upper - one.lower)  # the bounds are extrapolated, not guaranteed
    assert one.lower - beyond <= EXACT <= one.upper + beyond
    assert one.upper - one.lower < 0.2


@pytest.mark.parametrize("angle", [0, 22.5, 45])
def test_a_single_crystal_has_the_modulus_of_its_direction(angle):
    given = {"texture_spread": 0, "texture_angle": angle, "beam_length": 40, "beam_width": 1}
    metrics = ask(**given).metrics
    assert metrics["axial_modulus_mean"].value == pytest.approx(youngs_modulus(angle), rel=1e-6)
    assert metrics["bending_modulus_mean"].value == pytest.approx(youngs_modulus(angle), rel=1e-2)  # shear
    assert metrics["axial_modulus_std"].value == pytest.approx(0, abs=1e-5)
    assert metrics["bending_modulus_std"].value == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("grain_size", [0.25, 0.5, 1])
def test_an_untextured_film_has_the_same_mean_whatever_its_grains(grain_size):
    one = ask("film", cell_size=4, grain_size=grain_size, realizations=24).metrics["youngs_modulus_mean"]
    mesh = 0.3
    assert abs(one.value - EXACT) < 3 * one.sem + mesh


@pytest.mark.parametrize(
    ("specimen", "inputs", "area"),
    [("beam", {"beam_length": 10, "beam_width": 1}, 10), ("sve", {"sve_size": 3}, 9)],
)
def test_scatter_falls_with_the_root_of_the_number_of_grains(specimen, inputs, area):
    metrics = ask(specimen, realizations=128, boundary="tensile_test", **inputs).metrics
    name = "axial_modulus_std" if specimen == "beam" else "youngs_modulus_std"
    spacing = 0.5 * math.sqrt(math.pi) / 2
    law = 13.73 * spacing / math.sqrt(area)
    assert metrics[name].value == pytest.approx(law, rel=0.2)  # three standard errors of 128 realizations


def test_scatter_is_proportional_to_grain_size():
    fine, coarse = (
        ask("sve", sve_size=4, realizations=128, grain_size=grain).metrics["youngs_modulus_std"].value
        for grain in (0.4, 0.8)
    )
    assert coarse / fine == pytest.approx(2, rel=0.27)  # three standard errors of two deviations


def test_a_film_of_111_fibre_does_not_scatter():
    metrics = ask(fibre_axis="111", beam_length=6).metrics
    assert metrics["axial_modulus_std"].value < 1e-6
    assert metrics["bending_modulus_std"].value < 1e-6


@pytest.mark.parametrize("specimen", ["beam", "sve"])
def test_a_stiffer_hold_gives_a_stiffer_answer_on_the_same_grains(specimen, tmp_path):
    moduli = []
    for boundary in ("displacement", "tensile_test", "traction"):
        (tmp_path / boundary).mkdir()
        size = {"beam_length": 6} if specimen == "beam" else {}
        ask(specimen, boundary=boundary, directory=tmp_path / boundary, realizations=8, **size)
        moduli.append(np.array([float(row[1]) for row in rows(tmp_path / boundary)[1:]]))
    assert (moduli[0] >= moduli[1]).all()
    assert (moduli[1] >= moduli[2]).all()


def test_bending_and_axial_modulus_of_a_beam_differ_and_go_together(tmp_path):
    ask(beam_length=20, beam_width=1, realizations=48, directory=tmp_path)
    axial, bending = np.array(rows(tmp_path)[1:], float).T[1:]
    assert bending.std() > 1.2 * axial.std()
    assert 0.2 < np.corrcoef(axial, bending)[0, 1] < 0.9


def test_replicates_shrink_the_standard_error_and_never_the_numerical_interval():
    few, many = (ask("sve", mesh_check=2, realizations=n).metrics["youngs_modulus_mean"] for n in (8, 128))
    assert many.sem < 0.5 * few.sem
    for bound in ("lower", "upper"):
        assert getattr(many, bound) / many.value == pytest.approx(getattr(few, bound) / few.value, rel=1e-6)


@pytest.mark.parametrize("wanted", [20, 10])
def test_the_wanted_scatter_error_is_reached(wanted, tmp_path):
    answer = ask("sve", scatter_error=wanted, directory=tmp_path).metrics["youngs_modulus_std"]
    assert answer.sem / answer.value <= wanted / 100
    least = 1 / (2 * (wanted / 100) ** 2) + 1
    assert least <= len(rows(tmp_path)) - 1 <= 2 * least + 16


def test_the_most_realizations_are_not_exceeded(tmp_path):
    ask("sve", scatter_error=1, realizations_max=5, directory=tmp_path)
    assert len(rows(tmp_path)) - 1 == 5


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_a_single_realization_is_the_first_of_the_statistics(specimen, tmp_path):
    ask(specimen, directory=tmp_path, **({"beam_length": 6} if specimen == "beam" else {}))
    design = {"grain_size": 0.5, "pixels_per_grain": 4, **({"beam_length": 6} if specimen == "beam" else {})}
    alone = Polysilicon(specimen, single=True).evaluate(design, Context(seed=0)).metrics
    header, first = rows(tmp_path)[:2]
    assert [f"{name} [GPa]" for name in alone] == header[1:]
    assert [one.value for one in alone.values()] == pytest.approx([float(v) for v in first[1:]], rel=1e-6)


def test_equal_seeds_answer_alike_and_others_differ():
    assert not different(ask("sve", seed=4), ask("sve", seed=4))
    assert different(ask("sve", seed=4), ask("sve", seed=5))


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_a_seed_means_the_same_grains_on_every_grid(specimen):
    coarse, fine = (_film.structure(film(specimen, pixels_per_grain=n), 7, 0).orientation for n in (4, 12))
    np.testing.assert_array_equal(fine[1::3, 1::3], coarse)


def test_realizations_do_not_depend_on_how_many_are_drawn_at_a_time():
    specimen = film("sve")
    together = sample(
        lambda which: _film.realize(specimen, 1, which), Effort(least=6, most=6, scatter_error=1)
    )
    alone = [_film.realize(specimen, 1, range(k, k + 1))["youngs_modulus"][0] for k in range(6)]
    np.testing.assert_allclose(together["youngs_modulus"], alone, rtol=1e-6)


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_artifacts_are_a_picture_and_a_table(specimen, tmp_path):
    answer = ask(specimen, directory=tmp_path, **({"beam_length": 6} if specimen == "beam" else {}))
    assert set(answer.artifacts) == {"structure.png", "structure.json", "realizations.csv"}
    assert json.loads(answer.artifacts["structure.json"].read_text())["grains"] > 1
    assert matplotlib.image.imread(answer.artifacts["structure.png"]).ndim == 3
    declared = [o.name for o in Polysilicon(specimen, single=True).declaration.outputs]
    assert rows(tmp_path)[0] == ["realization", *(f"{name} [GPa]" for name in declared)]


def test_without_a_folder_there_are_no_artifacts():
    assert ask("sve").artifacts == {}


@pytest.mark.parametrize(
    ("specimen", "inputs", "words"),
    [
        ("beam", {"beam_length": 1000, "beam_width": 20, "grain_size": 0.05}, "grid of .* at most"),
        (
            "sve",
            {"sve_size": 40, "realizations": 1024, "realizations_max": 1024},
            "1024 realizations .* more work .* lower",
        ),
        ("sve", {"realizations": 30, "realizations_max": 20}, "30 .* at least and 20 at most"),
        ("film", {"cell_size": 0.5, "grain_size": 10}, "shorter than the spacing"),
        ("beam", {"beam_length": 2, "beam_width": 20, "grain_size": 10}, "give a longer beam"),
        ("sve", {"size_variation": 0.01}, "size variation of 0.01: it is 0.05 or more, or 0"),
    ],
)
def test_an_impossible_specimen_is_infeasible_and_the_limit_is_named(specimen, inputs, words):
    with pytest.raises(Infeasible, match=words):
        ask(specimen, **inputs)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"specimen": "plate"}, "'plate'; it is one of beam, sve, film"),
        ({"single": "no"}, "write true or false"),
    ],
)
def test_an_unknown_option_is_refused(options, words):
    with pytest.raises(OracleError, match=words):
        Polysilicon(**options)


def test_fidelities_cost_more_the_finer_they_are():
    for specimen in SPECIMENS:
        fidelities = Polysilicon(specimen).declaration.fidelities
        costs = [one.cost for one in fidelities if one.cost is not None]
        assert costs[0] > 0
        assert costs == sorted(costs)


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_every_fidelity_describes_a_grid_that_is_taken(specimen):
    for fidelity in Polysilicon(specimen).declaration.fidelities:
        settings = dict(fidelity.settings)
        assert film(specimen, **settings).finer.pixels <= _film.MOST_PIXELS


def test_declaring_and_validating_load_no_heavy_library():
    campaign = Path(__file__).parents[2] / "campaigns" / "film_scatter.yaml"
    code = (
        "import sys; from designloop.campaign import load; from designloop_oracles.polysilicon import *; "
        f"Polysilicon().declaration; load({str(campaign)!r}); "
        "print([m for m in ('torch', 'scipy.sparse', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_python_of_the_page_runs_and_finds_what_it_says():
    page = (Path(__file__).parents[2] / "docs" / "homogenization.md").read_text()
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.S):
        exec(block, names)
    assert names["bulk_modulus"] == pytest.approx(90.108, abs=1e-3)
    assert names["principal_modulus"] == pytest.approx(EXACT, abs=0.2)
    answer, bracket = names["answer"], names["answer"].bracket
    assert (answer.lower <= answer.value).all()
    assert (answer.value <= answer.upper).all()
    assert (bracket.lower.diagonal(dim1=1, dim2=2) <= bracket.upper.diagonal(dim1=1, dim2=2)).all()


def rows(folder):
    with (folder / "realizations.csv").open(newline="") as file:
        return list(csv.reader(file))
