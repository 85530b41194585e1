"""What a structure looks like in a few numbers: grains, texture, and the handful shown beside every trial."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .connectivity import percolates
from .intercepts import mean_chord, mean_intercept, specific_interface
from .structure import FILLED, Floats, Ints, Polycrystal, TwoPhase


def describe(structure: Polycrystal | TwoPhase) -> dict[str, float]:
    """The numbers that go beside every trial; lengths in um, all others dimensionless unless said.

    Polycrystal: ``grains`` (seen in the image), ``whole_grains`` (not cut by the frame), ``grain_diameter``
    (mean equivalent diameter, um) and ``grain_diameter_cv`` (its standard deviation / mean), both over the
    whole grains, or over all where none is whole; ``mean_intercept_x``, ``_y``[, ``_z``] (um);
    ``texture_index`` (0 random .. 1 single crystal).
    TwoPhase: ``volume_fraction``; ``specific_interface`` (1/um); ``inclusion_chord_x``, ``matrix_chord_x``,
    ... (mean chords, um); ``percolates_x``, ... (1 where the inclusion phase spans the axis, else 0). A pixel
    is inclusion where at least half of it is.
    """
    if isinstance(structure, Polycrystal):
        return _of_grains(structure)
    return _of_phases(structure)


def grain_sizes(labels: Ints, *, pixel: float) -> Floats:
    """Area in um^2 (volume in um^3) of each grain that the image shows, in the order of the labels."""
    counts = np.bincount(labels.ravel())
    return np.asarray(counts[counts > 0] * pixel**labels.ndim, dtype=np.float64)


def equivalent_diameters(sizes: Floats, *, dimension: int) -> Floats:
    """Diameter in um of the disk (sphere) with the area in um^2 (volume in um^3) of each grain."""
    return np.sqrt(4 * sizes / math.pi) if dimension == 2 else np.cbrt(6 * sizes / math.pi)


def whole_grains(labels: Ints, *, periodic: bool) -> npt.NDArray[np.bool_]:
    """Which of the grains shown the frame does not cut, in the order of the labels; periodic: all of them."""
    shown = np.unique(labels)
    if periodic:
        return np.ones(shown.shape, dtype=bool)
    faces = [labels.take(end, axis).ravel() for axis in range(labels.ndim) for end in (0, -1)]
    return ~np.isin(shown, np.concatenate(faces))


def neighbour_counts(labels: Ints, *, periodic: bool) -> Ints:
    """Number of grains that share a face with each grain shown, in the order of the labels."""
    shown, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape)
    pairs = []
    for axis in range(labels.ndim):
        there = np.roll(index, -1, axis)
        here, there = (a if periodic else np.delete(a, -1, axis) for a in (index, there))
        pairs += [here[here != there] * len(shown) + there[here != there]]
    one, other = np.divmod(np.unique(np.concatenate(pairs)), len(shown))
    met = np.unique(np.concatenate([one * len(shown) + other, other * len(shown) + one]))
    return np.bincount(met // len(shown), minlength=len(shown)).astype(np.int32)


def texture_index(orientation: Floats, *, fold: int = 4) -> float:
    """Alignment |mean exp(i fold theta)| over the pixels: 1 for a single crystal, near 0 without texture.

    ``orientation``: rad; ``fold``: symmetry of the rotation about x3, 4 for a cubic <100> fibre.
    """
    return float(abs(np.exp(1j * fold * orientation).mean()))


def _of_grains(structure: Polycrystal) -> dict[str, float]:
    labels = structure.labels
    grid: dict[str, Any] = {"pixel": structure.pixel, "periodic": structure.periodic}
    sizes = grain_sizes(labels, pixel=structure.pixel)
    whole = whole_grains(labels, periodic=structure.periodic)
    diameters = equivalent_diameters(sizes[whole] if whole.any() else sizes, dimension=labels.ndim)
    return {
        "grains": float(len(sizes)),
        "whole_grains": float(whole.sum()),
        "grain_diameter": float(diameters.mean()),
        "grain_diameter_cv": float(diameters.std() / diameters.mean()),
        **{
            f"mean_intercept_{name}": mean_intercept(labels, axis=axis, **grid)
            for axis, name in enumerate("xyz"[: labels.ndim])
        },
        "texture_index": texture_index(structure.orientation),
    }


def _of_phases(structure: TwoPhase) -> dict[str, float]:
    inclusion = structure.share >= FILLED
    grid: dict[str, Any] = {"pixel": structure.pixel, "periodic": structure.periodic}
    axes = dict(enumerate("xyz"[: inclusion.ndim]))
    spans = percolates(inclusion, periodic=structure.periodic)
    return {
        "volume_fraction": structure.volume_fraction,
        "specific_interface": specific_interface(inclusion, **grid),
        **{
            f"inclusion_chord_{name}": mean_chord(inclusion, axis=axis, **grid) for axis, name in axes.items()
        },
        **{f"matrix_chord_{name}": mean_chord(~inclusion, axis=axis, **grid) for axis, name in axes.items()},
        **{f"percolates_{name}": float(spans[axis]) for axis, name in axes.items()},
    }
