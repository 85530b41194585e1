"""A trained ensemble as a saved model, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from designloop.learning.saved import SavedModel
from designloop.learning.trainers import TrainingError

from ._rows import Rows, network

if TYPE_CHECKING:
    from torch import Tensor

    from designloop.learning.networks.training import Ensemble

Array = NDArray[np.float64]
KIND = "structure_network"


def save(
    rows: Rows,
    options: Mapping[str, Any],
    ensemble: Ensemble,
    *,
    floor: Sequence[float],
    factor: Sequence[float],
) -> SavedModel:
    """The model; ``floor`` (labels,) is the error that members share, ``factor`` calibrates both."""
    space = rows.space
    config = {
        "kind": KIND,
        "version": 1,
        "network": space.name,
        "options": dict(options),
        "sees": space.sees if isinstance(space.sees, str) else list(space.sees),
        "metrics": list(space.metrics),
        "encoding": space.encoding,
        "loss": ensemble.loss,
        "floor": [float(v) for v in floor],
        "factor": [float(v) for v in factor],
    }
    return SavedModel(config=config, arrays=ensemble.arrays)


def weights(saved: SavedModel, rows: Rows, options: Mapping[str, Any]) -> list[dict[str, Tensor]]:
    """Weights of each member, to begin with. Raises TrainingError for another architecture."""
    from designloop.learning.networks.training import Ensemble

    config = saved.config
    there = (config.get("network"), config.get("options"))
    if there != (rows.space.name, dict(options)):
        raise TrainingError(
            f"the model to start from is {_words(*there)}, not {_words(rows.space.name, options)}: only "
            "equal networks share weights."
        )
    found = Ensemble.from_arrays(lambda: network(rows.space, options), saved.arrays, loss=config["loss"])
    return [{name: value[k] for name, value in found.states.items()} for k in range(found.members)]


def _words(name: Any, options: Any) -> str:
    said = ", ".join(f"{key} {value}" for key, value in dict(options or {}).items())
    return f"{name} ({said})" if said else str(name)
