"""Acquisition functions of a whole batch (``believer: joint``), by 256 quasi-random draws; all are maximized.

Each is the batch form of the strategy's own (see ``acquisition``): the expectation of the best design of
the batch. Outcome constraints go through BoTorch's ``constraints``: a draw of a design counts as far as
the drawn constraints hold. ``f*``, ``c`` and the beliefs about pending trials are those of a single
design. BoTorch's smooth maximum adds up to 0.01 ln q to the logarithms.

============  =========================================================================================
strategy      batch of q designs Y_1 .. Y_q
============  =========================================================================================
``log_nei``   qLogNoisyExpectedImprovement
``ei``        qLogExpectedImprovement
``pi``        ln P(some Y_i > f*), see ``BatchPI``
``gp_ucb``    qUpperConfidenceBound, beta = kappa^2; with outcome constraints see ``BatchUCB``
none feasible ln P(some design is feasible), qLogProbabilityOfFeasibility
============  =========================================================================================

Sources: Wilson, Hutter, Deisenroth 2018, "Maximizing acquisition functions for Bayesian optimization";
logarithms and smooth maxima by Ament et al. 2023.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from botorch.acquisition.input_constructors import acqf_input_constructor, construct_inputs_qLogEI
from botorch.acquisition.logei import (
    qLogExpectedImprovement,
    qLogProbabilityOfFeasibility,
)
from botorch.acquisition.monte_carlo import qUpperConfidenceBound
from botorch.models.model import Model
from botorch.sampling import SobolQMCNormalSampler
from botorch.utils.safe_math import log_softplus
from torch import Tensor

from designloop.strategies.acquisition import SAMPLES, Choice, choice_of
from designloop.strategies.limits import Standing

BLUR = 0.1
"""Width of the step of ``BatchPI`` in standard deviations of the design."""


class BatchPI(qLogExpectedImprovement):  # type: ignore[misc]
    """Probability that some design improves, its step blurred over a tenth of the design's own spread.

    BoTorch's qPI blurs over 0.001 model units: few of the draws lie so near, and its slope is noise.
    """

    def _sample_forward(self, obj: Tensor) -> Tensor:
        """ln of the blurred step, (samples, b, q) at draws (samples, b, q)."""
        width = BLUR * obj.std(dim=0).clamp_min(1e-9)
        return torch.nn.functional.logsigmoid((obj - self.best_f) / width)


class BatchUCB(qLogExpectedImprovement):  # type: ignore[misc]
    """Upper confidence bound of a batch with outcome constraints: ``ln E max_i softplus(B_i - c) 1_i``.

    ``B = mu + kappa sqrt(pi / 2) |Y - mu|`` is qUCB's draw with mean ``mu + kappa sd``, taken from the
    objective alone, and ``1_i`` whether design i is feasible in that draw; as ``B - c`` is made positive,
    BoTorch may weight it. So q = 1 is ``FeasibleUCB``, up to the curvature of softplus near c.
    """

    def __init__(self, model: Model, *, kappa: float, **shared: Any) -> None:
        super().__init__(model, **shared)
        self.stretch = kappa * math.sqrt(0.5 * math.pi)

    def _sample_forward(self, obj: Tensor) -> Tensor:
        """ln softplus of the bound above c, (samples, b, q) at draws (samples, b, q)."""
        mean = obj.mean(dim=0)
        value: Tensor = log_softplus(mean + self.stretch * (obj - mean).abs() - self.best_f, tau=1.0)
        return value


def batch_choice_of(name: str, standing: Standing, options: Mapping[str, Any], *, seed: int) -> Choice:
    """The acquisition function of a batch of strategy ``name`` and its options for Ax."""
    sampler = SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=seed)
    if standing.limits and not standing.feasible.any():
        return qLogProbabilityOfFeasibility, {"sampler": sampler}
    single = choice_of(name, standing, options, seed=seed)
    if name == "log_nei":
        return single
    if name == "gp_ucb" and not standing.limits:
        return qUpperConfidenceBound, {**single[1], "sampler": sampler}
    if name == "gp_ucb":
        inputs = {"best_f": single[1]["best_f"], "kappa": options["kappa"]}
        return BatchUCB, {**inputs, "sampler": sampler}
    goal = torch.tensor(standing.goal(options["xi"]), dtype=torch.double)
    return BatchPI if name == "pi" else qLogExpectedImprovement, {"best_f": goal, "sampler": sampler}


acqf_input_constructor(BatchPI)(construct_inputs_qLogEI)


@acqf_input_constructor(BatchUCB)  # type: ignore[untyped-decorator]
def _bound_inputs(
    model: Model,
    training_data: Any,
    best_f: Tensor,
    kappa: float,
    sampler: Any,
    objective: Any = None,
    constraints: Any = None,
) -> dict[str, Any]:
    inputs = construct_inputs_qLogEI(
        model, training_data, best_f=best_f, sampler=sampler, objective=objective, constraints=constraints
    )
    return {**inputs, "kappa": kappa}
