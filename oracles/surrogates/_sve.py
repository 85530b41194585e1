"""Squares of film: windows cut from it (stochastic volume elements), and periodic cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from designloop.learning.datasets import Arrays, Column, DataSetError, row_seeds

from . import _films as films

if TYPE_CHECKING:
    import torch

    from .._film import Film

BOUNDARIES = {
    "displacement": "cut window, uniform displacements on the frame (upper)",
    "traction": "cut window, uniform tractions on the frame (lower)",
    "tensile_test": "cut window, pulled at two ends, free sides",
}
MODULI = (
    Column(name="youngs_modulus", unit="GPa", role="label", description="along x"),
    Column(name="youngs_modulus_y", unit="GPa", role="label", description="along y"),
)
COUNTS = {2.0: 4000, 10.0: 2000}
GROUP = 20
"""Rows solved together; another number changes the last bits."""


@dataclass(frozen=True, kw_only=True)
class Sve:
    """Square windows cut from a film, with the apparent stiffness under a named boundary condition."""

    size: float = 2.0
    boundary: str = "displacement"
    spacing: float = 0.5
    pixels: int = 64
    solver_pixels: int = 0

    name: ClassVar[str] = "sve"
    summary: ClassVar[str] = "Square windows cut from a polysilicon film, and their apparent stiffness."
    version: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        if self.boundary not in BOUNDARIES:
            raise DataSetError(f"boundary is {self.boundary!r}; write one of {', '.join(BOUNDARIES)}.")
        if self.solver_pixels == 0:
            object.__setattr__(self, "solver_pixels", max(self.pixels, 64 if self.size <= 3 else 128))
        if min(self.pixels, self.solver_pixels) < 4:
            raise DataSetError("a window needs 4 pixels a side or more; write pixels=64.")

    @property
    def options(self) -> dict[str, Any]:
        """Every option."""
        return asdict(self)

    @property
    def count(self) -> int:
        """Chosen by us: the published number is not printed."""
        return COUNTS.get(float(self.size), 1000)

    @property
    def cost(self) -> float:
        """CPU seconds a row."""
        return 0.032 * (self.solver_pixels / 64) ** 2

    @property
    def inputs(self) -> dict[str, float]:
        """Inputs of ``polysilicon`` that no row changes."""
        grain = films.grain_size_of(self.spacing)
        per_grain = self.solver_pixels * grain / self.size
        return {"sve_size": float(self.size), "grain_size": grain, "pixels_per_grain": per_grain}

    @property
    def columns(self) -> tuple[Column, ...]:
        """Seed, sizes, structure, moduli and the apparent tensor."""
        return (
            films.SEED,
            Column(name="sve_size", unit="um", role="input", description="side of the square"),
            *films.STRUCTURE,
            *MODULI,
            *(() if self.boundary == "tensile_test" else films.stiffness_columns("apparent stiffness")),
        )

    def provenance(self) -> Mapping[str, Any]:
        """Boundary, grids, grains, material, solver."""
        return {
            "boundary": BOUNDARIES[self.boundary],
            "drawing": {"specimen": "sve", "inputs": {**self.inputs, "boundary": self.boundary}},
            "pixels_per_um": self.pixels / self.size,
            "solver_pixels_per_um": self.solver_pixels / self.size,
            "spacing_um": self.spacing,
            **films.MADE_OF,
            "declared_count": "our choice: Quesada-Molina and Mariani (2022) do not print their number",
        }

    def rows(self, seed: int, which: range) -> Arrays:
        """Rows, each drawn on the image's grid and, for the labels, on the solver's."""
        solved = films.film("sve", {**self.inputs, "boundary": self.boundary})
        pictured = films.on_grid(solved, pixels_per_um=self.pixels / self.size)

        def solve(seeds: NDArray[np.uint64]) -> Arrays:
            return _apparent(films.stiffness_field(films.drawn(solved, seeds)), boundary=self.boundary)

        return films.rows(
            partial(self._seeds, seed), which, inputs=self.inputs, pictured=pictured, solve=solve, size=GROUP
        )

    def _seeds(self, seed: int, which: range) -> NDArray[np.uint64]:
        return row_seeds(seed, f"sve {self.size:g}", which)


def _apparent(stiffness: torch.Tensor, *, boundary: str) -> Arrays:
    from ..homogenization.beams import tensile_modulus
    from ..homogenization.windows import apparent_stiffness

    if boundary == "tensile_test":
        x, y = (tensile_modulus(stiffness, axis=axis).value.numpy() for axis in ("x", "y"))
        return {"youngs_modulus": x, "youngs_modulus_y": y}
    return _named(apparent_stiffness(stiffness, boundary=boundary).tensor)  # type: ignore[arg-type]


def _named(tensor: torch.Tensor) -> Arrays:
    """Moduli along the axes and the six entries of tensors ``(batch, 3, 3)``."""
    from ..homogenization.stiffness import youngs_moduli

    x, y = youngs_moduli(tensor).T.numpy()
    return {
        "youngs_modulus": x,
        "youngs_modulus_y": y,
        **dict(zip(films.STIFFNESS, films.entries(tensor).T, strict=True)),
    }


@dataclass(frozen=True, kw_only=True)
class FilmCells:
    """Periodic cells of a film with their effective stiffness, for which exact relations hold."""

    size: float = 4.0
    spacing: float = 0.5
    pixels: int = 64

    name: ClassVar[str] = "film_cells"
    summary: ClassVar[str] = "Periodic cells of a polysilicon film, and their effective stiffness."
    version: ClassVar[str] = "1"
    count: ClassVar[int] = 1500

    @property
    def film(self) -> Film:
        """The cell on its grid; raises DataSetError for a grid that is solved on another."""
        cell = films.film("film", self.inputs)
        if cell.counts != (self.pixels, self.pixels):
            raise DataSetError(
                f"a periodic cell of {self.pixels} pixels a side is solved on {cell.counts[0]}: write a "
                f"number without prime factors above 7, such as pixels={cell.counts[0]}."
            )
        return cell

    @property
    def options(self) -> dict[str, Any]:
        """Every option."""
        return asdict(self)

    @property
    def cost(self) -> float:
        """CPU seconds a row."""
        return 0.012 * (self.pixels / 64) ** 2

    @property
    def inputs(self) -> dict[str, float]:
        """Inputs of ``polysilicon`` that no row changes."""
        grain = films.grain_size_of(self.spacing)
        per_grain = self.pixels * grain / self.size
        return {"cell_size": float(self.size), "grain_size": grain, "pixels_per_grain": per_grain}

    @property
    def columns(self) -> tuple[Column, ...]:
        """Seed, sizes, structure, moduli and the effective tensor."""
        return (
            films.SEED,
            Column(name="cell_size", unit="um", role="input", description="side of the periodic cell"),
            *films.STRUCTURE,
            Column(name="youngs_modulus", unit="GPa", role="label", description="effective modulus along x"),
            Column(
                name="youngs_modulus_y", unit="GPa", role="label", description="effective modulus along y"
            ),
            Column(
                name="shear_modulus", unit="GPa", role="label", description="effective in-plane shear modulus"
            ),
            Column(
                name="principal_modulus",
                unit="GPa",
                role="label",
                description="sqrt(E1 E2) of the principal deviatoric axes: 148.2173 but for the mesh",
            ),
            *films.stiffness_columns("effective stiffness"),
        )

    def provenance(self) -> Mapping[str, Any]:
        """Boundary, grids, grains, material, solver."""
        return {
            "boundary": "periodic",
            "drawing": {"specimen": "film", "inputs": self.inputs},
            "pixels_per_um": self.pixels / self.size,
            "solver_pixels_per_um": self.pixels / self.size,
            "spacing_um": self.spacing,
            **films.MADE_OF,
            "declared_count": "our choice: no such set is published",
        }

    def rows(self, seed: int, which: range) -> Arrays:
        """Rows, drawn and solved on one grid."""
        cell = self.film

        def solve(seeds: NDArray[np.uint64]) -> Arrays:
            return _effective(films.stiffness_field(films.drawn(cell, seeds)))

        return films.rows(
            partial(row_seeds, seed, f"film_cells {self.size:g}"),
            which,
            inputs=self.inputs,
            pictured=cell,
            solve=solve,
            size=GROUP,
        )


def _effective(stiffness: torch.Tensor) -> Arrays:
    import torch

    from ..homogenization.periodic import effective_stiffness
    from ..homogenization.stiffness import principal_youngs_moduli

    tensor = effective_stiffness(stiffness).tensor
    axes = {
        "shear_modulus": 1 / torch.linalg.inv(tensor)[:, 2, 2].numpy(),
        "principal_modulus": principal_youngs_moduli(tensor).prod(-1).sqrt().numpy(),
    }
    named = _named(tensor)
    return {name: named.pop(name) for name in ("youngs_modulus", "youngs_modulus_y")} | axes | named
