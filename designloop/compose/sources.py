"""Which random source makes devices differ: the scatter over dies with one source held still at a time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from designloop.compose.dies import REPLICATES, CampaignOracle, Dies, corners, sampled
from designloop.oracle import Context, Result, Value

Array = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Share:
    """How much of a variance goes when one source is held still, and the standard error of that share."""

    value: float
    sem: float


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """One output over the dies, in its unit; ``shares`` by source. Sources that act together add above 1."""

    mean: float
    sd: float
    shares: Mapping[str, Share]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The scatter of every output of one design."""

    design: Mapping[str, Value]
    dies: int
    broken: int
    """Dies that cannot work under one of the samples; they are left out."""
    outputs: Mapping[str, Scatter]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        outputs = {
            n: {"mean": s.mean, "sd": s.sd, "shares": {k: vars(v) for k, v in s.shares.items()}}
            for n, s in self.outputs.items()
        }
        return {"design": dict(self.design), "dies": self.dies, "broken": self.broken, "outputs": outputs}


def sources(
    asked: CampaignOracle, design: Mapping[str, Value], *, samples: int, seed: int, context: Context
) -> Sources:
    """Sample dies of ``design``, then the same dies again with each source held still.

    A process variable stands still at its mean, a realization at that of the nominal die. The share of a
    source is 1 - (variance without it) / (variance with all): its total effect in the sense of Homma and
    Saltelli (1996), up to that the others keep their sampled values. Raises ValueError for a campaign without
    random sources, and for one of which fewer than half of the dies work.
    """
    campaign = asked.campaign
    if not campaign.process and not campaign.realizations:
        raise ValueError("nothing is random in this campaign: it has no process variables or realizations")
    drawn = corners(campaign.process, sigma=0.0)[:1] + sampled(campaign.process, samples=samples, seed=seed)
    own = [dict.fromkeys(campaign.realizations, n) for n in range(len(drawn))]
    variants = {"": (drawn, own)}
    variants |= {v.name: (_with(drawn, v.name, v.mean), own) for v in campaign.process}
    variants |= {name: (drawn, _with(own, name, 0)) for name in campaign.realizations}
    # Asked at once, so that a stage answers once what the variants have in common.
    dies, numbers = (
        list(itertools.chain.from_iterable(part)) for part in zip(*variants.values(), strict=True)
    )
    every = asked.answer(design, dies, replace(context, directory=None), numbers=numbers)
    found = {name: _part(every, k, len(drawn)) for k, name in enumerate(variants)}
    full, frozen = found.pop(""), found
    working = np.logical_and.reduce([d.working() for d in (full, *frozen.values())])[1:]
    if working.mean() < 0.5:
        raise ValueError(f"{int((~working).sum())} of {working.size} dies cannot work, too many to say more")
    names = [o.name for o in campaign.declaration.outputs]
    columns = {
        name: (_column(full, name), {s: _column(d, name) for s, d in frozen.items()}) for name in names
    }
    outputs = {name: _scatter(*pair, working) for name, pair in columns.items()}
    return Sources(design=design, dies=int(working.size), broken=int((~working).sum()), outputs=outputs)


def _with(rows: Sequence[Mapping[str, T]], name: str, value: T) -> list[dict[str, T]]:
    return [{**row, name: value} for row in rows]


def _part(every: Dies, number: int, size: int) -> Dies:
    """One variant's dies among those of all."""
    cut = slice(number * size, (number + 1) * size)
    return replace(every, samples=every.samples[cut], answers=every.answers[cut])


def _column(dies: Dies, name: str) -> Array:
    """One output over the sampled dies, NaN where a die cannot work."""
    return np.array([a.metrics[name].value if isinstance(a, Result) else np.nan for a in dies.answers[1:]])


def _scatter(full: Array, frozen: Mapping[str, Array], working: NDArray[np.bool_]) -> Scatter:
    parts = [np.flatnonzero(working[i]) + i.start for i in _replicates(len(full))]
    shares = {name: _share(full, column, parts) for name, column in frozen.items()}
    return Scatter(mean=float(full[working].mean()), sd=float(full[working].std(ddof=1)), shares=shares)


def _share(full: Array, frozen: Array, parts: Sequence[NDArray[np.intp]]) -> Share:
    """Over all dies, and its standard error from the independent replicates of the samples."""
    together = np.concatenate(parts)
    each = np.array([_lost(full[p], frozen[p]) for p in parts if len(p) > 1])
    sem = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan")
    return Share(value=_lost(full[together], frozen[together]), sem=sem)


def _lost(full: Array, frozen: Array) -> float:
    variance = float(full.var())
    return 1.0 - float(frozen.var()) / variance if variance > 0 else 0.0


def _replicates(count: int) -> list[slice]:
    size = count // REPLICATES
    return [slice(k * size, (k + 1) * size) for k in range(REPLICATES)]
