"""Seeded packings from the parameters an engineer names: fraction, sizes, gap, overlap, alignment, chains."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .dense import RANDOM_CLOSE, relaxed
from .diameters import Diameters
from .inhibition import inhibited
from .overlapping import boolean, boolean_count, penetrable
from .particles import Packing, particle_fraction, particle_volumes, smallest_distance
from .seeds import generator
from .structure import Floats

__all__ = ["Packing", "boolean", "pack", "particle_fraction", "smallest_distance"]

_RANDOM_SEQUENTIAL = {2: 0.547, 3: 0.384}
_CLOSEST = {2: 0.9069, 3: 0.7405}
_PATIENCE = 20_000  # a relaxation of the same particles is quicker than more refusals


def pack(
    *,
    size: tuple[float, ...],
    volume_fraction: float,
    diameter: float,
    size_ratio: float = 1.0,
    fine_share: float = 0.0,
    size_variation: float = 0.0,
    minimum_gap: float = 0.0,
    impenetrability: float = 1.0,
    aspect_ratio: float = 1.0,
    chain_length: int = 1,
    chain_gap: float | None = None,
    alignment: float | None = None,
    alignment_spread: float = 0.0,
    seed: int | np.random.SeedSequence,
) -> Packing:
    """A periodic random packing of disks or spheres in a box ``size = (x, y)`` or ``(x, y, z)``, um.

    Sizes: equal particles of ``diameter``; or two sizes, ``fine_share`` of the particles' volume in fine
    ones, smaller by ``size_ratio``; or lognormal about the mean ``diameter`` with the coefficient of
    variation ``size_variation``. ``aspect_ratio`` > 1 makes ellipses of the same area (2-D);
    ``chain_length`` > 1 strings equal particles on straight lines, ``chain_gap`` apart (default: the minimum
    gap). ``alignment`` is the direction of ellipses and chains, rad from x towards y (in 3-D chains lie
    about the x-y plane), with a normal ``alignment_spread`` in rad; None: every direction.

    Hard particles (``impenetrability`` 1) keep ``minimum_gap`` between surfaces. Their number is rounded (to
    whole chains) and all radii scaled by one factor, within about 1 / (2 d n) of 1, so that the volume
    fraction is exact; a fraction that is a whole number of particles leaves the diameter as given. They are
    placed by random sequential inhibition, large ones first; where that stalls (equal disks saturate at an
    area fraction of 0.547, equal spheres at 0.384) single round particles are relaxed from overlapping
    random places instead, to about 0.80 and 0.60; ellipses and chains are refused. Below ``impenetrability``
    1 (Torquato, 1984) only cores of that share of the radius keep clear, and the covered fraction is met
    within 1e-3.

    Equal arguments give equal packings. Raises ValueError, naming the limit, for packings that cannot be.
    """
    size = tuple(float(side) for side in size)
    sizes = Diameters(
        diameter=diameter, size_ratio=size_ratio, fine_share=fine_share, variation=size_variation
    )
    order = _Order(
        aspect_ratio=aspect_ratio,
        chain_length=chain_length,
        chain_gap=minimum_gap if chain_gap is None else chain_gap,
        alignment=alignment,
        spread=alignment_spread,
    )
    _refuse_nonsense(size, volume_fraction, sizes, order, minimum_gap, impenetrability)
    rng = generator(seed)
    if impenetrability < 1.0:
        return _overlapping(size, volume_fraction, sizes, order, impenetrability, rng)
    radii = sizes.filling(volume_fraction * math.prod(size), len(size), rng, multiple=chain_length)
    _refuse_too_long(radii, size, order, minimum_gap)
    if aspect_ratio == 1.0 and chain_length == 1:
        return Packing(centres=_round_places(radii, size, minimum_gap, rng), radii=radii, size=size)
    return _ordered(radii, size, order, minimum_gap, rng)


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What makes a packing anisotropic."""

    aspect_ratio: float
    chain_length: int
    chain_gap: float
    alignment: float | None
    spread: float

    def angles(self, count: int, rng: np.random.Generator) -> Floats:
        """Directions ``(count,)`` in the x-y plane, rad."""
        if self.alignment is None:
            return rng.uniform(0.0, math.pi, count)
        return self.alignment + self.spread * rng.standard_normal(count)

    def directions(self, count: int, dimension: int, rng: np.random.Generator) -> Floats:
        """Unit vectors ``(count, d)``."""
        if dimension == 3 and self.alignment is None:
            normal = rng.standard_normal((count, 3))
            return normal / np.sqrt((normal**2).sum(axis=1, keepdims=True))
        azimuth = self.angles(count, rng)
        flat = [np.cos(azimuth), np.sin(azimuth)]
        if dimension == 2:
            return np.stack(flat, axis=-1)
        rise = self.spread * rng.standard_normal(count)
        return np.stack([*(np.cos(rise) * part for part in flat), np.sin(rise)], axis=-1)


def _overlapping(
    size: tuple[float, ...],
    volume_fraction: float,
    sizes: Diameters,
    order: _Order,
    impenetrability: float,
    rng: np.random.Generator,
) -> Packing:
    dimension = len(size)
    mean = boolean_count(volume_fraction=volume_fraction, mean_volume=sizes.mean_volume(dimension), size=size)
    radii = sizes.sampled(math.ceil(2.0 * mean) + 50, dimension, rng)
    _refuse_too_long(radii, size, order, 0.0)
    return penetrable(
        radii=radii,
        size=size,
        volume_fraction=volume_fraction,
        impenetrability=impenetrability,
        rng=rng,
        aspect_ratio=order.aspect_ratio,
        angles=order.angles(len(radii), rng) if order.aspect_ratio > 1.0 else None,
    )


def _round_places(radii: Floats, size: tuple[float, ...], gap: float, rng: np.random.Generator) -> Floats:
    """Centres ``(n, d)`` of single hard disks or spheres; the loosest algorithm that does it."""
    dimension = len(size)
    equal = radii[0] == radii[-1]
    grown = _fraction(radii + 0.5 * gap, size)
    limit = (
        f"with half the minimum gap of {gap:g} um added to each radius the particles fill {grown:.3f} of the "
        f"box; random close packing of equal ones ends near {RANDOM_CLOSE[dimension]:g}, the hexagonal "
        f"packing at {_CLOSEST[dimension]:g}: lower volume_fraction or minimum_gap, or mix sizes"
    )
    if grown > (RANDOM_CLOSE[dimension] if equal else 1.0):
        raise ValueError(f"no such random packing: {limit}")
    if not equal or grown < _RANDOM_SEQUENTIAL[dimension]:
        places = list(inhibited(radii=radii, size=size, gap=gap, rng=rng, patience=_PATIENCE))
        if len(places) == len(radii):
            return np.concatenate(places)
    centres = relaxed(radii=radii, size=size, gap=gap, rng=rng)
    if centres is None:
        raise ValueError(f"no packing was found: {limit}")
    return centres


def _ordered(
    radii: Floats, size: tuple[float, ...], order: _Order, gap: float, rng: np.random.Generator
) -> Packing:
    """Ellipses or chains by random sequential inhibition."""
    if order.aspect_ratio > 1.0:
        angles, chains, groups = order.angles(len(radii), rng), None, radii
    else:
        angles, groups = None, radii[:: order.chain_length]
        steps = (2.0 * radii[0] + order.chain_gap) * np.arange(order.chain_length)
        chains = steps[:, None] * order.directions(len(groups), len(size), rng)[:, None, :]
    places = list(
        inhibited(
            radii=groups,
            size=size,
            gap=gap,
            rng=rng,
            aspect_ratio=order.aspect_ratio,
            angles=angles,
            chains=chains,
        )
    )
    if len(places) < len(groups):
        kind = "ellipses" if angles is not None else f"chains of {order.chain_length}"
        reached = len(places) / len(groups) * _fraction(radii, size)
        raise ValueError(
            f"random sequential inhibition of {kind} came to a stop at {len(places)} of {len(groups)}, a "
            f"volume fraction of {reached:.3f}; ask for less, or for "
            f"single round particles, which can be packed more densely"
        )
    return Packing(
        centres=np.concatenate(places), radii=radii, size=size, aspect_ratio=order.aspect_ratio, angles=angles
    )


def _fraction(radii: Floats, size: tuple[float, ...]) -> float:
    return float(particle_volumes(radii, len(size)).sum()) / math.prod(size)


def _refuse_nonsense(
    size: tuple[float, ...],
    volume_fraction: float,
    sizes: Diameters,
    order: _Order,
    gap: float,
    impenetrability: float,
) -> None:
    flat = len(size) == 2
    for wrong, sentence in (
        (len(size) not in (2, 3), f"a box has two or three sides, not {len(size)}"),
        (not all(0.0 < side < math.inf for side in size), f"the sides {size} are not all positive lengths"),
        (not 0.0 < volume_fraction < 1.0, f"a volume fraction of {volume_fraction:g} is not between 0 and 1"),
        (not 0.0 <= impenetrability <= 1.0, f"impenetrability {impenetrability:g} is not between 0 and 1"),
        (not 0.0 <= gap < math.inf, f"a minimum gap of {gap:g} um is negative or no length"),
        (gap > 0.0 and impenetrability < 1.0, "particles that may overlap have no minimum gap; write 0"),
        (
            not 1.0 <= order.aspect_ratio <= 20.0,
            f"aspect_ratio {order.aspect_ratio:g} is not between 1 and 20",
        ),
        (order.aspect_ratio > 1.0 and not flat, "ellipses are flat: write two sides or aspect_ratio 1"),
        (not 0.0 <= order.spread < math.inf, f"alignment_spread {order.spread:g} is negative or no angle"),
        (order.alignment is not None and not math.isfinite(order.alignment), "the alignment is no angle"),
        (order.chain_length < 1, f"a chain of {order.chain_length} particles; write 1 or more"),
        (
            order.chain_length > 1
            and not (sizes.equal and order.aspect_ratio == 1.0 and impenetrability == 1.0),
            "chains are made of equal, round, hard particles; drop the other options or chain_length",
        ),
        (not gap <= order.chain_gap < math.inf, f"chain_gap {order.chain_gap:g} um is below the minimum gap"),
    ):
        if wrong:
            raise ValueError(sentence)


def _refuse_too_long(radii: Floats, size: tuple[float, ...], order: _Order, gap: float) -> None:
    """Refuse particles that would meet their own periodic image."""
    across = 2.0 * float(radii.max()) * math.sqrt(order.aspect_ratio)
    length = order.chain_length * (across + gap) + (order.chain_length - 1) * (order.chain_gap - gap)
    room = min(size) * (0.5 if order.aspect_ratio > 1.0 else 1.0)
    if length > room:
        raise ValueError(
            f"a particle (chain) of {length:.4g} um, gap included, does not fit a periodic box: the longest "
            f"allowed is {room:.4g} um here (half the shortest side for ellipses); enlarge the size"
        )
