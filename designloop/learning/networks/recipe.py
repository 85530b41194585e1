"""How an ensemble is trained: the settings alone, plain and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Optimizer = Literal["adam", "adamax", "adamw", "lbfgs"]
Loss = Literal["mse", "gaussian", "mixture"]
Schedule = Literal["plateau", "cosine", "constant"]
Precision = Literal["float32", "float64"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of ``train``; losses are in standardized units of the targets.

    An epoch is one pass over the rows, of ``lbfgs`` twenty iterations over all rows at once. ``patience``:
    epochs without a better validation loss after which a member ends (None: never). ``plateau`` multiplies a
    member's learning rate by ``decay_factor`` after ``decay_patience`` such epochs, ``cosine`` lowers it to 0
    at the last epoch. ``weight_decay`` is an L2 penalty, of adamw a decoupled one. ``clip``: largest norm of
    a member's gradient. ``beta``: see ``heads.gaussian_loss``. ``frozen``: parameters whose names start so
    keep their values. ``bootstrap``: each member learns from its own rows drawn with replacement.
    """

    optimizer: Optimizer = "adam"
    learning_rate: float = 1e-3
    batch: int = 32
    epochs: int = 200
    patience: int | None = None
    schedule: Schedule = "constant"
    decay_factor: float = 0.1
    decay_patience: int = 10
    weight_decay: float = 0.0
    loss: Loss = "mse"
    beta: float = 0.5
    clip: float | None = None
    bootstrap: bool = False
    standardize_inputs: bool = True
    standardize_targets: bool = True
    frozen: tuple[str, ...] = ()
    dtype: Precision = "float32"
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, kind in (
            ("optimizer", Optimizer),
            ("schedule", Schedule),
            ("loss", Loss),
            ("dtype", Precision),
        ):
            if getattr(self, name) not in get_args(kind):
                choices = ", ".join(get_args(kind))
                raise ValueError(f"{name} of a recipe must be one of {choices}, not {getattr(self, name)!r}.")
        for name in ("learning_rate", "batch", "epochs", "decay_patience"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} of a recipe must be positive, not {getattr(self, name)}.")
        if self.patience is not None and self.patience < 1:
            raise ValueError(
                f"patience must be at least one epoch, or None to train on, not {self.patience}."
            )
        if self.optimizer == "lbfgs" and (self.schedule != "constant" or self.clip):
            raise ValueError("L-BFGS chooses its steps itself: a recipe of it has no schedule and no clip.")
