"""Predictions of a saved model of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from designloop.learning import gp
from designloop.learning.gp import LeaveOneOut
from designloop.learning.kernels import Array
from designloop.learning.saved import SavedModel
from designloop.space import Design


def predict(saved: SavedModel, designs: Sequence[Design]) -> dict[str, tuple[Array, Array]]:
    """Predict every metric at ``designs``: {metric: (mean (n,), sd (n,))} in metric units.

    ``sd`` is what is not known of the noise-free metric: the posterior's of a Gaussian process, the members'
    spread of a committee. Raises ValueError for a model of unknown kind or version.
    """
    return _kind(saved).predict(saved, designs)  # type: ignore[no-any-return]


def leave_one_out(saved: SavedModel) -> dict[str, LeaveOneOut]:
    """How well each label is predicted without it, by metric; out-of-bag for a committee."""
    return _kind(saved).leave_one_out(saved)  # type: ignore[no-any-return]


def aleatoric(saved: SavedModel) -> dict[str, float]:
    """Standard deviation of one label's noise by metric, in metric units at the median label."""
    return _kind(saved).aleatoric(saved)  # type: ignore[no-any-return]


def _kind(saved: SavedModel) -> ModuleType:
    """The module of a model's kind; ``gp`` says what is wrong with an unknown one."""
    if saved.config.get("kind") == "committee":
        from designloop.learning.committees import saved as committee

        return committee
    return gp
