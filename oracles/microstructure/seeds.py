"""Seeds of structures and of their parts: equal seeds give equal structures on every platform."""

from __future__ import annotations

import numpy as np


def generator(seed: int | np.random.SeedSequence, *key: int) -> np.random.Generator:
    """PCG64 stream of a seed; ``key`` names an independent child stream, as ``SeedSequence.spawn`` would.

    Unlike ``spawn`` it keeps no count in the seed: equal arguments give equal streams. Raises ValueError for
    a seed that is not a whole number >= 0 or a SeedSequence.
    """
    return np.random.Generator(np.random.PCG64(child_seed(seed, *key)))


def child_seed(seed: int | np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """Seed of a child stream: ``child_seed(seed, k)`` equals ``SeedSequence(seed).spawn(k + 1)[k]``."""
    if isinstance(seed, np.random.SeedSequence):
        return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key))
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"the seed is {seed!r}; give a whole number >= 0 or a SeedSequence")
    return np.random.SeedSequence(int(seed), spawn_key=key)
