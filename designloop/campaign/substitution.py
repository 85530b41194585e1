"""Constants and derived values put into expressions, so that only what varies is named in them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from designloop.reading._nodes import Node, folded
from designloop.reading.expression import Comparison, Expression

if TYPE_CHECKING:
    from designloop.campaign.inputs import Inputs


def bound_to(expression: Expression, inputs: Inputs) -> Expression:
    """The expression over parameters, process variables and outputs alone."""
    node = _bound(expression.node, inputs)
    return Expression(expression.text, node.names, expression.unit, node)


def comparison_bound_to(comparison: Comparison, inputs: Inputs) -> Comparison:
    """The comparison over parameters, process variables and outputs alone."""
    left, right = bound_to(comparison.left, inputs), bound_to(comparison.right, inputs)
    return replace(comparison, left=left, right=right)


def _bound(node: Node, inputs: Inputs) -> Node:
    if node.operation == "name":
        return _named(node, inputs)
    if not any(isinstance(a, Node) for a in node.arguments):
        return node
    arguments = tuple(_bound(a, inputs) if isinstance(a, Node) else a for a in node.arguments)
    rebuilt = replace(node, arguments=arguments)
    return folded(rebuilt) if all(isinstance(a, Node) for a in arguments) else rebuilt


def _named(node: Node, inputs: Inputs) -> Node:
    name, offset = node.arguments
    constants = inputs.constants()
    if name in inputs.derived:
        inner = inputs.derived[name].expression.node
        return Node("affine", (inner, Fraction(1), offset), *_kind(node)) if offset else inner
    if name not in constants:
        return node
    value = constants[name]
    if isinstance(value, str | bool):
        return replace(node, operation="number", arguments=(value,))
    return replace(node, operation="number", arguments=(float(value) + float(offset),))


def _kind(node: Node) -> tuple[tuple[tuple[str, Fraction], ...], Fraction, str | None]:
    return node.dimension, node.scale, node.unit
