"""Run directories as the loop leaves them, written record by record without a loop or an oracle."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from designloop.journal import Journal

NAME = "beam-20261122T030000-0a1b"
START = 1_790_000_000.0
METRIC = "noise_equivalent_field.max"
PARAMETERS = [
    {"name": "beam_length", "unit": "um", "kind": "float", "lower": 200.0, "upper": 800.0, "log": False,
     "step": 1.0, "choices": None, "ordered": False},
    {"name": "beam_width", "unit": "um", "kind": "float", "lower": 2.0, "upper": 8.0, "log": False,
     "step": None, "choices": None, "ordered": False},
    {"name": "current", "unit": "mA", "kind": "float", "lower": 0.1, "upper": 4.0, "log": True,
     "step": None, "choices": None, "ordered": False},
]  # fmt: skip
METRICS = {
    METRIC: "nT/sqrt(Hz)", "noise_equivalent_field": "nT/sqrt(Hz)", "resonance_frequency.max": "kHz",
    "buckling_margin": "MPa",
}  # fmt: skip
CONSTRAINTS = [
    {"metric": "resonance_frequency.max", "relation": "<=", "bound": 80.0, "is_margin": False, "unit": "kHz",
     "label": "resonance_frequency <= 80 kHz"},
    {"metric": "buckling_margin", "relation": ">=", "bound": 0.0, "is_margin": True, "unit": "MPa",
     "label": "buckling_margin"},
]  # fmt: skip
BASELINE = {"beam_length": 400.0, "beam_width": 4.0, "current": 1.0}


def campaign(
    *, uri: str | None, models: str = "every_fit", revision: int = 1, **changes: Any
) -> dict[str, Any]:
    """A campaign record's content."""
    content = {
        "revision": revision, "yaml": f"version: 1\nname: beam\n# revision {revision}\n", "name": "beam",
        "description": "Which beam senses best and still resonates below 80 kHz?", "seed": 7,
        "folder": "/nowhere",
        "oracle": {"name": "magnetometer", "version": "3", "labels": ["calibrated"],
                   "options": {"reproduce": "none"}, "summary": "", "source": ""},
        "parameters": PARAMETERS, "fixed": {"thickness": [20.0, "um"], "damping": ["gas", ""]},
        "process": [{"name": "over_etch", "unit": "um", "mean": 0.05, "sd": 0.05}],
        "metrics": METRICS,
        "objective": {"metric": METRIC, "minimize": True, "mode": "worst_corner", "unit": "nT/sqrt(Hz)"},
        "constraints": CONSTRAINTS, "baseline": BASELINE,
        "strategy": {"name": "gp_ucb", "options": {"kappa": 1.96}, "initial": {"sobol": 4}},
        "stop": {"trials": 12}, "tracking": {"uri": uri, "models": models},
        "environment": {"python": "3.11.7", "platform": "Linux", "threads": 1,
                        "packages": {"numpy": "2.4.6", "mlflow": "3.17.2", "torch": "2.13.0"}},
    }  # fmt: skip
    return {**content, **changes}


def evaluate(design: dict[str, float]) -> dict[str, float]:
    """A beam that senses better when long, thin and well fed, and buckles when too long and thin."""
    length, width, current = design["beam_length"], design["beam_width"], design["current"]
    noise = (
        60 * (width / 4) ** 1.5 * (400 / length) ** 1.2 / current**0.6 * (1 + 0.15 * math.sin(length / 60))
    )
    return {
        METRIC: noise, "noise_equivalent_field": 0.8 * noise,
        "resonance_frequency.max": 45 * (width / 4) * (500 / length) ** 2,
        "buckling_margin": 60 - 0.22 * length / width * current,
    }  # fmt: skip


def design(index: int) -> dict[str, float]:
    """Trial ``index``: the baseline, then a low-discrepancy walk that leans to the good side."""
    if index == 0:
        return dict(BASELINE)
    u = [(index * a) % 1 for a in (0.7548776662, 0.5698402910, 0.3819660113)]
    return {
        "beam_length": float(round(200 + 600 * u[0] ** 0.8)), "beam_width": 2 + 6 * u[1] ** 1.4,
        "current": 0.1 * 40 ** u[2],
    }  # fmt: skip


class Factory:
    """Writes a run's journal step by step; time advances one second per record."""

    def __init__(
        self, folder: Path, *, uri: str | None, models: str = "every_fit", name: str = NAME,
        fits: bool = True, **changes: Any,
    ) -> None:  # fmt: skip
        self.directory = folder / name
        self.directory.mkdir(parents=True)
        self.fits, self.uri, self.models = fits, uri, models
        self.journal = Journal(self.directory)
        self.time, self.trials, self.proposals = START, 0, 0
        self.values: list[tuple[int, dict[str, float], dict[str, float]]] = []
        self.append("campaign", **campaign(uri=uri, models=models, **changes))

    def append(self, kind: str, **content: Any) -> None:
        self.time += 1.0
        self.journal.append(kind, **{"time": self.time, **content})

    def propose(self, parameters: dict[str, float] | None = None) -> int:
        """One proposal of one trial, model-based from the fifth on; returns the trial's index."""
        index, number = self.trials, self.proposals
        parameters = parameters or design(index)
        origin = "baseline" if index == 0 else "strategy"
        reason: dict[str, Any] = {
            "generator": "baseline" if index == 0 else "sobol",
            "text": "initial design",
        }
        model = None
        if index > 4:
            truth = evaluate(parameters)
            reason = {
                "generator": "gp_ucb", "text": "long and thin, expected below the best so far",
                "prediction": {m: [truth[m] * 1.05, abs(truth[m]) * 0.1 + 0.5] for m in modelled()},
                "probability_of_feasibility": 0.9, "acquisition": 1.25, "exploration_share": 0.3,
                "nearest_trial": 2,
            }  # fmt: skip
            if self.fits:
                model = f"models/{number:04d}"
                saved_model(self.values).save(self.directory / model)
        self.append(
            "proposal", number=number, digest="d" * 64, strategy="gp_ucb", seed=7, origin=origin,
            candidates=[{"trial": index, "parameters": parameters, "reason": reason}],
            fit={METRIC: {"lengthscales": [0.5, 0.7, 0.9], "noise": 1e-4}} if model else None,
            refitted=index % 2 == 1, model=model, seconds={"fit": 0.11, "acquire": 0.07, "propose": 0.19},
        )  # fmt: skip
        self.trials, self.proposals = index + 1, number + 1
        return index

    def begin(self, trial: int, *, attempt: int = 1) -> None:
        handle = {"kind": "in_process", "pid": 1, "started": self.time, "directory": None}
        self.append("start", trial=trial, attempt=attempt, handle=handle)

    def end(
        self, trial: int, *, attempt: int = 1, status: str = "completed", reason: str | None = None,
        parameters: dict[str, float] | None = None, artifact: str | None = None, **meaning: Any,
    ) -> None:  # fmt: skip
        parameters = parameters or design(trial)
        truth = evaluate(parameters) if status == "completed" else {}
        if status == "infeasible":
            truth = {"buckling_margin": evaluate(parameters)["buckling_margin"]}
        if status == "completed":
            self.values.append((trial, parameters, truth))
        metrics = {m: {"value": v} for m, v in truth.items()}
        if METRIC in metrics:
            metrics[METRIC] |= {"sem": 0.5}
        artifacts = {}
        if artifact is not None:
            path = Path(f"trials/{trial:03d}/mode.txt")
            (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / path).write_text(artifact)
            artifacts = {"mode.txt": path.as_posix()}
        self.append(
            "outcome", trial=trial, attempt=attempt, status=status, metrics=metrics, reason=reason,
            seconds=0.02, artifacts=artifacts, **meaning,
        )  # fmt: skip

    def trial(self, **outcome: Any) -> int:
        """A whole trial: proposed, started, ended."""
        index = self.propose()
        self.begin(index)
        self.end(index, **outcome)
        return index

    def run(self, count: int) -> Factory:
        """``count`` trials; the third is infeasible, the fourth fails."""
        fates = {2: {"status": "infeasible", "reason": "the beam buckles"},
                 3: {"status": "failed", "reason": "solver: no convergence"}}  # fmt: skip
        for _ in range(count):
            self.trial(**fates.get(self.trials, {}))
        return self

    def finish(self, *, screen: str = "best: trial 7") -> Factory:
        """The stop decision, figures, and the report."""
        self.append("decision", action="stop", reason="12 trials done")
        figures = self.directory / "figures"
        figures.mkdir(exist_ok=True)
        (figures / "convergence.svg").write_text("<svg/>")
        (self.directory / "trials.csv").write_text("trial\n0\n")
        self.append("report", answer={"screen": screen}, figures=["figures/convergence.svg"])
        return self

    def close(self) -> Path:
        self.journal.close()
        return self.directory


def modelled() -> list[str]:
    return [METRIC, "resonance_frequency.max", "buckling_margin"]


def space() -> Any:
    from designloop.space import FloatParameter, Space

    keys = ("name", "unit", "lower", "upper", "log", "step")
    return Space(parameters=tuple(FloatParameter(**{k: p[k] for k in keys}) for p in PARAMETERS))


def saved_model(values: list[tuple[int, dict[str, float], dict[str, float]]]) -> Any:
    """A Gaussian process with given hyper-parameters, conditioned on the trials."""
    from designloop.learning import gp, transforms

    room = space()
    unit = np.asarray(room.to_unit([design for _, design, _ in values]), dtype=float)
    models = []
    for metric in modelled():
        y = np.array([truth[metric] for _, _, truth in values])
        kind = "identity" if metric == "buckling_margin" else "log"
        w = np.log(y) if kind == "log" else y
        transform = transforms.MetricTransform(kind=kind, mean=float(w.mean()), sd=float(w.std()) or 1.0)
        numbers = {"unit": unit, "z": transform.forward(y), "noise": np.full(len(y), 1e-4)}
        models.append(
            gp.MetricModel(
                metric=metric,
                encoder=gp.encoder_of(room),
                kernel="matern52",
                lengthscales=(0.8, 0.8, 0.9),
                transform=transform,
                noise_level=1e-4,
                trials=tuple(trial for trial, _, _ in values),
                **numbers,
            )
        )
    return gp.pack(models, space=room)
