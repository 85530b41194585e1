"""Networks as published, for comparison: the arrangement of layers and the number of weights are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class SveCnn(nn.Module):
    """64 x 64 image -> modulus ``(n, 1)``; 176,001 weights, one channel (Quesada-Molina and Mariani 2022).

    Convolution 5 x 5 x 128, pooling 2, convolution 3 x 3 x 128, pooling 2, one linear output; no padding.
    ReLU is our reading: the activation is not printed.
    """

    def __init__(
        self, *, channels: int = 1, filters: Sequence[int] = (128, 128), kernels: Sequence[int] = (5, 3),
        pixels: int = 64,
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = []
        for count, size in zip(filters, kernels, strict=True):
            layers += [nn.Conv2d(channels, count, size), nn.ReLU(), nn.MaxPool2d(2)]
            channels, pixels = count, (pixels - size + 1) // 2
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * pixels**2, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Moduli in standardized units."""
        return self.layers(image)


class PermeabilityCnn(nn.Module):
    """256 x 256 image -> ``outputs`` permeabilities (Aldakheel et al. 2023, section 4.3).

    Convolutions 3, 3, 5, 7 with same padding and ReLU, pooling by 2 after each, dense 64 and 32. The numbers
    of filters and the kind and place of pooling are not printed; ours are 16, 32, 32, 32 and averages, which
    makes 607,138 weights.
    """

    def __init__(
        self, *, filters: Sequence[int] = (16, 32, 32, 32), pixels: int = 256, outputs: int = 2
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for count, size in zip(filters, (3, 3, 5, 7), strict=True):
            layers += [nn.Conv2d(before, count, size, padding="same"), nn.ReLU(), nn.AvgPool2d(2)]
            before = count
        flat = before * (pixels // 2 ** len(filters)) ** 2
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(flat, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(),
            nn.Linear(32, outputs),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """Permeabilities in standardized units."""
        return self.layers(image)


def dense(*, units: Sequence[int]) -> nn.Sequential:
    """Dense layers with ReLU between, ``units`` from inputs to outputs."""
    layers: list[nn.Module] = []
    for before, after in pairwise(units):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def beam_net(*, units: Sequence[int] = (20, 50, 50, 50, 1)) -> nn.Sequential:
    """20 window moduli -> beam modulus; 6,201 weights (Quesada-Molina and Mariani 2022, model 2)."""
    return dense(units=units)


def amplitude_net(*, units: Sequence[int] = (2, 50, 150, 50, 1)) -> nn.Sequential:
    """Modulus and over-etch -> amplitude; 15,401 weights (Quesada-Molina and Mariani 2022, model 3)."""
    return dense(units=units)
