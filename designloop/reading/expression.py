"""Expressions and comparisons of a YAML file: parsed once, evaluated on columns of numbers.

``beam_length / beam_width <= 180`` or ``20 kHz <= resonance_frequency <= 80 kHz``. Units are checked when
parsed; columns come in the units declared for their names, as floats, NumPy arrays or torch tensors
(gradients flow).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from designloop.reading import _nodes as nodes
from designloop.reading._grammar import Parser
from designloop.reading._nodes import Node
from designloop.reading._tokens import ExpressionError, Token
from designloop.units import UnitError, check_unit, compatible, factor_offset, format_quantity

__all__ = ["Comparison", "Expression", "ExpressionError", "parse_comparison", "parse_expression"]

Relation = Literal["<=", ">=", "==", "!="]

_TOLERANCE = 1e-9
"""Sides that agree to nine digits are equal: grid values and solvers end on a bound, not beside it."""


@dataclass(frozen=True)
class Expression:
    """A checked expression. ``unit`` is the unit of its value."""

    text: str
    names: frozenset[str]
    unit: str
    node: Node

    def evaluate(self, columns: Mapping[str, Any]) -> Any:
        """The value in ``unit`` for columns in the declared units: arrays of any one shape, or floats."""
        value = self.node.evaluate(columns)
        return float(value) if isinstance(value, np.floating) else value

    def in_unit(self, unit: str) -> Expression:
        """The same expression with its value in another unit. Raises UnitError where they do not match."""
        unit = check_unit(unit)
        if unit == self.unit:
            return self
        if not compatible(unit, self.unit):
            raise UnitError(f"{self.text!r} is in {self.unit or 'no unit'}, which is not a kind of {unit!r}.")
        return Expression(self.text, self.names, unit, nodes.shown_in(_unshown(self.node, self.unit), unit))

    @property
    def is_constant(self) -> bool:
        """True where no name stands in it."""
        return not self.names


def _unshown(node: Node, unit: str) -> Node:
    """Undo ``shown_in``: back to a scale without offset."""
    factor, offset, _ = factor_offset(unit)
    if not offset:
        return node
    if node.operation == "name":
        return nodes.name(node.arguments[0], unit)
    return nodes.shifted(node, offset / factor)


@dataclass(frozen=True)
class Comparison:
    """One relation between two sides; an input constraint of a space.

    ``slack`` is in the unit of the left side (``left.unit``; where a product has no unit of its own, the one
    written on the right): ``right - left`` for <=, ``left - right`` for >=,
    ``-|left - right|`` for == of numbers, and +1 or -1 for != and for choices.
    """

    text: str
    left: Expression
    relation: Relation
    right: Expression

    @property
    def label(self) -> str:
        """The user's own text."""
        return self.text

    @property
    def names(self) -> frozenset[str]:
        """The names on both sides."""
        return self.left.names | self.right.names

    @property
    def of_choices(self) -> bool:
        """True where labels are compared, not numbers."""
        return bool(self.left.node.choices or self.right.node.choices)

    def slack(self, columns: Mapping[str, Any]) -> Any:
        """Signed distance to the bound, at or above zero where satisfied; shape of the columns."""
        if self.of_choices:
            return self._sign(_label(self.left, columns) == _label(self.right, columns))
        left, right = self.left.evaluate(columns), self.right.evaluate(columns)
        distance = left - right if self.relation == ">=" else right - left
        # Only the value is taken to zero: a solver that sits on the bound still needs the slope.
        constant = distance.detach() if hasattr(distance, "detach") else distance
        near = abs(constant) < _TOLERANCE * (abs(left) + abs(right))
        distance = distance - _where(near, constant)
        if self.relation == "==":
            return 0.0 - abs(distance)
        return self._sign(distance == 0) if self.relation == "!=" else distance

    def _sign(self, equal: Any) -> Any:
        return 2.0 * equal - 1.0 if self.relation == "==" else 1.0 - 2.0 * equal


def _where(condition: Any, value: Any) -> Any:
    """``value`` where the condition holds, else zero, also for infinite values."""
    if hasattr(value, "detach"):
        return value.where(condition, value.new_zeros(()))
    return np.where(condition, value, 0.0)[()]


def _label(side: Expression, columns: Mapping[str, Any]) -> Any:
    node = side.node
    return columns[node.arguments[0]] if node.operation == "name" else node.arguments[0]


def parse_expression(
    text: str, *, units: Mapping[str, str], choices: Mapping[str, tuple[Any, ...]] | None = None
) -> Expression:
    """Read an expression over the names of ``units`` (name to unit) and ``choices`` (name to values).

    Raises ExpressionError with the place in ``text`` and what to write.
    """
    with _refusals():
        return _expression(text.strip(), Parser(text, units, choices or {}).whole())


def parse_comparison(
    text: str, *, units: Mapping[str, str], choices: Mapping[str, tuple[Any, ...]] | None = None
) -> tuple[Comparison, ...]:
    """Read a comparison; a chain such as ``1 um <= gap <= 4 um`` gives one per relation, in order.

    A bare number beside a single name counts in that name's unit. Raises ExpressionError.
    """
    with _refusals():
        return _chain(text, Parser(text, units, choices or {}))


@contextmanager
def _refusals() -> Iterator[None]:
    """Units and numbers that arise inside an expression and cannot be held, as errors of the expression."""
    try:
        yield
    except UnitError as error:
        raise ExpressionError(str(error)) from None
    except OverflowError:
        raise ExpressionError("a number in it is no finite number, or beyond what can be held.") from None


def _chain(text: str, parser: Parser) -> tuple[Comparison, ...]:
    sides = parser.chain()
    if len(sides) < 2:
        raise ExpressionError(
            f"{text.strip()!r} compares nothing.", instead="Write a bound such as 'beam_width <= 8 um'."
        )
    starts = [sides[0][1].start, *(token.end for _, token, _ in sides[1:])]
    _refuse_mixed_chain(parser, [side for side, _, _ in sides], sides[1][1])
    comparisons = []
    for index in range(1, len(sides)):
        (left, _, _), (right, relation, end) = sides[index - 1], sides[index]
        part = text[starts[index - 1] : end].strip()
        comparisons.append(_comparison(parser, part, left, relation, right))
    return tuple(comparisons)


def _expression(text: str, node: Node) -> Expression:
    if not _finite(node):
        raise OverflowError
    unit = nodes.result_unit(node)
    return Expression(text, node.names, unit, nodes.shown_in(node, unit))


def _finite(node: Node) -> bool:
    if node.operation == "number":
        return isinstance(node.arguments[0], str | bool) or math.isfinite(node.arguments[0])
    return all(_finite(a) for a in node.arguments if isinstance(a, Node))


def _comparison(
    parser: Parser, text: str, left: Node | str, relation: Token, right: Node | str
) -> Comparison:
    kind: Any = {"<": "<=", ">": ">="}.get(relation.text, relation.text)
    sides = _labels(parser, left, right, relation)
    if sides is None:
        sides = _numbers(parser, left, right, relation)  # type: ignore[arg-type]
    first, second = sides
    if not (first.names or second.names):
        parser.refuse(f"{text!r} holds no name, so it says nothing about a design.", relation)
    written = [s.strip() for s in text.split(relation.text, 1)]
    if first.choices or second.choices:
        shown = [Expression(t, n.names, "", n) for t, n in zip(written, (first, second), strict=True)]
        return Comparison(text, shown[0], kind, shown[1])
    lead = _expression(written[0], first)
    if first.unit is None and second.unit is not None:
        lead = lead.in_unit(second.unit)
    return Comparison(text, lead, kind, _expression(written[1], second).in_unit(lead.unit))


def _labels(parser: Parser, left: Node | str, right: Node | str, at: Token) -> tuple[Node, Node] | None:
    """Both sides where labels are compared; None where numbers are."""
    choice = next((s for s in (left, right) if isinstance(s, Node) and s.choices), None)
    if choice is None:
        for side in (left, right):
            if isinstance(side, str):
                parser.refuse_unknown(Token("name", side, parser.text.index(side), at.end))
        return None
    if at.text not in ("==", "!="):
        parser.refuse(f"{choice.arguments[0]!r} is a choice; it can only be compared by == or !=.", at)
    return _label_node(parser, left, choice, at), _label_node(parser, right, choice, at)


def _label_node(parser: Parser, side: Node | str, choice: Node, at: Token) -> Node:
    if isinstance(side, Node) and side.choices:
        return side
    if isinstance(side, str):
        words = [side]
    elif side.operation == "number" and side.bare:
        words = [format_quantity(side.arguments[0], exact=True), str(side.arguments[0])]
    elif side.operation == "name":
        words = [side.arguments[0]]
    else:
        words = []
    for value in choice.choices:
        if str(value) in words or (isinstance(value, bool) and str(value).lower() in words):
            return Node("number", (value,), choices=choice.choices)
    listed = ", ".join(map(str, choice.choices))
    shown = words[0] if words else "this"
    return parser.refuse(
        f"{shown!r} is not a choice of {choice.arguments[0]!r}.", at, f"Choices are: {listed}."
    )


def _numbers(parser: Parser, left: Node, right: Node, at: Token) -> tuple[Node, Node]:
    """Both sides in one dimension; a bare number takes the unit of a single name, zero that of anything."""
    if left.bare and not right.bare:
        left = _with_unit(left, right)
    elif right.bare and not left.bare:
        right = _with_unit(right, left)
    parser.same_dimension(left, right, at, "compared")
    return left, right


def _with_unit(bare: Node, other: Node) -> Node:
    if bare.operation != "number":
        return bare
    if other.operation == "name":
        return nodes.number(bare.arguments[0], other.unit)
    if bare.arguments[0] == 0:
        return Node("number", (0.0,), other.dimension, other.scale, other.unit)
    return bare


def _refuse_mixed_chain(parser: Parser, sides: list[Node | str], at: Token) -> None:
    """Refuse ``20 <= f <= 80 kHz`` where f is declared in Hz: the 20 would be read as 20 Hz."""
    numbers = [s for s in sides if isinstance(s, Node) and s.operation == "number"]
    written = {s.unit for s in numbers if not s.bare}
    middle = {s.unit for s in sides if isinstance(s, Node) and s.operation == "name"}
    for bare in (s for s in numbers if s.bare and s.arguments[0] != 0):
        if written - middle:
            digits, unit = (
                format_quantity(bare.arguments[0], exact=True),
                sorted(map(str, written - middle))[0],
            )
            parser.refuse(f"{digits} has no unit, beside a bound in {unit}.", at, f"Write '{digits} {unit}'.")
