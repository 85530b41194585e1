"""The oracle contract: what an oracle declares, what it is given, and what it answers.

The shortest oracle is one annotated function::

    from typing import Annotated
    from designloop.oracle import Input, Output

    def simulate(
        length: Annotated[float, Input(lower=200, upper=800, unit="um", description="beam length")],
    ) -> Annotated[dict[str, float], Output("stiffness", unit="N/m", description="bending stiffness")]:
        return {"stiffness": 3.2e5 / length**3}

A class with a ``declaration`` and an ``evaluate`` method serves state, options, batches and artifacts.
Values arrive in the units that the declaration names and are returned in the units of its outputs.
"""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from designloop.errors import OracleError

Value = float | int | str | bool
"""One value of one input."""

Cause = Literal["error", "crash", "timeout", "memory", "invalid", "partial", "guard", "lost", "wait"]
"""Why an evaluation gave no full answer.

error: the oracle raised; crash: its process died (a signal, ``os._exit``); timeout, memory: a limit ended it;
invalid: no finite numbers by the declared names; partial: some outputs are missing or not finite; guard: an
answer that cannot be physical; lost: the machine, the worker or the cluster failed, not the oracle; wait: a
licence or another resource was not free, try again.
"""


@dataclass(frozen=True, kw_only=True)
class Input:
    """One declared input. ``lower`` and ``upper`` bound what the oracle can answer, in ``unit``.

    An input with ``default`` may be left out of a campaign; ``choices`` makes it categorical.
    """

    name: str = ""
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    default: Value | None = None
    choices: tuple[Value, ...] = ()
    ordered: bool = False
    integer: bool = False
    log: bool = False
    description: str = ""
    outside: str = ""
    """What to do instead, for whoever asks beyond the bounds: a sentence added to the refusal."""

    when: str = ""
    """Comparisons of other inputs where it is needed, such as ``anchor == double``; elsewhere left out."""

    optional: bool = False
    """True where it has no default and a campaign's own condition may leave it out all the same."""

    def allows(self, value: Value) -> bool:
        """Whether ``value``, in ``unit``, is one of the choices or lies within the bounds."""
        if self.choices:
            return any(c == value and isinstance(c, bool) == isinstance(value, bool) for c in self.choices)
        if isinstance(value, bool | str) or isinstance(self.default, bool | str):
            return type(value) is type(self.default)
        low = -math.inf if self.lower is None else self.lower
        high = math.inf if self.upper is None else self.upper
        number = isinstance(value, int | float) and low <= value <= high
        return number and not (self.integer and value % 1)


@dataclass(frozen=True)
class Output:
    """One declared output. A ``margin`` is signed: at or above zero the design is allowed.

    Margins become outcome constraints by default, so that a model sees the cliff coming.
    """

    name: str
    unit: str = field(default="", kw_only=True)
    description: str = field(default="", kw_only=True)
    margin: bool = field(default=False, kw_only=True)
    statistic: Literal["", "mean", "std", "draw"] = field(default="", kw_only=True)
    """What it is over the realizations of one evaluation: their mean, their standard deviation, or a draw
    from the law that these two describe, which is no realization of a structure."""


@dataclass(frozen=True, kw_only=True)
class Realizations:
    """Which inputs say over how many seeded realizations one evaluation goes.

    ``least`` realizations, then more until every standard deviation has the relative standard error
    ``std_error``, up to ``most``; the last two may be left out.
    """

    least: str
    most: str = ""
    std_error: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs that are named."""
        return tuple(filter(None, (self.least, self.most, self.std_error)))


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """A named accuracy: values of some inputs, and what one evaluation costs with them.

    A campaign chooses one by name; the inputs that it does not set itself then have these values.
    """

    name: str
    description: str = ""
    settings: Mapping[str, Value]
    """Input to value, in the declared unit."""
    cost: float | None = None
    """CPU seconds of one evaluation, as measured; None where they were not."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """Everything others may know of an oracle without running it.

    Raises OracleError for a fidelity without a name of its own, or with a setting that no input can have,
    and for realizations counted by what is no input.
    """

    name: str
    summary: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    options: Mapping[str, Value] = field(default_factory=dict)
    """Options in force, as given in ``oracle: {name: ..., options: {...}}``."""
    stochastic: bool = False
    """True where the seed changes the answer."""
    cheap: bool = False
    """True where hundreds of evaluations inside one trial are affordable."""
    version: str = "1"
    labels: tuple[str, ...] = ()
    """Words that must stand beside every number, such as ``calibrated``."""
    source: str = ""
    """Published origin: author, year, equation."""
    fidelities: tuple[Fidelity, ...] = ()
    """Accuracies to choose from, the cheapest first."""
    realizations: Realizations | None = None
    """Where outputs are statistics over realizations."""
    trained: bool = False
    """True where a trained model answers, which knows how sure it is."""
    licences: Mapping[str, int] = field(default_factory=dict)
    """Tokens that one evaluation holds, by the licence's name."""

    def __post_init__(self) -> None:
        for fidelity in self.fidelities:
            _check_fidelity(self, fidelity)
        for name in self.realizations.inputs if self.realizations else ():
            if name not in {i.name for i in self.inputs}:
                raise OracleError(f"oracle {self.name!r}, realizations: {name!r} is no declared input.")

    def input(self, name: str) -> Input:
        """The declared input ``name``; raises KeyError."""
        return next((i for i in self.inputs if i.name == name), None) or _missing(name)

    def output(self, name: str) -> Output:
        """The declared output ``name``; raises KeyError."""
        return next((o for o in self.outputs if o.name == name), None) or _missing(name)

    def fidelity(self, name: str) -> Fidelity:
        """The declared fidelity ``name``; raises KeyError."""
        return next((f for f in self.fidelities if f.name == name), None) or _missing(name)


def most_tokens(declarations: Iterable[Declaration]) -> dict[str, int]:
    """Tokens that oracles hold which answer one after the other: of each licence what the greediest takes."""
    found: dict[str, int] = {}
    for declared in declarations:
        for name, count in declared.licences.items():
            found[name] = max(count, found.get(name, 0))
    return found


def _missing(name: str) -> typing.NoReturn:
    raise KeyError(name)


def _check_fidelity(declaration: Declaration, fidelity: Fidelity) -> None:
    what = f"oracle {declaration.name!r}, fidelity {fidelity.name!r}:"
    inputs = {i.name: i for i in declaration.inputs}
    if not fidelity.name or [f.name for f in declaration.fidelities].count(fidelity.name) > 1:
        raise OracleError(f"{what} give each fidelity a name of its own.")
    if fidelity.cost is not None and not 0 < fidelity.cost < math.inf:
        raise OracleError(
            f"{what} the cost is {fidelity.cost!r}, not CPU seconds. Leave out what is unknown."
        )
    for name, value in fidelity.settings.items():
        if name not in inputs:
            raise OracleError(
                f"{what} {name!r} is no declared input ({', '.join(inputs) or 'there is none'})."
            )
        if not inputs[name].allows(value):
            raise OracleError(f"{what} {name} = {value!r} is no value that the input may have.")


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One metric of one evaluation.

    ``sem`` is the standard error of sampling only; ``lower`` and ``upper`` bound the numerical error,
    which is a bias and never noise.
    """

    value: float
    sem: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an evaluation may know beside its parameters."""

    seed: int = 0
    fidelity: str | None = None
    directory: Path | None = None
    """A folder of the trial's own; files written here become artifacts."""
    seeds: tuple[int, ...] = ()
    """One seed per design of a batch; empty: ``seed`` for each."""
    answers: Path | None = None
    """A folder of the run's own, the same for every trial and attempt, for answers that were dear."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """The answer of one evaluation: every declared output, and artifacts by name."""

    metrics: Mapping[str, Observation]
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    """JSON that is recorded with the trial: how the answer came about."""


class Infeasible(Exception):  # noqa: N818 - an answer, not an error
    """The design cannot exist or cannot work: an answer with a reason, not a failure.

    ``metrics`` may carry the outputs that are known all the same, such as signed margins; ``notes`` as those
    of a result.
    """

    def __init__(
        self,
        reason: str,
        *,
        metrics: Mapping[str, float | Observation] | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.metrics = as_observations(metrics or {})
        self.notes = dict(notes or {})

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the metrics and notes, for processes."""
        return (_infeasible, (self.reason, dict(self.metrics), self.notes))


def _infeasible(reason: str, metrics: Mapping[str, Observation], notes: Mapping[str, Any]) -> Infeasible:
    return Infeasible(reason, metrics=metrics, notes=notes)


class Failed(Exception):  # noqa: N818 - a verdict, as Infeasible is
    """No answer, or not all of it, with the cause; any other exception counts as the cause ``error``.

    ``metrics`` are outputs that are good all the same (cause ``partial``); ``retry_after`` are the seconds
    to wait before the next attempt (cause ``wait``).
    """

    def __init__(
        self,
        reason: str,
        *,
        cause: Cause = "error",
        metrics: Mapping[str, float | Observation] | None = None,
        retry_after: float | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.cause, self.retry_after = reason, cause, retry_after
        self.metrics = as_observations(metrics or {})
        self.notes = dict(notes or {})

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with everything, for processes."""
        return (_failed, (self.reason, self.cause, dict(self.metrics), self.retry_after, self.notes))


def _failed(
    reason: str,
    cause: Cause,
    metrics: Mapping[str, Observation],
    retry_after: float | None,
    notes: Mapping[str, Any],
) -> Failed:
    return Failed(reason, cause=cause, metrics=metrics, retry_after=retry_after, notes=notes)


Answer = Result | Infeasible | Failed
"""What an evaluation says of a design: Failed stands for a part of it, with the cause ``partial``."""


@runtime_checkable
class Oracle(Protocol):
    """Parameters in, observations out."""

    @property
    def declaration(self) -> Declaration:
        """Inputs, outputs, units and nature of this oracle."""
        ...

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """Answer for one design, in declared units. Raises Infeasible, or any exception on failure."""
        ...


@runtime_checkable
class BatchOracle(Oracle, Protocol):
    """An oracle that answers many designs at once, faster than one by one."""

    def evaluate_batch(self, parameters: Sequence[Mapping[str, Value]], context: Context) -> Sequence[Answer]:
        """One answer per design, in order; an infeasible or partial one does not stop the others."""
        ...


def evaluate_many(
    oracle: Oracle, parameters: Sequence[Mapping[str, Value]], context: Context
) -> list[Answer]:
    """Answer many designs: in one call where the oracle can, one by one where it cannot."""
    if isinstance(oracle, BatchOracle):
        return list(oracle.evaluate_batch(parameters, context))
    return [answer_of(oracle, design, context) for design in parameters]


def answer_of(oracle: Oracle, parameters: Mapping[str, Value], context: Context) -> Answer:
    """The answer for one design, whole, partial or infeasible; any other failure is raised."""
    try:
        return oracle.evaluate(parameters, context)
    except Infeasible as answer:
        return answer
    except Failed as failure:
        if failure.cause != "partial":
            raise
        return failure


def as_observations(metrics: Mapping[str, float | Observation]) -> dict[str, Observation]:
    """Plain numbers as observations without error; raises OracleError for anything else."""
    if not isinstance(metrics, Mapping):
        raise OracleError(
            f"the oracle answered {metrics!r}, not its outputs by name. Return a mapping, "
            'such as {"stiffness": 3.2}.'
        )
    observations = {}
    for name, value in metrics.items():
        if not isinstance(value, Observation):
            try:
                if isinstance(value, str | bool):
                    raise TypeError
                value = Observation(value=float(value))
            except (TypeError, ValueError):
                raise OracleError(f"output {name!r} is {value!r}, not a number.") from None
        observations[name] = value
    return observations


def non_finite(metrics: Mapping[str, Observation]) -> list[str]:
    """Names of the metrics that hold an infinity or a NaN anywhere."""

    def bad(number: float | None) -> bool:
        return number is not None and not math.isfinite(number)

    return [n for n, o in metrics.items() if any(map(bad, (o.value, o.sem, o.lower, o.upper)))]


@dataclass(frozen=True)
class FunctionOracle:
    """An annotated function as an oracle."""

    function: Callable[..., Mapping[str, float | Observation]]
    declaration: Declaration

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """Call the function; a parameter named ``context`` or ``seed`` receives what it names."""
        known = inspect.signature(self.function).parameters
        extra = {"context": context, "seed": context.seed}
        answer = self.function(**parameters, **{k: v for k, v in extra.items() if k in known})
        if isinstance(answer, Result):
            return answer
        return Result(metrics=as_observations(answer))


def declare(function: Callable[..., Any]) -> Declaration:
    """Read a declaration from a function's annotations; raises OracleError with what to write."""
    name = function.__name__
    hints = typing.get_type_hints(function, include_extras=True)
    inputs = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in ("context", "seed"):
            continue
        required = parameter.default is inspect.Parameter.empty
        default = None if required else parameter.default
        declared = _declare_input(name, parameter.name, hints.get(parameter.name), default)
        inputs.append(replace(declared, optional=declared.optional or not (required or default is not None)))
        if required and inputs[-1].when:
            raise OracleError(
                f"oracle {name!r} takes {parameter.name!r} only where {inputs[-1].when}. Give the argument a "
                f'default for elsewhere: "{parameter.name}: ... = None".'
            )
    outputs = tuple(m for m in _metadata(hints.get("return")) if isinstance(m, Output))
    if not outputs:
        raise OracleError(
            f"oracle {name!r} declares no output. Annotate what it returns: "
            f'"-> Annotated[dict[str, float], Output("stiffness", unit="N/m")]".'
        )
    summary = (inspect.getdoc(function) or "").split("\n")[0]
    stochastic = "seed" in inspect.signature(function).parameters
    return Declaration(
        name=name, summary=summary, inputs=tuple(inputs), outputs=outputs, stochastic=stochastic
    )


def _metadata(hint: Any) -> tuple[Any, ...]:
    return tuple(hint.__metadata__) if typing.get_origin(hint) is Annotated else ()


def _declare_input(oracle: str, name: str, hint: Any, default: Value | None) -> Input:
    declared = next((m for m in _metadata(hint) if isinstance(m, Input)), None)
    if declared is None:
        raise OracleError(
            f"oracle {oracle!r} says nothing of its input {name!r}. Annotate it: "
            f'"{name}: Annotated[float, Input(lower=1, upper=2, unit="um")]".'
        )
    base = typing.get_args(hint)[0]
    changes: dict[str, Any] = {"name": name, "integer": declared.integer or base is int}
    if default is not None:
        changes["default"] = default
    return Input(**{**declared.__dict__, **changes})


def _check_options(target: type, options: Mapping[str, Value]) -> None:
    known = [p.name for p in inspect.signature(target).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    try:
        inspect.signature(target).bind(**options)
    except TypeError as error:
        takes = f"it takes {', '.join(known)}" if known else "it takes none"
        raise OracleError(f"oracle {target.__name__!r}: {error} among the options; {takes}.") from None


def as_oracle(target: Any, options: Mapping[str, Value] | None = None) -> Oracle:
    """Make an oracle of a class, an instance or an annotated function; raises OracleError."""
    options = dict(options or {})
    if inspect.isclass(target):
        _check_options(target, options)
        target = target(**options)
    elif options:
        name = getattr(target, "__name__", type(target).__name__)
        raise OracleError(f"oracle {name!r} has no options; remove {', '.join(map(repr, options))}.")
    if isinstance(target, Oracle):
        return target
    if callable(target):
        return FunctionOracle(target, declare(target))
    raise OracleError(f"{target!r} is no oracle: it has neither a declaration nor annotations.")
