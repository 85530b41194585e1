"""Noise on the answers of a table."""

import math
import statistics

import pytest

from designloop.errors import OracleError
from designloop.oracle import Context
from designloop_oracles.table import Table

TEXT = "x [um],y [kHz],z\n1,10,0\n2,20,4\n3,60,8\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sweep.csv"
    path.write_text(TEXT)
    return str(path)


def answers(oracle, count=2000):
    return [oracle.evaluate({"x": 2.0}, Context(seed=seed)).metrics for seed in range(count)]


def test_a_number_is_the_standard_deviation_in_each_outputs_unit(file):
    found = answers(Table(file, outputs="y, z", noise=0.5))
    for name, centre in (("y", 20), ("z", 4)):
        values = [m[name].value for m in found]
        assert statistics.fmean(values) == pytest.approx(centre, abs=4 * 0.5 / math.sqrt(2000))
        assert statistics.stdev(values) == pytest.approx(0.5, rel=4 / math.sqrt(4000))


def test_a_share_is_one_of_the_outputs_spread_over_the_rows(file):
    values = [m["y"].value for m in answers(Table(file, outputs="y", inputs="x", noise="10 %"))]
    assert statistics.stdev(values) == pytest.approx(
        0.1 * statistics.pstdev([10, 20, 60]), rel=4 / math.sqrt(4000)
    )


def test_equal_seeds_give_equal_noise_and_others_do_not(file):
    one, two = (answers(Table(file, outputs="y, z", noise=1), 5) for _ in range(2))
    assert one == two
    assert len({m["y"].value for m in one}) == 5


def test_only_noise_makes_a_table_stochastic(file):
    assert Table(file, noise="5 %").declaration.stochastic
    assert not Table(file).declaration.stochastic


@pytest.mark.parametrize("noise", ["much", -1, "nan", "-5 %"])
def test_noise_that_is_no_size_is_refused(file, noise):
    with pytest.raises(OracleError, match="option noise is"):
        Table(file, noise=noise)
