"""A table of known answers as an oracle: measured devices, or a sweep that was computed before."""

from __future__ import annotations

import csv
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from designloop.errors import OracleError
from designloop.oracle import Context, Declaration, Infeasible, Input, Observation, Output, Result, Value

from ._inputs import complete

_HEADER = re.compile(r"^(?P<name>[^\[\]]*?)\s*(?:\[(?P<unit>[^\[\]]*)\])?$")


class Table:
    """Rows of a CSV file: a point is answered by its own row, or by the nearest one.

    Options: ``file`` (relative to the campaign file), ``match: exact | nearest``, ``outputs`` (names, by
    commas; default: the last column), ``inputs`` (default: every other column). Units stand in the header:
    ``beam_length [um]``. Distances are over the range of each column. Rows with equal inputs are
    replicates: their mean is the answer, with its standard error. ``noise`` is the standard deviation of a
    normal error added to every answer, from its seed: a number in the outputs' own units, or a share of each
    output's standard deviation over the rows, such as ``5 %``.
    """

    def __init__(
        self,
        file: str,
        match: str = "exact",
        outputs: str = "",
        inputs: str = "",
        noise: float | str = 0.0,
    ) -> None:
        if match not in ("exact", "nearest"):
            raise OracleError(f"option match is {match!r}; write exact or nearest.")
        self._match, self._file = match, Path(file)
        units, rows = _read(self._file)
        names = list(units)
        wanted = _split(outputs, names, "outputs") or names[-1:]
        asked = _split(inputs, names, "inputs") or [name for name in names if name not in wanted]
        if not asked or set(asked) & set(wanted):
            raise OracleError(f"{file}: name at least one column under inputs that is not under outputs.")
        columns = {n: _column(self._file, n, [(line, row[n]) for line, row in rows]) for n in units}
        self._rows = _replicates(columns, asked, wanted)
        self._spans = {n: _span(columns[n]) for n in asked}
        self._noise = {n: _deviation(noise, [row[n].value for row in self._rows.values()]) for n in wanted}
        self._declaration = Declaration(
            name="table",
            summary=f"{len(rows)} rows of {self._file.name}, {match} match.",
            inputs=tuple(_input(n, units[n], columns[n]) for n in asked),
            outputs=tuple(Output(n, unit=units[n]) for n in wanted),
            options={
                "file": file,
                "match": match,
                "outputs": ", ".join(wanted),
                "inputs": ", ".join(asked),
                "noise": noise,
            },
            stochastic=any(self._noise.values()),
            cheap=True,
            source=self._file.name,
        )

    @property
    def declaration(self) -> Declaration:
        """One input or output per column in use."""
        return self._declaration

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """The row's numbers; raises Infeasible, with the nearest row, where no row matches exactly."""
        asked = complete(self._declaration, parameters)
        distance, key = min((self._distance(asked, key), key) for key in self._rows)
        if self._match == "exact" and distance > 1e-9:
            near = ", ".join(f"{name} {value}" for name, value in zip(asked, key, strict=True))
            raise Infeasible(
                f"not in the table {self._file.name}: the nearest row has {near}, "
                f"{distance:.3g} of the range away"
            )
        return Result(metrics=self._disturbed(self._rows[key], context.seed))

    def _disturbed(self, row: Mapping[str, Observation], seed: int) -> Mapping[str, Observation]:
        """The row with this answer's error, of a size that nobody is told."""
        if not any(self._noise.values()):
            return row
        draws = np.random.default_rng(seed).standard_normal(len(row))
        return {
            name: Observation(value=known.value + self._noise[name] * float(z))
            for (name, known), z in zip(row.items(), draws, strict=True)
        }

    def _distance(self, asked: Mapping[str, Value], key: Sequence[Value]) -> float:
        return math.sqrt(
            sum(
                _apart(value, key[i], self._spans[name]) ** 2 for i, (name, value) in enumerate(asked.items())
            )
        )


def _read(file: Path) -> tuple[dict[str, str], list[tuple[int, dict[str, str]]]]:
    """Units by column name, and rows with their line numbers."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except OSError as error:
        raise OracleError(f"the table {file} cannot be read: {error.strerror}. Check option file.") from error
    units: dict[str, str] = {}
    for cell in header:
        found = _HEADER.match(cell.strip())
        if not found or not found["name"] or found["name"] in units:
            raise OracleError(f"{file}:1: the header {cell!r} is not a new 'name' or 'name [unit]'.")
        units[found["name"]] = (found["unit"] or "").strip()
    if len(units) < 2 or not rows:
        raise OracleError(f"{file}: a table needs a header, two columns by commas and one row at least.")
    for line, row in rows:
        if len(row) != len(units):
            raise OracleError(f"{file}:{line}: {len(row)} cells under {len(units)} headers.")
    return units, [(line, dict(zip(units, map(str.strip, row), strict=True))) for line, row in rows]


def _split(given: str | Sequence[str], names: Sequence[str], option: str) -> list[str]:
    parts = given.split(",") if isinstance(given, str) else list(given)
    wanted = [part.strip() for part in parts if part.strip()]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise OracleError(f"option {option}: there is no column {unknown[0]!r}; it has {', '.join(names)}.")
    return wanted


def _column(file: Path, name: str, cells: Sequence[tuple[int, str]]) -> list[float] | list[str]:
    """Numbers where every cell is a finite number, text where none is; raises OracleError for a mixture."""
    numbers = [_number(cell) for _, cell in cells]
    if all(number is not None for number in numbers):
        return [number for number in numbers if number is not None]
    line, cell = next(pair for pair, number in zip(cells, numbers, strict=True) if number is None)
    like_number = re.fullmatch(r"|[-+]?\d+,\d+|[-+]?(nan|inf|infinity)", cell, re.IGNORECASE)
    if like_number or any(number is not None for number in numbers):
        raise OracleError(f"{file}:{line}: {cell!r} under {name!r} is not a number; write one such as 1.5.")
    return [cell for _, cell in cells]


def _number(cell: str) -> float | None:
    try:
        number = float(cell) if "_" not in cell else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _input(name: str, unit: str, column: Sequence[float] | Sequence[str]) -> Input:
    if isinstance(column[0], str):
        return Input(name=name, choices=tuple(sorted({str(cell) for cell in column})), default=column[0])
    numbers = [float(cell) for cell in column]
    return Input(name=name, unit=unit, lower=min(numbers), upper=max(numbers), default=numbers[0])


def _span(column: Sequence[float] | Sequence[str]) -> float:
    numbers = [float(cell) for cell in column if not isinstance(cell, str)]
    return (max(numbers) - min(numbers) or 1.0) if numbers else 1.0


def _apart(one: Value, other: Value, span: float) -> float:
    if isinstance(one, str) or isinstance(other, str):
        return float(one != other)
    return (one - other) / span


def _replicates(
    columns: Mapping[str, list[float] | list[str]], asked: Sequence[str], wanted: Sequence[str]
) -> dict[tuple[Value, ...], dict[str, Observation]]:
    """Observations by input values; equal inputs give the mean and its standard error."""
    if text := [name for name in wanted if isinstance(columns[name][0], str)]:
        raise OracleError(f"option outputs: column {text[0]!r} holds text, not numbers.")
    groups: dict[tuple[Value, ...], list[int]] = {}
    for row in range(len(columns[asked[0]])):
        groups.setdefault(tuple(columns[name][row] for name in asked), []).append(row)
    return {
        key: {name: _mean([float(columns[name][row]) for row in rows]) for name in wanted}
        for key, rows in groups.items()
    }


def _deviation(noise: float | str, values: Sequence[float]) -> float:
    """The standard deviation of an output's added error, in its unit; raises OracleError."""
    text = str(noise).strip()
    number = _number(text.removesuffix("%").strip())
    if number is None or number < 0:
        raise OracleError(
            f"option noise is {noise!r}; write a number such as 0.02, or a share such as '5 %'."
        )
    return number / 100 * statistics.pstdev(values) if text.endswith("%") else number


def _mean(values: Sequence[float]) -> Observation:
    sem = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return Observation(value=statistics.fmean(values), sem=sem)
