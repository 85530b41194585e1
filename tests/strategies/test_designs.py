"""Model-free strategies, initial designs, and what a campaign may write."""

import subprocess
import sys

import numpy as np
import pytest
from strategy_problems import GRID, MIXED, PLANE, Inside, branin, run, strategy, trial

from designloop.errors import CampaignError
from designloop.space import FloatParameter, IntParameter, Space
from designloop.strategies import STRATEGIES, History, StrategyExhausted

MODEL_FREE = ("random", "sobol", "latin_hypercube")


@pytest.mark.parametrize("name", MODEL_FREE)
def test_a_sequence_is_the_same_every_time_and_differs_by_seed(name):
    first = run(strategy(name), branin, 12)[0]
    again = run(strategy(name), branin, 12)[0]
    other = run(strategy(name, seed=4), branin, 12)[0]
    assert [t.parameters for t in first.trials] == [t.parameters for t in again.trials]
    assert [t.parameters for t in first.trials] != [t.parameters for t in other.trials]


@pytest.mark.parametrize("name", MODEL_FREE)
def test_a_batch_equals_the_same_designs_one_by_one(name):
    history = run(strategy(name, initial={}), branin, 6)[0]
    batch = strategy(name, initial={}).propose(History(), n=6)
    assert [c.parameters for c in batch.candidates] == [t.parameters for t in history.trials]


@pytest.mark.parametrize("name", MODEL_FREE)
@pytest.mark.parametrize("space", [PLANE, GRID, MIXED], ids=["plane", "grid", "mixed"])
def test_designs_lie_in_the_space_and_are_distinct(name, space):
    batch = strategy(name, space).propose(History(), n=30)
    designs = [c.parameters for c in batch.candidates]
    assert all(space.contains(d) is None for d in designs)
    assert len({tuple(d.values()) for d in designs}) == 30


@pytest.mark.parametrize("name", MODEL_FREE)
def test_input_constraints_hold_for_every_design(name):
    disc = Inside(("x", "y"), (3.0, 4.0), 2.0)
    space = Space(PLANE.parameters, (disc,))
    batch = strategy(name, space).propose(History(), n=12)
    assert space.feasible([c.parameters for c in batch.candidates]).all()


def test_a_tiny_feasible_region_is_still_sampled():
    disc = Inside(("x", "y"), (3.0, 4.0), 0.02)
    space = Space(PLANE.parameters, (disc,))
    batch = strategy("sobol", space).propose(History(), n=4)
    assert space.feasible([c.parameters for c in batch.candidates]).all()


def test_a_latin_hypercube_puts_one_design_in_every_slice():
    batch = strategy("log_nei", initial={"latin_hypercube": 10}).propose(History(), n=10)
    unit = PLANE.to_unit([c.parameters for c in batch.candidates])
    for column in unit.T:
        assert sorted(np.floor(column * 10).astype(int)) == list(range(10))


def test_an_initial_design_is_made_of_its_parts_in_order():
    batch = strategy("log_nei", initial={"center": 1, "sobol": 3}).propose(History(), n=4)
    assert [c.reason["generator"] for c in batch.candidates] == ["center", "sobol", "sobol", "sobol"]
    assert batch.candidates[0].parameters == {"x": 2.5, "y": 7.5}
    assert "2 of 4" in batch.candidates[1].reason["text"]
    assert batch.model is None


def test_no_center_point_unless_asked():
    batch = strategy("log_nei", initial={"sobol": 5}).propose(History(), n=5)
    assert all(c.parameters != {"x": 2.5, "y": 7.5} for c in batch.candidates)


def test_imported_trials_do_not_shorten_the_initial_design():
    known = tuple(trial(i, {"x": float(i), "y": 1.0}, f=i) for i in range(6))
    (c,) = strategy("log_nei").propose(History(trials=known, proposals=4)).candidates
    assert c.reason["generator"] == "sobol"


def test_a_baseline_that_is_the_next_design_is_not_evaluated_again():
    (first,) = strategy("sobol").propose(History()).candidates
    (next_one,) = strategy("sobol").propose(History(trials=(trial(0, first.parameters, f=1),))).candidates
    assert next_one.parameters != first.parameters


def test_a_finite_space_is_exhausted_without_repeats_and_says_so():
    space = Space((IntParameter(name="x", lower=0, upper=2), IntParameter(name="y", lower=0, upper=1)))
    history, _ = run(strategy("random", space), lambda d: d["x"], 6)
    assert len({tuple(t.parameters.values()) for t in history.trials}) == 6
    with pytest.raises(StrategyExhausted, match="Every design that the campaign allows has been tried"):
        strategy("random", space).propose(history)


def test_ranges_of_micrometres_in_metres_work():
    space = Space((FloatParameter(name="I", lower=2e-6, upper=4e-6),))
    batch = strategy("sobol", space).propose(History(), n=8)
    values = [c.parameters["I"] for c in batch.candidates]
    assert min(values) < 2.5e-6
    assert max(values) > 3.5e-6


@pytest.mark.parametrize(
    ("name", "options", "initial", "message"),
    [
        ("gp_usb", {}, {}, r"strategy 'gp_usb' is unknown. Write one of log_nei, gp_ucb"),
        ("gp_ucb", {"beta": 4}, {}, r"gp_ucb has no option 'beta'. Its options: kappa"),
        ("gp_ucb", {"kappa": -1}, {}, r"kappa is -1. Write a number from 0 on, such as 1.96"),
        ("gp_ucb", {"kappa": "2"}, {}, r"kappa is '2'. Write a number"),
        ("pi", {"xi": float("nan")}, {}, r"xi is nan. Write a number"),
        ("ei", {"kernel": "linear"}, {}, r"kernel is 'linear'. Write one of matern52, rbf"),
        ("ei", {"believer": "both"}, {}, r"believer is .both.. Write one of kriging, joint"),
        ("ei", {}, {"grid": 4}, r"initial design 'grid' is unknown. Write one of sobol"),
        ("ei", {}, {"sobol": 2.5}, r"initial sobol is 2.5. Write a whole number"),
        ("ei", {}, {"center": 2}, r"initial center is 2. There is one center; write 1"),
    ],
)
def test_a_wrong_name_or_option_is_refused_with_what_to_write(name, options, initial, message):
    with pytest.raises(CampaignError, match=message):
        strategy(name, initial=initial, **options)


def test_every_declared_strategy_can_be_made():
    for name in STRATEGIES:
        assert strategy(name).name == name


def test_making_a_strategy_and_its_first_design_loads_nothing_heavy():
    code = (
        "import sys; from designloop.strategies import *; from designloop.space import *;"
        "s = Space((FloatParameter(name='x', lower=0, upper=1),));"
        "c = create('gp_ucb', problem=Problem(space=s, metric='f', minimize=True), options={},"
        " initial={'sobol': 2});"
        "assert not [m for m in ('scipy', 'torch', 'ax') if m in sys.modules];"
        "c.propose(History());"
        "assert not [m for m in ('torch', 'ax', 'botorch', 'pandas') if m in sys.modules]"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["random", "ei"])
def test_a_batch_at_the_end_of_a_finite_space_holds_what_is_left(name):
    space = Space((IntParameter(name="x", lower=0, upper=6),))
    chosen = strategy(name, space, initial={"sobol": 3} if name == "ei" else {})
    history, _ = run(chosen, lambda d: (d["x"] - 2) ** 2, 5)
    batch = chosen.propose(history, n=4)
    left = set(range(7)) - {t.parameters["x"] for t in history.trials}
    assert {c.parameters["x"] for c in batch.candidates} == left
