"""Random numbers of training, each from its own place (seed, purpose, member, epoch); none is carried on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

PURPOSES = ("start", "rows", "order", "augment", "layers", "samples")


def seed_at(seed: int, purpose: str, *place: int) -> int:
    """The seed of one use."""
    state = np.random.SeedSequence([seed, PURPOSES.index(purpose), *place]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def generator(seed: int, purpose: str, *place: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of torch of its own."""
    return torch.Generator(device=device).manual_seed(seed_at(seed, purpose, *place))


@contextmanager
def layers_seeded(seed: int) -> Iterator[None]:
    """Let layers (initial weights, dropout) draw from ``seed``; torch's global generator is put back."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
