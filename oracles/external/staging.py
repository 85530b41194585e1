"""Files into a program's folder: fresh, checked, and never through a link that leads elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from designloop.oracle import Failed

from .digest import checksum, files_of
from .paths import real_file
from .program import Need, Step


def clear(folder: Path, files: Sequence[str]) -> None:
    """Remove what an earlier attempt may have left under the names of results."""
    for name in files:
        path = folder / name
        if path.is_symlink() or path.is_file():
            path.unlink()


def fresh_folder(path: Path) -> Path:
    """An empty folder at ``path``, which is the step's own."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return path


def stage(
    step: Step, into: Path, *, beside: Path, made: Mapping[str, Sequence[Path]]
) -> tuple[dict[str, str], dict[Path, str]]:
    """Copy what a step needs. Checksums by name, and of linked files by their source. Raises Failed.

    ``beside``: the folder of oracle.yml; ``made``: folders in which earlier steps ran, one per item.
    """
    sums: dict[str, str] = {}
    linked: dict[Path, str] = {}
    for need in step.needs:
        if need.step is not None:
            _hand_on(need, into, made[need.step])
            continue
        for name, source in files_of(beside / need.source, need.target):
            sums[name] = _place(source, into, name, link=need.link)
            if need.link:
                linked[source] = sums[name]
    return sums, linked


def _place(source: Path, into: Path, name: str, *, link: bool) -> str:
    try:
        before = checksum(source)
        target = _target(into, name)
        if link:
            target.symlink_to(source.resolve())
        else:
            shutil.copy(source, target)
    except OSError as error:
        raise Failed(f"{name} cannot be copied: {error.strerror}.", cause="lost") from None
    return before


def _hand_on(need: Need, into: Path, folders: Sequence[Path]) -> None:
    several = need.target != need.source
    for number, folder in enumerate(folders, start=1):
        found = real_file(folder, need.source)
        if found is None:
            raise Failed(f"the step {need.step} left no file {need.source}.", cause="invalid")
        name = f"{need.step}/{number}/{need.source}" if several else need.target
        shutil.copy(found, _target(into, name))


def write(files: Mapping[str, str], into: Path) -> None:
    """Write rendered files. Raises Failed."""
    for name, text in files.items():
        try:
            _target(into, name).write_text(text, encoding="utf-8")
        except (OSError, UnicodeEncodeError) as error:
            raise Failed(f"{name} cannot be written: {error}.", cause="lost") from None


def _target(into: Path, name: str) -> Path:
    """Where a file goes: nothing stands there yet, and no link leads there."""
    target = into / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(into.resolve()):
        raise Failed(f"{name} would lie outside the trial's folder.", cause="error")
    if target.is_symlink() or target.is_file():
        target.unlink()
    return target


def standing(folder: Path, files: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Results that stand in the folder before the program runs, as inputs: when written, and how long."""
    found = {name: folder / name for name in files}
    return {name: _written(path) for name, path in found.items() if path.is_file()}


def untouched(folder: Path, before: Mapping[str, tuple[int, int]]) -> str | None:
    """The first of them that the program has not written again, or None."""
    return next((n for n, w in before.items() if (folder / n).is_file() and _written(folder / n) == w), None)


def _written(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def unchanged(linked: Mapping[Path, str]) -> str | None:
    """The name of a linked file that the program has changed, or None."""
    return next((p.name for p, known in linked.items() if not p.exists() or checksum(p) != known), None)


def tidy(folder: Path, *, keep: Sequence[str] | None, always: set[str], before: set[str]) -> None:
    """Delete what need not stay: links out of the folder always, with ``keep`` all but what it names.

    ``always``: names relative to the folder that stay in any case; ``before``: those that were there first.
    """
    root = folder.resolve()
    for here, folders, files in os.walk(folder, topdown=False, followlinks=False):
        for name in (*folders, *files):
            path = Path(here) / name
            relative = path.relative_to(folder)
            if relative.parts[0] in before:
                continue
            if path.is_symlink():
                if not path.resolve().is_relative_to(root):
                    path.unlink()
                    continue
            elif path.is_dir():
                if keep is not None and not any(path.iterdir()):
                    path.rmdir()
                continue
            if keep is not None and str(relative.as_posix()) not in always and not _kept(relative, keep):
                path.unlink()


def _kept(relative: Path, keep: Sequence[str]) -> bool:
    """A pattern without a folder counts everywhere; one that names a folder keeps all in it."""
    names = [relative, *relative.parents[:-1]]
    return any(name.match(pattern) for name in names for pattern in keep)
