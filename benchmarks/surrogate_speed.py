"""What a surrogate saves: CPU milliseconds an answer, solver and surrogate in one run on the same structures.

    python benchmarks/surrogate_speed.py [--quick] [--tasks windows permeability]

Both get drawn structures in batches and take turns; the least of the rounds counts, which other programs on
the machine disturb least. Seconds do not depend on weights, but for ``PermeabilityNet``, whose lattice takes
more iterations once it is trained: ``--weights FILE`` (of ``torch.save``) brings trained ones. Published: 100
images in 40.0 s by finite elements and 0.05 s by the network, which ran on a GPU (Aldakheel et al. 2023).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from designloop.oracle import Context
from designloop_oracles.homogenization.beams import beam_moduli
from designloop_oracles.homogenization.periodic import KEPT, effective_conductivity
from designloop_oracles.homogenization.stiffness import film_stiffness
from designloop_oracles.homogenization.windows import apparent_stiffness
from designloop_oracles.magnetometer import Magnetometer
from designloop_oracles.microstructure.drawing import draw
from designloop_oracles.microstructure.images import grey_batch, orientation_batch
from designloop_oracles.microstructure.packing import pack
from designloop_oracles.microstructure.polycrystals import polycrystal
from designloop_oracles.surrogates.networks import build
from designloop_oracles.surrogates.networks.permeability import PermeabilityNet

Work = Callable[[], Any]
Row = dict[str, Any]
SOLVER = "solver"


def windows(count: int, weights: Path | None) -> dict[str, Work]:
    """2 x 2 um, 64 x 64 px, uniform displacements on the frame, three loads."""
    del weights
    films = [
        polycrystal(size=(2.0, 2.0), spacing=0.5, pixel=1 / 32, periodic=False, seed=k) for k in range(count)
    ]
    laws = torch.stack(
        [film_stiffness(torch.from_numpy(f.angles))[torch.from_numpy(f.labels).long()] for f in films]
    )
    laws = laws.movedim((-2, -1), (1, 2)).contiguous()
    ours, grey = (torch.from_numpy(x) for x in (orientation_batch(films), grey_batch(films)[:, None]))
    return {
        SOLVER: partial(apparent_stiffness, laws, boundary="displacement"),
        "ours": _batches(build("window_net"), ours),
        "published network": _batches(build("sve_cnn"), grey),
    }


def beams(count: int, weights: Path | None) -> dict[str, Work]:
    """40 x 2 um, 16 px per um, axial and bending modulus."""
    del weights
    count = max(2, count // 10)
    films = [
        polycrystal(size=(40.0, 2.0), spacing=0.5, pixel=1 / 16, periodic=False, seed=k) for k in range(count)
    ]
    laws = torch.stack(
        [film_stiffness(torch.from_numpy(f.angles))[torch.from_numpy(f.labels).long()] for f in films]
    )
    laws = laws.movedim((-2, -1), (1, 2)).contiguous()
    images = torch.from_numpy(orientation_batch(films))
    return {SOLVER: partial(beam_moduli, laws), "ours": _batches(build("whole_beam_net"), images, size=2)}


def permeability(count: int, weights: Path | None) -> dict[str, Work]:
    """Disks of 8 px, 5 to 78 %, 256 x 256 px, permeability 250, both loads."""
    fractions = np.linspace(0.05, 0.78, count)
    packings = [
        pack(size=(256, 256), volume_fraction=f, diameter=16, seed=k) for k, f in enumerate(fractions)
    ]
    shares = torch.from_numpy(np.stack([draw(one, pixel=1.0).share for one in packings]))
    fields = torch.where(shares > 0, 250.0, 1.0).double()
    net, image = PermeabilityNet(), shares.float()[:, None]
    if weights:
        net.load_state_dict({name: value[0] for name, value in torch.load(weights).items()})
    return {
        SOLVER: partial(effective_conductivity, fields, tolerance=1e-5),
        "solver, 1e-2": partial(effective_conductivity, fields, tolerance=1e-2),
        "ours": _batches(net, image, size=4),
        "published network": _batches(build("permeability_cnn"), image),
    }


def amplitude(count: int, weights: Path | None) -> dict[str, Work]:
    """The magnetometer in closed form; no finite elements."""
    del weights
    rng = np.random.default_rng(0)
    modulus, etch = rng.normal(149.5, 1.3, count), rng.normal(0, 0.05, count).clip(-0.2, 0.2)
    oracle = Magnetometer(reproduce="quesada_molina_2022")
    dies = [{"youngs_modulus": float(e), "over_etch": float(o)} for e, o in zip(modulus, etch, strict=True)]
    x = torch.from_numpy(np.stack([modulus, etch], axis=1)).float()
    return {
        SOLVER: partial(oracle.evaluate_batch, dies, Context(seed=0)),
        "published network": _batches(build("amplitude_net"), x),
    }


def _batches(net: torch.nn.Module, x: torch.Tensor, *, size: int = 16) -> Work:
    def answers() -> torch.Tensor:
        with torch.no_grad():
            return torch.cat([net(part) for part in x.split(size)])

    net.eval()
    return answers


TASKS: Mapping[str, Callable[[int, Path | None], dict[str, Work]]] = {
    "windows": windows, "beams": beams, "permeability": permeability, "amplitude": amplitude,
}  # fmt: skip


def measured(methods: Mapping[str, Work], *, answers: int, rounds: int) -> list[Row]:
    """CPU milliseconds an answer, and the solver's over them."""
    least = dict.fromkeys(methods, float("inf"))
    for _ in range(rounds):
        for name, work in methods.items():
            started = time.process_time()
            work()
            least[name] = min(least[name], time.process_time() - started)
    return [
        {"method": name, "ms": 1e3 * spent / answers, "ratio": least[SOLVER] / spent}
        for name, spent in least.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="10 answers, one round")
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--weights", type=Path, help="trained weights of PermeabilityNet")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # keeps the C library from fetching every large block anew
    torch.empty(KEPT, dtype=torch.uint8)
    count, rounds = (10, 2) if arguments.quick else (100, 3)
    tables = {}
    print(f"one thread, torch {version('torch')}, {count} structures (a tenth of the beams), seeds from 0")
    for task in arguments.tasks:
        answers = max(2, count // 10) if task == "beams" else count
        tables[task] = measured(TASKS[task](count, arguments.weights), answers=answers, rounds=rounds)
        for row in tables[task]:
            print(f"{task:14} {row['method']:20} {row['ms']:9.3f} ms  {row['ratio']:8.1f} x", flush=True)
    stated = {"threads": 1, "answers": count, "rounds": rounds, "torch": version("torch")}
    print("RESULT " + json.dumps({"benchmark": "surrogate_speed", **stated, "tables": tables}))


if __name__ == "__main__":
    main()
