"""Periodic packings of disks and their effective permeability, relative throughout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from designloop.learning.datasets import Arrays, Column, DataSetError, row_seeds

from .._inputs import complete
from ..magnetic_composite import MagneticComposite
from ._films import by_column

if TYPE_CHECKING:
    from .._composite import Recipe

KINDS: Mapping[str, Mapping[str, float]] = {
    "mono": {},
    "poly": {"size_ratio": 2.0, "fine_share": 50.0},
    "overlapping": {"impenetrability": 0.0},
}
"""Inputs of ``magnetic_composite`` that make each kind."""
MOST_FILLED = {"mono": 78.0, "poly": 78.0, "overlapping": 90.0}
"""Percent. Hard disks: what was reached in every packing tried; overlapping: where the oracle ends."""
LEAST_FILLED = 5.0
PERMEABILITY = ("mu_11", "mu_22", "mu_12")


@dataclass(frozen=True, kw_only=True)
class Disks:
    """Packings of disks, 256 x 256 pixels, disks of radius 8 pixels, 250 times as permeable as the matrix."""

    kind: str = "mono"
    discretization: str = "voxel"
    pixels: int = 256
    radius: int = 8
    contrast: float = 250.0

    name: ClassVar[str] = "disks"
    summary: ClassVar[str] = "Periodic packings of permeable disks, and their effective permeability."
    version: ClassVar[str] = "1"
    count: ClassVar[int] = 5500

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataSetError(f"kind is {self.kind!r}; write one of {', '.join(KINDS)}.")
        if self.discretization not in ("voxel", "harmonic"):
            raise DataSetError(f"discretization is {self.discretization!r}; write voxel or harmonic.")
        if self.pixels % 2 or not 2 <= self.radius <= self.pixels / 6:
            raise DataSetError(
                f"disks of radius {self.radius} on {self.pixels} pixels; write an even number of pixels, 6 "
                "radii or more."
            )

    @property
    def options(self) -> dict[str, Any]:
        """Every option."""
        return asdict(self)

    @property
    def cost(self) -> float:
        """CPU seconds a row."""
        packing = 0.4 if self.kind == "poly" else 0.0
        return (packing + (0.16 if self.discretization == "voxel" else 0.3)) * (self.pixels / 256) ** 2

    @property
    def inputs(self) -> dict[str, Any]:
        """Inputs of ``magnetic_composite`` that no row changes."""
        return {
            **KINDS[self.kind],
            "particle_permeability": self.contrast,
            "cell": self.pixels / (2 * self.radius),
            "pixels_per_diameter": 2 * self.radius,
            "realizations": 1,
            "discretization": self.discretization,
            "interval_check": 0,
        }

    @property
    def columns(self) -> tuple[Column, ...]:
        """Seed, volume fraction, image, permeabilities."""
        drawn = "realization: packed(recipe, seed, 0) packs it again"
        return (
            Column(name="seed", role="input", description=drawn),
            Column(name="volume_fraction", unit="%", role="input", description="of the disks as packed"),
            Column(name="phase", role="structure", description="1 in the disks, at pixel centres, (ny, nx)"),
            *(
                Column(name=name, role="label", description="relative permeability, 2-D, 1: x, 2: y")
                for name in PERMEABILITY
            ),
        )

    def provenance(self) -> Mapping[str, Any]:
        """Boundary, grids, phases, solver, and what fractions the generator reaches."""
        fills = {
            "voxel": "the phase at a pixel's centre fills the pixel, as published; upper mesh bound",
            "harmonic": "harmonic mean over 8 x 8 sub-pixels; geometric mean of the mesh bracket",
        }
        fraction = "uniform, in whole disks of the given radius" if self.kind == "mono" else "uniform"
        return {
            "boundary": "periodic",
            "drawing": {"oracle": "magnetic_composite, dimension 2", "inputs": self.inputs},
            "pixels_per_radius": self.radius,
            "solver_pixels_per_radius": self.radius,
            "material": {"inclusion": self.contrast, "matrix": 1.0, "quantity": "relative permeability"},
            "discretization": fills[self.discretization],
            "volume_fraction": f"{fraction}, {LEAST_FILLED:g} to {MOST_FILLED[self.kind]:g} %; the published "
            "5 to 95 % are over families of packings: equal hard disks jam near 84 %",
            "solver": {"method": "bilinear finite elements on pixels, discrete Green operator",
                       "relative_tolerance": 1e-5},
            "declared_count": "Aldakheel et al. (2023): 5500 packings of equal disks",
        }  # fmt: skip

    def rows(self, seed: int, which: range) -> Arrays:
        """Rows, each solved alone."""
        from .._composite import packed
        from ..microstructure.drawing import draw

        seeds = row_seeds(seed, f"disks {self.kind}", which)
        fractions = np.array([self._fraction(seed, k) for k in which])
        phases: list[NDArray[np.uint8]] = []
        answers = []
        for one, fraction in zip(seeds, fractions, strict=True):
            recipe = self.recipe(float(fraction))
            packing = packed(recipe, int(one), 0)
            phases.append(draw(packing, pixel=recipe.pixel).share.astype(np.uint8))
            answers.append(_solved(recipe, packing))
        return {"seed": seeds, "volume_fraction": fractions, "phase": np.stack(phases), **by_column(answers)}

    def recipe(self, volume_fraction: float) -> Recipe:
        """The packing and its grid at a volume fraction in percent, as the oracle has them."""
        from .._composite import recipe_of

        inputs = {**self.inputs, "volume_fraction": volume_fraction}
        return recipe_of(2, complete(MagneticComposite(dimension=2).declaration, inputs))

    def _fraction(self, seed: int, row: int) -> float:
        """Uniform; of equal disks a whole number of them, so that their radius stays as given."""
        rng = np.random.default_rng(row_seeds(seed, f"disks {self.kind} fraction", [row]))
        percent = float(rng.uniform(LEAST_FILLED, MOST_FILLED[self.kind]))
        if self.kind != "mono":
            return percent
        one = 100 * math.pi * (self.radius / self.pixels) ** 2
        return round(percent / one) * one


def _solved(recipe: Recipe, packing: Any) -> dict[str, float]:
    import torch

    from .._composite import TOLERANCE
    from ..homogenization.composites import composite
    from ..homogenization.periodic import effective_conductivity
    from ..microstructure.drawing import draw

    if recipe.discretization == "voxel":
        share = torch.from_numpy(draw(packing, pixel=recipe.pixel).share[None])
        field = torch.where(share > 0, recipe.inclusion, recipe.matrix).double()
        tensor = effective_conductivity(field, tolerance=TOLERANCE).tensor[0]
    else:
        tensor = composite(
            lambda _, finer: torch.from_numpy(
                draw(packing, pixel=recipe.pixel, supersample=finer).share[None]
            ),
            inclusion=recipe.inclusion,
            matrix=recipe.matrix,
            discretization="harmonic",
            interval=False,
            supersample=recipe.supersample,
            tolerance=TOLERANCE,
        ).value[0]
    return {"mu_11": float(tensor[0, 0]), "mu_22": float(tensor[1, 1]), "mu_12": float(tensor[0, 1])}
