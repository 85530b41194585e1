"""Acquisition functions in closed form, for one point, with outcome constraints.

Each is a BoTorch ``AcquisitionFunction`` that Ax builds by name through an input constructor; all are
maximized. ``mu, sd`` are the objective's posterior moments, signed so that larger is better, and
``F(x) = prod_i P(metric_i within its bound)`` the probability of feasibility (metrics independent).
Without outcome constraints F = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import _log_ei_helper
from botorch.acquisition.input_constructors import acqf_input_constructor
from botorch.utils.probability.utils import log_ndtr
from torch import Tensor

from designloop.learning.posterior import SavedPosterior


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A bound on model output ``output`` in model units: ``value <= bound`` or ``value >= bound``."""

    output: int
    upper: bool
    bound: float


class ConstrainedAcquisition(AcquisitionFunction):  # type: ignore[misc]
    """What the acquisition functions share: signed moments and the probability of feasibility.

    ``weights`` (m,) picks and signs the objective among the model's outputs; ``constraints`` are Ax's
    ``A f <= b`` with one metric per row. The baseline are the designs in range with objective data.
    """

    _log = True

    def __init__(
        self,
        model: SavedPosterior,
        *,
        weights: Tensor,
        constraints: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        super().__init__(model)
        self.objective = int(weights.abs().argmax())
        self.sign = float(torch.sign(weights[self.objective]))
        self.constraints = constraints
        unit = torch.as_tensor(model.metric_models[self.objective].unit)
        inside = ((unit > -1e-9) & (unit < 1 + 1e-9)).all(-1)
        self.baseline = unit[inside] if bool(inside.any()) else unit
        with torch.no_grad():
            self.baseline_mean, _ = self.moments(self.baseline)
            self.baseline_feasible = self.log_feasibility(self.baseline).exp() >= 0.5
        self.any_feasible = bool(self.baseline_feasible.any())

    @property
    def best(self) -> float:
        """The best posterior mean among designs that are feasible more likely than not."""
        chosen = self.baseline_feasible if self.any_feasible else torch.ones_like(self.baseline_feasible)
        return float(self.baseline_mean[chosen].max())

    def goal(self, xi: float) -> float:
        """The best improved by ``xi`` in the metric's unit, in signed model units."""
        transform = self.model.metric_models[self.objective].transform
        metric = transform.inverse(self.sign * self.best) + self.sign * xi
        value = self.sign * float(transform.forward(metric))
        return min(value, self.best + 50.0) if xi else self.best

    def moments(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Signed mean and standard deviation of the objective, (b,) each, at (b, d)."""
        mean, sd = self.model.singles[self.objective].moments(unit)
        return self.sign * mean, sd

    def log_feasibility(self, unit: Tensor) -> Tensor:
        """ln F at (b, d): (b,)."""
        total = torch.zeros(unit.shape[:-1], dtype=unit.dtype)
        if self.constraints is None:
            return total
        A, bound = self.constraints
        for row, limit in zip(A, bound.view(-1), strict=True):
            i = int(row.abs().argmax())
            mean, sd = self.model.singles[i].moments(unit)
            total = total + log_ndtr((limit - row[i] * mean) / (row[i].abs() * sd))
        return total

    def forward(self, X: Tensor) -> Tensor:
        """Acquisition values (b,) at X (b, 1, d); feasibility alone until a design is feasible."""
        unit = X[..., 0, :]
        log_feasible = self.log_feasibility(unit)
        if not self.any_feasible:
            return log_feasible
        return self.improvement(unit) + log_feasible

    def improvement(self, unit: Tensor) -> Tensor:
        """The unconstrained part, in logarithms."""
        raise NotImplementedError

    def exploration_share(self, unit: Tensor) -> float:
        """Share of the value that comes from the standard deviation, 0 to 1, at one point (1, d)."""
        mean, sd = (float(v[0]) for v in self.moments(unit))
        gain, spread = self.split(mean - self.best, sd)
        return spread / (spread + gain) if spread + gain > 0 else 1.0

    def split(self, gap: float, sd: float) -> tuple[float, float]:
        """Exploitation and exploration part: EI = gap Phi(gap/sd) + sd phi(gap/sd)."""
        z = gap / sd
        density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        return max(gap, 0.0) * 0.5 * math.erfc(-z / math.sqrt(2.0)), sd * density


class FeasibleUCB(ConstrainedAcquisition):
    """Upper confidence bound, ``mu + kappa sd``; with constraints ``ln softplus(mu + kappa sd - c) + ln F``.

    Without outcome constraints this is the classic bound with BoTorch's beta = kappa^2
    (``UpperConfidenceBound(beta)`` is mu + sqrt(beta) sd, and ``qUpperConfidenceBound(beta)`` uses
    sqrt(beta pi / 2) E|Z| = sqrt(beta)). With constraints the bound above the worst predicted design
    ``c`` is weighted by F. BoTorch's own route there, ``ConstrainedMCObjective`` inside qUCB, counts the
    scatter between feasible and infeasible as spread: at kappa = 1.96 a point that is feasible with
    F = 0.6 then outranks the same point at F = 1 by a factor 1.8, which draws the search to the border.
    Source: Srinivas et al. 2010; constraint weighting as in Gardner et al. 2014.
    """

    _log = False

    def __init__(self, model: SavedPosterior, *, kappa: float, **shared: Any) -> None:
        super().__init__(model, **shared)
        self.kappa = kappa
        self.floor = float(self.baseline_mean.min()) - 1.0

    def forward(self, X: Tensor) -> Tensor:
        """Values (b,) at X (b, 1, d)."""
        unit = X[..., 0, :]
        bound = self.improvement(unit)
        if self.constraints is None:
            return bound
        above = torch.nn.functional.softplus(bound - self.floor)
        return above.log() + self.log_feasibility(unit)

    def improvement(self, unit: Tensor) -> Tensor:
        """The bound itself."""
        mean, sd = self.moments(unit)
        return mean + self.kappa * sd

    def split(self, gap: float, sd: float) -> tuple[float, float]:
        """Predicted gain over the best against kappa sd."""
        return max(gap, 0.0), self.kappa * sd


class FeasibleEI(ConstrainedAcquisition):
    """Logarithm of expected improvement times F.

    EI = (mu - f*) Phi(z) + sd phi(z), z = (mu - f*) / sd, f* the best feasible posterior mean improved by
    ``xi`` in the metric's unit. Source: Mockus 1978; Gardner et al. 2014; logarithm by Ament et al. 2023.
    """

    def __init__(self, model: SavedPosterior, *, xi: float = 0.0, **shared: Any) -> None:
        super().__init__(model, **shared)
        self.target = self.goal(xi)

    def improvement(self, unit: Tensor) -> Tensor:
        """ln EI."""
        mean, sd = self.moments(unit)
        value: Tensor = _log_ei_helper((mean - self.target) / sd) + sd.log()
        return value


class FeasiblePI(ConstrainedAcquisition):
    """Logarithm of the probability of improvement times F: PI = Phi((mu - f*) / sd).

    f* is the best feasible posterior mean improved by ``xi`` in the metric's unit. Source: Kushner 1964.
    """

    def __init__(self, model: SavedPosterior, *, xi: float = 0.0, **shared: Any) -> None:
        super().__init__(model, **shared)
        self.target = self.goal(xi)

    def improvement(self, unit: Tensor) -> Tensor:
        """ln PI."""
        mean, sd = self.moments(unit)
        value: Tensor = log_ndtr((mean - self.target) / sd)
        return value

    def split(self, gap: float, sd: float) -> tuple[float, float]:
        """Predicted gain over the best against the standard deviation."""
        return max(gap, 0.0), sd


class FeasibleNEI(ConstrainedAcquisition):
    """Logarithm of noisy expected improvement times F, averaged over the unknown best.

    Draws f_s of the objective at the most promising designs replace one noisy best: given f_s the GP
    is conditioned exactly, and NEI = mean_s EI(x | f_s, max f_s). Quasi-Monte-Carlo over s only, so the
    function is smooth in x. Source: Letham et al. 2019, "Constrained BO with noisy experiments";
    logarithm by Ament et al. 2023.
    """

    def __init__(
        self, model: SavedPosterior, *, seed: int, samples: int = 32, designs: int = 10, **shared: Any
    ) -> None:
        super().__init__(model, **shared)
        if self.any_feasible:
            self._condition(seed, samples, designs)

    def _condition(self, seed: int, samples: int, designs: int) -> None:
        from scipy.stats import norm, qmc

        source = self.model.metric_models[self.objective]
        single = self.model.singles[self.objective]
        rows = self._promising(designs)
        chosen = torch.as_tensor(source.unit)[rows]
        with torch.no_grad():
            normal = self.model._normal(single, chosen)
            covariance = normal.covariance_matrix + 1e-9 * torch.eye(len(rows), dtype=torch.double)
            root = torch.linalg.cholesky(covariance)
            uniform = qmc.Sobol(len(rows), rng=seed).random(samples)
            base = torch.as_tensor(norm.ppf(uniform.clip(1e-9, 1 - 1e-9)))
            draws = normal.mean + base @ root.T
            noise = torch.as_tensor(source.noise) + 1e-9
            noise[rows] = 1e-6
            gram = single.cross(torch.as_tensor(source.unit), single.points)
            gram = gram - torch.diag_embed(gram.diagonal()) + torch.diag_embed(1.0 + noise)
            values = torch.as_tensor(source.z).repeat(samples, 1)
            values[:, rows] = draws
            chol = torch.linalg.cholesky(gram)
            identity = torch.eye(len(gram), dtype=torch.double)
            self.whitener = torch.linalg.solve_triangular(chol, identity, upper=False)
            self.alphas = self.whitener.T @ (self.whitener @ (values - single.mean).T)
            feasible = self.log_feasibility(chosen).exp() >= 0.5
            if not bool(feasible.any()):
                feasible = torch.ones_like(feasible)
            self.bests = (self.sign * draws)[:, feasible].max(1).values

    def _promising(self, designs: int) -> Tensor:
        """Rows of the objective's data with the best optimistic value; distinct designs only."""
        unit = torch.as_tensor(self.model.metric_models[self.objective].unit)
        with torch.no_grad():
            mean, sd = self.moments(unit)
            score = mean + 2.0 * sd + self.log_feasibility(unit).clamp_min(-50.0)
        order = torch.argsort(score, descending=True, stable=True)
        kept: list[int] = []
        for row in order.tolist():
            if all(float((unit[row] - unit[k]).abs().max()) > 1e-9 for k in kept):
                kept.append(row)
            if len(kept) == designs:
                break
        return torch.as_tensor(kept)

    def improvement(self, unit: Tensor) -> Tensor:
        """ln NEI."""
        single = self.model.singles[self.objective]
        cross = single.cross(unit, single.points)
        variance = 1.0 - (cross @ self.whitener.T).square().sum(-1)
        sd = variance.clamp_min(1e-12).sqrt().unsqueeze(-1)
        mean = self.sign * (single.mean + cross @ self.alphas)
        values: Tensor = _log_ei_helper((mean - self.bests) / sd) + sd.log()
        return values.logsumexp(-1) - math.log(values.shape[-1])


@acqf_input_constructor(  # type: ignore[untyped-decorator]
    FeasibleUCB, FeasibleEI, FeasiblePI, FeasibleNEI
)
def _inputs(
    model: SavedPosterior,
    posterior_transform: Any = None,
    constraints_tuple: tuple[Tensor, Tensor] | None = None,
    kappa: float | None = None,
    xi: float | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """What Ax knows of the problem, as arguments of the functions above."""
    weights = torch.ones(1) if posterior_transform is None else posterior_transform.weights
    options = {"kappa": kappa, "xi": xi, "seed": seed}
    chosen = {name: value for name, value in options.items() if value is not None}
    return {"model": model, "weights": weights, "constraints": constraints_tuple, **chosen}
