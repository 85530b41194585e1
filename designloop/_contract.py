"""An oracle under test: the designs it is asked, its answers, and a visit to a fresh process."""

from __future__ import annotations

import math
import pickle
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from designloop.errors import OracleError
from designloop.oracle import Context, Failed, Infeasible, Input, Oracle, Result, Value

Design = dict[str, Value]
Answer = Result | Infeasible


@dataclass(frozen=True)
class Subject:
    """The oracle under test, and the designs it is asked."""

    oracle: Oracle

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """Declared inputs."""
        return self.oracle.declaration.inputs

    @cached_property
    def design(self) -> Design:
        """Defaults, and the middle of the range where there is none."""
        return {i.name: _middle(i) for i in self.inputs}

    @cached_property
    def interior(self) -> list[Design]:
        """Designs anywhere in the box; fewer for a slow oracle."""
        generator = random.Random(0)
        count = 6 if self.oracle.declaration.cheap else 2
        return [{i.name: _anywhere(i, generator) for i in self.inputs} for _ in range(count)]

    @cached_property
    def corners(self) -> list[Design]:
        """Corners of the box: all low, all high and some others; fewer for a slow oracle."""
        generator = random.Random(1)
        count = 30 if self.oracle.declaration.cheap else 2
        sides = [[0] * len(self.inputs), [1] * len(self.inputs)]
        sides += [[generator.randint(0, 1) for _ in self.inputs] for _ in range(count)]
        return [{i.name: _end(i, s) for i, s in zip(self.inputs, side, strict=True)} for side in sides]

    def ask(self, design: Mapping[str, Value], **context: Any) -> Answer:
        """One answer; an infeasible design is an answer. Raises whatever else the oracle raises."""
        try:
            return self.oracle.evaluate(dict(design), Context(**context))
        except Infeasible as answer:
            return answer
        except SystemExit as end:
            raise OracleError(
                f"the oracle called sys.exit({end.code!r}). Raise an exception for a failure, "
                "or Infeasible(reason) for a design that cannot work."
            ) from None

    @cached_property
    def answers(self) -> list[tuple[Design, Answer]]:
        """Answers for the middle, the interior and the corners, where there is one."""
        answered = []
        for design in [self.design, *self.interior, *self.corners]:
            try:
                answered.append((design, self.ask(design)))
            except Exception:  # the checks "answers", "interior" and "corners" report these
                continue
        return answered

    @property
    def results(self) -> list[Result]:
        """Complete answers."""
        return [answer for _, answer in self.answers if isinstance(answer, Result)]

    @property
    def refusals(self) -> list[Infeasible]:
        """Infeasible answers."""
        return [answer for _, answer in self.answers if isinstance(answer, Infeasible)]


def _middle(declared: Input) -> Value:
    if declared.default is not None:
        return declared.default
    return _between(declared, 0.5)


def _anywhere(declared: Input, generator: random.Random) -> Value:
    return _between(declared, generator.uniform(0.02, 0.98))


def _end(declared: Input, side: int) -> Value:
    return _between(declared, float(side))


def _between(declared: Input, share: float) -> Value:
    if declared.choices:
        return declared.choices[min(int(share * len(declared.choices)), len(declared.choices) - 1)]
    low = 0.0 if declared.lower is None else declared.lower
    high = 1.0 if declared.upper is None else declared.upper
    if share in (0.0, 1.0):
        value = high if share else low
    elif declared.log and low > 0:
        value = low * (high / low) ** share
    else:
        value = low + share * (high - low)
    return round(value) if declared.integer else float(value)


def said(error: BaseException) -> str:
    """The kind of an error and its text."""
    return f"{type(error).__name__}: {error}"


def different(one: Answer, other: Answer | Failed, tolerance: float = 0.0) -> bool:
    """Whether two answers differ in kind, reason, names or numbers (relative ``tolerance``)."""
    if type(one) is not type(other) or one.metrics.keys() != other.metrics.keys():
        return True
    if isinstance(one, Infeasible) and isinstance(other, Infeasible) and one.reason != other.reason:
        return True
    return any(
        not _equal(a, b, tolerance)
        for name in one.metrics
        for a, b in zip(asdict(one.metrics[name]).values(), asdict(other.metrics[name]).values(), strict=True)
    )


def _equal(a: float | None, b: float | None, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-300)


_CHILD = """
import os, pickle, sys
with open(sys.argv[1], "rb") as stream:
    path, blob, directory = pickle.load(stream)
sys.path[:] = path
from pathlib import Path
from designloop.oracle import Context, Infeasible
oracle, design = pickle.loads(blob)
try:
    answer = oracle.evaluate(design, Context(directory=Path(directory)))
except Infeasible as infeasible:
    answer = infeasible
with open(sys.argv[2], "wb") as stream:
    pickle.dump(answer, stream)
"""


@dataclass(frozen=True)
class Visit:
    """What a fresh process in an empty working directory did."""

    answer: Answer | None
    error: str
    strays: list[str]
    """Files that it left in the working directory."""
    outside: list[str]
    """Artifacts outside the trial's own folder, or not there at all."""


def visit(subject: Subject) -> Visit:
    """Ask the middle design in a fresh Python, as a spawned worker would."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        work, trial = root / "work", root / "trial"
        work.mkdir()
        trial.mkdir()
        try:
            blob = pickle.dumps((subject.oracle, subject.design))
        except Exception as error:
            return Visit(None, said(error), [], [])
        path = [entry or str(Path.cwd()) for entry in sys.path]
        (root / "in").write_bytes(pickle.dumps((path, blob, str(trial))))
        command = [sys.executable, "-c", _CHILD, str(root / "in"), str(root / "out")]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        strays = sorted(p.name for p in work.iterdir())
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            return Visit(None, last, strays, [])
        answer: Answer = pickle.loads((root / "out").read_bytes())
        artifacts = answer.artifacts if isinstance(answer, Result) else {}
        outside = [n for n, p in artifacts.items() if not _within(trial, work / p)]
        return Visit(answer, "", strays, outside)


def _within(folder: Path, path: Path) -> bool:
    return path.exists() and path.resolve().is_relative_to(folder)
