"""A packing drawn on a grid of any pixel: crisp, or with the share of the particles in each pixel."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .particles import Packing
from .structure import Floats, TwoPhase, shape_of

_ON_THE_RIM = 1e-9
_CHUNK = 200_000


def draw(packing: Packing, *, pixel: float, supersample: int = 1) -> TwoPhase:
    """Image ``(ny, nx)`` or ``(nz, ny, nx)`` of a packing: 1 in the particles (their union), 0 between them.

    ``pixel`` in um. With ``supersample = 1`` a pixel belongs to a particle where its centre does (a centre
    on the rim is inside); with s > 1 it holds the share of its s x s [x s] sub-pixel centres that do.
    Drawing one packing at pixel, pixel / 2, ... refines the same geometry. Raises ValueError where a side is
    not a whole number of pixels.
    """
    shape = shape_of(packing.size, pixel)
    if supersample < 1 or supersample % 1:
        raise ValueError(
            f"supersample is {supersample}; write a whole number, 1 for a crisp image or 8 for area fractions"
        )
    hits = np.zeros(shape, dtype=np.uint16 if supersample ** len(shape) < 2**16 else np.uint32)
    offsets = (np.arange(supersample) + 0.5) / supersample
    for offset in itertools.product(offsets, repeat=len(shape)):
        covered = np.zeros(hits.size, dtype=bool)
        for index, squared in squared_distances(packing, shape=shape, offset=offset):
            covered[index[squared <= 1.0 + _ON_THE_RIM]] = True
        hits += covered.reshape(shape)
    return TwoPhase(share=hits / float(supersample ** len(shape)), pixel=pixel, periodic=packing.periodic)


def published_grey(image: TwoPhase) -> npt.NDArray[np.uint8]:
    """The grey image of Aldakheel et al. (2023): 0 in the particles, 255 in the matrix, same shape."""
    return np.rint(255.0 * (1.0 - image.share)).astype(np.uint8)


def squared_distances(
    packing: Packing, *, shape: tuple[int, ...], offset: tuple[float, ...]
) -> Iterator[tuple[npt.NDArray[np.intp], Floats]]:
    """Squared distance of the pixels near each particle from its centre, in units of its radius: <= 1 inside.

    ``shape``: pixels of the box, ``(ny, nx)`` or ``(nz, ny, nx)``, sampled at ``offset`` (x, y[, z], in
    pixels) from their corner. Yields, for particles of about equal width at a time, flat pixel indices and
    squared distances, both ``(m, w, w[, w])`` with x last; of an ellipse the distance is measured in its
    semi-axes.
    """
    pixels = np.array(packing.size) / shape[::-1]
    widths = np.ceil(2.0 * packing.semi_axes[:, 0] / pixels.min()).astype(int) + 2
    for width in np.unique(widths):
        (numbers,) = np.nonzero(widths == width)
        count = max(1, _CHUNK // int(width) ** len(shape))
        for start in range(0, len(numbers), count):
            chosen = numbers[start : start + count]
            index, along = _windows(packing, chosen, int(width), shape, offset)
            yield index, _squared(packing, chosen, along)


def _windows(
    packing: Packing,
    chosen: npt.NDArray[np.intp],
    width: int,
    shape: tuple[int, ...],
    offset: tuple[float, ...],
) -> tuple[npt.NDArray[np.intp], list[Floats]]:
    """Flat indices ``(m, w, ..., w)`` and, by axis, distances from the centre in um."""
    dimension = len(shape)
    index = np.zeros((len(chosen),) + (1,) * dimension, dtype=np.intp)
    along, stride = [], 1
    for axis, (count, shift) in enumerate(zip(reversed(shape), offset, strict=True)):
        pixel = packing.size[axis] / count
        centre = packing.centres[chosen, axis, None] / pixel
        reach = packing.semi_axes[chosen, :1] / pixel
        column = np.floor(centre - reach - shift).astype(np.intp) + np.arange(width)
        distance = (column + shift - centre) * pixel
        if not packing.periodic:
            distance[(column < 0) | (column >= count)] = np.inf
        place = [len(chosen)] + [1] * dimension
        place[dimension - axis] = width
        index = index + (column % count * stride).reshape(place)
        along.append(distance.reshape(place))
        stride *= count
    return index, along


def _squared(packing: Packing, chosen: npt.NDArray[np.intp], along: list[Floats]) -> Floats:
    """Sum over the axes of (distance / semi-axis)^2."""
    each = (len(chosen),) + (1,) * len(along)
    long, short = (packing.semi_axes[chosen, k].reshape(each) for k in (0, 1))
    if packing.angles is None:
        return sum((distance / long) ** 2 for distance in along)
    cos, sin = (turn(packing.angles[chosen]).reshape(each) for turn in (np.cos, np.sin))
    x, y = along
    return ((x * cos + y * sin) / long) ** 2 + ((y * cos - x * sin) / short) ** 2
