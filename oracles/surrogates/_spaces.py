"""Networks that can be trained: what each sees and answers, and the space its hyper-parameters live in.

Published spaces, optimizer, batch and patience: Quesada-Molina and Mariani (2022), section 2.4; the recipe of
the permeability network: Aldakheel, Elsayed, Zohdi and Wriggers (2023), section 4.3. The others are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from designloop.oracle import Input, Value

Parameters = Mapping[str, Value]
Shape = Sequence[int]
"""Of what one row looks like to a network: (channels, ny, nx) or (columns,)."""
RECIPE = ("learning_rate", "weight_decay")
"""Hyper-parameters of the training; all others are of the architecture."""


OUTPUTS = {"mu_11": "permeability_xx", "mu_22": "permeability_yy", "mu_12": "permeability_xy"}
"""Of ``magnetic_composite``, by label."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """One architecture of ``networks.build``; ``sees`` is ``grey``, ``orientation``, ``phase`` or columns."""

    name: str
    summary: str
    source: str = ""
    sets: tuple[str, ...]
    """Sources of the data sets that it can learn from."""
    only: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    """Options that these sets must have been made with, and the values that it can learn from."""
    sees: str | tuple[str, ...]
    labels: tuple[str, ...]
    unit: str
    inputs: tuple[Input, ...]
    options: Callable[[Parameters, Shape, Parameters], dict[str, Any]]
    """Options of the architecture, JSON, by hyper-parameters, shape of a row and options of the data set."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the training that are not searched."""
    enough: int | None = None
    """Rows to learn from, and to end by, beyond which nothing is gained, where that is known."""
    physical: bool = False
    """True where the network answers in units of the labels, not in standardized ones."""
    encoding: str = ""
    """Of ``_encodings``, where it learns and answers something else than the labels."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the labels are called as outputs of the solver's oracle."""
        return tuple(OUTPUTS.get(label, label) for label in self.labels)

    def fits(self, source: str, options: Mapping[str, Any]) -> bool:
        """Whether it can learn from data sets of ``source`` made with ``options``."""
        return source in self.sets and all(options.get(name) in known for name, known in self.only.items())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the name."""
        return (_named, (self.name,))

    def defaults(self) -> dict[str, Value]:
        """Every hyper-parameter with its default."""
        return {i.name: i.default for i in self.inputs if i.default is not None}


def _ordered(
    name: str, choices: tuple[Value, ...], default: Value, description: str, unit: str = ""
) -> Input:
    return Input(
        name=name, choices=choices, default=default, ordered=True, unit=unit, description=description
    )


def _learning_rate(default: float) -> Input:
    return _ordered("learning_rate", (0.0001, 0.001, 0.01), default, "of the optimizer")


def _log(name: str, lower: float, upper: float, default: float, description: str) -> Input:
    return Input(name=name, lower=lower, upper=upper, default=default, log=True, description=description)


def _units(*defaults: int) -> tuple[Input, ...]:
    return tuple(
        _ordered(f"units_{n}", (50, 100, 150), one, f"neurons of hidden layer {n}")
        for n, one in enumerate(defaults, start=1)
    )


def _dense(chosen: Parameters, shape: Shape, made: Parameters) -> dict[str, Any]:
    del made
    return {"units": [shape[0], *(chosen[f"units_{n}"] for n in (1, 2, 3)), 1]}


FILTERS, KERNELS = (32, 64, 96, 128), (3, 5)
ADAMAX = {"optimizer": "adamax", "batch": 10, "epochs": 500, "patience": 50}
QUESADA_MOLINA = "Quesada-Molina and Mariani 2022, section 2.4"
KERNEL = _ordered("kernel", (3, 5, 7), 5, "pixels of the learned smoothing kernels")
SWEEPS = _ordered("sweeps", (1, 2, 3), 2, "smoothing sweeps on each level")
OURS = {"optimizer": "adam", "batch": 16, "epochs": 8, "patience": 3, "schedule": "cosine", "clip": 1.0}


def _cycle(chosen: Parameters, shape: Shape, made: Parameters) -> dict[str, Any]:
    del shape, made
    return {"kernel": chosen["kernel"], "sweeps": chosen["sweeps"]}


def _coarsening(chosen: Parameters, shape: Shape, made: Parameters) -> dict[str, Any]:
    del shape
    widths = [2**level for level in range(int(chosen["levels"]))]
    return {
        "filters": [int(chosen["filters"]) * width for width in widths],
        "hidden": [16 * width for width in widths],
        "contrast": float(made["contrast"]),
    }


SPACES: Mapping[str, Space] = {
    space.name: space
    for space in (
        Space(
            name="window_net",
            summary="Young's modulus of a film's window from the energy of learned displacements.",
            sets=("sve",),
            only={"boundary": ("displacement", "traction")},
            sees="orientation",
            labels=("youngs_modulus",),
            unit="GPa",
            inputs=(KERNEL, SWEEPS, _log("learning_rate", 1e-4, 1e-2, 1e-3, "of the optimizer")),
            options=lambda chosen, shape, made: {
                **_cycle(chosen, shape, made), "boundary": made["boundary"],
            },
            recipe=OURS,
            enough=200,
            physical=True,
        ),
        Space(
            name="whole_beam_net",
            summary="Axial and bending modulus of a whole beam from learned warping of its sections.",
            sets=("beams",),
            sees="orientation",
            labels=("axial_modulus", "bending_modulus"),
            unit="GPa",
            inputs=(KERNEL, SWEEPS, _log("learning_rate", 1e-4, 1e-2, 1e-3, "of the optimizer")),
            options=_cycle,
            recipe=OURS,
            enough=200,
            physical=True,
        ),
        Space(
            name="sve_cnn",
            summary="Published network from the grey image of a film's window to its modulus along x.",
            source=QUESADA_MOLINA,
            sets=("sve", "film_cells"),
            sees="grey",
            labels=("youngs_modulus",),
            unit="GPa",
            inputs=(
                _ordered("filters_1", FILTERS, 128, "channels of the first convolution"),
                _ordered("kernel_1", KERNELS, 5, "pixels of its kernel"),
                _ordered("filters_2", FILTERS, 128, "channels of the second convolution"),
                _ordered("kernel_2", KERNELS, 3, "pixels of its kernel"),
                _learning_rate(0.0001),
            ),
            options=lambda chosen, shape, _: {
                "filters": [chosen["filters_1"], chosen["filters_2"]],
                "kernels": [chosen["kernel_1"], chosen["kernel_2"]],
                "pixels": shape[-1],
            },
            recipe=ADAMAX,
        ),
        Space(
            name="beam_net",
            summary="Published network from the moduli of a beam's windows to the beam's axial modulus.",
            source=QUESADA_MOLINA,
            sets=("beams", "homogeneous_beams"),
            sees=("window_modulus",),
            labels=("axial_modulus",),
            unit="GPa",
            inputs=(*_units(50, 50, 50), _learning_rate(0.001)),
            options=_dense,
            recipe=ADAMAX,
        ),
        Space(
            name="smooth_net",
            summary="Largest amplitude of the magnetometer from modulus and over-etch, as a smooth response.",
            sets=("over_etch",),
            sees=("youngs_modulus", "over_etch"),
            labels=("amplitude",),
            unit="nm",
            inputs=(
                _ordered("units_1", (5, 10, 20), 10, "neurons of hidden layer 1"),
                _ordered("units_2", (5, 10, 20), 10, "neurons of hidden layer 2"),
            ),
            options=lambda chosen, shape, _: {"units": [shape[0], chosen["units_1"], chosen["units_2"], 1]},
            recipe={
                "optimizer": "lbfgs", "learning_rate": 1.0, "epochs": 80, "patience": 40,
                "schedule": "constant", "dtype": "float64",
            },
        ),
        Space(
            name="amplitude_net",
            summary="Published network from modulus and over-etch to the magnetometer's largest amplitude.",
            source=QUESADA_MOLINA,
            sets=("over_etch",),
            sees=("youngs_modulus", "over_etch"),
            labels=("amplitude",),
            unit="nm",
            inputs=(*_units(50, 150, 50), _learning_rate(0.01)),
            options=_dense,
            recipe=ADAMAX,
        ),
        Space(
            name="permeability_net",
            summary="Permeability of a packing of disks from a lattice of learned conductances.",
            sets=("disks",),
            sees="phase",
            labels=("mu_11", "mu_22", "mu_12"),
            unit="",
            inputs=(
                _ordered("levels", (1, 2, 3), 2, "halvings of the lattice before it is solved"),
                _ordered("filters", (4, 6, 8, 12), 6, "even windows of the first level, doubled at each"),
                _log("learning_rate", 1e-3, 2e-2, 6e-3, "of the optimizer"),
            ),
            options=_coarsening,
            recipe={**OURS, "batch": 8, "epochs": 20, "patience": 20},
            physical=True,
            encoding="permeability",
        ),
        Space(
            name="permeability_cnn",
            summary="Published network from the image of a packing of disks to its permeabilities.",
            source="Aldakheel, Elsayed, Zohdi and Wriggers 2023, section 4.3",
            sets=("disks",),
            sees="phase",
            labels=("mu_11", "mu_22"),
            unit="",
            inputs=(
                _ordered("filters", (8, 16, 32), 16, "of the first convolution; the others have twice as m"),
                _ordered("learning_rate", (0.0001, 0.0005, 0.001), 0.0005, "of the optimizer"),
                _ordered("weight_decay", (0.0, 0.0001, 0.001), 0.001, "L2 penalty"),
            ),
            options=lambda chosen, shape, _: {
                "filters": [int(chosen["filters"]) * n for n in (1, 2, 2, 2)],
                "pixels": shape[-1],
                "outputs": 2,
            },
            recipe={
                "optimizer": "adam", "batch": 32, "epochs": 300, "patience": 100, "schedule": "plateau",
                "decay_patience": 25,
            },
        ),
    )
}  # fmt: skip
"""Ours stand before published ones."""


def _named(name: str) -> Space:
    return SPACES[name]


def fitting(source: str, options: Mapping[str, Any]) -> tuple[Space, ...]:
    """Networks that can learn from data sets of ``source`` made with ``options``, the best first."""
    return tuple(space for space in SPACES.values() if space.fits(source, options))
