"""A training killed at any moment ends with the bits of one that was not."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from designloop.learning.networks.training import Fold, Recipe, train

RECIPES = {
    "batches": Recipe(
        learning_rate=2e-2, epochs=30, batch=16, patience=6, schedule="plateau", decay_patience=2
    ),
    "lbfgs": Recipe(optimizer="lbfgs", learning_rate=1.0, epochs=7, patience=6, dtype="float64"),
}


def network():
    return nn.Sequential(nn.Linear(2, 12), nn.BatchNorm1d(12), nn.Tanh(), nn.Dropout(0.1), nn.Linear(12, 1))


def plain():
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))


def shaken(x, y, draws):
    return x + 0.01 * torch.randn(x.shape, generator=draws, dtype=x.dtype), y


def fold(n, seed):
    x = np.random.default_rng(seed).normal(size=(n, 2))
    return Fold(x=x, y=np.sin(2 * x[:, 0]) * x[:, 1])


def run(kind, **options):
    """A training of ``kind``, the same in every process."""
    torch.set_num_threads(1)
    augment = None if kind == "lbfgs" else shaken
    build = plain if kind == "lbfgs" else network
    settings = {"recipe": RECIPES[kind], "members": 3, "seed": 7, "augment": augment} | options
    return train(build, fold(96, 1), fold(48, 2), **settings)


def slow(epoch, losses, best, seconds):
    """Leave time to be killed in."""
    sys.stdout.write(f"{epoch}\n")
    sys.stdout.flush()
    time.sleep(0.05)


@pytest.mark.parametrize("kind", RECIPES)
def test_a_killed_training_goes_on_to_the_same_bits(kind, tmp_path):
    whole = run(kind)
    file = tmp_path / "standing.pt"
    program = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); from pathlib import Path\n"
        "from test_networks_checkpoint import run, slow\n"
        f"run({kind!r}, checkpoint=Path({str(file)!r}), save_every=0.0, watch=slow)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    for line in child.stdout:
        if int(line) >= 3:
            os.kill(child.pid, signal.SIGKILL)
            break
    assert child.wait() == -signal.SIGKILL
    epochs = []
    resumed = run(kind, checkpoint=file, watch=lambda epoch, *_: epochs.append(epoch))
    assert epochs[0] > 3
    assert all(torch.equal(resumed.states[name], value) for name, value in whole.states.items())
    for name, values in whole.history.items():
        np.testing.assert_array_equal(resumed.history[name], values)
    np.testing.assert_array_equal(resumed.best_epoch, whole.best_epoch)


def test_a_finished_training_is_read_and_not_run_again(tmp_path):
    file = tmp_path / "standing.pt"
    first, epochs = run("batches", checkpoint=file), []
    again = run("batches", checkpoint=file, watch=lambda epoch, *_: epochs.append(epoch))
    assert not epochs
    assert torch.equal(again.states["0.weight"], first.states["0.weight"])
    assert [path.name for path in tmp_path.iterdir()] == ["standing.pt"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"seed": 8}, "seed, starting weights"),
        ({"recipe": Recipe(epochs=2)}, "recipe"),
        ({"members": 2}, "members, starting weights"),
        ({"augment": None}, "augmentation"),
    ],
    ids=["seed", "recipe", "members", "augmentation"],
)
def test_a_checkpoint_of_another_training_is_refused(options, names, tmp_path):
    file = tmp_path / "standing.pt"
    run("batches", recipe=Recipe(epochs=1), checkpoint=file)
    with pytest.raises(ValueError, match=rf"belongs to a training with other {names}: name another file"):
        run("batches", **({"recipe": Recipe(epochs=1)} | options), checkpoint=file)


def test_a_checkpoint_of_other_rows_is_refused(tmp_path):
    file, recipe = tmp_path / "standing.pt", Recipe(epochs=1)
    train(plain, fold(40, 1), fold(40, 2), recipe=recipe, members=1, seed=1, checkpoint=file)
    with pytest.raises(ValueError, match="with other data: name another file, or delete it"):
        train(plain, fold(40, 1), fold(40, 3), recipe=recipe, members=1, seed=1, checkpoint=file)
