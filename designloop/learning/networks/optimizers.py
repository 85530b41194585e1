"""Steps of descent for many members at once, each with its own learning rate.

torch.optim has one learning rate for all rows of a tensor, hence the dozen lines of first-order methods here;
their steps equal torch.optim's. L-BFGS is torch.optim's, member by member.
Sources: Kingma, Ba 2015, algorithms 1 (Adam) and 2 (AdaMax); Loshchilov, Hutter 2019 (AdamW).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from designloop.learning.networks.recipe import Recipe

FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8
ITERATIONS, PAIRS = 20, 20
"""Iterations of L-BFGS an epoch, and the differences it remembers."""
SCALE = 1e10
"""Factor on what L-BFGS minimizes: torch learns no curvature where step times change of slope is < 1e-10."""
State = dict[str, Any]


class FirstOrder:
    """Adam, AdaMax or AdamW on a matrix (members, p)."""

    def __init__(self, recipe: Recipe, weights: Tensor) -> None:
        self.recipe, self.steps = recipe, 0
        self.mean, self.size = torch.zeros_like(weights), torch.zeros_like(weights)

    def step(self, weights: Tensor, gradient: Tensor, rates: Tensor) -> None:
        """Change ``weights`` in place along ``gradient`` (members, p), at ``rates`` (members,)."""
        recipe, rates = self.recipe, rates.to(weights.dtype)[:, None]
        if recipe.clip is not None:
            norm = gradient.norm(dim=1, keepdim=True)
            gradient = gradient * (recipe.clip / (norm + 1e-6)).clamp(max=1.0)
        if recipe.optimizer == "adamw":
            weights.mul_(1 - rates * recipe.weight_decay)
        elif recipe.weight_decay:
            gradient = gradient + recipe.weight_decay * weights
        self.steps += 1
        self.mean.lerp_(gradient, 1 - FIRST)
        unbias = 1 - FIRST**self.steps
        if recipe.optimizer == "adamax":
            torch.maximum(self.size.mul_(SECOND), gradient.abs().add_(EPSILON), out=self.size)
            weights.sub_(rates / unbias * self.mean / self.size)
        else:
            self.size.mul_(SECOND).addcmul_(gradient, gradient, value=1 - SECOND)
            root = (self.size / (1 - SECOND**self.steps)).sqrt_().add_(EPSILON)
            weights.sub_(rates / unbias * self.mean / root)

    def keep(self, going: Tensor) -> None:
        """Forget the members that have ended."""
        self.mean, self.size = self.mean[going], self.size[going]

    def state(self) -> State:
        """What goes into a checkpoint."""
        return {"steps": self.steps, "mean": self.mean, "size": self.size}

    def load(self, state: State) -> None:
        """Undo ``state``."""
        self.steps, self.mean, self.size = state["steps"], state["mean"], state["size"]


class Lbfgs:
    """L-BFGS with a strong Wolfe line search over all rows at once (Nocedal, Wright 2006, chapter 7)."""

    def __init__(self, recipe: Recipe, weights: Tensor) -> None:
        self.recipe = recipe
        self.rows = [row.clone() for row in weights]
        self.searches = [
            torch.optim.LBFGS(
                [row], lr=recipe.learning_rate, max_iter=ITERATIONS, history_size=PAIRS,
                tolerance_grad=0.0, tolerance_change=0.0, line_search_fn="strong_wolfe",
            )
            for row in self.rows
        ]  # fmt: skip

    def epoch(self, weights: Tensor, gradient: Callable[[Tensor, int], tuple[Tensor, Tensor]]) -> Tensor:
        """Change ``weights`` in place; losses (members,). ``gradient`` of (row, its number): loss, slope."""
        losses = torch.zeros(len(weights), dtype=weights.dtype, device=weights.device)
        for k, (row, search) in enumerate(zip(self.rows, self.searches, strict=True)):

            def closure(row: Tensor = row, k: int = k) -> float:
                value, slope = gradient(row, k)
                decay = self.recipe.weight_decay
                row.grad = SCALE * (slope + decay * row)
                return SCALE * float(value + 0.5 * decay * row.square().sum())

            before = row.clone()
            losses[k] = float(search.step(closure)) / SCALE  # type: ignore[no-untyped-call]
            if torch.equal(row, before):  # the remembered differences lead nowhere: begin anew from the slope
                search.state.clear()
            weights[k] = row
        return losses

    def keep(self, going: Tensor) -> None:
        """Forget the members that have ended."""
        left = going.nonzero().flatten().tolist()
        self.rows, self.searches = [self.rows[k] for k in left], [self.searches[k] for k in left]

    def state(self) -> State:
        """What goes into a checkpoint."""
        return {"rows": self.rows, "searches": [search.state_dict() for search in self.searches]}

    def load(self, state: State) -> None:
        """Undo ``state``."""
        self.keep(torch.arange(len(self.rows)) < len(state["rows"]))
        for row, search, old, memory in zip(
            self.rows, self.searches, state["rows"], state["searches"], strict=True
        ):
            row.copy_(old)
            search.load_state_dict(memory)
