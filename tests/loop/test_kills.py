"""Real processes killed at journal writes: nothing lost, nothing repeated, the same proposals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.chain import Chain, assert_nothing_lost_or_repeated, essence, models

KILLED = -9
MODES = ("before", "inside", "after")


def chained(chain: Chain, directory: Path, kills: Iterator[tuple[int, str]]) -> int:
    """Resume through ``kills`` until the campaign ends by itself; how many sessions were killed."""
    killed = 0
    for kill in kills:
        status = chain.resume(directory, kill=kill)
        if status == 0:
            return killed
        assert status == KILLED
        killed += 1
    assert chain.resume(directory) == 0
    return killed


def test_ninety_kills_at_journal_writes_change_nothing(tmp_path: Path) -> None:
    with Chain(tmp_path, trials=11) as chain:
        status, whole = chain.run("whole")
        assert status == 0
        status, broken = chain.run("broken", kill=(1, "inside"))
        assert status == KILLED
        killed = 1 + chained(chain, broken, iter([(0, mode) for mode in MODES] * 30))
        assert killed >= 90
        assert essence(broken) == essence(whole)
        assert models(broken) == models(whole)
        assert_nothing_lost_or_repeated(chain, broken)


def test_kills_change_nothing_in_a_learning_campaign(tmp_path: Path) -> None:
    strategy = "{name: query_by_committee, initial: {sobol: 6}, shadow: 4}"
    question = "goal: {learn: {height: 0.001 % of spread}}"
    with Chain(tmp_path, trials=12, strategy=strategy, question=question) as chain:
        status, whole = chain.run("whole")
        assert status == 0
        status, broken = chain.run("broken", kill=(3, "inside"))
        assert status == KILLED
        killed = 1 + chained(chain, broken, iter([(1, mode) for mode in MODES] * 5))
        assert killed >= 15
        assert essence(broken) == essence(whole)
        assert models(broken) == models(whole)
        assert_nothing_lost_or_repeated(chain, broken)


def test_a_kill_inside_an_evaluation_runs_that_trial_again(tmp_path: Path) -> None:
    with Chain(tmp_path, trials=6, strategy="sobol") as chain:
        _, whole = chain.run("whole")
        status, broken = chain.run("broken", kill=(0, "evaluation"))
        assert status == KILLED
        assert chain.resume(broken, kill=(0, "evaluation")) == KILLED
        assert chain.resume(broken) == 0
        assert essence(broken) == essence(whole)
        assert chain.evaluations(broken)[:3] == ["000", "000-2", "000-3"]
        assert_nothing_lost_or_repeated(chain, broken)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_seventy_kills_at_random_writes_each_change_nothing(tmp_path: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    kills = [(int(draw.integers(0, 3)), str(draw.choice(MODES))) for _ in range(70)]
    with Chain(tmp_path, trials=45) as chain:
        _, whole = chain.run("whole")
        status, broken = chain.run("broken", kill=(2, "inside"))
        assert status == KILLED
        killed = chained(chain, broken, iter(kills))
        assert killed >= 67
        assert essence(broken) == essence(whole)
        assert models(broken) == models(whole)
        assert_nothing_lost_or_repeated(chain, broken)
