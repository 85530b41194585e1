"""Dear answers kept in a file of the run, so that neither a kill nor a second asking costs them again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from designloop.journal import decode, encode
from designloop.oracle import Declaration, Infeasible, Observation, Result, Value

FILE = "answers.jsonl"


def question(declaration: Declaration, inputs: Mapping[str, Value], seed: int, *, content: str = "") -> str:
    """A name for one question to one oracle: 16 hexadecimal digits of all that decides the answer.

    ``content``: digest of the oracle's own file, where it comes from one.
    """
    asked = [
        content,
        declaration.name,
        declaration.version,
        sorted((name, repr(value)) for name, value in declaration.options.items()),
        sorted((name, repr(value)) for name, value in inputs.items()),
        seed if declaration.stochastic else 0,
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One kept answer with its question; ``infeasible`` holds the reason where there was one."""

    key: str
    inputs: Mapping[str, Value]
    seed: int
    metrics: Mapping[str, Observation]
    infeasible: str | None = None
    seconds: float = 0.0

    @property
    def outcome(self) -> Result | Infeasible:
        """The answer as the oracle gave it, without artifacts."""
        if self.infeasible is not None:
            return Infeasible(self.infeasible, metrics=self.metrics)
        return Result(metrics=self.metrics)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        metrics = {n: {k: v for k, v in vars(o).items() if v is not None} for n, o in self.metrics.items()}
        return {**vars(self), "inputs": dict(self.inputs), "metrics": metrics}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Answer:
        """From ``to_json``."""
        metrics = {n: Observation(**o) for n, o in entry["metrics"].items()}
        return cls(**{**entry, "metrics": metrics})


@dataclass(frozen=True)
class Answers:
    """The kept answers of one folder; without a folder they last as long as this object. One writer."""

    folder: Path | None

    def get(self, key: str) -> Answer | None:
        """The answer to a question, or None where it was never given."""
        return self._known.get(key)

    def keep(self, answer: Answer) -> None:
        """Make an answer durable before anything is made of it."""
        self._known[answer.key] = answer
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / FILE).open("ab") as file:
            file.write(encode(answer.to_json()))
            file.flush()
            os.fsync(file.fileno())

    @cached_property
    def _known(self) -> dict[str, Answer]:
        """What the file holds; a torn last line is cut off, so that the next answer begins a line."""
        path = self.folder / FILE if self.folder else None
        if path is None or not path.exists():
            return {}
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(path, whole)
        entries = [decode(line) for line in data[:whole].split(b"\n")[:-1]]
        return {e["key"]: Answer.from_json(e) for e in entries if e is not None}
