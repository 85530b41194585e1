"""How trials are run and when a campaign ends, in the user's units, for ``designloop validate``."""

from __future__ import annotations

from collections.abc import Iterator

from designloop import units
from designloop.campaign.amounts import BYTES, duration
from designloop.campaign.execution import DEFAULTS, Engine, Execution, Reaction
from designloop.campaign.model import Campaign

_WHERE: dict[Engine, str] = {
    "in_process": "in this process",
    "processes": "in {} at a time on this machine",
    "dask": "by {} on Dask",
    "slurm": "by {} on Slurm",
    "manual": "by people",
}


def execution_lines(c: Campaign) -> list[str]:
    """Where and under which limits trials run, and what is done about failures where the file says so."""
    e = c.execution
    count = f"{e.workers} process{'es' * (e.workers > 1)}"
    if e.engine != "processes":
        count = f"{e.workers} worker{'s' * (e.workers > 1)}"
    parts = [_WHERE[e.engine].format(count), *_limits(e)]
    if e.hours:
        parts.append(f"begun within {', '.join(str(w) for w in c.file.execution.hours or ())}")
    said = [f"{cause}: {_reaction(r)}" for cause, r in e.failures.items() if r != DEFAULTS[cause]]
    return [", ".join(parts), *([f"failures: {', '.join(said)}"] if said else [])]


def _limits(e: Execution) -> Iterator[str]:
    if e.threads > 1:
        yield f"{e.threads} threads each"
    if e.time_limit is not None:
        yield f"each at most {duration(e.time_limit)}"
    if e.memory_limit is not None:
        yield f"each within {memory(e.memory_limit)}"
    if e.staleness:
        yield f"up to {e.staleness} outcomes behind"
    yield from _licences(e)


def _licences(e: Execution) -> Iterator[str]:
    for name, taken in e.tokens.items():
        count = e.licences.get(name)
        if count is None:
            yield f"{taken} token{'s' * (taken > 1)} of {name} for each attempt"
        else:
            each = f", {taken} for each attempt" * (taken > 1)
            yield f"{count} licence{'s' * (count > 1)} of {name}{each}"


def _reaction(r: Reaction) -> str:
    if r.do != "retry":
        return r.do
    return f"{r.times} more after {duration(r.wait)}, then {r.then}"


def execution_notes(c: Campaign) -> Iterator[str]:
    """What is allowed but doubtful."""
    e = c.execution
    scarce = min(e.licensed, key=lambda name: e.licensed[name], default=None)
    if scarce is not None and e.licensed[scarce] < e.workers:
        yield f"only {e.licensed[scarce]} of {e.workers} workers run at a time: {scarce} has no more."
    for name in e.tokens if e.engine != "manual" else ():
        if name not in e.licences:
            most = e.workers * e.tokens[name]
            yield (
                f"up to {most} tokens of {name} at a time: the oracle says what it takes, and "
                f"execution.licences does not say what the run may hold."
            )
    if e.time_limit is None and e.engine in ("dask", "slurm"):
        yield "without a time_limit an attempt that hangs keeps its worker for good."


def stop_line(c: Campaign) -> str:
    """When the campaign ends."""
    return ", or ".join(_ends(c)) + ("" if c.goal is None or c.stop.at_goal else ", not at the goal")


def _ends(c: Campaign) -> Iterator[str]:
    s = c.stop
    yield f"after {s.trials} trials"
    if c.goal is not None and s.at_goal:
        yield "as soon as the goal is reached"
    if s.target is not None:
        yield f"as soon as {c.file.stop.target} is met"
    if s.disagreement is not None:
        yield f"where the committee disagrees by less than {share(s.disagreement)} of the spread"
    if s.coverage_trials is not None:
        least = share(s.coverage_less_than or 0.0)
        yield f"{s.coverage_trials} trials that widen the reached properties by less than {least}"
    if s.no_improvement_trials is not None:
        what = "lower learning error" if c.goal else "improvement"
        least = share(s.no_improvement_less_than or 0.0)
        yield f"{s.no_improvement_trials} trials with less than {least} {what}"
    if s.nothing_to_gain is not None:
        yield f"where the model promises less than {share(s.nothing_to_gain)} improvement"
    yield from _times(c)


def _times(c: Campaign) -> Iterator[str]:
    s = c.stop
    if s.wall_time is not None:
        yield f"after {duration(s.wall_time)}"
    if s.cost is not None:
        yield f"after {duration(s.cost)} of the oracle"
    for name, seconds in s.licence_time.items():
        yield f"after {duration(seconds)} of {name or 'licences'}"
    if s.until is not None:
        yield f"at {s.until.replace('T', ' ')[:16]} local time"


def share(fraction: float) -> str:
    """A fraction in percent."""
    return units.format_quantity(100 * fraction, "%")


def memory(count: int) -> str:
    """Bytes in the largest decimal unit of which there is at least one."""
    unit = next((u for u in ("TB", "GB", "MB", "kB") if count >= BYTES[u]), "B")
    return f"{count / BYTES[unit]:.4g} {unit}"
