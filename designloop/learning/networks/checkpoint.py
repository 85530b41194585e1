"""A training's standing on disk: written as a whole or not at all, read without pickle's powers."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def write(path: Path, state: dict[str, Any], *, identity: dict[str, str]) -> None:
    """Replace ``path`` by ``state``, which tells by ``identity`` to what training it belongs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        torch.save({"identity": identity, "state": state}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def read(path: Path, *, identity: dict[str, str], device: torch.device) -> dict[str, Any] | None:
    """What ``write`` wrote, None without a file; a ValueError where it belongs to another training."""
    if not path.exists():
        return None
    found = torch.load(path, map_location=device, weights_only=True)
    differing = [name for name, value in identity.items() if found["identity"].get(name) != value]
    if differing:
        raise ValueError(
            f"the checkpoint {path} belongs to a training with other {', '.join(differing)}: "
            f"name another file, or delete it to train anew."
        )
    state: dict[str, Any] = found["state"]
    return state


def digest(*arrays: NDArray[Any]) -> str:
    """sha256 of types, shapes and values."""
    found = hashlib.sha256()
    for values in arrays:
        found.update(f"{values.dtype} {values.shape}".encode())
        found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()
