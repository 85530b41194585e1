"""Hard-to-change parameters: which levels exist already, and how many new ones a proposal opens.

A level is in use once a trial at it is open, was run or was imported; rejected suggestions do not count. One
proposal opens at most one level of such a parameter beside those in use, the first that the strategy wants.
Where nothing has been run yet every level is new, and the first designs may open as many as they like.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from designloop.campaign.model import Campaign
from designloop.oracle import Value
from designloop.people.restrict import Only, grid_of, same
from designloop.proposing import Made
from designloop.record import RunRecord


def hard_parameters(campaign: Campaign) -> list[str]:
    """Parameters that the campaign file calls hard to change."""
    written = campaign.file.parameters or {}
    return [p.name for p in campaign.space.parameters
            if p.name in written and written[p.name].hard_to_change]  # fmt: skip


def in_use(run: RunRecord, name: str, *, before: int | None = None) -> list[Value]:
    """Levels of a parameter at which something is open, was run or was imported; in order of appearance.

    ``before``: of the trials before this one.
    """
    found: list[Value] = []
    for trial in run.trials[:before]:
        value = trial.design.get(name)
        if value is not None and trial.withdrawn is None and not any(same(value, v) for v in found):
            found.append(value)
    return found


def opened(known: Sequence[Value], values: Sequence[Value]) -> list[Value]:
    """The ``values`` that are not among those ``known``, each once."""
    new: list[Value] = []
    for value in values:
        if not any(same(value, v) for v in (*known, *new)):
            new.append(value)
    return new


def made_within(ask: Callable[[Only], Made], campaign: Campaign, run: RunRecord, only: Only) -> Made:
    """What the strategy proposes under the rule of hard-to-change parameters, and under ``only``.

    Values that ``only`` names are at hand, so the rule leaves such a parameter alone.
    """
    ruled = [name for name in hard_parameters(campaign) if name not in only]
    made = ask(only)
    for _ in ruled:
        excess = _excess(made, campaign, run, [name for name in ruled if name not in only])
        if not excess:
            break
        only = {**only, **excess}
        made = ask(only)
    return made


def _excess(made: Made, campaign: Campaign, run: RunRecord, names: Sequence[str]) -> dict[str, list[Value]]:
    """For each parameter of which too many new levels are opened: the levels that may be used."""
    found = {}
    for name in names:
        known = in_use(run, name)
        values = [c.parameters[name] for c in made.proposal.candidates if name in c.parameters]
        new = opened(known, values)
        if known and len(new) > 1:
            parameter = next(p for p in campaign.space.parameters if p.name == name)
            allowed = [*known, new[0]]
            found[name] = [v for v in grid_of(parameter) if any(same(v, a) for a in allowed)]
    return found
