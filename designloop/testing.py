"""The contract suite for authors of oracles.

``checks(oracle)`` asks an oracle everything the engine relies on and says what to change; it is behind
``designloop oracle check NAME``. As tests of a plug-in package, with one fixture to override::

    import pytest
    from designloop.testing import OracleContract

    class TestBeam(OracleContract):
        @pytest.fixture
        def oracle(self):
            return Beam()
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import pickle
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from designloop._contract import Answer, Design, Subject, different, said, visit
from designloop.describe import new_oracle_template
from designloop.oracle import (
    BatchOracle,
    Context,
    Infeasible,
    Input,
    Observation,
    Oracle,
    Output,
    Result,
    evaluate_many,
    non_finite,
)
from designloop.units import UnitError, check_unit

__all__ = ["CHECKS", "Check", "OracleContract", "checks", "new_oracle_template"]

CHEAP_SECONDS = 3.0
"""Time within which a cheap oracle must answer 100 designs."""


@dataclass(frozen=True)
class Check:
    """One finding: ``message`` tells the author what to change, and is empty where the check passed."""

    name: str
    passed: bool
    message: str
    seconds: float


def _values(answer: Answer) -> dict[str, Observation]:
    return dict(answer.metrics)


def declaration_complete(subject: Subject) -> str:
    """Names, a summary, an output; no name twice; options that JSON can hold."""
    declared = subject.oracle.declaration
    names = [i.name for i in declared.inputs] + [o.name for o in declared.outputs]
    if not declared.name or not declared.summary:
        return "give the declaration a name and a summary (a function: a docstring)."
    if not declared.outputs or not declared.inputs:
        return "declare at least one input and one output."
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return f"{twice[0]!r} is declared twice; give every input and output a name of its own."
    if "" in names:
        return "an input or output has no name."
    try:
        json.dumps(dict(declared.options))
    except TypeError as error:
        return f"options must be numbers, text or true/false, for the record: {error}."
    return ""


def units_known(subject: Subject) -> str:
    """Every unit can be converted."""
    declared = subject.oracle.declaration
    things: tuple[Input | Output, ...] = (*declared.inputs, *declared.outputs)
    for thing in things:
        try:
            check_unit(thing.unit)
        except UnitError as error:
            return f"the unit of {thing.name!r} is not understood: {error}"
    return ""


def bounds_sane(subject: Subject) -> str:
    """Finite bounds in order, or choices; log only above zero; whole bounds for integers."""
    for i in subject.inputs:
        if i.choices:
            if len(set(i.choices)) != len(i.choices):
                return f"the choices of {i.name!r} repeat one."
            continue
        if i.lower is None or i.upper is None or not math.isfinite(i.lower) or not math.isfinite(i.upper):
            return f"give {i.name!r} finite lower and upper bounds, or choices."
        if i.lower > i.upper:
            return f"{i.name!r} has its lower bound {i.lower:g} above its upper bound {i.upper:g}."
        if i.log and i.lower <= 0:
            return f"{i.name!r} is on a log scale; its lower bound must be above zero."
        if i.integer and (i.lower % 1 or i.upper % 1):
            return f"{i.name!r} is an integer; give it whole bounds."
    return ""


def defaults_inside(subject: Subject) -> str:
    """Each default lies within the bounds or among the choices."""
    for i in subject.inputs:
        if i.default is not None and not i.allows(i.default):
            return f"the default of {i.name!r}, {i.default!r}, is not an allowed value."
    return ""


def answers(subject: Subject) -> str:
    """The middle of the box gets an answer."""
    try:
        answer = subject.ask(subject.design)
    except Exception as error:
        return f"{subject.design} raised {said(error)}. A design that cannot work raises Infeasible(reason)."
    if not isinstance(answer, Answer):
        return f"evaluate returned {type(answer).__name__}; return a Result of observations."
    return ""


def interior(subject: Subject) -> str:
    """Designs anywhere in the box are answered or infeasible."""
    return _all_answered(subject, subject.interior, "a design inside the declared bounds")


def corners(subject: Subject) -> str:
    """Corners of the box are answered or infeasible."""
    return _all_answered(subject, subject.corners, "a corner of the declared bounds")


def _all_answered(subject: Subject, designs: Sequence[Design], what: str) -> str:
    for design in designs:
        try:
            subject.ask(design)
        except Exception as error:
            return (
                f"{what} raised {said(error)}: {design}. Raise Infeasible(reason) for a design that cannot "
                "work, or narrow the bounds."
            )
    return ""


def outputs_present(subject: Subject) -> str:
    """Every declared output is in every complete answer."""
    names = [o.name for o in subject.oracle.declaration.outputs]
    for result in subject.results:
        if missing := [name for name in names if name not in result.metrics]:
            return f"output {missing[0]!r} is declared but not returned."
    return ""


def outputs_declared(subject: Subject) -> str:
    """No answer holds an output that is not declared."""
    names = {o.name for o in subject.oracle.declaration.outputs}
    for result in subject.results:
        if extra := sorted(set(result.metrics) - names):
            return f"output {extra[0]!r} is returned but not declared; declare it with its unit."
    return ""


def finite(subject: Subject) -> str:
    """No infinity and no NaN in a complete answer."""
    for design, answer in subject.answers:
        if isinstance(answer, Result) and (bad := non_finite(_values(answer))):
            return f"output {bad[0]!r} is not finite at {design}; raise Infeasible(reason) there."
    return ""


def errors_sane(subject: Subject) -> str:
    """Standard errors are not negative, and lower stands below upper."""
    for result in subject.results:
        for name, one in result.metrics.items():
            if one.sem is not None and one.sem < 0:
                return f"the standard error of {name!r} is negative."
            if one.lower is not None and one.upper is not None and one.lower > one.upper:
                return f"the lower bound of {name!r} is above its upper bound."
    return ""


def deterministic(subject: Subject) -> str:
    """Equal design and seed give equal answers."""
    for design, first in subject.answers[:3]:
        if different(first, subject.ask(design)):
            return (
                "equal design and seed gave different answers. Draw all randomness from "
                "numpy.random.default_rng(context.seed)."
            )
    return ""


def seed_declared(subject: Subject) -> str:
    """The seed changes the answer exactly where ``stochastic`` says so."""
    declared = subject.oracle.declaration.stochastic
    changes = [
        different(subject.ask(design, seed=1), subject.ask(design, seed=2))
        for design, answer in subject.answers[:3]
        if isinstance(answer, Result)
    ]
    if any(changes) and not declared:
        return "the seed changes the answer; declare stochastic=True (a function: a parameter 'seed')."
    if declared and changes and not any(changes):
        return "stochastic=True is declared but the seed changes nothing; use it or drop the declaration."
    return ""


def infeasible_reason(subject: Subject) -> str:
    """An infeasible design says why."""
    if any(not answer.reason.strip() for answer in subject.refusals):
        return "an infeasible design gives no reason; write Infeasible('buckled: ...')."
    return ""


def infeasible_metrics(subject: Subject) -> str:
    """What an infeasible answer carries is declared and finite."""
    names = {o.name for o in subject.oracle.declaration.outputs}
    for answer in subject.refusals:
        if extra := sorted(set(answer.metrics) - names):
            return f"an infeasible answer carries {extra[0]!r}, which is not declared."
        if bad := non_finite(_values(answer)):
            return f"an infeasible answer carries {bad[0]!r}, which is not finite; leave it out or bound it."
    return ""


def infeasible_margins(subject: Subject) -> str:
    """An infeasible answer with margins has a negative one."""
    margins = {o.name for o in subject.oracle.declaration.outputs if o.margin}
    for answer in subject.refusals:
        known = [one.value for name, one in answer.metrics.items() if name in margins]
        if known and min(known) >= 0:
            return f"{answer.reason!r} comes with margins that all allow the design; one must be negative."
    return ""


def unknown_input_refused(subject: Subject) -> str:
    """A misspelt input raises instead of being ignored."""
    try:
        subject.ask({**subject.design, "no_such_input_": 1.0})
    except Exception:
        return ""
    return "an unknown input is ignored; raise OracleError for names that are not declared."


def missing_input_refused(subject: Subject) -> str:
    """An input without default must be given."""
    required = [i.name for i in subject.inputs if i.default is None]
    if not required:
        return ""
    design = {name: value for name, value in subject.design.items() if name != required[0]}
    try:
        subject.ask(design)
    except Exception:
        return ""
    return f"input {required[0]!r} was left out and nothing was said; declare its default, or raise."


def defaults_used(subject: Subject) -> str:
    """An input with a default may be left out, and then has that value."""
    short = {i.name: subject.design[i.name] for i in subject.inputs if i.default is None}
    try:
        if different(subject.ask(subject.design), subject.ask(short), 1e-12):
            return "leaving out inputs with defaults changes the answer; use the declared defaults."
    except Exception as error:
        return f"leaving out inputs with defaults raised {said(error)}; use the declared defaults."
    return ""


def fidelities_answer(subject: Subject) -> str:
    """A design that is answered is answered at every declared fidelity, with all outputs."""
    outputs = {o.name for o in subject.oracle.declaration.outputs}
    base = next((d for d, answer in subject.answers if isinstance(answer, Result)), subject.design)
    for fidelity in subject.oracle.declaration.fidelities:
        design = {**base, **fidelity.settings}
        try:
            answer = subject.ask(design, fidelity=fidelity.name)
        except Exception as error:
            return (
                f"fidelity {fidelity.name!r} raised {said(error)} at {design}; mend it or do not declare it."
            )
        if isinstance(answer, Infeasible):
            return (
                f"fidelity {fidelity.name!r} calls a working design infeasible ({answer.reason}): {design}."
            )
        if missing := sorted(outputs - set(answer.metrics)):
            return f"fidelity {fidelity.name!r} does not answer {missing[0]!r}; answer every declared output."
    return ""


def inputs_untouched(subject: Subject) -> str:
    """The given parameters are not changed."""
    design = copy.deepcopy(subject.design)
    with contextlib.suppress(Infeasible):
        subject.oracle.evaluate(design, Context())
    return "" if design == subject.design else "evaluate changes its parameters; copy them first."


def global_random_untouched(subject: Subject) -> str:
    """Neither ``random`` nor ``numpy.random`` is reseeded or drawn from."""
    before = random.getstate(), pickle.dumps(np.random.get_state())  # noqa: NPY002 - the state is the point
    subject.ask(subject.design)
    after = random.getstate(), pickle.dumps(np.random.get_state())  # noqa: NPY002
    if before == after:
        return ""
    return "the global random generators were used; use numpy.random.default_rng(context.seed) instead."


def picklable(subject: Subject) -> str:
    """The oracle travels to another process."""
    try:
        again: Oracle = pickle.loads(pickle.dumps(subject.oracle))
    except Exception as error:
        return f"the oracle does not pickle ({said(error)}); open files and sockets inside evaluate."
    if again.declaration != subject.oracle.declaration:
        return "after pickling the oracle declares something else; keep its options when it is pickled."
    if different(subject.ask(subject.design), Subject(again).ask(subject.design)):
        return "after pickling the oracle answers differently; keep its state when it is pickled."
    return ""


def spawn_safe(subject: Subject) -> str:
    """A fresh process gives the same answer."""
    seen = visit(subject)
    if seen.answer is None:
        return (
            f"a fresh process could not evaluate it: {seen.error}. Define the oracle in an importable "
            "module or in a file named ./file.py:name, and create what it needs inside it."
        )
    if different(seen.answer, subject.ask(subject.design), 1e-9):
        return "a fresh process answers differently; do not rely on state that was set up outside the oracle."
    return ""


def writes_in_directory(subject: Subject) -> str:
    """Files are written into ``context.directory`` only."""
    seen = visit(subject)
    if seen.strays:
        return f"{seen.strays[0]!r} was written into the working directory; write into context.directory."
    if seen.outside:
        return f"artifact {seen.outside[0]!r} is missing or outside context.directory."
    return ""


def batch_like_single(subject: Subject) -> str:
    """A batch gives, in order, what single calls give."""
    if not isinstance(subject.oracle, BatchOracle):
        return ""
    designs = [design for design, _ in subject.answers]
    batch = evaluate_many(subject.oracle, [dict(design) for design in designs], Context())
    if len(batch) != len(designs):
        return f"evaluate_batch gave {len(batch)} answers to {len(designs)} designs."
    for (design, single), one in zip(subject.answers, batch, strict=True):
        if not subject.oracle.declaration.stochastic and different(single, one, 1e-9):
            return f"evaluate_batch and evaluate differ at {design}."
    return ""


def cheap_enough(subject: Subject) -> str:
    """An oracle declared cheap answers 100 designs within seconds."""
    if not subject.oracle.declaration.cheap:
        return ""
    designs = [dict(design) for design, _ in subject.answers] or [subject.design]
    many = [dict(designs[k % len(designs)]) for k in range(100)]
    start = time.perf_counter()
    evaluate_many(subject.oracle, many, Context())
    seconds = time.perf_counter() - start
    if seconds <= CHEAP_SECONDS:
        return ""
    return f"cheap=True is declared but 100 designs took {seconds:.1f} s; drop it, or add evaluate_batch."


def declaration_stable(subject: Subject) -> str:
    """Evaluating does not change the declaration."""
    before = copy.deepcopy(subject.oracle.declaration)
    subject.ask(subject.design)
    now = subject.oracle.declaration
    same = replace(before, options=dict(before.options)) == replace(now, options=dict(now.options))
    return "" if same else "the declaration changed during evaluate; build it once, from the options."


CHECKS: tuple[Callable[[Subject], str], ...] = (
    declaration_complete, units_known, bounds_sane, defaults_inside, answers, interior, corners,
    outputs_present, outputs_declared, finite, errors_sane, deterministic, seed_declared,
    infeasible_reason, infeasible_metrics, infeasible_margins, unknown_input_refused,
    missing_input_refused, defaults_used, fidelities_answer, inputs_untouched, global_random_untouched,
    picklable, spawn_safe, writes_in_directory, batch_like_single, cheap_enough, declaration_stable,
)  # fmt: skip
"""Every check: a function that returns what the author should change, or nothing."""


def checks(oracle: Oracle) -> list[Check]:
    """Run every check; one that cannot run because the oracle raises has failed, with that error."""
    subject = Subject(oracle)
    return [_run(check, subject) for check in CHECKS]


def _run(check: Callable[[Subject], str], subject: Subject) -> Check:
    start = time.perf_counter()
    try:
        message = check(subject)
    except (Exception, SystemExit) as error:
        message = f"the oracle raised {said(error)}; the check 'answers' says at which design."
    return Check(check.__name__, not message, message, time.perf_counter() - start)


class OracleContract:
    """Base of a pytest class: override the fixture ``oracle``; every check becomes one test method."""


def _as_test(check: Callable[[Subject], str]) -> Callable[[OracleContract, Oracle], None]:
    def test(self: OracleContract, oracle: Oracle) -> None:  # noqa: ARG001 - a test method
        found = _run(check, Subject(oracle))
        assert found.passed, found.message

    test.__doc__ = check.__doc__
    return test


for _check in CHECKS:
    setattr(OracleContract, f"test_{_check.__name__}", _as_test(_check))
