"""Sets of designs for ``qbc_published``: each method a strategy of designloop, resumable query by query."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _table1 import LOWER, UPPER, Array, curves

from designloop.oracle import Observation
from designloop.space import FloatParameter, Space
from designloop.strategies import History, Problem, Proposal, Strategy, Trial, create
from designloop_oracles.analytic import CURVE

INITIAL = 100
"""Random designs before the first query, in all published problems."""
WIDTH, PEAK = 0.1, 1 / (0.1 * math.sqrt(math.pi))
LEARNERS = ("qbc", "ours", "ungated", "default")
HIDDEN = {"dirac": (5, 5), "hardening": (10, 15), "large": (10, 15)}


@dataclass(frozen=True)
class Run:
    """One set of ``size`` designs."""

    problem: str
    method: str
    seed: int
    size: int

    @property
    def name(self) -> str:
        """Unique, and a file's name."""
        return f"{self.problem}-{self.method}-{self.seed}-{self.size}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return ("value",) if self.problem == "dirac" else CURVE

    @property
    def space(self) -> Space:
        """The published box; log-uniform in beta for ``kbs``."""
        if self.problem == "dirac":
            return Space((FloatParameter(name="x", lower=-50.0, upper=50.0),))
        (low, least), (high, most) = LOWER.tolist(), UPPER.tolist()
        return Space(
            (
                FloatParameter(name="beta", lower=low, upper=high, log=self.method == "kbs"),
                FloatParameter(name="gamma_over_beta", lower=least, upper=most),
            )
        )

    def answers(self, points: Array) -> Array:
        """Outputs (n, m) of inputs (n, d)."""
        if self.problem == "dirac":
            return np.asarray(PEAK * np.exp(-((points / WIDTH) ** 2)))
        return curves(points)

    def strategy(self) -> Strategy:
        """The method, from the run's seed."""
        learn = self.metrics if self.method in LEARNERS else ()
        problem = Problem(
            space=self.space, metric=self.metrics[0], minimize=False, seed=self.seed, learn=learn
        )
        networks = {"committee": "networks", "hidden": list(HIDDEN[self.problem])}
        name, options = {
            "random": ("random", {}),
            "lhd": ("latin_hypercube", {"size": self.size}),
            "kbs": ("latin_hypercube", {"size": self.size}),
            "qbc": ("query_by_committee", {"reproduce": "morand_2022", "hidden": list(HIDDEN[self.problem])}),
            "ours": ("query_by_committee", networks),
            "ungated": ("query_by_committee", {**networks, "gate": "off", "shadow": 0}),
            "default": ("query_by_committee", {}),
        }[self.method]
        initial = {"random": INITIAL} if learn else {}
        return create(name, problem=problem, options=options, initial=initial)

    def trials(self, designs: Array, generators: list[str], *, first: int) -> list[Trial]:
        """Evaluated designs (n, d) as trials."""
        return [
            Trial(
                index=first + i,
                parameters=dict(zip(self.space.names, map(float, design), strict=True)),
                status="completed",
                metrics={m: Observation(value=float(v)) for m, v in zip(self.metrics, row, strict=True)},
                generator=generators[i],
            )
            for i, (design, row) in enumerate(zip(designs, self.answers(designs), strict=True))
        ]


def steps(run: Run, partial: Path) -> Iterator[dict[str, Any]]:
    """Proposals of a run: {designs, generators, fit, seconds}; those kept in ``partial`` first."""
    kept = [json.loads(line) for line in partial.read_text().splitlines()] if partial.exists() else []
    strategy, trials = run.strategy(), list[Trial]()
    fit: Mapping[str, Any] | None = None
    while len(trials) < run.size:
        if kept:
            step = kept.pop(0)
        else:
            began = time.process_time()
            count = run.size if run.method not in LEARNERS else 1 if trials else INITIAL
            history = History(trials=tuple(trials), fit=fit, proposals=len(trials))
            step = _step(strategy.propose(history, count), time.process_time() - began)
            with partial.open("a") as file:
                file.write(json.dumps(step) + "\n")
        fit = step["fit"] or fit
        designs = np.array(step["designs"], dtype=float)
        trials += run.trials(designs, step["generators"], first=len(trials))
        yield step


def _step(proposal: Proposal, seconds: float) -> dict[str, Any]:
    return {
        "designs": [list(c.parameters.values()) for c in proposal.candidates],
        "generators": [c.reason["generator"] for c in proposal.candidates],
        "fit": proposal.fit,
        "seconds": seconds,
    }


def load(path: Path) -> dict[str, dict[str, Any]]:
    """Finished lines by name."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {row["name"]: row for row in rows}


def keep(path: Path, row: Mapping[str, Any]) -> None:
    """One more finished line."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def complete(path: Path, runs: list[Run]) -> dict[str, dict[str, Any]]:
    """Run what is missing; the finished runs by name."""
    parts = path.with_suffix(".partial")
    parts.mkdir(parents=True, exist_ok=True)
    done = load(path)
    for run in runs:
        if run.name in done:
            continue
        partial = parts / f"{run.name}.jsonl"
        taken = list(steps(run, partial))
        row = {
            "name": run.name,
            "designs": [design for step in taken for design in step["designs"]],
            "not_by_committee": sum(g != "query_by_committee" for s in taken[1:] for g in s["generators"]),
            "cpu_seconds": round(sum(step["seconds"] for step in taken), 2),
        }
        keep(path, row)
        partial.unlink()
        done[run.name] = row
        print(f"{run.name:28s} {row['cpu_seconds']:8.1f} s", flush=True)
    return done
