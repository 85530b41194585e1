import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from designloop_oracles.microstructure.connectivity import clusters, percolates

images = arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 8)))


def helix(n, turns):
    """A line that climbs ``turns`` times the height of a periodic image on its way along x."""
    line = np.zeros((n, turns * n), dtype=bool)
    for x in range(turns * n):
        line[[x % n, (x + 1) % n], x] = True
    return line


def test_a_stripe_across_the_periodic_border_percolates_along_itself():
    stripe = np.zeros((8, 8), dtype=bool)
    stripe[[0, -1]] = True
    assert percolates(stripe, periodic=True) == (True, False)
    assert percolates(stripe.T, periodic=True) == (False, True)
    assert clusters(stripe, periodic=True)[1] == 1
    assert clusters(stripe, periodic=False)[1] == 2


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_helix_percolates_along_both_axes(turns):
    assert percolates(helix(6, turns), periodic=True) == (True, True)
    assert percolates(np.rot90(helix(6, turns)), periodic=True) == (True, True)


def test_a_part_that_crosses_borders_without_meeting_itself_does_not_percolate():
    corner = np.zeros((6, 6), dtype=bool)
    corner[np.ix_([0, 1, -1], [0, 1, -1])] = True
    assert percolates(corner, periodic=True) == (False, False)
    assert clusters(corner, periodic=True)[1] == 1
    step = np.zeros((6, 6), dtype=bool)
    step[1, :4] = step[1:5, 3] = step[4, 3:] = True
    assert percolates(step, periodic=False) == (True, False)
    assert percolates(step, periodic=True) == (False, False)


def test_diagonal_contacts_do_not_connect():
    assert percolates(np.eye(5, dtype=bool), periodic=False) == (False, False)
    assert clusters(np.eye(5, dtype=bool), periodic=False)[1] == 5


def test_axes_come_in_the_order_x_y_z():
    rods = np.zeros((4, 5, 6), dtype=bool)
    rods[1, 2, :] = True
    for periodic in (True, False):
        assert percolates(rods, periodic=periodic) == (True, False, False)
        assert percolates(np.moveaxis(rods, 2, 0), periodic=periodic) == (False, False, True)


@settings(max_examples=80, deadline=None)
@given(image=images, shift=st.tuples(st.integers(0, 7), st.integers(0, 7)))
def test_rolling_a_periodic_image_changes_neither_parts_nor_percolation(image, shift):
    rolled = np.roll(image, shift, (0, 1))
    assert percolates(image, periodic=True) == percolates(rolled, periodic=True)
    assert clusters(image, periodic=True)[1] == clusters(rolled, periodic=True)[1]


@settings(max_examples=60, deadline=None)
@given(image=arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 5))))
def test_periodic_percolation_is_a_way_to_another_tile_of_the_endless_plane(image):
    labels = ndimage.label(np.tile(image, (9, 9)))[0].reshape(9, image.shape[0], 9, image.shape[1])
    same = np.any((labels == labels[4, :, 4][None, :, None]) & (labels > 0), axis=(1, 3))
    across, up = same.any(axis=0), same.any(axis=1)
    assert percolates(image, periodic=True) == (
        across[:4].any() | across[5:].any(),
        up[:4].any() | up[5:].any(),
    )


@settings(max_examples=40, deadline=None)
@given(image=images, periodic=st.booleans())
def test_parts_number_the_phase_without_gaps(image, periodic):
    labels, count = clusters(image, periodic=periodic)
    assert np.array_equal(labels > 0, image)
    assert set(np.unique(labels[image])) == set(range(1, count + 1))
