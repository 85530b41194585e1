"""Packings beyond the saturation of random sequential inhibition: no overlap, no lattice, clear limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial import Delaunay, cKDTree

from designloop_oracles.microstructure.packing import Packing, pack, particle_fraction, smallest_distance


def hexatic_order(packing: Packing) -> float:
    """|mean over the disks of psi6|: 1 for one hexagonal crystal, about n^-1/2 for independent places."""
    shifts = [np.array([i, j]) * packing.size for i in (0, -1, 1) for j in (0, -1, 1)]
    places = np.concatenate([packing.centres + shift for shift in shifts])
    start, neighbours = Delaunay(places).vertex_neighbor_vertices
    psi = []
    for disk in range(len(packing.centres)):
        x, y = (places[neighbours[start[disk] : start[disk + 1]]] - places[disk]).T
        psi.append(np.exp(6j * np.arctan2(y, x)).mean())
    return float(abs(np.mean(psi)))


def nearest_gaps(packing: Packing) -> np.ndarray:
    """Distance of each of equal particles to its nearest neighbour, in diameters."""
    distance, _ = cKDTree(packing.centres, boxsize=packing.size).query(packing.centres, k=[2])
    return distance[:, 0] / (2.0 * packing.radii) - 1.0


def hexagonal_lattice() -> Packing:
    x, y = np.meshgrid(np.arange(12.0), np.arange(14.0))
    centres = np.stack([x + 0.5 * (y % 2), y * math.sqrt(0.75)], axis=-1).reshape(-1, 2)
    return Packing(centres=centres, radii=np.full(len(centres), 0.5), size=(12.0, 14 * math.sqrt(0.75)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("size", "diameter", "fraction", "gap"),
    [
        ((256, 256), 16.0, 0.56, 0.0),
        ((256, 256), 16.0, 0.80, 0.0),
        ((256, 256), 16.0, 0.65, 1.0),
        ((60, 60, 60), 10.0, 0.40, 0.0),
        ((60, 60, 60), 10.0, 0.60, 0.0),
        ((60, 60, 60), 10.0, 0.45, 0.5),
    ],
)
def test_fractions_beyond_saturation_are_reached_without_overlap(size, diameter, fraction, gap, seed):
    packing = pack(size=size, volume_fraction=fraction, diameter=diameter, minimum_gap=gap, seed=seed)
    assert smallest_distance(packing) >= gap
    assert particle_fraction(packing) == pytest.approx(fraction, rel=1e-12)
    assert ((packing.centres >= 0.0) & (packing.centres < size)).all()


@pytest.mark.parametrize(
    "options",
    [
        {"diameter": 32.0, "size_ratio": 3.0, "fine_share": 0.3, "volume_fraction": 0.75},
        {"diameter": 16.0, "size_variation": 0.3, "volume_fraction": 0.75},
    ],
    ids=["two sizes", "lognormal"],
)
def test_mixed_sizes_are_packed_densely_too(options):
    packing = pack(size=(256, 256), seed=3, **options)
    assert smallest_distance(packing) >= 0.0
    assert particle_fraction(packing) == pytest.approx(0.75, rel=1e-12)


def test_hexatic_order_of_a_lattice_is_one():
    assert hexatic_order(hexagonal_lattice()) == pytest.approx(1.0)


def test_dense_disks_are_no_crystal():
    orders = [
        hexatic_order(pack(size=(256, 256), volume_fraction=0.8, diameter=16.0, seed=seed))
        for seed in range(6)
    ]
    assert np.mean(orders) < 0.5
    assert max(orders) < 0.8


def test_dense_disks_have_no_single_neighbour_distance():
    gaps = nearest_gaps(pack(size=(256, 256), volume_fraction=0.7, diameter=16.0, seed=1))
    lattice = math.sqrt(math.pi / (2 * math.sqrt(3) * 0.7)) - 1.0
    low, high = np.quantile(gaps, [0.1, 0.9])
    assert low < 0.1 * lattice
    assert high > 3.0 * low


@pytest.mark.parametrize(
    ("size", "diameter", "saturation"), [((256, 256), 16.0, 0.547), ((61, 61, 61), 10.0, 0.384)]
)
def test_neighbour_distances_do_not_jump_where_the_algorithm_changes(size, diameter, saturation):
    def median_gap(fraction: float) -> float:
        packings = [pack(size=size, volume_fraction=fraction, diameter=diameter, seed=k) for k in range(2)]
        return float(np.median(np.concatenate([nearest_gaps(packing) for packing in packings])))

    sequential, dense = median_gap(saturation - 0.012), median_gap(saturation + 0.003)
    assert 0.5 < dense / sequential < 2.0


@pytest.mark.parametrize(
    ("size", "fraction", "gap", "sentence"),
    [
        ((128, 128), 0.92, 0.0, "fill 0.920 of the box.* near 0.84, the hexagonal packing at 0.9069"),
        ((128, 128), 0.87, 0.0, "random close packing of equal ones ends near 0.84"),
        ((128, 128), 0.75, 1.0, r"half the minimum gap of 1 um .* fill 0.9\d+ of the box"),
        ((60, 60, 60), 0.70, 0.0, "near 0.64, the hexagonal packing at 0.7405"),
    ],
)
def test_a_fraction_beyond_random_close_packing_is_refused_with_the_limit(size, fraction, gap, sentence):
    with pytest.raises(ValueError, match=sentence):
        pack(size=size, volume_fraction=fraction, diameter=8.0, minimum_gap=gap, seed=0)


def test_a_mixture_that_is_not_found_is_refused_with_the_limit():
    with pytest.raises(ValueError, match=r"no packing was found.*lower volume_fraction"):
        pack(size=(40, 40), volume_fraction=0.93, diameter=8.0, size_ratio=1.5, fine_share=0.5, seed=0)
