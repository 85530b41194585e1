"""Keeps a proposal's side effects to itself: global random states, torch threads, loggers, warnings."""

from __future__ import annotations

import importlib
import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np


@contextmanager
def contained(seed: int) -> Iterator[None]:
    """Seed the global generators for the block, on one torch thread, and restore everything after it.

    Ax and BoTorch draw from and reseed the global generators; a caller's own draws must not change.
    """
    import torch

    state, torch_state = random.getstate(), torch.get_rng_state()
    legacy = np.random.get_state()  # noqa: NPY002
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - Ax draws from the legacy generator
        torch.manual_seed(seed)
        with warnings.catch_warnings(record=True):  # a filter alone does not hold: BoTorch sets its own
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state)
        np.random.set_state(legacy)  # noqa: NPY002
        torch.set_rng_state(torch_state)
        torch.set_num_threads(threads)


@cache
def load_ax() -> Any:
    """Import the adapter without Ax's remarks: each module of Ax has a logger that prints from import on."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adapter = importlib.import_module("designloop.strategies._ax")
    finally:
        logging.disable(previous)
    for name in list(logging.root.manager.loggerDict):
        if name == "ax" or name.startswith("ax."):
            logging.getLogger(name).setLevel(logging.ERROR)
    return adapter
