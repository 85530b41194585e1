"""A campaign whose film is answered by a trained model, beside the same campaign answered by the solver.

    python benchmarks/escalation.py [--quick] [--model-only]

Both run ``campaigns/magnetometer_microstructure.yaml`` with one seed: equal trials meet equal grains. Both
best designs are then solved for dies that neither campaign has seen, the same for both. Last, the variance
over dies of the best design is split into its sources. Seconds are those of the trials, one thread, on a
machine that others use too. Resumable: the runs lie below ``results/escalation``; ``--model-only`` leaves the
solver's campaign out.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from designloop import session
from designloop.answered import answered, lines_of
from designloop.campaign import Campaign, load
from designloop.cli.sources import text_of
from designloop.compose.building import oracle_of
from designloop.compose.dies import CampaignOracle
from designloop.compose.sources import Sources, sources
from designloop.discovery import find
from designloop.oracle import Context
from designloop.record import RunRecord, TrialRecord, read
from designloop_oracles._film import film_of, structure
from designloop_oracles._inputs import complete

HERE = Path(__file__).parent
FILE = HERE.parent / "campaigns" / "magnetometer_microstructure.yaml"
SOLVER, MODEL = "solver", "model"
CHANGES: Mapping[str, tuple[str, ...]] = {
    SOLVER: (
        "oracle.pipeline.film={oracle: polysilicon, options: {specimen: beam, single: true}}",
        "fixed.pixels_per_grain=4",
    ),
    MODEL: (),
}
QUICK = (
    "stop.trials=3", "strategy=sobol",
    "objectives=[{minimize: noise_equivalent_field, mode: mean, samples: 16}]",
)  # fmt: skip
METRIC, UNIT = "noise_equivalent_field.mean", "nT/sqrt(Hz)"
FRESH = (1001, 1002)
"""Seeds of dies that no campaign meets."""


def campaign(method: str, *, quick: bool) -> Campaign:
    """The shipped file with what the method changes in it."""
    return load(FILE, overrides=("tracking=off", *CHANGES[method], *(QUICK if quick else ())))


def ran(method: str, folder: Path, *, quick: bool) -> RunRecord:
    """The method's finished run in ``folder``: read, gone on with, or made."""
    directory = next(iter(sorted((folder / method).glob("*/journal.jsonl"))), None)
    if directory is None:
        return session.run(campaign(method, quick=quick), folder=folder / method, watch=None)
    known = read(directory.parent)
    return known if known.status == "finished" else session.resume(directory.parent)


def row(method: str, run: RunRecord) -> dict[str, Any]:
    """Best design, its own estimate, and what it took."""
    best = best_of(run)
    found, attempts = best.metrics[METRIC], [a for t in run.trials for a in t.attempts]
    dies = 1 + session.recorded_campaign(run).objective.samples
    questions = sum(one.answers for one in answered(run)) or dies * len(run.trials)
    return {
        "film answered by": method,
        "trials": len(run.trials),
        "best trial": best.index,
        "design": {k: float(v) for k, v in best.parameters.items()},  # type: ignore[arg-type]
        "objective": found.value,
        "sem": found.sem,
        "questions": questions,
        "solved": sum(one.solved for one in answered(run)) if method == MODEL else questions,
        "seconds": sum(a.seconds or 0.0 for a in attempts),
    }


def best_of(run: RunRecord) -> TrialRecord:
    """The best trial, which there is."""
    best = run.best()
    assert best is not None
    return best


def judged(rows: list[dict[str, Any]], *, quick: bool) -> None:
    """Add each best design's objective by the solver on fresh dies, and the difference to the first's."""
    asked = campaign(SOLVER, quick=quick)
    oracle = CampaignOracle(campaign=asked, oracle=oracle_of(asked))
    first: np.ndarray | None = None
    for one in rows:
        answers = [
            a.metrics["noise_equivalent_field"].value
            for seed in FRESH[: 1 if quick else None]
            for a in oracle.dies(one["design"], Context(seed=seed)).answers[1:]
        ]
        values = np.array(answers)
        one["solved objective"] = float(values.mean())
        first = values if first is None else first
        gap = values - first
        one["difference"] = float(gap.mean())
        one["half width"] = 1.96 * float(gap.std(ddof=1)) / len(gap) ** 0.5


def scatter(run: RunRecord, *, samples: int, seed: int) -> Sources:
    """What makes dies of the best design differ, as ``designloop sources`` says it."""
    asked = session.recorded_campaign(run)
    oracle = CampaignOracle(campaign=asked, oracle=oracle_of(asked))
    return sources(
        oracle, best_of(run).parameters, samples=samples, seed=seed,
        context=Context(seed=seed, answers=run.directory / "answers"),
    )  # fmt: skip


def speed(*, dies: int) -> dict[str, float]:
    """CPU milliseconds a die, beams of 100 x 3 um with grains of 1 um: the least of three rounds."""
    model = find(str(FILE.parent / "beam_moduli.dlmodel"), folder=FILE.parent)
    solver = find("polysilicon", folder=FILE.parent, options={"specimen": "beam", "single": True})
    beam = {"beam_length": 100.0, "beam_width": 3.0, "grain_size": 1.0, "pixels_per_grain": 4.0}
    film = film_of("beam", complete(solver.declaration, beam))

    def timed(work: Callable[[int], Any], count: int) -> float:
        rounds = []
        for number in range(3):
            start = time.process_time()
            work(1000 * number)
            rounds.append(time.process_time() - start)
        return 1e3 * min(rounds) / count

    some = max(4, dies // 8)
    return {
        "drawing": timed(lambda k: [structure(film, k + n, 0) for n in range(dies)], dies),
        "drawing and model": timed(lambda k: model.parts([beam] * dies, range(k, k + dies)), dies),
        "drawing and solver": timed(
            lambda k: [solver.evaluate(beam, Context(seed=k + n)) for n in range(some)], some
        ),
    }


def main() -> None:
    """Run, print the tables and the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--model-only", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quick = arguments.quick
    folder = HERE / "results" / ("escalation-quick" if quick else "escalation")
    methods = [MODEL] if arguments.model_only else [SOLVER, MODEL]
    print(f"one thread, seed {campaign(MODEL, quick=quick).seed}, torch {torch.__version__}, designloop "
          f"{version('designloop')}\n")  # fmt: skip
    runs = {method: ran(method, folder, quick=quick) for method in methods}
    rows = [row(method, run) for method, run in runs.items()]
    judged(rows, quick=quick)
    print("| film by | best design | objective, own dies | solved, fresh dies | solver calls | seconds |")
    print("|---|---|---|---|---|---|")
    for one in rows:
        design = ", ".join(f"{name} {value:.4g}" for name, value in one["design"].items())
        print(
            f"| {one['film answered by']} | {design} | {one['objective']:.2f} +- {1.96 * one['sem']:.2f} | "
            f"{one['solved objective']:.2f} ({one['difference']:+.2f} +- {one['half width']:.2f}) | "
            f"{one['solved']} of {one['questions']} | {one['seconds']:.0f} |"
        )
    print("\n" + "\n".join(lines_of(runs[MODEL])) + "\n")
    found = scatter(runs[MODEL], samples=64 if quick else 256, seed=2001)
    units = {o.name: o.unit for o in session.recorded_campaign(runs[MODEL]).declaration.outputs}
    print("\n".join(text_of(found, units=units, title="best design of the model's campaign")))
    cost = speed(dies=32 if quick else 128)
    print("\nCPU ms a die: " + ", ".join(f"{name} {value:.1f}" for name, value in cost.items()))
    audits = {
        metric: vars(audit) for one in answered(runs[MODEL]) for metric, audit in one.audits.items()
    }  # fmt: skip
    print("RESULT " + json.dumps({"rows": rows, "audits": audits, "sources": found.to_json(), "speed": cost}))


if __name__ == "__main__":
    main()
