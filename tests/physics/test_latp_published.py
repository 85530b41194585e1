"""The published LATP campaign (Zhao et al. 2022): 22 samples, two grids, and the emulator fitted to them."""

import csv
import hashlib
import itertools
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from designloop.campaign import load
from designloop_oracles._latp import FROZEN, response
from designloop_oracles._latp_fit import LEGACY, fit
from designloop_oracles.latp import Latp

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
TABLE = CAMPAIGNS / "latp_published.csv"
INPUTS = ("acid_deviation", "sintering_temperature", "holding_time")


@pytest.fixture(scope="module")
def rows():
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def grids():
    """Designs of the two campaign files, as they are read."""
    spaces = [load(CAMPAIGNS / name).space for name in ("latp.yaml", "latp_widened.yaml")]
    return [{tuple(float(d[n]) for n in INPUTS) for d in s.enumerate(5000)} for s in spaces]


def places(rows):
    names = ("acid_deviation [%]", "sintering_temperature [degC]", "holding_time [min]")
    return [tuple(float(row[name]) for name in names) for row in rows]


def conductivities(rows):
    return np.array([float(row["ionic_conductivity [S/cm]"]) for row in rows])


def test_the_published_grids_have_420_and_2574_candidates_and_are_nested(grids):
    first, widened = grids
    assert (len(first), len(widened)) == (420, 2574)
    legacy = set(itertools.product([-22.5, -15, -7.5, 0, 7.5], range(800, 1101, 100), [10, 30, 60, 480]))
    assert legacy == set(map(tuple, LEGACY))
    assert legacy < first < widened


def test_every_published_sample_lies_on_the_grid_of_its_round_and_none_on_the_legacy_grid(rows, grids):
    legacy = set(map(tuple, LEGACY))
    for row, place in zip(rows, places(rows), strict=True):
        assert place in grids[int(row["iteration"]) > 2]
        assert place not in legacy


def test_rounds_three_and_four_use_what_only_the_widened_grid_holds(rows, grids):
    late = [p for row, p in zip(rows, places(rows), strict=True) if int(row["iteration"]) > 2]
    assert sum(place not in grids[0] for place in late) == 11


def test_the_means_of_the_four_rounds_are_the_published_ones(rows):
    rounds = np.array([int(row["iteration"]) for row in rows])
    assert [int((rounds == k).sum()) for k in (1, 2, 3, 4)] == [5, 5, 6, 6]
    means = [conductivities(rows)[rounds == k].mean() for k in (1, 2, 3, 4)]
    assert means == pytest.approx([7.520e-4, 1.590e-4, 6.715e-4, 6.813e-4], rel=5e-4)


def test_the_running_best_ends_at_sample_14(rows):
    assert [int(row["number"]) for row in rows] == list(range(1, 23))
    best = np.maximum.accumulate(conductivities(rows))
    steps = [int(row["number"]) for row, new in zip(rows, np.diff(best, prepend=0) > 0, strict=True) if new]
    assert steps == [1, 2, 3, 14]
    assert best[[0, 1, 2, 12, 13, 21]] == pytest.approx(
        [5.67e-4, 7.21e-4, 1.06e-3, 1.06e-3, 1.09e-3, 1.09e-3]
    )


def test_the_emulator_names_the_data_it_was_fitted_to():
    assert hashlib.sha256(TABLE.read_bytes()).hexdigest() == Latp.DATA


def test_a_new_fit_gives_the_frozen_constants(rows):
    assert astuple(fit(rows)) == pytest.approx(astuple(FROZEN), rel=0.02)


def test_the_emulator_misses_the_published_samples_by_what_it_says(rows):
    density, level = response(FROZEN, *np.array(places(rows)).T)
    measured = np.array([float(row["relative_density [%]"]) for row in rows])
    assert np.sqrt(np.mean((density - measured) ** 2)) == pytest.approx(2.4, abs=0.05)
    assert np.sqrt(np.mean((level - np.log10(conductivities(rows))) ** 2)) == pytest.approx(0.14, abs=0.005)
