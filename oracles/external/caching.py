"""Answers of a run, kept by question: the same question is not asked twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from designloop.oracle import Context, Infeasible, Observation, Result, Value

from .digest import checksum, files_of
from .program import Program

FOLDER = "external"
"""Folder of kept answers within that of the run's answers."""


def question(program: Program, design: Mapping[str, Value], fidelity: str | None) -> str:
    """A name for all that decides an answer: the declaration, every needed file, the design."""
    needed = {
        name: checksum(file)
        for step in program.steps
        for need in step.needs
        if need.step is None
        for name, file in files_of(program.folder / need.source, need.source)
    }
    declared = program.declaration
    asked = [declared.name, declared.version, needed, {n: repr(v) for n, v in design.items()}, fidelity]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Cache:
    """Answers in a folder, one JSON file for each question; without a folder it keeps nothing."""

    folder: Path | None

    @classmethod
    def of(cls, program: Program, context: Context) -> Cache:
        """The run's cache where the program's answers may be kept."""
        kept = program.cache and not program.declaration.stochastic and context.answers is not None
        return cls(context.answers / FOLDER if kept and context.answers else None)

    def known(self, key: str) -> Result | None:
        """The kept answer, or None. Raises Infeasible where that is the answer."""
        if self.folder is None:
            return None
        try:
            entry: dict[str, Any] = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            kept = {name: Observation(**one) for name, one in entry["metrics"].items()}
            notes = {"cached": True, "folder": entry["folder"]}
            reason = entry["infeasible"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # a file that nobody can read is as good as none
        if reason is not None:
            raise Infeasible(str(reason), metrics=kept, notes=notes)
        return Result(metrics=kept, notes=notes)

    def keep(self, key: str, answer: Result | Infeasible, *, folder: Path) -> None:
        """Write an answer, whole or not at all; ``folder`` is where it was made."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        entry = {
            "metrics": {name: vars(one) for name, one in answer.metrics.items()},
            "infeasible": answer.reason if isinstance(answer, Infeasible) else None,
            "folder": folder.name,
        }
        new = self.folder / f"{key}.{os.getpid()}.new"
        with new.open("w", encoding="utf-8") as stream:
            json.dump(entry, stream, allow_nan=False)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(new, self.folder / f"{key}.json")
