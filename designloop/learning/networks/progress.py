"""Where a training stands between two epochs, as tensors alone; a checkpoint is exactly this.

Rows of members that go on carry the present weights; members that ended keep their best weights only, and
cost nothing any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from designloop.learning.networks.optimizers import FirstOrder, Lbfgs
from designloop.learning.networks.recipe import Recipe
from designloop.learning.networks.stack import Values


@dataclass
class Progress:
    """``live`` (k,) numbers the members that go on; what begins with ``best`` holds all members."""

    recipe: Recipe
    weights: Tensor
    rest: Values
    live: Tensor
    rates: Tensor
    stale: Tensor
    """Epochs since a better validation loss; ``waited``: since that or a lower learning rate."""
    waited: Tensor
    best: Tensor
    best_rest: Values
    best_loss: Tensor
    best_epoch: Tensor
    optimizer: FirstOrder | Lbfgs
    epoch: int = 0
    history: dict[str, list[Tensor]] = field(
        default_factory=lambda: {"training": [], "validation": [], "learning_rate": []}
    )

    @classmethod
    def begin(cls, recipe: Recipe, weights: Tensor, rest: Values) -> Progress:
        """Before the first epoch."""
        members, device = len(weights), weights.device
        none = torch.zeros(members, dtype=torch.long, device=device)
        kind = Lbfgs if recipe.optimizer == "lbfgs" else FirstOrder
        return cls(
            recipe=recipe, weights=weights, rest=rest, live=torch.arange(members, device=device),
            rates=torch.full((members,), recipe.learning_rate, dtype=torch.float64, device=device),
            stale=none, waited=none.clone(), best=weights.clone(),
            best_rest={name: value.clone() for name, value in rest.items()},
            best_loss=torch.full((members,), torch.inf, dtype=torch.float64, device=device),
            best_epoch=none.clone(), optimizer=kind(recipe, weights),
        )  # fmt: skip

    def record(self, training: Tensor, validation: Tensor) -> None:
        """End an epoch with losses of the live members: keep what is better, lower rates, let members end."""
        for name, value in (
            ("training", training),
            ("validation", validation),
            ("learning_rate", self.rates),
        ):
            line = torch.full_like(self.best_loss, torch.nan)
            line[self.live] = value.to(line)
            self.history[name].append(line)
        self.epoch += 1
        better = validation.to(self.best_loss) < self.best_loss[self.live]
        which = self.live[better]
        self.best_loss[which] = validation[better].to(self.best_loss)
        self.best_epoch[which] = self.epoch
        self.best[which] = self.weights[better]
        for name, value in self.rest.items():
            self.best_rest[name][which] = value[better]
        self.stale = torch.where(better, 0, self.stale + 1)
        self.waited = torch.where(better, 0, self.waited + 1)
        self._lower_rates()
        if self.recipe.patience is not None:
            self._keep(self.stale < self.recipe.patience)

    @property
    def done(self) -> bool:
        """Whether nothing is left to train."""
        return self.epoch >= self.recipe.epochs or not len(self.live)

    def state(self) -> dict[str, Any]:
        """Tensors, numbers and names alone."""
        fields = {name: value for name, value in vars(self).items() if name not in ("recipe", "optimizer")}
        return fields | {"optimizer": self.optimizer.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Undo ``state``."""
        for name, value in state.items():
            if name == "optimizer":
                self.optimizer.load(value)
            else:
                setattr(self, name, value)

    def _lower_rates(self) -> None:
        recipe = self.recipe
        if recipe.schedule == "cosine":
            turn = torch.tensor(torch.pi * self.epoch / recipe.epochs, dtype=torch.float64)
            self.rates = torch.full_like(self.rates, float(recipe.learning_rate * 0.5 * (1 + turn.cos())))
        elif recipe.schedule == "plateau":
            late = self.waited >= recipe.decay_patience
            self.rates = torch.where(late, self.rates * recipe.decay_factor, self.rates)
            self.waited = torch.where(late, 0, self.waited)

    def _keep(self, going: Tensor) -> None:
        if bool(going.all()):
            return
        for name in ("weights", "live", "rates", "stale", "waited"):
            setattr(self, name, getattr(self, name)[going])
        self.rest = {name: value[going] for name, value in self.rest.items()}
        self.optimizer.keep(going)
