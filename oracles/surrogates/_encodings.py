"""What a network learns in place of its labels, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .networks.permeability import decoded, encoded

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """``encode`` and ``decode`` of values ``(n, labels)``; ``joint`` where one needs all of a row's."""

    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    joint: bool

    def targets(self, labels: Array) -> Array:
        """Labels ``(n, labels)`` as the network learns them."""
        return self.encode(torch.as_tensor(labels)).numpy()

    def labels(self, mean: Array, sd: Array) -> tuple[Array, Array]:
        """Answers of a network and their independent spreads, ``(n, labels)`` each, as labels.

        Spreads are propagated to first order.
        """
        values, spreads = torch.as_tensor(mean), torch.as_tensor(sd)
        variance = torch.zeros_like(values)
        for k in range(values.shape[1]):
            step = torch.zeros_like(values)
            step[:, k] = spreads[:, k]
            variance += torch.func.jvp(self.decode, (values,), (step,))[1] ** 2
        return self.decode(values).numpy(), variance.sqrt().numpy()


def _same(values: Tensor) -> Tensor:
    return values.clone()


ENCODINGS: Mapping[str, Encoding] = {
    "": Encoding(encode=_same, decode=_same, joint=False),
    "permeability": Encoding(encode=encoded, decode=decoded, joint=True),
}
"""By ``Space.encoding`` and the ``encoding`` of a saved model."""
