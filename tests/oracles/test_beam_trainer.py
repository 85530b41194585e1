"""Training on beams of many sizes: what the command packs, and that it goes on where it was stopped."""

from dataclasses import replace

import numpy as np
import pytest

from designloop.learning import models
from designloop.learning.datasets import make
from designloop.learning.trainers import Job, TrainingError, find
from designloop_oracles.surrogates import beam_trainer
from designloop_oracles.surrogates.presets import BeamsOfSizes

SMALL = BeamsOfSizes(
    length_from=10, length_to=16, width_from=1, width_to=2, grain_from=0.8, grain_to=1.6, pixels_per_grain=2
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make(SMALL, tmp_path_factory.mktemp("beams") / "set", count=50, seed=2)


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch):
    monkeypatch.setattr(beam_trainer, "ENOUGH", 5)


def job(data, folder, **changes):
    return replace(Job(name="beams", data=data, folder=folder, members=1, epochs=2), **changes)


def told(*_):
    pass


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beam_trainer, "ENOUGH", 5)
        return find(data)(job(data, tmp_path_factory.mktemp("job")), told)


def test_every_beam_is_answered_for_better_than_by_the_mean_of_the_labels(trained):
    for errors in trained.packed.card.errors.values():
        assert errors["rmse"] < 0.5 * errors["baseline"]["mean_of_the_labels"]["rmse"]


def test_rows_that_were_not_learned_calibrate(trained):
    points = [one["points"] for one in trained.packed.card.calibration.values()]
    assert points == [35 - 5 + 7] * 2


def test_the_box_is_the_one_that_the_rows_were_drawn_from(trained):
    box = {i.name: (i.lower, i.upper) for i in trained.packed.card.varied}
    assert box == {"beam_length": (10, 16), "beam_width": (1, 2), "grain_size": (0.8, 1.6)}


def test_the_packed_model_gives_the_errors_that_its_card_states(trained, data):
    test = data.split({"train": 0.7, "validation": 0.15, "test": 0.15}, seed=0)["test"]
    names = ("beam_length", "beam_width", "grain_size", "pixels_per_grain")
    designs = [{name: float(data.arrays[name][n]) for name in names} for n in test]
    found = models.parts(trained.packed.saved, designs, seeds=[int(data.arrays["seed"][n]) for n in test])
    for metric, errors in trained.packed.card.errors.items():
        error = found[metric].mean - data.arrays[metric][test]
        assert np.sqrt(np.mean(error**2)) == pytest.approx(errors["rmse"], rel=1e-5)
        assert 2 * 1.959964 * found[metric].epistemic.mean() == pytest.approx(errors["interval_width"])


def test_a_stopped_training_goes_on_to_the_same_model(trained, data, tmp_path):
    def stop(stage, epoch, *_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        beam_trainer.train(job(data, tmp_path), stop)
    again = beam_trainer.train(job(data, tmp_path), told)
    assert again.packed.card.version == trained.packed.card.version


def test_another_network_is_refused(data, tmp_path):
    with pytest.raises(TrainingError, match="learned by whole_beam_net only"):
        beam_trainer.train(job(data, tmp_path, network="sve_cnn"), told)
