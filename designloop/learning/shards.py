"""The folder of a data set: shards ``rows-00000.npz``, named by their first row, and ``dataset.json``."""

from __future__ import annotations

import json
import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.errors import DesignloopError

Arrays = dict[str, NDArray[Any]]

DESCRIPTION = "dataset.json"


class DataSetError(DesignloopError):
    """A data set cannot be made, continued or read as asked."""


def rows_done(folder: Path) -> int:
    """Rows in the shards of a folder; raises DataSetError where one is missing between others."""
    done = 0
    for path, first in found(folder):
        if first != done:
            raise DataSetError(f"{folder} misses the rows from {done} to {first - 1}; remove {path.name}.")
        done += int(read(path)["rows"])
    return done


def read_description(folder: Path) -> dict[str, Any]:
    """``dataset.json`` of a folder; raises DataSetError where there is none."""
    path = Path(folder) / DESCRIPTION
    if not path.is_file():
        raise DataSetError(f"{folder} is no data set: it has no {DESCRIPTION}.")
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise DataSetError(f"{path} is not JSON: {error}.") from None
    if not isinstance(found, dict) or not found.keys() >= {"source", "columns", "summary", "count"}:
        raise DataSetError(f"{path} describes no data set. Make it again: 'designloop dataset make'.")
    return found


def found(folder: Path) -> list[tuple[Path, int]]:
    """Shards with their first row, in order."""
    found = [(path, re.fullmatch(r"rows-(\d+)\.npz", path.name)) for path in folder.glob("rows-*.npz")]
    return sorted(((path, int(m[1])) for path, m in found if m), key=lambda pair: pair[1])


def read(path: Path) -> Arrays:
    """Columns of a shard, and how many ``rows`` it has."""
    try:
        with np.load(path, allow_pickle=False) as shard:
            arrays = dict(shard)
        int(arrays["rows"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataSetError(
            f"{path} is damaged ({error}). Remove it and the shards after it; 'designloop dataset make' "
            "makes them again."
        ) from None
    return arrays


def joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Parts one after the other; narrower ones are padded with NaN (grain angles of fewer grains)."""
    if len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts)
    most = max(part.shape[1] for part in parts)
    return np.concatenate(
        [np.pad(part, ((0, 0), (0, most - part.shape[1])), constant_values=np.nan) for part in parts]
    )


def write(folder: Path, first: int, arrays: Arrays) -> None:
    """Write rows from number ``first`` on, whole or not at all."""
    path = folder / f"rows-{first:05d}.npz"
    rows = len(next(iter(arrays.values())))
    temporary = path.with_suffix(".partial")
    with temporary.open("wb") as file:
        np.savez_compressed(file, rows=np.int64(rows), **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Write ``dataset.json``, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{DESCRIPTION}.partial"
    temporary.write_text(json.dumps(description, indent=1, allow_nan=False))
    temporary.replace(folder / DESCRIPTION)
