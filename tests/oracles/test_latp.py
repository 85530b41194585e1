"""The LATP emulator, and the campaign that replays four published rounds on it."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from designloop import report, session
from designloop.campaign import load
from designloop.errors import OracleError
from designloop.oracle import Context
from designloop.testing import OracleContract
from designloop_oracles._latp_fit import LEGACY
from designloop_oracles.latp import Latp

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
NAMES = ("acid_deviation", "sintering_temperature", "holding_time")


class TestContract(OracleContract):
    @pytest.fixture
    def oracle(self):
        return Latp()


def ask(place, *, seed=0, noise=0.0):
    found = Latp(noise=noise).evaluate(dict(zip(NAMES, map(float, place), strict=True)), Context(seed=seed))
    return {name: o.value for name, o in found.metrics.items()}


def conductivity(*place):
    return ask(place)["ionic_conductivity"]


def best(places):
    return tuple(max(places, key=lambda place: conductivity(*place)))


def test_every_number_of_the_emulator_is_labelled_synthetic():
    assert Latp().declaration.labels == ("synthetic",)


def test_the_legacy_grid_has_one_maximum_where_the_published_one_lies():
    assert best(LEGACY) == (-7.5, 1000, 480)
    second = sorted(conductivity(*place) for place in LEGACY)[-2]
    assert conductivity(-7.5, 1000, 480) > 1.1 * second


def test_the_best_stoichiometric_sample_of_the_legacy_grid_is_the_published_one():
    assert best(place for place in LEGACY if place[0] == 0) == (0, 900, 30)


def test_a_stoichiometric_sample_sintered_hot_and_long_has_lost_most_of_its_conductivity():
    assert conductivity(0, 1000, 450) < conductivity(0, 900, 30) / 3


@pytest.mark.parametrize("acid", [-7.5, -11.25, -15])
def test_too_short_a_hold_leaves_pores_and_conducts_less(acid):
    short, long = ask((acid, 1000, 10)), ask((acid, 1000, 450))
    assert short["relative_density"] < long["relative_density"] - 5
    assert short["ionic_conductivity"] < long["ionic_conductivity"] / 1.5


def test_noise_is_in_decades_and_of_the_size_asked_for():
    true = math.log10(conductivity(-7.5, 1000, 480))
    drawn = [math.log10(ask((-7.5, 1000, 480), seed=s, noise=0.1)["ionic_conductivity"]) for s in range(2000)]
    assert np.mean(drawn) == pytest.approx(true, abs=4 * 0.1 / math.sqrt(2000))
    assert np.std(drawn) == pytest.approx(0.1, rel=4 / math.sqrt(2 * 2000))


def test_equal_point_and_seed_give_equal_noise_and_other_points_other_noise():
    assert ask((0, 900, 30), seed=3, noise=0.1) == ask((0, 900, 30), seed=3, noise=0.1)
    here, there = (
        ask((0, 900, t), seed=3, noise=0.1)["ionic_conductivity"] / conductivity(0, 900, t) for t in (30, 40)
    )
    assert here != pytest.approx(there)


def test_the_density_lies_between_that_of_the_pressed_powder_and_the_crystal():
    found = [
        ask((a, T, t))["relative_density"] for a in (-22.5, 0, 7.5) for T in (800, 1100) for t in (10, 540)
    ]
    assert min(found) >= 62
    assert ask((-15, 1000, 450), seed=1, noise=1.0)["relative_density"] <= 100


@pytest.mark.parametrize("noise", [-0.1, 2, "much", True, math.nan])
def test_a_noise_that_is_no_number_of_decades_is_refused(noise):
    with pytest.raises(OracleError, match="option noise is .* from 0 to 1"):
        Latp(noise=noise)


def test_the_legacy_table_is_the_emulator_with_noise_of_seed_0_and_says_so_in_every_row():
    with (CAMPAIGNS / "latp_legacy_emulated.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert [tuple(map(float, row[:3])) for row in rows] == [tuple(place) for place in LEGACY]
    for row in rows:
        answer = ask(tuple(map(float, row[:3])), seed=0, noise=0.1)
        assert [float(c) for c in row[3:5]] == pytest.approx(list(answer.values()), rel=1e-3)
        assert row[5].startswith("synthetic")


def test_four_rounds_stay_on_the_first_grid_until_it_is_widened(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "draw", lambda _: [])
    first, widened = (
        load(CAMPAIGNS / name, overrides=("tracking=off",)) for name in ("latp.yaml", "latp_widened.yaml")
    )
    run = session.run(first, folder=tmp_path)
    run = session.resume(run.directory, campaign=widened)
    batches = [p for p in run.proposals if p["origin"] == "strategy"]
    assert [len(p["candidates"]) for p in batches] == [5, 5, 6, 6]
    new = [t for t in run.trials if t.origin != "existing"]
    assert len(run.trials) == 80 + 22
    grid = {tuple(d.values()) for d in first.space.enumerate(420)}
    inside = [tuple(t.parameters.values()) in grid for t in new]
    assert all(inside[:10])
    assert not all(inside[10:])
    assert len({tuple(t.parameters.values()) for t in run.trials}) == 102
    assert batches[-1]["fit"]["metrics"]["ionic_conductivity"]["transform"]["kind"] == "log"
