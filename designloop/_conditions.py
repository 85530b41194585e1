"""Conditions of parameters: read from their text, put in order, and which parameters a design then has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from designloop._scale import ChoiceParameter, Parameter

if TYPE_CHECKING:
    from designloop.reading.expression import Comparison

Conditions = Mapping[str, tuple["Comparison", ...]]
"""Conditional parameter to the comparisons that must all hold; those that others need stand first."""
Mask = NDArray[np.bool_]


class Circle(ValueError):  # noqa: N818 - reads as a verdict where it is raised
    """Parameters that exist only when each other do: ``names`` in a row, each needing the next."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        chain = ", and ".join(f"{a} exists only where {b} does" for a, b in itertools.pairwise(names))
        self.what = f"{chain}."
        super().__init__(f"{self.what} Break the circle.")


def conditions_of(parameters: Sequence[Parameter]) -> Conditions:
    """The conditions of the parameters that have some; raises ValueError, as a sentence."""
    others = {p.name: [o for o in parameters if o is not p] for p in parameters}
    return ordered({p.name: read(p.when, others[p.name]) for p in parameters if p.when})


def read(text: str, parameters: Sequence[Parameter]) -> tuple[Comparison, ...]:
    """The comparisons of a condition over ``parameters``; raises ExpressionError, with the place."""
    from designloop.reading.conditions import parts, refuse_alone
    from designloop.reading.expression import ExpressionError, parse_comparison

    units = {p.name: p.unit for p in parameters if not _is_label(p)}
    choices = {p.name: p.choices for p in parameters if isinstance(p, ChoiceParameter) and _is_label(p)}
    names = [p.name for p in parameters]
    found: list[Comparison] = []
    for start, part in parts(text, names, choices):
        try:
            refuse_alone(part, choices, names)
            found += parse_comparison(part, units=units, choices=choices)
        except ExpressionError as error:
            error.offset += start
            raise
    return tuple(found)


def _is_label(parameter: Parameter) -> bool:
    return isinstance(parameter, ChoiceParameter) and not all(
        isinstance(c, int | float) and not isinstance(c, bool) for c in parameter.choices
    )


def names_of(comparisons: Sequence[Comparison]) -> frozenset[str]:
    """Every name in some comparisons."""
    return frozenset().union(*(c.names for c in comparisons))


def ordered(found: Conditions) -> Conditions:
    """The conditions, those that others need first; raises Circle."""
    placed: dict[str, tuple[Comparison, ...]] = {}
    while len(placed) < len(found):
        ready = [
            name
            for name, comparisons in found.items()
            if name not in placed and not (names_of(comparisons) & found.keys()) - placed.keys()
        ]
        if not ready:
            raise Circle(_circle({n: c for n, c in found.items() if n not in placed}))
        placed |= {name: found[name] for name in ready}
    return placed


def _circle(waiting: Conditions) -> tuple[str, ...]:
    """One circle among conditions of which each needs another, its first name again at the end."""
    way = [next(iter(waiting))]
    while way[-1] not in way[:-1]:
        way.append(min(names_of(waiting[way[-1]]) & waiting.keys()))
    return tuple(way[way.index(way[-1]) :])


def hold(comparisons: Sequence[Comparison], columns: Mapping[str, Any], shape: tuple[int, ...]) -> Mask:
    """Where all comparisons hold, of ``shape``, for columns of values."""
    met = np.ones(shape, dtype=bool)
    with np.errstate(all="ignore"):
        for comparison in comparisons:
            met &= np.asarray(comparison.slack(columns) >= 0)
    return met


def existing(conditions: Conditions, columns: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, Mask]:
    """For each conditional parameter where it exists; a condition on one that does not exist fails."""
    found: dict[str, Mask] = {}
    for name, comparisons in conditions.items():
        met = hold(comparisons, columns, shape)
        for other in names_of(comparisons) & found.keys():
            met &= found[other]
        found[name] = met
    return found


def needed(conditions: Conditions) -> Iterator[str]:
    """The names on which some parameter depends, each once."""
    return iter(
        dict.fromkeys(n for comparisons in conditions.values() for n in sorted(names_of(comparisons)))
    )
