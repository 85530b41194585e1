"""Run directories: ``runs/NAME-STAMP-HEX``, made for a new run and found by a prefix of their name."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from pathlib import Path

from designloop import journal
from designloop.campaign.places import runs_folder
from designloop.errors import RunError


def slug(name: str) -> str:
    """A name as part of a directory's name: ASCII letters, digits and dashes."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-") or "campaign"


def create(name: str, *, folder: Path | None = None) -> Path:
    """Make the directory of a new run of the campaign ``name``. Raises RunError."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    directory = (folder or runs_folder()) / f"{slug(name)}-{stamp}-{secrets.token_hex(3)}"
    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise RunError(f"{directory}: cannot be made ({error.strerror}).") from None
    return directory


def all_runs(folder: Path | None = None) -> list[Path]:
    """Directories that hold a journal, oldest first."""
    folder = folder or runs_folder()
    found = folder.glob(f"*/{journal.FILE}") if folder.is_dir() else ()
    return sorted((path.parent for path in found), key=lambda run: run.name.split("-")[-3:])


def find(name: str, *, folder: Path | None = None) -> Path:
    """The run that ``name`` means: a directory, or a unique prefix of one. Raises RunError."""
    direct = Path(name)
    if (direct / journal.FILE).is_file():
        return direct.resolve()
    runs = all_runs(folder)
    prefix = direct.name
    matches = [run for run in runs if run.name == prefix] or [r for r in runs if r.name.startswith(prefix)]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        known = ", ".join(run.name for run in runs[-3:]) or "none yet"
        raise RunError(f"no run is called {name!r}. The latest runs: {known}. See 'designloop list'.")
    names = ", ".join(run.name for run in matches[-5:])
    raise RunError(f"{name!r} fits {len(matches)} runs: {names}. Write more of the name.")
