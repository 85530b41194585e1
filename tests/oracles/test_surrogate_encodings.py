"""Networks that learn logarithms answer in units of their labels, spreads included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop.discovery import find
from designloop.learning import datasets, models
from designloop.learning.datasets import DataSet
from designloop.learning.packed import Packed
from designloop.learning.trainers import Job
from designloop.oracle import Context
from designloop_oracles.magnetic_composite import MagneticComposite
from designloop_oracles.surrogates import trainer
from designloop_oracles.surrogates._encodings import ENCODINGS
from designloop_oracles.surrogates.presets import Disks

PERMEABILITY = ("permeability_xx", "permeability_yy", "permeability_xy")
MU = st.floats(1.0, 250.0)


@given(xx=MU, yy=MU, share=st.floats(-0.9, 0.9), encoding=st.sampled_from(sorted(ENCODINGS)))
def test_labels_come_back(xx: float, yy: float, share: float, encoding: str) -> None:
    labels = np.array([[xx, yy, share * np.sqrt(xx * yy)]])
    one = ENCODINGS[encoding]
    mean, sd = one.labels(one.targets(labels), np.zeros_like(labels))
    np.testing.assert_allclose(mean, labels, rtol=1e-12, atol=1e-12)
    assert not sd.any()


def test_labels_that_are_learned_as_they_are_keep_their_spreads() -> None:
    sd = np.array([[0.1, 3.0]])
    np.testing.assert_array_equal(ENCODINGS[""].labels(np.array([[5.0, -2.0]]), sd)[1], sd)


def test_spreads_of_permeabilities_are_those_of_samples() -> None:
    encoding = ENCODINGS["permeability"]
    mean, sd = encoding.targets(np.array([[4.0, 9.0, 1.5]])), np.array([[0.01, 0.02, 0.005]])
    draws = mean + sd * np.random.default_rng(0).standard_normal((100_000, 3))
    sampled = encoding.labels(draws, np.zeros_like(draws))[0].std(axis=0)
    np.testing.assert_allclose(encoding.labels(mean, sd)[1][0], sampled, rtol=0.02)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of small packings, trained for a moment."""
    folder = tmp_path_factory.mktemp("disks")
    datasets.make(Disks(pixels=64, radius=4, contrast=20.0), folder / "disks", count=150)
    job = Job(
        data=DataSet.load(folder / "disks"), name="disks", folder=folder / "kept", settings={"levels": 1},
        members=2, epochs=8,
    )  # fmt: skip
    done = trainer.train(job, lambda *_: None)
    return done.packed.save(folder / "disks.dlmodel")


def test_training_on_disks_takes_the_lattice_and_beats_the_volume_fraction(file: Path) -> None:
    card = Packed.load(file).card
    assert card.data["training"]["network"] == "permeability_net"
    assert tuple(o.name for o in card.outputs) == PERMEABILITY
    assert next(i for i in card.pinned if i == "particle_permeability")
    errors = card.errors["permeability_xx"]
    assert errors["rmse"] < errors["baseline"]["polynomial_of_the_volume_fraction"]["rmse"]
    assert errors["mape"] < 0.05


def test_the_trained_lattice_answers_as_the_solver_does_within_its_intervals(file: Path) -> None:
    model = find(f"./{file.name}", folder=file.parent)
    pinned = {i.name: i.default for i in model.declaration.inputs if i.lower == i.upper or i.choices}
    asked = {**pinned, "volume_fraction": 40.0}
    solver = MagneticComposite(dimension=2)
    for seed in range(4):
        told = model.evaluate(asked, Context(seed=seed)).metrics
        solved = solver.evaluate(asked, Context(seed=seed)).metrics
        for metric in PERMEABILITY[:2]:
            assert told[metric].value == pytest.approx(solved[metric].value, rel=0.1)
            assert told[metric].lower < told[metric].value < told[metric].upper


def test_further_labels_scale_the_answers(file: Path) -> None:
    packed = Packed.load(file)
    design = {i.name: i.default for i in packed.card.inputs} | {"volume_fraction": 40.0}
    designs, seeds = [design] * 6, list(range(6))
    before = models.parts(packed.saved, designs, seeds=seeds)
    labels = {metric: 1.2 * part.mean for metric, part in before.items()}
    after = models.parts(models.updated(packed.saved, designs, seeds, labels), designs, seeds=seeds)
    for metric in PERMEABILITY:
        # n labels move the mean of the logarithm by n / (n + 1) of the way
        np.testing.assert_allclose(after[metric].mean / before[metric].mean, 1.2 ** (6 / 7), rtol=1e-6)
    with pytest.raises(ValueError, match="are learned together; give all of permeability_xx"):
        models.updated(packed.saved, designs, seeds, {"permeability_xx": labels["permeability_xx"]})
