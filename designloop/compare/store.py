"""The folder of a comparison: its settings, and one line per finished virtual campaign."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from designloop.campaign.places import runs_folder
from designloop.compare.setup import Setup, differences
from designloop.compare.source import Reference
from designloop.errors import RunError
from designloop.revision import environment
from designloop.rundir import slug
from designloop.tracking import lock

SETTINGS, RESULTS, REFERENCE, LOCK = "settings.json", "results.jsonl", "reference.npz", "compare.lock"
Key = tuple[str, int]


def folder_of(setup: Setup, campaign_name: str, given: Path | None) -> Path:
    """The named folder, or one of its own for every campaign file and setting."""
    return given or runs_folder() / "comparisons" / f"{slug(campaign_name)}-{setup.digest()}"


@contextmanager
def opened(folder: Path, setup: Setup) -> Iterator[Path]:
    """The folder, made where it is missing and held against a second writer.

    Raises RunError where it belongs to another comparison, TrackingError where another process writes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with lock.holding(folder / LOCK, wait=2, what="this comparison"):
        settings = folder / SETTINGS
        if settings.exists():
            changed = differences(json.loads(settings.read_text(encoding="utf-8")), setup)
            if changed:
                raise RunError(
                    f"{folder} holds a comparison with another {', '.join(changed)}. Name a new folder: --to "
                    "FOLDER; without --to every setting gets a folder of its own."
                )
        else:
            _replace(settings, json.dumps({**setup.to_json(), "environment": environment()}, indent=1))
        yield folder


def finished(folder: Path) -> dict[Key, dict[str, Any]]:
    """Virtual campaigns that are done, by strategy and repeat; a torn last line counts for nothing."""
    path = folder / RESULTS
    done: dict[Key, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        done[row["strategy"], row["repeat"]] = row
    return done


def append(folder: Path, row: Mapping[str, Any]) -> None:
    """One more line, on the disk when this returns."""
    path = folder / RESULTS
    with path.open("ab+") as file:
        if file.tell() and not _whole(file):
            file.write(b"\n")
        file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _whole(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    ending: bytes = file.read(1)
    return ending == b"\n"


def kept_reference(folder: Path) -> Reference | None:
    """The test designs with their answers, where they were computed before."""
    path = folder / REFERENCE
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        content = dict(arrays)
    designs = json.loads(str(content.pop("designs")))
    return Reference(designs=designs, values=content)


def keep_reference(folder: Path, reference: Reference) -> None:
    """Write them, whole or not at all."""
    fresh = folder / f"{REFERENCE}.new.npz"
    designs = np.array(json.dumps([dict(d) for d in reference.designs]))
    np.savez(fresh, designs=designs, **dict(reference.values))  # type: ignore[arg-type]
    os.replace(fresh, folder / REFERENCE)


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)
