"""The saved Gaussian process: equality with BoTorch, leave-one-out, transforms, round trips."""

import json
from dataclasses import replace

import numpy as np
import pytest

from designloop.learning.features import Encoder
from designloop.learning.fit import Hyper, fit, initial_hyper
from designloop.learning.gp import MetricModel, leave_one_out, pack, predict, unpack
from designloop.learning.saved import SavedModel
from designloop.learning.transforms import MetricTransform, candidates
from designloop.space import ChoiceParameter, FloatParameter, Space

SPACE = Space(
    (
        FloatParameter(name="E", lower=2e-6, upper=8e-6, unit="m"),
        FloatParameter(name="lambda", lower=0, upper=1),
    )
)


def model_of(n=14, *, kernel="rbf", transform=None, seed=0, fixed_mean=None):
    rng = np.random.default_rng(seed)
    unit = rng.random((n, 2))
    z = np.sin(4 * unit[:, 0]) + unit[:, 1] ** 2
    return MetricModel(
        metric="stiffness",
        encoder=Encoder((0, 0)),
        kernel=kernel,
        lengthscales=(0.4, 0.9),
        transform=transform or MetricTransform(mean=3.0, sd=2.0),
        unit=unit,
        z=z,
        noise=np.linspace(1e-4, 1e-2, n),
        noise_level=1e-4,
        trials=tuple(range(n)),
        fixed_mean=fixed_mean,
    )


def botorch_twin(model):
    import torch
    from botorch.models import SingleTaskGP
    from gpytorch.kernels import MaternKernel, RBFKernel
    from gpytorch.means import ConstantMean

    kernel = RBFKernel(ard_num_dims=2) if model.kernel == "rbf" else MaternKernel(nu=2.5, ard_num_dims=2)
    kernel.lengthscale = torch.tensor(model.lengthscales, dtype=torch.double)
    mean = ConstantMean()
    mean.constant.data.fill_(model.mean)
    twin = SingleTaskGP(
        torch.as_tensor(model.unit),
        torch.as_tensor(model.z)[:, None],
        train_Yvar=torch.as_tensor(model.noise)[:, None],
        covar_module=kernel.double(),
        mean_module=mean.double(),
        outcome_transform=None,
    )
    return twin.eval()


@pytest.mark.parametrize("kernel", ["rbf", "matern52"])
def test_numpy_posterior_equals_botorch_to_a_millionth(kernel):
    import torch

    model = model_of(kernel=kernel)
    points = np.random.default_rng(1).random((50, 2))
    mean, sd = model.posterior(points)
    with torch.no_grad():
        theirs = botorch_twin(model).posterior(torch.as_tensor(points))
    np.testing.assert_allclose(mean, theirs.mean[:, 0].numpy(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(sd, theirs.variance.sqrt()[:, 0].numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("levels", [(0, 0), (0, 3)], ids=["numeric", "choices"])
@pytest.mark.parametrize("kernel", ["rbf", "matern52"])
def test_the_botorch_model_of_a_saved_model_has_its_posterior(kernel, levels):
    import torch

    from designloop.learning.posterior import botorch_of

    model = replace(model_of(kernel=kernel), encoder=Encoder(levels))
    points = np.random.default_rng(2).random((20, 2))
    mean, sd = model.posterior(points)
    with torch.no_grad():
        both = botorch_of([model, replace(model, z=-model.z)]).posterior(torch.as_tensor(points))
    np.testing.assert_allclose(both.mean.numpy(), np.stack([mean, -mean], -1), atol=1e-8)
    np.testing.assert_allclose(both.variance.sqrt().numpy(), np.stack([sd, sd], -1), atol=1e-8)


@pytest.mark.parametrize("fixed_mean", [0.25])
def test_leave_one_out_equals_brute_force(fixed_mean):
    model = model_of(fixed_mean=fixed_mean)
    found = leave_one_out(pack([model], space=SPACE))["stiffness"]
    for i in range(len(model.z)):
        rest = np.arange(len(model.z)) != i
        without = MetricModel(
            **{
                **{k: getattr(model, k) for k in model.__dataclass_fields__},
                "unit": model.unit[rest],
                "z": model.z[rest],
                "noise": model.noise[rest],
            }
        )
        mean, sd = without.posterior(model.unit[i][None])
        sd = np.sqrt(sd**2 + model.noise[i])
        assert found.z[i] == pytest.approx((model.z[i] - mean[0]) / sd[0], rel=1e-5)
        assert found.mean[i] == pytest.approx(model.transform.inverse(mean)[0], rel=1e-6)


def test_leave_one_out_finds_no_trend_in_noise():
    noise = np.random.default_rng(3).standard_normal(40)
    unit = np.random.default_rng(4).random((40, 2))
    hyper, _ = fit(
        unit, noise, np.full(40, np.nan), encoder=Encoder((0, 0)), kernel="rbf", starts=[initial_hyper(2)]
    )
    model = model_of(40)
    fields = {k: getattr(model, k) for k in model.__dataclass_fields__}
    fields.update(unit=unit, z=noise, noise=np.full(40, hyper.noise), lengthscales=hyper.lengthscales)
    found = leave_one_out(pack([MetricModel(**fields)], space=SPACE))["stiffness"]
    assert found.r2 < 0.3
    assert found.coverage > 0.8


def test_saved_model_predicts_the_same_after_a_round_trip(tmp_path):
    saved = pack([model_of(transform=MetricTransform(kind="log", mean=-2.0, sd=0.7))], space=SPACE)
    saved.save(tmp_path)
    designs = [{"E": 3e-6, "lambda": 0.5}, {"E": 7.5e-6, "lambda": 0.01}]
    before, after = predict(saved, designs), predict(SavedModel.load(tmp_path), designs)
    for k in (0, 1):
        np.testing.assert_array_equal(before["stiffness"][k], after["stiffness"][k])


def test_saved_config_is_json_and_names_what_is_needed():
    config = pack([model_of()], space=SPACE).config
    again = json.loads(json.dumps(config, allow_nan=False))
    assert again["metrics"] == ["stiffness"]
    assert again["units"] == {}
    assert again["models"][0]["kernel"] == "rbf"
    assert Space.from_json(again["space"]).parameters == SPACE.parameters


def test_an_internal_model_is_kept_but_not_predicted():
    model = model_of()
    fields = {k: getattr(model, k) for k in model.__dataclass_fields__}
    hidden = MetricModel(**{**fields, "metric": "viability", "internal": True})
    saved = pack([model, hidden], space=SPACE)
    assert set(predict(saved, [{"E": 3e-6, "lambda": 0.5}])) == {"stiffness"}
    assert [m.metric for m in unpack(saved)] == ["stiffness", "viability"]


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="kind 'forest'"):
        unpack(SavedModel(config={"kind": "forest", "version": 1}, arrays={}))


@pytest.mark.parametrize(
    "transform",
    [
        MetricTransform(mean=2.0, sd=0.1),
        MetricTransform(kind="log", mean=1.0, sd=3.0),
        MetricTransform(kind="bilog", center=5.0, scale=0.2, mean=0.3, sd=2.0),
    ],
    ids=lambda t: t.kind,
)
def test_a_transform_inverts_and_its_slope_is_its_derivative(transform):
    y = np.array([1e-3, 0.7, 4.0, 5.5, 1e4])
    np.testing.assert_allclose(transform.inverse(transform.forward(y)), y, rtol=1e-9)
    step = 1e-6 * np.maximum(y, 1.0)[1:]
    slope = (transform.forward(y[1:] + step) - transform.forward(y[1:] - step)) / (2 * step)
    np.testing.assert_allclose(transform.slope(y[1:]), slope, rtol=1e-5)
    assert MetricTransform.from_json(json.loads(json.dumps(transform.to_json()))) == transform


def test_bilog_keeps_the_side_of_the_bound():
    transform = MetricTransform(kind="bilog", center=-2.0, scale=0.5)
    assert transform.forward(-2.0) == 0.0
    assert transform.forward(-1.9) > 0 > transform.forward(-1e6)


def test_a_log_model_reports_median_and_half_the_central_interval():
    transform = MetricTransform(kind="log")
    median, half = transform.to_metric(np.array([1.0]), np.array([0.5]))
    assert median[0] == pytest.approx(np.e)
    assert half[0] == pytest.approx((np.exp(1.5) - np.exp(0.5)) / 2)


@pytest.mark.parametrize(
    ("values", "bounds", "kinds"),
    [
        ([1.0, 2.0, 3.0], (), ["identity"]),
        ([0.01, 1.0, 100.0], (), ["identity", "log"]),
        ([0.01, 1.0, 100.0], (-1.0,), ["identity"]),
        ([-1.0, 0.0, 0.5, 1.0, 1.2, -1e6], (0.0,), ["identity", "bilog"]),
    ],
)
def test_transforms_offered_follow_the_data_and_the_bounds(values, bounds, kinds):
    assert [t.kind for t in candidates(values, bounds=bounds)] == kinds


def test_a_constant_metric_has_a_finite_transform():
    (transform,) = candidates([4.0, 4.0, 4.0])
    np.testing.assert_array_equal(transform.forward([4.0, 4.0]), [0.0, 0.0])


@pytest.mark.parametrize("known", [np.nan, 0.01], ids=["unknown", "partly known"])
def test_a_fit_goes_on_from_the_most_probable_start(known):
    model = model_of(20)
    noise = np.where(np.arange(20) < 5, known, np.nan)
    common = {"encoder": Encoder((0, 2)), "kernel": "matern52"}
    hyper, loss = fit(model.unit, model.z, noise, starts=[initial_hyper(2)], **common)
    again, warm = fit(model.unit, model.z, noise, starts=[initial_hyper(2), hyper], **common)
    assert warm <= loss + 1e-6
    np.testing.assert_allclose(again.lengthscales, hyper.lengthscales, rtol=0.5)


def test_a_fit_that_fails_keeps_its_start():
    start = Hyper(lengthscales=(0.4, 0.9), noise=0.01)
    z = np.full(14, 1e200)
    hyper, loss = fit(
        model_of().unit, z, np.full(14, np.nan), encoder=Encoder((0, 0)), kernel="rbf", starts=[start]
    )
    assert np.isfinite([*hyper.lengthscales, hyper.noise]).all()
    assert not loss < 1e10


def test_the_fit_equals_botorchs_default_fit():
    import torch
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    model = model_of(25)
    z = (model.z - model.z.mean()) / model.z.std(ddof=1)
    known = np.full(25, 1e-4)
    hyper, _ = fit(model.unit, z, known, encoder=Encoder((0, 0)), kernel="rbf", starts=[initial_hyper(2)])
    twin = SingleTaskGP(
        torch.as_tensor(model.unit),
        torch.as_tensor(z)[:, None],
        train_Yvar=torch.full((25, 1), 1e-4, dtype=torch.double),
        outcome_transform=None,
    )
    fit_gpytorch_mll(ExactMarginalLogLikelihood(twin.likelihood, twin))
    theirs = twin.covar_module.lengthscale.detach().numpy().ravel()
    np.testing.assert_allclose(hyper.lengthscales, theirs, rtol=0.02)


def test_choices_become_one_hot_with_one_lengthscale_and_equal_distances():
    encoder = Encoder((0, 3))
    features = encoder.features(np.array([[0.2, 0.0], [0.2, 0.5], [0.2, 1.0]]))
    assert list(encoder.groups) == [0, 1, 1, 1]
    gaps = ((features[:, None] - features[None]) ** 2).sum(-1)
    np.testing.assert_allclose(gaps, 1.0 - np.eye(3), atol=1e-12)


def test_encoder_follows_the_space():
    from designloop.learning.gp import encoder_of

    space = Space(
        (
            FloatParameter(name="x", lower=0, upper=1),
            ChoiceParameter(name="c", choices=("a", "b", "c")),
            ChoiceParameter(name="o", choices=(1, 2), ordered=True),
        )
    )
    assert encoder_of(space).levels == (0, 3, 0)
    units = space.to_unit([{"x": 0.1, "c": c, "o": 1} for c in ("a", "b", "c")])
    assert encoder_of(space).features(units)[:, 1:4].argmax(1).tolist() == [0, 1, 2]


def test_hyper_parameters_start_at_positive_values():
    hyper = initial_hyper(6)
    assert isinstance(hyper, Hyper)
    assert min(*hyper.lengthscales, hyper.noise) > 0


def test_predict_needs_neither_torch_nor_scipy():
    import subprocess
    import sys

    code = (
        "import sys, designloop.learning.gp, designloop.learning.saved; "
        "bad = [m for m in ('torch', 'scipy', 'ax', 'pandas', 'sklearn') if m in sys.modules]; "
        "assert not bad, bad"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
