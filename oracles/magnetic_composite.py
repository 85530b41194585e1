"""A composite of permeable particles: effective permeability of seeded packings, by finite elements.

Disks in the plane (long cylinders, labelled ``2-D``) or spheres (option ``dimension: 3``, labelled ``3-D``)
in a periodic cell, relative permeability throughout. The answer is a mean over seeded packings with its
standard error, and beside it, never mixed with it, an interval for what the grid does to the answer.
Conduction, permittivity and diffusion obey the same equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from designloop.errors import OracleError
from designloop.oracle import (
    Context,
    Declaration,
    Fidelity,
    Input,
    Observation,
    Output,
    Result,
    Value,
)

from ._inputs import complete
from ._realizations import Effort, mean_of, sample

MOST_FILLED = {2: 90, 3: 74}

PACKING = (
    Input(
        name="particle_diameter",
        unit="um",
        lower=0.1,
        upper=1000,
        default=20,
        description="of the coarse particles where there are two sizes; of ellipses: of equal area",
    ),
    Input(
        name="size_ratio", lower=1, upper=5, default=1, description="coarse over fine diameter, of two sizes"
    ),
    Input(
        name="fine_share",
        unit="%",
        lower=0,
        upper=90,
        default=0,
        description="share of the particles' volume in fine ones",
    ),
    Input(
        name="coating",
        unit="um",
        lower=0,
        upper=100,
        default=0,
        description="coating on every particle: surfaces keep twice this apart",
    ),
    Input(
        name="impenetrability",
        lower=0,
        upper=1,
        default=1,
        description="1: hard particles; 0: particles overlap freely; between: hard cores of this share of "
        "the radius",
    ),
    Input(
        name="chain_length",
        lower=1,
        upper=8,
        default=1,
        integer=True,
        description="particles strung on straight lines along x",
    ),
)
ELLIPSES = Input(
    name="aspect_ratio", lower=1, upper=4, default=1, description="of ellipses with their long axis along x"
)
PHASES = (
    Input(name="particle_permeability", lower=1, upper=1e4, default=250, log=True, description="relative"),
    Input(name="matrix_permeability", lower=0.1, upper=100, default=1, log=True, description="relative"),
)
# Costs: one thread, defaults, 45 % of disks or 30 % of spheres, median of three seeds (fine: one run).
FIDELITIES = {
    2: (
        Fidelity(
            name="screen",
            description="4 packings in a cell of 8 diameters at 8 pixels a diameter, no interval",
            settings={"cell": 8, "pixels_per_diameter": 8, "realizations": 4, "interval_check": 0},
            cost=0.15,
        ),
        Fidelity(
            name="standard",
            description="8 packings in a cell of 16 diameters at 16 pixels a diameter, as published",
            settings={"cell": 16, "pixels_per_diameter": 16, "realizations": 8, "interval_check": 2},
            cost=3.8,
        ),
        Fidelity(
            name="fine",
            description="16 packings in a cell of 16 diameters at 32 pixels a diameter",
            settings={"cell": 16, "pixels_per_diameter": 32, "realizations": 16, "interval_check": 4},
            cost=31.0,
        ),
    ),
    3: (
        Fidelity(
            name="screen",
            description="4 packings in a cell of 5 diameters at 8 voxels a diameter, no interval",
            settings={"cell": 5, "pixels_per_diameter": 8, "realizations": 4, "interval_check": 0},
            cost=1.3,
        ),
        Fidelity(
            name="standard",
            description="4 packings in a cell of 10 diameters at 10 voxels a diameter, as published",
            settings={"cell": 10, "pixels_per_diameter": 10, "realizations": 4, "interval_check": 1},
        ),
    ),
}
AXES = "xyz"


@dataclass(frozen=True)
class MagneticComposite:
    """Effective permeability of disks (2-D) or spheres (3-D), with its numerical interval."""

    dimension: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.dimension, int) or self.dimension not in (2, 3):
            raise OracleError(
                f"oracle 'magnetic_composite': dimension is {self.dimension!r}; write 2 (disks) or 3 "
                "(spheres)."
            )

    @property
    def declaration(self) -> Declaration:
        """Inputs and outputs in the chosen dimension, which stands beside every number."""
        d = self.dimension
        label = f"{d}-D"
        components = tuple(
            Output(f"permeability_{a}{b}", description=f"{label} relative permeability, component {a}{b}")
            for i, a in enumerate(AXES[:d])
            for b in AXES[i:d]
        )
        return Declaration(
            name="magnetic_composite",
            summary=f"Effective {label} permeability of packings of {'disks' if d == 2 else 'spheres'}, "
            "by finite elements.",
            inputs=(
                Input(
                    name="volume_fraction",
                    unit="%",
                    lower=1,
                    upper=MOST_FILLED[d],
                    description="share of the particles, met exactly (within 0.1 % where they overlap)",
                ),
                *PACKING,
                *((ELLIPSES,) if d == 2 else ()),
                *PHASES,
                *_accuracy(d),
            ),
            outputs=(
                Output("permeability", description=f"{label} relative permeability, mean of the diagonal"),
                *components,
                Output(
                    "discretization_interval",
                    description=f"{label}: width of the interval for what the grid does to permeability; 0 "
                    "where interval_check is 0: not looked at",
                ),
            ),
            options={"dimension": d},
            stochastic=True,
            labels=(label,),
            source="packings and phases: Aldakheel et al. 2023; cherry-pit model: Torquato 1984",
            fidelities=FIDELITIES[d],
        )

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """Mean permeability over packings; raises Infeasible for packings that cannot be."""
        from . import _composite

        values: dict[str, Any] = complete(self.declaration, parameters)
        recipe = _composite.recipe_of(self.dimension, values)
        count = int(values["realizations"])
        samples = sample(
            lambda which: _composite.realize(recipe, context.seed, which),
            Effort(least=count, most=count, scatter_error=1.0),
        )
        checked = min(count, int(values["interval_check"]))
        bias = _composite.interval(recipe, context.seed, checked) if checked else {}
        metrics = {name: mean_of(found, relative_bias=bias.get(name)) for name, found in samples.items()}
        whole = metrics["permeability"]
        width = 0.0 if whole.lower is None or whole.upper is None else whole.upper - whole.lower
        metrics["discretization_interval"] = Observation(value=width)
        return Result(metrics=metrics, artifacts=_composite.pictures(recipe, context))


def _accuracy(dimension: int) -> tuple[Input, ...]:
    flat = dimension == 2
    return (
        Input(
            name="cell",
            lower=3,
            upper=64 if flat else 16,
            default=16 if flat else 10,
            description="side of the periodic cell in particle diameters",
        ),
        Input(
            name="pixels_per_diameter",
            lower=4,
            upper=64 if flat else 24,
            default=16 if flat else 10,
            integer=True,
            description="pixels along a particle diameter",
        ),
        Input(
            name="realizations",
            lower=1,
            upper=256,
            default=8 if flat else 2,
            integer=True,
            description="packings that the answer is the mean of",
        ),
        Input(
            name="discretization",
            choices=("harmonic", "voxel"),
            default="harmonic",
            description="filling of pixels at an interface: harmonic mean, or one phase as in published work",
        ),
        Input(
            name="interval_check",
            lower=0,
            upper=64,
            default=2 if flat else 1,
            integer=True,
            description="packings solved on the twice finer grid too, for the interval; 0: no interval",
        ),
    )
