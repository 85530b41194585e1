"""One evaluation: every step staged, rendered, run, judged and read, then the outputs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from designloop.oracle import Cause, Context, Failed, Infeasible, Result, Value

from . import running, staging
from .chain import MOST_ITEMS
from .conditions import broken
from .extracting import metrics, value
from .judging import judge
from .program import Program, Step
from .rendering import arguments, rendered_environment, rendered_files
from .values import variables

PARAMETERS = "parameters.json"
"""What the program is told, beside every program that may want to read it as it is."""


MOST_NOTED = 100
"""Entries of a kind that go into the record; the folders hold the others."""


@dataclass(kw_only=True)
class Evaluation:
    """One design on its way through the steps."""

    program: Program
    design: Mapping[str, Value]
    context: Context
    folder: Path
    read: dict[str, Any] = field(default_factory=dict)
    """Values that steps have read from their files."""
    ran: dict[str, list[Path]] = field(default_factory=dict)
    staged: dict[str, str] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    """Logs and rendered files, which stay in any case."""
    deadline: float | None = None

    def answer(self) -> Result:
        """Run every step and read the outputs. Raises Failed, Infeasible."""
        if self.program.time_limit is not None:
            self.deadline = time.monotonic() + self.program.time_limit
        for step in self.program.steps:
            if self._runs(step):
                self._run_all(step)
            else:
                self.entries.append({"step": step.name, "skipped": True})
        return self._result()

    @property
    def notes(self) -> dict[str, Any]:
        """What is recorded with the trial."""
        notes: dict[str, Any] = {"cached": False, "steps": self.entries[:MOST_NOTED]}
        if len(self.entries) > MOST_NOTED:
            notes["runs"] = len(self.entries)
        if self.staged:
            notes["staged"] = dict(list(self.staged.items())[:MOST_NOTED])
        short = {n: v for n, v in self.read.items() if not isinstance(v, list) or len(v) <= MOST_NOTED}
        return {**notes, "read": short} if short else notes

    def _runs(self, step: Step) -> bool:
        if any(n.step is not None and n.step not in self.ran for n in step.needs):
            return False
        if step.each and step.each.read is not None and step.each.read not in self.read:
            return False
        hindrance = broken(step.when, {**self.design, **self.read})
        if hindrance is not None and step.infeasible:
            known, _ = metrics([a for a in self.program.answers if a.wanted.step in self.ran], self.ran)
            raise Infeasible(f"{step.name}: {hindrance.text} does not hold.", metrics=known)
        return hindrance is None

    def _run_all(self, step: Step) -> None:
        items = self._items(step)
        own = staging.fresh_folder(self.folder / step.folder) if step.folder else self.folder
        self.ran[step.name] = []
        for number, item in enumerate(items, start=1):
            folder = own / str(number) if step.each else own
            folder.mkdir(exist_ok=True)
            self.ran[step.name].append(folder)
            self._run(step, folder, {step.each.name: item} if step.each else {})
        for wanted in step.reads:
            found = [value(wanted, folder) for folder in self.ran[step.name]]
            self.read[wanted.name] = found if step.each else found[0]

    def _items(self, step: Step) -> list[Any]:
        if step.each is None:
            return [None]
        if step.each.read is None:
            return list(step.each.items)
        items = self.read[step.each.read]
        if not isinstance(items, list) or not items:
            raise Failed(f"{step.name}: {step.each.read} is {items!r}, not a list of items.", cause="invalid")
        if len(items) > MOST_ITEMS:
            what = f"{step.each.read} has {len(items):,} items, more than {MOST_ITEMS:,}"
            raise Failed(f"{step.name}: {what}.", cause="invalid")
        return items

    def _run(self, step: Step, folder: Path, item: Mapping[str, Any]) -> None:
        values = {**self._values(folder), **item}
        wanted = [f for a in self.program.answers if a.wanted.step == step.name for f in a.files]
        staging.clear(folder, [*wanted, *step.makes, *(r.file for r in step.reads), step.log, "exit.json"])
        sums, linked = staging.stage(step, folder, beside=self.program.folder, made=self.ran)
        self.staged |= sums
        files = rendered_files(step, values)
        told = {k: v for k, v in values.items() if k not in ("names", "values", "inputs", "python")}
        staging.write({PARAMETERS: json.dumps(told, indent=1) + "\n", **files}, folder)
        results = [*wanted, *step.makes, *(r.file for r in step.reads)]
        before = staging.standing(folder, results)
        command = arguments(step, values, self.program.told)
        self._note(folder, step, files)
        ended = running.run(
            command,
            folder=folder,
            log=folder / step.log,
            variables=running.environment(rendered_environment(self.program, values), self.program.inherit),
            time_limit=self._left(step),
        )
        entry = {"command": command, "status": ended.status, "seconds": round(ended.seconds, 3)}
        staging.write({"exit.json": json.dumps(entry) + "\n"}, folder)
        self.entries.append({"step": step.name, **item, **{k: entry[k] for k in ("status", "seconds")}})
        judge(step, ended, folder, self.program.failures)
        old = staging.untouched(folder, before)
        if old is not None:
            raise Failed(
                f"{step.name}: {old} is as it was before: the program did not write it.", cause="invalid"
            )
        changed = staging.unchanged(linked)
        if changed is not None:
            raise Failed(f"{step.name}: the program changed {changed}. Name it under needs, not link.")

    def _note(self, folder: Path, step: Step, files: Mapping[str, str]) -> None:
        base = folder.relative_to(self.folder)
        self.written |= {(base / n).as_posix() for n in (step.log, "exit.json", PARAMETERS, *files)}

    def _values(self, folder: Path) -> dict[str, Any]:
        program = self.program
        known = variables(
            program.told,
            self.design,
            unit_style=program.unit_style,
            seed=self.context.seed if program.declaration.stochastic else None,
            fidelity=self.context.fidelity,
            directory=folder,
        )
        return {**known, **self.read}

    def _left(self, step: Step) -> float | None:
        """Seconds that the step may take."""
        limits = [step.time_limit] if step.time_limit is not None else []
        if self.deadline is not None:
            limits.append(max(self.deadline - time.monotonic(), 0.0))
        return min(limits, default=None)

    def _result(self) -> Result:
        known, faults = metrics(self.program.answers, self.ran)
        if faults:
            cause: Cause = "partial" if known else "invalid"
            raise Failed("; ".join(faults) + ".", cause=cause, metrics=known, notes=self.notes)
        values = {name: one.value for name, one in known.items()}
        hindrance = broken(self.program.guards, {**self.design, **self.read, **values})
        if hindrance is not None:
            shown = ", ".join(f"{n} = {values[n]:.6g}" for n in sorted(hindrance.names & set(values)))
            raise Failed(
                f"{hindrance.text} does not hold: {shown}.", cause="guard", metrics=known, notes=self.notes
            )
        return Result(metrics=known, notes=self.notes)
