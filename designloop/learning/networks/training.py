"""Train an ensemble of networks at once, each member with its own start, order of rows and end.

All random numbers come from (seed, purpose, member, epoch), so an epoch begins without any memory of earlier
draws: killed and called again, a training goes on from its checkpoint and ends with the same bits (same
machine, threads and versions).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from designloop.learning.networks import checkpoint as files
from designloop.learning.networks.ensemble import Build, Ensemble, pieces
from designloop.learning.networks.folds import Array, Fold, Scaler, Scaling
from designloop.learning.networks.heads import training_loss
from designloop.learning.networks.optimizers import Lbfgs
from designloop.learning.networks.progress import Progress
from designloop.learning.networks.recipe import Recipe
from designloop.learning.networks.seeds import generator, layers_seeded, seed_at
from designloop.learning.networks.stack import Stack, together
from designloop.learning.networks.starting import Start, fresh

__all__ = ["Augment", "Ensemble", "Fold", "Recipe", "Start", "Watch", "train"]

Augment = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""Rows (n, ...) and targets (n, m) of a batch, in their own units, to others of the same shapes."""


class Watch(Protocol):
    """Called after each epoch with validation and best losses (members,) and the seconds since the call.

    Losses are in standardized units, those of members that have ended NaN.
    """

    def __call__(self, epoch: int, losses: Array, best: Array, seconds: float, /) -> None:
        """Take note; nothing is given back."""


def train(
    build: Build, data: Fold, validation: Fold, *, recipe: Recipe, members: int, seed: int,
    augment: Augment | None = None, start: Start | None = None, checkpoint: Path | None = None,
    save_every: float = 20.0, watch: Watch | None = None,
) -> Ensemble:  # fmt: skip
    """Train ``members`` networks of ``build`` on ``data``; each keeps the weights best on ``validation``.

    With ``checkpoint``, a file, the standing is written there at the first end of an epoch after every
    ``save_every`` seconds and at the end; the same call goes on from it. Raises ValueError where the file
    belongs to another training, where shapes do not match or where no epoch of a member gave a finite loss.
    """
    if members < 1:
        raise ValueError(f"an ensemble needs at least one member, not {members}.")
    if augment is not None and recipe.optimizer == "lbfgs":
        raise ValueError(
            "L-BFGS needs the same rows at every step, so that nothing can be augmented; use adam."
        )
    trainer = _Trainer(build, data, validation, recipe, members, seed, augment, start)
    progress = trainer.progress
    identity = trainer.identity() if checkpoint else {}
    saved = files.read(checkpoint, identity=identity, device=trainer.device) if checkpoint else None
    if saved:
        progress.load(saved)
    began = written = time.monotonic()
    while not progress.done:
        trainer.epoch()
        now = time.monotonic()
        if checkpoint and (progress.done or now - written >= save_every):
            files.write(checkpoint, progress.state(), identity=identity)
            written = now
        if watch:
            losses, best = progress.history["validation"][-1], progress.best_loss
            watch(progress.epoch, losses.cpu().numpy(), best.cpu().numpy().copy(), now - began)
    return trainer.ensemble()


class _Trainer:
    """What stays the same from epoch to epoch; ``progress`` is what does not."""

    def __init__(
        self, build: Build, data: Fold, validation: Fold, recipe: Recipe, members: int, seed: int,
        augment: Augment | None, start: Start | None,
    ) -> None:  # fmt: skip
        self.build, self.data, self.validation = build, data, validation
        self.recipe, self.seed, self.augment = recipe, seed, augment
        automatic = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(automatic if recipe.device == "auto" else recipe.device)
        dtype = torch.float64 if recipe.dtype == "float64" else torch.float32
        if isinstance(start, Ensemble):
            self.scaling = start.scaling
        else:
            inputs, targets = recipe.standardize_inputs, recipe.standardize_targets
            self.scaling = Scaling.of(data, inputs=inputs, targets=targets)
        self.scaler = Scaler(self.scaling, data.x.ndim, dtype=dtype, device=self.device)
        self.x, self.y, *self.held = (
            torch.as_tensor(v).to(self.device) for v in (data.x, data.y, validation.x, validation.y)
        )
        self.loss, self.score = training_loss(recipe.loss, beta=recipe.beta), training_loss(recipe.loss)
        modules = fresh(build, members=members, seed=seed, start=start)
        self.module, *_ = modules = [module.to(self.device, dtype) for module in modules]
        at_once = recipe.optimizer != "lbfgs" and together(
            self.module, self.device, min(recipe.batch, len(data))
        )
        self.stack = Stack(self.module, recipe.frozen, together=at_once)
        self.progress = Progress.begin(recipe, *self.stack.rows([module.state_dict() for module in modules]))
        everything = torch.arange(len(data), device=self.device)
        self.drawn = [self._draw(k) if recipe.bootstrap else everything for k in range(members)]

    def epoch(self) -> None:
        """One epoch of all members that go on."""
        progress = self.progress
        self.module.train()
        with layers_seeded(seed_at(self.seed, "layers", progress.epoch)):
            training = (
                self._whole(progress.optimizer)
                if isinstance(progress.optimizer, Lbfgs)
                else self._batches(progress.optimizer.step)
            )
        progress.record(training, self._validate())

    def ensemble(self) -> Ensemble:
        """The best of every member."""
        progress = self.progress
        lost = (~progress.best_loss.isfinite()).nonzero().flatten().tolist()
        if lost:
            raise ValueError(
                f"no epoch of member {lost[0]} gave a finite loss: lower the learning rate or set clip."
            )
        states = self.stack.states(progress.best, progress.best_rest)
        return Ensemble(
            build=self.build, states={name: value.cpu() for name, value in states.items()},
            scaling=self.scaling, loss=self.recipe.loss,
            history={name: torch.stack(lines).cpu().numpy() for name, lines in progress.history.items()},
            best_epoch=progress.best_epoch.cpu().numpy(), best_loss=progress.best_loss.cpu().numpy(),
        )  # fmt: skip

    def identity(self) -> dict[str, str]:
        """To what training a checkpoint belongs; asked for before the first epoch."""
        start = self.progress.weights.cpu().numpy()
        hook = getattr(self.augment, "__qualname__", type(self.augment).__name__)
        return {
            "recipe": repr(self.recipe), "seed": str(self.seed), "members": str(len(start)),
            "network": str(self.module), "starting weights": files.digest(start), "augmentation": hook,
            "data": files.digest(self.data.x, self.data.y, self.validation.x, self.validation.y),
        }  # fmt: skip

    def _batches(self, step: Callable[[Tensor, Tensor, Tensor], None]) -> Tensor:
        progress, batch = self.progress, self.recipe.batch
        order = torch.stack([self._order(k) for k in progress.live.tolist()])
        total = torch.zeros(len(order), dtype=progress.weights.dtype, device=self.device)
        draws = generator(self.seed, "augment", progress.epoch, device=self.device)
        for chosen in torch.split(order, batch, dim=1):
            x, y = self._augmented(self.x[chosen], self.y[chosen], draws)
            losses, gradient = self.stack.gradient(
                progress.weights, progress.rest, self.scaler.inputs(x), self.scaler.targets(y), self.loss
            )
            step(progress.weights, gradient, progress.rates)
            total += losses * (chosen.shape[1] / order.shape[1])
        return total

    def _whole(self, optimizer: Lbfgs) -> Tensor:
        progress, live = self.progress, self.progress.live.tolist()
        x, y = self.scaler.inputs(self.x), self.scaler.targets(self.y)

        def gradient(row: Tensor, k: int) -> tuple[Tensor, Tensor]:
            chosen = self.drawn[live[k]][None]
            rest = {name: value[k : k + 1] for name, value in progress.rest.items()}
            losses, slopes = self.stack.gradient(row[None], rest, x[chosen], y[chosen], self.loss)
            return losses[0], slopes[0]

        return optimizer.epoch(progress.weights, gradient)

    def _validate(self) -> Tensor:
        self.module.eval()
        x, y = self.held
        weights, rest = self.progress.weights, self.progress.rest
        outputs = [self.stack.outputs(weights, rest, self.scaler.inputs(piece)) for piece in pieces(x)]
        return self.score(torch.cat(outputs, dim=1), self.scaler.targets(y))

    def _draw(self, member: int) -> Tensor:
        rows = len(self.data)
        drawn = np.random.default_rng(seed_at(self.seed, "rows", member)).integers(rows, size=rows)
        return torch.as_tensor(drawn).to(self.device)

    def _order(self, member: int) -> Tensor:
        draws = generator(self.seed, "order", member, self.progress.epoch)
        return self.drawn[member][torch.randperm(len(self.data), generator=draws).to(self.device)]

    def _augmented(self, x: Tensor, y: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        if self.augment is None:
            return x, y
        new_x, new_y = self.augment(x.flatten(0, 1), y.flatten(0, 1), draws)
        return new_x.reshape(x.shape), new_y.reshape(y.shape)
