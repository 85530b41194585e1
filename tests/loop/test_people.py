"""A laboratory's campaign from end to end: legacy rows, four rounds, and everything that goes otherwise.

The laboratory is the frozen emulator. Its own notebook says what was run and measured; what the model saw is
compared with it trial by trial.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.laboratory import design_of, elsewhere, filled, here, rows_of, written

from designloop import journal
from designloop.oracle import Context
from designloop.record import RunRecord, read
from designloop.revision import history_of
from designloop_oracles.latp import Latp

ROOT = Path(__file__).parents[2]
LEGACY = ROOT / "campaigns" / "latp_legacy_emulated.csv"
NAMES = ("acid_deviation", "sintering_temperature", "holding_time")
NARROW = {
    "acid": {-22.5 + 7.5 * k for k in range(5)},
    "temperature": {800.0 + 50 * k for k in range(7)},
    "time": {10, 20, 30, 40, 50, 60, 90, 120, 240, 360, 480, 540},
}
WIDE = {
    "acid": {-22.5 + 3.75 * k for k in range(9)},
    "temperature": {800.0 + 25 * k for k in range(13)},
    "time": {10, 20, 30, 40, 50, 60, 90, *range(120, 541, 30)},
}
Command = Callable[..., str]


def campaign(*, acid: float, temperature: int, times: set[int], trials: int) -> str:
    return f"""
version: 1
name: latp-lab
seed: 1
oracle: latp
parameters:
  acid_deviation: {{range: -22.5 .. 7.5 %, step: {acid} %, hard_to_change: true}}
  sintering_temperature: {{range: 800 .. 1100 degC, step: {temperature} degC}}
  holding_time: {{choices: {sorted(times)}, ordered: true}}
objectives: [maximize: ionic_conductivity]
existing_trials: {{file: {LEGACY}}}
strategy: {{name: gp_ucb, kappa: 1.96, batch: 5, initial: {{sobol: 1}}}}
execution: {{engine: manual}}
stop: {{trials: {trials}}}
tracking: off
"""


@dataclass
class Notebook:
    """What the laboratory really did, by trial: the design run, how it ended, the conductivity."""

    pages: dict[int, tuple[dict[str, float], str, float | None]] = field(default_factory=dict)

    def run(
        self, row: Mapping[str, str], *, trial: int, sample: int = 0, **deviation: float
    ) -> dict[str, str]:
        """Make a sample as the row says, or otherwise; the row with its results."""
        design = design_of(row, NAMES) | deviation
        answered = design | {"sintering_temperature": min(design["sintering_temperature"], 1100.0)}
        metrics = Latp().evaluate(answered, Context(seed=1000 * sample + trial)).metrics
        results = {name: o.value for name, o in metrics.items()}
        self.pages[trial] = (design, "completed", results["ionic_conductivity"])
        return filled(filled(row, results), design)

    def fail(self, row: Mapping[str, str]) -> dict[str, str]:
        """Break the sample."""
        self.pages[int(row["trial"])] = (design_of(row, NAMES), "failed", None)
        return {**row, "status": "failed", "note": "crucible cracked"}


@dataclass
class Lab:
    """A folder in which every command is given; ``command`` may be another process each time."""

    folder: Path
    command: Command
    notebook: Notebook = field(default_factory=Notebook)

    @property
    def directory(self) -> Path:
        return next((self.folder / "runs").iterdir())

    @property
    def run(self) -> RunRecord:
        return read(self.directory)

    def table(self, number: int) -> list[dict[str, str]]:
        return rows_of(self.directory / f"suggestions-{number}.csv")

    def tell(self, *rows: dict[str, str]) -> str:
        return self.command("tell", str(self.directory), str(written(rows, self.folder / "results.csv")))

    def suggest(self, *words: str) -> str:
        return self.command("suggest", str(self.directory), *words)


def four_rounds(lab: Lab) -> None:
    """5, 5, 6 and 6 suggestions, with all that a laboratory does to a plan."""
    note = lab.notebook
    (lab.folder / "lab.yaml").write_text(campaign(acid=7.5, temperature=50, times=NARROW["time"], trials=24))
    (lab.folder / "wide.yaml").write_text(campaign(acid=3.75, temperature=25, times=WIDE["time"], trials=24))
    lab.command("run", str(lab.folder / "lab.yaml"), "--runs", str(lab.folder / "runs"))

    first = lab.table(1)
    off_plan = note.run(first[1], trial=81, sintering_temperature=897.5, holding_time=45.0)
    lab.tell(
        note.run(first[0], trial=80), off_plan, note.run(first[2], trial=82), note.fail(first[3]), first[4]
    )
    lab.suggest("-n", "5")
    late = note.run(first[4], trial=84)
    second = lab.table(2)
    own = {**second[0], "trial": "", "sintering_temperature [degC]": "1125"}
    lab.tell(late, *(note.run(row, trial=85 + k) for k, row in enumerate(second)),
             {**note.run(second[2], trial=90, sample=1)}, note.run(own, trial=91))  # fmt: skip

    lab.suggest("-n", "6", "--campaign", str(lab.folder / "wide.yaml"))
    lab.tell(*(note.run(row, trial=92 + k) for k, row in enumerate(lab.table(3))))
    lab.suggest("-n", "6")
    fourth = lab.table(4)
    lab.tell(*(note.run(row, trial=98 + k) for k, row in enumerate(fourth[:4])), note.fail(fourth[4]))
    lab.tell(note.run(fourth[5], trial=103))


def assert_the_record_is_the_notebook(lab: Lab) -> None:
    run, records = lab.run, journal.read(lab.directory)
    assert run.status == "finished"
    assert run.decisions[-1]["reason"] == "all 24 trials are done"
    kinds = Counter(r["kind"] for r in records if r["kind"] != "report")
    assert kinds == {"campaign": 2, "import": 1, "proposal": 5, "start": 24, "outcome": 24, "decision": 1}
    assert Counter(t.origin for t in run.trials) == {"existing": 80, "strategy": 22, "told": 2}
    assert [len(p["candidates"]) for p in run.proposals] == [5, 5, 2, 6, 6]
    for trial in run.trials[80:]:
        design, status, value = lab.notebook.pages[trial.index]
        assert (dict(trial.design), trial.status, trial.value(run.metric)) == (design, status, value)
        assert trial.in_range == (trial.index != 91)
        assert (trial.ran is None) == (trial.index != 81)


def assert_the_model_saw_what_was_run(lab: Lab) -> None:
    """The history is the notebook behind the legacy rows; each model learned from all answers before it."""
    run = lab.run
    legacy = [design_of(row, NAMES) for row in rows_of(LEGACY)]
    history = history_of(run)
    assert [dict(t.parameters) for t in history.trials[:80]] == legacy
    seen = {t.index: (dict(t.parameters), t.status, _value(t.metrics)) for t in history.trials[80:]}
    assert seen == lab.notebook.pages
    answered = {"completed"}
    for proposal, told in zip(
        [p for p in run.proposals if p["origin"] == "strategy"], (80, 85, 92, 98), strict=True
    ):
        config = json.loads((lab.directory / proposal["model"] / "model.json").read_text())
        expected = {*range(80)} | {
            n for n in range(80, told) if lab.notebook.pages[n][1] in answered and (n, told) != (84, 85)
        }
        assert _learned(config, run.metric) == expected


def _value(metrics: Mapping[str, Any]) -> float | None:
    return metrics["ionic_conductivity"].value if metrics else None


def _learned(config: Mapping[str, Any], metric: str) -> set[int]:
    """Trials that the objective's model holds, without those that were believed."""
    return {int(t) for m in config["models"] if m["metric"] == metric for t in m["trials"] if t >= 0}


def assert_the_grids_were_kept(lab: Lab) -> None:
    """Rounds 1 and 2 on the published grid, 3 and 4 on the wider one; a new powder one at a time."""
    rounds = {80: NARROW, 85: NARROW, 92: WIDE, 98: WIDE}
    known = set(NARROW["acid"])
    for first, grid in rounds.items():
        trials = lab.run.trials[first : first + (5 if grid is NARROW else 6)]
        for trial in trials:
            acid, temperature, time = (trial.parameters[name] for name in NAMES)
            assert acid in grid["acid"]
            assert temperature in grid["temperature"]
            assert time in grid["time"]
        powders = {float(t.parameters["acid_deviation"]) for t in trials}
        assert len(powders - known) <= 1
        known |= powders


def test_four_rounds_in_a_laboratory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("designloop.report.draw", lambda _: [])
    lab = Lab(folder=tmp_path, command=here)
    four_rounds(lab)
    assert_the_record_is_the_notebook(lab)
    assert_the_model_saw_what_was_run(lab)
    assert_the_grids_were_kept(lab)
    assert "4 of 4 proposals agree" in here("replay", str(lab.directory), "--verify")


@pytest.mark.long
def test_four_rounds_with_a_new_process_for_every_step(tmp_path: Path) -> None:
    lab = Lab(folder=tmp_path, command=elsewhere)
    four_rounds(lab)
    assert_the_record_is_the_notebook(lab)
    assert_the_model_saw_what_was_run(lab)
    assert_the_grids_were_kept(lab)
    assert "4 of 4 proposals agree" in elsewhere("replay", str(lab.directory), "--verify")
    assert (lab.directory / "figures" / "interactive.html").is_file()
