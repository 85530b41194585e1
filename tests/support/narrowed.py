"""A slow oracle in a small box, so that the contract's suite asks it within seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from designloop.oracle import Context, Declaration, Input, Oracle, Result, Value

Box = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Narrowed:
    """``oracle`` with bounds, defaults and fidelities moved into ``box``; inputs not named there are kept."""

    oracle: Oracle
    box: Box

    @property
    def declaration(self) -> Declaration:
        """The oracle's own in the smaller box."""
        declared = self.oracle.declaration
        fidelities = [
            replace(f, settings={name: self._into(name, value) for name, value in f.settings.items()})
            for f in declared.fidelities
        ]
        inputs = tuple(map(self._narrowed, declared.inputs))
        return replace(declared, inputs=inputs, fidelities=tuple(fidelities))

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """What the oracle answers, with the narrowed defaults."""
        defaults = {i.name: i.default for i in self.declaration.inputs if i.default is not None}
        return self.oracle.evaluate({**defaults, **parameters}, context)

    def _narrowed(self, declared: Input) -> Input:
        if declared.name not in self.box:
            return declared
        lower, upper = self.box[declared.name]
        default = None if declared.default is None else self._into(declared.name, declared.default)
        return replace(declared, lower=lower, upper=upper, default=default)

    def _into(self, name: str, value: Value) -> Value:
        if name not in self.box or isinstance(value, str):
            return value
        lower, upper = self.box[name]
        return min(max(value, lower), upper)
