"""A run as text: status, list, trials, reasons."""

from __future__ import annotations

import itertools
import json
import math
import statistics
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from designloop import hours
from designloop.answered import answered, lines_of
from designloop.campaign.amounts import about
from designloop.campaign.execution import Window
from designloop.cli import learned, people_text
from designloop.cli.screen import design_text, quantity, trial_line, value_text, verdict
from designloop.errors import DesignloopError, RunError
from designloop.progress import last_judged, surprise
from designloop.record import Attempt, RunRecord, TrialRecord, read
from designloop.rundir import all_runs
from designloop.space import Space

if TYPE_CHECKING:
    from designloop.replay import Replayed


def list_text(folder: Path | None) -> str:
    """The runs, oldest first, one a line."""
    lines = []
    for directory in all_runs(folder):
        try:
            run = read(directory)
        except DesignloopError as error:
            lines.append(f"{directory.name}  unreadable: {error}")
            continue
        lines.append(f"{run.name}  {_state(run):<9} {len(run.trials):4d} trials  {_result(run)}")
    return "\n".join(lines) or "no run is here yet. Begin with 'designloop demo'."


def _result(run: RunRecord) -> str:
    if run.learns:
        return learned.error_text(run, last_judged(run))
    best = run.best()
    return f"best {value_text(run, best)} (trial {best.index})" if best else "nothing in bounds yet"


def status_text(run: RunRecord) -> str:
    """What runs, since when, how long trials take, what is queued, when it may end, how the mirror does."""
    state = people_text.waits_text(run) if _state(run) == "waits" else _state(run)
    lines = [f"{run.name}: {state}, {_own(run)} of {run.campaign['stop']['trials']} trials"]
    if run.decisions and run.status != "running":
        lines.append(f"  {run.decisions[-1]['reason']}")
    now = time.time()
    runs = _state(run) == "running"
    opens, said = _hours(run) if runs else (0.0, [])
    lines += [*said, *(people_text.open_lines(run) if run.is_manual else [])]
    for trial in run.trials if not run.is_manual else ():
        if trial.status == "running" and trial.last:
            since = about(now - trial.last.started)
            doing = (
                _cut_off(run, trial, trial.last, since) if _state(run) == "stopped" else f"runs since {since}"
            )
            lines.append(f"  trial {trial.index} {doing}")
        elif trial.status == "proposed":
            lines.append(f"  trial {trial.index} is queued")
        elif trial.status == "waiting" and trial.last:
            lines.append(f"  trial {trial.index} {_waits(trial, now=now, opens=opens, runs=runs)}")
    lines += _timing(run)
    best = run.best()
    if best:
        lines.append(f"  best so far: {value_text(run, best)} (trial {best.index}): {design_text(run, best)}")
    lines += learned.status_lines(run)
    lines += [f"  {line}" for line in lines_of(run)]
    return "\n".join(lines + _mirror(run))


def _hours(run: RunRecord) -> tuple[float, list[str]]:
    """Seconds until the hours of the campaign open, 0 where they are, and when they open or close."""
    windows = [Window(begin=b, end=e) for b, e in run.campaign.get("execution", {}).get("hours", ())]
    now = datetime.now()
    opens, closes = hours.next_opening(windows, now), hours.closes_in(windows, now)
    change = opens or closes
    if math.isinf(change):
        return 0.0, []
    text = f"{now + timedelta(seconds=change):%a %Y-%m-%d %H:%M}, in {about(change)}"
    if opens:
        return opens, [f"  outside the hours of the campaign: attempts begin again {text}"]
    return 0.0, [f"  within the hours of the campaign, which close {text}"]


def _waits(trial: TrialRecord, *, now: float, opens: float, runs: bool) -> str:
    """Why a trial is to be tried again, how often it was, and when it will be."""
    last = trial.last
    assert last is not None
    left = max(0.0, (last.again or now) - now, opens)
    begins = f"attempt {len(trial.attempts) + 1} begins " + (f"in {about(left)}" if runs else "with resume")
    refused = list(itertools.takewhile(lambda a: a.only_waited, reversed(trial.attempts)))
    if not refused:
        return f"failed; {begins}: {last.reason}"
    times = "once" if len(refused) == 1 else f"{len(refused)} times"
    return f"waits, refused {times} since {about(now - refused[-1].started)}; {begins}: {last.reason}"


def _cut_off(run: RunRecord, trial: TrialRecord, attempt: Attempt, since: str) -> str:
    """What became of an attempt whose campaign runs no more."""
    from designloop.execution import elsewhere
    from designloop.execution.attempt import FOLDER

    if (run.directory / FOLDER / f"{trial.index:03d}-{attempt.number}.json").exists():
        return "has ended; resume collects its answer"
    if elsewhere.may_run(attempt.handle):
        engine = elsewhere.ENGINES[str(attempt.handle["kind"])]
        return f"was handed to engine {engine} {since} ago; resume collects it"
    return f"was cut off, begun {since} ago"


def _own(run: RunRecord) -> int:
    """Trials that count: not those imported or taken back."""
    return sum(t.origin != "existing" and t.withdrawn is None for t in run.trials)


def _state(run: RunRecord) -> str:
    if run.is_manual and run.status == "running":
        return "waits"
    if run.status == "running" and not is_held(run.directory):
        return "stopped"
    return run.status


def is_held(directory: Path) -> bool:
    """True where a process holds the journal's lock."""
    import fcntl

    from designloop.journal import FILE

    with (directory / FILE).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _timing(run: RunRecord) -> list[str]:
    attempts = [a for t in run.trials for a in t.attempts if a.cause not in ("wait", "lost")]
    oracle = [a.seconds for a in attempts if a.seconds is not None]
    proposing = [p["seconds"]["propose"] for p in run.proposals if "propose" in p["seconds"]]
    if not oracle or run.is_manual:
        return []
    workers = (run.campaign.get("execution") or {}).get("workers", 1)
    chosen = statistics.fmean(proposing[-10:]) if proposing else 0.0
    each = statistics.fmean(oracle) + chosen if workers == 1 else statistics.fmean(oracle) / workers
    left = run.campaign["stop"]["trials"] - sum(t.origin != "existing" for t in run.trials)
    lines = [f"  a trial takes the oracle {about(statistics.median(oracle))} (median)"]
    if run.status == "running" and left > 0:
        trials = "1 trial is" if left == 1 else f"{left} trials are"
        lines.append(f"  {trials} left at most: about {about(left * each)}")
    return lines


def _mirror(run: RunRecord) -> list[str]:
    path = run.directory / "mirror.json"
    try:
        state = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    if state.get("error"):
        return [f"  MLflow is behind: {state['error']} (designloop sync {run.name} completes it)"]
    return []


def trials_text(run: RunRecord) -> str:
    """Every trial on a line, with its design."""
    if not run.trials:
        return f"{run.name}: no trial yet"
    return "\n".join(f"{trial_line(run, t)}\n      {_design(run, t)}" for t in run.trials)


def _design(run: RunRecord, trial: TrialRecord) -> str:
    suggested = people_text.suggested_text(run, trial) if trial.ran is not None else ""
    return f"{design_text(run, trial)} ({suggested})" if suggested else design_text(run, trial)


def replay_line(result: Replayed) -> str:
    """One replayed proposal."""
    trials = ", ".join(map(str, result.trials))
    if result.agrees:
        exact = "identical" if result.difference == 0 else f"within {result.difference:.1g}"
        return f"proposal {result.number} (trial {trials}): {exact}"
    cause = "" if result.digest_agrees else "; the history it saw is not the one recorded"
    return (
        f"proposal {result.number} (trial {trials}): differs by {result.difference:.3g} of the range{cause}"
    )


def why_text(run: RunRecord, index: int) -> str:
    """Why one trial was proposed, and how it came out. Raises RunError."""
    if not 0 <= index < len(run.trials):
        raise RunError(f"{run.name} has trials 0 to {len(run.trials) - 1}, not {index}.")
    trial = run.trials[index]
    reason = trial.reason
    lines = [f"trial {index}: {_design(run, trial)}", f"  {reason.get('text', trial.origin)}"]
    lines += _predictions(run, trial)
    lines += learned.reason_lines(run, trial)
    if "probability_of_feasibility" in reason:
        lines.append(f"  chance to meet every bound: {reason['probability_of_feasibility']:.0%}")
    if "exploration_share" in reason:
        lines.append(f"  share of exploration: {reason['exploration_share']:.0%}")
    nearest = reason.get("nearest_trial")
    if nearest is not None:
        other = run.trials[nearest]
        lines.append(f"  nearest tried design: trial {nearest} ({value_text(run, other)})")
        lines.append(f"    {_differences(run, trial, other)}")
    lines += _repeats(run, trial)
    lines.append(f"  outcome: {value_text(run, trial)}; {verdict(run, trial)}")
    lines += [f"  {found.text}, version {found.versions[-1]}" for found in answered(run, trial=index)]
    return "\n".join(lines)


def _predictions(run: RunRecord, trial: TrialRecord) -> list[str]:
    units = run.campaign["metrics"]
    lines = []
    for metric, (mean, sd) in trial.reason.get("prediction", {}).items():
        unit = units.get(metric, "")
        low, high = quantity(mean - 2 * sd, unit), quantity(mean + 2 * sd, unit)
        text = f"  {metric}: predicted {quantity(mean, unit)}, 95 % band {low} to {high}"
        value = trial.value(metric)
        if value is not None:
            text += f"; came out {quantity(value, unit)}"
            z = surprise(trial, metric, value)
            text += "" if z is None else f" (z = {z:+.1f})"
        bounds = [c for c in run.campaign["constraints"] if c["metric"] == metric]
        text += "".join(f"; bound {c['relation']} {quantity(c['bound'], c['unit'])}" for c in bounds)
        lines.append(text)
    return lines


def _differences(run: RunRecord, trial: TrialRecord, other: TrialRecord) -> str:
    space = Space.from_json({"parameters": run.campaign["parameters"]})
    ours, theirs = space.to_unit([trial.parameters, other.design])
    moves = zip(space.names, abs(ours - theirs), strict=True)
    shared = trial.parameters.keys() & other.design.keys()
    return ", ".join(f"{name} {move:.1%} of its range away" for name, move in moves if name in shared)


def _repeats(run: RunRecord, trial: TrialRecord) -> list[str]:
    same = [t.index for t in run.trials if t.index != trial.index and t.parameters == trial.parameters]
    return [f"  the same design as trial {same[0]}"] if same else []
