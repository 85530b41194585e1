"""What a user sees while a campaign runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

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
    """A design in the user's units."""
    units = {p["name"]: p["unit"] for p in run.campaign["parameters"]}
    return ", ".join(f"{n} {quantity(v, units.get(n, ''))}" for n, v in trial.parameters.items())


def quantity(value: Any, unit: str) -> str:
    """A value with its unit; words stay words."""
    if isinstance(value, bool | str):
        return str(value)
    return format_quantity(float(value), unit)


def value_text(run: RunRecord, trial: TrialRecord) -> str:
    """What the trial gave: the objective's value, or how it ended."""
    value = trial.value(run.metric)
    if trial.status == "completed" and value is not None:
        return quantity(value, run.campaign["metrics"].get(run.metric, ""))
    return trial.status


def verdict(run: RunRecord, trial: TrialRecord) -> str:
    """Whether the trial is in bounds, and the worst constraint where it is not."""
    if trial.status != "completed":
        return trial.last.reason or "" if trial.last else ""
    broken = run.violations(trial)
    if not broken:
        return "in bounds"
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
        if entry["kind"] == "start":
            if entry["attempt"] > LOST:
                which = f"trial {entry['trial']}, attempt {entry['attempt']}"
                self._say(
                    f"!!! {which}: the process ended in the others; a crash of the oracle, or os._exit?"
                )
            self.waits(f"trial {entry['trial']} runs")
        elif entry["kind"] == "outcome":
            self._say(trial_line(run, run.trials[entry["trial"]]))
            self._warn(run)
        elif entry["kind"] == "import":
            self._say(f"{len(entry['trials'])} existing trials taken in")
        elif entry["kind"] == "decision" and entry["action"] != "resume":
            self._say(f"{'paused' if entry['action'] == 'pause' else 'done'}: {entry['reason']}")

    def _warn(self, run: RunRecord) -> None:
        """Say early, and then ever more rarely, that nothing is in bounds."""
        count = len(run.outcomes)
        if count not in EARLY or run.best():
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
    best = run.best()
    lead = f"{trial.index:4d}  {trial.reason.get('generator', trial.origin):<10} {value_text(run, trial):<22}"
    known = f"best {value_text(run, best)} (trial {best.index})" if best else "nothing in bounds yet"
    return f"{lead} {known:<38} {verdict(run, trial)}".rstrip()


class LiveWatch(PlainWatch):
    """A table that redraws itself, for terminals."""

    def __init__(self) -> None:
        from rich.live import Live

        super().__init__(say=lambda _: None)
        self._run: RunRecord | None = None
        self._doing, self._since = "starting", time.monotonic()
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

    def close(self) -> None:
        """Leave the last table on the screen."""
        self._live.stop()

    def _table(self) -> Any:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, title_justify="left")
        for column, width in (("trial", 5), ("by", 8), ("value", 18), ("best so far", 18), ("bounds", 12)):
            table.add_column(column, overflow="ellipsis", no_wrap=True, min_width=width)
        run = self._run
        best = run.best() if run else None
        for trial in run.trials[-ROWS:] if run else ():
            mark = "*" if best is trial else ""
            table.add_row(
                f"{trial.index}{mark}",
                str(trial.reason.get("generator", trial.origin)),
                value_text(run, trial) if run else "",
                value_text(run, best) if run and best else "",
                verdict(run, trial) if run else "",
            )
        table.caption = f"{self._doing} ({time.monotonic() - self._since:.0f} s)"
        table.caption_justify = "left"
        return table


def watcher() -> PlainWatch:
    """The watch that fits where the output goes."""
    return LiveWatch() if sys.stdout.isatty() else PlainWatch()


def resume_hint(directory: Path) -> str:
    """How to go on."""
    return f"Everything recorded is safe. Go on with: designloop resume {directory.name}"
