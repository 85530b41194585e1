"""Line intercepts of an image: boundary crossings, chords, and the amount of interface.

An image is a crisp phase (bool) or grain labels, ``(ny, nx)`` or ``(nz, ny, nx)``. Axes are counted x = 0,
y = 1, z = 2. Lines wrap around a periodic image; in a cut one they end at the frame.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import SphericalVoronoi

from .structure import Floats

Image = npt.NDArray[Any]
Phase = npt.NDArray[np.bool_]


def crossing_density(image: Image, *, direction: tuple[int, ...], pixel: float, periodic: bool) -> float:
    """Boundary crossings per length of line in 1/um; ``direction``: the line's step in pixels, x, y[, z]."""
    steps = direction[::-1]
    if periodic:
        changed = image != np.roll(image, steps, axis=tuple(range(image.ndim)))
    else:
        changed = image[tuple(map(_shifted, steps))] != image[tuple(_shifted(-step) for step in steps)]
    return float(np.count_nonzero(changed) / max(changed.size, 1) / (math.hypot(*direction) * pixel))


def mean_chord(phase: Phase, *, axis: int, pixel: float, periodic: bool) -> float:
    """Mean length in um of a phase's runs along an axis; 0 where the phase is absent.

    It is the phase's length per half crossing, so chords cut by the frame do not bias it; a line wholly
    inside counts as one chord as long as the side. Source: Torquato 2002, ch. 2.
    """
    crossings = crossing_density(phase, direction=_unit(phase.ndim, axis), pixel=pixel, periodic=periodic)
    whole = phase.all(axis=-1 - axis).mean() / (phase.shape[-1 - axis] * pixel)
    return float(phase.mean() / (crossings / 2 + whole)) if phase.any() else 0.0


def mean_intercept(labels: Image, *, axis: int, pixel: float, periodic: bool) -> float:
    """Mean length in um of the runs of equal labels along an axis: the line-intercept grain size.

    A line wholly inside one grain counts as one intercept as long as the side. Source: ASTM E112.
    """
    crossings = crossing_density(labels, direction=_unit(labels.ndim, axis), pixel=pixel, periodic=periodic)
    lines = np.moveaxis(labels, -1 - axis, 0)
    whole = (lines == lines[0]).all(axis=0).mean() / (len(lines) * pixel)
    return float(1 / (crossings + whole))


def chord_lengths(image: Image, *, axis: int, pixel: float, periodic: bool) -> tuple[Floats, Image]:
    """Every run along an axis: its length in um and the value (phase, label) it runs through.

    Runs cut by the frame of a cut image are left out: they are no chords. In a periodic image a line of one
    value is one chord as long as the side.
    """
    moved = np.moveaxis(image, -1 - axis, -1)
    lines = moved.reshape(-1, moved.shape[-1])
    count = lines.shape[1]
    if periodic:
        first = (lines != np.roll(lines, 1, axis=1)).argmax(axis=1)
        lines = np.take_along_axis(lines, (np.arange(count) + first[:, None]) % count, axis=1)
    starts = np.ones(lines.shape, dtype=bool)
    starts[:, 1:] = lines[:, 1:] != lines[:, :-1]
    begin = np.flatnonzero(starts)
    end = np.append(begin[1:], lines.size)
    kept = np.full(begin.shape, True) if periodic else (begin % count > 0) & (end % count > 0)
    return np.asarray((end - begin)[kept] * pixel, dtype=np.float64), lines.ravel()[begin[kept]]


def specific_interface(image: Image, *, pixel: float, periodic: bool) -> float:
    """Boundary per volume in 1/um (2-D: perimeter per area), free of the stair-case bias.

    Crofton's formula over the 4 (2-D) or 13 (3-D) lattice lines to the nearest neighbours, each weighted by
    the directions closest to it. Over interfaces of all orientations it is unbiased; a single flat one reads
    5 % low to 3 % high in 2-D, 7 % low to 2 % high in 3-D, lowest along the axes. Parts thinner than two
    pixels are missed. Source: Ohser & Muecklich 2000.
    """
    factor = math.pi / 2 if image.ndim == 2 else 2.0
    return factor * sum(
        weight * crossing_density(image, direction=direction, pixel=pixel, periodic=periodic)
        for direction, weight in _directions(image.ndim).items()
    )


@lru_cache
def _directions(ndim: int) -> dict[tuple[int, ...], float]:
    """Lattice lines to the nearest neighbours and their share of all directions."""
    around = [d for d in itertools.product((-1, 0, 1), repeat=ndim) if any(d)]
    if ndim == 2:
        share = np.full(8, 1 / 8)
    else:
        points = np.array(around) / np.linalg.norm(around, axis=1, keepdims=True)
        share = SphericalVoronoi(points).calculate_areas() / (4 * math.pi)
    return {d: float(2 * s) for d, s in zip(around, share, strict=True) if d > (0,) * ndim}


def _unit(ndim: int, axis: int) -> tuple[int, ...]:
    if not 0 <= axis < ndim:
        raise ValueError(f"axis is {axis}; this image has x = 0 to {'xyz'[ndim - 1]} = {ndim - 1}")
    return tuple(int(i == axis) for i in range(ndim))


def _shifted(step: int) -> slice:
    return slice(step, None) if step > 0 else slice(None, step or None)
