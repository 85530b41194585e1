"""Oracles as text: what one declares, and the first lines of a new one. Pure and light."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from designloop.errors import OracleError
from designloop.oracle import Declaration, Fidelity, Input, Output, Value
from designloop.units import format_quantity

_TEMPLATE = '''"""{title}: an oracle for designloop. Named in a campaign file as ./{name}.py:{name}"""

from typing import Annotated

from designloop.oracle import Infeasible, Input, Output


def {name}(
    length: Annotated[float, Input(lower=100, upper=800, unit="um", description="length of the beam")],
    width: Annotated[float, Input(lower=1, upper=10, unit="um", description="width of the beam")],
    thickness: Annotated[float, Input(lower=1, upper=50, unit="um", description="height of the film")] = 20,
) -> Annotated[
    dict[str, float],
    Output("stiffness", unit="N/m", description="clamped at both ends, loaded in the middle"),
    Output("slenderness_margin", margin=True, description="below zero: too slender to be released"),
]:
    """Stiffness of a polysilicon beam clamped at both ends."""
    margin = 1 - length / width / 400
    if margin < 0:
        reason = f"length / width is {{length / width:.0f}}, above 400"
        raise Infeasible(reason, metrics={{"slenderness_margin": margin}})
    modulus = 148.2e3  # N/m per um, that is 148.2 GPa
    return {{"stiffness": 16 * modulus * thickness * (width / length) ** 3, "slenderness_margin": margin}}
'''


def new_oracle_template(name: str) -> str:
    """Text of a one-file oracle that runs as it is and passes every check; raises OracleError."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise OracleError(f"{name!r} cannot name a Python function; use letters, digits and underscores.")
    return _TEMPLATE.format(name=name, title=name.replace("_", " ").capitalize())


def describe(declaration: Declaration) -> str:
    """Inputs with bounds and defaults, outputs, margins, labels and source, as aligned plain text."""
    nature = ["stochastic" if declaration.stochastic else "deterministic"]
    nature += ["cheap"] if declaration.cheap else []
    lines = [f"{declaration.name} (version {declaration.version}): {declaration.summary}"]
    if declaration.labels:
        lines.append(f"LABELS: {', '.join(declaration.labels)}")
    lines.append(f"nature: {', '.join(nature)}")
    if declaration.licences:
        lines.append("licences: " + ", ".join(f"{n} ({k} each)" for n, k in declaration.licences.items()))
    if declaration.options:
        lines.append("options: " + ", ".join(f"{k}: {v}" for k, v in declaration.options.items()))
    margins = [o for o in declaration.outputs if o.margin]
    lines += ["", "inputs", *_table([_input(i) for i in declaration.inputs])]
    lines += ["", "outputs", *_table([_output(o) for o in declaration.outputs if not o.margin])]
    if margins:
        lines += ["", "margins (negative: not allowed)", *_table([_output(o) for o in margins])]
    if declaration.fidelities:
        rows = [
            (f.name, settings_text(declaration, f.settings), cost_text(f), f.description)
            for f in declaration.fidelities
        ]
        lines += ["", "fidelities (in a campaign: fidelity: NAME)", *_table(rows)]
    if declaration.source:
        lines += ["", f"source: {declaration.source}"]
    return "\n".join(lines)


def settings_text(declaration: Declaration, settings: Mapping[str, Value]) -> str:
    """What a fidelity sets: ``pixels 64, realizations 4``."""

    def shown(name: str, value: Value) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        unit = declaration.input(name).unit
        return value if isinstance(value, str) else format_quantity(value, unit, exact=True)

    return ", ".join(f"{name} {shown(name, value)}" for name, value in settings.items())


def cost_text(fidelity: Fidelity) -> str:
    """What one evaluation costs: ``3.2 s``, or that nobody measured it."""
    return "cost not measured" if fidelity.cost is None else rough_time(fidelity.cost)


def rough_time(seconds: float) -> str:
    """Seconds to two digits, in a unit that fits: ``0.8 s``, ``3.3 min``, ``12 h``."""
    size, unit = next(((s, u) for s, u in ((3600, "h"), (60, "min")) if seconds >= s), (1, "s"))
    return format_quantity(float(f"{seconds / size:.2g}"), unit)


def _input(declared: Input) -> tuple[str, ...]:
    if declared.choices:
        allowed = " | ".join(map(str, declared.choices))
    else:
        allowed = f"{_number(declared.lower)} .. {_number(declared.upper)} {declared.unit}".strip()
        allowed += " (log)" if declared.log else ""
        allowed += " (whole)" if declared.integer else ""
    needed = f"only where {declared.when}" if declared.when else "required"
    default = needed if declared.default is None else f"default {declared.default}"
    return declared.name, allowed, default, declared.description


def _output(declared: Output) -> tuple[str, ...]:
    return declared.name, declared.unit, declared.description


def _number(value: float | None) -> str:
    return "any" if value is None else f"{value:.12g}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows with columns as wide as their widest cell; a cell over 48 characters widens its own row only."""
    if not rows:
        return ["  none"]
    widths = [max((len(r[k]) for r in rows if len(r[k]) <= 48), default=0) for k in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)).rstrip()
        for r in rows
    ]
