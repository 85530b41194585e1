"""Slender beams cut from a film: of one size with their windows, homogeneous, and of many sizes."""

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


LENGTH = Column(name="beam_length", unit="um", role="input", description="between the clamps")
WIDTH = Column(name="beam_width", unit="um", role="input", description="in the plane")
AXIAL = Column(name="axial_modulus", unit="GPa", role="label", description="pulled ends, free sides")
BENDING = Column(
    name="bending_modulus", unit="GPa", role="label", description="of the first clamped-clamped mode"
)
WINDOWED = (
    Column(
        name="window_modulus",
        unit="GPa",
        role="label",
        description="apparent modulus along x of each square window, uniform displacements on its frame",
    ),
    Column(
        name="axial_modulus_displacement",
        unit="GPa",
        role="label",
        description="of the whole beam, uniform displacements on its frame (upper)",
    ),
    AXIAL,
    BENDING,
)
BOUNDARY = {
    "axial_modulus": "pulled at two ends, free sides",
    "bending_modulus": "first clamped-clamped mode",
}
BOUNDARY_WINDOWED = {
    "window_modulus": "uniform displacements on the frame of each square window",
    "axial_modulus_displacement": "uniform displacements on the frame of the beam",
    **BOUNDARY,
}
MOST_PIXELS = 2**18
"""Of the largest beam of a box of sizes: some 5 s of work."""
GROUP = 5
"""Beams solved together; another number changes the last bits."""


@dataclass(frozen=True, kw_only=True)
class Beams:
    """Beams of 40 um x 2 um as one structure, their moduli and those of their 20 square windows."""

    length: float = 40.0
    width: float = 2.0
    spacing: float = 0.5
    pixels_per_um: int = 32
    solver_pixels_per_um: int = 16

    name: ClassVar[str] = "beams"
    summary: ClassVar[str] = "Slender polysilicon beams: axial and bending modulus, moduli of their windows."
    version: ClassVar[str] = "1"
    count: ClassVar[int] = 1050

    def __post_init__(self) -> None:
        if abs(self.length / self.width - round(self.length / self.width)) > 1e-9:
            raise DataSetError(
                f"a beam of {self.length:g} um is no whole number of windows of {self.width:g} um; write a "
                f"multiple, such as length={round(self.length / self.width) * self.width:g}."
            )
        if min(self.pixels_per_um, self.solver_pixels_per_um) * self.width < 4:
            raise DataSetError("a window needs 4 pixels a side or more; write pixels_per_um=32.")

    @property
    def options(self) -> dict[str, Any]:
        """Every option."""
        return asdict(self)

    @property
    def cost(self) -> float:
        """CPU seconds a row."""
        solved = self.length * self.width * self.solver_pixels_per_um**2 / 20480
        return 0.25 * solved**1.4 + 0.03 * self.windows * (self.pixels_per_um * self.width / 64) ** 2

    @property
    def windows(self) -> int:
        """Square windows along a beam."""
        return round(self.length / self.width)

    @property
    def inputs(self) -> dict[str, float]:
        """Inputs of ``polysilicon`` that no row changes."""
        grain = films.grain_size_of(self.spacing)
        return {
            "beam_length": float(self.length),
            "beam_width": float(self.width),
            "grain_size": grain,
            "pixels_per_grain": self.solver_pixels_per_um * grain,
        }

    @property
    def columns(self) -> tuple[Column, ...]:
        """Seed, sizes, structure, the windows' moduli and tensors, the beam's moduli."""
        window, *beam = WINDOWED
        tensor = Column(
            name="window_stiffness",
            unit="GPa",
            role="label",
            description="apparent stiffness of each window: 11, 12, 16, 22, 26, 66, plane stress",
        )
        head = (films.SEED, LENGTH, WIDTH, *films.STRUCTURE)
        return (*head, window, tensor, *beam)

    def provenance(self) -> Mapping[str, Any]:
        """Boundaries, grids, grains, material, solver."""
        return {
            "boundary": BOUNDARY_WINDOWED,
            "drawing": {"specimen": "beam", "inputs": self.inputs},
            "windows": self.windows,
            "pixels_per_um": self.pixels_per_um,
            "window_solver_pixels_per_um": self.pixels_per_um,
            "solver_pixels_per_um": self.solver_pixels_per_um,
            "spacing_um": self.spacing,
            **films.MADE_OF,
            "declared_count": "Quesada-Molina and Mariani (2022): 800 + 150 + 100 beams",
        }

    def rows(self, seed: int, which: range) -> Arrays:
        """Rows, drawn on the image's grid, which the windows are solved on, and on the beams' own."""
        solved = films.film("beam", self.inputs)
        pictured = films.on_grid(solved, pixels_per_um=self.pixels_per_um)

        def solve(seeds: NDArray[np.uint64]) -> Arrays:
            image, beam = (films.stiffness_field(films.drawn(film, seeds)) for film in (pictured, solved))
            return _solved(image, beam, windows=self.windows)

        return films.rows(
            partial(self._seeds, seed), which, inputs=self.inputs, pictured=pictured, solve=solve, size=GROUP
        )

    def _seeds(self, seed: int, which: range) -> NDArray[np.uint64]:
        return row_seeds(seed, f"beams {self.length:g} {self.width:g}", which)


def _solved(image: torch.Tensor, beam: torch.Tensor, *, windows: int) -> Arrays:
    """``image``, ``beam``: ``(batch, 3, 3, ny, nx)`` of the same beams on two grids."""
    from ..homogenization.beams import beam_moduli
    from ..homogenization.stiffness import youngs_moduli
    from ..homogenization.windows import apparent_stiffness

    parts = image.unflatten(-1, (windows, -1)).movedim(-2, 1).flatten(0, 1).contiguous()
    tensors = apparent_stiffness(parts, boundary="displacement").tensor.unflatten(0, (-1, windows))
    whole = apparent_stiffness(beam, boundary="displacement").tensor
    axial, bending = beam_moduli(beam)
    return {
        "window_modulus": youngs_moduli(tensors)[..., 0].numpy(),
        "window_stiffness": films.entries(tensors),
        "axial_modulus_displacement": youngs_moduli(whole)[:, 0].numpy(),
        "axial_modulus": axial.value.numpy(),
        "bending_modulus": bending.value.numpy(),
    }


@dataclass(frozen=True, kw_only=True)
class HomogeneousBeams:
    """The published test of beams without grains: every window and the beam have one modulus, exactly."""

    windows: int = 20

    name: ClassVar[str] = "homogeneous_beams"
    summary: ClassVar[str] = "Beams of one material, 100 to 190 GPa: windows and beam share the modulus."
    version: ClassVar[str] = "1"
    count: ClassVar[int] = 91
    cost: ClassVar[float] = 0.0
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="youngs_modulus", unit="GPa", role="input", description="of the material, isotropic"),
        *WINDOWED,
    )

    @property
    def options(self) -> dict[str, Any]:
        """Every option."""
        return asdict(self)

    def provenance(self) -> Mapping[str, Any]:
        """What is known exactly."""
        return {
            "boundary": BOUNDARY_WINDOWED,
            "solver": "none: a homogeneous body has its own modulus under every boundary condition",
            "declared_count": "Quesada-Molina and Mariani (2022): 91 beams, 145.0 +- 26.3 GPa",
        }

    def rows(self, seed: int, which: range) -> Arrays:  # noqa: ARG002 - no chance is at work
        """100, 101, ... GPa; raises DataSetError beyond 190."""
        if which.stop > self.count:
            raise DataSetError(f"homogeneous_beams has {self.count} rows, 100 to 190 GPa; ask for no more.")
        modulus = 100.0 + np.arange(which.start, which.stop)
        windows = np.repeat(modulus[:, None], self.windows, axis=1)
        return {"youngs_modulus": modulus, "window_modulus": windows} | {
            c.name: modulus for c in WINDOWED[1:]
        }


@dataclass(frozen=True, kw_only=True)
class BeamsOfSizes:
    """Single beams over a box of lengths, widths and grain sizes, for surrogates of design campaigns."""

    length_from: float = 40.0
    length_to: float = 150.0
    width_from: float = 2.0
    width_to: float = 6.0
    grain_from: float = 0.5
    grain_to: float = 2.0
    pixels_per_grain: float = 8.0

    name: ClassVar[str] = "beams_of_sizes"
    summary: ClassVar[str] = "Single polysilicon beams of many lengths, widths and grain sizes: their moduli."
    version: ClassVar[str] = "1"
    count: ClassVar[int] = 1200
    cost: ClassVar[float] = 1.8
    columns: ClassVar[tuple[Column, ...]] = (
        films.SEED,
        LENGTH,
        WIDTH,
        films.GRAIN,
        films.PER_GRAIN,
        AXIAL,
        BENDING,
    )

    def __post_init__(self) -> None:
        for name, lower, upper in self._box:
            if not 0 < lower < upper:
                raise DataSetError(
                    f"{name} from {lower:g} to {upper:g} um is no range; let it rise from above 0."
                )
        per_um = self.pixels_per_grain / self.grain_from
        most = self.length_to * self.width_to * per_um**2
        if most > MOST_PIXELS:
            raise DataSetError(
                f"the largest beam of this box has {most:.0f} pixels; this source takes {MOST_PIXELS} at "
                "most, so lower length_to, width_to or pixels_per_grain, or raise grain_from."
            )

    @property
    def _box(self) -> tuple[tuple[str, float, float], ...]:
        return (
            ("beam_length", self.length_from, self.length_to),
            ("beam_width", self.width_from, self.width_to),
            ("grain_size", self.grain_from, self.grain_to),
        )

    @property
    def options(self) -> dict[str, Any]:
        """Every option."""
        return asdict(self)

    def provenance(self) -> Mapping[str, Any]:
        """Boundaries, grids, grains, material, solver, and the box."""
        return {
            "boundary": BOUNDARY,
            "drawing": {"specimen": "beam", "inputs": {}},
            "box": {name: [lower, upper] for name, lower, upper in self._box},
            "sampling": "scrambled Sobol points; grain_size on a logarithmic scale",
            "pixels_per_grain": self.pixels_per_grain,
            **films.MADE_OF,
            "declared_count": "our choice: no such set is published",
        }

    def rows(self, seed: int, which: range) -> Arrays:
        """Rows, each with the answer of ``polysilicon`` (``single: true``) for its inputs and seed."""
        from .._film import realize

        seeds = row_seeds(seed, self.name, which)
        inputs = {
            **dict(zip((name for name, *_ in self._box), self._sizes(seed, which).T, strict=True)),
            "pixels_per_grain": np.full(len(seeds), float(self.pixels_per_grain)),
        }
        answers = []
        for number, one in enumerate(seeds):
            film = films.film("beam", {name: float(values[number]) for name, values in inputs.items()})
            answers.append({n: v[0] for n, v in realize(film, int(one), range(1)).items()})
        return {"seed": seeds, **inputs, **films.by_column(answers)}

    def _sizes(self, seed: int, which: range) -> NDArray[np.float64]:
        """Length, width and grain size of rows, ``(n, 3)``, um; row k is Sobol point k."""
        from scipy.stats import qmc

        engine = qmc.Sobol(3, rng=np.random.default_rng(row_seeds(seed, f"{self.name} box", [0])))
        unit = engine.random_base2(max(1, (which.stop - 1).bit_length()))[which.start : which.stop]
        lower, upper = (np.array([bounds[k] for _, *bounds in self._box]) for k in (0, 1))
        sizes = lower + unit * (upper - lower)
        sizes[:, 2] = lower[2] * (upper[2] / lower[2]) ** unit[:, 2]
        return sizes
