"""Frozen emulators of two dear oracles, so that strategies can be compared on them in seconds.

``benchmarks/emulator_labels.py`` fills the tables benchmarks/data/NAME.csv with labels of the oracles on
Sobol designs. An emulator is the posterior mean of one Gaussian process (Matern-5/2, one lengthscale per
parameter) fitted once to one column of a table, in the logarithm where the column is positive and asked for
in it. It is a fixed, noise-free function: it says which strategy learns such a response with fewer labels,
not how well the oracle itself is learned. ``digest`` names the table, so that results of another one are not
mixed with it.
"""

from __future__ import annotations

import csv
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from emulator_labels import COMPOSITE, POLYSILICON
from numpy.typing import NDArray

from designloop.learning.fit import fit, initial_hyper
from designloop.learning.gp import MetricModel, encoder_of
from designloop.learning.transforms import candidates
from designloop.space import Space

Array = NDArray[np.float64]
DATA = Path(__file__).parent / "data"
SPACES = {"polysilicon": POLYSILICON, "composite": COMPOSITE}


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """The frozen mean of one output; ``leave_one_out``: its own relative error (NRMSE) on the table."""

    space: Space
    model: MetricModel
    digest: str
    leave_one_out: float

    def __call__(self, unit: Array) -> Array:
        """The output at (k, d) on the unit cube: (k,), in the unit of the table, or its logarithm."""
        return self.model.transform.inverse(self.model.posterior(unit)[0])


def emulator(table: str, output: str, *, log: bool = False) -> Emulator:
    """Fit the emulator of one output of a table; the same table gives the same function.

    Raises ValueError where the table is missing or holds fewer than 40 labels.
    """
    path = DATA / f"{table}.csv"
    if not path.exists():
        raise ValueError(f"{path} is missing: run python benchmarks/emulator_labels.py {table} first.")
    text = path.read_text()
    header, *lines = list(csv.reader(text.splitlines()))
    names = [name.split(" [")[0] for name in header]
    rows = [dict(zip(names, line, strict=True)) for line in lines if line[names.index(output)]]
    if len(rows) < 40:
        raise ValueError(f"{path} holds {len(rows)} labels of {output}; an emulator takes 40 or more.")
    space = SPACES[table]
    unit = np.asarray(space.to_unit([{n: float(r[n]) for n in space.names} for r in rows]), dtype=float)
    values = np.array([float(r[output]) for r in rows])
    values = np.log(values) if log else values
    transform = candidates([*values])[0]
    z, unknown = transform.forward(values), np.full(len(values), math.nan)
    starts = [initial_hyper(space.dimension)]
    hyper, _ = fit(unit, z, unknown, encoder=encoder_of(space), kernel="matern52", starts=starts)
    model = MetricModel(
        metric=output,
        encoder=encoder_of(space),
        kernel="matern52",
        lengthscales=hyper.lengthscales,
        transform=transform,
        unit=unit,
        z=z,
        noise=np.full(len(z), hyper.noise),
        noise_level=hyper.noise,
        trials=tuple(range(len(z))),
    )
    residual = model.alpha / (model.whitener**2).sum(0)
    return Emulator(
        space=space,
        model=model,
        digest=hashlib.sha256(text.encode()).hexdigest()[:12],
        leave_one_out=float(np.sqrt((residual**2).mean()) / z.std()),
    )
