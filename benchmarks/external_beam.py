"""Does CalculiX agree with the magnetometer's beam formulas, and where not, why?

    python benchmarks/external_beam.py [--quick]

Asks ``campaigns/external/beam_fe`` over the box of ``campaigns/magnetometer.yaml`` at two pairs of meshes:
with a Poisson ratio of 0, where a beam theory with shear (Timoshenko) is what three dimensions should give,
and with 0.22. Resumable: answers lie in ``results/external_beam.jsonl``. Needs ccx; 2 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq

from designloop.oracle import Context, Value
from designloop_oracles.external.oracle import find

HERE = Path(__file__).parent
FOLDER = HERE.parent / "campaigns" / "external" / "beam_fe"
MODULUS, DENSITY = 148217.3, 2.33e-15
"""MPa and kg/um3, as the oracles have them."""
EULER_MODE = 4.730040744862704
BOX = [(length, width) for length in (200, 400, 800) for width in (2, 4, 8) if length / width <= 180]
SLENDER = [*BOX, (800, 4.5), (60, 4), (40, 4)]
STRESSES = (-30, -10, 10, 30, 100)


def bernoulli(length: float, width: float) -> tuple[float, float]:
    """Frequency in kHz and stiffness (N/m) under an even load, without shear: what the formulas hold."""
    stiffness = 384 * MODULUS * 20 * width**3 / 12 / length**3
    hertz = EULER_MODE**2 / (2 * np.pi) * np.sqrt(MODULUS * width**2 / 12 / DENSITY) / length**2
    return hertz / 1e3, stiffness


def timoshenko(length: float, width: float, poisson: float) -> tuple[float, float]:
    """As ``bernoulli``, with shear and rotary inertia: exact roots (Huang 1961), Cowper's factor (1966)."""
    factor = 10 * (1 + poisson) / (12 + 11 * poisson)
    rotary = width**2 / 12 / length**2
    shear = rotary * 2 * (1 + poisson) / factor
    stiffness = bernoulli(length, width)[1] / (1 + 48 * shear)

    def clamped(b: float) -> float:
        root = np.sqrt((rotary - shear) ** 2 + 4 / b**2)
        grow, wave = np.sqrt((root - rotary - shear) / 2), np.sqrt((root + rotary + shear) / 2)
        one = (wave**2 - shear) / wave * np.sin(b * wave / 2) * np.cosh(b * grow / 2)
        return float(one + (grow**2 + shear) / grow * np.sinh(b * grow / 2) * np.cos(b * wave / 2))

    slender = EULER_MODE**2
    b = brentq(clamped, 0.3 * slender, 1.001 * slender, xtol=1e-13)
    return bernoulli(length, width)[0] * b / slender, stiffness


def tensioned(ratio: float) -> float:
    """(frequency / that without stress)^2 of a beam under ``ratio`` of its buckling load, exact."""

    def clamped(square: float) -> float:
        force, omega = 2 * np.pi**2 * ratio, EULER_MODE**2 * np.sqrt(square)
        root = np.sqrt(force**2 + omega**2)
        grow, wave = np.sqrt(root + force), np.sqrt(root - force)
        return float(
            grow * np.sinh(grow / 2) * np.cos(wave / 2) + wave * np.cosh(grow / 2) * np.sin(wave / 2)
        )

    return float(brentq(clamped, max(0.01, 0.9 * (1 + ratio)), 1.05 + 1.05 * max(ratio, 0)))


class Answers:
    """What was asked before, on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.oracle = find("./oracle.yml", folder=FOLDER, options={})
        lines = path.read_text().splitlines() if path.exists() else []
        self.known = {json.dumps(row["design"], sort_keys=True): row for row in map(json.loads, lines)}

    def ask(self, **design: float) -> Mapping[str, Any]:
        """Metrics of one design and the CPU seconds that they took."""
        full: dict[str, Value] = {"youngs_modulus": MODULUS, **design}
        key = json.dumps(full, sort_keys=True)
        if key not in self.known:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            with tempfile.TemporaryDirectory() as folder:
                result = self.oracle.evaluate(full, Context(directory=Path(folder)))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            row = {"design": full, "cpu": seconds, **{n: o.value for n, o in result.metrics.items()}}
            self.path.parent.mkdir(exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            self.known[key] = row
        return self.known[key]


def sizes(answers: Answers, designs: list[tuple[float, float]]) -> list[dict[str, Any]]:
    """Both quantities of every beam, meshes and Poisson ratio, against both theories."""
    rows = []
    for poisson in (0.0, 0.22):
        for length, width in designs:
            pairs = {
                n: answers.ask(beam_length=length, beam_width=width, poisson_ratio=poisson, refinement=n)
                for n in (1, 2)
            }
            for number, name in enumerate(("resonance_frequency", "stiffness")):
                plain = bernoulli(length, width)[number]
                theory = timoshenko(length, width, poisson)[number] / plain
                value, error = (
                    {n: one[name + end] / plain for n, one in pairs.items()} for end in ("", "_error")
                )
                rows.append(
                    {
                        "length": length, "width": width, "poisson": poisson, "name": name, "theory": theory,
                        "value": value[2], "error": error[2], "coarse": value[1],
                        "coarse error": error[1], "cpu": {n: one["cpu"] for n, one in pairs.items()},
                        "order": float(np.log2(error[1] / error[2])),
                    }
                )  # fmt: skip
    return rows


def print_sizes(rows: list[dict[str, Any]]) -> None:
    """One line per beam: deviations in percent of the slender beam without shear."""
    print("| Poisson | L, um | w, um | L/w | quantity | FE | +- | with shear | rest | / (nu^2 t/L) | order |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        rest = row["value"] - row["theory"]
        width = row["poisson"] ** 2 * 20 / row["length"]
        print(
            f"| {row['poisson']} | {row['length']} | {row['width']} | {row['length'] / row['width']:.0f} "
            f"| {row['name']} | {100 * row['value'] - 100:+.4f} % | {100 * row['error']:.4f} "
            f"| {100 * row['theory'] - 100:+.4f} % | {100 * rest:+.4f} % "
            f"| {f'{rest / width:.2f}' if width else ''} | {row['order']:.1f} |"
        )


def stressed(answers: Answers, length: float, width: float) -> list[dict[str, float]]:
    """(frequency / that without stress)^2 against the exact tensioned beam and the formula's estimate.

    Shear makes the beam softer, so the same stress is a larger share of its buckling load.
    """
    euler = 4 * np.pi**2 * MODULUS * width**2 / 12 / length**2
    ask = {"beam_length": length, "beam_width": width, "poisson_ratio": 0.0, "refinement": 1}
    softer = (timoshenko(length, width, 0)[0] / bernoulli(length, width)[0]) ** 2
    plain = answers.ask(**ask, residual_stress=0.0)["resonance_frequency"]
    rows = []
    print("\n| stress, MPa | of the buckling load | FE | exact | the formula |")
    print("|---|---|---|---|---|")
    for stress in STRESSES:
        if stress / euler <= -0.95:
            continue
        found = (answers.ask(**ask, residual_stress=float(stress))["resonance_frequency"] / plain) ** 2
        estimate = 1 + 4.877716644161568 * 4 * np.pi**2 / (EULER_MODE**4 * 0.396477920160514) * stress / euler
        rows.append(
            {"stress": stress, "fe": found, "exact": tensioned(stress / euler / softer), "formula": estimate}
        )
        print(
            f"| {stress} | {stress / euler:+.3f} | {found:.5f} | {rows[-1]['exact']:.5f} | {estimate:.5f} |"
        )
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the table says: agreement where the theories agree, orders, and the law of the width."""
    free = [r for r in rows if r["poisson"] == 0 and r["length"] / r["width"] >= 20]
    wide = [r for r in rows if r["poisson"]]
    rests = [abs(r["value"] - r["theory"]) for r in free]
    agrees = [rest <= row["coarse error"] for rest, row in zip(rests, free, strict=True)]
    law: dict[str, list[float]] = {}
    for r in wide:
        law.setdefault(r["name"], []).append(
            (r["value"] - r["theory"]) * r["length"] / r["poisson"] ** 2 / 20
        )
    held = [abs(r["value"] - r["coarse"]) <= r["coarse error"] for r in rows]
    return {
        "beams": len(rows) // 4,
        "agree_at_poisson_0": [int(sum(agrees)), len(agrees)],
        "largest_rest_at_poisson_0_percent": 100 * max(rests),
        "rest_at_poisson_0_times_slenderness_cubed": _ends(
            [(r["value"] - r["theory"]) * (r["length"] / r["width"]) ** 3 for r in rows if _thick(r)]
        ),
        "coarse_error_holds_fine": [int(sum(held)), len(held)],
        "orders_poisson_0": _ends([r["order"] for r in free]),
        "orders_poisson_0.22": _ends([r["order"] for r in wide]),
        "width_law": {name: _ends(values) for name, values in law.items()},
        "cpu_seconds": {n: round(float(np.median([r["cpu"][n] for r in rows])), 2) for n in rows[0]["cpu"]},
    }


def _thick(row: dict[str, Any]) -> bool:
    return bool(row["poisson"] == 0 and row["length"] / row["width"] <= 25)


def _ends(values: list[float]) -> list[float]:
    return [round(min(values), 2), round(max(values), 2)]


def main() -> None:
    """Ask what is missing, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    if shutil.which("ccx") is None:
        sys.exit("ccx is not installed (Debian: calculix-ccx).")
    os.environ["OMP_NUM_THREADS"] = "1"
    answers = Answers(HERE / "results" / f"external_beam{'-quick' if quick else ''}.jsonl")
    rows = sizes(answers, SLENDER[:2] if quick else SLENDER)
    print_sizes(rows)
    loads = stressed(answers, 400, 4)
    print("\nRESULT " + json.dumps(summary(rows) | {
        "stress_largest_difference_to_exact": max(abs(r["fe"] / r["exact"] - 1) for r in loads),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
