"""``designloop model train`` for beams of many sizes: every row has a grid of its own, and few are learned.

The warping of sections is learned without labels, from the energy that it takes off; the factors on it from
the labels of the same rows. All other rows judge: those of the training and the validation part fix the law
of the error and calibrate it, those of the test part are seen once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from designloop.learning.calibration import LEVEL, Calibration, recalibrate
from designloop.learning.judging import figures, verdict
from designloop.learning.networks.ensemble import Ensemble
from designloop.learning.networks.folds import Scaling
from designloop.learning.networks.seeds import layers_seeded
from designloop.learning.packed import Packed
from designloop.learning.saved import SavedModel
from designloop.learning.trainers import Job, Trained, TrainingError, Watch
from designloop.oracle import Input

from . import _cards, _packing
from ._asked import seen
from ._beams import BeamsOfSizes
from ._error_law import ErrorLaw, fitted
from ._rows import Rows
from ._spaces import SPACES
from .networks.beams import BeamNet
from .trainer import hyper_parameters

Array = NDArray[np.float64]
NAME, SOURCE = "whole_beam_net", "beams_of_sizes"
ENOUGH = 100
"""Rows to learn from; more change nothing."""
RATE, EPOCHS = 0.01, 3
LAW = ("beam_length", "beam_width", "grain_size")
SECTION = (1.0, 12.0, 0.5)
"""Weights of stretch, bend and shear in what warping shall lower, so that they count alike."""


def train(job: Job, watch: Watch) -> Trained:
    """Do a job. Raises TrainingError for one that cannot be done."""
    if job.network not in (None, NAME) or job.start is not None:
        raise TrainingError(f"beams of many sizes are learned by {NAME} only, and from scratch.")
    known = SPACES[NAME]
    inputs = (replace(i, default=RATE) if i.name == "learning_rate" else i for i in known.inputs)
    space = replace(known, sets=(SOURCE,), inputs=tuple(inputs))
    rows = Rows(data=job.data, space=space)
    chosen = hyper_parameters(space, job)
    options = {name: chosen[name] for name in ("kernel", "sweeps")}
    learned = rows.part("train")[:ENOUGH]
    held = np.concatenate([rows.part("train")[ENOUGH:], rows.part("validation")])
    designs, seeds = asked(rows)
    pictures = [torch.from_numpy(seen("orientation", designs[n], seeds[n], pixels=None)) for n in learned]
    labels = torch.from_numpy(rows.labels(learned))
    epochs = job.epochs or EPOCHS
    nets = []
    for member in range(job.members):
        stage = f"{NAME} {member + 1} of {job.members}"
        net = warped(
            pictures, options, rate=float(chosen["learning_rate"]), epochs=epochs, seed=(job.seed, member),
            checkpoint=job.folder / f"{member}.pt",
            told=lambda epoch, now, best, stage=stage: watch(stage, epoch, epochs, now, best),
        )  # fmt: skip
        nets.append(scaled(net, pictures, labels))
    ensemble = _ensemble(nets, options)
    return _judged(job, rows, options, chosen, ensemble, learned=learned, held=held)


def asked(rows: Rows) -> tuple[list[dict[str, Any]], list[int]]:
    """Inputs of the solver and realization of every row."""
    arrays = rows.data.arrays
    names = [c.name for c in rows.data.columns if c.role == "input" and c.name != "seed"]
    designs = [{name: float(arrays[name][n]) for name in names} for n in range(len(rows.data))]
    return designs, [int(seed) for seed in arrays["seed"]]


def warped(
    pictures: Sequence[Tensor],
    options: Mapping[str, Any],
    *,
    rate: float,
    epochs: int,
    seed: tuple[int, int],
    checkpoint: Path,
    told: Any,
) -> BeamNet:
    """A network whose warping takes off all the energy it can; no labels. Goes on from ``checkpoint``."""
    with layers_seeded(int(np.random.SeedSequence(seed).generate_state(1)[0])):
        net = BeamNet(**options)
    optimizer = torch.optim.Adam(net.cycle.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * len(pictures))
    parts: dict[str, Any] = {"net": net, "optimizer": optimizer, "schedule": schedule}
    first, best, identity = 0, np.inf, _identity(pictures, options, rate, epochs, seed)
    if checkpoint.is_file():
        kept = torch.load(checkpoint, weights_only=True)
        if kept.get("identity") != identity:
            raise TrainingError(
                f"{checkpoint} belongs to training with other data or settings. Remove {checkpoint.parent}, "
                "or repeat the command that began it."
            )
        first, best = kept["epochs"], kept["best"]
        for name, part in parts.items():
            part.load_state_dict(kept[name])
    for epoch in range(first, epochs):
        losses = []
        for n in np.random.default_rng([*seed, epoch]).permutation(len(pictures)):
            plain, left = (energy(part) for part in net.sections(pictures[n]))
            loss = (left - plain) / plain
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        best = min(best, float(np.mean(losses)))
        told(epoch + 1, float(np.mean(losses)), best)
        states = {name: part.state_dict() for name, part in parts.items()}
        _keep(checkpoint, {"identity": identity, "epochs": epoch + 1, "best": best, **states})
    return net


def _identity(pictures: Sequence[Tensor], options: Mapping[str, Any], *settings: Any) -> str:
    """Hash of all that decides what a training comes to."""
    found = hashlib.sha256(repr((sorted(options.items()), settings)).encode())
    for picture in pictures:
        found.update(picture.numpy().tobytes())
    return found.hexdigest()[:16]


def energy(sections: Tensor) -> Tensor:
    """Of section stiffnesses ``(n, nx, 3, 3)`` under stretch, bend and shear."""
    return (sections.diagonal(dim1=-2, dim2=-1) * sections.new_tensor(SECTION)).sum(-1).mean()


def scaled(net: BeamNet, pictures: Sequence[Tensor], labels: Tensor) -> BeamNet:
    """The network with the factors on its warping under which it meets ``labels`` ``(n, 2)`` best."""
    with torch.no_grad():
        sections = [tuple(part.double() for part in net.sections(one)) for one in pictures]
    net = net.double()
    factors = [net.excess, net.coupling, net.clamp]
    optimizer = torch.optim.LBFGS(factors, max_iter=15, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        total = 0.0
        for (plain, left), image, label in zip(sections, pictures, labels, strict=True):
            found = net.moduli(plain, left, image.double())[0]
            loss = (found - label).pow(2).mean() / len(pictures) * 1e3
            loss.backward()
            total += float(loss.detach())
        return total

    optimizer.step(closure)
    return net.float()


def _keep(file: Path, content: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    torch.save(dict(content), fresh)
    os.replace(fresh, file)


def _ensemble(nets: Sequence[BeamNet], options: Mapping[str, Any]) -> Ensemble:
    states = [net.state_dict() for net in nets]
    zero, one = np.zeros(2), np.ones(2)
    return Ensemble(
        build=lambda: BeamNet(**options),
        states={name: torch.stack([state[name] for state in states]) for name in states[0]},
        scaling=Scaling(x_mean=zero, x_sd=one, y_mean=zero, y_sd=one),
        history={}, best_epoch=np.zeros(len(nets), np.int64), best_loss=np.full(len(nets), np.nan),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class _Answers:
    """Of some rows, (rows, labels): mean, spread of members, the simple answers by name, and inputs."""

    mean: Array
    spread: Array
    simple: dict[str, Array]
    inputs: Array
    labels: Array

    @classmethod
    def of(cls, rows: Rows, which: NDArray[np.intp], ensemble: Ensemble) -> _Answers:
        designs, seeds = asked(rows)
        net = next(ensemble.modules())
        found: list[list[Array]] = []
        for n in which:
            image = seen("orientation", designs[n], seeds[n], pixels=None)
            with torch.no_grad():
                guess = net.guess(torch.from_numpy(image)).numpy()[0]  # type: ignore[operator]
            answer = ensemble.spread(image)
            found.append([answer.mean[0], answer.epistemic[0], guess, np.repeat(_voigt(image), 2)])
        mean, spread, guess, voigt = (np.array(part, dtype=float) for part in zip(*found, strict=True))
        simple = {"affine_voigt": voigt, "affine_chain_of_plain_sections": guess}
        inputs = np.array([[designs[n][name] for name in LAW] for n in which])
        return cls(mean=mean, spread=spread, simple=simple, inputs=inputs, labels=rows.labels(which))


def _voigt(image: NDArray[Any]) -> float:
    """Young's modulus along x of the beam's mean stiffness, GPa."""
    from .networks.cycle import BULK, CONTRAST, SHEAR

    c, s = CONTRAST * image[0].mean(axis=(1, 2), dtype=float)
    return float(4 / (1 / BULK + 1 / (SHEAR + c - s**2 / (SHEAR - c))))


def _judged(
    job: Job,
    rows: Rows,
    options: Mapping[str, Any],
    chosen: Mapping[str, Any],
    ensemble: Ensemble,
    *,
    learned: NDArray[np.intp],
    held: NDArray[np.intp],
) -> Trained:
    """The model with its card."""
    known = _Answers.of(rows, held, ensemble)
    test = _Answers.of(rows, rows.part("test"), ensemble)
    space, floors, laws, calibrations, errors, verdicts = rows.space, [], {}, {}, {}, {}
    for k, metric in enumerate(space.metrics):
        floor, law = fitted(known.inputs, known.mean[:, k] - known.labels[:, k])
        one = _calibration(known, k, floor, law)
        sd = one.factor * np.hypot(test.spread[:, k], floor * law.ratio(test.inputs))
        simple = {"mean_of_the_labels": np.full(len(test.labels), known.labels[:, k].mean())} | {
            name: _affine(known.simple[name][:, k], known.labels[:, k], test.simple[name][:, k])
            for name in test.simple
        }
        y, mean = test.labels[:, k], test.mean[:, k]
        errors[metric] = figures(y, mean, sd) | {
            "baseline": {name: figures(y, answer) for name, answer in simple.items()}
        }
        verdicts[metric] = verdict(metric, space.unit, y, mean, simple)
        floors.append(floor)
        laws[metric], calibrations[metric] = law, one
    saved = _packing.save(
        rows, options, ensemble, floor=floors, factor=[calibrations[m].factor for m in space.metrics]
    )
    saved = SavedModel(
        config={**saved.config, "law": list(LAW)},
        arrays={**saved.arrays, **{f"law/{m}": law.array for m, law in laws.items()}},
    )
    card = _cards.blank(rows, name=job.name, split="the test split, which nothing was chosen by")
    card = replace(
        card,
        summary="Axial and bending modulus of one polysilicon beam, grain by grain, without solving for it.",
        inputs=tuple(_ranged(one, rows.data.description["provenance"]["box"]) for one in card.inputs),
        errors=errors,
        calibration={
            m: {"factor": c.factor, "before": c.before[LEVEL], "after": c.after[LEVEL], "points": c.points}
            for m, c in calibrations.items()
        },
        data={
            **card.data,
            "training": {
                "network": NAME, "weights": sum(v[0].numel() for v in ensemble.states.values()), **chosen,
                "members": job.members, "seed": job.seed, "epochs": job.epochs or EPOCHS,
                "rows": len(learned),
            },
            "made_by": _commands(job, rows),
            "error_law": {m: _words(floors[k], laws[m], space.unit) for k, m in enumerate(space.metrics)},
            "verdict": verdicts,
        },
    )  # fmt: skip
    return Trained(packed=Packed(saved=saved, card=card), verdicts=tuple(verdicts.values()))


def _calibration(known: _Answers, k: int, floor: float, law: ErrorLaw) -> Calibration:
    """Widens what the law says where intervals need it; the law is likeliest, so nothing narrows it."""
    sd = np.hypot(known.spread[:, k], floor * law.ratio(known.inputs))
    try:
        one = recalibrate(known.labels[:, k], known.mean[:, k], sd)
    except ValueError as error:
        raise TrainingError(f"the intervals cannot be calibrated: {error}") from None
    return one if one.factor > 1 else replace(one, factor=1.0, after=one.before)


def _affine(x: Array, y: Array, at: Array) -> Array:
    return np.polynomial.Polynomial.fit(x, y, 1)(at)


def _ranged(one: Input, box: Mapping[str, Sequence[float]]) -> Input:
    """With the range that the rows were drawn from, which they fill but for its very ends."""
    return replace(one, lower=box[one.name][0], upper=box[one.name][1]) if one.name in box else one


def _words(floor: float, law: ErrorLaw, unit: str) -> str:
    """The law in words."""
    powers = " ".join(f"{name}^{power:.2f}" for name, power in zip(LAW, law.exponents, strict=True))
    return (
        f"sd {floor:.3g} {unit} at the middle of the box; {100 * law.share:.0f} % of its square goes as the "
        f"square of {powers}, the rest is constant"
    )


def _commands(job: Job, rows: Rows) -> str:
    """What makes data set and model again."""
    told, data = rows.data.description, rows.data
    usual = BeamsOfSizes().options
    options = "".join(f"--set {n}={v:g} " for n, v in told["options"].items() if v != usual[n])
    where = f"datasets/{data.folder.name if data.folder else told['source']}"
    return (
        f"designloop dataset make {told['source']} {options}--count {len(data)} --seed {told['seed']} --out "
        f"{where}; designloop model train {where} --members {job.members} --seed {job.seed} --out "
        f"{job.name}.dlmodel"
    )
