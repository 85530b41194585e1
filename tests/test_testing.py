"""Each check of the contract suite passes a sound oracle and finds the one fault planted for it."""

import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from designloop.errors import OracleError
from designloop.oracle import (
    Context,
    Declaration,
    Fidelity,
    Infeasible,
    Input,
    Observation,
    Output,
    Result,
)
from designloop.testing import CHECKS, OracleContract, checks

DECLARATION = Declaration(
    name="sound",
    summary="A sound oracle.",
    inputs=(
        Input(name="x", lower=0, upper=10, unit="um"),
        Input(name="kind", choices=("a", "b"), default="a"),
        Input(name="n", lower=1, upper=4, integer=True, default=2),
    ),
    outputs=(Output("y", unit="nm"), Output("margin", margin=True)),
    cheap=True,
)


class Sound:
    """Answers up to x = 8; beyond that its margin is negative."""

    declaration = DECLARATION

    def evaluate(self, parameters, context):
        known = {i.name: i.default for i in self.declaration.inputs}
        values = {**known, **parameters}
        if values.keys() != known.keys() or None in values.values():
            raise OracleError(f"inputs are {', '.join(known)}")
        return self.answer(values, context)

    def answer(self, values, context):
        if values["x"] > 8:
            raise Infeasible("too long", metrics={"margin": 8.0 - values["x"]})
        return self.result(y=values["x"] * values["n"], margin=8.0 - values["x"])

    def result(self, **metrics):
        return Result(metrics={name: Observation(value=float(v)) for name, v in metrics.items()})

    def evaluate_batch(self, parameters, context):
        answers = []
        for one in parameters:
            try:
                answers.append(self.evaluate(one, context))
            except Infeasible as answer:
                answers.append(answer)
        return answers


def declared(**changes):
    return replace(DECLARATION, **changes)


def inputs(**first):
    return declared(inputs=(replace(DECLARATION.inputs[0], **first), *DECLARATION.inputs[1:]))


class Nameless(Sound):
    declaration = declared(summary="")


class Twice(Sound):
    declaration = declared(outputs=(*DECLARATION.outputs, Output("y")))


class Opaque(Sound):
    declaration = declared(options={"when": object()})


class StrangeUnit(Sound):
    declaration = inputs(unit="furlong")


class Unbounded(Sound):
    declaration = inputs(upper=None)


class Reversed(Sound):
    declaration = inputs(lower=20)


class LogZero(Sound):
    declaration = inputs(log=True)


class HalfInteger(Sound):
    declaration = inputs(integer=True, upper=9.5)


class DefaultOutside(Sound):
    declaration = inputs(default=11)


class Silent(Sound):
    def answer(self, values, context):
        raise ValueError("no licence")


class Plain(Sound):
    def answer(self, values, context):
        return {"y": 1.0}


class FailsInside(Sound):
    def answer(self, values, context):
        if values["x"] != 5:
            raise RuntimeError("solver diverged")
        return super().answer(values, context)


class FailsAtCorners(Sound):
    def answer(self, values, context):
        if values["x"] in (0, 10):
            raise ZeroDivisionError("division by zero")
        return super().answer(values, context)


class Missing(Sound):
    def result(self, y, margin):
        return super().result(y=y)


class Extra(Sound):
    def result(self, **metrics):
        return super().result(**metrics, bonus=1)


class NotFinite(Sound):
    def result(self, y, margin):
        return super().result(y=y / margin if margin < 7.9 else np.inf, margin=margin)


class NegativeSem(Sound):
    def result(self, y, margin):
        return Result(metrics={"y": Observation(value=y, sem=-1), "margin": Observation(value=margin)})


class CrossedBounds(Sound):
    def result(self, y, margin):
        crossed = Observation(value=y, lower=y + 1, upper=y)
        return Result(metrics={"y": crossed, "margin": Observation(value=margin)})


class Restless(Sound):
    def __init__(self):
        self.calls = 0

    def result(self, y, margin):
        self.calls += 1
        return super().result(y=y + self.calls, margin=margin)


class Secretive(Sound):
    def answer(self, values, context):
        return super().answer({**values, "n": values["n"] + context.seed}, context)


class Pretender(Sound):
    declaration = declared(stochastic=True)


class Speechless(Sound):
    def answer(self, values, context):
        try:
            return super().answer(values, context)
        except Infeasible as answer:
            raise Infeasible(" ", metrics=answer.metrics) from None


class InfeasibleExtra(Sound):
    def answer(self, values, context):
        if values["x"] > 8:
            raise Infeasible("too long", metrics={"depth": 1.0})
        return super().answer(values, context)


class InfeasibleInfinite(Sound):
    def answer(self, values, context):
        if values["x"] > 8:
            raise Infeasible("too long", metrics={"margin": -np.inf})
        return super().answer(values, context)


class InfeasibleAllowed(Sound):
    def answer(self, values, context):
        if values["x"] > 8:
            raise Infeasible("too long", metrics={"margin": 1.0})
        return super().answer(values, context)


class IgnoresUnknown(Sound):
    def evaluate(self, parameters, context):
        return super().evaluate({k: v for k, v in parameters.items() if k in ("x", "kind", "n")}, context)


class IgnoresMissing(Sound):
    def evaluate(self, parameters, context):
        return super().evaluate({"x": 1.0, **parameters}, context)


class OtherDefaults(Sound):
    def evaluate(self, parameters, context):
        return super().evaluate({"n": 3, **parameters}, context)


class NoDefaults(Sound):
    def evaluate(self, parameters, context):
        return super().evaluate({"n": parameters["n"], **parameters}, context)


class Fine(Sound):
    """A fidelity with n = 4 that answers like the others."""

    declaration = declared(fidelities=(Fidelity(name="fine", settings={"n": 4}),))


class FailsWhenFine(Fine):
    def answer(self, values, context):
        if context.fidelity == "fine" and values["n"] == 4:
            raise MemoryError("no room for the mesh")
        return super().answer(values, context)


class RefusesWhenFine(Fine):
    def answer(self, values, context):
        if context.fidelity == "fine":
            raise Infeasible("too fine", metrics={"margin": -1.0})
        return super().answer(values, context)


class ShortWhenFine(Fine):
    def answer(self, values, context):
        if context.fidelity == "fine":
            return Result(metrics={"margin": Observation(value=1.0)})
        return super().answer(values, context)


class Greedy(Sound):
    def evaluate(self, parameters, context):
        answer = super().evaluate(parameters, context)
        parameters.pop("x")
        return answer


class Reseeds(Sound):
    def answer(self, values, context):
        np.random.seed(3)  # noqa: NPY002 - the fault
        return super().answer(values, context)


class DrawsGlobally(Sound):
    def answer(self, values, context):
        random.random()
        return super().answer(values, context)


class Unpicklable(Sound):
    def __init__(self):
        self.solver = lambda x: x


class Forgetful(Sound):
    def __init__(self):
        self.offset = 1.0

    def __getstate__(self):
        return {"offset": 0.0}

    def result(self, y, margin):
        return super().result(y=y + self.offset, margin=margin)


class Homebound(Sound):
    home = os.getpid()

    def __init__(self):
        self.home = os.getpid()

    def result(self, y, margin):
        return super().result(y=y + (os.getpid() != self.home), margin=margin)


class Untidy(Sound):
    def answer(self, values, context):
        if context.directory is not None:
            Path("solver.log").write_text("log")
        return super().answer(values, context)


class FalseArtifact(Sound):
    def result(self, **metrics):
        return Result(metrics=super().result(**metrics).metrics, artifacts={"log": Path("/nowhere.log")})


class ShortBatch(Sound):
    def evaluate_batch(self, parameters, context):
        return super().evaluate_batch(parameters, context)[:-1]


class OtherBatch(Sound):
    def evaluate_batch(self, parameters, context):
        return super().evaluate_batch(parameters, context)[::-1]


class Shifting(Sound):
    def __init__(self):
        self.declaration = DECLARATION

    def answer(self, values, context):
        self.declaration = replace(self.declaration, version="2")
        return super().answer(values, context)


FAULTS = {
    "declaration_complete": [(Nameless, "name and a summary"), (Twice, "'y' is declared twice"),
                             (Opaque, "options must be numbers")],
    "units_known": [(StrangeUnit, "unit of 'x' is not understood")],
    "bounds_sane": [(Unbounded, "finite lower and upper"), (Reversed, "above its upper bound"),
                    (LogZero, "must be above zero"), (HalfInteger, "whole bounds")],
    "defaults_inside": [(DefaultOutside, "default of 'x', 11")],
    "answers": [(Silent, "ValueError: no licence"), (Plain, "returned dict; return a Result")],
    "interior": [(FailsInside, "inside the declared bounds raised RuntimeError")],
    "corners": [(FailsAtCorners, "corner of the declared bounds raised ZeroDivisionError")],
    "outputs_present": [(Missing, "'margin' is declared but not returned")],
    "outputs_declared": [(Extra, "'bonus' is returned but not declared")],
    "finite": [(NotFinite, "output 'y' is not finite")],
    "errors_sane": [(NegativeSem, "standard error of 'y' is negative"), (CrossedBounds, "above its upper")],
    "deterministic": [(Restless, "equal design and seed gave different answers")],
    "seed_declared": [(Secretive, "declare stochastic=True"), (Pretender, "seed changes nothing")],
    "infeasible_reason": [(Speechless, "gives no reason")],
    "infeasible_metrics": [(InfeasibleExtra, "'depth', which is not declared"),
                           (InfeasibleInfinite, "'margin', which is not finite")],
    "infeasible_margins": [(InfeasibleAllowed, "one must be negative")],
    "unknown_input_refused": [(IgnoresUnknown, "unknown input is ignored")],
    "missing_input_refused": [(IgnoresMissing, "'x' was left out and nothing was said")],
    "defaults_used": [(OtherDefaults, "changes the answer"), (NoDefaults, "raised KeyError")],
    "fidelities_answer": [(FailsWhenFine, "'fine' raised MemoryError"),
                          (RefusesWhenFine, "working design infeasible"),
                          (ShortWhenFine, "'fine' does not answer 'y'")],
    "inputs_untouched": [(Greedy, "copy them first")],
    "global_random_untouched": [(Reseeds, "global random"), (DrawsGlobally, "global random")],
    "picklable": [(Unpicklable, "does not pickle"), (Forgetful, "answers differently")],
    "spawn_safe": [(Homebound, "fresh process answers differently"), (Unpicklable, "could not evaluate")],
    "writes_in_directory": [(Untidy, "'solver.log' was written into the working directory"),
                            (FalseArtifact, "artifact 'log' is missing or outside")],
    "batch_like_single": [(ShortBatch, "answers to"), (OtherBatch, "evaluate_batch and evaluate differ")],
    "declaration_stable": [(Shifting, "declaration changed during evaluate")],
}  # fmt: skip
CASES = [(name, fault, says) for name, faults in FAULTS.items() for fault, says in faults]


def run(name, oracle):
    return getattr(OracleContract(), f"test_{name}")(oracle)


@pytest.mark.parametrize(("name", "fault", "says"), CASES, ids=[f"{n}-{f.__name__}" for n, f, _ in CASES])
def test_a_planted_fault_is_found_with_a_remedy(name, fault, says):
    with pytest.raises(AssertionError, match=says):
        run(name, fault())


def test_a_slow_oracle_is_not_cheap(monkeypatch):
    ticks = iter(range(0, 10_000, 60))
    monkeypatch.setattr("designloop.testing.time.perf_counter", lambda: next(ticks))
    with pytest.raises(AssertionError, match="100 designs took 60.0 s"):
        run("cheap_enough", Sound())


def test_every_check_has_a_planted_fault():
    assert {check.__name__ for check in CHECKS} == {*FAULTS, "cheap_enough"}
    assert len(CHECKS) >= 16


def test_a_sound_oracle_passes_every_check():
    assert [(c.name, c.message) for c in checks(Sound()) if not c.passed] == []


def test_an_oracle_that_answers_at_its_fidelities_passes_every_check():
    assert [(c.name, c.message) for c in checks(Fine()) if not c.passed] == []


def test_a_failing_oracle_is_reported_and_never_raises():
    found = {c.name: c for c in checks(Silent())}
    assert not found["answers"].passed
    assert "no licence" in found["deterministic"].message or found["deterministic"].passed
    assert all(c.seconds >= 0 for c in found.values())


def test_a_seeded_oracle_passes_where_it_says_so():
    class Noisy(Sound):
        declaration = declared(stochastic=True)

        def answer(self, values, context: Context):
            noise = np.random.default_rng(context.seed).normal()
            return self.result(y=values["x"] + noise, margin=1)

    run("deterministic", Noisy())
    run("seed_declared", Noisy())
    run("batch_like_single", Noisy())


class TestSound(OracleContract):
    @pytest.fixture
    def oracle(self):
        return Sound()


def test_the_class_has_one_test_per_check():
    methods = {name for name in dir(TestSound) if name.startswith("test_")}
    assert methods == {f"test_{check.__name__}" for check in CHECKS}
