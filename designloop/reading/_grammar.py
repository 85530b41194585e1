"""The grammar of expressions: text to a tree of nodes, with units checked on the way. No ``eval``.

comparison := sum (relation sum)+
sum        := product (("+" | "-") product)*
product    := unary (("*" | "/") unary)*
unary      := ("-" | "+") unary | power
power      := atom (("**" | "^") unary)?
atom       := number unit? | name | function "(" sum ("," sum)* ")" | "(" sum ")" | quoted choice
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NoReturn

from designloop.reading import _nodes as nodes
from designloop.reading._nodes import PURE, Node
from designloop.reading._tokens import FUNCTIONS, ExpressionError, Token, tokenize
from designloop.units import atoms, format_quantity, parse_quantity

_LARGEST_EXPONENT = 12
"""Of a quantity with a unit, numerator and denominator."""

RELATIONS = ("<=", ">=", "==", "!=", "<", ">")


def _quoted(name: str) -> str:
    """How to write a name: in backticks where it is no plain word."""
    return name if re.fullmatch(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*", name) else f"`{name}`"


class Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str, units: Mapping[str, str], choices: Mapping[str, tuple[Any, ...]]) -> None:
        self.text, self.units, self.choices = text, units, choices
        self.known: dict[str, Any] = {**choices, **units}
        self.tokens = tokenize(text, self.known)
        self.position = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.token
        self.position = min(self.position + 1, len(self.tokens) - 1)
        return token

    def whole(self) -> Node:
        """A whole expression; raises where something is left."""
        node = self.sum()
        if self.token.text in RELATIONS:
            self.refuse("a comparison cannot stand here.", self.token)
        self.finish()
        return node

    def finish(self) -> None:
        if self.token.kind != "end":
            left = self.tokens[self.position - 1].text if self.position else ""
            instead = None
            if self.token.kind in ("name", "number") or self.token.text == "(":
                instead = f"Write '*' between {left!r} and {self.token.text!r} if a product is meant."
            self.refuse(f"{self.token.text!r} is not expected here.", self.token, instead)

    def chain(self) -> list[tuple[Node | str, Token, int]]:
        """Sides of a chain: node (or a bare word), the relation before it, and where the side ends."""
        first = self.token
        sides: list[tuple[Node | str, Token, int]] = [(self.side(), first, self.end())]
        while self.token.text in RELATIONS and self.token.kind == "sign":
            relation = self.take()
            sides.append((self.side(), relation, self.end()))
        self.finish()
        return sides

    def end(self) -> int:
        return self.tokens[self.position - 1].end if self.position else 0

    def side(self) -> Node | str:
        """One side of a comparison; a lone word that may be a choice stays text."""
        token, following = self.token, self.tokens[min(self.position + 1, len(self.tokens) - 1)]
        if token.kind == "text":
            return self.take().text[1:-1]
        lone = following.kind == "end" or following.text in RELATIONS
        if token.kind == "name" and lone and token.text not in self.known:
            return self.take().text
        if token.kind == "name" and lone and self.is_label(token.text):
            self.take()
            return Node("name", (token.text, Fraction(0)), choices=self.choices[token.text], unit="")
        return self.sum()

    def is_label(self, name: str) -> bool:
        """True for a choice parameter of which not every choice is a number."""
        return name in self.choices and not all(
            isinstance(c, int | float) and not isinstance(c, bool) for c in self.choices[name]
        )

    def sum(self) -> Node:
        node = self.product()
        while self.token.text in ("+", "-") and self.token.kind == "sign":
            sign = self.take()
            right = self.product()
            self.same_dimension(node, right, sign, "added" if sign.text == "+" else "subtracted")
            node = nodes.combined(sign.text, node, right)
        return node

    def product(self) -> Node:
        node = self.unary()
        while self.token.text in ("*", "/") and self.token.kind == "sign":
            sign = self.take()
            right = self.unary()
            if sign.text == "/" and right.operation == "number" and right.arguments[0] == 0:
                self.refuse("this divides by zero.", sign)
            node = (nodes.product if sign.text == "*" else nodes.quotient)(node, right)
        return node

    def unary(self) -> Node:
        if self.token.kind == "sign" and self.token.text in ("-", "+"):
            sign = self.take()
            node = self.unary()
            return nodes.negated(node) if sign.text == "-" else node
        return self.power()

    def power(self) -> Node:
        base = self.atom()
        if self.token.text not in ("**", "^") or self.token.kind != "sign":
            return base
        sign = self.take()
        exponent = self.unary()
        if exponent.dimension != PURE:
            self.refuse(f"an exponent is a pure number, not in {self.shown(exponent)}.", sign)
        exponent = nodes.scaled(exponent, Fraction(1))
        rational = None
        if exponent.operation == "number" and abs(exponent.arguments[0]) <= _LARGEST_EXPONENT:
            rational = Fraction(exponent.arguments[0]).limit_denominator(_LARGEST_EXPONENT)
            if abs(float(rational) - exponent.arguments[0]) > 1e-12:
                rational = None
        if rational is None and base.dimension != PURE:
            self.refuse(
                "the power of a quantity with a unit needs a fixed, small exponent such as 2 or 1/3.", sign
            )
        return nodes.raised(base, exponent, rational)

    def atom(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return nodes.number(parse_quantity(token.text).value, token.unit)
        if token.kind == "name":
            return self.call(token) if self.token.text == "(" else self.name(token)
        if token.text == "(":
            node = self.sum()
            self.expect(")", token)
            return node
        if token.kind == "text":
            self.refuse("quoted words can only be compared with a choice, by == or !=.", token)
        what = "the expression ends where" if token.kind == "end" else f"{token.text!r} stands where"
        return self.refuse(f"{what} a name or number should follow.", token)

    def name(self, token: Token) -> Node:
        if token.text not in self.known:
            self.refuse_unknown(token)
        if self.is_label(token.text):
            self.refuse(f"{token.text!r} is a choice and can only be compared by == or !=.", token)
        return nodes.name(token.text, self.units.get(token.text, ""))

    def refuse_unknown(self, token: Token) -> NoReturn:
        lower = {known.lower(): known for known in self.known}
        near = difflib.get_close_matches(token.text.lower(), lower, n=1, cutoff=0.5)
        if near and token.text not in atoms():
            instead = f"Did you mean '{_quoted(lower[near[0]])}'?"
        elif token.text in atoms():
            instead = f"A unit may follow only a number, such as '1 {token.text}' or '1 1/{token.text}'."
        else:
            listed = ", ".join(list(self.known)[:8])
            instead = f"Known are: {listed}." if listed else "No names are known here."
        self.refuse(f"the name {token.text!r} is not known.", token, instead)

    def call(self, token: Token) -> Node:
        if token.text not in FUNCTIONS:
            if token.text in self.known:
                self.refuse(f"{token.text!r} is not a function.", token, f"Write '{token.text} * (...)'.")
            self.refuse(
                f"the function {token.text!r} is not known.", token, f"Known are {', '.join(FUNCTIONS)}."
            )
        opening = self.take()
        arguments = [self.sum()]
        while self.token.text == ",":
            self.take()
            arguments.append(self.sum())
        self.expect(")", opening)
        return self.apply(token, arguments)

    def apply(self, token: Token, arguments: list[Node]) -> Node:
        if token.text in ("min", "max"):
            if len(arguments) < 2:
                self.refuse(f"{token.text} needs two arguments or more.", token)
            for other in arguments[1:]:
                self.same_dimension(arguments[0], other, token, "compared")
            return nodes.combined(token.text, *arguments)
        if len(arguments) != 1:
            self.refuse(f"{token.text} takes one argument, not {len(arguments)}.", token)
        argument = arguments[0]
        if token.text == "abs":
            return nodes.magnitude(argument)
        if token.text == "sqrt":
            return nodes.raised(argument, nodes.number(0.5, None), Fraction(1, 2))
        if argument.dimension != PURE:
            self.refuse(
                f"{token.text} needs a pure number, not one in {self.shown(argument)}.", token,
                f"Divide by a reference, such as {token.text}(x / (1 {nodes.result_unit(argument)})).",
            )  # fmt: skip
        return nodes.pure(token.text, argument)

    def same_dimension(self, left: Node, right: Node, at: Token, verb: str) -> None:
        """Raise where two sides measure different things."""
        if left.dimension == right.dimension:
            return
        instead = None
        for bare, other in ((left, right), (right, left)):
            if bare.bare and bare.operation == "number":
                digits = format_quantity(bare.arguments[0], exact=True)
                instead = f"Write the number with its unit, such as '{digits} {nodes.result_unit(other)}'."
            elif bare.operation == "number" and other.operation == "name":
                unit = nodes.result_unit(other)
                instead = (
                    f"Write it in {unit}, or a unit of the same kind." if unit else "Leave the unit out."
                )
        self.refuse(f"{self.shown(left)} and {self.shown(right)} cannot be {verb}.", at, instead)

    def shown(self, node: Node) -> str:
        """How a message names a side: its name and unit."""
        unit = nodes.result_unit(node)
        unit = f"in {unit}" if unit else "without unit"
        if node.operation == "name":
            return f"{node.arguments[0]} ({unit})"
        return f"a {'number' if node.operation == 'number' else 'value'} {unit}"

    def expect(self, sign: str, opening: Token) -> None:
        if self.token.text != sign:
            self.refuse(f"the parenthesis opened here is not closed by {sign!r}.", opening)
        self.take()

    def refuse(self, what: str, at: Token, instead: str | None = None) -> NoReturn:
        raise ExpressionError(what, offset=at.start, instead=instead)
