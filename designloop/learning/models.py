"""Predictions of a saved model of any kind.

Kinds ``gp`` and ``committee`` live here; others come from installed packages through the entry-point group
``designloop.models``: kind -> module with ``predict``, ``parts`` and, where it can, ``leave_one_out``,
``aleatoric`` and ``updated``, as below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from designloop.learning import gp
from designloop.learning.gp import LeaveOneOut
from designloop.learning.kernels import Array
from designloop.learning.parts import Parts as Parts
from designloop.learning.saved import SavedModel
from designloop.space import Design, Space

GROUP = "designloop.models"


def predict(saved: SavedModel, designs: Sequence[Design]) -> dict[str, tuple[Array, Array]]:
    """Predict every metric at ``designs``: {metric: (mean (n,), sd (n,))} in metric units.

    ``sd`` is what is not known of the noise-free metric: the posterior's of a Gaussian process, the members'
    spread of a committee. Raises ValueError for a model of unknown kind or version.
    """
    return _kind(saved).predict(saved, designs)  # type: ignore[no-any-return]


def parts(
    saved: SavedModel, designs: Sequence[Design], *, seeds: Sequence[int] | None = None
) -> dict[str, Parts]:
    """Predict every metric at ``designs`` with both kinds of spread.

    ``seeds`` (n,) choose the realizations that a model of structures is asked for; a design may hold its own
    as ``realization``. Raises ValueError for a model of unknown kind or version.
    """
    kind = _kind(saved)
    if hasattr(kind, "parts"):
        return kind.parts(saved, designs, seeds=seeds)  # type: ignore[no-any-return]
    noise = kind.aleatoric(saved)
    return {
        metric: Parts(mean=mean, aleatoric=np.full(len(mean), noise[metric]), epistemic=sd)
        for metric, (mean, sd) in kind.predict(saved, designs).items()
    }


def leave_one_out(saved: SavedModel) -> dict[str, LeaveOneOut]:
    """How well each label is predicted without it, by metric; out-of-bag for a committee.

    Raises ValueError for a kind that keeps no labels.
    """
    return _able(saved, "leave_one_out", "is judged by test data only")(saved)  # type: ignore[no-any-return]


def aleatoric(saved: SavedModel) -> dict[str, float]:
    """Standard deviation of one label's noise by metric, in metric units at the median label.

    Raises ValueError for a kind whose noise differs from design to design.
    """
    return _able(saved, "aleatoric", "has no one noise; ask for its parts")(saved)  # type: ignore[no-any-return]


def updated(
    saved: SavedModel,
    designs: Sequence[Design],
    seeds: Sequence[int] | None,
    labels: Mapping[str, ArrayLike],
    *,
    seed: int = 0,
) -> SavedModel:
    """The model after ``labels`` {metric: (n,)} at ``designs``, without the labels it was trained on before.

    A Gaussian process keeps its hyper-parameters. ``seeds`` (n,): which realizations were labelled. Raises
    ValueError for a kind that cannot learn further, and for labels that it cannot take.
    """
    if saved.config.get("kind") == "gp":
        return _conditioned(saved, designs, labels)
    learn = _able(saved, "updated", "cannot learn further labels; train it again")
    return learn(saved, designs, seeds, labels, seed=seed)  # type: ignore[no-any-return]


def _conditioned(saved: SavedModel, designs: Sequence[Design], labels: Mapping[str, ArrayLike]) -> SavedModel:
    space = Space.from_json(saved.config["space"])
    unit = np.asarray(space.to_unit(designs), dtype=float)
    learned = []
    for model in gp.unpack(saved):
        values = np.asarray(labels.get(model.metric, ()), dtype=float)
        if not len(values):
            learned.append(model)
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.asarray(model.transform.forward(values), dtype=float)
        if len(values) != len(designs) or not np.isfinite(z).all():
            raise ValueError(
                f"{model.metric}: {len(values)} labels for {len(designs)} designs, of which "
                f"{int(np.isfinite(z).sum())} can be learned; give one finite label per design."
            )
        learned.append(model.with_points(unit, z))
    packed = gp.pack(learned, space=space)
    return SavedModel(config={**packed.config, "units": saved.config["units"]}, arrays=packed.arrays)


def _able(saved: SavedModel, function: str, otherwise: str) -> Any:
    found = getattr(_kind(saved), function, None)
    if found is None:
        raise ValueError(f"A model of kind {saved.config.get('kind')!r} {otherwise}.")
    return found


def _kind(saved: SavedModel) -> Any:
    """The module of a model's kind; ``gp`` says what is wrong with an unknown one."""
    kind = saved.config.get("kind")
    if kind == "committee":
        from designloop.learning.committees import saved as committee

        return committee
    entry = next((e for e in entry_points(group=GROUP) if e.name == kind), None)
    return gp if entry is None else entry.load()
