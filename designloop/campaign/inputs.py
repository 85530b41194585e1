"""Fixed values, parameters and process variables checked against an oracle's declared inputs."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from designloop import units
from designloop._activity import Activity
from designloop.campaign.conditions import resolve_conditions
from designloop.campaign.derived import add_derived
from designloop.campaign.model import Derived, ProcessVariable
from designloop.campaign.parameters import parameter
from designloop.campaign.parts import is_realization
from designloop.campaign.schema import CampaignFile
from designloop.describe import cost_text
from designloop.oracle import Declaration, Fidelity, Input, Value
from designloop.reading.document import Path_
from designloop.reading.problems import Problems, Refused, advice, nearest
from designloop.reading.values import Plain, measure, shown
from designloop.space import ChoiceParameter, Parameter


@dataclass(kw_only=True)
class Inputs:
    """What the campaign does with the oracle's inputs, and what expressions may name."""

    declaration: Declaration
    parameters: dict[str, Parameter] = field(default_factory=dict)
    fixed: dict[str, Value] = field(default_factory=dict)
    process: dict[str, ProcessVariable] = field(default_factory=dict)
    realizations: list[str] = field(default_factory=list)
    derived: dict[str, Derived] = field(default_factory=dict)

    def units(self) -> dict[str, str]:
        """Unit of every name, as ``Campaign.known`` gives its value."""
        chosen = {p.name: p.unit for p in self.parameters.values()}
        survived = {v.name: v.unit for v in self.process.values()}
        computed = {d.name: d.unit for d in self.derived.values()}
        given = {i.name: i.unit for i in self.declaration.inputs if i.name in self.constants()}
        return {**given, **survived, **chosen, **computed}

    def choices(self) -> dict[str, tuple[Value, ...]]:
        """Choices of every categorical name."""
        declared = {i.name: i.choices for i in self.declaration.inputs if i.choices}
        chosen = {p.name: p.choices for p in self.parameters.values() if isinstance(p, ChoiceParameter)}
        words = {**declared, **chosen}
        return {n: c for n, c in words.items() if any(isinstance(v, str) for v in c)}

    def existing(self, design: Mapping[str, Value]) -> list[str]:
        """The parameters that a design has, by the values of those that it has in any case."""
        parameters = tuple(self.parameters.values())
        (mask,) = Activity(parameters).of_designs([design])
        return [p.name for p, exists in zip(parameters, mask, strict=True) if exists]

    def constants(self) -> dict[str, Value]:
        """Values that no design and no die changes, in declared units."""
        defaults = {i.name: i.default for i in self.declaration.inputs if i.default is not None}
        taken = {*self.parameters, *self.process, *self.derived}
        return {n: v for n, v in {**defaults, **self.fixed}.items() if n not in taken}


def resolve_inputs(
    file: CampaignFile, declaration: Declaration, problems: Problems, *, offered: Collection[str] = ()
) -> Inputs:
    """Check fixed, process, parameters and derived, in this order, noting every error.

    ``offered``: names of the realizations that dies may have of their own.
    """
    inputs = Inputs(declaration=declaration)
    chosen = file.parameters or {}
    for name, value in file.fixed.items():
        with problems.at(("fixed", name), quiet=name in chosen):
            inputs.fixed[name] = fixed_value(_known(name, declaration), value)
    for name, spec in file.process.items():
        path: Path_ = ("process", name)
        with problems.at(path, quiet=name in chosen):
            _once(name, elsewhere={"fixed": file.fixed})
            if spec.normal is None:
                inputs.realizations.append(_realization(name, offered, declaration))
                continue
            mean, sd = spec.normal
            inputs.process[name] = _process(_known(name, declaration), (mean.written, sd.written))
    with problems.at(("fidelity",)):
        inputs.fixed |= _settings(file.fidelity, file, declaration)
    for counting in list(file.fidelities or ())[-1:]:
        with problems.at(("fidelities",)):
            inputs.fixed |= _settings(counting, file, declaration)
    _add_parameters(file, inputs, problems)
    add_derived(file, inputs, problems)
    if not problems.found:
        _refuse_missing(file, inputs, problems)
        resolve_conditions(file, inputs, problems)
    return inputs


def _settings(name: str | None, file: CampaignFile, declaration: Declaration) -> dict[str, Value]:
    """What the fidelity sets of the inputs that the campaign leaves open."""
    return {} if name is None else open_settings(fidelity_named(name, declaration), file)


def fidelity_named(name: str, declaration: Declaration) -> Fidelity:
    """The declared fidelity ``name``; raises Refused."""
    names = [f.name for f in declaration.fidelities]
    if name not in names:
        guess = nearest(name, names)
        known = ", ".join(f"{f.name} ({cost_text(f)})" for f in declaration.fidelities)
        raise Refused(
            f"{declaration.name} has no fidelity {name}.",
            (f"Did you mean {guess}? " if guess else "")
            + (f"Known fidelities: {known}." if known else "It declares none; leave it out."),
        )
    return declaration.fidelity(name)


def open_settings(fidelity: Fidelity, file: CampaignFile) -> dict[str, Value]:
    """The settings of a fidelity for inputs that the campaign itself leaves open."""
    return {name: value for name, value in fidelity.settings.items() if heading_of(name, file) is None}


def heading_of(name: str, file: CampaignFile) -> str | None:
    """The heading under which a campaign itself says what an input is; None where it does not."""
    headings: dict[str, Collection[str]] = {
        "fixed": file.fixed, "parameters": file.parameters or {}, "process": file.process,
        "derived": file.derived,
    }  # fmt: skip
    return next((heading for heading, names in headings.items() if name in names), None)


def _known(name: str, declaration: Declaration) -> Input:
    names = [i.name for i in declaration.inputs]
    if name in names:
        return declaration.input(name)
    if any(o.name == name for o in declaration.outputs):
        raise Refused(
            f"{name} is an output of {declaration.name}, not an input.",
            "Bound it under constraints, or name it in objectives.", key=True,
        )  # fmt: skip
    if is_realization(name):
        raise Refused(
            f"{name} is no input: it is drawn by the seed.",
            f"Write process: {{{name}: {{level: die}}}}, or leave it out.", key=True,
        )  # fmt: skip
    raise Refused(f"{declaration.name} has no input {name}.", advice(name, names, kind="inputs"), key=True)


def _realization(name: str, offered: Collection[str], declaration: Declaration) -> str:
    if name in offered:
        return name
    if not offered:
        what = f"{declaration.name} is not stochastic: equal inputs give equal answers."
        raise Refused(what, "Leave it out.", key=True)
    known = advice(name, offered, kind="realizations")
    raise Refused(f"{name} is no realization of {declaration.name}.", known, key=True)


def _once(name: str, *, elsewhere: Mapping[str, Collection[str]]) -> None:
    """Refuse a name that stands under another heading too."""
    for heading, names in elsewhere.items():
        if name in names:
            raise Refused(f"{name} stands under {heading} too.", "Keep one of them.", key=True)


def fixed_value(declared: Input, value: Plain) -> Value:
    """A fixed value in the declared unit; raises Refused and UnitError."""
    if declared.choices:
        return _choice(declared, value)
    if isinstance(declared.default, str | bool):
        if type(value) is not type(declared.default):
            kind = "true or false" if isinstance(declared.default, bool) else "text"
            raise Refused(
                f"{declared.name} is {kind}, not {shown(value)}.", f"Its default is {declared.default}."
            )
        return value
    number = measure(value).to(declared.unit)
    within(declared, number, str(value))
    if declared.integer:
        if number != round(number):
            raise Refused(f"{declared.name} is a whole number, not {shown(value)}.", "Write one such as 3.")
        return round(number)
    return number


def _choice(declared: Input, value: Plain) -> Value:
    for choice in declared.choices:
        if choice == value and isinstance(choice, bool) == isinstance(value, bool):
            return choice
    words = {str(c): c for c in declared.choices}
    if isinstance(value, str) and value.strip() in words:
        return words[value.strip()]
    remedy = f"{advice(str(value), words, kind='choices')} {declared.outside}".rstrip()
    raise Refused(f"{shown(value)} is no choice of {declared.name}.", remedy)


def within(declared: Input, number: float, text: str) -> None:
    """Refuse a number in the declared unit that lies outside the declared bounds."""
    lower, upper = declared.lower, declared.upper
    for bound, outside in (
        (lower, lower is not None and number < lower),
        (upper, upper is not None and number > upper),
    ):
        if bound is not None and outside and not math.isclose(number, bound, rel_tol=1e-12):
            words = bounds_text(declared)
            raise Refused(
                f"{declared.name} = {text} lies outside what the oracle answers.",
                f"Keep within {words}. {declared.outside}".rstrip(),
            )


def bounds_text(declared: Input) -> str:
    """The declared bounds as a user would write them."""
    low = "" if declared.lower is None else units.format_quantity(declared.lower, None, exact=True)
    high = "" if declared.upper is None else units.format_quantity(declared.upper, None, exact=True)
    return f"{low} .. {high} {declared.unit}".strip()


def _process(declared: Input, written: tuple[str | int | float, str | int | float]) -> ProcessVariable:
    if declared.choices or declared.integer or isinstance(declared.default, str | bool):
        raise Refused(
            f"{declared.name} is no real number, so it cannot scatter.", "Put it under fixed.", key=True
        )
    mean, sd = map(measure, written)
    unit = mean.unit or sd.unit or declared.unit
    units.convert(0.0, unit, declared.unit)
    centre = mean.value if mean.unit else _from_declared(mean.value, declared.unit, unit)
    width = units.difference(sd.value, sd.unit or declared.unit, unit)
    if width <= 0:
        raise Refused(
            f"the standard deviation of {declared.name} is {sd}; it must be positive.",
            "Write normal: [mean, standard deviation].", below=("normal", 1),
        )  # fmt: skip
    within(declared, units.convert(centre, unit, declared.unit), f"{mean} (the mean)")
    return ProcessVariable(name=declared.name, unit=unit, distribution="normal", mean=centre, sd=width)


def _from_declared(value: float, declared: str, unit: str) -> float:
    return float(units.convert(value, declared, unit))


def _add_parameters(file: CampaignFile, inputs: Inputs, problems: Problems) -> None:
    declaration = inputs.declaration
    if file.parameters is None:
        for declared in declaration.inputs:
            elsewhere = declared.name in inputs.fixed or heading_of(declared.name, file) is not None
            bounded = declared.choices or (declared.lower is not None and declared.upper is not None)
            if bounded and declared.default is None and not elsewhere:
                inputs.parameters[declared.name] = parameter(declared, None)
    for name, spec in (file.parameters or {}).items():
        with problems.at(("parameters", name)):
            _once(name, elsewhere={"fixed": file.fixed, "process": file.process, "derived": file.derived})
            if spec.derived is not None:
                continue
            declared = _known(name, declaration)
            if spec.value is not None:
                inputs.fixed[name] = fixed_value(declared, spec.value)
            else:
                inputs.parameters[name] = parameter(declared, spec)
    if not inputs.parameters and not problems.found:
        problems.add(
            ("parameters",), "nothing is left to choose.", "Write a range for at least one parameter."
        )


def _refuse_missing(file: CampaignFile, inputs: Inputs, problems: Problems) -> None:
    given = {*inputs.fixed, *inputs.parameters}
    lacking = [
        i
        for i in inputs.declaration.inputs
        if i.default is None and not i.when
        if i.name not in given and heading_of(i.name, file) is None
    ]
    for declared in lacking:
        bounds = f"{declared.name}: {bounds_text(declared)}" if declared.lower is not None else declared.name
        where = ("parameters",) if file.parameters is not None else ("oracle",)
        problems.add(
            where, f"{inputs.declaration.name} needs {declared.name}, which has no value and no range.",
            f"Add it under parameters or fixed, such as {bounds}.", key=True,
        )  # fmt: skip
