"""Responses to be learned in a benchmark: known functions, the magnetometer, frozen emulators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from emulators import emulator
from numpy.typing import NDArray
from scipy.stats import qmc

from designloop.oracle import Context, as_oracle
from designloop.space import Design, FloatParameter, Space
from designloop_oracles import analytic
from designloop_oracles.magnetometer import Magnetometer

Array = NDArray[np.float64]
METRIC = "value"
TEST = 1024


@dataclass(frozen=True, kw_only=True)
class Case:
    """One response: ``value`` of designs (k), in the unit that is learned; ``version`` tells tables apart."""

    space: Space
    value: Callable[[Sequence[Design]], Array]
    budget: int = 80
    seeds: int = 40
    version: str = ""


def _analytic(name: str) -> Case:
    oracle = as_oracle(getattr(analytic, name))
    ranges = [(i.name, float(i.lower or 0.0), float(i.upper or 0.0)) for i in oracle.declaration.inputs]
    return Case(
        space=Space(tuple(FloatParameter(name=n, lower=a, upper=b) for n, a, b in ranges)),
        value=lambda designs: np.array(
            [oracle.evaluate(d, Context()).metrics[METRIC].value for d in designs]
        ),
    )


def _magnetometer() -> Case:
    """ln of the noise-equivalent field over length, width, gap and pressure."""
    space = Space(
        (
            FloatParameter(name="beam_length", lower=300, upper=800, unit="um"),
            FloatParameter(name="beam_width", lower=2, upper=6, unit="um"),
            FloatParameter(name="gap", lower=2, upper=5, unit="um"),
            FloatParameter(name="pressure", lower=0.1, upper=100, unit="mbar", log=True),
        )
    )

    def value(designs: Sequence[Design]) -> Array:
        answers = [Magnetometer().evaluate(d, Context()) for d in designs]
        return np.log([a.metrics["noise_equivalent_field"].value for a in answers])

    return Case(space=space, value=value, seeds=20)


def _emulated(table: str, output: str, *, log: bool) -> Case:
    frozen = emulator(table, output, log=log)
    return Case(
        space=frozen.space,
        value=lambda designs: frozen(np.asarray(frozen.space.to_unit(designs), dtype=float)),
        budget=60,
        seeds=10,
        version=frozen.digest,
    )


CASES: Mapping[str, Callable[[], Case]] = {
    "friedman": lambda: _analytic("friedman"),
    "ishigami": lambda: _analytic("ishigami"),
    "needle_peak": lambda: _analytic("needle_peak"),
    "magnetometer": _magnetometer,
    "polysilicon_std": lambda: _emulated("polysilicon", "bending_modulus_std", log=True),
    "polysilicon_mean": lambda: _emulated("polysilicon", "axial_modulus_mean", log=False),
    "composite": lambda: _emulated("composite", "permeability", log=True),
}


@cache
def case_of(name: str) -> Case:
    """One of the ``CASES``, made once."""
    return CASES[name]()


@cache
def test_set(name: str) -> tuple[Array, Array]:
    """1,024 Sobol designs on the unit cube and their values."""
    case = case_of(name)
    unit = qmc.Sobol(case.space.dimension, rng=987_654).random(TEST)
    return unit, case.value(case.space.from_unit(unit))
