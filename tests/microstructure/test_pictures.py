import math

import numpy as np
import pytest
from matplotlib import image as png
from matplotlib import rcParams

from designloop_oracles.microstructure.pictures import field_picture, picture
from designloop_oracles.microstructure.structure import Polycrystal, TwoPhase


def grains(*shape, angles=(0.0, 0.8), periodic=True):
    labels = (np.indices(shape).sum(axis=0) // 4 % len(angles)).astype(np.int32)
    return Polycrystal(labels=labels, angles=np.array(angles), pixel=0.1, periodic=periodic)


def phases(*shape, grey=False):
    share = np.indices(shape)[-1] % 8 < 4
    return TwoPhase(share=share * (0.5 if grey else 1.0), pixel=0.1, periodic=True)


def share_of(pixels, color):
    """Fraction of the picture that has a colour."""
    return np.mean(np.all(np.abs(pixels[..., :3] - np.array(color) / 255) < 0.02, axis=-1))


@pytest.mark.parametrize(
    "structure",
    [grains(20, 20), grains(8, 160), grains(160, 8), grains(9, 10, 11), grains(2, 40, 40),
     phases(20, 20), phases(20, 20, grey=True), phases(9, 10, 11), grains(1, 1), phases(1, 300)],
    ids=["grains", "beam", "column", "volume", "slab", "phases", "grey", "phases 3-D", "one pixel", "line"],
)  # fmt: skip
def test_every_structure_gives_a_picture_of_readable_size(structure, tmp_path):
    path = picture(structure, tmp_path / "structure.png", title="A structure")
    high, wide, _ = png.imread(path).shape
    assert 200 <= high <= 1200
    assert 500 <= wide <= 1700


def test_the_first_row_is_at_the_bottom(tmp_path):
    share = np.zeros((40, 40))
    share[:20] = 1.0
    seen = png.imread(
        picture(TwoPhase(share=share, pixel=0.1, periodic=True), tmp_path / "a.png", title="half")
    )
    upper, lower = seen[: len(seen) // 2 - 20], seen[len(seen) // 2 - 20 :]
    blue = (11, 79, 125)
    assert share_of(lower, blue) > 0.3
    assert share_of(upper, blue) < 0.08


def test_angles_a_period_apart_look_alike(tmp_path):
    one = picture(grains(20, 20, angles=(0.1, 0.8)), tmp_path / "a.png", title="a")
    same = picture(
        grains(20, 20, angles=(0.1 + math.pi / 2, 0.8 - math.pi / 2)), tmp_path / "b.png", title="a"
    )
    other = picture(
        grains(20, 20, angles=(0.1 + math.pi / 2, 0.8)), tmp_path / "c.png", title="a", period=math.pi
    )
    assert np.array_equal(png.imread(one), png.imread(same))
    assert not np.array_equal(png.imread(one), png.imread(other))


def test_a_slender_beam_is_no_hairline(tmp_path):
    beam = TwoPhase(share=np.ones((20, 400)), pixel=0.1, periodic=False)
    seen = png.imread(picture(beam, tmp_path / "beam.png", title="40 x 2 um"))
    assert share_of(seen, (11, 79, 125)) > 0.3


def test_a_field_is_drawn_over_its_structure(tmp_path):
    for structure, shape in ((grains(20, 30), (20, 30)), (phases(6, 8, 10), (6, 8, 10))):
        values = np.random.default_rng(0).normal(size=shape)
        path = field_picture(values, tmp_path / "f.png", title="f", label="|B| [T]", structure=structure)
        assert png.imread(path).ndim == 3


def test_a_uniform_field_is_drawn(tmp_path):
    path = field_picture(np.ones((8, 8)), tmp_path / "f.png", title="f", label="x", structure=phases(8, 8))
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.ones((4, 4)), r"the field has shape \(4, 4\), its structure \(8, 8\)"),
     (np.full((8, 8), math.nan), "not finite; draw a converged solution")],
)  # fmt: skip
def test_a_field_that_does_not_fit_is_refused(values, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        field_picture(values, tmp_path / "f.png", title="f", label="x", structure=phases(8, 8))


def test_no_global_setting_changes(tmp_path):
    before = dict(rcParams)
    picture(phases(8, 8), tmp_path / "a.png", title="a")
    assert dict(rcParams) == before
