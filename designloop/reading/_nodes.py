"""The tree of an expression: every node knows its dimension and the scale in which it counts.

A node's number times its ``scale`` is its value in coherent SI. Names count in their declared unit, so a
quotient of two lengths in um is computed from the numbers the user wrote, without round trip through metres:
720 um / 4 um is 180 exactly. Numbers may be Python floats, NumPy arrays or torch tensors.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from designloop.units import Dimension, affine, factor_offset, power

PURE: Dimension = ()
_ONE = Fraction(1)


@dataclass(frozen=True)
class Node:
    """One operation on ``arguments``; leaves are ``number`` and ``name``.

    ``unit`` is the text to show the value in, None where only the coherent SI text fits. ``bare`` marks
    numbers without unit. ``choices`` are the values of a choice parameter.
    """

    operation: str
    arguments: tuple[Any, ...]
    dimension: Dimension = PURE
    scale: Fraction = _ONE
    unit: str | None = None
    bare: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names below this node."""
        if self.operation == "name":
            return frozenset({self.arguments[0]})
        return frozenset().union(*(a.names for a in self.arguments if isinstance(a, Node)))

    def evaluate(self, columns: Mapping[str, Any]) -> Any:
        """The value in this node's own scale."""
        if self.operation == "number":
            return self.arguments[0]
        if self.operation == "name":
            name, offset = self.arguments
            return columns[name] + float(offset) if offset else _real(columns[name])
        if self.operation == "affine":
            return affine(self.arguments[0].evaluate(columns), *self.arguments[1:])
        return _OPERATIONS[self.operation](*(a.evaluate(columns) for a in self.arguments))


def number(value: float, unit: str | None) -> Node:
    """A literal; without unit it is bare."""
    if unit is None:
        return Node("number", (value,), unit="", bare=True)
    factor, offset, dimension = factor_offset(unit)
    shifted = affine(value, _ONE, offset / factor) if offset else value
    return Node("number", (shifted,), dimension, factor, unit)


def name(text: str, unit: str) -> Node:
    """A name in its declared unit; temperatures in degC count in K."""
    factor, offset, dimension = factor_offset(unit)
    return Node("name", (text, offset / factor), dimension, factor, unit)


def scaled(node: Node, scale: Fraction) -> Node:
    """The same quantity counted in another scale; literals are converted exactly."""
    if node.scale == scale:
        return node
    ratio = node.scale / scale
    if node.operation == "number":
        return Node("number", (affine(node.arguments[0], ratio),), node.dimension, scale, node.unit)
    return Node("affine", (node, ratio), node.dimension, scale, node.unit)


def shown_in(node: Node, unit: str) -> Node:
    """The node converted to count in ``unit``, offset included; for results only, of equal dimension."""
    factor, offset, _ = factor_offset(unit)
    if node.operation == "name" and node.unit == unit:
        return Node("name", (node.arguments[0], Fraction(0)), node.dimension, factor, unit)
    node = scaled(node, factor)
    return replace(shifted(node, -offset / factor), unit=unit) if offset else node


def shifted(node: Node, offset: Fraction) -> Node:
    """The node plus a number in its own scale; literals are shifted exactly."""
    if node.operation == "number":
        return replace(node, arguments=(affine(node.arguments[0], _ONE, offset),))
    return Node("affine", (node, _ONE, offset), node.dimension, node.scale, node.unit)


def combined(operation: str, first: Node, *others: Node) -> Node:
    """A sum, difference, minimum or maximum of equal dimensions, in the scale of the first."""
    arguments = (first, *(scaled(o, first.scale) for o in others))
    unit = first.unit if operation in ("min", "max") else _step_unit(first)
    bare = all(a.bare for a in arguments)
    return folded(Node(operation, arguments, first.dimension, first.scale, unit, bare))


def product(left: Node, right: Node) -> Node:
    """Left times right."""
    return _joined("*", left, right, left.scale * right.scale, 1)


def quotient(left: Node, right: Node) -> Node:
    """Left over right."""
    return _joined("/", left, right, left.scale / right.scale, -1)


def _joined(operation: str, left: Node, right: Node, scale: Fraction, sign: int) -> Node:
    dimension = merged(left.dimension, tuple((n, sign * e) for n, e in right.dimension))
    unit = None
    if right.bare:
        unit = _step_unit(left)
    elif left.bare and sign > 0:
        unit = _step_unit(right)
    bare = left.bare and right.bare
    return folded(Node(operation, (left, right), dimension, scale, unit, bare))


def raised(base: Node, exponent: Node, rational: Fraction | None) -> Node:
    """Base to a power; ``rational`` is the exponent's exact value, needed for a base with a dimension."""
    if rational is None or base.dimension == PURE:
        return folded(Node("**", (scaled(base, _ONE), exponent), PURE, bare=base.bare and exponent.bare))
    if power(power(base.scale, rational), 1 / rational if rational else _ONE) != base.scale:
        base = scaled(base, _ONE)
    dimension = tuple((n, e * rational) for n, e in base.dimension if rational)
    scale = power(base.scale, rational)
    return folded(Node("**", (base, exponent), dimension, scale, "" if base.bare else None, base.bare))


def negated(node: Node) -> Node:
    """Minus the node."""
    return folded(Node("neg", (node,), node.dimension, node.scale, _step_unit(node), node.bare))


def magnitude(node: Node) -> Node:
    """The absolute value."""
    return folded(Node("abs", (node,), node.dimension, node.scale, _step_unit(node), node.bare))


def pure(function: str, node: Node) -> Node:
    """A transcendental function of a pure number."""
    return folded(Node(function, (scaled(node, _ONE),), PURE, unit="", bare=node.bare))


def folded(node: Node) -> Node:
    """The node, or its value where it holds literals only."""
    if all(a.operation == "number" for a in node.arguments):
        value = float(node.evaluate({}))
        return Node("number", (value,), node.dimension, node.scale, node.unit, node.bare)
    return node


def merged(first: Dimension, second: Dimension) -> Dimension:
    """The dimension of a product."""
    powers = dict(first)
    for base, exponent in second:
        powers[base] = powers.get(base, Fraction(0)) + exponent
    return tuple(sorted((b, e) for b, e in powers.items() if e))


_BASE_UNITS = {
    "length": "m",
    "mass": "kg",
    "time": "s",
    "current": "A",
    "temperature": "K",
    "substance": "mol",
}
_NAMED = ("N", "Pa", "J", "W", "V", "Ohm", "F", "C", "T", "Wb", "H", "S", "Hz", "N/m", "m/N", "V/m", "V/s")


def coherent_unit(dimension: Dimension) -> str:
    """A text of the coherent SI unit of a dimension, such as ``N/m`` or ``m^2/s``."""
    for unit in _NAMED:
        if factor_offset(unit)[2] == dimension:
            return unit
    over = [_raised_text(n, e) for n, e in dimension if e > 0]
    under = [_raised_text(n, -e) for n, e in dimension if e < 0]
    if not under:
        return "*".join(over)
    below = under[0] if len(under) == 1 else f"({'*'.join(under)})"
    return f"{'*'.join(over) or '1'}/{below}"


def result_unit(node: Node) -> str:
    """The unit in which to show the node's value."""
    if node.unit is not None:
        return node.unit
    return coherent_unit(node.dimension)


def _raised_text(base: str, exponent: Fraction) -> str:
    unit = _BASE_UNITS[base]
    if exponent == 1:
        return unit
    return f"{unit}^{exponent}" if exponent.denominator == 1 else f"{unit}^({exponent})"


def _step_unit(node: Node) -> str | None:
    """The node's unit; K for degC, of which sums and multiples are no temperatures in degC."""
    return None if node.unit is None or factor_offset(node.unit)[1] else node.unit


def _real(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.astype(float, copy=False)
    return float(value) if isinstance(value, int) else value


def _is_torch(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "torch"


def _elementwise(function: str) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        if _is_torch(value):
            return getattr(sys.modules["torch"], function)(value)
        with np.errstate(all="ignore"):
            return getattr(np, function)(value)

    return call


def _extreme(function: str) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        tensor = next((v for v in values if _is_torch(v)), None)
        result = values[0]
        for value in values[1:]:
            if tensor is None:
                result = getattr(np, function)(result, value)
            else:
                pair = [v if _is_torch(v) else tensor.new_tensor(v) for v in (result, value)]
                result = getattr(sys.modules["torch"], function)(*pair)
        return result

    return call


def _quiet(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def call(left: Any, right: Any) -> Any:
        if _is_torch(left) or _is_torch(right):
            return function(left, right)
        with np.errstate(all="ignore"):
            return function(np.asarray(left, dtype=float)[()], np.asarray(right, dtype=float)[()])

    return call


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": _quiet(lambda a, b: a + b),
    "-": _quiet(lambda a, b: a - b),
    "*": _quiet(lambda a, b: a * b),
    "/": _quiet(lambda a, b: a / b),
    "**": _quiet(lambda a, b: a**b),
    "neg": lambda a: -a,
    "abs": abs,
    "min": _extreme("minimum"),
    "max": _extreme("maximum"),
    **{f: _elementwise(f) for f in ("sqrt", "exp", "log", "log10", "sin", "cos", "tan")},
}
