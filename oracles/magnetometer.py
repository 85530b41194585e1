"""A Lorentz-force magnetometer: one clamped-clamped polysilicon beam between sense electrodes.

An alternating current of amplitude i along the beam in a field B bends it at its first mode; electrodes
on both sides read the motion. The model is one Duffing oscillator with residual and thermal stress,
electrostatic softening, gas, thermoelastic and anchor losses (``_beam`` and ``_gas`` hold the formulas).

With the option ``reproduce: quesada_molina_2022`` the oracle is the **calibrated** closure of the published
maximum amplitude instead, which holds for one geometry only (class ``Reproduction``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.errors import OracleError
from designloop.oracle import Context, Declaration, Infeasible, Input, Observation, Output, Result, Value

from . import _beam as beam
from . import _gas as gas
from ._inputs import columns, complete

Array = NDArray[np.float64]

LOSSES = ("gas", "thermoelastic", "anchor")
DAMPING = tuple(" + ".join(some) for n in (3, 2, 1) for some in combinations(LOSSES, n))
SMALLEST_WIDTH = 1e-7
"""Metres; a beam etched below this is gone."""

INPUTS = (
    Input(name="beam_length", unit="um", lower=20, upper=2000, description="length between the clamps"),
    Input(name="beam_width", unit="um", lower=0.5, upper=50, description="drawn width, in the plane"),
    Input(name="thickness", unit="um", lower=0.5, upper=100, default=20, description="film thickness"),
    Input(
        name="over_etch", unit="um", lower=-0.25, upper=1, default=0, description="width lost on each side"
    ),
    Input(
        name="youngs_modulus",
        unit="GPa",
        lower=50,
        upper=250,
        default=148.2173,
        description="bending modulus; default: infinite film of <100> grains, sqrt(E100 E110)",
    ),
    Input(
        name="drive_source", choices=("current", "voltage"), default="current", description="what is given"
    ),
    Input(
        name="current", unit="mA", lower=0.001, upper=20, default=1, description="amplitude of the current"
    ),
    Input(
        name="voltage",
        unit="mV",
        lower=0.01,
        upper=10000,
        default=50,
        description="amplitude across the beam, under drive_source: voltage",
    ),
    Input(name="field", unit="uT", lower=0, upper=1e6, default=50, description="magnetic field to be sensed"),
    Input(name="gap", unit="um", lower=0.6, upper=50, default=2, description="drawn gap to each electrode"),
    Input(name="bias", unit="V", lower=0, upper=100, default=2, description="voltage of both electrodes"),
    Input(
        name="pressure",
        unit="mbar",
        lower=1e-6,
        upper=2000,
        default=1,
        log=True,
        description="pressure of the air inside: sets gas damping and cooling",
    ),
    Input(
        name="residual_stress",
        unit="MPa",
        lower=-200,
        upper=500,
        default=0,
        description="axial stress of the film, tension positive",
    ),
    Input(
        name="temperature", unit="degC", lower=-50, upper=150, default=25, description="of gas and anchors"
    ),
    Input(
        name="drive",
        choices=("tracked_resonance", "fixed_frequency"),
        default="tracked_resonance",
        description="whether the drive follows the resonance",
    ),
    Input(
        name="drive_frequency",
        unit="kHz",
        lower=0,
        upper=100000,
        default=0,
        description="under drive: fixed_frequency; 0 means the design's own, without over-etch and stress",
    ),
    Input(name="damping", choices=DAMPING, default=DAMPING[0], description="losses taken into account"),
)

OUTPUTS = (
    Output("amplitude", unit="nm", description="largest oscillation amplitude at mid-span"),
    Output("resonance_frequency", unit="kHz", description="first mode, small amplitude"),
    Output("sensitivity", unit="nm/mT", description="amplitude per field, small field"),
    Output("capacitance_change", unit="fF", description="differential, amplitude"),
    Output(
        "noise_equivalent_field",
        unit="nT/sqrt(Hz)",
        description="thermomechanical: sqrt(4 kB T b) / (c1 i L)",
    ),
    Output("bandwidth", unit="Hz", description="of the demodulated field: f / (2 Q)"),
    Output("quality_factor", description="of all losses taken into account"),
    Output("stiffness", unit="N/m", description="modal, with axial and electrostatic parts"),
    Output("cubic_stiffness", unit="N/m^3", description="modal Duffing coefficient"),
    Output("drive_power", unit="mW", description="mean Joule heat i^2 R / 2"),
    Output("temperature_rise", unit="K", description="at mid-span, with cooling by the gas"),
    Output("buckling_margin", margin=True, description="compression against 4 pi^2 E I / L^2"),
    Output("pull_in_margin", margin=True, description="softening against the bending stiffness"),
    Output("etch_margin", margin=True, description="width left above 0.1 um, over the drawn width"),
    Output("bistability_margin", margin=True, description="peak amplitude against the bistable onset"),
    Output("contact_margin", margin=True, description="peak amplitude against the gap"),
)

_SI = {"um": 1e-6, "GPa": 1e9, "mA": 1e-3, "mV": 1e-3, "uT": 1e-6, "V": 1.0, "mbar": 1e2, "MPa": 1e6}
_SI |= {"nm": 1e-9, "kHz": 1e3, "nm/mT": 1e-6, "fF": 1e-15, "nT/sqrt(Hz)": 1e-9, "mW": 1e-3, "degC": 1.0}

DESIGN = Declaration(
    name="magnetometer",
    summary="Lorentz-force magnetometer: a clamped-clamped polysilicon beam between sense electrodes.",
    inputs=INPUTS,
    outputs=OUTPUTS,
    cheap=True,
    source="Duffing oscillator after Bagherinia et al. 2014; losses: Burgdorfer 1959, Christian 1966, "
    "Zener 1937, Hao et al. 2003",
)

REASONS = (
    ("etched away: no beam of at least 0.1 um is left", "etch_margin"),
    ("buckled: the axial compression exceeds 4 pi^2 E I / L^2", "buckling_margin"),
    ("pulled in: softening exceeds the bending stiffness", "pull_in_margin"),
    ("touches the electrodes: the amplitude exceeds the gap", "contact_margin"),
)
MARGINS = tuple(output.name for output in OUTPUTS if output.margin)


class Magnetometer:
    """Lorentz-force magnetometer: a clamped-clamped polysilicon beam between sense electrodes.

    Option ``reproduce: quesada_molina_2022`` gives the calibrated published amplitude instead.
    """

    def __new__(cls, reproduce: str | None = None) -> Any:
        """The design model, or the reproduction named by ``reproduce``; raises OracleError."""
        if reproduce is None:
            return super().__new__(cls)
        if reproduce != "quesada_molina_2022":
            raise OracleError(
                f"option reproduce: {reproduce!r} is not known. Write 'quesada_molina_2022', or leave it out."
            )
        return Reproduction()

    @property
    def declaration(self) -> Declaration:
        """Inputs, outputs and units of the design model."""
        return DESIGN

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """Answer for one die; raises Infeasible with its margins, or OracleError."""
        answer = self.evaluate_batch([parameters], context)[0]
        if isinstance(answer, Infeasible):
            raise answer
        return answer

    def evaluate_batch(
        self,
        parameters: Sequence[Mapping[str, Value]],
        context: Context,  # noqa: ARG002 - the model is deterministic
    ) -> list[Result | Infeasible]:
        """Answer for many dies in one array pass; raises OracleError."""
        metrics = solve({name: np.asarray(column) for name, column in columns(DESIGN, parameters).items()})
        return [_answer({name: float(v[i]) for name, v in metrics.items()}) for i in range(len(parameters))]


def _answer(metrics: Mapping[str, float]) -> Result | Infeasible:
    for reason, name in REASONS:
        if metrics[name] < 0:
            return Infeasible(reason, metrics={margin: metrics[margin] for margin in MARGINS})
    return Result(metrics={name: Observation(value=value) for name, value in metrics.items()})


@dataclass(frozen=True)
class _Die:
    """One array per quantity, in SI."""

    length: Array
    width: Array
    thickness: Array
    modulus: Array
    current: Array
    gap: Array
    bias: Array
    pressure: Array
    stress: Array
    temperature: Array

    @property
    def area(self) -> Array:
        return self.thickness * self.width

    @property
    def inertia(self) -> Array:
        return self.thickness * self.width**3 / 12

    @property
    def power(self) -> Array:
        return self.current**2 / 2 * beam.RESISTIVITY * self.length / self.area

    def rise(self) -> tuple[Array, Array]:
        """Largest and mean temperature rise."""
        conductance = gas.cooling(self.thickness, self.gap, self.pressure, self.temperature)
        return beam.temperature_rise(self.power, self.area, self.length, conductance)

    def axial_force(self) -> Array:
        """Tension from the film's stress and from heating."""
        return self.area * (self.stress - self.modulus * beam.EXPANSION * self.rise()[1])

    def stiffness(self) -> tuple[Array, Array]:
        """Bending stiffness and the softening to be taken from it."""
        bending = beam.bending_stiffness(self.modulus, self.inertia, self.length)
        electric = beam.electrostatic_stiffness(self.thickness, self.length, self.gap, self.bias)
        return bending, -beam.axial_stiffness(self.axial_force(), self.length) - electric

    def frequency(self) -> Array:
        """Resonance in Hz; a design without stiffness gives a small positive number."""
        bending, softening = self.stiffness()
        stiffness = np.maximum(bending - softening, 1e-6 * bending)
        return np.sqrt(stiffness / beam.mass(self.area, self.length)) / (2 * np.pi)


def _die(si: Mapping[str, Array], *, as_drawn: bool = False) -> _Die:
    etch = 0 * si["over_etch"] if as_drawn else si["over_etch"]
    width = np.maximum(si["beam_width"] - 2 * etch, SMALLEST_WIDTH)
    resistance = beam.RESISTIVITY * si["beam_length"] / (width * si["thickness"])
    return _Die(
        length=si["beam_length"],
        width=width,
        thickness=si["thickness"],
        modulus=si["youngs_modulus"],
        current=np.where(si["drive_source"] == "voltage", si["voltage"] / resistance, si["current"]),
        gap=si["gap"] + 2 * etch,
        bias=si["bias"],
        pressure=si["pressure"],
        stress=0 * si["residual_stress"] if as_drawn else si["residual_stress"],
        temperature=si["temperature"] + 273.15,
    )


def solve(values: Mapping[str, Any]) -> dict[str, Array]:
    """Every output for arrays of every declared input, in declared units; arrays of equal shape.

    Answers also where a design is infeasible (a margin is negative); only the margins mean
    something there.
    """
    si = {i.name: np.asarray(values[i.name]) * _SI[i.unit] if i.unit else values[i.name] for i in INPUTS}
    die = _die(si)
    bending, softening = die.stiffness()
    stiffness = np.maximum(bending - softening, 1e-6 * bending)
    mass = beam.mass(die.area, die.length)
    cubic = beam.cubic_stiffness(die.modulus, die.area, die.thickness, die.length, die.gap, die.bias)
    frequency = die.frequency()
    quality = 1 / _loss(die, mass, frequency, si["damping"])
    per_field = beam.MEAN * die.current * die.length
    peak = quality * per_field * si["field"] / stiffness
    detuning = _detuning(si, frequency, quality)
    share = np.ones_like(detuning)
    fixed = detuning != 0
    share[fixed] = beam.duffing_response(
        detuning[fixed], (0.75 * cubic / stiffness * quality * peak**2)[fixed]
    )
    amplitude = peak * share
    friction = 2 * np.pi * frequency * mass / quality
    results = {
        "amplitude": amplitude,
        "resonance_frequency": frequency,
        "sensitivity": quality * per_field / stiffness / np.sqrt(1 + detuning**2),
        "capacitance_change": 2 * _charge(die) * amplitude,
        "noise_equivalent_field": np.sqrt(4 * beam.BOLTZMANN * die.temperature * friction) / per_field,
        "bandwidth": frequency / (2 * quality),
        "quality_factor": quality,
        "stiffness": stiffness,
        "cubic_stiffness": cubic,
        "drive_power": die.power,
        "temperature_rise": die.rise()[0],
        "buckling_margin": beam.margin(
            -die.axial_force(), beam.euler_load(die.modulus, die.inertia, die.length)
        ),
        "pull_in_margin": beam.margin(softening, bending),
        "etch_margin": (si["beam_width"] - 2 * si["over_etch"] - SMALLEST_WIDTH) / si["beam_width"],
        "bistability_margin": beam.margin(peak, beam.bistable_amplitude(stiffness, cubic, quality)),
        "contact_margin": beam.margin(amplitude, die.gap),
    }
    return {o.name: np.asarray(results[o.name] / _SI.get(o.unit, 1.0)) for o in OUTPUTS}


def _loss(die: _Die, mass: Array, frequency: Array, damping: NDArray[np.str_]) -> Array:
    """1/Q, the sum of the losses that ``damping`` names."""
    air = die.pressure, die.temperature
    friction = 2 * gas.squeeze_film(die.thickness, die.gap, *air)
    friction = friction + gas.drag(die.thickness, frequency, *air)
    losses = {
        "gas": friction * beam.MEAN_SQUARE * die.length / (2 * np.pi * frequency * mass),
        "thermoelastic": beam.thermoelastic_loss(die.modulus, die.width, frequency, die.temperature),
        "anchor": beam.anchor_loss(die.length, die.width),
    }
    chosen = np.asarray(damping)
    return np.sum([np.where(np.char.find(chosen, n) >= 0, loss, 0) for n, loss in losses.items()], axis=0)


def _detuning(si: Mapping[str, Any], frequency: Array, quality: Array) -> Array:
    """2 Q (1 - f / f1); zero where the resonance is tracked."""
    own = _die(si, as_drawn=True).frequency()
    drive = np.where(si["drive_frequency"] > 0, si["drive_frequency"], own)
    return np.where(si["drive"] == "fixed_frequency", 2 * quality * (1 - drive / frequency), 0.0)


def _charge(die: _Die) -> Array:
    """Change of one electrode's capacitance per amplitude, F/m."""
    return beam.VACUUM_PERMITTIVITY * die.thickness * die.length * beam.MEAN / die.gap**2


REPRODUCTION = Declaration(
    name="magnetometer",
    summary="Published amplitude of a 40 x 2 x 5 um beam, calibrated: holds for this geometry only.",
    inputs=(
        Input(name="youngs_modulus", unit="GPa", lower=100, upper=200, default=149.5),
        Input(name="over_etch", unit="um", lower=-0.25, upper=0.4, default=0, description="per side"),
        Input(name="beam_length", unit="um", lower=40, upper=40, default=40),
        Input(name="beam_width", unit="um", lower=2, upper=2, default=2),
        Input(name="thickness", unit="um", lower=5, upper=5, default=5),
        Input(name="gap", unit="um", lower=2, upper=2, default=2),
    ),
    outputs=(Output("amplitude", unit="nm", description="maximum oscillation amplitude, calibrated"),),
    options={"reproduce": "quesada_molina_2022"},
    cheap=True,
    labels=("calibrated",),
    source="Quesada-Molina and Mariani 2022: 1.67 +- 0.032 nm; one damping parameter fitted to that spread",
)


@dataclass(frozen=True)
class Reproduction:
    """The published maximum amplitude, **calibrated**: 1.670 +- 0.032 nm.

    v = 1.6709 nm (E / 149.5 GPa)^(-1/2) / ((1 - chi) + chi g0 / (g0 + 2 O)), g0 = 2 um: voltage drive,
    of whose damping a share chi = 0.3717 goes with the inverse gap. chi and the scale were fitted to the
    published mean and standard deviation under E ~ N(149.5, 1.3) GPa and O ~ N(0, 0.05) um, because the
    published current, field, quality factor and gap are not known. It says nothing of any other beam.
    """

    @property
    def declaration(self) -> Declaration:
        """Inputs and the one output; labelled calibrated."""
        return REPRODUCTION

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:  # noqa: ARG002
        """Amplitude of one die in nm; raises OracleError for any other geometry."""
        values = complete(REPRODUCTION, parameters)
        amplitude = published_amplitude(float(values["youngs_modulus"]), float(values["over_etch"]))
        return Result(metrics={"amplitude": Observation(value=float(amplitude))})

    def evaluate_batch(
        self, parameters: Sequence[Mapping[str, Value]], context: Context
    ) -> list[Result | Infeasible]:
        """Amplitudes of many dies."""
        return [self.evaluate(one, context) for one in parameters]


def published_amplitude(youngs_modulus: Any, over_etch: Any) -> Array:
    """Amplitude in nm from GPa and um (numbers or arrays), calibrated; see ``Reproduction``."""
    share, gap = 0.3717, 2.0
    damping = (1 - share) + share * gap / (gap + 2 * np.asarray(over_etch))
    return np.asarray(1.6709 * (np.asarray(youngs_modulus) / 149.5) ** -0.5 / damping)
