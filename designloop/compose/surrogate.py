"""A trained model as an oracle: asked within its domain box, answering with what it does not know."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from designloop.errors import OracleError
from designloop.learning import models
from designloop.learning.card import Card
from designloop.learning.packed import Packed
from designloop.learning.parts import HALF_WIDTH, Parts
from designloop.oracle import (
    Context,
    Declaration,
    Infeasible,
    Input,
    Observation,
    Output,
    Result,
    Value,
)
from designloop.units import format_quantity

MODELLED = "modelled"
"""The word beside every number that a trained model gave, or may have given."""
ADVICE = (
    "The model was trained within this box: narrow the range to it, train a model on a wider one, or declare "
    "a solver to escalate to."
)


@dataclass(frozen=True)
class SurrogateOracle:
    """A packed model as an oracle; ``origin`` is the name it was asked for by.

    An answer's value is the predicted mean; ``lower`` and ``upper`` are its central 95 % under what the model
    does not know (epistemic). Where outputs ``Q_mean`` and ``Q_std`` are statistics over realizations, ``Q``
    is one realization, normal about the mean and drawn by the seed.
    """

    packed: Packed
    origin: str = ""
    options: Mapping[str, Value] | None = None

    @property
    def card(self) -> Card:
        """What the model says of itself."""
        return self.packed.card

    @cached_property
    def declaration(self) -> Declaration:
        """Inputs with the domain box as bounds, outputs, labels; the version is the content's hash."""
        card = self.card
        return Declaration(
            name=card.name,
            summary=card.summary,
            inputs=tuple(replace(i, outside=ADVICE) for i in card.inputs),
            outputs=(*card.outputs, *(_realization(card, q) for q in self._scattering)),
            options=dict(self.options or {}),
            stochastic=card.stochastic or bool(self._scattering),
            cheap=not card.stochastic,
            version=card.version,
            labels=tuple(dict.fromkeys((*card.labels, MODELLED))),
            trained=True,
            source=" ".join(str(card.oracle.get(key, "")) for key in ("name", "version")).strip(),
        )

    @cached_property
    def _scattering(self) -> tuple[str, ...]:
        """Every Q of which mean and standard deviation over realizations are outputs, and Q itself is not."""
        kinds = {o.name: o.statistic for o in self.card.outputs}
        stems = (name.removesuffix("_mean") for name, kind in kinds.items() if kind == "mean")
        return tuple(q for q in stems if kinds.get(f"{q}_std") == "std" and q not in kinds)

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """Answer for one design. Raises Infeasible, and OracleError outside the domain box."""
        answer = self.evaluate_batch([parameters], replace(context, seeds=()))[0]
        if isinstance(answer, Infeasible):
            raise answer
        return answer

    def evaluate_batch(
        self, parameters: Sequence[Mapping[str, Value]], context: Context
    ) -> list[Result | Infeasible]:
        """One answer per design, all predicted at once. Raises OracleError outside the domain box."""
        for design in parameters:
            beyond = self.outside(design)
            if beyond:
                raise OracleError(f"{beyond} {ADVICE}")
        seeds = list(context.seeds) or [context.seed] * len(parameters)
        try:
            found = self.parts(parameters, seeds)
        except Infeasible as answer:
            if len(parameters) == 1:
                return [answer]
            pairs = zip(parameters, seeds, strict=True)
            alone = [self.evaluate_batch([p], replace(context, seeds=(s,))) for p, s in pairs]
            return [one for (one,) in alone]
        rows = {
            m: (p.mean, p.mean - HALF_WIDTH * p.epistemic, p.mean + HALF_WIDTH * p.epistemic)
            for m, p in found.items()
        }
        return [
            Result(
                metrics={
                    m: Observation(value=float(value[n]), lower=float(low[n]), upper=float(high[n]))
                    for m, (value, low, high) in rows.items()
                }
            )
            for n in range(len(parameters))
        ]

    def parts(self, inputs: Sequence[Mapping[str, Value]], seeds: Sequence[int]) -> dict[str, Parts]:
        """Value and both spreads of every declared output, (n,) each, wherever ``inputs`` lie.

        ``seeds`` (n,) choose realizations. Raises OracleError for missing or unknown inputs.
        """
        designs = [self._complete(design) for design in inputs]
        try:
            found = models.parts(self.packed.saved, designs, seeds=seeds)
        except ValueError as error:
            raise OracleError(f"{self.origin or self.card.name}: {error}") from None
        except KeyError as error:
            raise OracleError(
                f"{self.card.name} needs a value of {error.args[0]} for such a design."
            ) from None
        drawn = {q: _drawn(q, found[f"{q}_mean"], found[f"{q}_std"], seeds) for q in self._scattering}
        return {**{o.name: found[o.name] for o in self.card.outputs}, **drawn}

    def outside(self, inputs: Mapping[str, Value]) -> str | None:
        """None within the domain box, else a sentence that names the first input outside it, and the box."""
        for declared in self.card.inputs:
            value = inputs.get(declared.name, declared.default)
            if value is not None and not _allows(declared, value):
                shown = f"{declared.name} = {_shown(value, declared)}"
                return f"{shown} lies outside the domain box, {_box(declared)}."
        return None

    def _complete(self, inputs: Mapping[str, Value]) -> dict[str, Value]:
        known = {i.name: i.default for i in self.card.inputs}
        for name in inputs:
            if name not in known:
                raise OracleError(f"{self.card.name} has no input {name!r}; it takes {', '.join(known)}.")
        design = {name: inputs.get(name, default) for name, default in known.items()}
        given = {name: value for name, value in design.items() if value is not None}
        lacking = ", ".join(i.name for i in self.card.inputs if i.name not in given and not i.when)
        if lacking:
            raise OracleError(f"{self.card.name} needs a value of {lacking}.")
        return given


def _realization(card: Card, q: str) -> Output:
    mean = next(o for o in card.outputs if o.name == f"{q}_mean")
    said = f"one realization: normal ({q}_mean, {q}_std), by the seed"
    return Output(q, unit=mean.unit, description=said, statistic="draw")


def _drawn(q: str, mean: Parts, scatter: Parts, seeds: Sequence[int]) -> Parts:
    """One realization per seed and what is not known of it; equal seeds are equally far from the mean."""
    z = np.array([np.random.default_rng([seed, *q.encode()]).standard_normal() for seed in seeds])
    return Parts(
        mean=mean.mean + z * np.maximum(scatter.mean, 0.0),
        aleatoric=np.zeros(len(z)),
        epistemic=np.hypot(mean.epistemic, z * scatter.epistemic),
    )


def _allows(declared: Input, value: Value) -> bool:
    if declared.allows(value):
        return True
    number = isinstance(value, int | float) and not isinstance(value, bool) and not declared.choices
    ends = [b for b in (declared.lower, declared.upper) if b is not None]
    return number and any(math.isclose(float(value), b, rel_tol=1e-12) for b in ends)


def _shown(value: Value, declared: Input) -> str:
    if isinstance(value, bool | str):
        return str(value)
    return format_quantity(value, declared.unit)


def _box(declared: Input) -> str:
    if declared.choices:
        return " | ".join(map(str, declared.choices))
    ends = [format_quantity(b, None, exact=True) for b in (declared.lower, declared.upper) if b is not None]
    return f"{' .. '.join(ends)} {declared.unit}".strip()


def of_path(
    path: Path, *, name: str, options: Mapping[str, Value], version: str | None = None
) -> SurrogateOracle:
    """The oracle of a model file or folder that ``name`` stands for.

    Raises OracleError where it cannot be used, or where it is not ``version`` any more.
    """
    packed = Packed.load(path)
    if version is not None and packed.card.version != version:
        raise OracleError(
            f"oracle {name!r} is the model {packed.card.version} by now; the run began with {version}. Put "
            "that model back, or start a new run."
        )
    return SurrogateOracle(packed, name, dict(options))
