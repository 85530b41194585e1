"""Learning strategies: what they propose, why, and that labels make the learner better."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategy_problems import GRID, MIXED, PLANE, Inside, branin, gridded, mixed

from designloop.errors import CampaignError
from designloop.learning.models import predict
from designloop.oracle import Observation
from designloop.space import FloatParameter, Space
from designloop.strategies import STRATEGIES, Bound, History, Problem, StrategyExhausted, Trial, create

RIVALS = ["gp_variance", "qnipv", "bald", "gsx", "igs"]
LEARNERS = ["query_by_committee", *RIVALS]
CHEAP = {"query_by_committee": {"committee": "networks"}, "bald": {"committee": "networks"}}
DISC = Space(PLANE.parameters, (Inside(("x", "y"), (2.5, 7.5), 4.0),))


def learner(name, space=PLANE, *, seed=3, learn=("f",), bounds=(), initial=None, **options):
    problem = Problem(
        space=space, metric=learn[0] if learn else "f", minimize=False, bounds=bounds, seed=seed, learn=learn
    )
    return create(name, problem=problem, options=options, initial={} if initial is None else initial)


def cheap(name, space=PLANE, **keywords):
    return learner(name, space, **{**CHEAP.get(name, {}), **keywords})


def evaluated(index, design, functions, *, generator="", sem=None, status="completed"):
    metrics = {m: Observation(value=float(f(design)), sem=sem) for m, f in functions.items()}
    return Trial(index=index, parameters=design, status=status, metrics=metrics, generator=generator)


def start(space=PLANE, count=8, *, seed=3, sem=None, **functions):
    """Labelled Sobol designs."""
    found = learner("sobol", space, seed=seed, learn=()).propose(History(), count).candidates
    functions = functions or {"f": branin}
    trials = [evaluated(i, c.parameters, functions, sem=sem) for i, c in enumerate(found)]
    return History(trials=tuple(trials), proposals=count)


def grown(chosen, history, count, **functions):
    """The history after ``count`` more labels, one at a time, and the proposals."""
    proposals = []
    for _ in range(count):
        proposal = chosen.propose(history)
        (c,) = proposal.candidates
        t = evaluated(len(history.trials), c.parameters, functions, generator=c.reason["generator"])
        fit = json.loads(json.dumps(proposal.fit, allow_nan=False))
        history = History(trials=(*history.trials, t), fit=fit, proposals=history.proposals + 1)
        proposals.append(proposal)
    return history, proposals


def nrmse(proposal, function, space=PLANE):
    designs = learner("sobol", space, seed=99, learn=()).propose(History(), 256).candidates
    truth = np.array([function(c.parameters) for c in designs])
    mean = predict(proposal.model, [c.parameters for c in designs])["f"][0]
    return float(np.sqrt(((mean - truth) ** 2).mean()) / truth.std())


def designs_of(proposal):
    return [c.parameters for c in proposal.candidates]


CODE = """
import json
from test_learned import cheap, designs_of, learner, start
history = start()
print(json.dumps([designs_of(learner("query_by_committee").propose(history, 2)),
                  designs_of(cheap("query_by_committee").propose(history, 2))]))
"""


def test_another_process_proposes_the_same_bits():
    history = start()
    here = [designs_of(make("query_by_committee").propose(history, 2)) for make in (learner, cheap)]
    found = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    assert json.loads(found.stdout.splitlines()[-1]) == here


@pytest.mark.parametrize("name", [*RIVALS, "random", "latin_hypercube"])
def test_equal_histories_give_equal_proposals(name):
    first, again = (cheap(name).propose(start(), 2) for _ in range(2))
    assert first.candidates == again.candidates
    assert first.fit == again.fit
    assert first.diagnostics == again.diagnostics


def test_a_restarted_strategy_goes_on_as_one_that_never_stopped(monkeypatch):
    monkeypatch.setattr("designloop.strategies.training.EVERY_FREE", 20)
    first = start(count=18)
    whole, proposals = grown(learner("query_by_committee"), first, 4, f=branin)
    assert [p.refitted for p in proposals] == [True, True, True, False]
    before = History(trials=whole.trials[:21], fit=json.loads(json.dumps(proposals[2].fit)), proposals=21)
    again = learner("query_by_committee").propose(before)
    assert again.candidates == proposals[3].candidates
    assert again.fit == proposals[3].fit == proposals[2].fit


@pytest.mark.parametrize("name", LEARNERS)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1000), st.sampled_from([(MIXED, mixed), (GRID, gridded), (DISC, branin)]))
def test_proposals_are_designs_that_the_campaign_allows(name, seed, question):
    space, function = question
    history = start(space, 6, seed=seed, f=function)
    found = designs_of(cheap(name, space, seed=seed).propose(history, 2))
    assert all(space.contains(d) is None for d in found)
    assert space.from_unit(space.to_unit(found)) == found
    assert space.feasible(found).all()
    tried = [t.parameters for t in history.trials]
    assert all(d not in tried for d in found)
    assert found[0] != found[1]


@pytest.mark.parametrize("name", ["query_by_committee", "qnipv", "random"])
def test_a_small_space_is_learned_to_its_end(name):
    space = Space((FloatParameter(name="s", lower=0, upper=1, step=0.1),))
    first = start(space, 4, f=lambda d: math.sin(5 * d["s"]))
    end, _ = grown(learner(name, space), first, 7, f=lambda d: math.sin(5 * d["s"]))
    assert sorted(t.parameters["s"] for t in end.trials) == [k / 10 for k in range(11)]
    with pytest.raises(StrategyExhausted, match="has been tried"):
        learner(name, space).propose(end)


@pytest.mark.parametrize("name", [*LEARNERS, "sobol"])
def test_the_designs_of_a_batch_keep_apart_from_each_other_and_from_pending_ones(name):
    history = start()
    chosen = learner(name)
    (best,) = designs_of(chosen.propose(history))
    pending = Trial(index=8, parameters=best, status="pending")
    waiting = History(trials=(*history.trials, pending), proposals=9)
    batch = designs_of(chosen.propose(waiting, 4))
    unit = PLANE.to_unit([best, *batch])
    gaps = np.linalg.norm(unit[:, None] - unit[None], axis=-1)[np.triu_indices(5, 1)]
    assert gaps.min() > 0.03


@pytest.mark.parametrize("name", ["query_by_committee", "gp_variance", "qnipv", "igs"])
def test_labels_make_the_learner_better(name):
    chosen = learner(name)
    history, proposals = grown(chosen, start(count=6), 14, f=branin)
    before, after = nrmse(proposals[0], branin), nrmse(chosen.propose(history, 0), branin)
    assert after < 0.35 * before
    assert after < (0.12 if name in ("query_by_committee", "qnipv") else 0.3)


def test_networks_learn_as_their_own_learner():
    chosen = cheap("query_by_committee")
    history, proposals = grown(chosen, start(count=10), 20, f=branin)
    assert proposals[-1].model.config["kind"] == "committee"
    assert nrmse(chosen.propose(history, 0), branin) < 0.7 * nrmse(proposals[0], branin)


@pytest.mark.parametrize("name", ["query_by_committee", "qnipv", "igs"])
def test_units_of_a_metric_change_nothing(name):
    plain = {"f": branin, "g": lambda d: math.sin(d["x"]) + 0.1 * d["y"]}
    scaled = {"f": plain["f"], "g": lambda d: 2e5 + 1e4 * plain["g"](d)}
    found = [cheap(name, learn=("f", "g")).propose(start(**functions)) for functions in (plain, scaled)]
    units = [PLANE.to_unit(designs_of(p)) for p in found]
    np.testing.assert_allclose(*units, atol=1e-3)


def test_both_metrics_are_learned_whatever_their_size():
    """Each metric depends on one parameter alone; a rule that saw only the larger would leave one line."""
    functions = {"f": lambda d: 2e5 * math.sin(d["x"]), "g": lambda d: math.sin(d["y"])}
    history, _ = grown(learner("gp_variance", learn=("f", "g")), start(count=6, **functions), 6, **functions)
    unit = PLANE.to_unit([t.parameters for t in history.trials[6:]])
    assert (np.ptp(unit, axis=0) > 0.5).all()
    proposal = learner("gp_variance", learn=("f", "g")).propose(history, 0)
    assert proposal.model.config["metrics"] == ["f", "g"]


def test_designs_that_fail_are_not_asked_for_again_and_again():
    def alive(design):
        return design["x"] < 4.0

    history, fit = start(count=10), None
    trials = [
        t if alive(t.parameters) else Trial(index=t.index, parameters=t.parameters, status="failed")
        for t in history.trials
    ]
    chosen = learner("gp_variance")
    for i in range(10, 20):
        proposal = chosen.propose(History(trials=tuple(trials), fit=fit, proposals=i))
        fit, (design,) = proposal.fit, designs_of(proposal)
        status = "completed" if alive(design) else "failed"
        trials.append(evaluated(i, design, {"f": branin} if alive(design) else {}, status=status))
    assert sum(t.status == "failed" for t in trials[10:]) <= 3


def test_designs_out_of_scope_are_asked_for_less_with_the_region_filter():
    functions = {"f": branin, "r": lambda d: d["x"]}
    bounds = (Bound(metric="r", upper=2.0),)
    first = start(count=12, **functions)
    wasted = []
    for region in ("auto", "off"):
        chosen = learner("query_by_committee", bounds=bounds, region=region)
        history, proposals = grown(chosen, first, 8, **functions)
        wasted.append(sum(t.parameters["x"] > 2.0 for t in history.trials[12:]))
        assert proposals[-1].diagnostics["region"]["active"] == (region == "auto")
    assert wasted[0] < wasted[1]


def test_excluded_designs_are_never_proposed():
    functions = {"f": branin, "r": lambda d: d["x"]}
    chosen = learner(
        "query_by_committee", bounds=(Bound(metric="r", upper=2.0),), region="two_class", action="exclude"
    )
    history, _ = grown(chosen, start(count=16, **functions), 4, **functions)
    assert all(t.parameters["x"] < 3.5 for t in history.trials[16:])


def noisy(sem):
    rng = np.random.default_rng(1)
    history = start(count=16, f=lambda d: 0.1 * d["x"])
    trials = []
    for t in history.trials:
        value = t.metrics["f"].value + 1.0 * rng.standard_normal()
        trials.append(
            Trial(
                index=t.index, parameters=t.parameters, status="completed",
                metrics={"f": Observation(value=value, sem=sem)},
            )
        )  # fmt: skip
    return History(trials=tuple(trials), proposals=16)


def test_a_noisy_design_is_evaluated_again_only_where_labels_state_their_noise(monkeypatch):
    told, untold = noisy(1.0), noisy(None)
    from designloop.strategies import choosing

    def beside(values, search, **_):
        """A maximizer that ends in a corner, where one label teaches little."""
        return np.array([0.001, 0.999]), 0.0

    monkeypatch.setattr(choosing, "maximize", beside)
    found = {
        key: learner("query_by_committee", **options).propose(history)
        for key, history, options in (
            ("told", told, {}), ("untold", untold, {}), ("never", told, {"replicates": "never"}),
        )
    }  # fmt: skip
    assert [key for key, p in found.items() if p.diagnostics["replicate"]] == ["told"]
    (again,) = found["told"].candidates
    assert again.reason["generator"] == "replicate"
    assert again.parameters == told.trials[again.reason["nearest_trial"]].parameters
    assert again.reason["text"].startswith(f"Trial {again.reason['nearest_trial']} again")


def test_an_exact_simulation_is_never_repeated():
    history, proposals = grown(learner("query_by_committee"), start(sem=0.0), 6, f=branin)
    assert not any(p.diagnostics["replicate"] for p in proposals)
    assert len({tuple(t.parameters.values()) for t in history.trials}) == 14


def test_the_reason_predicts_every_metric_and_says_what_is_not_known():
    functions = {"f": branin, "g": lambda d: 1e5 * d["x"]}
    proposal = learner("query_by_committee", learn=("f", "g")).propose(start(**functions))
    (c,) = proposal.candidates
    expected = predict(proposal.model, [c.parameters])
    for metric, (mean, sd) in expected.items():
        assert c.reason["prediction"][metric] == pytest.approx([mean[0], sd[0]])
        assert c.reason["epistemic"][metric] == pytest.approx(sd[0])
        assert c.reason["aleatoric"][metric] > 0
    assert c.reason["generator"] == "query_by_committee"
    assert c.reason["disagreement"] > 0
    assert c.reason["penalty"] == 0.0
    nearest = c.reason["nearest_trial"]
    assert c.reason["text"].endswith(f"nearest tried design: trial {nearest}.")
    json.dumps([c.reason, proposal.diagnostics, proposal.fit], allow_nan=False)


def test_the_disagreement_falls_as_labels_come():
    _, proposals = grown(learner("query_by_committee"), start(count=6), 12, f=branin)
    means = [p.diagnostics["disagreement"]["mean"] for p in proposals]
    assert np.mean(means[-3:]) < 0.5 * np.mean(means[:3])
    assert all(p.diagnostics["disagreement"]["max"] >= m for p, m in zip(proposals, means, strict=True))


def test_one_design_in_so_many_is_left_to_chance_for_the_gate():
    chosen = learner("query_by_committee", shadow=3, initial={"sobol": 8})
    history, proposals = grown(chosen, start(count=8), 6, f=branin)
    assert [t.generator for t in history.trials[8:]] == ["query_by_committee"] * 2 + ["shadow"] + [
        "query_by_committee"
    ] * 2 + ["shadow"]
    assert {p.diagnostics["gate"]["state"] for p in proposals} == {"committee"}
    assert "gate" not in learner("query_by_committee", gate="off").propose(history).diagnostics


def test_where_the_model_explains_nothing_the_gate_proposes_random_designs():
    rng = np.random.default_rng(0)
    trials = [
        evaluated(t.index, t.parameters, {"f": lambda _: rng.standard_normal()}, generator="sobol")
        for t in start(count=24).trials
    ]
    proposal = learner("query_by_committee").propose(History(trials=tuple(trials), proposals=24), 2)
    assert proposal.diagnostics["gate"]["state"] == "random"
    assert {c.reason["generator"] for c in proposal.candidates} <= {"gate_random", "shadow"}
    assert proposal.candidates[0].parameters != proposal.candidates[1].parameters


def test_the_initial_design_comes_first_and_holds_no_model():
    chosen = learner("qnipv", initial={"center": 1, "sobol": 3})
    first = chosen.propose(History(), 4)
    assert [c.reason["generator"] for c in first.candidates] == ["center", "sobol", "sobol", "sobol"]
    assert first.model is None


def test_a_batch_may_be_half_initial_design():
    chosen = learner("qnipv", initial={"sobol": 10})
    proposal = chosen.propose(start(count=8), 4)
    assert [c.reason["generator"] for c in proposal.candidates] == ["sobol", "sobol", "qnipv", "qnipv"]


def test_without_two_labels_a_sequence_goes_on():
    failed = tuple(
        Trial(index=t.index, parameters=t.parameters, status="failed") for t in start(count=4).trials
    )
    (c,) = learner("igs").propose(History(trials=failed, proposals=4)).candidates
    assert c.reason["generator"] == "sobol"


@pytest.mark.parametrize("name", ["random", "sobol", "latin_hypercube"])
def test_plain_designs_of_a_learning_campaign_are_the_same_points_and_train_the_learner(name):
    plain = learner(name, learn=())
    trials = [
        evaluated(i, c.parameters, {"f": branin})
        for i, c in enumerate(plain.propose(History(), 6).candidates)
    ]
    history = History(trials=tuple(trials), proposals=6)
    proposal = learner(name).propose(history, 2)
    assert designs_of(proposal) == designs_of(plain.propose(history, 2))
    assert proposal.model.config["metrics"] == ["f"]
    assert "f" in proposal.candidates[0].reason["prediction"]
    assert plain.propose(history).model is None


def test_zero_designs_train_alone():
    proposal = learner("query_by_committee").propose(start(), 0)
    assert proposal.candidates == ()
    assert proposal.model is not None
    assert proposal.fit["committee"]


def test_without_a_goal_the_objective_is_learned():
    proposal = learner("gp_variance", learn=()).propose(start())
    assert proposal.model.config["metrics"] == ["f"]


def test_strategies_that_improve_also_model_what_is_to_be_learned():
    functions = {"f": branin, "g": lambda d: math.sin(d["x"])}
    history = start(**functions)
    alone, both = (learner("gp_ucb", learn=learn).propose(history) for learn in (("f",), ("f", "g")))
    assert designs_of(alone) == designs_of(both)
    assert both.model.config["metrics"] == ["f", "g"]


@pytest.mark.parametrize("over", ["sum", "mean", "max", "integrated"])
@pytest.mark.parametrize("committee", ["gp", "forest", "mixed", "sklearn.neighbors:KNeighborsRegressor"])
def test_every_committee_proposes_under_every_disagreement(committee, over):
    functions = {"f": branin, "g": lambda d: math.sin(d["x"])}
    chosen = learner(
        "query_by_committee", learn=("f", "g"), committee=committee, disagreement=over, diversity=0.5
    )
    proposal = chosen.propose(start(count=12, **functions))
    (c,) = proposal.candidates
    assert c.reason["acquisition"] > 0
    kind = "gp" if committee in ("gp", "mixed") else "committee"
    assert proposal.model.config["kind"] == kind


def test_a_strong_diversity_is_the_farthest_point():
    history = start()
    (far,) = designs_of(cheap("gsx").propose(history))
    (near,) = designs_of(cheap("query_by_committee", disagreement="sum", diversity=50.0).propose(history))
    np.testing.assert_allclose(*PLANE.to_unit([far, near]), atol=0.02)


def test_features_take_the_place_of_parameters():
    functions = {"f": lambda d: math.sin(0.4 * (d["x"] + d["y"]))}
    history = start(count=14, **functions)
    seen = learner("qnipv").propose(history, 0)
    told = learner("query_by_committee", features=["x + y"]).propose(history)
    assert nrmse(told, functions["f"]) < 0.5 * nrmse(seen, functions["f"])
    assert told.candidates[0].parameters.keys() == {"x", "y"}


def test_a_feature_that_cannot_be_read_is_refused_at_once():
    with pytest.raises(CampaignError, match="option features"):
        learner("query_by_committee", features=["x + z"])


def test_the_published_strategy_is_its_settings():
    options = learner("query_by_committee", reproduce="morand_2022", hidden=[24, 6]).options
    assert (options["committee"], options["members"], options["subset"]) == ("networks", 5, 0.8)
    assert (options["alpha"], options["hidden"]) == (1e-4, (24, 6))
    assert (options["disagreement"], options["diversity"]) == ("sum", 0.0)
    assert (options["gate"], options["shadow"], options["search"]) == ("off", 0, "differential_evolution")
    assert (options["region"], options["weight"], options["action"]) == (
        "isolation_forest",
        100.0,
        "penalize",
    )


def test_the_published_strategy_asks_where_its_networks_disagree_most():
    history = start(count=20)
    chosen = learner("query_by_committee", reproduce="morand_2022")
    proposal = chosen.propose(history)
    (c,) = proposal.candidates
    from designloop.learning.committees.saved import unpack_committee
    from designloop.learning.disagreement import disagreement

    members = unpack_committee(proposal.model)
    found = disagreement(members.predict(PLANE.to_unit([c.parameters])))[0]
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 101)] * 2), -1).reshape(-1, 2)
    assert found >= disagreement(members.predict(grid)).max() * (1 - 5e-3)
    assert c.reason["acquisition"] == pytest.approx(found)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"members": 1}, "auto or a whole number from 2 to 100"),
        ({"members": 4.5}, "whole number"),
        ({"subset": 1.2}, "number from 0.1 to 1"),
        ({"hidden": []}, r"such as \[10, 15\]"),
        ({"hidden": [10, 0]}, r"such as \[10, 15\]"),
        ({"committee": "trees"}, "gp, networks, forest, mixed, or package.module:Regressor"),
        ({"weight": "much"}, "auto or a number from 0"),
        ({"features": "x"}, "list of texts"),
        ({"kappa": 2}, "has no option"),
    ],
)
def test_wrong_options_say_what_to_write_instead(options, match):
    with pytest.raises(CampaignError, match=match):
        learner("query_by_committee", **options)


def test_every_learner_is_declared_as_one():
    assert [n for n, d in STRATEGIES.items() if d.learns] == LEARNERS


def test_plain_designs_need_no_ax():
    code = (
        "import sys; from test_learned import learner, start\n"
        "learner('random').propose(start()); assert 'ax' not in sys.modules\n"
        "learner('gsx').propose(start()); assert 'ax' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
