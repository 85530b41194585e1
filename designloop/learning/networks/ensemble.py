"""A trained ensemble: what it predicts and how sure it is.

Sources: Lakshminarayanan, Pritzel, Blundell 2017 (deep ensembles); Kendall, Gal 2017 (aleatoric, epistemic).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from designloop.learning.networks.folds import Array, Scaler, Scaling
from designloop.learning.networks.heads import moments
from designloop.learning.networks.recipe import Loss, Precision
from designloop.learning.networks.seeds import layers_seeded
from designloop.learning.parts import Parts

Build = Callable[[], nn.Module]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ensemble:
    """``states``: parameters and buffers (members, ...) by name; ``scaling`` makes it self-contained.

    ``history``: training and validation loss and learning rate (epochs, members), NaN after a member's end;
    ``best_epoch`` (members,) counts from 1.
    """

    build: Build
    states: Mapping[str, Tensor]
    scaling: Scaling
    loss: Loss = "mse"
    history: Mapping[str, Array]
    best_epoch: NDArray[np.int64]
    best_loss: Array

    @property
    def members(self) -> int:
        """How many networks."""
        return len(next(iter(self.states.values())))

    @property
    def targets(self) -> int:
        """How many metrics."""
        return len(self.scaling.y_mean)

    @property
    def arrays(self) -> dict[str, Array]:
        """Weights and scaling, float64, for a file."""
        weights = {f"weights/{name}": value.double().numpy() for name, value in self.states.items()}
        return weights | {f"scaling/{name}": value for name, value in self.scaling.arrays.items()}

    @classmethod
    def from_arrays(
        cls, build: Build, arrays: Mapping[str, Array], *, loss: Loss = "mse", dtype: Precision = "float32"
    ) -> Ensemble:
        """Undo ``arrays``, without the history; networks compute in ``dtype``."""
        own = _fresh(build).to(torch.float64 if dtype == "float64" else torch.float32).state_dict()
        weights = {
            name.removeprefix("weights/"): v for name, v in arrays.items() if name.startswith("weights/")
        }
        if set(weights) != set(own):
            raise ValueError(
                f"the arrays are not those of this network: {', '.join(sorted(set(weights) ^ set(own)))}."
            )
        states = {name: torch.as_tensor(weights[name]).to(value.dtype) for name, value in own.items()}
        scaling = {k.removeprefix("scaling/"): v for k, v in arrays.items() if k.startswith("scaling/")}
        members = len(next(iter(states.values())))
        return cls(
            build=build, states=states, scaling=Scaling.from_arrays(scaling), loss=loss, history={},
            best_epoch=np.zeros(members, dtype=np.int64), best_loss=np.full(members, np.nan),
        )  # fmt: skip

    def modules(self) -> Iterator[nn.Module]:
        """Each member as a module of its own, ready to predict in standardized units."""
        for k in range(self.members):
            module = _fresh(self.build).to(
                next(v.dtype for v in self.states.values() if v.is_floating_point())
            )
            state = {name: value[k] for name, value in self.states.items()}
            module.load_state_dict(state, assign=True)
            yield module.eval()

    def predict(self, x: ArrayLike) -> Array:
        """Each member's mean (members, n, m) at inputs (n, ...)."""
        return self.moments(x)[0]

    def moments(self, x: ArrayLike) -> tuple[Array, Array]:
        """Each member's mean and variance (members, n, m)."""
        pairs = [moments(self.loss, outputs, self.targets) for outputs in self.outputs(x)]
        mean, variance = (torch.stack(parts) for parts in zip(*pairs, strict=True))
        return self.in_units(mean, variance)

    def in_units(self, mean: Tensor, variance: Tensor) -> tuple[Array, Array]:
        """Means and variances (..., m) of standardized targets in units of the targets."""
        y_mean, y_sd = self.scaling.y_mean, self.scaling.y_sd
        return y_mean + y_sd * mean.double().numpy(), y_sd**2 * variance.double().numpy()

    def spread(self, x: ArrayLike) -> Parts:
        """Mean of the members; aleatoric: mean of their variances; epistemic: sd (n - 1) of their means.

        Each (n, m), in units of the targets, not calibrated.
        """
        mean, variance = self.moments(x)
        epistemic = mean.std(axis=0, ddof=1) if self.members > 1 else np.zeros_like(mean[0])
        return Parts(mean=mean.mean(axis=0), aleatoric=np.sqrt(variance.mean(axis=0)), epistemic=epistemic)

    def outputs(self, x: ArrayLike) -> Iterator[Tensor]:
        """Raw outputs (n, width) of one member after another."""
        for module in self.modules():
            yield self.through(module, x)

    def through(self, module: nn.Module, x: ArrayLike) -> Tensor:
        """What ``module`` gives at the standardized inputs, in pieces that fit into memory."""
        rows = torch.as_tensor(np.ascontiguousarray(x))
        dtype = next(module.parameters()).dtype
        scaler = Scaler(self.scaling, rows.dim(), dtype=dtype, device=torch.device("cpu"))
        with torch.no_grad():
            return torch.cat([module(scaler.inputs(piece)) for piece in pieces(rows)])


def pieces(x: Tensor) -> tuple[Tensor, ...]:
    """Rows in pieces of some ten megabytes of inputs."""
    return torch.split(x, max(1, min(1024, 2**21 // max(1, x[0].numel()))))


def _fresh(build: Build) -> nn.Module:
    with layers_seeded(0):
        return build()
