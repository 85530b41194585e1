"""Virtual experiments of Zhao et al. 2022 on the synthetic LATP emulator: which acquisition function to use?

    python benchmarks/latp.py [--quick] [--repeats 20] [--strategies gp_ucb ei pi] [--starts 2 5 10]
    python benchmarks/latp.py --legacy campaigns/latp_legacy_emulated.csv    # writes that table, runs nothing

Pool: the frozen emulator (``designloop_oracles.latp``) at the 80 points of the published legacy grid. Draw n
of them at random with replacement, observe log10 of the conductivity with noise of 0.1 decades, then let the
strategy choose until it picks the emulator's best of the 80 or 80 - n tries are spent. Starts, noise and
seeds are paired over the strategies. Numbers of the emulator are synthetic: no threshold is set on them.

Two rules. ``again``, as published: a row may be picked again and is measured anew; a best row among the
initial ones must still be picked. ``once``, as designloop works in a campaign: no row is proposed twice; a
start that holds the best counts as found with no further try. The published random line (63 %, 34.7 tries)
is arithmetic: 80 draws with replacement, whatever n.

One thread. Each finished experiment is one line of benchmarks/results/latp.jsonl, so an interrupted run goes
on. The default of 20 repeats takes about half an hour; ``--repeats 200`` is the published number.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import math
import os
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from designloop.compare.rows import Drawn, PoolSpace
from designloop.oracle import Context, Observation
from designloop.space import ChoiceParameter, FloatParameter, Space
from designloop.strategies import History, Problem, StrategyExhausted, Trial, create
from designloop_oracles.latp import Latp

RESULTS = Path(__file__).parent / "results" / "latp.jsonl"
STRATEGIES = ("gp_ucb", "ei", "pi")
RULES = ("again", "once")
STARTS = (2, 5, 10, 15, 20, 30, 40)
OPTIONS: dict[str, dict[str, float]] = {"gp_ucb": {"kappa": 1.96}}
METRIC = "log10_conductivity"
NOISE = 0.1
PUBLISHED = {"successes_of_200": 126, "mean_tries": 34.7}
PACKAGES = ("ax-platform", "botorch", "torch", "numpy", "scipy")

LEGACY = Space(
    (
        FloatParameter(name="acid_deviation", unit="%", lower=-22.5, upper=7.5, step=7.5),
        FloatParameter(name="sintering_temperature", unit="degC", lower=800, upper=1100, step=100),
        ChoiceParameter(name="holding_time", unit="min", choices=(10, 30, 60, 480), ordered=True),
    )
)
POOL = LEGACY.enumerate(80)
ROWS = PoolSpace(parameters=LEGACY.parameters, rows=tuple(POOL))
Key = tuple[str, str, int, int]


def truth() -> np.ndarray:
    """Noise-free log10 of the conductivity at the 80 points."""
    oracle = Latp(noise=0.0)
    return np.array(
        [math.log10(oracle.evaluate(d, Context()).metrics["ionic_conductivity"].value) for d in POOL]
    )


def experiment(rule: str, name: str, n: int, repeat: int, levels: np.ndarray) -> dict[str, Any]:
    """One virtual experiment: whether the best was found, and after how many tries."""
    rng = np.random.default_rng([n, repeat])
    start = [int(i) for i in rng.integers(80, size=n)]
    noise = rng.normal(0.0, NOISE, (80, 80))
    best, again = int(levels.argmax()), rule == "again"
    if best in start and not again:
        return {"found": True, "tries": 0}
    space = ROWS if again else LEGACY
    problem = Problem(space=space, metric=METRIC, minimize=False, seed=repeat)
    strategy = create(name, problem=problem, options=OPTIONS.get(name, {}), initial={})
    picks, fit = start, None
    for tries in range(1, 80 - n + 1):
        trials = tuple(_trial(k, i, levels[i] + noise[k, i], again) for k, i in enumerate(picks))
        try:
            proposal = strategy.propose(History(trials=trials, fit=fit, proposals=tries - 1))
        except StrategyExhausted:
            break
        fit = proposal.fit or fit
        picks = [*picks, POOL.index(proposal.candidates[0].parameters)]
        if picks[-1] == best:
            return {"found": True, "tries": tries}
    return {"found": False, "tries": len(picks) - n}


def _trial(index: int, place: int, value: float, again: bool) -> Trial:
    design = Drawn(POOL[place]) if again else POOL[place]
    metrics = {METRIC: Observation(value=float(value))}
    return Trial(index=index, parameters=design, status="completed", metrics=metrics)


def load(path: Path) -> dict[Key, dict[str, Any]]:
    """Finished experiments by (rule, strategy, n, repeat)."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {(r["rule"], r["strategy"], r["n"], r["repeat"]): r for r in rows}


def complete(path: Path, wanted: list[Key]) -> None:
    """Run what is missing, one line of ``path`` each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, levels = load(path), truth()
    for key in wanted:
        if key in done:
            continue
        began = time.process_time()
        rule, name, n, repeat = key
        row = {"rule": rule, "strategy": name, "n": n, "repeat": repeat, **experiment(*key, levels)}
        row["cpu_seconds"] = round(time.process_time() - began, 3)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def random_with_replacement(repeats: int, tries: int, seed: int) -> tuple[float, float]:
    """Share of successes and mean tries of the successful, drawing from 80 until the best one comes."""
    picks = np.random.default_rng(seed).integers(80, size=(repeats, tries)) == 0
    found = picks.any(axis=1)
    return float(found.mean()), float(picks.argmax(axis=1)[found].mean() + 1)


def exact_with_replacement(tries: int) -> tuple[float, float, float]:
    """The same exactly, and the standard deviation of the tries of the successful."""
    k = np.arange(1, tries + 1)
    chance = (79 / 80) ** (k - 1) / 80
    share = float(chance.sum())
    mean = float((k * chance).sum() / share)
    return share, mean, math.sqrt(float((k**2 * chance).sum()) / share - mean**2)


def random_once(repeats: int, n: int, seed: int) -> tuple[float, float]:
    """Random under the rule ``once``: share found, and mean tries of the successful."""
    rng = np.random.default_rng(seed)
    tries = np.empty(repeats)
    for row in range(repeats):
        start = np.unique(rng.integers(80, size=n))
        tries[row] = 0 if start[0] == 0 else 1 + rng.integers(80 - len(start))
    found = tries <= 80 - n
    return float(found.mean()), float(tries[found].mean())


def baseline() -> dict[str, Any]:
    """The published random line beside its exact expectation, 200 repeats and 10,000."""
    share, mean, sd = exact_with_replacement(80)
    printed = f"{PUBLISHED['successes_of_200'] / 200:.1%}, {PUBLISHED['mean_tries']} tries"
    print(f"random, with replacement, 80 tries: exact {share:.1%}, {mean:.1f} tries; published {printed}")
    result: dict[str, Any] = {"exact": [share, mean], "published": PUBLISHED}
    for repeats in (200, 10_000):
        got, tries = random_with_replacement(repeats, 80, seed=repeats)
        errors = (math.sqrt(share * (1 - share) / repeats), sd / math.sqrt(share * repeats))
        off = ((got - share) / errors[0], (tries - mean) / errors[1])
        print(f"  {repeats:6d} repeats: {got:.1%} ({off[0]:+.1f} standard errors), "
              f"{tries:.1f} tries ({off[1]:+.1f})")  # fmt: skip
        result[str(repeats)] = {"share": got, "mean_tries": tries, "standard_errors_off": off}
    return result


def table(runs: Mapping[Key, dict[str, Any]], wanted: list[Key]) -> dict[str, Any]:
    """Print and return successes and mean extra tries of the successful, with its standard error."""
    result: dict[str, Any] = {}
    groups = dict.fromkeys((rule, n) for rule, _, n, _ in wanted)
    print(f"\n{'rule':6s} {'n':>3s} {'strategy':8s} {'repeats':>7s} {'found':>6s} {'tries if found':>18s}")
    for rule, n in groups:
        once = rule == "once"
        share, mean = random_once(10_000, n, seed=n) if once else exact_with_replacement(80 - n)[:2]
        print(f"{rule:6s} {n:3d} {'random':8s} {'':7s} {share:6.1%} {mean:10.1f}")
        result[f"{rule}/{n}/random"] = {"found": share, "tries": mean}
        for name in dict.fromkeys(s for _, s, _, _ in wanted):
            keys = [key for key in wanted if key[:3] == (rule, name, n)]
            rows = [runs[key] for key in keys if key in runs]
            tries = np.array([r["tries"] for r in rows if r["found"]], dtype=float)
            if not rows:
                continue
            found = len(tries) / len(rows)
            spread = tries.std(ddof=1) / math.sqrt(len(tries)) if len(tries) > 1 else math.nan
            average = tries.mean() if len(tries) else math.nan
            print(f"{rule:6s} {n:3d} {name:8s} {len(rows):7d} {found:6.1%} {average:10.1f} +- {spread:4.1f}")
            result[f"{rule}/{n}/{name}"] = {
                "repeats": len(rows), "found": found, "tries": _known(average),
                "standard_error": _known(spread),
            }  # fmt: skip
    return result


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def write_legacy(path: Path) -> None:
    """The emulator at the 80 legacy points, one noisy synthetic sample each (seed 0), as a CSV table."""
    oracle = Latp()
    inputs = {p.name: f"{p.name} [{p.unit}]" for p in LEGACY.parameters}
    outputs = {o.name: f"{o.name} [{o.unit}]" for o in oracle.declaration.outputs}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*inputs.values(), *outputs.values(), "provenance"])
        for design in POOL:
            metrics = oracle.evaluate(design, Context(seed=0)).metrics
            values = [f"{metrics[name].value:.4g}" for name in outputs]
            place = [f"{design[name]:g}" for name in inputs]
            writer.writerow([*place, *values, "synthetic: emulator latp, seed 0"])


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="2 repeats at n = 10, own results file")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--strategies", nargs="*", default=list(STRATEGIES))
    parser.add_argument("--rules", nargs="*", default=list(RULES))
    parser.add_argument("--starts", nargs="*", type=int, default=list(STARTS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--legacy", type=Path, help="write the emulated legacy table and stop")
    given = parser.parse_args()
    if given.legacy:
        write_legacy(given.legacy)
        return
    path, starts, repeats = given.results, given.starts, given.repeats
    if given.quick:
        path, starts, repeats = path.with_name("latp-quick.jsonl"), [10], 2
    versions = {name: version(name) for name in PACKAGES}
    print(f"threads 1, seeds 0 to {repeats - 1}, {versions}; the emulator is synthetic\n")
    random = baseline()
    cells = list(itertools.product(given.rules, starts, given.strategies))
    wanted = [(rule, name, n, repeat) for repeat in range(repeats) for rule, n, name in cells]
    complete(path, wanted)
    result = table(load(path), wanted)
    print("RESULT " + json.dumps(
        {"versions": versions, "threads": 1, "repeats": repeats, "random": random, "table": result}
    ))  # fmt: skip


if __name__ == "__main__":
    main()
