"""``existing_trials``: rows of a table as trials of this campaign."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from designloop import units
from designloop.campaign.designs import in_parameter_unit
from designloop.campaign.inputs import Inputs
from designloop.campaign.model import ImportedTrial
from designloop.campaign.outcomes import Outcomes
from designloop.campaign.parts import ColumnSpec, ExistingTrialsSpec
from designloop.campaign.tables import Cell, Table, column, header_unit, read_table, to_number
from designloop.oracle import Value
from designloop.reading.document import Path_
from designloop.reading.problems import Refused, advice, sentences
from designloop.space import ChoiceParameter, IntParameter, Parameter

MOST_SENTENCES = 3


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where one column goes and how its cells are read."""

    header: str
    position: int
    name: str
    is_metric: bool
    read: Callable[[Cell], Value]


def read_existing(
    spec: ExistingTrialsSpec, inputs: Inputs, outcomes: Outcomes, *, folder: Path
) -> tuple[ImportedTrial, ...]:
    """The rows of the table, those out of range and failed ones included; raises Refused."""
    table = read_table(folder / spec.file, sheet=spec.sheet, delimiter=spec.delimiter, decimal=spec.decimal)
    targets = _targets(spec, table, inputs, outcomes)
    fill = _fill(spec, inputs)
    given = {t.name for t in targets} | set(fill)
    lacking = [p.name for p in inputs.parameters.values() if not p.when and p.name not in given]
    if lacking:
        raise Refused(
            f"the table says nothing of {', '.join(lacking)}.", "Name its column under columns, or fill it.",
            below=("columns",) if spec.columns else (),
        )  # fmt: skip
    failed = _failed_column(spec, table)
    trials, wrong = [], []
    for number, row in table.rows:
        try:
            trials.append(_trial(table, number, row, targets, fill, failed, inputs))
        except Refused as error:
            wrong.append((f"row {number}, {error.what}", error.instead))
    if wrong:
        raise _rows_refused(table, wrong)
    return tuple(trials)


def _rows_refused(table: Table, wrong: list[tuple[str, str]]) -> Refused:
    """The first rows that cannot be read; a remedy that they share is said once, at the end."""
    shown = wrong[:MOST_SENTENCES]
    remedies = {instead for _, instead in shown}
    shared = remedies.pop() if len(remedies) == 1 else ""
    said = " ".join(what if shared else f"{what} {instead}".strip() for what, instead in shown)
    more = f" And {len(wrong) - MOST_SENTENCES} more rows." if len(wrong) > MOST_SENTENCES else ""
    return Refused(f"{table.file}: {said}{more}", shared, below=("file",))


def _targets(
    spec: ExistingTrialsSpec, table: Table, inputs: Inputs, outcomes: Outcomes
) -> tuple[Target, ...]:
    metrics = {o.name: o.unit for o in inputs.declaration.outputs}
    metrics |= {o.name: o.unit for o in outcomes.outcomes.values()}
    known = [*inputs.parameters, *metrics]
    columns = spec.columns or _by_name(table, known)
    if not columns:
        raise Refused(
            f"no header of {table.file} names a parameter or metric.",
            f"Map its headers under columns: {', '.join(filter(None, table.headers))}.", below=("file",),
        )  # fmt: skip
    targets: list[Target] = []
    for header, content in columns.items():
        below: Path_ = ("columns", header) if spec.columns else ("file",)
        try:
            if any(t.name == content.name for t in targets):
                raise Refused(f"two columns hold {content.name}.", "Keep one.")
            targets.append(_target(header, content, table, inputs, metrics, spec.decimal))
        except Refused as error:
            raise Refused(error.what, error.instead, below=below, key=bool(spec.columns)) from None
    return tuple(targets)


def _by_name(table: Table, known: list[str]) -> dict[str, ColumnSpec]:
    """Headers that are names, with or without a unit behind."""
    plain = {h: h.split("[")[0].split("(")[0].strip() for h in table.headers if h}
    return {h: ColumnSpec(name=name) for h, name in plain.items() if name in known}


def _target(
    header: str, content: ColumnSpec, table: Table, inputs: Inputs, metrics: Mapping[str, str], decimal: str
) -> Target:
    position, name = column(table.headers, header), content.name
    if name not in inputs.parameters and name not in metrics:
        if name in inputs.fixed or name in inputs.process or name in inputs.derived:
            raise Refused(f"{name} is not chosen in this campaign.", "Leave the column out.")
        hint = advice(name, [*inputs.parameters, *metrics], kind="parameters and metrics")
        raise Refused(f"{name} is neither a parameter nor a metric.", hint)
    parameter = inputs.parameters.get(name)
    declared = inputs.declaration.input(name).unit if parameter else metrics[name]
    unit = _unit(header, content, declared)
    if parameter is None:
        return Target(header=header, position=position, name=name, is_metric=True,
                      read=lambda cell: _converted(cell, decimal, unit, metrics[name]))  # fmt: skip
    return Target(
        header=header, position=position, name=name, is_metric=False,
        read=lambda cell: _parameter_cell(parameter, cell, decimal, unit),
    )  # fmt: skip


def _unit(header: str, content: ColumnSpec, declared: str) -> str:
    written = content.unit if content.unit is not None else header_unit(header)
    if written is None:
        return declared
    try:
        return units.fitting(written, declared)
    except units.UnitError as error:
        what = f"the unit {written!r} of the column {header!r} does not fit: {sentences(error)[0]}"
        raise Refused(what, f"Write {{name: {content.name}, unit: {declared or '1'}}}.") from None


def _converted(cell: Cell, decimal: str, unit: str, to: str) -> float:
    return float(units.convert(to_number(cell, decimal=decimal), unit, to))


def _parameter_cell(parameter: Parameter, cell: Cell, decimal: str, unit: str) -> Value:
    if isinstance(parameter, ChoiceParameter):
        return _choice_cell(parameter, cell, decimal, unit)
    number = _converted(cell, decimal, unit, parameter.unit)
    if isinstance(parameter, IntParameter):
        if number != round(number):
            raise Refused(f"holds {number:g}, but {parameter.name} is a whole number.", "Mend the cell.")
        return round(number)
    return number


def _choice_cell(parameter: ChoiceParameter, cell: Cell, decimal: str, unit: str) -> Value:
    for choice in parameter.choices:
        if isinstance(choice, str | bool):
            text = str(choice) if isinstance(choice, str) else str(choice).lower()
            if str(cell) == text or (isinstance(cell, float) and f"{cell:g}" == text):
                return choice
        elif cell not in (None, "") and math.isclose(
            _converted(cell, decimal, unit, parameter.unit), choice, rel_tol=1e-12
        ):
            return choice
    hint = advice(str(cell), map(str, parameter.choices), kind="choices")
    raise Refused(f"holds {cell!r}, which is no choice of {parameter.name}.", hint)


def _fill(spec: ExistingTrialsSpec, inputs: Inputs) -> dict[str, Value]:
    filled: dict[str, Value] = {}
    for name, value in spec.fill.items():
        below: Path_ = ("fill", name)
        if name not in inputs.parameters:
            hint = advice(name, inputs.parameters, kind="parameters")
            raise Refused(f"{name} is no parameter of this campaign.", hint, below=below, key=True)
        try:
            filled[name] = in_parameter_unit(inputs.parameters[name], inputs.declaration.input(name), value)
        except (Refused, units.UnitError) as error:
            raise Refused(*sentences(error), below=below) from None
    return filled


def _failed_column(spec: ExistingTrialsSpec, table: Table) -> int | None:
    if spec.failed_if is None:
        return None
    try:
        return column(table.headers, spec.failed_if.empty)
    except Refused as error:
        raise Refused(error.what, error.instead, below=("failed_if", "empty")) from None


def _trial(
    table: Table, number: int, row: tuple[Cell, ...], targets: tuple[Target, ...], fill: Mapping[str, Value],
    failed_column: int | None, inputs: Inputs,
) -> ImportedTrial:  # fmt: skip
    cells = [*row, *[None] * (len(table.headers) - len(row))]
    failed = failed_column is not None and cells[failed_column] in (None, "")
    parameters, metrics = dict(fill), dict[str, float]()
    unread: dict[str, Refused] = {}
    for target in targets:
        if target.is_metric and failed:
            continue
        try:
            value = _cell(target, cells[target.position])
        except Refused as error:
            if target.is_metric or not inputs.parameters[target.name].when:
                raise
            parameters.pop(target.name, None)
            unread[target.name] = error
            continue
        if target.is_metric:
            metrics[target.name] = float(value)
        else:
            parameters[target.name] = value
    ordered = _of_design(parameters, unread, inputs)
    needless = [t.name for t in targets if t.name in parameters and t.name not in ordered]
    note = f" without {', '.join(needless)}" if needless else ""
    return ImportedTrial(
        source=f"{table.file} row {number}{note}", parameters=ordered, metrics=metrics, failed=failed,
        in_range=all(_inside(inputs.parameters[n], v) for n, v in ordered.items()),
    )  # fmt: skip


def _cell(target: Target, cell: Cell) -> Value:
    """A cell's value; raises Refused."""
    if cell in (None, ""):
        failed = f'If it failed, write failed_if: {{empty: "{target.header}"}}.'
        raise Refused(f"column {target.header!r} is empty.", failed if target.is_metric else "Fill it in.")
    try:
        return target.read(cell)
    except Refused as error:
        raise Refused(f"column {target.header!r} {error.what}", error.instead) from None


def _of_design(given: Mapping[str, Value], unread: Mapping[str, Refused], inputs: Inputs) -> dict[str, Value]:
    """The values of the parameters that the row's design has; raises Refused where one lacks."""
    found: dict[str, Value] = {}
    for name in inputs.existing(given):
        if name in unread:
            raise unread[name]
        if name not in given:
            what = f"the table says nothing of {name}, which exists where {inputs.parameters[name].when}."
            raise Refused(what, "Name its column under columns, or fill it.")
        found[name] = given[name]
    return found


def _inside(parameter: Parameter, value: Value) -> bool:
    if isinstance(parameter, ChoiceParameter):
        return True
    number = float(value)
    ends = (parameter.lower, parameter.upper)
    return parameter.lower <= number <= parameter.upper or any(
        math.isclose(number, end, rel_tol=1e-12) for end in ends
    )
