"""``designloop model train`` for data sets of the shipped sources: trained, calibrated, judged, packed.

The spread of an answer joins what the members disagree about and the error that they share, known from
validation rows; both are multiplied by one factor per label so that 95 % intervals hold 95 % of these rows.
Solvers repeat themselves, so that nothing of it is aleatoric.
A training that starts from a model takes its weights and learns anew how inputs and labels are scaled.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from designloop.learning.calibration import LEAST, LEVEL, Calibration, recalibrate
from designloop.learning.judging import figures, verdict
from designloop.learning.packed import Packed
from designloop.learning.trainers import Job, Trained, TrainingError, Watch
from designloop.oracle import Value

from . import _cards, _packing
from ._rows import Rows, architecture, fit, recipe
from ._simple import baselines
from ._spaces import SPACES, Space, fitting

if TYPE_CHECKING:
    from designloop.learning.networks.training import Ensemble

Array = NDArray[np.float64]
SCRATCH = "from scratch"


def train(job: Job, watch: Watch) -> Trained:
    """Do a job. Raises TrainingError for one that cannot be done."""
    space = chosen_space(job)
    rows = Rows(data=job.data, space=space)
    chosen = hyper_parameters(space, job)
    options = architecture(rows, chosen)
    held = len(rows.split["validation"])
    if held < LEAST:
        raise TrainingError(
            f"{job.data.folder} has {held} validation rows, too few to calibrate by; {LEAST} are needed, so "
            f"make {round(LEAST / held * len(job.data))} rows or more."
        )
    starts = {SCRATCH: None}
    if job.start is not None:
        starts = {f"from {job.origin}": _packing.weights(job.start.saved, rows, options), SCRATCH: None}
    answers = {}
    for number, (stage, start) in enumerate(starts.items()):
        epochs = recipe(space, chosen, epochs=job.epochs).epochs

        def told(
            epoch: int, losses: Array, best: Array, _: float, *, stage: str = stage, of: int = epochs
        ) -> None:
            watch(f"{space.name} {stage}", epoch, of, float(np.nanmean(losses)), float(best.mean()))

        ensemble = fit(
            rows, chosen, members=job.members, seed=job.seed, epochs=job.epochs, start=start,
            checkpoint=job.folder / f"{'scratch' if start is None else 'started'}-{number}.pt", watch=told,
        )  # fmt: skip
        answers[stage] = Answers.of(rows, ensemble)
    return _judged(job, rows, options, chosen, answers)


def chosen_space(job: Job) -> Space:
    """The network that is asked for, else the one of the model to start from, else the best for the data."""
    source = str(job.data.description["source"])
    known = [space.name for space in fitting(source, job.data.description["options"])]
    started = job.start.saved.config.get("network") if job.start else None
    if not known:
        raise TrainingError(f"no network is known for {source} with the options of {job.data.folder}.")
    name = str(job.network or started or known[0])
    if name not in SPACES:
        near = difflib.get_close_matches(name, SPACES, n=1)
        advice = f"Did you mean {near[0]!r}?" if near else f"For {source} there are {', '.join(known)}."
        raise TrainingError(f"there is no network {name!r}. {advice}")
    return SPACES[name]


def hyper_parameters(space: Space, job: Job) -> dict[str, Value]:
    """What is set, else that of the model to start from, else defaults.

    Raises TrainingError for a name or value that the network has not.
    """
    inputs = {i.name: i for i in space.inputs}
    for name, value in job.settings.items():
        if name not in inputs:
            raise TrainingError(f"{space.name} has no hyper-parameter {name!r}; it has {', '.join(inputs)}.")
        if not inputs[name].allows(value):
            one = inputs[name]
            words = ", ".join(map(str, one.choices)) or f"a number from {one.lower:g} to {one.upper:g}"
            raise TrainingError(f"{name} of {space.name} is {value!r}; write {words}.")
    before = job.start.card.data.get("training", {}) if job.start else {}
    kept = {name: before[name] for name in inputs if before.get("network") == space.name and name in before}
    return {**space.defaults(), **kept, **job.settings}


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """An ensemble's answers on validation and test rows, (rows, labels) each, calibrated by the former."""

    ensemble: Ensemble
    floor: Array
    calibration: tuple[Calibration, ...]
    test: Array
    test_sd: Array

    @classmethod
    def of(cls, rows: Rows, ensemble: Ensemble) -> Answers:
        """Calibrate, in what the network learns, and answer."""
        held, y = rows.part("validation"), rows.targets(rows.part("validation"))
        mean, spread = _moments(ensemble, rows.images(held))
        shared = ((mean - y) ** 2 - spread**2).mean(axis=0)
        floor = np.sqrt(np.maximum(shared, (1e-9 + 1e-3 * np.abs(mean - y).max(axis=0)) ** 2))
        sd = np.hypot(spread, floor)
        try:
            calibration = tuple(recalibrate(y[:, k], mean[:, k], sd[:, k]) for k in range(y.shape[1]))
        except ValueError as error:
            raise TrainingError(f"the intervals cannot be calibrated: {error}") from None
        test, test_spread = _moments(ensemble, rows.images(rows.part("test")))
        factor = np.array([one.factor for one in calibration])
        test, test_sd = rows.encoding.labels(test, factor * np.hypot(test_spread, floor))
        return cls(ensemble=ensemble, floor=floor, calibration=calibration, test=test, test_sd=test_sd)


def _moments(ensemble: Ensemble, x: NDArray[Any]) -> tuple[Array, Array]:
    spread = ensemble.spread(x)
    return spread.mean, spread.epistemic


def _judged(
    job: Job,
    rows: Rows,
    options: Mapping[str, Any],
    chosen: Mapping[str, Value],
    answers: Mapping[str, Answers],
) -> Trained:
    """The model of the first of ``answers`` with its card; the others stand beside it there."""
    stage, best = next(iter(answers.items()))
    metrics, unit = rows.space.metrics, rows.space.unit
    test = rows.labels(rows.part("test"))
    simple = baselines(rows)
    errors: dict[str, dict[str, Any]] = {}
    for k, metric in enumerate(metrics):
        errors[metric] = figures(test[:, k], best.test[:, k], best.test_sd[:, k])
        errors[metric]["baseline"] = {n: figures(test[:, k], mean) for n, mean in simple[metric].items()}
        for other, answer in answers.items():
            if other != stage:
                errors[metric][other] = figures(test[:, k], answer.test[:, k], answer.test_sd[:, k])
    verdicts = {m: verdict(m, unit, test[:, k], best.test[:, k], simple[m]) for k, m in enumerate(metrics)}
    comparison = _comparison(rows, answers, test)
    card = _cards.blank(rows, name=job.name, split="the test split, which nothing was chosen by")
    training = {
        "network": rows.space.name,
        "weights": sum(v[0].numel() for v in best.ensemble.states.values()),
        **chosen,
        "members": best.ensemble.members,
        "seed": job.seed,
        "epochs": [int(e) for e in best.ensemble.best_epoch],
        **({"started_from": _origin(job)} if job.start else {}),
    }
    card = replace(
        card,
        errors=errors,
        calibration={m: _calibrated(one) for m, one in zip(metrics, best.calibration, strict=True)},
        data={
            **card.data,
            "training": training,
            **({"transfer": {str(n): row for n, row in enumerate(comparison)}} if comparison else {}),
            "verdict": verdicts,
        },
    )
    factors = [one.factor for one in best.calibration]
    saved = _packing.save(rows, options, best.ensemble, floor=best.floor, factor=factors)
    return Trained(
        packed=Packed(saved=saved, card=card), verdicts=tuple(verdicts.values()), comparison=comparison
    )


def _origin(job: Job) -> str:
    return f"{job.origin}, version {job.start.card.version}" if job.start else ""


def _calibrated(one: Calibration) -> dict[str, float]:
    return {
        "factor": one.factor, "before": one.before[LEVEL], "after": one.after[LEVEL], "points": one.points
    }  # fmt: skip


def _comparison(rows: Rows, answers: Mapping[str, Answers], test: Array) -> tuple[dict[str, Any], ...]:
    """One row per start and label; none where there was one start."""
    if len(answers) < 2:
        return ()
    target = float(np.nanmin(answers[SCRATCH].ensemble.history["validation"], axis=0).mean())
    return tuple(
        {
            "start": stage,
            "metric": metric,
            "rmse": figures(test[:, k], answer.test[:, k])["rmse"],
            "epochs": int(answer.ensemble.best_epoch.max()),
            "epochs_to_match_scratch": _first(answer.ensemble, target),
        }
        for stage, answer in answers.items()
        for k, metric in enumerate(rows.space.metrics)
    )


def _first(ensemble: Ensemble, target: float) -> int | None:
    """The first epoch at which the members' mean best loss is as low as ``target``."""
    best = np.fmin.accumulate(ensemble.history["validation"], axis=0).mean(axis=1)
    reached = np.flatnonzero(best <= target * (1 + 1e-9))
    return int(reached[0]) + 1 if len(reached) else None
