"""Prescribed spread of grain sizes by power diagrams."""

import numpy as np
import pytest
from scipy.stats import kstest

from designloop_oracles.microstructure.tessellation import rasterize, tessellate


def diameters(size_spread, seed, regularization="jitter", size=(20.0, 20.0), pixel=0.05):
    """Relative equivalent diameters of the grains of a periodic structure, and the number of lost grains."""
    tessellation = tessellate(
        size=size,
        spacing=1.0,
        periodic=True,
        regularization=regularization,
        size_spread=size_spread,
        seed=seed,
    )
    pixels = np.bincount(rasterize(tessellation, pixel=pixel).ravel(), minlength=len(tessellation.sites))
    return pixels[pixels > 0] ** (1 / len(size)), int(np.sum(pixels == 0))


def variation(values):
    return np.std(values) / np.mean(values)


@pytest.mark.parametrize(
    ("size_spread", "regularization"), [(0.1, "jitter"), (0.3, "poisson"), (0.6, "hardcore")]
)
def test_the_spread_of_diameters_follows_the_wanted_one(size_spread, regularization):
    values, lost = diameters(size_spread, seed=0, regularization=regularization)
    assert variation(values) == pytest.approx(size_spread, rel=0.1)
    assert lost <= 0.02 * len(values)


def test_diameters_are_lognormal():
    logs = np.log(diameters(0.3, seed=4)[0])
    assert kstest((logs - logs.mean()) / logs.std(), "norm").pvalue > 0.05


@pytest.mark.parametrize(("regularization", "expected"), [("jitter", 0.12), ("poisson", 0.26)])
def test_spread_zero_leaves_the_voronoi_sizes(regularization, expected):
    values, _ = diameters(0.0, seed=1, regularization=regularization)
    assert variation(values) == pytest.approx(expected, abs=0.03)


@pytest.mark.long
def test_the_spread_follows_in_three_dimensions():
    values, lost = diameters(0.3, seed=1, size=(7.0, 7.0, 7.0), pixel=0.1)
    assert variation(values) == pytest.approx(0.3, rel=0.12)
    assert lost == 0


@pytest.mark.parametrize("size_spread", [-0.1, 0.01, 0.7, float("nan")])
def test_a_spread_out_of_range_is_refused(size_spread):
    with pytest.raises(ValueError, match=r"size_spread is .*; give 0 \(plain Voronoi cells\) or 0.05 to 0.6"):
        diameters(size_spread, seed=1)
