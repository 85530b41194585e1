"""Two fidelities as one Gaussian process: the response that counts is a multiple of the cheap one and a rest.

    cheap(x) = m + o + g(x)        dear(x) = m + rho g(x) + delta(x)

``g`` and ``delta`` are independent processes with lengthscales of their own, ``g`` of unit variance, and
``m`` and ``o`` constants that the data settle. Each fidelity is standardized by its own data, so that an
offset or a factor between them needs no care. With ``v`` the variance of the response that counts and ``r``
its correlation with the cheap one at the same design, ``rho = r sqrt(v)``, and the variance of ``delta`` is
``(1 - r^2) v``.
Source: Kennedy, O'Hagan 2000, "Predicting the output from a complex computer code when fast approximations
are available", section 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OFFSET = 1.0
"""Standard deviation of ``o`` about the mean of the cheap data, in their standard deviation."""


@dataclass(frozen=True)
class Part:
    """A process of unit variance; a response holds it times the weight of its fidelity."""

    lengthscales: tuple[float, ...]
    cheap: float = 1.0
    dear: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Link:
    """How the response that counts follows from the cheap one; ``lengthscales`` are those of the rest."""

    correlation: float
    variance: float
    lengthscales: tuple[float, ...]

    def parts(self, lengthscales: tuple[float, ...]) -> tuple[Part, ...]:
        """``g``, which has ``lengthscales``, then ``delta``, then the cheap constant."""
        spread, rest = math.sqrt(self.variance), math.sqrt(1.0 - self.correlation**2)
        return (
            Part(lengthscales, 1.0, self.correlation * spread),
            Part(self.lengthscales, 0.0, rest * spread),
            Part((math.inf,) * len(lengthscales), OFFSET, 0.0),
        )

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Link:
        """The link whose fields were saved."""
        return cls(**{**content, "lengthscales": tuple(content["lengthscales"])})
