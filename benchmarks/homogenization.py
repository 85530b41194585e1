"""CPU seconds of the homogenizer and the microstructure generators, beside scikit-fem and muSpectre.

    python benchmarks/homogenization.py [--quick] [--tables direct spectral] [--table]

Every job runs in a process of its own, for a clean peak of memory, with the threads its row states, and its
rows are one line of benchmarks/results/homogenization.jsonl, so an interrupted run goes on where it stopped.
Times are process_time of fresh solves, set-up and assembly included, of methods that take turns: the minimum
of the rounds, then the median of the realizations. Equal answers: every iterative method gets the loosest
tolerance on its ladder whose measured relative difference from the direct solution is below 1e-6.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import _rivals as rivals
import numpy as np
import torch

from designloop_oracles.homogenization.periodic import Effective, effective_conductivity, effective_stiffness
from designloop_oracles.homogenization.stiffness import film_stiffness
from designloop_oracles.microstructure.drawing import draw
from designloop_oracles.microstructure.packing import pack
from designloop_oracles.microstructure.polycrystals import polycrystal

RESULTS = Path(__file__).parent / "results" / "homogenization.jsonl"
PACKAGES = ("torch", "numpy", "scipy", "scikit-fem", "pypardiso", "mkl", "muSpectre")
EQUAL = 1e-6
LADDER = [m * 10.0**-k for k in range(2, 10) for m in (3, 1)]
PERMEABLE = 250.0

Row = dict[str, Any]


def disks(pixels: int, fraction: float, seed: int, *, overlap: bool = False) -> rivals.Image:
    """Crisp disks of radius 8 px and permeability 250 in a matrix of 1."""
    packing = pack(
        size=(pixels, pixels),
        volume_fraction=fraction,
        diameter=16,
        impenetrability=0.0 if overlap else 1.0,
        seed=seed,
    )
    inside = draw(packing, pixel=1.0).share > 0.5
    return rivals.Image(inside.astype(int), np.array([np.eye(2), PERMEABLE * np.eye(2)]))


def spheres(voxels: int, fraction: float, seed: int) -> torch.Tensor:
    """Crisp spheres of radius 5 voxels, permeability 250, ``(1, n, n, n)``."""
    packing = pack(size=(voxels,) * 3, volume_fraction=fraction, diameter=10, seed=seed)
    return torch.from_numpy(np.where(draw(packing, pixel=1.0).share > 0.5, PERMEABLE, 1.0))[None]


def film(side: float, seed: int) -> rivals.Image:
    """<100> silicon film in plane stress, 32 px per um, grains 0.5 um apart, periodic."""
    structure = polycrystal(size=(side, side), spacing=0.5, pixel=1 / 32, periodic=True, seed=seed)
    laws = film_stiffness(torch.from_numpy(structure.angles)).numpy()
    return rivals.Image(structure.labels.astype(int), laws)


def ours(image: rivals.Image, *, tolerance: float) -> rivals.Answer:
    """Our answer, from the image as the rivals get it."""
    voxels = torch.from_numpy(image.voxels)[None]
    found = (
        effective_stiffness(voxels, tolerance=tolerance)
        if image.elastic
        else effective_conductivity(voxels[:, 0, 0], tolerance=tolerance)
    )
    return rivals.Answer(found.tensor[0].numpy(), found.iterations)


def difference(answer: rivals.Answer, exact: rivals.Answer) -> float:
    """Largest difference of a component, relative to the largest component."""
    return float(np.abs(answer.tensor - exact.tensor).max() / np.abs(exact.tensor).max())


def loosest(method: Callable[..., rivals.Answer], image: rivals.Image, exact: rivals.Answer) -> float:
    """First tolerance of the ladder with a difference below ``EQUAL``."""
    return next(t for t in LADDER if difference(method(image, tolerance=t), exact) < EQUAL)


def in_turns(
    methods: dict[str, Callable[[], rivals.Answer]], rounds: int
) -> tuple[dict[str, float], dict[str, rivals.Answer]]:
    """Least CPU seconds and last answer of each method."""
    spent: dict[str, list[float]] = {name: [] for name in methods}
    answers = {}
    for _ in range(rounds):
        for name, method in methods.items():
            started = time.process_time()
            answers[name] = method()
            spent[name].append(time.process_time() - started)
    return {name: min(times) for name, times in spent.items()}, answers


def compared(images: Sequence[rivals.Image], rounds: int, *, direct: bool, spectral: bool) -> list[Row]:
    """One row: medians over the images of seconds, ratios to ours, iterations, differences."""
    rows = []
    for image in images:
        solvers = rivals.direct_solvers() if direct else {}
        exact = rivals.assembled(image, rivals.superlu_symmetric)
        tolerance = loosest(ours, image, exact)
        methods = {
            "ours": partial(ours, image, tolerance=tolerance),
            "ours_1e-6": partial(ours, image, tolerance=EQUAL),
            **{name: partial(rivals.assembled, image, solve) for name, solve in solvers.items()},
        }
        if spectral:
            loose = loosest(rivals.spectral, image, exact)
            methods["muSpectre"] = partial(rivals.spectral, image, tolerance=loose)
        spent, answers = in_turns(methods, rounds)
        row: Row = {f"s_{name}": seconds for name, seconds in spent.items()}
        row |= {f"x_{name}": spent[name] / spent["ours"] for name in methods if not name.startswith("ours")}
        row |= {"iterations": answers["ours"].iterations, "difference": difference(answers["ours"], exact)}
        row["tolerance"] = tolerance
        if spectral:
            other = answers["muSpectre"]
            row |= {"muSpectre_iterations": other.iterations, "muSpectre_tolerance": loose}
            row |= {"muSpectre_difference": difference(other, exact), "muSpectre_setup": other.setup}
        rows.append(row)
    return [{"images": len(rows)} | {name: float(np.median([r[name] for r in rows])) for name in rows[0]}]


def direct(*, pixels: int, fraction: float, seeds: int, rounds: int, overlap: bool = False) -> list[Row]:
    """Against assembly and factorization."""
    images = [disks(pixels, fraction, seed, overlap=overlap) for seed in range(seeds)]
    return compared(images, rounds, direct=True, spectral=False)


def spectral(*, kind: str, pixels: int, seeds: int, rounds: int) -> list[Row]:
    """Against muSpectre."""
    images = [film(pixels / 32, s) if kind == "film" else disks(pixels, float(kind), s) for s in range(seeds)]
    return compared(images, rounds, direct=False, spectral=True)


def measured(call: Callable[[], Any]) -> tuple[Row, Any]:
    """Wall and CPU seconds of one call, and what it returned."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = call()
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}, found


def relative_bound(found: Effective) -> float:
    """Largest bound of the error of stopping, relative."""
    return float((found.error_bound / found.tensor.diagonal(dim1=1, dim2=2)).max())


def batch_of_disks(*, count: int, pixels: int) -> list[Row]:
    """The published set: permeabilities of images of f = 5 to 50 %, both loads."""
    fractions = np.random.default_rng(0).uniform(0.05, 0.5, count)
    images = np.stack([disks(pixels, f, seed).voxels[0, 0] for seed, f in enumerate(fractions)])
    batch = torch.from_numpy(images)
    effective_conductivity(batch[:1])
    rows = []
    for tolerance in (1e-4, 1e-6):
        spent, found = measured(partial(effective_conductivity, batch, tolerance=tolerance))
        row = {"what": f"{count} disk images {pixels}^2", "tolerance": tolerance, **spent}
        rows.append({**row, "per_s": count / spent["cpu_s"], "iterations": found.iterations})
    return rows


def batch_of_films(*, count: int) -> list[Row]:
    """2 x 2 um polycrystals of 64^2 px: periodic, then cut windows held by uniform displacements."""
    from designloop_oracles.homogenization.windows import apparent_stiffness

    batch = torch.from_numpy(np.stack([film(2.0, seed).voxels for seed in range(count)]))
    kubc = partial(apparent_stiffness, boundary="displacement", tolerance=1e-5)
    rows = []
    for what, solve in (("periodic", partial(effective_stiffness, tolerance=1e-5)), ("KUBC", kubc)):
        solve(batch[:2])
        spent, found = measured(partial(solve, batch))
        row = {"what": f"{count} films 64^2, {what}", "tolerance": 1e-5, **spent}
        rows.append({**row, "per_s": count / spent["cpu_s"], "iterations": found.iterations})
    return rows


def large(*, dimension: int, pixels: int, tolerance: float) -> list[Row]:
    """One image alone in its process: seconds, peak memory, iterations, guaranteed bound."""
    fraction, loads = (0.3, [0, 1]) if dimension == 2 else (0.25, [0])
    image = (
        torch.from_numpy(disks(pixels, fraction, 0).voxels[:1, 0])
        if dimension == 2
        else spheres(pixels, fraction, 0)
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    spent, found = measured(partial(effective_conductivity, image, loads=loads, tolerance=tolerance))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row = {"grid": f"{pixels}^{dimension}", "tolerance": tolerance, **spent, "iterations": found.iterations}
    row |= {"us_per_voxel": 1e6 * spent["cpu_s"] / image.numel(), "peak_gib": peak, "before_gib": before}
    return [{**row, "bound": relative_bound(found)}]


def contrasts(*, pixels: int) -> list[Row]:
    """Iterations and seconds against the contrast of disks and matrix; 0 insulates."""
    inside = torch.from_numpy(disks(pixels, 0.3, 0).labels)[None] > 0
    rows = []
    for contrast in (1.0, 10.0, 100.0, 1e3, 1e4, 1e-1, 1e-2, 1e-3, 1e-4, 0.0):
        image = torch.where(inside, contrast, 1.0).double()
        spent, found = measured(partial(effective_conductivity, image))
        row = {"contrast": contrast, "iterations": found.iterations, "cpu_s": spent["cpu_s"]}
        rows.append({**row, "bound": relative_bound(found), "guaranteed": found.guaranteed})
    return rows


def _one_film(seed: int) -> int:
    return polycrystal(size=(2.0, 2.0), spacing=0.5, pixel=1 / 32, periodic=True, seed=seed).labels.size


def _one_packing(job: tuple[int, float]) -> int:
    return disks(256, job[1], job[0]).labels.size


def generated(*, kind: str, count: int, processes: int) -> list[Row]:
    """Structures with their images, over ``processes``."""
    fractions = np.random.default_rng(0).uniform(0.05, 0.5, count)
    make, seeds = {
        "films": (_one_film, list(range(count))),
        "packings": (_one_packing, list(enumerate(map(float, fractions)))),
    }[kind]
    started = time.perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        list(pool.map(make, seeds, chunksize=50))
    wall = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    return [{"what": kind, "count": count, "wall_s": wall, "cpu_s": cpu, "ms_each": 1e3 * cpu / count}]


@dataclass(frozen=True)
class Job:
    """One line of the results: ``work()`` returns rows of ``table``."""

    table: str
    name: str
    work: Callable[[], list[Row]]
    threads: int = 1

    @property
    def key(self) -> str:
        """How the results file calls it."""
        return f"{self.table}/{self.name}"


def jobs_of(quick: bool) -> list[Job]:
    """All jobs of a run."""
    pixels, seeds, rounds = (128, 1, 2) if quick else (256, 3, 3)
    mixtures = [0.3] if quick else [0.1, 0.3, 0.5]
    rounds_of = {"pixels": pixels, "seeds": seeds, "rounds": rounds}
    jobs = [Job("direct", f"{f}", partial(direct, fraction=f, **rounds_of)) for f in mixtures]
    if not quick:
        overlapping = partial(direct, fraction=0.5, overlap=True, **rounds_of)
        jobs.append(Job("direct", "0.5 overlapping", overlapping))
    if rivals.installed("muSpectre"):
        kinds = ["film", *map(str, mixtures)]
        jobs += [Job("spectral", kind, partial(spectral, kind=kind, **rounds_of)) for kind in kinds]
    jobs.append(Job("batches", "disks", partial(batch_of_disks, count=10 if quick else 100, pixels=256)))
    jobs.append(Job("batches", "films", partial(batch_of_films, count=50 if quick else 500)))
    jobs.append(
        Job("volume", "spheres", partial(large, dimension=3, pixels=51 if quick else 101, tolerance=1e-4), 2)
    )
    sides = {2: [32, 512] if quick else [32, 64, 128, 256, 512, 1024, 2048]}
    sides[3] = [32] if quick else [16, 32, 48, 64, 96, 128, 160]
    jobs += [
        Job("scaling", f"{n}^{d}", partial(large, dimension=d, pixels=n, tolerance=1e-6))
        for d, grid in sides.items()
        for n in grid
    ]
    jobs.append(Job("contrast", "0.3", partial(contrasts, pixels=pixels)))
    counts = {"films": 200, "packings": 60} if quick else {"films": 10_000, "packings": 5_500}
    jobs += [
        Job("generators", kind, partial(generated, kind=kind, count=count, processes=2))
        for kind, count in counts.items()
    ]
    return jobs


def apart(job: Job, quick: bool) -> list[Row]:
    """Rows of a job, measured in a fresh process."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(job.threads))
    # threads that spin while they wait cost most where others share the cores
    environment = os.environ | threads | {"OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, __file__, "--job", job.key, *(["--quick"] if quick else [])]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    rows = json.loads(done.stdout.splitlines()[-1])
    return [{"job": job.name, "threads": job.threads, **row} for row in rows]


def load(path: Path) -> dict[str, list[Row]]:
    """Finished jobs."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {entry["job"]: entry["rows"] for entry in map(json.loads, lines)}


TITLES = {
    "direct": "disks r = 8 px, mu 250:1, 2 loads; CPU s beside scikit-fem, assembly included (x: times ours)",
    "spectral": "CPU s against muSpectre: film in plane stress, 3 loads; disks of fraction f, 2 loads",
    "batches": "batches in one call, permeability and plane-stress stiffness",
    "volume": "spheres r = 5 voxels, f = 0.25, mu 250:1, one load",
    "scaling": "side of the grid, mu 250:1: disks f = 0.3, 2 loads; spheres f = 0.25, one load",
    "contrast": "disks f = 0.3, contrast of disks to matrix, tolerance 1e-6",
    "generators": "structures with images: films 2 x 2 um, 64^2; disks 256^2, f = 5 to 50 %; 2 processes",
}


def show(table: str, rows: list[Row]) -> None:
    """Print one table, a column per field."""
    print(f"\n{TITLES[table]}")
    columns = [name for name in rows[0] if table not in ("contrast", "batches") or name != "job"]
    cells = [columns, *([_text(row.get(name)) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def versions() -> dict[str, str]:
    """Of what was measured; "not installed" for a rival that was skipped."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="smaller, one realization, starts afresh")
    parser.add_argument("--tables", nargs="*", default=list(TITLES), choices=list(TITLES))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the tables of what is there, run nothing")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    jobs = {job.key: job for job in jobs_of(arguments.quick)}
    if arguments.job:
        torch.set_num_threads(jobs[arguments.job].threads)
        print(json.dumps(jobs[arguments.job].work()))
        return
    path = arguments.results
    if arguments.quick:
        path = path.with_name(f"{path.stem}-quick.jsonl")
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in ("scikit-fem", "pypardiso", "muSpectre"):
        if not rivals.installed(name):
            print(f"{name} is not installed and is skipped; the extra `benchmarks` brings it")
    wanted = [job for job in jobs.values() if job.table in arguments.tables and not arguments.table]
    for job in wanted:
        needed = job.table not in ("direct", "spectral") or rivals.installed("scikit-fem")
        if needed and job.key not in load(path):
            rows = apart(job, arguments.quick)
            with path.open("a") as file:
                file.write(json.dumps({"job": job.key, "rows": rows}) + "\n")
            print(f"done: {job.key}", flush=True)
    stated = {"seeds": "0 up", "versions": versions(), "cores": os.cpu_count()}
    print(f"threads in each row, seeds from 0, {stated['versions']}")
    finished = load(path)
    tables = {
        t: [row for key in jobs if key.startswith(f"{t}/") for row in finished.get(key, [])] for t in TITLES
    }
    for table, rows in tables.items():
        if rows:
            show(table, rows)
    print("RESULT " + json.dumps({"benchmark": "homogenization", **stated, "tables": tables}))


if __name__ == "__main__":
    main()
