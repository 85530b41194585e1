"""Images of stored structures: symmetries act on pixels, crystals and labels as the solver confirms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from designloop_oracles.homogenization.beams import beam_moduli, tensile_modulus
from designloop_oracles.homogenization.periodic import effective_conductivity
from designloop_oracles.homogenization.stiffness import film_stiffness, youngs_moduli
from designloop_oracles.homogenization.windows import apparent_stiffness
from designloop_oracles.microstructure.symmetry import ELEMENTS
from designloop_oracles.surrogates import _films as films
from designloop_oracles.surrogates import images as seen

Labels = dict[str, NDArray[Any]]
SIDE = 12


def stored(count: int, *, ny: int = SIDE, nx: int = SIDE, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Grain numbers of slanted strips, without any symmetry, and angles with padding."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:ny, :nx]
    labels = np.stack([((2 * x + 3 * y + k) // 11) % 5 for k in range(count)]).astype(np.uint16)
    angles = rng.uniform(0, math.pi / 2, (count, 7)).astype(np.float32)
    angles[:, 5:] = np.nan
    return labels, angles


def stiffness(images: NDArray[np.float32]) -> torch.Tensor:
    """``(n, 3, 3, ny, nx)`` of orientation channels, read back as angles."""
    angles = np.arctan2(images[:, 1].astype(float), images[:, 0]) / 4
    return film_stiffness(torch.from_numpy(angles)).movedim((-2, -1), (1, 2)).contiguous()


def window_labels(images: NDArray[np.float32]) -> Labels:
    tensor = apparent_stiffness(stiffness(images), boundary="displacement").tensor
    return dict(zip(films.STIFFNESS, films.entries(tensor).T, strict=True))


def pulled_labels(images: NDArray[np.float32]) -> Labels:
    names = {"youngs_modulus": "x", "youngs_modulus_y": "y"}
    return {n: tensile_modulus(stiffness(images), axis=a).value.numpy() for n, a in names.items()}  # type: ignore[arg-type]


def magnetic_labels(images: NDArray[np.float32]) -> Labels:
    tensor = effective_conductivity(torch.from_numpy(1 + 24 * images[:, 0].astype(float))).tensor.numpy()
    return {"mu_11": tensor[:, 0, 0], "mu_22": tensor[:, 1, 1], "mu_12": tensor[:, 0, 1]}


def beam_labels(images: NDArray[np.float32]) -> Labels:
    field = stiffness(images)
    axial, bending = beam_moduli(field)
    side = field.shape[-2]
    parts = [apparent_stiffness(part, boundary="displacement").tensor for part in field.split(side, dim=-1)]
    return {
        "axial_modulus": axial.value.numpy(),
        "bending_modulus": bending.value.numpy(),
        "window_modulus": np.stack([youngs_moduli(part)[:, 0].numpy() for part in parts], axis=1),
        "window_stiffness": np.stack([films.entries(part) for part in parts], axis=1),
    }


def agree(found: Labels, expected: Labels) -> None:
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("solve", [window_labels, pulled_labels], ids=["displacement", "tensile_test"])
def test_a_window_and_its_labels_are_transformed_as_one_body(solve: Any, element: str) -> None:
    image = seen.orientation(*stored(2))
    moved, told = seen.transform(image, solve(image), element, encoding="orientation")
    agree(solve(moved), told)


@pytest.mark.parametrize("element", ELEMENTS)
def test_a_magnetic_cell_and_its_labels_are_transformed_as_one_body(element: str) -> None:
    phases = (stored(2)[0] < 2).astype(np.uint8)
    image = seen.phase(phases)
    before = magnetic_labels(image)
    assert np.abs(before["mu_12"]).min() > 0.1
    moved, told = seen.transform(image, before, element, encoding="phase")
    agree(magnetic_labels(moved), told)


@pytest.mark.parametrize("element", seen.OBLONG)
def test_a_beam_and_its_windows_are_transformed_as_one_body(element: str) -> None:
    image = seen.orientation(*stored(2, ny=6, nx=36))
    moved, told = seen.transform(image, beam_labels(image), element, encoding="orientation")
    agree(beam_labels(moved), told)


def test_one_grain_couples_shear_with_the_sign_of_its_angle() -> None:
    labels, angles = np.zeros((1, 4, 4), np.uint16), np.array([[math.pi / 8]])
    told = window_labels(seen.orientation(labels, angles))
    assert told["stiffness_16"] == pytest.approx(-14.33, abs=1e-3)
    mirrored = seen.transform_labels(told, "mirror_x")
    assert mirrored["stiffness_16"] == pytest.approx(14.33, abs=1e-3)
    assert mirrored["stiffness_11"] == pytest.approx(told["stiffness_11"])


def test_a_laminate_exchanges_its_exact_moduli_under_a_quarter_turn() -> None:
    phases = np.zeros((1, 8, 8), np.uint8)
    phases[:, ::2] = 1
    image = seen.phase(phases)
    moved, told = seen.transform(image, magnetic_labels(image), "rot90", encoding="phase")
    assert told["mu_11"] == pytest.approx(1 / (0.5 + 0.5 / 25), rel=1e-5)
    assert told["mu_22"] == pytest.approx(13.0, rel=1e-5)
    agree(magnetic_labels(moved), told)


def test_the_published_augmentation_keeps_labels_that_the_solver_does_not_confirm() -> None:
    image = seen.orientation(*stored(2))
    before = window_labels(image)
    moved, told = seen.published_augmentation(image, before)
    assert len(moved) == 8 * len(image)
    found = window_labels(moved)["stiffness_11"].reshape(8, -1)
    kept = told["stiffness_11"].reshape(8, -1)
    wrong = np.abs(found - kept).max(axis=1)
    for element, error in zip(ELEMENTS, wrong, strict=True):
        pixels_alone_are_right = element in ("identity", "rot180", "rot90", "rot270")
        assert (error < 1e-3) == pixels_alone_are_right, element


def test_augmented_holds_every_image_under_every_symmetry() -> None:
    image = seen.orientation(*stored(2))
    labels = window_labels(image)
    moved, told = seen.augmented(image, labels, encoding="orientation")
    assert moved.shape == (16, 2, SIDE, SIDE)
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(moved[:2], image)
    agree({name: values[:2] for name, values in told.items()}, labels)
    assert len(seen.augmented(image[..., :6], {}, encoding="orientation")[0]) == 8


def test_rolling_a_periodic_cell_keeps_its_labels() -> None:
    image = seen.phase((stored(1)[0] < 2).astype(np.uint8))
    agree(magnetic_labels(seen.roll(image, (3, 5), periodic=True)), magnetic_labels(image))
    np.testing.assert_array_equal(seen.roll(image, (3, 0), periodic=True)[..., 3], image[..., 0])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda image: seen.roll(image, (1, 0), periodic=False), "only periodic cells can be rolled"),
        (
            lambda image: seen.transform_labels({"youngs_modulus": image}, "rot90"),
            "of youngs_modulus_y: give",
        ),
        (lambda image: seen.transform_labels({"colour": image}, "rot180"), "nothing is known of colour"),
        (lambda image: seen.transform_labels({"axial_modulus": image}, "rot90"), "nothing is known of axial"),
        (lambda image: seen.transform_labels({"mu_12": image}, "mirror_x"), "nothing is known of mu_12"),
        (lambda _: seen.transform_labels({}, "rot45"), "no symmetry 'rot45'; write one of identity"),
        (
            lambda image: seen.transform(image[..., :6], {}, "rot90", encoding="orientation"),
            "rot90 turns an oblong image",
        ),
        (lambda image: seen.published_resampling(image, pixels=5), "write a divisor"),
    ],
    ids=["roll", "partner", "unknown", "beam", "part", "element", "oblong", "blocks"],
)
def test_what_would_be_wrong_is_refused(call: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call(seen.orientation(*stored(1)))


def test_the_published_image_has_another_pixel_for_the_same_crystal() -> None:
    labels = np.array([[[0, 1]]])
    angles = np.array([[0.0, math.pi / 2 - 1e-9]])
    np.testing.assert_allclose(seen.published_grey(labels, angles)[0, 0, 0], [0, 1], atol=1e-6)
    np.testing.assert_allclose(seen.orientation(labels, angles)[0, :, 0], [[1, 1], [0, 0]], atol=1e-6)


def test_the_published_median_removes_a_lone_pixel_and_keeps_a_flat_image() -> None:
    image = np.full((1, 1, 8, 8), 0.25, np.float32)
    spotted = image.copy()
    spotted[0, 0, 3, 4] = 1
    np.testing.assert_array_equal(seen.published_median(spotted), image)


def test_the_published_resampling_takes_means_of_blocks() -> None:
    image = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    np.testing.assert_array_equal(
        seen.published_resampling(image, pixels=2)[0, 0], [[2.5, 4.5], [10.5, 12.5]]
    )
