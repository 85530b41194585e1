"""Refit schedule, journaled fits, and equal bits in other processes."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from strategy_problems import PLANE, branin, run, start, strategy

from designloop.strategies import Bound, History
from designloop.strategies.training import refit_due

CODE = """
import json
from strategy_problems import branin, start, strategy
history = start(branin, count=9)
candidates = strategy("{name}").propose(history, 2).candidates
print(json.dumps([[c.parameters, c.reason["acquisition"]] for c in candidates]))
"""


@pytest.mark.parametrize("name", ["gp_ucb", "log_nei"])
def test_another_process_proposes_the_same_bits(name):
    here = [
        [c.parameters, c.reason["acquisition"]]
        for c in strategy(name).propose(start(branin, count=9), 2).candidates
    ]
    command = [sys.executable, "-c", CODE.format(name=name)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    assert json.loads(found.stdout.splitlines()[-1]) == here


def test_a_restarted_strategy_goes_on_as_one_that_never_stopped():
    history, proposals = run(strategy("log_nei"), branin, 26)
    for n in (8, 22, 25):
        fit = json.loads(json.dumps(proposals[n - 1].fit, allow_nan=False))
        partial = History(trials=history.trials[:n], fit=fit, proposals=n)
        again = strategy("log_nei").propose(partial)
        assert again.candidates[0].parameters == history.trials[n].parameters
        assert again.fit == proposals[n].fit


def test_the_schedule_refits_at_every_trial_to_twenty_and_then_by_growth():
    fitted, due = 2, [2]
    for n in range(3, 101):
        if refit_due(fitted=fitted, now=n):
            fitted = n
            due.append(n)
    assert due[:19] == list(range(2, 21))
    gaps = [b / a for a, b in itertools.pairwise(due[18:])]
    assert min(gaps) >= 1.15
    assert max(gaps) < 1.22
    assert refit_due(fitted=0, now=1)


def test_a_batch_that_steps_over_a_planned_refit_refits():
    assert refit_due(fitted=20, now=24)
    assert not refit_due(fitted=20, now=22)


def test_between_refits_the_journaled_hyper_parameters_are_used():
    history, proposals = run(strategy("gp_ucb"), branin, 23)
    (skipped,) = [n for n in (21, 22) if not proposals[n].refitted][:1]
    assert proposals[skipped].fit == proposals[skipped - 1].fit
    partial = {"trials": history.trials[:skipped], "proposals": skipped}
    fit = proposals[skipped - 1].fit
    changed = json.loads(json.dumps(fit))
    changed["metrics"]["f"]["lengthscales"] = [0.05, 0.05]
    ours = strategy("gp_ucb").propose(History(fit=fit, **partial)).candidates
    other = strategy("gp_ucb").propose(History(fit=changed, **partial)).candidates
    assert ours[0].parameters != other[0].parameters


def test_a_fit_of_another_kernel_or_space_is_not_used():
    history = start(branin, count=9)
    fit = strategy("gp_ucb").propose(history).fit
    same = History(trials=history.trials, fit=fit, proposals=9)
    assert not strategy("gp_ucb").propose(same).refitted
    assert strategy("gp_ucb", kernel="rbf").propose(same).refitted
    short = json.loads(json.dumps(fit))
    short["metrics"]["f"]["lengthscales"] = [1.0]
    assert strategy("gp_ucb").propose(History(trials=history.trials, fit=short, proposals=9)).refitted


def test_the_seed_of_the_campaign_changes_the_initial_design():
    designs = [run(strategy("gp_ucb", PLANE, seed=s), branin, 3)[0].trials[0].parameters for s in (1, 2)]
    assert designs[0] != designs[1]


def test_a_changed_bound_chooses_its_metrics_transform_anew():
    history = start(branin, count=9, g=lambda d: 10.0 ** d["x"])
    before = strategy("ei", bounds=(Bound(metric="g", upper=100.0),)).propose(history)
    assert before.fit["metrics"]["g"]["transform"]["kind"] == "log"
    again = History(trials=history.trials, fit=before.fit, proposals=9)
    after = strategy("ei", bounds=(Bound(metric="g", lower=0.0),)).propose(again)
    assert not after.refitted
    assert after.fit["metrics"]["g"]["transform"]["kind"] != "log"
    assert after.fit["metrics"]["f"] == before.fit["metrics"]["f"]
