"""The installed sources of data sets: reproducible, drawn again from their inputs, exact where theory is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from designloop.learning.datasets import DataSet, make
from designloop.learning.sources import available, find
from designloop.oracle import Context
from designloop_oracles import _composite
from designloop_oracles._film import structure
from designloop_oracles.homogenization.periodic import effective_conductivity
from designloop_oracles.homogenization.stiffness import youngs_moduli
from designloop_oracles.homogenization.windows import apparent_stiffness
from designloop_oracles.magnetometer import published_amplitude
from designloop_oracles.microstructure.drawing import draw
from designloop_oracles.polysilicon import Polysilicon
from designloop_oracles.surrogates import _films as films
from designloop_oracles.surrogates.presets import Beams, BeamsOfSizes, Disks, FilmCells, OverEtch, Sve

SMALL: dict[str, Any] = {
    "sve": Sve(pixels=12, solver_pixels=16),
    "sve traction": Sve(pixels=12, boundary="traction", solver_pixels=12),
    "sve tensile_test": Sve(pixels=12, boundary="tensile_test", solver_pixels=12),
    "film_cells": FilmCells(size=2.0, pixels=16),
    "beams": Beams(length=12.0, pixels_per_um=8, solver_pixels_per_um=4),
    "beams_of_sizes": BeamsOfSizes(length_from=20, length_to=24, width_to=2.5, grain_from=1.0),
    "over_etch": OverEtch(),
    "homogeneous_beams": find("homogeneous_beams"),
    "disks mono": Disks(pixels=64, radius=4),
    "disks poly": Disks(pixels=64, radius=4, kind="poly", discretization="harmonic"),
    "disks overlapping": Disks(pixels=64, radius=4, kind="overlapping"),
}
KUBC = {"boundary": "displacement"}


@pytest.mark.parametrize("name", SMALL)
def test_rows_do_not_depend_on_which_others_are_asked_for(name: str) -> None:
    whole, part = SMALL[name].rows(7, range(3, 8)), SMALL[name].rows(7, range(5, 6))
    assert list(whole) == [column.name for column in SMALL[name].columns]
    for column, values in part.items():
        np.testing.assert_array_equal(values[0], whole[column][2][tuple(slice(n) for n in values.shape[1:])])


@pytest.mark.parametrize("name", ["sve", "film_cells", "beams"])
def test_grains_are_drawn_again_from_the_stored_inputs(name: str) -> None:
    source = SMALL[name]
    rows, told = source.rows(1, range(3)), source.provenance()
    film = films.film(told["drawing"]["specimen"], told["drawing"]["inputs"])
    pictured = films.on_grid(film, pixels_per_um=told["pixels_per_um"])
    for seed, labels, angles in zip(rows["seed"], rows["labels"], rows["angles"], strict=True):
        again = structure(pictured, int(seed), 0)
        np.testing.assert_array_equal(again.labels, labels)
        np.testing.assert_array_equal(again.angles.astype(np.float32), angles[np.isfinite(angles)])


@pytest.mark.parametrize(
    "boundary", ["displacement", "traction", "tensile_test"], ids=lambda boundary: boundary
)
def test_windows_have_the_modulus_that_the_oracle_answers(boundary: str) -> None:
    source = Sve(pixels=12, solver_pixels=16, boundary=boundary)
    rows = source.rows(2, range(2))
    oracle = Polysilicon(specimen="sve", single=True)
    for seed, modulus in zip(rows["seed"], rows["youngs_modulus"], strict=True):
        inputs = {**source.inputs, "boundary": boundary}
        answer = oracle.evaluate(inputs, Context(seed=int(seed))).metrics["youngs_modulus"].value
        assert modulus == pytest.approx(answer, rel=1e-6)


def test_traction_and_displacement_bound_the_tensile_test_of_the_same_windows() -> None:
    rows = {
        b: Sve(pixels=12, boundary=b, solver_pixels=12).rows(3, range(4))
        for b in ("displacement", "traction")
    }
    np.testing.assert_array_equal(rows["displacement"]["labels"], rows["traction"]["labels"])
    assert (rows["traction"]["youngs_modulus"] < rows["displacement"]["youngs_modulus"]).all()


@pytest.mark.parametrize("name", ["sve", "sve traction", "film_cells"])
def test_films_have_one_in_plane_bulk_modulus(name: str) -> None:
    rows = SMALL[name].rows(4, range(3))
    bulk = (rows["stiffness_11"] + rows["stiffness_22"] + 2 * rows["stiffness_12"]) / 4
    np.testing.assert_allclose(bulk, 90.108, rtol=1e-5)
    np.testing.assert_allclose(rows["youngs_modulus"], rows["youngs_modulus_y"], rtol=1e-5)
    np.testing.assert_allclose(rows["stiffness_16"], -rows["stiffness_26"], atol=1e-4)


def test_periodic_cells_keep_the_exact_principal_modulus_but_for_the_mesh() -> None:
    coarse, fine = (FilmCells(size=2.0, pixels=n).rows(5, range(4))["principal_modulus"] for n in (32, 64))
    assert (np.abs(fine / 148.2173 - 1) < 1e-3).all()
    assert np.abs(fine - 148.2173).mean() < 0.7 * np.abs(coarse - 148.2173).mean()


def test_windows_of_a_beam_are_windows_of_its_image() -> None:
    source = SMALL["beams"]
    rows = source.rows(6, range(1))
    film = films.on_grid(films.film("beam", source.inputs), pixels_per_um=source.pixels_per_um)
    field = films.stiffness_field([structure(film, int(rows["seed"][0]), 0)])
    side = film.counts[1]
    for k in range(source.windows):
        tensor = apparent_stiffness(field[..., k * side : (k + 1) * side], boundary="displacement").tensor
        assert rows["window_modulus"][0, k] == pytest.approx(float(youngs_moduli(tensor)[0, 0]), rel=1e-6)
        np.testing.assert_allclose(rows["window_stiffness"][0, k], films.entries(tensor)[0], atol=1e-3)


def test_uniform_displacements_hold_a_beam_stiffer_than_pulled_ends() -> None:
    rows = SMALL["beams"].rows(6, range(3))
    assert (rows["axial_modulus_displacement"] > rows["axial_modulus"]).all()


def test_beams_of_sizes_are_the_answers_of_the_oracle_to_the_last_bit() -> None:
    source = SMALL["beams_of_sizes"]
    rows = source.rows(8, range(2))
    names = ("beam_length", "beam_width", "grain_size", "pixels_per_grain")
    answer = Polysilicon(specimen="beam", single=True).evaluate(
        {name: float(rows[name][1]) for name in names}, Context(seed=int(rows["seed"][1]))
    )
    for name in ("axial_modulus", "bending_modulus"):
        assert rows[name][1] == answer.metrics[name].value


def test_sizes_fill_their_box_evenly() -> None:
    source = BeamsOfSizes()
    sizes = source._sizes(0, range(256))
    for column, (_, lower, upper) in zip(sizes.T, source._box, strict=True):
        assert (lower <= column).all()
        assert (column <= upper).all()
    middle = np.sqrt(source.grain_from * source.grain_to)
    assert (sizes[:, 2] < middle).mean() == 0.5


def test_homogeneous_beams_have_the_published_moduli() -> None:
    rows = find("homogeneous_beams").rows(0, range(91))
    assert rows["axial_modulus"].mean() == 145.0
    assert rows["axial_modulus"].std() == pytest.approx(26.3, abs=0.05)
    np.testing.assert_array_equal(rows["window_modulus"], np.repeat(rows["bending_modulus"][:, None], 20, 1))


def test_dies_scatter_as_published_and_hold_the_calibrated_amplitude() -> None:
    rows = OverEtch().rows(0, range(4000))
    assert np.abs(rows["over_etch"]).max() <= 0.2
    assert rows["over_etch"].std() == pytest.approx(0.05, rel=0.05)
    assert rows["youngs_modulus"].mean() == pytest.approx(149.5, abs=0.1)
    assert rows["amplitude"].std() == pytest.approx(0.032, rel=0.05)
    expected = published_amplitude(rows["youngs_modulus"], rows["over_etch"])
    np.testing.assert_allclose(rows["amplitude"], expected, rtol=1e-14)


@pytest.mark.parametrize("kind", ["mono", "poly", "overlapping"])
def test_disks_are_packed_again_from_the_stored_inputs(kind: str) -> None:
    source = SMALL[f"disks {kind}"]
    rows = source.rows(9, range(2))
    for seed, fraction, phase in zip(rows["seed"], rows["volume_fraction"], rows["phase"], strict=True):
        recipe = source.recipe(float(fraction))
        again = draw(_composite.packed(recipe, int(seed), 0), pixel=recipe.pixel)
        np.testing.assert_array_equal(again.share, phase)
        assert again.volume_fraction == pytest.approx(fraction / 100, abs=0.02)


def test_equal_disks_keep_their_radius_at_every_fraction() -> None:
    source = Disks(pixels=64, radius=4)
    fractions = np.array([source._fraction(0, k) for k in range(200)])
    counts = fractions / 100 * 64**2 / (np.pi * 4**2)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    assert 4 < fractions.min() < 7
    assert 76 < fractions.max() < 80


def test_permeabilities_are_those_of_the_stored_image() -> None:
    rows = SMALL["disks mono"].rows(9, range(2))
    image = torch.from_numpy(1.0 + 249.0 * rows["phase"])
    tensor = effective_conductivity(image, tolerance=1e-7).tensor.numpy()
    np.testing.assert_allclose(rows["mu_11"], tensor[:, 0, 0], rtol=1e-4)
    np.testing.assert_allclose(rows["mu_22"], tensor[:, 1, 1], rtol=1e-4)
    np.testing.assert_allclose(rows["mu_12"], tensor[:, 0, 1], atol=1e-3)


def test_every_source_states_where_its_labels_come_from() -> None:
    for source in available():
        told = source.provenance()
        assert {"boundary", "solver", "declared_count"} <= set(told)
        if any(column.role == "structure" for column in source.columns):
            assert {"drawing", "material"} <= set(told)
            assert any(key.startswith("pixels_per") for key in told)
            assert any(key.startswith("solver_pixels_per") for key in told)
    assert find("sve").provenance()["boundary"] != find("film_cells").provenance()["boundary"]


def test_a_kill_in_the_middle_of_labelling_costs_no_finished_row(tmp_path: Path) -> None:
    script = (
        "from designloop.learning.datasets import make\n"
        "from designloop_oracles.surrogates.presets import Sve\n"
        f"make(Sve(pixels=12, solver_pixels=16), {str(tmp_path / 'set')!r}, count=4000, seed=1, chunk=20)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "set").glob("rows-*.npz"))) < 2 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = len(DataSet.load(tmp_path / "set"))
    assert 40 <= done < 4000
    source = Sve(pixels=12, solver_pixels=16)
    resumed = make(source, tmp_path / "set", count=done + 20, seed=1)
    uninterrupted = make(source, tmp_path / "other", count=done + 20, seed=1, chunk=500)
    assert resumed.digest == uninterrupted.digest
