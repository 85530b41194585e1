"""Where trials stand in a model's unit cube, with their fidelity where a campaign has two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from designloop.learning.kernels import Array
from designloop.strategies.base import Problem, Trial


def places_of(problem: Problem, trials: Sequence[Trial]) -> Array:
    """Unit points (n, d) of trials; (n, d + 1) under two fidelities, 0 in the last column being the cheap."""
    unit = np.asarray(problem.space.to_unit([t.parameters for t in trials]), dtype=float)
    fidelities = problem.fidelities
    if fidelities is None:
        return unit
    return np.column_stack([unit, [0.0 if fidelities.is_cheap(t.fidelity) else 1.0 for t in trials]])
