"""Fingerprints: of a file, and of everything that decides what a program answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from .program import Step

_HARMLESS = (
    "description", "labels", "time_limit", "keep", "failures", "cache", "fidelities", "inherit", "licences",
)  # fmt: skip
"""Keys that may change while a run goes on: they decide no number."""

_LARGE = 10_000_000
"""Bytes from which on a file counts by its size alone, until it is staged."""


def digest(data: Mapping[str, Any], steps: Sequence[Step], folder: Path) -> str:
    """Twelve hexadecimal digits of the declaration, its templates and the files that it needs."""
    told = _decisive(data)
    templates = [sorted(step.templates.items()) for step in steps]
    needed = [
        [str(part), _brief(file)]
        for step in steps
        for need in step.needs
        if need.step is None
        for part, file in files_of(folder / need.source, need.source)
    ]
    whole = json.dumps([told, templates, needed], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def _decisive(data: Mapping[str, Any]) -> dict[str, Any]:
    """The declaration without what decides no number."""
    told = {key: value for key, value in data.items() if key not in _HARMLESS}
    for heading in ("inputs", "outputs"):
        told[heading] = {name: _undescribed(part) for name, part in data[heading].items()}
    if "steps" in told:
        told["steps"] = [_undescribed(step) for step in data["steps"]]
    return told


def _undescribed(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in ("description", "time_limit")}


def files_of(source: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Every file of a file or folder with its name, in order."""
    if not source.is_dir():
        yield name, source
        return
    for file in sorted(p for p in source.rglob("*") if p.is_file()):
        yield f"{name}/{file.relative_to(source).as_posix()}", file


def _brief(file: Path) -> str:
    size = file.stat().st_size
    return f"{size} bytes" if size > _LARGE else checksum(file)


def checksum(file: Path) -> str:
    """SHA-256 of a file; of one that has not changed since, from memory."""
    found = file.stat()
    return _checksum(str(file.resolve()), found.st_size, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=4096)
def _checksum(file: str, _size: int, _time: int, _inode: int) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
