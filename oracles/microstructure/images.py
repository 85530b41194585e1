"""Polycrystals as images for networks."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from .structure import Polycrystal

Pixels = npt.NDArray[np.float32]


def orientation_channels(polycrystal: Polycrystal, *, period: float = math.pi / 2) -> Pixels:
    """Channels (cos phi, sin phi), phi = 2 pi theta / period, float32, ``(2, ny, nx)`` or
    ``(2, nz, ny, nx)``.

    For a <100> fibre (period pi/2) these are cos 4 theta and sin 4 theta, the only functions of the angle
    that enter the in-plane stiffness. Equal crystals have equal pixels, which grey angles do not offer.
    """
    phases = polycrystal.angles * (2 * np.pi / period)
    colours = np.stack([np.cos(phases), np.sin(phases)]).astype(np.float32)
    return colours[:, polycrystal.labels]


def grey_image(polycrystal: Polycrystal, *, period: float = math.pi / 2) -> Pixels:
    """Grey values theta / period in [0, 1], ``(ny, nx)`` or ``(nz, ny, nx)``, float32: the published input.

    For reproduction only (Quesada-Molina and Mariani 2022): grey 0 and grey 1 are the same crystal, so never
    interpolate or filter these values.
    """
    return (polycrystal.angles / period).astype(np.float32)[polycrystal.labels]


def orientation_batch(polycrystals: Iterable[Polycrystal], *, period: float = math.pi / 2) -> Pixels:
    """``orientation_channels`` stacked to ``(batch, 2, ny, nx)``; raises ValueError for unequal shapes."""
    return _stack([orientation_channels(item, period=period) for item in polycrystals])


def grey_batch(polycrystals: Iterable[Polycrystal], *, period: float = math.pi / 2) -> Pixels:
    """``grey_image`` stacked to ``(batch, ny, nx)``; raises ValueError for unequal shapes."""
    return _stack([grey_image(item, period=period) for item in polycrystals])


def _stack(images: list[Pixels]) -> Pixels:
    shapes = sorted({image.shape for image in images})
    if len(shapes) != 1:
        found = " and ".join(map(str, shapes)) or "no images"
        raise ValueError(f"a batch needs images of one shape, not {found}; draw them on equal grids")
    return np.stack(images)
