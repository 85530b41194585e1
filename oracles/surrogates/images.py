"""Stored structures as images for networks, and the square's symmetries on images and labels together.

Images are float32 ``(n, channels, ny, nx)``. A symmetry moves pixels, turns crystals and transforms labels:
an image moved alone shows another material, and a quarter turn makes E_x of E_y. What published work did
instead (grey angles, median filters, labels kept under every flip) is here for reproduction, under names that
say so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..microstructure.images import grey_batch, orientation_batch
from ..microstructure.structure import Polycrystal
from ..microstructure.symmetry import (
    ELEMENTS,
    transform_channels,
    transform_pixels,
    transform_stiffness,
    transform_tensor,
)
from ._films import ENTRIES, STIFFNESS

Images = NDArray[np.float32]
Labels = Mapping[str, NDArray[Any]]
Encoding = Literal["orientation", "phase"]

OBLONG = ("identity", "mirror_x", "mirror_y", "rot180")
"""Symmetries that keep a rectangle's sides where they are."""
PUBLISHED_FILTERS = 5
_PERMEABILITY = ("mu_11", "mu_22", "mu_12")
_PAIRS = {"youngs_modulus": "youngs_modulus_y", "youngs_modulus_y": "youngs_modulus"}
_KEPT = ("shear_modulus", "principal_modulus")
_KEPT_BY_OBLONG = ("axial_modulus", "axial_modulus_displacement", "bending_modulus")


def structures(labels: NDArray[Any], angles: NDArray[Any]) -> list[Polycrystal]:
    """Stored columns ``labels`` ``(n, ny, nx)`` and ``angles`` ``(n, grains)`` as polycrystals."""
    return [
        Polycrystal(labels=one, angles=turns[np.isfinite(turns)].astype(float), pixel=1.0, periodic=False)
        for one, turns in zip(labels, angles, strict=True)
    ]


def orientation(labels: NDArray[Any], angles: NDArray[Any], *, period: float = math.pi / 2) -> Images:
    """Channels cos 4t and sin 4t of <100> fibre films, ``(n, 2, ny, nx)``: all that their stiffness sees."""
    return orientation_batch(structures(labels, angles), period=period)


def phase(phases: NDArray[Any]) -> Images:
    """Stored column ``phase`` ``(n, ny, nx)`` as one channel: 1 in the disks, 0 between them."""
    return np.asarray(phases, dtype=np.float32)[:, None]


def published_grey(labels: NDArray[Any], angles: NDArray[Any]) -> Images:
    """One channel t / (pi/2) in [0, 1] (Quesada-Molina and Mariani 2022): 0 and 1 are the same crystal."""
    return grey_batch(structures(labels, angles))[:, None]


def published_median(images: Images, *, times: int = PUBLISHED_FILTERS) -> Images:
    """3 x 3 median filter, five times over, as published: on grey angles it invents crystals."""
    from scipy.ndimage import median_filter

    for _ in range(times):
        images = median_filter(images, size=(1, 1, 3, 3), mode="nearest")
    return images


def published_resampling(images: Images, *, pixels: int) -> Images:
    """Means over blocks down to ``pixels`` a side, as published for 512 -> 128; draw on that grid instead.

    Raises ValueError where ``pixels`` does not divide the image.
    """
    count, channels, ny, nx = images.shape
    if pixels < 1 or ny % pixels or nx % pixels:
        raise ValueError(f"an image of {nx} x {ny} pixels has no whole blocks for {pixels}; write a divisor")
    blocks = images.reshape(count, channels, pixels, ny // pixels, pixels, nx // pixels)
    return np.asarray(blocks.mean(axis=(3, 5), dtype=np.float64), dtype=np.float32)


def transform(
    images: Images, labels: Labels, element: str, *, encoding: Encoding, period: float = math.pi / 2
) -> tuple[Images, dict[str, NDArray[Any]]]:
    """Images and labels of the structures after a symmetry of ``symmetry.ELEMENTS``, as physics has it.

    ``encoding``: ``orientation`` channels turn with their crystals, ``phase`` pixels only move. Raises
    ValueError for a quarter turn or a diagonal of images that are not square, and as ``transform_labels``.
    """
    if images.shape[-1] != images.shape[-2] and element not in OBLONG:
        raise ValueError(f"{element} turns an oblong image on its side; use one of {', '.join(OBLONG)}")
    if encoding == "orientation":
        moved = transform_channels(images, element, period=period)
    else:
        moved = transform_pixels(images, element)
    return moved, transform_labels(labels, element)


def transform_labels(labels: Labels, element: str) -> dict[str, NDArray[Any]]:
    """Labels, by the column names of the data sets, of structures after a symmetry.

    Tensors follow their axes: mirrors change the sign of mu_12, stiffness_16 and stiffness_26; quarter turns
    and diagonals exchange x and y. Raises ValueError for a label that lacks its partner or has no rule.
    """
    matrix = ELEMENTS.get(element)
    if matrix is None:
        raise ValueError(f"there is no symmetry {element!r}; write one of {', '.join(ELEMENTS)}")
    exchanged = matrix[0][0] == 0
    tensors = _tensors(labels, element)
    result = {}
    for name, values in labels.items():
        if name in tensors:
            result[name] = tensors[name]
        elif name in _PAIRS:
            result[name] = _partner(labels, name) if exchanged else values
        elif name in _KEPT or (name in _KEPT_BY_OBLONG and not exchanged):
            result[name] = values
        elif name in ("window_modulus", "window_stiffness") and not exchanged:
            result[name] = _windows(name, values, element)
        else:
            raise ValueError(f"nothing is known of {name} under {element}; leave it out")
    return result


def _partner(labels: Labels, name: str) -> NDArray[Any]:
    if _PAIRS[name] not in labels:
        raise ValueError(f"a quarter turn or diagonal makes {name} of {_PAIRS[name]}: give both")
    return labels[_PAIRS[name]]


def _tensors(labels: Labels, element: str) -> dict[str, NDArray[Any]]:
    """Whole tensors among the labels, transformed."""
    found: dict[str, NDArray[Any]] = {}
    for names, places, act in (
        (STIFFNESS, ENTRIES, transform_stiffness),
        (_PERMEABILITY, ((0, 0), (1, 1), (0, 1)), transform_tensor),
    ):
        if not all(name in labels for name in names):
            continue
        size = 1 + max(max(place) for place in places)
        tensor = np.empty((*labels[names[0]].shape, size, size))
        for name, (i, j) in zip(names, places, strict=True):
            tensor[..., i, j] = tensor[..., j, i] = labels[name]
        moved = act(tensor, element)
        found |= {name: moved[..., i, j] for name, (i, j) in zip(names, places, strict=True)}
    return found


def _windows(name: str, values: NDArray[Any], element: str) -> NDArray[Any]:
    """Windows along x, ``(n, windows[, 6])``: x reversed reverses their order."""
    if name == "window_stiffness":
        entries = {one: values[..., k] for k, one in enumerate(STIFFNESS)}
        values = np.stack(list(_tensors(entries, element).values()), axis=-1)
    return values[:, ::-1] if ELEMENTS[element][0][0] < 0 else values


def roll(images: Images, shift: tuple[int, int], *, periodic: bool) -> Images:
    """Images moved by whole pixels (x, y), labels kept; raises ValueError for windows cut from a film."""
    if not periodic:
        raise ValueError("only periodic cells can be rolled: the opposite edges of a cut window do not meet")
    return np.roll(images, shift[::-1], axis=(-2, -1))


def augmented(
    images: Images, labels: Labels, *, encoding: Encoding, elements: Sequence[str] | None = None
) -> tuple[Images, dict[str, NDArray[Any]]]:
    """All images under all ``elements`` (default: every symmetry of their shape), element by element."""
    if elements is None:
        elements = tuple(ELEMENTS) if images.shape[-1] == images.shape[-2] else OBLONG
    parts = [transform(images, labels, element, encoding=encoding) for element in elements]
    return (
        np.concatenate([moved for moved, _ in parts]),
        {name: np.concatenate([told[name] for _, told in parts]) for name in labels},
    )


def published_augmentation(images: Images, labels: Labels) -> tuple[Images, dict[str, NDArray[Any]]]:
    """The eight flips and turns with values and labels kept, as published: wrong for half of them.

    For reproduction only. A mirrored image that keeps its angles is another material. Turns are right by luck
    for <100> films under uniform displacements, tractions or periodicity: their bulk modulus does not vary,
    so E_x = E_y exactly. In a tensile test and for permeability they exchange the axes, so labels too.
    """
    moved = np.concatenate([transform_pixels(images, element) for element in ELEMENTS])
    return moved, {name: np.concatenate([values] * len(ELEMENTS)) for name, values in labels.items()}
