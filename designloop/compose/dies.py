"""One trial is many devices: process variables sampled inside it, outcomes aggregated over the dies."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.campaign.model import Campaign, Outcome, ProcessVariable, Spec
from designloop.campaign.parts import REALIZATION
from designloop.compose.notes import gathered
from designloop.errors import OracleError
from designloop.oracle import (
    Answer,
    BatchOracle,
    Context,
    Failed,
    Infeasible,
    Observation,
    Oracle,
    Result,
    Value,
    answer_of,
    evaluate_many,
)
from designloop.reading.expression import Expression

REPLICATES = 8
"""Independent scrambles of the low-discrepancy points; their spread gives the standard error."""

SLUG = 40
"""Characters that a spec's label may lend to a metric's name."""
WORKING = "yield.working_dies"
"""Metric of the share of dies that can exist at all."""

Die = Mapping[str, float]
Answers = Sequence[Answer]
Array = NDArray[np.float64]


def corners(process: Sequence[ProcessVariable], *, sigma: float) -> list[dict[str, float]]:
    """The mean first, then all sign combinations of mean +- sigma sd: 1 + 2^k dies, in user's units."""
    mean = {v.name: v.mean for v in process}
    if not process:
        return [mean]
    signs = itertools.product((-1.0, 1.0), repeat=len(process))
    return [mean] + [
        {v.name: v.mean + sign * sigma * v.sd for v, sign in zip(process, choice, strict=True)}
        for choice in signs
    ]


def sampled(process: Sequence[ProcessVariable], *, samples: int, seed: int) -> list[dict[str, float]]:
    """Dies by randomized quasi-Monte-Carlo: REPLICATES scrambled Sobol sets one after the other.

    Each set holds a power of two of dies, at least ``samples / REPLICATES``.
    """
    from scipy.stats import norm, qmc

    size = max(1, int(np.ceil(np.log2(samples / REPLICATES))))
    if not process:  # realizations alone differ
        return [{} for _ in range(REPLICATES << size)]
    seeds = np.random.SeedSequence(seed).spawn(REPLICATES)
    sets = [qmc.Sobol(len(process), rng=np.random.default_rng(s)).random_base2(size) for s in seeds]
    normal = norm.ppf(np.clip(np.concatenate(sets), 1e-12, 1 - 1e-12))
    return [{v.name: float(v.mean + v.sd * z) for v, z in zip(process, row, strict=True)} for row in normal]


def replicate_sem(values: Array) -> float:
    """Standard error of the mean of ``values`` from the spread of its REPLICATES parts."""
    means = values.reshape(REPLICATES, -1).mean(axis=1)
    return float(means.std(ddof=1) / np.sqrt(REPLICATES))


@dataclass(frozen=True, kw_only=True)
class Dies:
    """Answers of the oracle for one design and many dies; the nominal die stands first."""

    campaign: Campaign
    design: Mapping[str, Value]
    samples: Sequence[Die]
    answers: Answers

    def column(self, name: str) -> Array | None:
        """One output over the dies, shape (dies,), or None where a die does not have it."""
        values = [answer.metrics.get(name) for answer in self.answers]
        if any(v is None for v in values):
            return None
        return np.array([v.value for v in values if v is not None])

    def evaluate(self, expression: Expression) -> Array | None:
        """An expression over outputs, process variables and design, (dies,); None where a die lacks one."""
        columns = self.columns(expression)
        if columns is None:
            return None
        return np.broadcast_to(np.asarray(expression.evaluate(columns), dtype=float), len(self.answers))

    def columns(self, expression: Expression) -> dict[str, Any] | None:
        """What an expression names, each of shape (dies,) or one number; None where a die lacks one."""
        process = {n: np.array([s[n] for s in self.samples]) for n in self.samples[0]} if self.samples else {}
        known = self.campaign.known(self.design, process)
        columns = {name: known[name] if name in known else self.column(name) for name in expression.names}
        return None if any(column is None for column in columns.values()) else columns

    def outcome(self, outcome: Outcome) -> Observation | None:
        """One outcome aggregated over the dies; None where the dies do not carry it."""
        if outcome.aggregate == "yield":
            return None if self.partial else self.share_in_spec()
        values = self.evaluate(outcome.expression)
        if values is None:
            return None
        node = outcome.expression.node
        if node.operation == "name" and not node.arguments[1] and node.arguments[0] in self.outputs:
            return self.output(node.arguments[0], outcome.aggregate)
        if outcome.aggregate == "mean":
            return Observation(value=float(values[1:].mean()), sem=replicate_sem(values[1:]))
        at = chosen(values, outcome.aggregate)
        return Observation(value=float(values[at]), sem=self.propagated(outcome.expression, values)[at])

    def output(self, name: str, how: str) -> Observation | None:
        """One output aggregated over the dies, with its errors; None where a die does not have it."""
        values = self.column(name)
        if values is None:
            return None
        known = [answer.metrics[name] for answer in self.answers]
        if how != "mean":
            return known[chosen(values, how)]
        lower, upper = ([getattr(o, side) for o in known[1:]] for side in ("lower", "upper"))
        return Observation(
            value=float(values[1:].mean()), sem=replicate_sem(values[1:]),
            lower=None if None in lower else float(np.mean(lower)),
            upper=None if None in upper else float(np.mean(upper)),
        )  # fmt: skip

    def propagated(self, expression: Expression, values: Array) -> list[float | None]:
        """Standard errors (dies,) of an expression, at most, to first order in those of its outputs.

        How far the expression moves as each output moves by its standard error, added up as if all errors
        went together: outputs of one evaluation are seldom independent. None where no output has one.
        """
        columns = self.columns(expression) or {}
        total, known = np.zeros(len(values)), np.zeros(len(values), dtype=bool)
        for name in expression.names & self.outputs:
            sems = np.array([answer.metrics[name].sem for answer in self.answers], dtype=float)
            known |= ~np.isnan(sems)
            step = np.nan_to_num(sems)
            sides = (expression.evaluate({**columns, name: columns[name] + s}) for s in (-step, step))
            total += np.maximum(*(np.abs(side - values) for side in sides))
        return [float(t) if k and np.isfinite(t) else None for t, k in zip(total, known, strict=True)]

    @cached_property
    def outputs(self) -> frozenset[str]:
        """Names of the oracle's outputs."""
        return frozenset(output.name for output in self.campaign.declaration.outputs)

    @property
    def partial(self) -> Failed | None:
        """The first answer of which outputs are missing, if there is one."""
        return next((answer for answer in self.answers if isinstance(answer, Failed)), None)

    def working(self) -> NDArray[np.bool_]:
        """Which dies can exist, shape (dies,); a buckled or etched-away die cannot."""
        return np.array([isinstance(answer, Result) for answer in self.answers])

    @cached_property
    def met(self) -> list[NDArray[np.bool_]]:
        """Which dies meet each spec, in the specs' order."""
        return [self.meeting(spec) for spec in self.campaign.specs]

    def meeting(self, spec: Spec) -> NDArray[np.bool_]:
        """Which dies meet one spec, shape (dies,), broken ones by what they report all the same."""
        outputs = self.outputs & spec.slack.names
        good = np.array([outputs <= set(answer.metrics) for answer in self.answers])
        telling = np.flatnonzero(good).tolist()
        if telling:
            part = replace(
                self, samples=[self.samples[i] for i in telling], answers=[self.answers[i] for i in telling]
            )
            slack = part.evaluate(spec.slack)
            good[telling] = False if slack is None else slack >= 0
        return good

    def in_spec(self) -> NDArray[np.bool_]:
        """Which dies meet every spec, shape (dies,); a buckled or etched-away die does not."""
        good = self.working()
        for met in self.met:
            good &= met
        return good

    def share_in_spec(self) -> Observation:
        """Yield over the sampled dies."""
        return share(self.in_spec()[1:])

    def shares(self) -> dict[str, Observation]:
        """Under mode yield the share of sampled dies that work and that meet each spec, by metric."""
        if self.campaign.objective.mode != "yield" or len(self.answers) < 2 or self.partial:
            return {}
        met = dict(zip(spec_metrics(self.campaign), self.met, strict=False))
        return {name: share(good[1:]) for name, good in {**met, WORKING: self.working()}.items()}


def spec_metrics(campaign: Campaign) -> dict[str, str]:
    """Metric to label of the shares that each trial reports, in the specs' order; the working dies last.

    Empty but under mode yield. A label becomes letters, digits and underscores: ``y <= 5 um`` is
    ``yield.y_le_5_um``; of equal names the later get a number.
    """
    if campaign.objective.mode != "yield":
        return {}
    found: dict[str, str] = {}
    for spec in campaign.specs:
        words = spec.label.replace("<=", " le ").replace(">=", " ge ")
        stem = name = f"yield.{re.sub(r'[^0-9A-Za-z]+', '_', words).strip('_')[:SLUG].rstrip('_')}"
        number = 2
        while name in found or name == WORKING:
            name, number = f"{stem}_{number}", number + 1
        found[name] = spec.label
    return {**found, WORKING: "working dies"}


def share(good: NDArray[np.bool_]) -> Observation:
    """Share of dies, (dies,), as an observation; its error is never below that of a near-certain share."""
    counted, size = good.astype(float), len(good)
    cautious = (counted.sum() + 1) / (size + 2)
    binomial = float(np.sqrt(cautious * (1 - cautious) / size)) / 4
    return Observation(value=float(counted.mean()), sem=max(replicate_sem(counted), binomial))


def chosen(values: Array, how: str) -> int:
    """Which die an aggregate other than the mean stands for: the largest, the smallest or the nominal one."""
    return int(values.argmax()) if how == "max" else int(values.argmin()) if how == "min" else 0


@dataclass(frozen=True, kw_only=True)
class CampaignOracle:
    """The oracle as a campaign asks it: a design in the user's units, all dies, the campaign's outcomes."""

    campaign: Campaign
    oracle: Oracle

    def evaluate(self, design: Mapping[str, Value], context: Context) -> Result:
        """Every output at the nominal die, every outcome over the dies.

        Raises Infeasible where the nominal die, or a die that the mode cannot do without, cannot exist, and
        Failed where a die lacks outputs; what is known all the same comes with it.
        """
        dies = self.dies(design, context)
        first = dies.answers[0]
        metrics = {**first.metrics, **self._spread(dies), **dies.shares()}
        for outcome in self.campaign.outcomes:
            observation = dies.outcome(outcome)
            if observation is not None:
                metrics[outcome.name] = observation
        reason, notes = self._broken(dies), gathered([answer.notes for answer in dies.answers])
        if reason:
            metrics.pop(self.campaign.objective.metric, None)
            raise Infeasible(reason, metrics=metrics, notes=notes)
        if dies.partial:
            reason, number = dies.partial.reason, dies.answers.index(dies.partial)
            said = f"at {self._place(dies, number)}: {reason}" if number else reason
            raise Failed(said, cause="partial", metrics=metrics, notes=notes)
        artifacts = first.artifacts if isinstance(first, Result) else {}
        return Result(metrics=metrics, artifacts=artifacts, notes=notes)

    def dies(self, design: Mapping[str, Value], context: Context) -> Dies:
        """Ask the oracle for the nominal die and for those the objective's mode wants."""
        objective, process = self.campaign.objective, self.campaign.process
        random = bool(process or self.campaign.realizations)
        samples: list[dict[str, float]] = corners(process, sigma=objective.sigma)
        if objective.mode in ("nominal", "learn") or not random:
            samples = samples[:1]
        elif objective.mode in ("mean", "yield"):
            samples = samples[:1] + sampled(process, samples=objective.samples, seed=context.seed)
        return self.answer(design, samples, context)

    def answer(
        self,
        design: Mapping[str, Value],
        samples: Sequence[Die],
        context: Context,
        *,
        numbers: Sequence[Mapping[str, int]] | None = None,
    ) -> Dies:
        """Ask the oracle for given dies, at the context's fidelity where the campaign has several.

        ``numbers``: of each die, which realization of every stage it has; its own where left out.
        """
        campaign = self.campaign.at(context.fidelity)
        own = [dict.fromkeys(campaign.realizations, n) for n in range(len(samples))]
        inputs = [campaign.inputs_of(design, sample) for sample in samples]
        answers = self._asked(inputs, context, own if numbers is None else numbers)
        for answer in answers:
            self._check(answer)
        return Dies(campaign=campaign, design=design, samples=samples, answers=answers)

    def _asked(
        self, inputs: Sequence[Mapping[str, Value]], context: Context, numbers: Sequence[Mapping[str, int]]
    ) -> Answers:
        """One answer per die. Stages draw realizations by the die's number, plain oracles by its seed."""
        composition = self.campaign.composition
        if composition is not None and composition.is_pipeline:
            return evaluate_many(
                self.oracle, [{**v, **n} for v, n in zip(inputs, numbers, strict=True)], context
            )
        places = [n.get(REALIZATION, place) for place, n in enumerate(numbers)]
        contexts = [_context_of(context, place) for place in places]
        if len(inputs) > 1 and isinstance(self.oracle, BatchOracle):
            seeds = tuple(c.seed for c in contexts) if self.campaign.realizations else ()
            return self.oracle.evaluate_batch(inputs, replace(context, seeds=seeds))
        return [answer_of(self.oracle, *pair) for pair in zip(inputs, contexts, strict=True)]

    def _check(self, answer: Answer) -> None:
        """Declared outputs and no others; an infeasible or partial answer may leave some out."""
        declared = {output.name for output in self.campaign.declaration.outputs}
        missing = declared - set(answer.metrics) if isinstance(answer, Result) else set()
        extra = set(answer.metrics) - declared
        if missing or extra:
            wrong = f"without {', '.join(sorted(missing))}" if missing else f"with {', '.join(sorted(extra))}"
            raise OracleError(f"the oracle answered {wrong}, unlike its declaration")

    def _spread(self, dies: Dies) -> dict[str, Observation]:
        """Outputs over the dies beside their nominal values, so that a later revision can bound them."""
        hows = {"worst_corner": ("max", "min"), "mean": ("mean",)}.get(self.campaign.objective.mode, ())
        spread = {}
        for output in self.campaign.declaration.outputs if len(dies.answers) > 1 else ():
            found = {f"{output.name}.{how}": dies.output(output.name, how) for how in hows}
            spread.update({name: o for name, o in found.items() if o is not None})
        return spread

    def _broken(self, dies: Dies) -> str | None:
        bad = [i for i, answer in enumerate(dies.answers) if isinstance(answer, Infeasible)]
        if not bad:
            return None
        reason = dies.answers[bad[0]].reason  # type: ignore[union-attr]
        if bad[0] == 0:
            return reason
        if self.campaign.objective.mode == "yield":
            return None
        where = self._place(dies, bad[0])
        return f"{len(bad)} of {len(dies.answers)} dies cannot work; first at {where}: {reason}"

    def _place(self, dies: Dies, number: int) -> str:
        """A die by the values of its process variables, else by its number."""
        units = {v.name: v.unit for v in self.campaign.process}
        values = [f"{n} = {v:.4g} {units[n]}".rstrip() for n, v in dies.samples[number].items()]
        return ", ".join(values) or f"die {number}"


def _context_of(context: Context, number: int) -> Context:
    """The nominal die has the trial's own seed and folder; the others a seed each and no folder."""
    if number == 0:
        return context
    seed = int(np.random.SeedSequence([context.seed, number]).generate_state(1)[0])
    return replace(context, seed=seed, directory=None)
