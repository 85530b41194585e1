"""A polysilicon film: elastic moduli of seeded grain structures, and how they scatter from device to device.

Grains are a regularized Voronoi tessellation of silicon crystals that share one axis across the film; each
realization is solved by finite elements in plane stress, and the answer is the mean and the standard
deviation over realizations. Three specimens, chosen by the option ``specimen``:

- ``beam``: a slender beam cut from the film as one structure, its axial modulus and the modulus with which it
  bends in its first clamped-clamped mode. They differ, and a resonator uses the second.
- ``sve``: a square stochastic volume element cut from the film.
- ``film``: a periodic cell of the film, for which exact relations hold.

With the option ``single: true`` the oracle answers one seeded realization instead of statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from designloop.errors import OracleError
from designloop.oracle import (
    Context,
    Declaration,
    Fidelity,
    Infeasible,
    Input,
    Observation,
    Output,
    Realizations,
    Result,
    Value,
)

from ._inputs import complete
from ._realizations import Effort, mean_of, sample, scatter_of

GRAINS = (
    Input(
        name="grain_size",
        unit="um",
        lower=0.05,
        upper=10,
        log=True,
        description="equivalent diameter of the mean grain area; generator spacing is 0.886 of it",
    ),
    Input(
        name="texture_spread",
        unit="deg",
        lower=0,
        upper=90,
        default=90,
        description="half width of the in-plane orientation peak; 0 is one crystal; every angle is alike "
        "from half a period on: 45 deg for the fibre axis 100, 60 for 111, 90 for 110",
    ),
    Input(
        name="texture_angle",
        unit="deg",
        lower=0,
        upper=180,
        default=0,
        description="angle of that peak, counter-clockwise from the beam's axis: of the crystal's [100] for "
        "the fibre axis 100, of [1-10] for 110 and 111",
    ),
    Input(
        name="fibre_axis",
        choices=("100", "110", "111"),
        default="100",
        description="crystal axis across the film, common to all grains",
    ),
    Input(
        name="regularization",
        choices=("jitter", "hardcore", "poisson", "lloyd"),
        default="jitter",
        description="how evenly the generators of the grains are spread",
    ),
    Input(
        name="size_variation",
        lower=0,
        upper=0.6,
        default=0,
        description="coefficient of variation of grain diameters, 0.05 or more; 0: what the regularization "
        "gives (jitter 0.12, poisson 0.26); slow",
    ),
)
ACCURACY = (
    Input(
        name="pixels_per_grain",
        lower=2,
        upper=64,
        default=8,
        description="pixels along an equivalent diameter, rounded up to fit the width",
    ),
    Input(
        name="realizations",
        lower=3,
        upper=1024,
        default=16,
        integer=True,
        description="grain structures solved at least",
    ),
    Input(
        name="realizations_max",
        lower=3,
        upper=4096,
        default=256,
        integer=True,
        description="grain structures solved at most, and no more than 2^25 pixels in all",
    ),
    Input(
        name="scatter_error",
        unit="%",
        lower=1,
        upper=100,
        default=7,
        description="go on until every standard deviation has this relative standard error",
    ),
    Input(
        name="mesh_check",
        lower=0,
        upper=16,
        default=2,
        integer=True,
        description="realizations solved on the twice finer grid too, for the numerical bounds; none where "
        "that grid is above 2^20 pixels or the number is 0",
    ),
)
SPECIMENS = {
    "beam": (
        Input(name="beam_length", unit="um", lower=2, upper=1000, default=40, description="between clamps"),
        Input(name="beam_width", unit="um", lower=0.5, upper=20, default=2, description="width in the plane"),
        Input(
            name="boundary",
            choices=("tensile_test", "displacement", "traction"),
            default="tensile_test",
            description="what holds the beam for the axial modulus: pulled ends with free sides, or uniform "
            "displacement (upper) or traction (lower) all around",
        ),
    ),
    "sve": (
        Input(name="sve_size", unit="um", lower=0.5, upper=100, default=2, description="side of the square"),
        Input(
            name="boundary",
            choices=("displacement", "traction", "tensile_test"),
            default="displacement",
            description="what holds the square",
        ),
    ),
    "film": (
        Input(
            name="cell_size",
            unit="um",
            lower=0.5,
            upper=200,
            default=8,
            description="side of the periodic cell",
        ),
    ),
}
QUANTITIES = {
    "beam": {
        "axial_modulus": "modulus of the beam in tension",
        "bending_modulus": "modulus with which it bends in its first clamped-clamped mode",
    },
    "sve": {"youngs_modulus": "apparent modulus along x"},
    "film": {
        "youngs_modulus": "effective modulus along x",
        "shear_modulus": "effective in-plane shear modulus",
        "principal_modulus": "sqrt(E1 E2) of the principal deviatoric axes",
    },
}
WORDS: Mapping[Literal["mean", "std"], str] = {"mean": "mean", "std": "standard deviation"}
COUNTED = Realizations(least="realizations", most="realizations_max", std_error="scatter_error")
FIDELITIES = (
    Fidelity(
        name="screen",
        description="coarse grid, scatter known to about 18 %",
        settings={"pixels_per_grain": 4, "realizations": 16, "scatter_error": 100, "mesh_check": 0},
    ),
    Fidelity(
        name="standard",
        description="scatter known to 7 % (about 100 realizations)",
        settings={"pixels_per_grain": 8, "realizations": 16, "scatter_error": 7, "mesh_check": 2},
    ),
    Fidelity(
        name="fine",
        description="scatter known to 5 % (about 200 realizations) on a grid twice as fine",
        settings={"pixels_per_grain": 16, "realizations": 16, "scatter_error": 5, "mesh_check": 2},
    ),
)
COSTS: Mapping[str, tuple[float | None, ...]] = {
    "beam": (0.46, 27.0, None),
    "sve": (0.06, 0.73, 6.9),
    "film": (0.18, 3.6, None),
}
"""CPU seconds, one thread, defaults and grains of 0.5 um; medians of three seeds, fewer from 3 s on."""
SOURCE = (
    "crystal constants, <100> fibre and SVEs: Mariani et al., as in Quesada-Molina and Mariani 2022; "
    "regularized Voronoi films: Mariani et al. 2011"
)


@dataclass(frozen=True)
class Polysilicon:
    """Moduli of polysilicon beams, windows or films over seeded grain structures."""

    specimen: str = "beam"
    single: bool = False

    def __post_init__(self) -> None:
        if self.specimen not in SPECIMENS:
            raise OracleError(
                f"oracle 'polysilicon': specimen is {self.specimen!r}; it is one of {', '.join(SPECIMENS)}."
            )
        if not isinstance(self.single, bool):
            raise OracleError(f"oracle 'polysilicon': single is {self.single!r}; write true or false.")

    @property
    def declaration(self) -> Declaration:
        """Inputs and outputs of the chosen specimen."""
        quantities = QUANTITIES[self.specimen]
        if self.single:
            outputs = tuple(Output(n, unit="GPa", description=d) for n, d in quantities.items())
            accuracy = tuple(i for i in ACCURACY if i.name == "pixels_per_grain")
        else:
            outputs = tuple(
                Output(f"{n}_{part}", unit="GPa", description=f"{WORDS[part]} of the {d}", statistic=part)
                for n, d in quantities.items()
                for part in WORDS
            )
            accuracy = ACCURACY
        fidelities = tuple(
            replace(one, cost=cost) for one, cost in zip(FIDELITIES, COSTS[self.specimen], strict=True)
        )
        return Declaration(
            name="polysilicon",
            summary="Elastic moduli of polysilicon grain structures and their scatter, by finite elements.",
            inputs=(*GRAINS, *SPECIMENS[self.specimen], *accuracy),
            outputs=outputs,
            options={"specimen": self.specimen, "single": self.single},
            stochastic=True,
            source=SOURCE,
            fidelities=() if self.single else fidelities,
            realizations=None if self.single else COUNTED,
        )

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """Statistics over realizations, or one of them; raises Infeasible for too large a grid."""
        from . import _film

        values = complete(self.declaration, parameters)
        film = _film.film_of(self.specimen, values)
        if self.single:
            alone = _film.realize(film, context.seed, range(1))
            artifacts = _film.pictures(film, context)
            return Result(
                metrics={n: Observation(value=float(v[0])) for n, v in alone.items()}, artifacts=artifacts
            )
        effort = Effort(
            least=int(values["realizations"]),
            most=int(values["realizations_max"]),
            scatter_error=float(values["scatter_error"]) / 100,
        )
        if effort.most < effort.least:
            raise Infeasible(
                f"{effort.least} realizations at least and {effort.most} at most: raise realizations_max"
            )
        if film.pixels * effort.least > _film.MOST_WORK:
            raise Infeasible(
                f"{effort.least} realizations of {film.pixels} pixels are more work than this oracle takes "
                f"({_film.MOST_WORK}); lower pixels_per_grain or realizations"
            )
        effort = replace(effort, most=max(effort.least, min(effort.most, _film.MOST_WORK // film.pixels)))
        samples = sample(lambda which: _film.realize(film, context.seed, which), effort)
        bias = _film.mesh_bias(film, context.seed, int(values["mesh_check"]), samples)
        metrics = {}
        for name, moduli in samples.items():
            metrics[f"{name}_mean"] = mean_of(moduli, relative_bias=bias.get(name))
            metrics[f"{name}_std"] = scatter_of(moduli)
        artifacts = {**_film.pictures(film, context), **_film.table(samples, context)}
        return Result(metrics=metrics, artifacts=artifacts)
