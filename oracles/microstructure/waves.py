"""Two-phase structures cut from a Gaussian random field: levelled waves and filtered noise.

The field is a sum of N cosines of equal amplitude with random wavevectors and phases (Cahn 1965); one phase
is where it stays below a level (Teubner 1991). Its correlation is g(r) = E[cos(q . r)], so the law of the
wavevectors is the structure: all on one shell give levelled waves, normal ones give filtered noise.

In a periodic box each wavevector moves to the nearest one of the box's reciprocal lattice; that multiplies
g(r) by sinc(r / side) along each axis and repeats it, so a box of a few wavelengths changes the structure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from .seeds import generator
from .structure import Floats, TwoPhase, shape_of

MOST_WAVES = 10**5


@dataclass(frozen=True, kw_only=True)
class Waves:
    """A Gaussian random field in a box and the level that cuts it; no pixels.

    ``wavevectors``: ``(n_waves, 2 or 3)``, rad/um, components in the order x, y[, z]; ``phases``:
    ``(n_waves,)``, rad; ``size``: sides ``(x, y[, z])`` of the box, um. The field has mean 0 and variance 1,
    the inclusion phase is where it is below ``level``.
    """

    wavevectors: Floats
    phases: Floats
    level: float
    size: tuple[float, ...]
    periodic: bool


def levelled_waves(
    *,
    size: tuple[float, ...],
    wavelength: float,
    volume_fraction: float,
    seed: int | np.random.SeedSequence,
    bandwidth: float = 0.0,
    stretch: tuple[float, ...] | None = None,
    periodic: bool = True,
    n_waves: int = 512,
    exact_fraction: bool = False,
) -> Waves:
    """Waves of one length and random directions: a bicontinuous structure around one half.

    ``size``: sides ``(x, y[, z])`` of the box, um. ``wavelength``: um; at a fraction of one half the mean
    chord of either phase is wavelength * sqrt(dimension) / 2. ``bandwidth``: its relative spread
    (log-normal). ``stretch``: how much longer the structure is along each axis. ``exact_fraction``: see
    :func:`filtered_noise`. Raises ValueError for values out of range and for a periodic box too short for
    one wave. Source: Cahn 1965; Soyarslan et al. 2018 (periodic form).
    """
    factors = np.asarray(_per_axis("stretch", stretch or (1.0,) * len(size), size))
    _positive("wavelength", wavelength)
    if not 0 <= bandwidth <= 1:
        raise ValueError(f"bandwidth is {bandwidth:g}; give a relative spread between 0 and 1")

    def draw_vectors(rng: np.random.Generator) -> Floats:
        directions = rng.standard_normal((n_waves, len(size)))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = wavelength * np.exp(bandwidth * rng.standard_normal((n_waves, 1)))
        return np.asarray(2 * math.pi * directions / (lengths * factors))

    return _cut(size, draw_vectors, volume_fraction, seed, periodic, n_waves, exact_fraction)


def filtered_noise(
    *,
    size: tuple[float, ...],
    grain_size: tuple[float, ...],
    volume_fraction: float,
    seed: int | np.random.SeedSequence,
    periodic: bool = True,
    n_waves: int = 512,
    exact_fraction: bool = True,
) -> Waves:
    """White noise under a Gaussian filter, cut at the volume fraction: grains of one size per axis.

    ``size``: sides ``(x, y[, z])`` of the box, um. ``grain_size``: ``(x, y[, z])``, um; the filter's standard
    deviation is grain size / (2 pi), the field's correlation exp(-sum (pi r_i / grain_i)^2); at a fraction of
    one half the mean chord of either phase along an axis is grain size / sqrt(2).

    ``exact_fraction``: with it the level is the quantile of this realization, so each structure has the
    fraction asked for (to about one part in a thousand before it is drawn on pixels). Without it the level is
    the quantile of the Gaussian law: the fraction scatters from seed to seed as in a window cut from an
    endless medium, and only its mean is the one asked for. Raises ValueError as :func:`levelled_waves`.
    Source: the published 31^3 family is made so on voxels (Kelly & Kalidindi 2021); here by random waves,
    hence independent of the grid.
    """
    grains = np.asarray(_per_axis("grain_size", grain_size, size))

    def draw_vectors(rng: np.random.Generator) -> Floats:
        return rng.standard_normal((n_waves, len(size))) * (math.sqrt(2) * math.pi / grains)

    return _cut(size, draw_vectors, volume_fraction, seed, periodic, n_waves, exact_fraction)


def field(waves: Waves, *, pixel: float) -> Floats:
    """The Gaussian field at the pixel centres, ``(ny, nx)`` or ``(nz, ny, nx)``.

    ``pixel``: um. Raises ValueError where a side of the box is not a whole number of pixels.
    """
    return _evaluate(waves, shape_of(waves.size, pixel))


def draw(waves: Waves, *, pixel: float, supersample: int = 1) -> TwoPhase:
    """The structure on a grid; with ``supersample`` n each pixel is the mean of n per axis.

    ``pixel``: um. Raises ValueError where a side of the box is not a whole number of pixels.
    """
    if supersample < 1 or supersample % 1:
        raise ValueError(f"supersample is {supersample}; give a whole number of points per pixel, 1 or more")
    shape = shape_of(waves.size, pixel)
    inside = _evaluate(waves, tuple(count * supersample for count in shape)) < waves.level
    split = inside.reshape([n for count in shape for n in (count, supersample)])
    share = split.mean(axis=tuple(range(1, split.ndim, 2)), dtype=np.float64)
    return TwoPhase(share=share, pixel=pixel, periodic=waves.periodic)


def _cut(
    size: tuple[float, ...],
    draw_vectors: Callable[[np.random.Generator], Floats],
    fraction: float,
    seed: int | np.random.SeedSequence,
    periodic: bool,
    n_waves: int,
    exact: bool,
) -> Waves:
    """Field from a law of wavevectors, and its level."""
    if not 0 < fraction < 1:
        raise ValueError(f"volume_fraction is {fraction:g}; give a value between 0 and 1")
    if not 1 <= n_waves <= MOST_WAVES:
        raise ValueError(f"n_waves is {n_waves}; give 1 to {MOST_WAVES}")
    rng = generator(seed)
    vectors = _snapped(draw_vectors, rng, size) if periodic else draw_vectors(rng)
    phases = rng.uniform(0, 2 * math.pi, len(vectors))
    law = Waves(
        wavevectors=vectors, phases=phases, level=float(ndtri(fraction)), size=size, periodic=periodic
    )
    return _exact(law, fraction) if exact else law


def _exact(waves: Waves, fraction: float) -> Waves:
    """The same field, cut at its own quantile on a fine grid that no later pixel size changes."""
    step = (math.prod(waves.size) / 2 ** (16 if len(waves.size) == 2 else 18)) ** (1 / len(waves.size))
    values = _evaluate(waves, tuple(math.ceil(side / step) for side in reversed(waves.size)))
    level = float(np.quantile(values, fraction))
    return Waves(**(vars(waves) | {"level": level}))


def _snapped(
    draw_vectors: Callable[[np.random.Generator], Floats], rng: np.random.Generator, size: tuple[float, ...]
) -> Floats:
    """Wavevectors on the reciprocal lattice; those that fall on zero (no wave in the box) are drawn again."""
    lattice = 2 * math.pi / np.asarray(size)
    first = np.rint(draw_vectors(rng) / lattice)
    kept = first[first.any(axis=1)]
    for _ in range(20):
        if len(kept) >= len(first):
            return kept[: len(first)] * lattice
        more = np.rint(draw_vectors(rng) / lattice)
        kept = np.concatenate([kept, more[more.any(axis=1)]])
    raise ValueError(
        f"the periodic box of {' x '.join(f'{side:g}' for side in size)} um holds no wave this long; "
        "enlarge it, or shorten the wavelength or grain size"
    )


def _evaluate(waves: Waves, shape: tuple[int, ...]) -> Floats:
    """The field at the centres of a grid of any ``shape``: cos(a + b) by two matrix products per layer."""
    sides = tuple(reversed(waves.size))
    spots = [(np.arange(count) + 0.5) * side / count for count, side in zip(shape, sides, strict=True)]
    x, y, *z = (spot[:, None] * q for spot, q in zip(reversed(spots), waves.wavevectors.T, strict=True))
    columns = np.concatenate([np.cos(x), -np.sin(x)], axis=1).T
    scale = math.sqrt(2 / len(waves.phases))

    def layer(offset: Floats) -> Floats:
        rows = y + waves.phases + offset
        return np.asarray(scale * (np.concatenate([np.cos(rows), np.sin(rows)], axis=1) @ columns))

    return np.stack([layer(offset) for offset in z[0]]) if z else layer(np.zeros(1))


def _per_axis(name: str, values: tuple[float, ...], size: tuple[float, ...]) -> tuple[float, ...]:
    """One positive value per axis of the box."""
    if len(size) not in (2, 3) or len(values) != len(size):
        raise ValueError(
            f"size has {len(size)} and {name} {len(values)} values; give one per axis, x, y or x, y, z"
        )
    for value in size:
        _positive("size", value)
    for value in values:
        _positive(name, value)
    return values


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} holds {value:g}; give a positive length or factor")
