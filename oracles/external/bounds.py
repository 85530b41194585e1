"""Standard errors and bounds of an output, checked: where each stands, or what it is."""

from __future__ import annotations

from designloop.reading.problems import Refused
from designloop.reading.values import Measure, shown
from designloop.units import UnitError, compatible, difference, factor_offset

from .chain import wanted
from .program import Error, Share, Step, Wanted
from .source_parts import ERRORS, OutputSpec, SourceSpec


def check_units(spec: SourceSpec) -> None:
    """Refuse a file's unit that measures something else than the answer's."""
    if spec.file_unit is not None and not compatible(spec.file_unit, spec.unit):
        raise Refused(
            f"{spec.file_unit or 'a number without unit'} in the file cannot be converted to "
            f"{spec.unit or 'a number without unit'}.",
            "Write units of one kind.", below=("file_unit",),
        )  # fmt: skip


def errors_of(spec: OutputSpec, value: Wanted, step: Step) -> dict[str, Error]:
    """The errors that an output names, by ``sem``, ``lower``, ``upper``; raises Refused."""
    return {name: _error(name, spec, value, step) for name in ERRORS if getattr(spec, name) is not None}


def _error(name: str, spec: OutputSpec, value: Wanted, step: Step) -> Error:
    written = getattr(spec, name)
    if name == "sem" and spec.reduce in ("max", "min"):
        raise Refused(
            f"the {spec.reduce} of several values has no standard error of its own.",
            "Write lower and upper.", below=(name,), key=True,
        )  # fmt: skip
    try:
        if isinstance(written, SourceSpec):
            check_units(written)
            return wanted(value.name, written, step.name, _beside(written, step))
        return _number(name, written, spec)
    except Refused as error:
        raise Refused(error.what, error.instead, below=(name, *error.below), key=error.key) from None
    except UnitError as error:
        raise Refused(f"{name}: {error}", f"Write a number in {spec.unit or '%'}.", below=(name,)) from None


def _beside(written: SourceSpec, step: Step) -> str:
    """The file of an error in the folder of its output's step; raises Refused."""
    if not step.folder:
        return written.file
    first, _, rest = written.file.partition("/")
    if first != step.name or not rest:
        raise Refused(
            f"{shown(written.file)} is no file of the step {step.name}, which gives the value.",
            f"Write {step.name}/FILE.", below=(written.form,),
        )  # fmt: skip
    return rest


def _number(name: str, written: Measure, spec: OutputSpec) -> Share | float:
    if written.unit == "%":
        return _share(name, written, spec)
    if written.unit is None and spec.unit:
        raise Refused(
            f"{name} is {written}, without a unit.", f"Write {written} {spec.unit}, or a share in %."
        )
    if name != "sem":
        return written.to(spec.unit)
    if written.value < 0:
        raise Refused(f"sem is {written}, below zero.", "Write zero or more.")
    return difference(written.value, written.unit or "", spec.unit)


def _share(name: str, written: Measure, spec: OutputSpec) -> Share:
    if written.value < 0:
        raise Refused(f"{name} is {written}.", f"A share is a distance: write {-written.value:g} %.")
    if spec.unit == "%" or factor_offset(spec.unit)[1]:
        raise Refused(
            f"{name}: {written} of a value in {spec.unit} may be meant in two ways.",
            "Let the program write the number, and say where it stands.",
        )
    return Share(written.value / 100)
