"""Seeded polycrystals in one call, single or in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .orientations import UNIFORM, Texture, draw_angles
from .seeds import child_seed
from .structure import Polycrystal
from .tessellation import draw, tessellate


def polycrystal(
    *,
    size: tuple[float, ...],
    spacing: float,
    pixel: float,
    periodic: bool,
    regularization: str = "jitter",
    jitter: float = 0.5,
    separation: float = 0.7,
    lloyd_steps: int = 2,
    lloyd_from: str = "poisson",
    size_spread: float = 0.0,
    texture: Texture = UNIFORM,
    seed: int | np.random.SeedSequence,
) -> Polycrystal:
    """A random polycrystal of ``size`` (x, y[, z]) um, labels ``(ny, nx)`` or ``(nz, ny, nx)``.

    ``spacing``: of the generators (``spacing_of`` converts an equivalent diameter), um. Equal arguments other
    than ``pixel`` give the same structure, grain angles included, at every resolution. Options as in
    ``tessellate``; raises ValueError for any argument out of range.
    """
    tessellation = tessellate(
        size=size,
        spacing=spacing,
        periodic=periodic,
        regularization=regularization,
        jitter=jitter,
        separation=separation,
        lloyd_steps=lloyd_steps,
        lloyd_from=lloyd_from,
        size_spread=size_spread,
        seed=child_seed(seed, 0),
    )
    angles = draw_angles(texture, len(tessellation.sites), seed=child_seed(seed, 1))
    return draw(tessellation, angles, pixel=pixel)


def polycrystals(
    count: int,
    *,
    seed: int | np.random.SeedSequence,
    **options: Any,
) -> Iterator[Polycrystal]:
    """Independent polycrystals, one at a time; ``options`` are those of ``polycrystal``.

    Sample k is ``polycrystal(seed=child_seed(seed, k), ...)``, whatever the size of the batch.
    """
    for sample in range(count):
        yield polycrystal(seed=child_seed(seed, sample), **options)
