"""Surrogate unless unsure: a trained model answers, and the solver where the model should not.

Which of the two answers is a pure function of the model's version, the inputs and the seed, so that a killed
and resumed campaign asks the same oracle again. Three things send a question to the solver: the model's
epistemic standard deviation exceeds a threshold, an input lies outside the domain the model was trained in,
or a random audit asks for it. Audited answers judge the model and never teach it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Protocol

from designloop import units
from designloop.campaign.escalated import escalated
from designloop.compose.answers import Answer, Answers, question
from designloop.errors import OracleError
from designloop.learning.parts import HALF_WIDTH, Parts
from designloop.oracle import (
    Context,
    Declaration,
    Infeasible,
    Input,
    Observation,
    Oracle,
    Output,
    Result,
    Value,
)

Why = Literal["spread", "outside", "audit"]
Inputs = Mapping[str, Value]


class Surrogate(Protocol):
    """A trained model that answers for designs and knows how sure it is."""

    @property
    def declaration(self) -> Declaration:
        """Inputs whose bounds are the domain of the training data, outputs, and the model's version."""
        ...

    def parts(self, inputs: Sequence[Inputs], seeds: Sequence[int]) -> Mapping[str, Parts]:
        """Mean and standard deviations per output, (n,) each, in declared units."""
        ...

    def outside(self, inputs: Inputs) -> str | None:
        """Which input lies outside the domain, in words; None inside."""
        ...


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When the solver answers."""

    spread: Mapping[str, float]
    """Output -> epistemic standard deviation above which the solver answers, in the output's unit."""
    outside: Literal["solver", "refuse"] = "solver"
    audit: float = 0.02
    """Share of the answers inside the domain that the solver gives as well."""


@dataclass(frozen=True, kw_only=True)
class Escalated:
    """A surrogate with the solver behind it, as one oracle."""

    surrogate: Surrogate
    solver: Oracle
    rule: Rule

    def __post_init__(self) -> None:
        outputs, what = {o.name for o in self.declaration.outputs}, self.surrogate.declaration.name
        for name, most in self.rule.spread.items():
            if name not in outputs:
                raise OracleError(
                    f"escalation from {what!r}: spread names {name!r}, which is no output of both "
                    f"({', '.join(outputs)})."
                )
            if not most > 0:
                raise OracleError(f"escalation from {what!r}: the spread of {name} must be above 0.")

    @cached_property
    def declaration(self) -> Declaration:
        """What model and solver declare together."""
        return escalated(
            self.surrogate.declaration,
            self.solver.declaration,
            refuse_outside=self.rule.outside == "refuse",
        )

    def evaluate(self, parameters: Inputs, context: Context) -> Result:
        """Answer for one design. Raises Infeasible, and OracleError outside the domain under ``refuse``."""
        answer = self.evaluate_batch([parameters], context)[0]
        if isinstance(answer, Infeasible):
            raise answer
        return answer

    def evaluate_batch(self, parameters: Sequence[Inputs], context: Context) -> list[Result | Infeasible]:
        """One vectorized question to the model, then the solver for those that need it."""
        seeds = context.seeds or (context.seed,) * len(parameters)
        complete = [self._complete(p) for p in parameters]
        beyond = [self.surrogate.outside(p) for p in complete]
        if self.rule.outside == "refuse" and any(beyond):
            raise OracleError(next(b for b in beyond if b))
        inside = [n for n, words in enumerate(beyond) if words is None]
        known = self._predicted([complete[n] for n in inside], [seeds[n] for n in inside])
        predictions = dict(zip(inside, known, strict=True))
        kept = Answers(context.answers)
        answers: list[Result | Infeasible] = []
        for n, (inputs, seed) in enumerate(zip(complete, seeds, strict=True)):
            predicted = predictions.get(n, {})
            why = self._why(predicted, inputs, seed)
            if why is None:
                answers.append(_answered(predicted, version=self._version, key=self._key(inputs, seed)))
            else:
                one = replace(context, seed=seed, seeds=(), directory=context.directory if n == 0 else None)
                answers.append(self._solved(inputs, one, why, predicted, kept))
        return answers

    @property
    def _outputs(self) -> tuple[Output, ...]:
        return self.declaration.outputs

    @property
    def _version(self) -> str:
        return self.surrogate.declaration.version

    def _complete(self, parameters: Inputs) -> dict[str, Value]:
        """All inputs, defaults added, as the model names and measures them."""
        defaults = {i.name: i.default for i in self.surrogate.declaration.inputs if i.default is not None}
        return {**defaults, **parameters}

    def _predicted(
        self, inputs: Sequence[Inputs], seeds: Sequence[int]
    ) -> list[dict[str, tuple[float, float]]]:
        """Mean and epistemic standard deviation by output; empty where the model can say nothing."""
        try:
            parts = self.surrogate.parts(inputs, seeds) if inputs else {}
        except Infeasible:
            if len(inputs) == 1:
                return [{}]
            alone = [self._predicted([i], [s]) for i, s in zip(inputs, seeds, strict=True)]
            return [one for (one,) in alone]
        return [{o.name: _part(parts[o.name], k) for o in self._outputs} for k in range(len(inputs))]

    def _key(self, inputs: Inputs, seed: int) -> str:
        """Name of one question to the solver, whoever answers it."""
        asked = to_solver(inputs, self.surrogate.declaration, self.solver.declaration)
        return question(self.solver.declaration, asked, seed, content=getattr(self.solver, "content", ""))

    def _why(self, predicted: Mapping[str, tuple[float, float]], inputs: Inputs, seed: int) -> Why | None:
        if not predicted:
            return "outside"
        if any(predicted[name][1] > most for name, most in self.rule.spread.items()):
            return "spread"
        return "audit" if _lot(self._version, inputs, seed) < self.rule.audit else None

    def _solved(
        self,
        inputs: Inputs,
        context: Context,
        why: Why,
        predicted: Mapping[str, tuple[float, float]],
        kept: Answers,
    ) -> Result | Infeasible:
        declaration = self.solver.declaration
        asked = to_solver(inputs, self.surrogate.declaration, declaration)
        key = self._key(inputs, context.seed)
        found, artifacts = kept.get(key), {}
        if found is None:
            start = time.perf_counter()
            try:
                outcome: Result | Infeasible = self.solver.evaluate(asked, context)
            except Infeasible as answer:
                outcome = answer
            artifacts = dict(outcome.artifacts) if isinstance(outcome, Result) else {}
            found = Answer(
                key=key,
                inputs=inputs,
                seed=context.seed,
                metrics=self._in_model_units(outcome.metrics),
                infeasible=outcome.reason if isinstance(outcome, Infeasible) else None,
                seconds=round(time.perf_counter() - start, 4),
            )
            kept.keep(found)
        note: dict[str, Any] = {"version": self._version, "why": why, "key": key, "seconds": found.seconds}
        if predicted:
            note["predicted"] = {name: list(p) for name, p in predicted.items()}
            note["solved"] = {name: o.value for name, o in found.metrics.items()}
        if found.infeasible is not None:
            return Infeasible(found.infeasible, metrics=found.metrics, notes={"escalation": note})
        return Result(metrics=found.metrics, artifacts=artifacts, notes={"escalation": note})

    def _in_model_units(self, metrics: Mapping[str, Observation]) -> dict[str, Observation]:
        solver = self.solver.declaration
        return {
            o.name: _converted(metrics[o.name], solver.output(o.name).unit, o.unit)
            for o in self._outputs
            if o.name in metrics
        }


def to_solver(inputs: Inputs, model: Declaration, solver: Declaration) -> dict[str, Value]:
    """Inputs in the model's units as the solver takes them."""
    return {n: _in_unit(v, model.input(n).unit, solver.input(n)) for n, v in inputs.items()}


def _answered(predicted: Mapping[str, tuple[float, float]], *, version: str, key: str) -> Result:
    """The model's own answer: its interval is a bias, never noise."""
    metrics = {
        name: Observation(value=mean, lower=mean - HALF_WIDTH * sd, upper=mean + HALF_WIDTH * sd)
        for name, (mean, sd) in predicted.items()
    }
    return Result(metrics=metrics, notes={"escalation": {"version": version, "why": None, "key": key}})


def _part(parts: Parts, row: int) -> tuple[float, float]:
    return float(parts.mean[row]), float(parts.epistemic[row])


def _lot(version: str, inputs: Inputs, seed: int) -> float:
    """A number in [0, 1) drawn by version, inputs and seed."""
    asked = json.dumps([version, sorted((n, repr(v)) for n, v in inputs.items()), seed])
    return int.from_bytes(hashlib.sha256(asked.encode()).digest()[:8], "big") / 2**64


def _in_unit(value: Value, unit: str, target: Input) -> Value:
    if isinstance(value, str | bool) or unit == target.unit:
        return round(value) if target.integer and isinstance(value, float) else value
    number = float(units.convert(value, unit, target.unit))
    return round(number) if target.integer else number


def _converted(o: Observation, unit: str, to: str) -> Observation:
    if unit == to:
        return o

    def at(value: float | None) -> float | None:
        return None if value is None else float(units.convert(value, unit, to))

    sem = None if o.sem is None else units.difference(o.sem, unit, to)
    return Observation(
        value=float(units.convert(o.value, unit, to)), sem=sem, lower=at(o.lower), upper=at(o.upper)
    )


def summed(notes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Notes of many answers as one: how many each oracle gave and why, and what audits found.

    A question that several dies have in common counts once.

    ``answers``: all. ``solver``: by reason. ``labels``: keys of the answers a retraining may learn from, in
    order. ``audits``: {metric: [[predicted, sd, solved], ...]}. ``seconds``: what the solver took.
    """
    notes = list({note["key"]: note for note in notes}.values())
    asked = [n for n in notes if n["why"]]
    audits: dict[str, list[list[float]]] = {}
    for note in asked:
        if note["why"] == "audit":
            for name, (mean, sd) in note["predicted"].items():
                if name in note["solved"]:
                    audits.setdefault(name, []).append([mean, sd, note["solved"][name]])
    return {
        "version": notes[0]["version"],
        "answers": len(notes),
        "solver": dict(Counter(n["why"] for n in asked)),
        "labels": [n["key"] for n in asked if n["why"] != "audit"],
        "tests": [n["key"] for n in asked if n["why"] == "audit"],
        "audits": audits,
        "seconds": round(sum(n["seconds"] for n in asked), 4),
    }
