"""What a user sees while a campaign runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from designloop.cli import learned
from designloop.progress import is_learning, last_judged
from designloop.record import RunRecord, TrialRecord
from designloop.units import format_quantity

SILENCE = 2.0
"""Seconds after which a wait says what it does."""
ROWS = 12
LOST = 3
"""So many attempts at one trial without an end are worth a word."""
EARLY = (10, 20, 40, 80)
"""After so many trials without a design in bounds the user is told."""


def design_text(run: RunRecord, trial: TrialRecord) -> str:
    """A design in the user's units, as it was run."""
    units = {p["name"]: p["unit"] for p in run.campaign["parameters"]}
    return ", ".join(f"{n} {quantity(v, units.get(n, ''))}" for n, v in trial.design.items())


def quantity(value: Any, unit: str) -> str:
    """A value with its unit; words stay words."""
    if isinstance(value, bool | str):
        return str(value)
    return format_quantity(float(value), unit)


def value_text(run: RunRecord, trial: TrialRecord) -> str:
    """What the trial gave: the objective's value, in a learning run the learned ones, or how it ended."""
    if run.learns:
        return learned.values_text(run, trial)
    value = trial.value(run.metric)
    if trial.status == "completed" and value is not None:
        return quantity(value, run.campaign["metrics"].get(run.metric, ""))
    return trial.status


def verdict(run: RunRecord, trial: TrialRecord) -> str:
    """Whether the trial is in bounds, and the worst constraint where it is not."""
    if trial.status != "completed":
        return trial.last.reason or "" if trial.last else ""
    broken = run.violations(trial)
    if not run.counts(trial):
        return f"at {trial.fidelity}, which does not count"
    if not broken:
        return "in bounds" if trial.in_range else "outside the space"
    _, worst = max(broken, key=lambda pair: pair[0])
    value = trial.value(worst["metric"])
    if value is None:
        return f"{worst['metric']} not observed"
    against = f"{worst['relation']} {quantity(worst['bound'], worst['unit'])}"
    return f"{worst['metric']} {quantity(value, worst['unit'])} against {against}"


class PlainWatch:
    """One line per trial; a line for every wait over two seconds."""

    def __init__(self, say: Callable[[str], None] = click.echo) -> None:
        self._print = say
        self._timer: threading.Timer | None = None

    def _say(self, text: str) -> None:
        """Print; a run does not die because nobody reads it any more."""
        try:
            self._print(text)
        except OSError:
            self._print = lambda _: None

    def waits(self, what: str) -> None:
        """Say what takes so long, once it does."""
        self._quiet()
        self._timer = threading.Timer(SILENCE, self._say, [f"... {what}"])
        self._timer.daemon = True
        self._timer.start()

    def recorded(self, entry: dict[str, Any], run: RunRecord) -> None:
        """Tell of outcomes and decisions."""
        self._quiet()
        for line in learned.news(entry, run):
            self._say(line)
        if entry["kind"] == "start":
            earlier = run.trials[entry["trial"]].attempts[:-1]
            if sum(a.status is None for a in earlier) >= LOST:
                which = f"trial {entry['trial']}, attempt {entry['attempt']}"
                advice = "execution: {engine: processes} keeps the campaign alive"
                self._say(f"!!! {which}: this process died in the others. If the oracle crashes: {advice}")
            self.waits(f"trial {entry['trial']} runs")
        elif entry["kind"] == "outcome":
            trial = run.trials[entry["trial"]]
            if not self._is_told(trial):
                self._say(trial_line(run, trial))
            if trial.status != "waiting":
                self._warn(run)
        elif entry["kind"] == "import":
            self._say(f"{len(entry['trials'])} existing trials taken in")
        elif entry["kind"] == "decision" and entry["action"] in ("pause", "stop"):
            self._say(f"{'paused' if entry['action'] == 'pause' else 'done'}: {entry['reason']}")

    @staticmethod
    def _is_told(trial: TrialRecord) -> bool:
        """Whether a line said already that the trial waits: one for each outage, not for each attempt."""
        return all(a.only_waited for a in trial.attempts[-2:]) and len(trial.attempts) > 1

    def _warn(self, run: RunRecord) -> None:
        """Say early, and then ever more rarely, that nothing is in bounds."""
        count = run.answers
        if count not in EARLY or any(run.is_feasible(t) for t in run.trials):
            return
        from designloop.report.answer import nearest

        trial = nearest(run)
        where = f"; nearest: trial {trial.index}, {verdict(run, trial)}" if trial else ""
        self._say(f"!!! after {count} trials no design meets every bound{where}")

    def close(self) -> None:
        """End quietly."""
        self._quiet()

    def _quiet(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def trial_line(run: RunRecord, trial: TrialRecord) -> str:
    """One trial on one line."""
    if is_learning(run, trial):
        return _learning_line(run, trial)
    best = run.best()
    lead = f"{trial.index:4d}  {trial.reason.get('generator', trial.origin):<10} {value_text(run, trial):<22}"
    known = f"best {value_text(run, best)} (trial {best.index})" if best else "nothing in bounds yet"
    return f"{lead} {known:<38} {verdict(run, trial)}".rstrip()


def _learning_line(run: RunRecord, trial: TrialRecord) -> str:
    maker = str(trial.reason.get("generator", trial.origin))
    measured = learned.values_text(run, trial)
    known = learned.error_text(run, last_judged(run, before=trial))
    outside = "" if run.is_feasible(trial) else verdict(run, trial)
    return f"{trial.index:4d}  {maker:<18}  {measured:<22}  {known:<38}  {outside}".rstrip()


class LiveWatch(PlainWatch):
    """A table that redraws itself, for terminals."""

    def __init__(self) -> None:
        from rich.live import Live

        super().__init__(say=lambda _: None)
        self._run: RunRecord | None = None
        self._doing, self._since = "starting", time.monotonic()
        self._news: list[str] = []
        self._live = Live(get_renderable=self._table, refresh_per_second=4, transient=False)
        self._live.start()

    def waits(self, what: str) -> None:
        """Show what is being done, and since when."""
        self._doing, self._since = what, time.monotonic()

    def recorded(self, entry: dict[str, Any], run: RunRecord) -> None:
        """Redraw."""
        self._run = run
        if entry["kind"] == "start":
            self.waits(f"trial {entry['trial']} runs")
        elif entry["kind"] == "decision":
            self.waits(f"{entry['action']}: {entry['reason']}")
        self._news = (learned.news(entry, run) or self._news[-1:])[-1:]

    def close(self) -> None:
        """Leave the last table on the screen."""
        self._live.stop()

    def _table(self) -> Any:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, title_justify="left")
        run = self._run
        learns = run is not None and run.learns
        value = learned.columns(run) if run and learns else "value"
        known = "worst error" if learns else "best so far"
        for column, width in (("trial", 5), ("by", 8), (value, 18), (known, 18), ("bounds", 12)):
            table.add_column(column, overflow="ellipsis", no_wrap=True, min_width=width)
        row = _learning_row if learns else _row
        for cells in [row(run, trial) for trial in run.trials[-ROWS:]] if run else ():
            table.add_row(*cells)
        doing = f"{self._doing} ({time.monotonic() - self._since:.0f} s)"
        table.caption = "\n".join([*self._news, doing])
        table.caption_justify = "left"
        return table


def _row(run: RunRecord, trial: TrialRecord) -> tuple[str, ...]:
    best = run.best()
    return (
        f"{trial.index}{'*' if best is trial else ''}",
        str(trial.reason.get("generator", trial.origin)),
        value_text(run, trial),
        value_text(run, best) if best else "",
        verdict(run, trial),
    )


def _learning_row(run: RunRecord, trial: TrialRecord) -> tuple[str, ...]:
    return (
        str(trial.index),
        str(trial.reason.get("generator", trial.origin)),
        learned.values_text(run, trial, named=False),
        learned.error_text(run, last_judged(run, before=trial), named=False),
        "" if run.is_feasible(trial) else verdict(run, trial),
    )


def watcher() -> PlainWatch:
    """The watch that fits where the output goes."""
    return LiveWatch() if sys.stdout.isatty() else PlainWatch()


def resume_hint(directory: Path) -> str:
    """How to go on."""
    return f"Everything recorded is safe. Go on with: designloop resume {directory.name}"
