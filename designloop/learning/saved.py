"""A fitted model as plain JSON and arrays, from which predictions are made without Ax or torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class SavedModel:
    """A model between processes: ``config`` is JSON, ``arrays`` are float64."""

    config: Mapping[str, Any]
    arrays: Mapping[str, NDArray[np.float64]]

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.npz`` into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "model.npz", **dict(self.arrays))  # type: ignore[arg-type]
        (folder / "model.json").write_text(json.dumps(self.config, indent=1, allow_nan=False))

    @classmethod
    def load(cls, folder: Path) -> SavedModel:
        """Read what ``save`` wrote; pickles are refused."""
        with np.load(folder / "model.npz", allow_pickle=False) as arrays:
            return cls(config=json.loads((folder / "model.json").read_text()), arrays=dict(arrays))
