"""Which models of a run stay: from the record alone.

Between two fits of the hyper-parameters, which stand in the proposals, a model differs from the one before by
the data that it is conditioned on, and these stand in the journal. So a run keeps the model of every fit, the
last of every phase and the last of all; where people run the trials, and under ``tracking: {models:
every_fit}``, the model of every proposal.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from designloop.record import RunRecord


def choice(run: RunRecord) -> str:
    """What the campaign's ``tracking: {models: ...}`` says; journals of the first versions say nothing."""
    return str((run.campaign.get("tracking") or {}).get("models") or "every_fit")


def lasting(run: RunRecord) -> list[int]:
    """Proposals whose models stay whatever comes."""
    return [number for number, after in _pairs(run) if stays(run, number, after=after)]


def superseded(run: RunRecord) -> list[str]:
    """Folders of the models that made room for a later one, relative to the run."""
    gone = [n for n, after in _pairs(run) if after is not None and not stays(run, n, after=after)]
    return [str(run.proposals[number]["model"]) for number in gone]


def stays(run: RunRecord, number: int, *, after: int | None) -> bool:
    """Whether a proposal's model stays beside the next one, that of ``after``, or None while none came.

    It does where hyper-parameters were fitted, at the end of a phase, after every round of people, and where
    the campaign wants every one.
    """
    proposal = run.proposals[number]
    following = run.phase if after is None else run.proposals[after].get("phase", 0)
    ends = following != proposal.get("phase", 0)
    return ends or bool(proposal.get("refitted")) or run.is_manual or choice(run) == "every_fit"


def _pairs(run: RunRecord) -> Iterator[tuple[int, int | None]]:
    """Every proposal with a model, and the next one."""
    made = [number for number, proposal in enumerate(run.proposals) if proposal.get("model")]
    return itertools.zip_longest(made, made[1:])
