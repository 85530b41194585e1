"""A commented campaign file for an oracle, from its declaration: it loads as it is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from designloop import units
from designloop.campaign.places import shipped
from designloop.describe import cost_text, settings_text
from designloop.oracle import Declaration, Input
from designloop.reading.writing import flow


def starting_text(oracle: str, *, folder: Path, output: Path | None = None) -> str:
    """What ``designloop init`` writes to ``output``: the campaign shipped for this oracle, else a template.

    A relative ``./file.py:name`` counts from ``folder``; the text names it from ``output``'s folder.
    Raises OracleError.
    """
    from designloop.discovery import find

    if re.fullmatch(r"\w+", oracle) and shipped(f"{oracle}.yaml").is_file():
        return shipped(f"{oracle}.yaml").read_text(encoding="utf-8")
    declaration = find(oracle, folder=folder).declaration
    return template(declaration, oracle=_seen_from(output, oracle, folder))


def _seen_from(output: Path | None, oracle: str, folder: Path) -> str:
    """The oracle's name as a file at ``output`` has to write it."""
    file, colon, name = oracle.rpartition(":")
    target = (folder / output).absolute().parent if output else folder
    relative = file.endswith(".py") and not Path(file).expanduser().is_absolute()
    if not relative or target.resolve() == folder.resolve():
        return oracle
    path = Path(os.path.relpath((folder / file).resolve(), target.resolve())).as_posix()
    return f"{path if path.startswith('../') else f'./{path}'}{colon}{name}"


def template(declaration: Declaration, *, oracle: str | None = None) -> str:
    """YAML text for an oracle: every input and output stands in it. ``oracle`` is how the file names it."""
    chosen = [i for i in declaration.inputs if i.default is None and _has_range(i)]
    lacking = [i for i in declaration.inputs if i.default is None and not _has_range(i)]
    optional = [i for i in declaration.inputs if i.default is not None]
    if not chosen:
        chosen = [i for i in optional if _has_range(i)][:4]
        optional = [i for i in optional if i not in chosen]
    return "\n".join(
        [
            *_head(declaration, oracle or declaration.name),
            *_fixed(lacking, optional),
            *_parameters(chosen),
            *_tail(declaration),
        ]
    )


def _has_range(declared: Input) -> bool:
    return len(declared.choices) > 1 or (declared.lower is not None and declared.upper is not None)


def _head(declaration: Declaration, oracle: str) -> Iterator[str]:
    yield "# Which question does this campaign answer?"
    yield "version: 1"
    yield f"name: {flow(f'my {declaration.name}')}"
    yield "seed: 1"
    yield f"oracle: {flow(oracle)}{_comment(declaration.summary)}"
    for fidelity in declaration.fidelities:
        about = [settings_text(declaration, fidelity.settings), cost_text(fidelity), fidelity.description]
        yield f"# fidelity: {flow(fidelity.name)}{_comment('; '.join(filter(None, about)))}"


def _fixed(lacking: list[Input], optional: list[Input]) -> Iterator[str]:
    if lacking or optional:
        yield "fixed:" if lacking else "# fixed:"
    for declared in lacking:
        value = f"1 {declared.unit}".strip()
        yield f"  {flow(declared.name)}: {value}{_comment('to be set; ' + declared.description)}"
    lead = "  # " if lacking else "#   "
    for declared in optional:
        yield f"{lead}{flow(declared.name)}: {_value(declared)}{_comment(declared.description)}"


def _value(declared: Input) -> str:
    default = declared.default
    if isinstance(default, bool | str) or declared.choices or default is None:
        return flow(default)
    return units.format_quantity(default, declared.unit, exact=True)


def _parameters(chosen: Iterable[Input]) -> Iterator[str]:
    yield "parameters:"
    for declared in chosen:
        yield f"  {flow(declared.name)}: {_range(declared)}{_comment(declared.description)}"


def _range(declared: Input) -> str:
    if declared.choices:
        return f"{{choices: {flow(list(declared.choices))}}}"
    ends = [
        units.format_quantity(float(e or 0.0), None, exact=True) for e in (declared.lower, declared.upper)
    ]
    span = f"{ends[0]} .. {ends[1]} {declared.unit}".strip()
    return f"{{range: {span}, scale: log}}" if declared.log and (declared.lower or 0) > 0 else span


def _tail(declaration: Declaration) -> Iterator[str]:
    metrics = [o for o in declaration.outputs if not o.margin] or list(declaration.outputs)
    first = metrics[0]
    yield "# process:                    # random inputs that a design must survive: mean, standard deviation"
    yield "#   NAME: {normal: [0.05 um, 0.05 um]}"
    yield "objectives:"
    yield f"  - minimize: {flow(first.name)}{_comment(_about(first.unit, first.description))}"
    if len(metrics) > 1:
        yield "# constraints:                # outcomes that may be bounded:"
    for output in metrics[1:]:
        yield f"#   - {output.name} <= 1 {output.unit}".rstrip() + _comment(output.description)
    margins = [o.name for o in declaration.outputs if o.margin]
    if margins:
        yield f"# bounded from below by themselves: {', '.join(margins)}"
    yield "# goal:                       # instead of objectives, or with them: learn the whole response"
    yield f"#   learn: {{{flow(first.name)}: 5 %}}"
    yield "strategy: log_nei             # or gp_ucb, ei, pi, random, sobol, query_by_committee"
    yield "stop: {trials: 30}"
    yield ""


def _about(unit: str, description: str) -> str:
    return ", ".join(filter(None, (f"in {unit}" if unit else "", description)))


def _comment(text: str) -> str:
    line = " ".join(text.split())
    return f"    # {line}" if line else ""
