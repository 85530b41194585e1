"""A synthetic stand-in for the sintering of the solid electrolyte LATP, Li1.3Al0.3Ti1.7(PO4)3."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from designloop.errors import OracleError
from designloop.oracle import Context, Declaration, Input, Observation, Output, Result, Value

from ._inputs import complete
from ._latp import FROZEN, response


class Latp:
    """An emulator, not a measurement: two smooth formulas with measurement noise, labelled ``synthetic``.

    It exists because the 80 legacy measurements behind the published campaign are not published. It is
    fitted to the 22 published samples (Zhao et al. 2022, Table 2; ``campaigns/latp_published.csv``, whose
    SHA-256 is ``DATA``) and to what the text says of the rest:

    - the legacy grid has one maximum, at -7.5 %, 1000 degC, 480 min (1.09e-3 S/cm, quoted);
    - the best stoichiometric sample of that grid is sintered at 900 degC for 30 min, "in the order of 1e-3";
    - the optimum moves to hotter and longer with a deficit of acid, because second phases pin the grain
      boundaries; too short leaves pores, too long without pinning gives large grains and microcracks.

    ``_latp.response`` states the formula and its 13 constants. Residuals at the 22 rows: 2.4 % of density
    and 0.14 decades of conductivity; the five known samples at -7.5 %, 1000 degC, 360 to 540 min scatter by
    0.2 decades among themselves. Formula and constants were frozen before any strategy was run on the
    emulator; a change makes a new ``version``.

    Option ``noise`` (default 0.1): standard deviation of log10 of the conductivity, drawn from the seed; the
    density scatters by ten times as many percent. No standard error is reported, as none was published.
    Source: Zhao et al. 2022, Frontiers in Materials 9, 821817.
    """

    DATA: ClassVar[str] = "21708ca888feb8f60a30427cc92ef4539619597c5a661b7c24c1b83eb4687f36"

    def __init__(self, noise: float = 0.1) -> None:
        if isinstance(noise, bool | str) or not 0 <= noise <= 1:
            raise OracleError(f"option noise is {noise!r}; write a number of decades from 0 to 1.")
        self.noise = float(noise)

    @property
    def declaration(self) -> Declaration:
        """Three inputs over the published ranges, two outputs."""
        return Declaration(
            name="latp",
            summary="Synthetic emulator of the conductivity of sintered LATP; no measured data.",
            inputs=(
                Input(
                    name="acid_deviation", unit="%", lower=-22.5, upper=7.5,
                    description="phosphoric acid beyond stoichiometric, weight percent",
                ),
                Input(
                    name="sintering_temperature", unit="degC", lower=800, upper=1100,
                    description="temperature of the hold",
                ),
                Input(name="holding_time", unit="min", lower=10, upper=540, description="length of the hold"),
            ),
            outputs=(
                Output("ionic_conductivity", unit="S/cm", description="total, at room temperature"),
                Output("relative_density", unit="%", description="over the density of the crystal"),
            ),
            options={"noise": self.noise},
            stochastic=self.noise > 0,
            cheap=True,
            labels=("synthetic",),
            source="formula fitted to Zhao et al. 2022, Table 2",
        )  # fmt: skip

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """One synthetic sample; equal point and seed give equal noise. Raises OracleError."""
        values = complete(self.declaration, parameters)
        point = np.array(list(values.values()), dtype=float)
        density, level = (float(v) for v in response(FROZEN, *point))
        if self.noise:
            place = zlib.crc32(repr(point.tolist()).encode())
            error = np.random.default_rng([context.seed, place]).normal(0.0, self.noise, 2)
            level, density = level + float(error[0]), min(100.0, density + 10.0 * float(error[1]))
        answers = {"ionic_conductivity": 10.0**level, "relative_density": density}
        return Result(metrics={name: Observation(value=value) for name, value in answers.items()})
