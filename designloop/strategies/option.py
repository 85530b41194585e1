"""One option of a strategy, and a strategy's declaration; light to import."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from designloop.errors import CampaignError

_PLUGIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
OptionValue = float | str | tuple[int, ...] | tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option: its default and the values it takes.

    A number from ``lower`` to ``upper``, whole where ``whole`` says so; or one of ``choices``; or either
    where ``number`` is set beside choices; or a list of ``items``; or, with ``plugin``, package.module:Name.
    """

    default: OptionValue
    help: str
    lower: float = 0.0
    upper: float = math.inf
    whole: bool = False
    choices: tuple[str, ...] = ()
    number: bool = False
    items: type[int] | type[str] | None = None
    plugin: bool = False

    def check(self, name: str, value: Any) -> OptionValue:
        """The value in its type; raises CampaignError with what to write instead."""
        if self.items is not None:
            return self._listed(name, value)
        if isinstance(value, str) and (value in self.choices or (self.plugin and _PLUGIN.fullmatch(value))):
            return value
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if (self.number or not self.choices) and number and self._fits(value):
            return int(value) if self.whole else float(value)
        raise CampaignError(f"strategy option {name} is {value!r}.", instead=self._instead())

    def _fits(self, value: float) -> bool:
        inside = self.lower <= value <= self.upper and value < math.inf
        return inside and (not self.whole or value == int(value))

    def _listed(self, name: str, value: Any) -> OptionValue:
        good = isinstance(value, list | tuple) and all(
            isinstance(v, str) if self.items is str else type(v) is int and v >= max(1.0, self.lower)
            for v in value
        )
        if good and (value or self.items is str):
            return tuple(value)
        kind = "texts" if self.items is str else "whole numbers from 1 on, such as [10, 15]"
        raise CampaignError(f"strategy option {name} is {value!r}.", instead=f"Write a list of {kind}.")

    def _instead(self) -> str:
        words = ", ".join(self.choices) + (", or package.module:Regressor" if self.plugin else "")
        kind = "whole number" if self.whole else "number"
        end = " on" if self.upper == math.inf else f" to {self.upper:g}"
        numbers = f"a {kind} from {self.lower:g}{end}"
        if not self.choices:
            return f"Write {numbers}, such as {self.default}."
        return f"Write one of {words}." if not self.number else f"Write {words} or {numbers}."


@dataclass(frozen=True, kw_only=True)
class StrategyDeclaration:
    """One strategy as a campaign may name it. ``learns``: it learns a response instead of improving one."""

    summary: str
    model_based: bool
    options: Mapping[str, Option] = field(default_factory=dict)
    learns: bool = False
