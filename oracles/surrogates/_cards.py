"""Cards of trained networks: the solver that made the labels, the box that they came from, the data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from designloop.learning.card import Card
from designloop.learning.datasets import DataSet
from designloop.oracle import Declaration, Input, Output, Value

from .._inputs import complete
from ..magnetic_composite import MagneticComposite
from ..magnetometer import Magnetometer
from ..polysilicon import Polysilicon
from ._rows import Rows

SPECIMENS = {"sve": "sve", "film_cells": "film", "beams": "beam", "beams_of_sizes": "beam"}
TOLD = ("boundary", "pixels_per_um", "solver_pixels_per_um", "pixels_per_radius", "spacing_um", "solver")
"""What a card repeats of where the data came from."""


def solver(source: str) -> Declaration | None:
    """The oracle that answers what the labels of a source answer, as it has to be made to do so."""
    if source in SPECIMENS:
        return Polysilicon(specimen=SPECIMENS[source], single=True).declaration
    if source == "disks":
        return MagneticComposite(dimension=2).declaration
    return Magnetometer(reproduce="quesada_molina_2022").declaration if source == "over_etch" else None


def blank(rows: Rows, *, name: str, split: str) -> Card:
    """A card without errors."""
    data = rows.data
    source = str(data.description["source"])
    made_by = solver(source)
    oracle = {} if made_by is None else {
        "name": made_by.name, "version": made_by.version, "options": dict(made_by.options),
    }  # fmt: skip
    return Card(
        name=name,
        summary=rows.space.summary,
        oracle=oracle or {"name": source, "version": str(data.description["version"])},
        inputs=box(data, made_by),
        outputs=tuple(
            _output(label, metric, data)
            for label, metric in zip(rows.space.labels, rows.space.metrics, strict=True)
        ),
        data=_told(rows),
        split=split,
        labels=made_by.labels if made_by else (),
        stochastic="seed" in data.arrays,
    )


def box(data: DataSet, made_by: Declaration | None) -> tuple[Input, ...]:
    """Inputs of the solver with the ranges that the rows cover; one that never varied is pinned."""
    declared = {i.name: i for i in made_by.inputs} if made_by else {}
    varied: dict[str, Input] = {}
    for column in data.columns:
        if column.role != "input" or column.name == "seed":
            continue
        values = np.asarray(data.arrays[column.name], dtype=float)
        known = declared.get(column.name) or Input(
            name=column.name, unit=column.unit, description=column.description
        )
        low, high = float(values.min()), float(values.max())
        varied[column.name] = _pinned(known, low) if low == high else replace(
            known, lower=low, upper=high, default=None
        )  # fmt: skip
    if made_by is None:
        return tuple(varied.values())
    drawing = data.description["provenance"].get("drawing", {}).get("inputs", {})
    somewhere = {name: one.default if one.default is not None else one.lower for name, one in varied.items()}
    settled = complete(made_by, {**drawing, **{n: v for n, v in somewhere.items() if n in declared}})
    pinned = {name: _pinned(declared[name], value) for name, value in settled.items() if name not in varied}
    return tuple({**pinned, **varied}[i.name] for i in made_by.inputs) + tuple(
        one for name, one in varied.items() if name not in declared
    )


def _pinned(declared: Input, value: Value) -> Input:
    if isinstance(value, bool | str) or declared.choices:
        return replace(declared, choices=(value,), default=value, lower=None, upper=None)
    return replace(declared, lower=float(value), upper=float(value), default=value, log=False)


def _output(label: str, metric: str, data: DataSet) -> Output:
    column = next(c for c in data.columns if c.name == label)
    return Output(metric, unit=column.unit, description=column.description)


def _told(rows: Rows) -> dict[str, Any]:
    description: Mapping[str, Any] = rows.data.description
    where: Mapping[str, Any] = description["provenance"]
    return {
        "data_set": f"{description['source']} {description['version']}",
        "options": dict(description["options"]),
        "seed": description["seed"],
        "rows": len(rows.data),
        "digest": rows.data.digest,
        "split": {part: len(which) for part, which in rows.split.items()},
        **{key: where[key] for key in TOLD if key in where},
    }
