"""What the process does to one device: Young's modulus and over-etch drawn, the amplitude computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from designloop.learning.datasets import Arrays, Column, DataSetError, row_seeds
from designloop.oracle import Context

from ..magnetometer import Magnetometer

BEYOND = 4.0
"""Standard deviations at which the over-etch is cut off."""
REPRODUCE = "quesada_molina_2022"


@dataclass(frozen=True, kw_only=True)
class OverEtch:
    """Dies of the published magnetometer, 40 um x 2 um: modulus, over-etch and calibrated amplitude."""

    modulus_mean: float = 149.5
    modulus_spread: float = 1.3
    over_etch_spread: float = 0.05

    name: ClassVar[str] = "over_etch"
    summary: ClassVar[str] = "Dies of one magnetometer: modulus, over-etch and calibrated largest amplitude."
    version: ClassVar[str] = "1"
    count: ClassVar[int] = 1000
    cost: ClassVar[float] = 1e-4
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="youngs_modulus", unit="GPa", role="input", description="of the beam"),
        Column(name="over_etch", unit="um", role="input", description="width lost on each side"),
        Column(name="amplitude", unit="nm", role="label", description="largest amplitude v_max, calibrated"),
    )

    def __post_init__(self) -> None:
        if not (0 <= self.modulus_spread <= 10 and 0 < self.over_etch_spread <= 0.06):
            raise DataSetError(
                "modulus_spread lies between 0 and 10 GPa, over_etch_spread above 0 and up to 0.06 um."
            )

    @property
    def options(self) -> dict[str, Any]:
        """Every option."""
        return asdict(self)

    def provenance(self) -> Mapping[str, Any]:
        """Laws of the process and the closure."""
        return {
            "boundary": "clamped-clamped beam, 40 um x 2 um x 5 um, gap 2 um",
            "process": f"youngs_modulus ~ N({self.modulus_mean:g}, {self.modulus_spread:g}) GPa, over_etch ~ "
            f"N(0, {self.over_etch_spread:g}) um per side, cut off at {BEYOND:g} standard deviations",
            "solver": f"magnetometer with reproduce: {REPRODUCE}, closed form, calibrated",
            "declared_count": "Quesada-Molina and Mariani (2022): 800 + 100 + 100",
        }

    def rows(self, seed: int, which: range) -> Arrays:
        """Dies with their amplitudes."""
        drawn = np.array([self._die(int(one)) for one in row_seeds(seed, self.name, which)])
        modulus, etch = drawn.T
        oracle = Magnetometer(reproduce=REPRODUCE)
        dies = [{"youngs_modulus": float(e), "over_etch": float(o)} for e, o in drawn]
        results = oracle.evaluate_batch(dies, Context(seed=0))
        amplitude = np.array([one.metrics["amplitude"].value for one in results])
        return {"youngs_modulus": modulus, "over_etch": etch, "amplitude": amplitude}

    def _die(self, seed: int) -> tuple[float, float]:
        rng = np.random.default_rng(seed)
        modulus = self.modulus_mean + self.modulus_spread * rng.standard_normal()
        etch = rng.standard_normal()
        while abs(etch) > BEYOND:
            etch = rng.standard_normal()
        return float(modulus), float(self.over_etch_spread * etch)
