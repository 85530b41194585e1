"""BoTorch's acquisition function of each strategy, and the few it lacks; all are maximized.

``mu, sd`` are the objective's posterior moments, signed so that larger is better, ``f*`` the best
feasible posterior mean improved by ``xi`` in the metric's unit, and ``F`` the probability of
feasibility. Until a design with data is feasible, F alone is maximized.

============  ==========================================  =========================================
strategy      without outcome constraints                 with them
============  ==========================================  =========================================
``log_nei``   qLogNoisyExpectedImprovement                the same, constraints sampled
``ei``        LogExpectedImprovement                      LogConstrainedExpectedImprovement
``pi``        LogProbabilityOfImprovement                 ln Phi((mu - f*) / sd) + ln F
``gp_ucb``    UpperConfidenceBound, beta = kappa^2        ln softplus(mu + kappa sd - c) + ln F
============  ==========================================  =========================================

Sources: Letham et al. 2019 (noisy), Mockus 1978 and Gardner et al. 2014 (constrained improvement),
Kushner 1964 (probability), Srinivas et al. 2010 (bound); logarithms by Ament et al. 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import (
    LogConstrainedExpectedImprovement,
    LogExpectedImprovement,
    LogProbabilityOfFeasibility,
    LogProbabilityOfImprovement,
    UpperConfidenceBound,
)
from botorch.acquisition.input_constructors import acqf_input_constructor
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.models.model import Model
from botorch.sampling import SobolQMCNormalSampler
from botorch.utils.probability.utils import log_ndtr
from torch import Tensor

from designloop.strategies.limits import Standing

SAMPLES = 256
"""Quasi-random draws of log_nei."""
Choice = tuple[type[AcquisitionFunction], dict[str, Any]]


class Feasibility(LogProbabilityOfFeasibility):  # type: ignore[misc]
    """BoTorch's ln F; only its input constructor is ours, see ``_ranges``."""


class FeasibleEI(LogConstrainedExpectedImprovement):  # type: ignore[misc]
    """BoTorch's ln EI + ln F; only its input constructor is ours, see ``_ranges``."""


class FeasiblePI(FeasibleEI):
    """ln PI + ln F, in place of BoTorch's sampled qPI, which is 0 and flat where few samples improve."""

    def forward(self, X: Tensor) -> Tensor:
        """Values (b,) at X (b, 1, d)."""
        mean, sd, log_feasible = self._moments(X)
        value: Tensor = log_ndtr((mean - self.best_f) / sd) + log_feasible
        return value

    def _moments(self, X: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Signed mean and standard deviation of the objective, and ln F, each (b,)."""
        means, sds = self._mean_and_sigma(X)
        sign = 1.0 if self.maximize else -1.0
        i = self.objective_index
        return sign * means[..., i], sds[..., i], self._compute_log_prob_feas(means=means, sigmas=sds)


class FeasibleUCB(FeasiblePI):
    """Upper confidence bound with outcome constraints: ``ln softplus(mu + kappa sd - c) + ln F``.

    The bound above the worst predicted design ``c`` (less 1) is weighted by F. BoTorch's own route,
    ``ConstrainedMCObjective`` inside qUCB, counts the scatter between feasible and infeasible as spread:
    at kappa = 1.96 a point that is feasible with F = 0.6 then outranks the same point at F = 1 by a
    factor 1.8, which draws the search to the border.
    Source: Srinivas et al. 2010; constraint weighting as in Gardner et al. 2014.
    """

    def __init__(self, model: Model, *, kappa: float, **shared: Any) -> None:
        super().__init__(model, **shared)
        self.kappa = kappa

    def forward(self, X: Tensor) -> Tensor:
        """Values (b,) at X (b, 1, d)."""
        mean, sd, log_feasible = self._moments(X)
        gain = torch.nn.functional.softplus(mean + self.kappa * sd - self.best_f)
        value: Tensor = gain.clamp_min(1e-300).log() + log_feasible
        return value


def choice_of(name: str, standing: Standing, options: Mapping[str, Any], *, seed: int) -> Choice:
    """The acquisition function of strategy ``name`` and its options for Ax's input constructors."""
    if standing.limits and not standing.feasible.any():
        return Feasibility, {}
    if name == "log_nei":
        sampler = SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=seed)
        return qLogNoisyExpectedImprovement, {"sampler": sampler}
    shared = {"objective_index": 0, "maximize": not standing.minimize} if standing.limits else {}
    if name == "gp_ucb" and standing.limits:
        floor = _double(float(standing.mean.min()) - 1.0)
        return FeasibleUCB, {"best_f": floor, "kappa": options["kappa"], **shared}
    if name == "gp_ucb":
        return UpperConfidenceBound, {"beta": _double(options["kappa"] ** 2)}
    goal = _double(standing.goal(options["xi"]))
    if name == "pi":
        return FeasiblePI if shared else LogProbabilityOfImprovement, {"best_f": goal, **shared}
    if shared:
        return FeasibleEI, {"best_f": standing.sign * goal, **shared}
    return LogExpectedImprovement, {"best_f": goal}


def _double(value: float) -> Tensor:
    """BoTorch would store a plain float in single precision."""
    return torch.tensor(value, dtype=torch.double)


@acqf_input_constructor(Feasibility)  # type: ignore[untyped-decorator]
def _feasibility_inputs(model: Model, constraints_tuple: tuple[Tensor, Tensor]) -> dict[str, Any]:
    return {"model": model, "constraints": _ranges(constraints_tuple)}


@acqf_input_constructor(FeasibleEI, FeasiblePI, FeasibleUCB)  # type: ignore[untyped-decorator]
def _feasible_inputs(
    model: Model,
    constraints_tuple: tuple[Tensor, Tensor],
    best_f: Tensor,
    objective_index: int,
    maximize: bool,
    kappa: float | None = None,
) -> dict[str, Any]:
    inputs = {"model": model, "best_f": best_f, "objective_index": objective_index, "maximize": maximize}
    extra = {} if kappa is None else {"kappa": kappa}
    return {**inputs, **extra, "constraints": _ranges(constraints_tuple)}


def _ranges(constraints: tuple[Tensor, Tensor]) -> dict[int, tuple[Tensor | None, Tensor | None]]:
    """Ax's ``A f <= b`` as {output: (lower, upper)}; BoTorch's own keeps one side of a two-sided bound."""
    found: dict[int, tuple[Tensor | None, Tensor | None]] = {}
    for row, bound in zip(*constraints, strict=True):
        i = int(row.abs().argmax())
        lower, upper = found.get(i, (None, None))
        value = (bound / row[i]).squeeze()
        found[i] = (lower, value) if row[i] > 0 else (value, upper)
    return found
