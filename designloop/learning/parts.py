"""What a model predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
HALF_WIDTH = 1.959963984540054
"""Half the width of the central 95 % of a normal distribution, in standard deviations."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Means and standard deviations: of one metric (n,), calibrated; of an ensemble's outputs (n, m)."""

    mean: Array
    aleatoric: Array
    """Scatter of a label about the mean, which further labels do not remove."""
    epistemic: Array
    """What is not known of the mean."""
