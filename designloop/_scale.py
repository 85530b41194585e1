"""One parameter and its coordinate in [0, 1]: scales, grids, choices."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.units import format_quantity

Value = float | int | str | bool
Array = NDArray[np.float64]

_EXACT_INTEGER = 2**53


@dataclass(frozen=True, kw_only=True)
class FloatParameter:
    """A real number in [lower, upper]; ``step`` puts it on the grid lower + k step; ``log`` scales it."""

    name: str
    lower: float
    upper: float
    unit: str = ""
    log: bool = False
    step: float | None = None
    when: str = ""
    """Comparisons of other parameters, joined by ``and``; elsewhere this parameter does not exist."""


@dataclass(frozen=True, kw_only=True)
class IntParameter:
    """A whole number in [lower, upper]."""

    name: str
    lower: int
    upper: int
    unit: str = ""
    log: bool = False
    when: str = ""


@dataclass(frozen=True, kw_only=True)
class ChoiceParameter:
    """One of ``choices``; ``ordered`` where neighbours are alike."""

    name: str
    choices: tuple[Value, ...]
    unit: str = ""
    ordered: bool = False
    when: str = ""


Parameter = FloatParameter | IntParameter | ChoiceParameter
_KINDS: dict[str, type[Parameter]] = {"float": FloatParameter, "int": IntParameter, "choice": ChoiceParameter}


def kind(parameter: Parameter) -> str:
    """``float``, ``int`` or ``choice``."""
    return next(name for name, cls in _KINDS.items() if isinstance(parameter, cls))


def to_json(parameter: Parameter) -> dict[str, Any]:
    """The parameter as a mapping with its ``kind``; ``when`` stands in it only where there is a condition."""
    entry = {"kind": kind(parameter), **asdict(parameter)}
    return {key: value for key, value in entry.items() if key != "when" or value}


def from_json(entry: dict[str, Any]) -> Parameter:
    """The parameter of a mapping with its ``kind``; raises ValueError for an unknown one."""
    fields = {name: value for name, value in entry.items() if name != "kind"}
    if entry["kind"] not in _KINDS:
        raise ValueError(f"{entry['kind']!r} is no kind of parameter; known are {', '.join(_KINDS)}.")
    if "choices" in fields:
        fields["choices"] = tuple(fields["choices"])
    return _KINDS[entry["kind"]](**fields)


def check(parameter: Parameter) -> None:
    """Raise ValueError, as a sentence, for bounds, steps or choices that make no parameter."""
    name = parameter.name
    if isinstance(parameter, ChoiceParameter):
        if not parameter.choices:
            raise ValueError(f"{name!r} has no choices.")
        if len({(type(c), c) for c in parameter.choices}) < len(parameter.choices):
            raise ValueError(f"{name!r} names a choice twice.")
        return
    lower, upper = parameter.lower, parameter.upper
    if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
        raise ValueError(f"{name!r} needs finite bounds, the lower one below the upper one.")
    if parameter.log and lower <= 0:
        raise ValueError(f"{name!r} has a log scale, which needs a lower bound above zero.")
    if isinstance(parameter, FloatParameter) and parameter.step is not None:
        if not (math.isfinite(parameter.step) and parameter.step > 0):
            raise ValueError(f"{name!r} needs a step above zero.")
        if exact(parameter.step) > exact(upper) - exact(lower):
            raise ValueError(f"{name!r} has a step larger than its range.")
    if isinstance(parameter, IntParameter) and not (lower == int(lower) and upper == int(upper)):
        raise ValueError(f"{name!r} is a whole number and needs whole bounds.")


def exact(value: float) -> Fraction:
    """The decimal number a float was written as."""
    return Fraction(repr(float(value)))


@lru_cache(maxsize=256)
def levels(parameter: Parameter) -> int | None:
    """Number of values a discrete parameter takes; None for a continuous one."""
    if isinstance(parameter, ChoiceParameter):
        return len(parameter.choices)
    if isinstance(parameter, IntParameter):
        return int(parameter.upper) - int(parameter.lower) + 1
    if parameter.step is None:
        return None
    return int((exact(parameter.upper) - exact(parameter.lower)) / exact(parameter.step)) + 1


def to_unit(parameter: Parameter, values: Sequence[Value]) -> Array:
    """Coordinates ``(n,)`` of values; raises ValueError for a value that is no choice."""
    if isinstance(parameter, ChoiceParameter):
        last = max(1, len(parameter.choices) - 1)
        return np.array([_place(parameter, v) / last for v in values], dtype=float)
    numbers = np.asarray(values, dtype=float)
    lower, upper = parameter.lower, parameter.upper
    if parameter.log:
        with np.errstate(all="ignore"):
            return np.asarray(np.log(numbers / lower) / math.log(upper / lower))
    return (numbers - lower) / (upper - lower)


def _place(parameter: ChoiceParameter, value: Value) -> float:
    """Where a value stands among the choices, counted from 0.

    A number that is none of ordered numbers stands between its neighbours in proportion, or beyond the ends.
    """
    numbers, at = column(parameter.choices), column([value])
    rising = parameter.ordered and numbers.dtype == at.dtype == float and bool((np.diff(numbers) > 0).all())
    if not rising or len(numbers) < 2 or (numbers == at).any():
        return float(_index(parameter, value))
    above = int(np.clip(np.searchsorted(numbers, at[0]), 1, len(numbers) - 1))
    low, high = float(numbers[above - 1]), float(numbers[above])
    return above - 1 + (float(at[0]) - low) / (high - low)


def _index(parameter: ChoiceParameter, value: Value) -> int:
    for index, choice in enumerate(parameter.choices):
        if choice == value and isinstance(choice, bool) == isinstance(value, bool):
            return index
    raise ValueError(problem(parameter, value))


def from_unit(parameter: Parameter, coordinates: Any) -> Any:
    """Values of coordinates (array or tensor of any shape) without snapping; the nearest choice."""
    if isinstance(parameter, ChoiceParameter):
        return _nearest_choices(parameter, coordinates)
    lower, upper = float(parameter.lower), float(parameter.upper)
    if parameter.log:
        return lower * (upper / lower) ** coordinates
    return lower + (upper - lower) * coordinates


def nearest(parameter: Parameter, coordinates: Array) -> NDArray[Any]:
    """Values of coordinates of any shape on the parameter's grid, in its bounds, not rounded to decimals."""
    if isinstance(parameter, ChoiceParameter):
        return np.asarray(_nearest_choices(parameter, coordinates))
    values = np.asarray(from_unit(parameter, np.clip(coordinates, 0.0, 1.0)))
    if isinstance(parameter, IntParameter):
        return np.asarray(np.clip(np.rint(values), parameter.lower, parameter.upper))
    if parameter.step is None:
        return values
    index = np.rint((values - parameter.lower) / parameter.step)
    return np.asarray(parameter.lower + parameter.step * np.clip(index, 0, (levels(parameter) or 1) - 1))


def middle(parameter: Parameter) -> Value:
    """The value in the middle of a parameter's range or choices."""
    value: Value = snap(parameter, np.array([0.5]))[0]
    return value


def _nearest_choices(parameter: ChoiceParameter, coordinates: Any) -> Any:
    tensor = hasattr(coordinates, "detach")
    plain = coordinates.detach().cpu().numpy() if tensor else np.asarray(coordinates)
    index = np.rint(np.clip(plain, 0, 1) * (len(parameter.choices) - 1)).astype(int)
    values = column(parameter.choices)[index.ravel()].reshape(index.shape)
    return coordinates.new_tensor(values) if tensor and values.dtype != object else values


def column(values: Sequence[Value]) -> NDArray[Any]:
    """Values as floats where all are numbers, else as objects."""
    numeric = all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in values)
    if numeric:
        return np.array(values, dtype=float)
    column = np.empty(len(values), dtype=object)
    column[:] = list(values)
    return column


def snap(parameter: Parameter, coordinates: Array) -> list[Any]:
    """Python values of coordinates ``(n,)`` in [0, 1]: on the grid, inside the bounds."""
    if isinstance(parameter, ChoiceParameter):
        last = len(parameter.choices) - 1
        return [parameter.choices[int(i)] for i in np.rint(coordinates * last)]
    values = from_unit(parameter, coordinates)
    if isinstance(parameter, IntParameter):
        return [int(v) for v in np.clip(np.rint(values), parameter.lower, parameter.upper)]
    if parameter.step is not None:
        index = np.rint((values - parameter.lower) / parameter.step)
        return grid_values(parameter, np.clip(index, 0, (levels(parameter) or 1) - 1).astype(int))
    return _rounded(parameter, values)


def grid_values(parameter: FloatParameter, index: NDArray[np.int_]) -> list[float]:
    """``lower + k step`` for each k, rounded correctly: 4.55 and never 4.550000000000001."""
    lower, step = exact(parameter.lower), exact(parameter.step or 0.0)
    common = math.lcm(lower.denominator, step.denominator)
    first, stride = int(lower * common), int(step * common)
    if max(common, abs(first) + stride * (levels(parameter) or 1)) < _EXACT_INTEGER:
        return [float(v) for v in (first + stride * index.astype(np.int64)) / common]
    return [float(lower + int(k) * step) for k in index]


def _rounded(parameter: FloatParameter, values: Array) -> list[float]:
    """Twelve digits of the range (on a log scale, of smaller numbers too): a second trip changes nothing."""
    lower, upper = float(parameter.lower), float(parameter.upper)
    sizes = np.minimum(values, upper - lower) if parameter.log else np.full(len(values), upper - lower)
    places = 12 - np.floor(np.log10(sizes)).astype(int)
    rounded = (round(float(v), int(p)) for v, p in zip(values, places, strict=True))
    return [min(max(v, lower), upper) for v in rounded]


def level_units(parameter: Parameter, index: NDArray[np.int_]) -> Array:
    """Coordinates ``(n,)`` of the k-th values of a discrete parameter."""
    if isinstance(parameter, ChoiceParameter):
        return index / max(1, len(parameter.choices) - 1)
    if isinstance(parameter, IntParameter):
        return to_unit(parameter, [float(parameter.lower + int(k)) for k in index])
    return to_unit(parameter, grid_values(parameter, index))


def around(parameter: Parameter, coordinate: float, radius: float, most: int) -> Array:
    """Coordinates near one, itself first: grid values within ``radius``, at least a neighbour each side.

    At most ``most`` of them. A continuous parameter keeps its place or moves a little.
    """
    count = levels(parameter)
    if count is None:
        moves = [m for m in (1e-9, 1e-6, 1e-4, 1e-3, 1e-2, radius / 2, radius) if m <= radius]
        near = coordinate + np.array([0.0, *(s * m for m in reversed(moves) for s in (1, -1))])
        return np.clip(near, 0.0, 1.0)[:most]
    index = _nearest_level(parameter, coordinate, count)
    if radius == 0.0:
        return level_units(parameter, np.array([index]))
    levels_near = np.arange(max(0, index - most), min(count - 1, index + most) + 1)
    units = level_units(parameter, levels_near)
    chosen = (np.abs(units - coordinate) <= radius) | (np.abs(levels_near - index) <= 1)
    order = np.argsort(np.abs(units[chosen] - coordinate), kind="stable")
    return np.asarray(units[chosen][order][:most])


def _nearest_level(parameter: Parameter, coordinate: float, count: int) -> int:
    if isinstance(parameter, ChoiceParameter):
        return round(coordinate * (count - 1))
    stride = 1.0 if isinstance(parameter, IntParameter) else float(parameter.step or 1.0)
    value = float(from_unit(parameter, coordinate))
    return min(count - 1, max(0, round((value - parameter.lower) / stride)))


def problem(parameter: Parameter, value: Any) -> str | None:
    """A sentence where a value is no number, no choice, not whole or out of bounds; else None."""
    name = parameter.name
    if isinstance(parameter, ChoiceParameter):
        if any(c == value and isinstance(c, bool) == isinstance(value, bool) for c in parameter.choices):
            return None
        return f"{name} = {value!r} is not one of its choices: {', '.join(map(str, parameter.choices))}."
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"{name} = {value!r} is not a number."
    if isinstance(parameter, IntParameter) and value != int(value):
        return f"{name} = {value!r} is not a whole number."
    if parameter.lower <= value <= parameter.upper:
        return None
    shown, lower, upper = (
        format_quantity(number, parameter.unit if end else None, exact=True)
        for number, end in ((value, True), (parameter.lower, False), (parameter.upper, True))
    )
    return f"{name} = {shown} lies outside its range {lower} .. {upper}."


def chosen(mask: NDArray[np.bool_], values: Any, other: float) -> Any:
    """``values``, array or tensor, where the mask holds, else ``other``; gradients flow."""
    if hasattr(values, "detach"):
        return values.where(sys.modules["torch"].as_tensor(mask), values.new_full((), other))
    return np.where(mask, values, other)


def stack(parts: Sequence[Any]) -> Any:
    """Tensors stacked along a new last axis; torch is loaded wherever a tensor exists."""
    return sys.modules["torch"].stack(list(parts), dim=-1)


def spread(n: int, dimension: int) -> Array:
    """``n`` points of a low-discrepancy sequence in ``dimension`` coordinates (Roberts 2018, R_d)."""
    ratio = 2.0
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (dimension + 1))
    steps = ratio ** -np.arange(1.0, dimension + 1)
    return (0.5 + np.arange(1, n + 1)[:, None] * steps) % 1.0
