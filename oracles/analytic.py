"""Functions with known answers, for tests and for the comparison of strategies.

Each takes the option ``noise``: the standard deviation of normal noise drawn from the seed.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np

from designloop.errors import OracleError
from designloop.oracle import Context, Declaration, Input, Observation, Output, Result, Value, declare

from ._inputs import complete


class Formula:
    """A formula as an oracle, with optional noise of standard deviation ``noise``."""

    function: ClassVar[Callable[..., Mapping[str, float]]]

    def __init__(self, noise: float = 0.0) -> None:
        if isinstance(noise, bool | str) or noise < 0:
            raise OracleError(f"option noise is {noise!r}; write a standard deviation of at least 0.")
        self.noise = float(noise)

    @property
    def options(self) -> dict[str, Value]:
        """Options that differ from their defaults."""
        return {"noise": self.noise} if self.noise else {}

    @property
    def declaration(self) -> Declaration:
        """Read from the function's annotations."""
        own = declare(type(self).function)
        return replace(own, options=self.options, stochastic=self.noise > 0, cheap=True)

    def compute(self, values: Mapping[str, Any]) -> Mapping[str, float]:
        """The exact answer."""
        return type(self).function(**values)

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """The answer for one point; equal point and seed give equal noise. Raises OracleError."""
        values = complete(self.declaration, parameters)
        answer = self.compute(values)
        if not self.noise:
            return Result(metrics={name: Observation(value=float(v)) for name, v in answer.items()})
        place = zlib.crc32(repr(sorted(values.items())).encode())
        errors = np.random.default_rng([context.seed, place]).normal(0, self.noise, len(answer))
        return Result(
            metrics={
                name: Observation(value=float(value + error), sem=self.noise)
                for (name, value), error in zip(answer.items(), errors, strict=True)
            }
        )


def _branin(
    x1: Annotated[float, Input(lower=-5, upper=10)], x2: Annotated[float, Input(lower=0, upper=15)]
) -> Annotated[dict[str, float], Output("value")]:
    """Branin's function: three equal minima of 0.397887."""
    a = x2 - 5.1 / (4 * math.pi**2) * x1**2 + 5 / math.pi * x1 - 6
    return {"value": a**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x1) + 10}


class Branin(Formula):
    """Branin's function: three equal minima of 0.397887.

    At (-pi, 12.275), (pi, 2.275) and (9.42478, 2.475) (Branin 1972; Dixon and Szego 1978).
    """

    function = staticmethod(_branin)

    @property
    def declaration(self) -> Declaration:
        """Two inputs, one output."""
        return replace(super().declaration, name="branin", source="Branin 1972")


_HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)

Unit = Annotated[float, Input(lower=0, upper=1)]


def _hartmann6(
    x1: Unit, x2: Unit, x3: Unit, x4: Unit, x5: Unit, x6: Unit
) -> Annotated[dict[str, float], Output("value")]:
    """Hartmann's function in six dimensions: minimum -3.32237."""
    x = np.array([x1, x2, x3, x4, x5, x6])
    exponents = (_HARTMANN_A * (x - _HARTMANN_P) ** 2).sum(axis=1)
    return {"value": float(-np.array([1, 1.2, 3, 3.2]) @ np.exp(-exponents))}


class Hartmann6(Formula):
    """Hartmann's function in six dimensions: minimum -3.32237.

    At (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573) (Hartman 1973).
    """

    function = staticmethod(_hartmann6)

    @property
    def declaration(self) -> Declaration:
        """Six inputs in 0 .. 1, one output."""
        return replace(super().declaration, name="hartmann6", source="Hartman 1973")


class Ackley(Formula):
    """Ackley's function, shifted so that its minimum 0 is not at the centre of the box.

    Options ``dimension`` (default 4) and ``shift_seed`` (default 0): the minimum lies at ``optimum``, drawn
    uniformly from 0.25 to 0.75 of the half-range 32.768 on a random side in each direction (Ackley 1987).
    """

    HALF_RANGE: ClassVar[float] = 32.768

    def __init__(self, dimension: int = 4, shift_seed: int = 0, noise: float = 0.0) -> None:
        if isinstance(dimension, bool) or not isinstance(dimension, int) or not 1 <= dimension <= 100:
            raise OracleError(f"option dimension is {dimension!r}; write a whole number from 1 to 100.")
        super().__init__(noise)
        self.dimension, self.shift_seed = dimension, shift_seed
        generator = np.random.default_rng(shift_seed)
        side = generator.choice([-1.0, 1.0], dimension)
        shift = side * generator.uniform(0.25, 0.75, dimension) * self.HALF_RANGE
        self.optimum: tuple[float, ...] = tuple(map(float, shift))

    @property
    def options(self) -> dict[str, Value]:
        """Dimension, seed of the shift, and noise."""
        return {"dimension": self.dimension, "shift_seed": self.shift_seed, **super().options}

    @property
    def declaration(self) -> Declaration:
        """``dimension`` inputs x1, x2, ... and one output."""
        h = self.HALF_RANGE
        return Declaration(
            name="ackley",
            summary="Ackley's function, shifted so that its minimum 0 is not at the centre of the box.",
            inputs=tuple(Input(name=f"x{i + 1}", lower=-h, upper=h) for i in range(self.dimension)),
            outputs=(Output("value"),),
            options=self.options,
            stochastic=self.noise > 0,
            cheap=True,
            source="Ackley 1987",
        )

    def compute(self, values: Mapping[str, Any]) -> Mapping[str, float]:
        """-20 exp(-0.2 rms z) - exp(mean cos 2 pi z) + 20 + e, z = x - optimum."""
        z = np.array([values[f"x{i + 1}"] for i in range(self.dimension)]) - np.array(self.optimum)
        wells = np.exp(np.mean(np.cos(2 * np.pi * z)))
        return {"value": float(-20 * np.exp(-0.2 * np.sqrt(np.mean(z**2))) - wells + 20 + np.e)}


def _friedman(
    x1: Unit, x2: Unit, x3: Unit, x4: Unit, x5: Unit
) -> Annotated[dict[str, float], Output("value")]:
    """Friedman's function in five dimensions: smooth, with one interaction."""
    return {"value": 10 * math.sin(math.pi * x1 * x2) + 20 * (x3 - 0.5) ** 2 + 10 * x4 + 5 * x5}


class Friedman(Formula):
    """Friedman's function in five dimensions: smooth, with one interaction.

    10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5 on the unit cube (Friedman 1991, equation 61).
    """

    function = staticmethod(_friedman)

    @property
    def declaration(self) -> Declaration:
        """Five inputs in 0 .. 1, one output."""
        return replace(super().declaration, name="friedman", source="Friedman 1991, Eq. 61")


Angle = Annotated[float, Input(lower=-math.pi, upper=math.pi)]


def _ishigami(x1: Angle, x2: Angle, x3: Angle) -> Annotated[dict[str, float], Output("value")]:
    """Ishigami's function: it oscillates in every direction, which a hundred labels hardly show."""
    return {"value": (1 + 0.1 * x3**4) * math.sin(x1) + 7 * math.sin(x2) ** 2}


class Ishigami(Formula):
    """Ishigami's function: it oscillates in every direction, which a hundred labels hardly show.

    sin x1 + a sin^2 x2 + b x3^4 sin x1 with a = 7, b = 0.1 (Ishigami, Homma 1990). Over the box its mean is
    a / 2 and its variance a^2 / 8 + b pi^4 / 5 + b^2 pi^8 / 18 + 1 / 2.
    """

    function = staticmethod(_ishigami)

    @property
    def declaration(self) -> Declaration:
        """Three inputs in -pi .. pi, one output."""
        return replace(super().declaration, name="ishigami", source="Ishigami, Homma 1990")


def _needle_peak(x1: Unit, x2: Unit, x3: Unit, x4: Unit) -> Annotated[dict[str, float], Output("value")]:
    """A smooth narrow peak in four dimensions on a plain that knows nothing of it."""
    square = sum((x - c) ** 2 for x, c in zip((x1, x2, x3, x4), NeedlePeak.TOP, strict=True))
    return {"value": max(0.0, 1 - square / NeedlePeak.REACH**2) ** 4}


class NeedlePeak(Formula):
    """A smooth narrow peak in four dimensions on a plain that knows nothing of it.

    max(0, 1 - |x - c|^2 / r^2)^4, c = (0.3, 0.7, 0.6, 0.4), r = 0.4: 1 at its top, exactly 0 from the
    distance r on, three times differentiable. One label in eight meets the peak at all and one in three
    hundred its upper half, so it is learned from labels near the top alone, through no transform of it.
    """

    TOP: ClassVar[tuple[float, ...]] = (0.3, 0.7, 0.6, 0.4)
    REACH: ClassVar[float] = 0.4
    function = staticmethod(_needle_peak)

    @property
    def declaration(self) -> Declaration:
        """Four inputs in 0 .. 1, one output."""
        return replace(super().declaration, name="needle_peak")


def _dirac_peak(
    x: Annotated[float, Input(lower=-50, upper=50)],
) -> Annotated[dict[str, float], Output("value")]:
    """A peak of width 0.1 in a range of 100: maximum 5.64190 at 0."""
    alpha = 0.1
    return {"value": math.exp(-((x / alpha) ** 2)) / (alpha * math.sqrt(math.pi))}


class DiracPeak(Formula):
    """A peak of width 0.1 in a range of 100: maximum 5.64190 at 0.

    exp(-(x / alpha)^2) / (alpha sqrt(pi)), alpha = 0.1 (Morand et al. 2022, Eq. 6).
    """

    function = staticmethod(_dirac_peak)

    @property
    def declaration(self) -> Declaration:
        """One input, one output."""
        return replace(super().declaration, name="dirac_peak", source="Morand et al. 2022, Eq. 6")


CURVE = tuple(f"H_{i + 1:02d}" for i in range(20))
"""Outputs of the hardening curve, at plastic strains of 0 to 0.2 in equal steps."""
STRAINS = np.linspace(0, 0.2, 20)


class HardeningCurve(Formula):
    """A saturating hardening curve at 20 plastic strains from 0 to 0.2, and its mean.

    H(s) = (gamma / beta) (1 - exp(-beta s)) in MPa (Morand et al. 2022, Eq. 7).
    """

    @property
    def declaration(self) -> Declaration:
        """Inputs beta and gamma/beta; outputs H_01 .. H_20 and H_mean."""
        curve = [
            Output(name, unit="MPa", description=f"hardening at plastic strain {s:.4f}")
            for name, s in zip(CURVE, STRAINS, strict=True)
        ]
        return Declaration(
            name="hardening_curve",
            summary="A saturating hardening curve at 20 plastic strains from 0 to 0.2, and its mean.",
            inputs=(
                Input(name="beta", lower=5, upper=200, description="rate of saturation"),
                Input(name="gamma_over_beta", unit="MPa", lower=100, upper=400, description="saturation"),
            ),
            outputs=(*curve, Output("H_mean", unit="MPa", description="mean of the 20 points")),
            options=self.options,
            stochastic=self.noise > 0,
            cheap=True,
            source="Morand et al. 2022, Eq. 7",
        )

    def compute(self, values: Mapping[str, Any]) -> Mapping[str, float]:
        """The 20 points and their mean, in MPa."""
        curve = values["gamma_over_beta"] * -np.expm1(-values["beta"] * STRAINS)
        return dict(zip((*CURVE, "H_mean"), map(float, (*curve, curve.mean())), strict=True))


branin, hartmann6, ackley, dirac_peak, hardening_curve = Branin, Hartmann6, Ackley, DiracPeak, HardeningCurve
friedman, ishigami, needle_peak = Friedman, Ishigami, NeedlePeak
