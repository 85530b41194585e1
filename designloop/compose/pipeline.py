"""Oracles in a row as one oracle: outputs of earlier stages feed inputs of later ones.

Every stochastic stage draws one realization per trial, or one per die where the campaign says so; a question
that several dies have in common is asked once. Where a fed value carries bounds, the later stages answer at
fixed draws of it too, and their outputs carry bounds in turn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from designloop import units
from designloop.campaign.composition import Composition, Joint, Stage
from designloop.campaign.inputs import bounds_text
from designloop.campaign.model import at_border
from designloop.compose.draws import centre_and_sd, normal_draws, with_interval
from designloop.errors import OracleError
from designloop.oracle import (
    Answer,
    BatchOracle,
    Context,
    Declaration,
    Failed,
    Infeasible,
    Input,
    Observation,
    Oracle,
    Result,
    Value,
    evaluate_many,
)

Values = Mapping[str, Value]
Draw = dict[str, float]
"""Values of the outputs that feed others, by source; of one draw of their errors."""


@dataclass
class _Die:
    """What is known of one design on its way through the stages."""

    number: int
    given: Values
    draws: list[Draw | None]
    """The value as it is first, then one per draw; None where a draw has no answer."""
    uncertain: set[str] = field(default_factory=set)
    """Sources that differ between draws."""
    metrics: dict[str, Observation] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    ended: Infeasible | Failed | None = None
    """What a stage said instead of a whole answer; no later stage is asked."""

    def open_draws(self, stage: Stage) -> list[int]:
        """Draws under which a stage is asked: where it is cheap, and something uncertain feeds it, all."""
        fed = {joint.source for joint in stage.joints}
        several = stage.declaration.cheap and bool(self.uncertain & fed)
        return [n for n, values in enumerate(self.draws) if values is not None and (several or n == 0)]

    @property
    def answer(self) -> Answer:
        """What the stages answered together."""
        notes = {"stages": self.notes} if self.notes else {}
        if isinstance(self.ended, Infeasible):
            return Infeasible(self.ended.reason, metrics=self.metrics, notes=notes)
        if self.ended is not None:
            return Failed(self.ended.reason, cause=self.ended.cause, metrics=self.metrics, notes=notes)
        return Result(metrics=self.metrics, artifacts=self.artifacts, notes=notes)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The stages of a composition with the oracles that answer in them, in order."""

    composition: Composition
    oracles: tuple[Oracle, ...]

    @property
    def declaration(self) -> Declaration:
        """Inputs and outputs of all stages."""
        return self.composition.declaration

    def evaluate(self, parameters: Values, context: Context) -> Result:
        """Answer for one design. Raises Infeasible, or Failed, with what the stages before know."""
        answer = self.evaluate_batch([parameters], context)[0]
        if not isinstance(answer, Result):
            raise answer
        return answer

    def evaluate_batch(self, parameters: Sequence[Values], context: Context) -> list[Answer]:
        """Answer for many dies; the first is the nominal one, whose artifacts are kept.

        ``STAGE.realization`` among the inputs of a die numbers its realization; left out: 0.
        """
        count = 1 + len(normal_draws(len(self._sources)))
        dies = [_Die(n, given, [{} for _ in range(count)]) for n, given in enumerate(parameters)]
        seeds = context.seeds or (context.seed,) * len(dies)
        for position, (stage, oracle) in enumerate(zip(self.composition.stages, self.oracles, strict=True)):
            alive = [die for die in dies if die.ended is None]
            own = [_seed(seeds[die.number], position, die.given.get(stage.realization, 0)) for die in alive]
            self._pass(stage, oracle, alive, own, _context_of(context, stage))
        return [die.answer for die in dies]

    @cached_property
    def _sources(self) -> dict[str, int]:
        """Outputs that feed others, and which column of the draws is theirs."""
        named = dict.fromkeys(j.source for s in self.composition.stages for j in s.joints)
        return {source: column for column, source in enumerate(named)}

    @cached_property
    def _input_units(self) -> dict[str, str]:
        return {i.name: i.unit for i in self.declaration.inputs}

    def _pass(
        self, stage: Stage, oracle: Oracle, dies: Sequence[_Die], seeds: Sequence[int], context: Context
    ) -> None:
        """Take dies through one stage: the question as it is first, then under the draws of what feeds it."""
        asked = [
            (die, draw, seed) for die, seed in zip(dies, seeds, strict=True) for draw in die.open_draws(stage)
        ]
        questions = [self._question(stage, oracle, die, draw) for die, draw, _ in asked]
        if not (asked and asked[0][0].number == 0):
            context = replace(context, directory=None)  # only the nominal die leaves files
        answers = _answered(stage, oracle, questions, [seed for *_, seed in asked], context)
        found: dict[int, dict[int, Answer]] = {}
        for (die, draw, _), answer in zip(asked, answers, strict=True):
            found.setdefault(die.number, {})[draw] = answer
        for die in dies:
            self._keep(stage, die, found[die.number])

    def _question(self, stage: Stage, oracle: Oracle, die: _Die, draw: int) -> dict[str, Value] | Infeasible:
        """Inputs of a stage in its own units, or why there can be no answer."""
        declared = {i.name: i for i in oracle.declaration.inputs}
        inputs: dict[str, Value] = {
            name: at_border(die.given[called], self._input_units[called], declared[name])
            for name, called in stage.names.items()
            if called in die.given
        }
        for joint in stage.joints:
            value = at_border((die.draws[draw] or {})[joint.source], joint.output_unit, declared[joint.input])
            reason = _beyond(declared[joint.input], joint, float(value))
            if reason:
                return Infeasible(reason)
            inputs[joint.input] = value
        return inputs

    def _keep(self, stage: Stage, die: _Die, answers: Mapping[int, Answer]) -> None:
        """Note what a stage answered, and what of it feeds others."""
        nominal, metrics = answers[0], dict(answers[0].metrics)
        if isinstance(nominal, Result):
            die.artifacts |= {f"{stage.name}/{name}": path for name, path in nominal.artifacts.items()}
            if len(answers) > 1:
                drawn = [answers.get(draw) for draw in range(1, len(die.draws))]
                metrics = {n: with_interval(o, [_value(a, n) for a in drawn]) for n, o in metrics.items()}
            self._carry(stage, die, answers)
        else:
            reason = f"{stage.name}: {nominal.reason}"
            die.ended = (
                Infeasible(reason) if isinstance(nominal, Infeasible) else Failed(reason, cause="partial")
            )
        if nominal.notes:
            die.notes[stage.name] = dict(nominal.notes)
        is_last = stage is self.composition.stages[-1]
        die.metrics |= {n if is_last else f"{stage.name}.{n}": o for n, o in metrics.items()}

    def _carry(self, stage: Stage, die: _Die, answers: Mapping[int, Answer]) -> None:
        """Put the outputs that feed others into every draw, with a draw of their own error."""
        for source, column in self._sources.items():
            origin, _, output = source.partition(".")
            if origin != stage.name:
                continue
            errors = normal_draws(len(self._sources))[:, column]
            if len(answers) > 1 or centre_and_sd(answers[0].metrics[output])[1] > 0:
                die.uncertain.add(source)
            for draw, values in enumerate(die.draws):
                answer = answers.get(draw) if len(answers) > 1 else answers[0]
                if values is None or not isinstance(answer, Result):
                    die.draws[draw] = None
                    continue
                own = answer.metrics[output]
                centre, sd = centre_and_sd(own)
                values[source] = own.value if draw == 0 else centre + sd * float(errors[draw - 1])


def _seed(seed: int, position: int, realization: Value) -> int:
    """The seed of one stage in one realization; equal arguments, equal seed."""
    words = [seed, position, int(realization)]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint32)[0])


def _context_of(context: Context, stage: Stage) -> Context:
    """What a stage may know: a folder of its own, the fidelity where it is its own."""
    own = any(f.name == context.fidelity for f in stage.declaration.fidelities)
    return replace(
        context,
        seeds=(),
        fidelity=context.fidelity if own else None,
        directory=context.directory / stage.name if context.directory else None,
    )


def _beyond(declared: Input, joint: Joint, value: float) -> str | None:
    """Why an input cannot have a fed value; None where it can. Raises OracleError for no number."""
    if not math.isfinite(value):
        raise OracleError(
            f"stage {joint.stage} answered {joint.output} = {value}, which is no finite number."
        )
    low = -math.inf if declared.lower is None else declared.lower
    high = math.inf if declared.upper is None else declared.upper
    if low <= value <= high:
        return None
    text = units.format_quantity(value, declared.unit)
    return f"{joint.source} gives {joint.input} = {text}, outside {bounds_text(declared)}"


def _answered(
    stage: Stage,
    oracle: Oracle,
    questions: Sequence[dict[str, Value] | Infeasible],
    seeds: Sequence[int],
    context: Context,
) -> list[Answer]:
    """Answers in order; equal questions are asked once. The first question has the folder, if any."""
    keys = [
        _key(q, seed if stage.declaration.stochastic else 0) for q, seed in zip(questions, seeds, strict=True)
    ]
    new = {key: n for n, key in reversed(list(enumerate(keys))) if key is not None}
    asked = sorted(new.values())
    if asked[:1] != [0]:
        context = replace(context, directory=None)
    inputs = [q for n in asked if not isinstance(q := questions[n], Infeasible)]
    answers = dict(zip(asked, _ask(oracle, inputs, [seeds[n] for n in asked], context), strict=True))
    declared = {o.name for o in oracle.declaration.outputs}
    for answer in answers.values():
        missing = declared - set(answer.metrics) if isinstance(answer, Result) else set()
        if missing:
            raise OracleError(
                f"stage {stage.name} answered without {', '.join(sorted(missing))}, unlike its declaration."
            )
    return [q if isinstance(q, Infeasible) else answers[new[k]] for q, k in zip(questions, keys, strict=True)]


def _key(question: dict[str, Value] | Infeasible, seed: int) -> tuple[Any, ...] | None:
    return None if isinstance(question, Infeasible) else (seed, *sorted(question.items()))


def _ask(oracle: Oracle, inputs: Sequence[Values], seeds: Sequence[int], context: Context) -> list[Answer]:
    """Every question to one stage's oracle: in one call where it can."""
    if not inputs:
        return []
    if context.directory:
        context.directory.mkdir(parents=True, exist_ok=True)
    try:
        if len(inputs) > 1 and isinstance(oracle, BatchOracle):
            own = tuple(seeds) if len(set(seeds)) > 1 else ()
            return list(oracle.evaluate_batch(inputs, replace(context, seed=seeds[0], seeds=own)))
        folders = [context.directory, *[None] * (len(inputs) - 1)]
        return [
            evaluate_many(oracle, [values], replace(context, seed=seed, directory=folder))[0]
            for values, seed, folder in zip(inputs, seeds, folders, strict=True)
        ]
    finally:
        if context.directory:
            with suppress(OSError):
                context.directory.rmdir()  # nothing was written


def _value(answer: Answer | None, name: str) -> float | None:
    return answer.metrics[name].value if isinstance(answer, Result) else None
