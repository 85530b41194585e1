"""Data sets made by solvers: reproducible row by row, resumable after a kill, read without the solver.

A ``Source`` makes rows; row k of a seed holds the same bits however rows are grouped. ``make`` writes them
into a folder (``shards``) beside ``dataset.json``; ``DataSet.load`` reads whatever rows are there.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from designloop.learning import shards
from designloop.learning.shards import (
    DESCRIPTION,
    Arrays,
    DataSetError,
    read_description,
    rows_done,
    write_description,
)
from designloop.oracle import Infeasible

__all__ = [
    "DESCRIPTION",
    "Arrays",
    "Column",
    "DataSet",
    "DataSetError",
    "Source",
    "make",
    "read_description",
    "row_seeds",
    "rows_done",
]

SHARD_SECONDS = 10.0
"""About how much work a kill may cost."""
MOST_IN_SHARD = 500
_PACKAGES = ("designloop", "numpy", "scipy", "torch")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a data set; ``unit`` is empty where there is none."""

    name: str
    unit: str = ""
    description: str = ""
    role: Literal["input", "label", "structure"]


class Source(Protocol):
    """What makes the rows of a data set."""

    @property
    def name(self) -> str:
        """Name under which it is installed."""

    @property
    def summary(self) -> str:
        """One line."""

    @property
    def version(self) -> str:
        """Changes whenever equal seeds and options give other bits."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Every option with its value, JSON."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns that ``rows`` returns, in order."""

    @property
    def count(self) -> int:
        """Declared number of rows."""

    @property
    def cost(self) -> float:
        """About how many CPU seconds a row takes on one thread."""

    def provenance(self) -> Mapping[str, Any]:
        """How structures and labels came about, JSON: boundary, grids, grain size, material, solver."""

    def rows(self, seed: int, which: range) -> Arrays:
        """Some rows, ``(len(which), ...)`` per column; row k depends on the seed and k alone."""


def row_seeds(seed: int, stream: str, which: Iterable[int]) -> NDArray[np.uint64]:
    """Realization seeds of rows, ``(n,)``, below 2^53 so that every file format and JSON keeps them.

    ``stream`` parts sources whose structures shall be independent under one seed.
    """
    words = [
        np.random.SeedSequence([seed, zlib.crc32(stream.encode()), k]).generate_state(1, np.uint64)[0]
        for k in which
    ]
    return np.array(words, dtype=np.uint64) >> np.uint64(11)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Rows of a data set: ``arrays`` by column name, row first; ``description`` is ``dataset.json``."""

    arrays: Mapping[str, NDArray[Any]]
    description: Mapping[str, Any]
    folder: Path | None = None

    @classmethod
    def load(cls, folder: Path | str) -> DataSet:
        """Read the rows made so far; raises DataSetError for a folder that holds none."""
        folder = Path(folder)
        description = read_description(folder)
        if not rows_done(folder):
            raise DataSetError(f"{folder} has no rows yet; 'designloop dataset make' continues it.")
        names = [column["name"] for column in description["columns"]]
        parts = [shards.read(path) for path, _ in shards.found(folder)]
        return cls(
            arrays={name: shards.joined([part[name] for part in parts]) for name in names},
            description=description,
            folder=folder,
        )

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns in order."""
        return tuple(Column(**column) for column in self.description["columns"])

    @property
    def complete(self) -> bool:
        """Whether every row that was asked for is there."""
        return len(self) == int(self.description["count"])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of names, types, shapes and values of all columns; the same however rows were grouped."""
        state = hashlib.sha256()
        for name, values in self.arrays.items():
            state.update(f"{name} {values.dtype.str} {values.shape}".encode())
            state.update(np.ascontiguousarray(values).data)
        return state.hexdigest()

    def split(self, shares: Mapping[str, float], *, seed: int) -> dict[str, NDArray[np.intp]]:
        """Row numbers by part, sorted and disjoint; split before anything is augmented or cut into windows.

        ``shares``: of all rows (0 .. 1, at most 1 together), or whole numbers above 1 of rows. Raises
        DataSetError where the rows do not suffice or a part stays empty.
        """
        rows = len(self)
        counted = all(float(share).is_integer() and share > 1 for share in shares.values())
        ends = np.cumsum(list(shares.values()))
        if min(shares.values()) <= 0 or ends[-1] > (rows if counted else 1 + 1e-9):
            asked = ", ".join(f"{name} {share:g}" for name, share in shares.items())
            raise DataSetError(f"the parts {asked} are more than the {rows} rows of the data set.")
        stops = np.rint(ends if counted else ends * rows).astype(int)
        order = np.random.default_rng([seed, zlib.crc32(b"split")]).permutation(rows)
        parts = {name: np.sort(part) for name, part in zip(shares, np.split(order, stops), strict=False)}
        empty = next((name for name, part in parts.items() if not len(part)), None)
        if empty is not None:
            raise DataSetError(f"part {empty!r} of {rows} rows is empty; enlarge its share.")
        return parts


def make(
    source: Source,
    folder: Path | str,
    *,
    count: int | None = None,
    seed: int = 0,
    chunk: int | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> DataSet:
    """Make rows 0 .. ``count`` - 1 (declared: ``source.count``) in ``folder``, going on where it stopped.

    Shards of ``chunk`` rows (some 10 s of work) are written atomically: a kill loses the running one. Rows
    that are there are kept, also when ``count`` has grown. ``watch(done, count)`` is told of every shard.
    Raises DataSetError for a folder that holds another data set.
    """
    folder = Path(folder)
    count = source.count if count is None else count
    if count < 1:
        raise DataSetError(f"a data set of {count} rows; write 1 or more.")
    chunk = chunk or _shard_rows(source.cost)
    description = _begun(source, folder, count=count, seed=seed)
    done = rows_done(folder)
    while done < count:
        if watch:
            watch(done, count)
        which = range(done, min(done + chunk, count))
        shards.write(folder, done, _rows(source, seed, which))
        done = which.stop
    if watch:
        watch(count, count)
    data = DataSet.load(folder)
    if description.get("digest") != data.digest:
        write_description(folder, {**description, "digest": data.digest})
    return DataSet(arrays=data.arrays, description=read_description(folder), folder=folder)


def _shard_rows(cost: float) -> int:
    """Rows of a shard, whole twenties where there are as many: sources may solve rows in groups."""
    rows = int(np.clip(SHARD_SECONDS / max(cost, 1e-9), 1, MOST_IN_SHARD))
    return rows - rows % 20 if rows >= 20 else rows - rows % 5 if rows >= 5 else rows


def _begun(source: Source, folder: Path, *, count: int, seed: int) -> dict[str, Any]:
    """The description, new or of the same data set with this count and these package versions noted."""
    new: dict[str, Any] = {
        "source": source.name,
        "summary": source.summary,
        "version": source.version,
        "options": dict(source.options),
        "seed": seed,
        "count": count,
        "declared_count": source.count,
        "columns": [asdict(column) for column in source.columns],
        "provenance": dict(source.provenance()),
        "made_with": [_versions()],
    }
    new = json.loads(json.dumps(new, allow_nan=False))
    if (folder / DESCRIPTION).is_file():
        old = read_description(folder)
        for key in ("source", "version", "options", "seed"):
            if old.get(key) != new[key]:
                raise DataSetError(
                    f"{folder} holds another data set: its {key} is {old.get(key)!r}, not {new[key]!r}. "
                    "Name another folder."
                )
        done = rows_done(folder)
        if done > count:
            raise DataSetError(f"{folder} has {done} rows already; ask for as many, or name another folder.")
        others = [one for one in old["made_with"] if one != _versions()]
        new["made_with"] = others + new["made_with"] if done < count else old["made_with"]
        new = {**new, **({"digest": old["digest"]} if "digest" in old and old["count"] == count else {})}
        if new == old:
            return old
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataSetError(f"{folder} exists and is no data set; name another folder.")
    write_description(folder, new)
    return new


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _rows(source: Source, seed: int, which: range) -> Arrays:
    try:
        rows = source.rows(seed, which)
    except Infeasible as error:
        raise DataSetError(
            f"rows {which.start} to {which.stop - 1} of {source.name!r} cannot be made: {error}. Rows before "
            "them are kept; narrow the options in another folder."
        ) from None
    names = [column.name for column in source.columns]
    if list(rows) != names:
        raise DataSetError(
            f"source {source.name!r} returned {', '.join(rows)}; it declares {', '.join(names)}."
        )
    for column in source.columns:
        values = rows[column.name]
        if len(values) != len(which):
            raise DataSetError(
                f"source {source.name!r} returned {len(values)} rows of {column.name}, not {len(which)}."
            )
        if column.role != "structure" and not np.isfinite(values.astype(float)).all():
            raise DataSetError(f"source {source.name!r} made {column.name} that is not finite.")
    return rows
