"""Realizations of a polysilicon film: grain structures drawn, solved and shown."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from designloop.oracle import Context, Infeasible, Value

from ._shown import shown
from .homogenization.beams import beam_moduli, bending_modulus, tensile_modulus
from .homogenization.composites import SAFETY
from .homogenization.limits import TooLarge
from .homogenization.periodic import NotConverged, effective_stiffness
from .homogenization.stiffness import film_stiffness, principal_youngs_moduli, youngs_moduli
from .homogenization.windows import apparent_stiffness
from .microstructure.orientations import Texture
from .microstructure.polycrystals import polycrystal
from .microstructure.seeds import child_seed
from .microstructure.sites import spacing_of
from .microstructure.sizes import LEAST_SPREAD
from .microstructure.structure import Polycrystal

Array = NDArray[np.float64]

MOST_PIXELS = 2**20
MOST_WORK = 2**25
"""Pixels times realizations: some minutes on one core."""


@dataclass(frozen=True, kw_only=True)
class Film:
    """One specimen of a film and the grid it is solved on. Lengths in um, angles in rad."""

    specimen: str
    boundary: str
    size: tuple[float, float]
    counts: tuple[int, int]
    """Pixels along x and y."""
    spacing: float
    regularization: str
    size_variation: float
    fibre_axis: str
    texture: Texture

    @property
    def pixel(self) -> float:
        """Side of a pixel, um."""
        return self.size[1] / self.counts[1]

    @property
    def pixels(self) -> int:
        """Pixels of one realization."""
        return self.counts[0] * self.counts[1]

    @property
    def finer(self) -> Film:
        """The same specimen on a grid twice as fine."""
        return replace(self, counts=(2 * self.counts[0], 2 * self.counts[1]))


def film_of(specimen: str, values: Mapping[str, Value]) -> Film:
    """The specimen that complete, checked inputs describe; raises Infeasible where its grid is too large.

    The length of a beam is rounded to whole pixels, by half a pixel at most.
    """
    if specimen == "beam":
        length, width = float(values["beam_length"]), float(values["beam_width"])
    else:
        length = width = float(values["sve_size" if specimen == "sve" else "cell_size"])
    grain = float(values["grain_size"])
    variation = float(values["size_variation"])
    if 0 < variation < LEAST_SPREAD:
        raise Infeasible(
            f"no tessellation has a size variation of {variation:g}: it is {LEAST_SPREAD:g} or more, or 0 "
            "for what the regularization gives by itself"
        )
    across = max(2, math.ceil(width * float(values["pixels_per_grain"]) / grain - 1e-9))
    if specimen == "film":
        across = _smooth(across)
    along = max(2, round(length * across / width))
    if along * across > MOST_PIXELS:
        raise Infeasible(
            f"{length:g} um x {width:g} um at {across / width:g} pixels per um is a grid of {along} x "
            f"{across} pixels; this oracle takes {MOST_PIXELS} at most, so lower pixels_per_grain or the size"
        )
    fibre = str(values["fibre_axis"])
    return Film(
        specimen=specimen,
        boundary=str(values.get("boundary", "periodic")),
        size=(width * along / across, width),
        counts=(along, across),
        spacing=spacing_of(grain, dimension=2),
        regularization=str(values["regularization"]),
        size_variation=variation,
        fibre_axis=fibre,
        texture=Texture(
            fibre_axis=fibre,
            mean=math.radians(float(values["texture_angle"])),
            spread=math.radians(float(values["texture_spread"])),
        ),
    )


def _smooth(count: int) -> int:
    """The next number without a prime factor above 7, which Fourier transforms like."""
    while True:
        rest = count
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return count
        count += 1


def structure(film: Film, seed: int, realization: int) -> Polycrystal:
    """Grain structure of one realization; the same grains on every grid."""
    return polycrystal(
        size=film.size,
        spacing=film.spacing,
        pixel=film.pixel,
        periodic=film.specimen == "film",
        regularization=film.regularization,
        size_spread=film.size_variation,
        texture=film.texture,
        seed=child_seed(seed, realization),
    )


def realize(film: Film, seed: int, which: range) -> dict[str, Array]:
    """Moduli in GPa of some realizations, one array per quantity.

    Raises Infeasible, with the reason, for grains that cannot be and for beams too short to have a first
    bending mode of their own.
    """
    try:
        grains = [structure(film, seed, k) for k in which]
        fields = [
            film_stiffness(torch.from_numpy(g.angles), fibre_axis=film.fibre_axis)[g.labels] for g in grains
        ]
        stiffness = torch.stack(fields).movedim((-2, -1), (1, 2)).contiguous()
        return {name: np.asarray(values) for name, values in _moduli(film, stiffness).items()}
    except (NotConverged, TooLarge):
        raise
    except ValueError as error:
        raise Infeasible(str(error)) from None


def _moduli(film: Film, stiffness: torch.Tensor) -> dict[str, torch.Tensor]:
    if film.specimen == "film":
        device = "cuda" if torch.cuda.is_available() else "cpu"
        tensor = effective_stiffness(stiffness.to(device)).tensor.cpu()
        return {
            "youngs_modulus": youngs_moduli(tensor)[:, 0],
            "shear_modulus": 1 / torch.linalg.inv(tensor)[:, 2, 2],
            "principal_modulus": principal_youngs_moduli(tensor).prod(-1).sqrt(),
        }
    if film.specimen == "beam" and film.boundary == "tensile_test":
        axial, bending = beam_moduli(stiffness)
        return {"axial_modulus": axial.value, "bending_modulus": bending.value}
    if film.boundary == "tensile_test":
        along = tensile_modulus(stiffness).value
    else:
        along = youngs_moduli(apparent_stiffness(stiffness, boundary=film.boundary).tensor)[:, 0]
    if film.specimen == "sve":
        return {"youngs_modulus": along}
    return {"axial_modulus": along, "bending_modulus": bending_modulus(stiffness).value}


def mesh_bias(
    film: Film, seed: int, count: int, samples: Mapping[str, Array]
) -> dict[str, tuple[float, float]]:
    """Relative bounds of what the grid does to the means, from ``count`` realizations on the finer grid.

    The error of stair-cased boundaries is of first order, so the answer without it lies about as far beyond
    the finer grid's as that lies from the given one: the interval reaches from the given grid ``SAFETY``
    times as far.
    """
    count = min(count, len(next(iter(samples.values()))))
    if count == 0 or film.finer.pixels > MOST_PIXELS:
        return {}
    finer = realize(film.finer, seed, range(count))
    change = {n: float((finer[n] / samples[n][:count] - 1).mean()) for n in samples}
    reach = 1 + SAFETY
    return {name: (min(0.0, reach * c), max(0.0, reach * c)) for name, c in change.items()}


def pictures(film: Film, context: Context) -> dict[str, Path]:
    """The first realization for people, where the trial has a folder."""
    if context.directory is None:
        return {}
    title = f"{film.specimen}, {film.size[0]:.4g} um x {film.size[1]:.4g} um, realization 0"
    first = structure(film, context.seed, 0)
    return shown(first, context.directory, name="structure", title=title, period=film.texture.period)


def table(samples: Mapping[str, Array], context: Context) -> dict[str, Path]:
    """Moduli of every realization as a CSV file, where the trial has a folder."""
    if context.directory is None:
        return {}
    path = context.directory / "realizations.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["realization", *(f"{name} [GPa]" for name in samples)])
        columns = zip(*samples.values(), strict=True)
        writer.writerows([k, *(repr(float(v)) for v in row)] for k, row in enumerate(columns))
    return {"realizations.csv": path}
