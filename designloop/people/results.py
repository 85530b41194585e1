"""Reading what people measured: rows of a CSV or XLSX file, or values of a command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal

from designloop import units
from designloop.campaign.model import Campaign
from designloop.campaign.tables import Cell, Table, header_unit, read_table, to_number
from designloop.errors import RunError
from designloop.oracle import Observation, Value
from designloop.people.restrict import grid_of, same
from designloop.people.sheet import NOTE, STATUS, TRIAL, measured
from designloop.reading.problems import Refused, advice, nearest, sentences
from designloop.reading.scalars import ScalarError, plain_scalar
from designloop.reading.values import measure
from designloop.space import ChoiceParameter, IntParameter, Parameter

Said = Literal["", "completed", "failed", "infeasible", "open"]
WORDS: Mapping[str, Said] = {
    "": "", "completed": "completed", "done": "completed", "ok": "completed", "failed": "failed",
    "infeasible": "infeasible", "open": "open",
}  # fmt: skip
SEM = " sem"
IGNORED = (" predicted", " predicted sd", " lower", " upper", " suggested")
"""Endings of columns that an exported table has beside its metrics."""
ALIKE = 0.8
"""Likeness from which on a header is a name misspelt, not a column of the laboratory's own."""
MOST_SENTENCES = 3


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was said of one trial: ``parameters`` and ``metrics`` as filled in, in the campaign's units."""

    place: str
    """File and row, for messages and the record."""
    trial: int | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)
    metrics: Mapping[str, Observation] = field(default_factory=dict)
    said: Said = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Results:
    """The rows of one file in order, and the headers that mean nothing to the campaign."""

    rows: tuple[Row, ...]
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Column:
    """Where one column goes: parameter, value, sem, trial, status or note; its name, and its reader."""

    header: str
    position: int
    kind: str
    name: str
    read: Callable[[Cell], Any]


def read_results(path: Path, campaign: Campaign, *, decimal: str = ".", sheet: str | None = None) -> Results:
    """The rows of a table of results. Raises RunError with what is wrong where, nothing being read then."""
    try:
        table = read_table(path, sheet=sheet, delimiter=None, decimal=decimal)
        columns, passed_over = _columns(table, campaign, decimal)
    except Refused as error:
        raise RunError(f"{path}: {error.what} {error.instead}".rstrip()) from None
    found, wrong = [], []
    for number, cells in table.rows:
        try:
            found.append(_row(f"{table.file}:{number}", cells, columns))
        except Refused as error:
            wrong.append(f"{path}:{number}: {error.what} {_for_commands(error.instead)}".rstrip())
    if wrong:
        raise refused(wrong)
    return Results(rows=tuple(found), passed_over=tuple(passed_over))


def refused(wrong: Sequence[str]) -> RunError:
    """The first of several sentences as one error; nothing is recorded."""
    more = [f"And {len(wrong) - MOST_SENTENCES} more."] if len(wrong) > MOST_SENTENCES else []
    return RunError("\n".join([*wrong[:MOST_SENTENCES], *more, "Nothing is recorded."]))


def _for_commands(instead: str) -> str:
    return instead.replace('Write decimal: "', 'Write --decimal "')


def _columns(table: Table, campaign: Campaign, decimal: str) -> tuple[list[_Column], list[str]]:
    found: list[_Column] = []
    passed_over = []
    for position, header in enumerate(table.headers):
        column = _column(header, position, campaign, decimal)
        if column is None:
            passed_over += [header] if header else []
            continue
        twice = next((c for c in found if (c.kind, c.name) == (column.kind, column.name)), None)
        if twice:
            raise Refused(f"the columns {twice.header!r} and {header!r} hold the same.", "Keep one.")
        found.append(column)
    if not any(c.kind in ("value", "status") for c in found):
        names = ", ".join(measured(campaign))
        raise Refused(f"no column holds a result: the headers are {', '.join(table.headers)}.",
                      f"Name one of them after what it holds: {names}.")  # fmt: skip
    return found, passed_over


def _column(header: str, position: int, campaign: Campaign, decimal: str) -> _Column | None:
    """What a column means to the campaign; None: nothing. Raises Refused for a name that is nearly one."""
    stem = header.split("[")[0].split("(")[0].strip()
    parameters, metrics = {p.name: p for p in campaign.space.parameters}, measured(campaign)
    readers: dict[str, Callable[[Cell], Any]] = {TRIAL: _number_of, STATUS: _said_of, NOTE: _note_of}
    if stem.lower() in readers and stem not in (*parameters, *metrics):
        word = stem.lower()
        return _Column(header=header, position=position, kind=word, name=word, read=readers[word])
    if stem in parameters:
        parameter = parameters[stem]
        unit = _unit(header, parameter.unit)
        return _Column(header=header, position=position, kind="parameter", name=stem,
                       read=lambda cell: _parameter_cell(parameter, cell, decimal, unit))  # fmt: skip
    name, kind = (stem.removesuffix(SEM), "sem") if stem.endswith(SEM) else (stem, "value")
    if name in metrics:
        unit, own = _unit(header, metrics[name]), metrics[name]
        read = _difference if kind == "sem" else _converted
        return _Column(header=header, position=position, kind=kind, name=name,
                       read=lambda cell: read(cell, decimal, unit, own))  # fmt: skip
    guess = nearest(stem, [*parameters, *metrics, TRIAL, STATUS, NOTE])
    if guess and SequenceMatcher(None, stem.lower(), guess).ratio() >= ALIKE and not stem.endswith(IGNORED):
        raise Refused(f"the column {header!r} is nothing that the campaign knows.", f"Did you mean {guess}?")
    return None


def _unit(header: str, declared: str) -> str:
    written = header_unit(header)
    if written is None:
        return declared
    try:
        return units.fitting(written, declared)
    except units.UnitError as error:
        what = f"the unit of the column {header!r} does not fit: {sentences(error)[0]}"
        raise Refused(what, f"Write it in {declared}." if declared else "") from None


def _row(place: str, cells: Sequence[Cell], columns: Sequence[_Column]) -> Row:
    given: dict[str, dict[str, Any]] = {kind: {} for kind in ("parameter", "value", "sem")}
    single: dict[str, Any] = {}
    for column in columns:
        cell = cells[column.position] if column.position < len(cells) else None
        if cell in (None, ""):
            continue
        try:
            given.get(column.kind, single)[column.name] = column.read(cell)
        except (Refused, units.UnitError) as error:
            what, instead = sentences(error)
            raise Refused(f"column {column.header!r} {what}", instead) from None
    return _checked(
        Row(
            place=place, trial=single.get(TRIAL), parameters=given["parameter"],
            metrics=_observations(given["value"], given["sem"]),
            said=single.get(STATUS, ""), note=single.get(NOTE, ""),
        )
    )  # fmt: skip


def _observations(values: Mapping[str, float], sems: Mapping[str, float]) -> dict[str, Observation]:
    for name in sems:
        if name not in values:
            raise Refused(f"{name}{SEM} is given, but {name} is not.", "Fill in both.")
    return {name: Observation(value=value, sem=sems.get(name)) for name, value in values.items()}


def _checked(row: Row) -> Row:
    if row.said == "open" and row.metrics:
        raise Refused("the status is open, but results are filled in.", "Leave the status empty.")
    return row


def _number_of(cell: Cell) -> int:
    number = to_number(cell, decimal=".")
    if number != round(number) or number < 0:
        raise Refused(
            f"holds {cell!r}, which is no trial's number.", "Leave it empty for a design of your own."
        )
    return round(number)


def _said_of(cell: Cell) -> Said:
    word = str(cell).strip().lower()
    if word not in WORDS:
        hint = advice(word, [w for w in WORDS if w], kind="words")
        raise Refused(f"holds {cell!r}, which is no status.", hint)
    return WORDS[word]


def _note_of(cell: Cell) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell).strip()


def _converted(cell: Cell, decimal: str, unit: str, to: str) -> float:
    return float(units.convert(to_number(cell, decimal=decimal), unit, to))


def _difference(cell: Cell, decimal: str, unit: str, to: str) -> float:
    """A standard error: an offset between the units, as of degC and K, does not count."""
    error = units.difference(to_number(cell, decimal=decimal), unit, to)
    if error < 0:
        raise Refused(f"holds {cell!r}, but a standard error is not negative.", "Mend the cell.")
    return error


def _parameter_cell(parameter: Parameter, cell: Cell, decimal: str, unit: str) -> Value:
    if isinstance(parameter, ChoiceParameter):
        for choice in parameter.choices:
            written = str(choice).lower() if isinstance(choice, bool) else choice
            if isinstance(written, str) and _note_of(cell) == written:
                return choice
        if any(isinstance(c, str | bool) for c in parameter.choices):
            hint = advice(str(cell), map(str, parameter.choices), kind="choices")
            raise Refused(f"holds {cell!r}, which is no choice of {parameter.name}.", hint)
    return on_grid(parameter, _converted(cell, decimal, unit, parameter.unit))


def on_grid(parameter: Parameter, number: float) -> Value:
    """A number as the parameter counts it: its own choice or grid value where it is one but for rounding."""
    if isinstance(parameter, IntParameter):
        if number != round(number):
            raise Refused(f"holds {number:g}, but {parameter.name} is a whole number.", "Mend it.")
        return round(number)
    if isinstance(parameter, ChoiceParameter):
        return next((v for v in grid_of(parameter) if same(v, number)), number)
    return number


def row_of(
    settings: Sequence[str], campaign: Campaign, *, trial: int | None, said: str = "", note: str = ""
) -> Row:
    """What a command line says of one trial: ``conductivity=1.2e-3``, ``temperature=905 degC``.

    Raises RunError.
    """
    parameters: dict[str, Value] = {}
    values: dict[str, dict[str, float]] = {"": {}, SEM: {}}
    try:
        for setting in settings:
            _take(setting, campaign, parameters, values)
        return _checked(
            Row(
                place="command line", trial=trial, parameters=parameters,
                metrics=_observations(values[""], values[SEM]), said=_said_of(said), note=note,
            )
        )  # fmt: skip
    except (Refused, units.UnitError, ScalarError) as error:
        raise RunError(" ".join(filter(None, sentences(error)))) from None


def _take(
    setting: str, campaign: Campaign, parameters: dict[str, Value], values: dict[str, dict[str, float]]
) -> None:
    name, equals, text = (part.strip() for part in setting.partition("="))
    known, metrics = {p.name: p for p in campaign.space.parameters}, measured(campaign)
    end = SEM if name.endswith(SEM) else ""
    if not equals or not text:
        raise Refused(f"--set {setting} gives no value.", f"Write --set {name}=VALUE.")
    if name in known and not any(isinstance(v, str | bool) for v in _choices(known[name])):
        parameters[name] = on_grid(known[name], measure(plain_scalar(text)).to(known[name].unit))
    elif name in known:
        parameters[name] = _parameter_cell(known[name], text, ".", "")
    elif name.removesuffix(SEM) in metrics:
        unit = metrics[name.removesuffix(SEM)]
        values[end][name.removesuffix(SEM)] = measure(plain_scalar(text)).to(unit)
    else:
        hint = advice(name, [*metrics, *known], kind="names")
        raise Refused(f"--set {setting}: {name} is nothing that the campaign knows.", hint)


def _choices(parameter: Parameter) -> tuple[Value, ...]:
    return parameter.choices if isinstance(parameter, ChoiceParameter) else ()
