"""Labels of two dear oracles on Sobol designs, from which frozen emulators are made.

    python benchmarks/emulator_labels.py [polysilicon|composite] [--labels 160]

Writes benchmarks/data/NAME.csv, one line per label, and goes on where an earlier run stopped. The tables
are shipped; the emulators of ``benchmarks/emulators.py`` are fitted to them once and never to a strategy.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from scipy.stats import qmc

from designloop.oracle import Context, Infeasible, Value
from designloop.space import FloatParameter, Space
from designloop_oracles.magnetic_composite import MagneticComposite
from designloop_oracles.polysilicon import Polysilicon

DATA = Path(__file__).parent / "data"
POLYSILICON = Space(
    (
        FloatParameter(name="grain_size", lower=0.3, upper=1.2, unit="um", log=True),
        FloatParameter(name="texture_spread", lower=5.0, upper=45.0, unit="deg"),
        FloatParameter(name="beam_width", lower=2.4, upper=5.0, unit="um"),
        FloatParameter(name="beam_length", lower=20.0, upper=60.0, unit="um", log=True),
    )
)
COMPOSITE = Space(
    (
        FloatParameter(name="volume_fraction", lower=10.0, upper=60.0, unit="%"),
        FloatParameter(name="impenetrability", lower=0.0, upper=0.7),
        FloatParameter(name="particle_permeability", lower=5.0, upper=1000.0, log=True),
    )
)
FIXED: dict[str, dict[str, Value]] = {
    "polysilicon": {"pixels_per_grain": 6, "scatter_error": 12.0, "mesh_check": 0, "realizations": 16},
    "composite": {"particle_diameter": 20.0, "matrix_permeability": 1.0, "realizations": 12},
}


def label(name: str, *, count: int, seed: int = 20) -> None:
    """Add labels to the table until it has ``count`` of them."""
    space = {"polysilicon": POLYSILICON, "composite": COMPOSITE}[name]
    oracle = Polysilicon() if name == "polysilicon" else MagneticComposite(dimension=2)
    outputs = [o.name for o in oracle.declaration.outputs]
    units = {o.name: o.unit for o in oracle.declaration.outputs} | {p.name: p.unit for p in space.parameters}
    path = DATA / f"{name}.csv"
    done = len(path.read_text().splitlines()) - 1 if path.exists() else 0
    designs = space.from_unit(qmc.Sobol(space.dimension, rng=seed).random(count))
    with path.open("a", newline="") as file:
        table = csv.writer(file)
        if done <= 0:
            table.writerow([f"{n} [{units[n]}]" if units[n] else n for n in (*space.names, *outputs)])
        for i in range(max(0, done), count):
            with tempfile.TemporaryDirectory() as folder:
                context = Context(seed=1000 + i, directory=Path(folder))
                try:
                    found = oracle.evaluate({**FIXED[name], **designs[i]}, context).metrics
                except Infeasible as refusal:
                    print(f"{name} {i}: {refusal}")
                    found = {}
            values = [found[o].value if o in found else "" for o in outputs]
            table.writerow([*designs[i].values(), *values])
            file.flush()
            print(f"{name} {i + 1}/{count}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["polysilicon", "composite"])
    parser.add_argument("--labels", type=int, default=160)
    chosen = parser.parse_args()
    for chosen_name in chosen.names:
        label(chosen_name, count=chosen.labels)
