"""The composite oracle: the contract, bounds and limits of effective permeability, refusals."""

import random
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest
from support.narrowed import Narrowed

from designloop._contract import Subject, different
from designloop.errors import OracleError
from designloop.oracle import Context, Infeasible
from designloop.testing import CHECKS, checks, spawn_safe, writes_in_directory
from designloop_oracles import _composite
from designloop_oracles._inputs import complete
from designloop_oracles.magnetic_composite import MagneticComposite

BOX = {
    "volume_fraction": (20, 40), "coating": (0, 1), "cell": (3, 4), "pixels_per_diameter": (4, 5),
    "realizations": (1, 2), "interval_check": (0, 1), "size_ratio": (1, 2), "fine_share": (0, 50),
}  # fmt: skip
IN_PROCESS = [check for check in CHECKS if check not in (spawn_safe, writes_in_directory)]
GRID = {
    2: {"cell": 8, "pixels_per_diameter": 8, "realizations": 4, "interval_check": 0},
    3: {"cell": 4, "pixels_per_diameter": 6, "realizations": 2, "interval_check": 0},
}
SCREENS = [(2, 45), (3, 25)]
both = pytest.mark.parametrize("dimension", [2, 3])


def ask(dimension=2, *, volume_fraction=30.0, seed=0, directory=None, **inputs):
    design = {"volume_fraction": volume_fraction, **GRID[dimension], **inputs}
    return MagneticComposite(dimension).evaluate(design, Context(seed=seed, directory=directory))


def values(*args, **inputs):
    return {name: one.value for name, one in ask(*args, **inputs).metrics.items()}


def diagonal(dimension):
    return [f"permeability_{axis * 2}" for axis in "xyz"[:dimension]]


@both
def test_the_contract_is_kept(dimension):
    subject = Subject(Narrowed(MagneticComposite(dimension), BOX))
    assert {check.__name__: said for check in IN_PROCESS if (said := check(subject))} == {}


def test_a_fresh_process_answers_alike_and_writes_into_its_folder():
    subject = Subject(Narrowed(MagneticComposite(), BOX))
    assert (spawn_safe(subject), writes_in_directory(subject)) == ("", "")


@pytest.mark.long
@both
def test_the_whole_suite_passes(dimension):
    assert [c for c in checks(Narrowed(MagneticComposite(dimension), BOX)) if not c.passed] == []


@both
def test_corners_of_the_declared_box_are_weighed_before_any_work(dimension, monkeypatch):
    class Started(Exception):  # noqa: N818 - not an error
        pass

    def start(recipe, seed, which):
        sides = [side / recipe.pixel for side in recipe.packing["size"]]
        assert round(sides[0]) ** len(sides) * len(which) <= _composite.MOST_WORK
        raise Started

    monkeypatch.setattr(_composite, "realize", start)
    oracle, generator, ends = MagneticComposite(dimension), random.Random(0), []
    for _ in range(200):
        inputs = oracle.declaration.inputs
        corner = {i.name: generator.choice(i.choices or (i.lower, i.upper)) for i in inputs}
        with pytest.raises((Infeasible, Started)) as end:
            oracle.evaluate(corner, Context())
        ends.append(end.type)
    assert {*ends} == {Infeasible, Started}


@both
@pytest.mark.parametrize("discretization", ["harmonic", "voxel"])
@pytest.mark.parametrize("phases", [(250.0, 1.0), (1.0, 20.0)], ids=str)
def test_permeability_lies_between_the_bounds_of_wiener(dimension, discretization, phases):
    inclusion, matrix = phases
    found = values(
        dimension,
        particle_permeability=inclusion,
        matrix_permeability=matrix,
        discretization=discretization,
    )
    drawn = 0.02  # how far the share of a crisp image may lie from the wanted one
    shares = (0.3 - drawn, 0.3 + drawn)
    series = min(1 / ((1 - f) / matrix + f / inclusion) for f in shares)
    parallel = max((1 - f) * matrix + f * inclusion for f in shares)
    for name in diagonal(dimension):
        assert series < found[name] < parallel


@both
def test_equal_phases_are_no_composite(dimension):
    found = values(dimension, particle_permeability=7, matrix_permeability=7)
    for name in diagonal(dimension):
        assert found[name] == pytest.approx(7, rel=1e-6)
    assert found["permeability_xy"] == pytest.approx(0, abs=1e-6)


def test_permeability_scales_with_both_phases():
    once = values(particle_permeability=250, matrix_permeability=1)
    twice = values(particle_permeability=500, matrix_permeability=2)
    assert twice["permeability"] == pytest.approx(2 * once["permeability"], rel=1e-4)


@both
def test_few_particles_act_alone(dimension):
    f, mu = 0.02, 250
    dilute = 1 + dimension * f * (mu - 1) / (mu + dimension - 1)
    grid = {2: {"pixels_per_diameter": 24}, 3: {"cell": 3, "pixels_per_diameter": 14}}[dimension]
    found = values(dimension, volume_fraction=100 * f, particle_permeability=mu, realizations=1, **grid)
    assert found["permeability"] - 1 == pytest.approx(dilute - 1, rel=0.08)


@both
def test_the_mean_of_the_diagonal_is_the_permeability(dimension):
    found = values(dimension)
    trace = sum(found[name] for name in diagonal(dimension))
    assert found["permeability"] == pytest.approx(trace / dimension, rel=1e-12)


def test_round_particles_make_no_direction_of_their_own():
    metrics = ask(realizations=12).metrics
    xx, yy = metrics["permeability_xx"], metrics["permeability_yy"]
    assert abs(xx.value - yy.value) < 3 * (xx.sem**2 + yy.sem**2) ** 0.5
    assert abs(metrics["permeability_xy"].value) < 3 * metrics["permeability_xy"].sem


@pytest.mark.parametrize(
    ("dimension", "order"),
    [(2, {"chain_length": 4}), (2, {"aspect_ratio": 3}), (3, {"chain_length": 3})],
    ids=["chains", "ellipses", "chains of spheres"],
)
def test_order_along_x_leads_flux_along_x(dimension, order):
    metrics = ask(dimension, volume_fraction=20, **order).metrics
    xx, yy = metrics["permeability_xx"], metrics["permeability_yy"]
    assert xx.value - yy.value > 3 * (xx.sem**2 + yy.sem**2) ** 0.5
    assert xx.value > values(dimension, volume_fraction=20)["permeability_xx"] > yy.value


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_interval_contains_voxels_four_times_as_fine(seed):
    one = ask(seed=seed, volume_fraction=35, realizations=1, interval_check=1).metrics["permeability"]
    fine = values(
        seed=seed, volume_fraction=35, realizations=1, pixels_per_diameter=32, discretization="voxel"
    )
    assert one.lower <= fine["permeability"] <= one.upper
    assert one.upper - one.lower < 0.2 * one.value


@both
def test_crisp_voxels_answer_no_less_than_mixed_ones(dimension):
    crisp, mixed = (values(dimension, discretization=kind) for kind in ("voxel", "harmonic"))
    for name in diagonal(dimension):
        assert crisp[name] > mixed[name]


def test_replicates_shrink_the_standard_error_and_never_the_numerical_interval():
    few, many = (ask(realizations=n, interval_check=2).metrics["permeability"] for n in (4, 40))
    assert many.sem < 0.6 * few.sem
    for bound in ("lower", "upper"):
        assert getattr(many, bound) / many.value == pytest.approx(getattr(few, bound) / few.value, rel=1e-4)


def test_the_width_of_the_interval_is_an_output():
    metrics = ask(interval_check=1).metrics
    one = metrics["permeability"]
    assert metrics["discretization_interval"].value == pytest.approx(one.upper - one.lower, rel=1e-12)


def test_without_a_check_no_bounds_are_claimed():
    metrics = ask().metrics
    assert (metrics["permeability"].lower, metrics["permeability"].upper) == (None, None)
    assert metrics["discretization_interval"].value == 0


def test_more_filler_leads_more_flux():
    found = [values(volume_fraction=f)["permeability"] for f in (10, 30, 50)]
    assert found == sorted(found)


@both
def test_equal_seeds_answer_alike_and_others_differ(dimension):
    assert not different(ask(dimension, seed=4), ask(dimension, seed=4))
    assert different(ask(dimension, seed=4), ask(dimension, seed=5))


@both
def test_a_seed_means_the_same_packing_on_every_grid(dimension):
    declaration = MagneticComposite(dimension).declaration
    coarse, fine = (
        _composite.packed(
            _composite.recipe_of(dimension, complete(declaration, {"volume_fraction": 30, **grid})), 7, 0
        )
        for grid in (GRID[dimension], {**GRID[dimension], "pixels_per_diameter": 16})
    )
    assert coarse.centres == pytest.approx(fine.centres)
    assert coarse.radii == pytest.approx(fine.radii)


@both
def test_every_number_and_picture_says_its_dimension(dimension, tmp_path):
    declaration = MagneticComposite(dimension).declaration
    assert declaration.labels == (f"{dimension}-D",)
    assert all(f"{dimension}-D" in output.description for output in declaration.outputs)
    kinds = ["png", "json"] if dimension == 2 else ["png", "json", "vti"]
    found = ask(dimension, directory=tmp_path).artifacts
    assert set(found) == {f"structure_{dimension}d.{kind}" for kind in kinds}


def test_the_picture_opens_and_without_a_folder_there_is_none(tmp_path):
    found = ask(directory=tmp_path).artifacts
    assert matplotlib.image.imread(found["structure_2d.png"]).ndim == 3
    assert ask().artifacts == {}


@pytest.mark.parametrize(
    ("dimension", "inputs", "words"),
    [
        (2, {"volume_fraction": 89}, "particles fill 0.890 .* ends near 0.84"),
        (3, {"volume_fraction": 70}, "particles fill 0.700 .* ends near 0.64"),
        (2, {"volume_fraction": 60, "coating": 2}, "half the minimum gap of 4 um"),
        (2, {"volume_fraction": 80, "aspect_ratio": 4, "cell": 5}, "ellipses came to a stop .* ask for less"),
        (2, {"chain_length": 8, "cell": 4}, "chain.* does not fit a periodic box"),
        (2, {"chain_length": 2, "size_ratio": 3, "fine_share": 30}, "chains are made of equal"),
        (2, {"coating": 1, "impenetrability": 0.5}, "may overlap have no minimum gap"),
        (3, {"volume_fraction": 1, "cell": 3, "chain_length": 8}, "less than one"),
        (2, {"cell": 64, "pixels_per_diameter": 64}, "16777216 voxels .* lower cell or pixels_per_diameter"),
        (2, {"cell": 64, "pixels_per_diameter": 20, "realizations": 256}, "256 packings, .* lower real"),
        (2, {"cell": 64, "size_ratio": 5, "fine_share": 90}, "particles; this oracle places .* lower"),
        (
            2,
            {"volume_fraction": 1, "cell": 3, "pixels_per_diameter": 4, "size_ratio": 5, "fine_share": 90,
             "impenetrability": 0.5, "realizations": 1, "discretization": "voxel"},
            "no voxel of the inclusion phase",
        ),
    ],
)  # fmt: skip
def test_an_impossible_packing_is_infeasible_and_the_limit_is_named(dimension, inputs, words):
    with pytest.raises(Infeasible, match=words):
        ask(dimension, **inputs)


@pytest.mark.parametrize("dimension", [1, 4, True, "2", 2.0])
def test_an_unknown_dimension_is_refused(dimension):
    with pytest.raises(OracleError, match=r"write 2 \(disks\) or 3 \(spheres\)"):
        MagneticComposite(dimension)


@both
def test_fidelities_cost_more_the_finer_they_are(dimension):
    fidelities = MagneticComposite(dimension).declaration.fidelities
    costs = [one.cost for one in fidelities if one.cost is not None]
    assert costs[0] > 0
    assert costs == sorted(costs)


@pytest.mark.parametrize(("dimension", "fraction"), SCREENS)
def test_the_cheapest_fidelity_answers_a_dense_packing(dimension, fraction):
    oracle = MagneticComposite(dimension)
    settings = oracle.declaration.fidelities[0].settings
    answer = oracle.evaluate({"volume_fraction": fraction, **settings}, Context())
    assert set(answer.metrics) == {o.name for o in oracle.declaration.outputs}


@both
def test_every_fidelity_describes_a_grid_that_is_taken(dimension):
    declaration = MagneticComposite(dimension).declaration
    for fidelity in declaration.fidelities:
        values = complete(declaration, {"volume_fraction": 50, **fidelity.settings})
        assert _composite.recipe_of(dimension, values).dimension == dimension


def test_declaring_and_validating_load_no_heavy_library():
    campaign = Path(__file__).parents[2] / "campaigns" / "magnetic_composite.yaml"
    code = (
        "import sys; from designloop.campaign import load; "
        "from designloop_oracles.magnetic_composite import MagneticComposite; "
        f"MagneticComposite().declaration; load({str(campaign)!r}); "
        "print([m for m in ('torch', 'scipy.sparse', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
