"""The gate: fair labels, honest errors, and when a committee is not believed."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop.learning.committees import Labels
from designloop.learning.features import Encoder
from designloop.learning.gp import MetricModel
from designloop.learning.transforms import MetricTransform
from designloop.strategies import History, Trial
from designloop.strategies.gate import (
    LeftOut,
    is_fair,
    is_shadow,
    judge,
    left_out,
    left_out_of_bag,
    relative_error,
)

BOX = np.random.default_rng(9).random((256, 2))


def trials(generators):
    return History(
        trials=tuple(
            Trial(index=i, parameters={"x": 0.0}, status="completed", generator=g)
            for i, g in enumerate(generators)
        )
    )


def gp(unit, z, *, noise=1e-6, lengthscale=0.4, fixed_mean=None):
    return MetricModel(
        metric="f",
        encoder=Encoder((0,) * unit.shape[1]),
        kernel="matern52",
        lengthscales=(lengthscale,) * unit.shape[1],
        transform=MetricTransform(),
        unit=unit,
        z=z,
        noise=np.full(len(z), noise),
        noise_level=noise,
        trials=tuple(range(len(z))),
        fixed_mean=fixed_mean,
    )


def verdict(history, residual, *, means=None, dimension=1, sd=1.0, metrics=("f",)):
    residual = np.asarray(residual, dtype=float).reshape(len(history.trials), -1)
    means = np.array([[-1.0], [1.0]]) if means is None else means
    found = LeftOut(
        trials=tuple(t.index for t in history.trials), residual=residual, sd=np.full(residual.shape, sd)
    )
    return judge(history, metrics=metrics, left_out=found, means=means, dimension=dimension)


def test_one_pick_in_so_many_is_a_shadow():
    assert [k for k in range(31) if is_shadow(k, 10)] == [9, 19, 29]
    assert [k for k in range(4) if is_shadow(k, 1)] == [0, 1, 2, 3]
    assert not any(is_shadow(k, 0) for k in range(50))


@pytest.mark.parametrize(
    ("generator", "fair"),
    [
        ("sobol", True), ("latin_hypercube", True), ("random", True), ("shadow", True), ("gate_random", True),
        ("query_by_committee", False), ("replicate", False), ("center", False), ("", False),
    ],
)  # fmt: skip
def test_a_place_is_fair_where_chance_took_it(generator, fair):
    assert is_fair(Trial(index=0, parameters={}, status="completed", generator=generator)) is fair


def test_the_relative_error_is_the_residual_over_the_spread_of_the_map():
    residual = np.array([[3.0], [4.0]])
    means = np.array([[1.0], [3.0], [5.0]])
    assert relative_error(residual, means)[0] == pytest.approx(math.sqrt(12.5 / (8 / 3)))


@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3))
def test_the_relative_error_has_no_unit(scale, shift):
    rng = np.random.default_rng(0)
    residual, means = rng.standard_normal((9, 2)), rng.standard_normal((30, 2))
    scaled = relative_error(scale * residual, scale * (means + shift))
    assert scaled == pytest.approx(relative_error(residual, means), rel=1e-5)


def test_left_out_residuals_are_those_of_a_model_without_the_label():
    rng = np.random.default_rng(1)
    unit, z = rng.random((12, 2)), rng.standard_normal(12)
    model = gp(unit, z, noise=0.01, fixed_mean=0.3)
    found = left_out([model])
    for i in range(12):
        rest = np.arange(12) != i
        without = gp(unit[rest], z[rest], noise=0.01, fixed_mean=0.3)
        mean, sd = without.posterior(unit[i : i + 1])
        assert found.residual[i, 0] == pytest.approx(z[i] - mean[0], abs=1e-6)
        assert found.sd[i, 0] ** 2 == pytest.approx(sd[0] ** 2 + 0.01, rel=1e-6)


def test_metrics_are_left_out_at_the_trials_that_all_of_them_have():
    rng = np.random.default_rng(2)
    unit = rng.random((6, 2))
    first = gp(unit, rng.standard_normal(6))
    second = replace(gp(unit[1:5], rng.standard_normal(4)), metric="g", trials=(1, 2, 3, 4))
    found = left_out([first, second])
    assert found.trials == (1, 2, 3, 4)
    assert found.residual[:, 0] == pytest.approx(left_out([first]).residual[1:5, 0])
    assert found.residual[:, 1] == pytest.approx(left_out([second]).residual[:, 0])


class Pair:
    """Two members that predict 1 and 3 everywhere; the second label was seen by both."""

    aleatoric = np.array([0.25])
    rows = np.array([[True, True, False], [False, True, False]])

    def predict(self, unit):
        return np.stack([np.full((len(unit), 1), v) for v in (1.0, 3.0)])


def test_a_committee_is_left_out_by_the_members_that_did_not_see_the_label():
    labels = Labels(
        unit=np.zeros((3, 1)), z=np.array([[3.5], [0.0], [2.5]]), noise=np.array([[np.nan], [0.0], [7.0]])
    )
    found = left_out_of_bag(Pair(), labels, (4, 5, 6))
    assert found.trials == (4, 6)
    assert found.residual[:, 0] == pytest.approx([0.5, 0.5])
    assert found.sd[:, 0] == pytest.approx([1.5, 3.0])


def test_chosen_labels_do_not_judge():
    history = trials(["sobol"] * 6 + ["query_by_committee"] * 6)
    good = verdict(history, [0.1] * 6 + [50.0] * 6)
    assert good.state == "committee"
    assert good.figures["relative_error"]["f"] == pytest.approx(0.1)
    assert good.figures["fair"] == 6
    assert verdict(history, [50.0] * 6 + [0.1] * 6).state == "random"


@pytest.mark.parametrize(("error", "state"), [(0.69, "committee"), (0.71, "random")])
def test_a_relative_error_beyond_the_limit_closes_the_gate(error, state):
    assert verdict(trials(["sobol"] * 8), [error] * 8).state == state


def test_the_gate_waits_for_eight_labels_per_dimension():
    waiting = verdict(trials(["sobol"] * 15), [9.0] * 15, dimension=2)
    assert (waiting.state, waiting.since) == ("committee", None)
    assert "relative_error" not in waiting.figures
    assert verdict(trials(["sobol"] * 16), [9.0] * 16, dimension=2).state == "random"


def test_the_gate_waits_for_five_fair_labels():
    assert verdict(trials(["sobol"] * 4 + ["x"] * 9), [9.0] * 13).state == "committee"
    assert verdict(trials(["sobol"] * 5 + ["x"] * 9), [9.0] * 14).state == "random"


def test_the_best_explained_metric_decides():
    residual = np.column_stack([np.full(8, 5.0), np.full(8, 0.2)])
    means = np.array([[-1.0, -1.0], [1.0, 1.0]])
    found = verdict(trials(["sobol"] * 8), residual, means=means, metrics=("noise", "map"))
    assert found.state == "committee"
    assert found.figures["relative_error"] == pytest.approx({"noise": 5.0, "map": 0.2})


def test_a_map_without_any_spread_closes_the_gate_with_finite_figures():
    found = verdict(trials(["sobol"] * 8), [0.5] * 8, means=np.ones((4, 1)))
    assert found.state == "random"
    json.dumps(found.to_json(), allow_nan=False)


def test_the_fall_back_is_counted_from_its_first_design():
    past = ["sobol"] * 8 + ["gate_random"] + ["query_by_committee"] * 2
    assert verdict(trials(past), [9.0] * 11).since == 11
    lasting = verdict(trials([*past, "gate_random", "gate_random"]), [9.0] * 13)
    assert lasting.since == 11
    assert "using random since #11" in lasting.text


def test_fair_labels_of_the_fall_back_open_the_gate_again():
    history = trials(["sobol"] * 8 + ["gate_random"] * 24)
    closed = verdict(trials(["sobol"] * 8), [0.9] * 8)
    opened = verdict(history, [0.9] * 8 + [0.3] * 24)
    assert (closed.state, opened.state) == ("random", "committee")
    assert opened.since is None


def test_calibration_and_coverage_are_those_of_fair_labels():
    history = trials(["shadow"] * 8 + ["query_by_committee"] * 8)
    found = verdict(history, [1.0, -1.0, 3.0, -1.0, 1.0, 1.0, 1.0, 1.0] + [40.0] * 8, sd=1.0)
    assert found.figures["calibration"] == pytest.approx(2.0)
    assert found.figures["coverage"] == pytest.approx(7 / 8)
    assert found.figures["shadows"] == 8


@pytest.mark.parametrize(("noise", "state"), [(0.0, "committee"), (1.0, "random")])
def test_a_smooth_response_is_believed_and_pure_noise_is_not(noise, state):
    rng = np.random.default_rng(5)
    unit = rng.random((30, 2))
    z = np.sin(5 * unit[:, 0]) + unit[:, 1] if noise == 0 else rng.standard_normal(30)
    model = gp(unit, (z - z.mean()) / z.std(), noise=max(noise, 1e-6))
    history = trials(["sobol"] * 20 + ["query_by_committee"] * 10)
    means = model.posterior(BOX)[0][:, None]
    found = judge(history, metrics=["f"], left_out=left_out([model]), means=means, dimension=2)
    assert found.state == state
