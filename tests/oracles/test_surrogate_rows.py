"""Networks see the structures on the grid that they answer for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from designloop.learning import datasets
from designloop_oracles.surrogates._rows import Rows
from designloop_oracles.surrogates._spaces import SPACES
from designloop_oracles.surrogates.presets import Beams, Sve

EVERY = np.arange(3)


def rows(folder: Path, source: object, network: str) -> Rows:
    data = datasets.make(source, folder, count=len(EVERY))  # type: ignore[arg-type]
    return Rows(data=data, space=SPACES[network])


@pytest.mark.parametrize("boundary", ["displacement", "traction"])
def test_coarse_images_are_drawn_again_on_the_grid_of_the_labels(tmp_path: Path, boundary: str) -> None:
    coarse = rows(tmp_path / "coarse", Sve(pixels=16, solver_pixels=32, boundary=boundary), "window_net")
    fine = rows(tmp_path / "fine", Sve(pixels=32, solver_pixels=32, boundary=boundary), "window_net")
    np.testing.assert_array_equal(coarse.labels(EVERY), fine.labels(EVERY))
    np.testing.assert_allclose(coarse.images(EVERY), fine.images(EVERY), atol=1e-6)


def test_published_networks_see_the_stored_image(tmp_path: Path) -> None:
    stored = rows(tmp_path / "set", Sve(pixels=16, solver_pixels=32), "sve_cnn")
    assert stored.images(EVERY).shape == (3, 1, 16, 16)


def test_a_beam_is_seen_as_it_was_solved(tmp_path: Path) -> None:
    seen = rows(
        tmp_path / "set", Beams(length=10.0, pixels_per_um=16, solver_pixels_per_um=8), "whole_beam_net"
    )
    assert seen.images(EVERY).shape == (3, 2, 16, 80)
