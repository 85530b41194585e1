"""Two linked fidelities: covariance, posterior, what is saved, and the fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from designloop.learning.features import Encoder
from designloop.learning.fit_link import fit_linked, initial_links
from designloop.learning.gp import MetricModel, pack, unpack
from designloop.learning.kernels import Array, correlation, squared_distance
from designloop.learning.link import OFFSET, Link
from designloop.learning.moments import MomentModel
from designloop.learning.posterior import botorch_of
from designloop.learning.transforms import MetricTransform
from designloop.space import FloatParameter, Space

ENCODER = Encoder((0, 0))
LINK = Link(correlation=-0.6, variance=1.7, lengthscales=(0.3, 2.0))
RNG = np.random.default_rng(7)
DESIGNS = RNG.random((5, 2))


def model(link: Link = LINK) -> MetricModel:
    rng = np.random.default_rng(3)
    unit = np.column_stack([rng.random((16, 2)), np.arange(16) % 3 > 0])
    return MetricModel(
        metric="f", encoder=ENCODER, kernel="matern52", lengthscales=(0.5, 0.8), link=link,
        transform=MetricTransform(), unit=unit, z=rng.standard_normal(16), noise=np.full(16, 0.02),
        noise_level=0.02, trials=tuple(range(16)),
    )  # fmt: skip


def at(level: float, designs: Array = DESIGNS) -> Array:
    return np.column_stack([designs, np.full(len(designs), level)])


def kernel(lengthscales: tuple[float, ...], a: Array, b: Array) -> Array:
    scale = np.asarray(lengthscales)
    return correlation("matern52", squared_distance(a[:, :2] / scale, b[:, :2] / scale))


def test_the_covariance_is_that_of_kennedy_and_ohagan() -> None:
    rho, rest = LINK.correlation * LINK.variance**0.5, (1 - LINK.correlation**2) * LINK.variance
    shared, own = (kernel(scales, DESIGNS, DESIGNS) for scales in ((0.5, 0.8), LINK.lengthscales))
    gp = model()
    assert np.allclose(gp.prior(at(0.0), at(0.0)), shared + OFFSET**2)
    assert np.allclose(gp.prior(at(1.0), at(0.0)), rho * shared)
    assert np.allclose(gp.prior(at(1.0), DESIGNS), rho**2 * shared + rest * own)


def test_the_two_correlate_as_the_link_says() -> None:
    gp, here = model(), DESIGNS[:1]
    cheap = gp.prior(at(0.0, here), at(0.0, here)) - OFFSET**2
    cross, dear = gp.prior(at(0.0, here), here), gp.prior(here, here)
    assert float((cross / np.sqrt(cheap * dear)).item()) == pytest.approx(LINK.correlation)
    assert float(dear.item()) == pytest.approx(LINK.variance) == gp.variance


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_the_posterior_is_the_textbook_one(level: float) -> None:
    gp, points = model(), at(level)
    gram = gp.prior(gp.unit, gp.unit) + np.diag(gp.noise + 1e-9)
    cross = gp.prior(points, gp.unit)
    mean = gp.mean + cross @ np.linalg.solve(gram, gp.z - gp.mean)
    covariance = gp.prior(points, points) - cross @ np.linalg.solve(gram, cross.T)
    assert np.allclose(gp.covariance(points), covariance)
    assert np.allclose(gp.posterior(points), (mean, np.sqrt(np.diag(covariance))))


def test_a_believed_answer_changes_the_posterior_as_data_would() -> None:
    gp = replace(model(), fixed_mean=0.1)
    seen = gp.with_points(at(0.0)[:2], np.array([0.5, -0.5]))
    assert np.allclose(seen.posterior(DESIGNS), replace(seen).posterior(DESIGNS))  # factors made anew
    assert not np.allclose(seen.posterior(DESIGNS)[0], gp.posterior(DESIGNS)[0], atol=1e-3)


def test_cheap_answers_without_correlation_change_nothing() -> None:
    gp = replace(model(replace(LINK, correlation=0.0)), fixed_mean=0.0)
    seen = gp.with_points(at(0.0), np.ones(5))
    assert np.allclose(seen.posterior(DESIGNS), gp.posterior(DESIGNS))


def test_acquisition_functions_see_the_fidelity_that_counts() -> None:
    gp = model()
    seen = MomentModel([gp]).posterior(torch.as_tensor(DESIGNS)[:, None])
    assert np.allclose(seen.mean.ravel(), gp.posterior(DESIGNS)[0])
    assert np.allclose(seen.variance.sqrt().ravel(), gp.posterior(DESIGNS)[1])
    with pytest.raises(ValueError, match="moments alone"):
        botorch_of([gp])


def test_a_saved_model_of_an_earlier_version_is_refused() -> None:
    space = Space(tuple(FloatParameter(name=n, lower=0.0, upper=1.0) for n in "xy"))
    saved = pack([model()], space=space)
    (again,) = unpack(saved)
    assert again.link == LINK
    saved.config["models"][0]["lengthscales"].append(2.0)
    with pytest.raises(ValueError, match="earlier version"):
        unpack(saved)


def pairs(cheap: float, tilt: float) -> tuple[Array, Array]:
    """24 cheap answers and 12 that count, standardized: the latter ``cheap`` times the former and waves."""
    unit = np.random.default_rng(1).random((24, 2))
    g, other = np.sin(4 * unit[:, 0]) + unit[:, 1], np.cos(5 * unit[:, 1] + 2 * unit[:, 0])
    parts = (g, (cheap * g + tilt * other)[:12])
    z = np.concatenate([(p - p.mean()) / p.std(ddof=1) for p in parts])
    return np.vstack([at(0.0, unit), at(1.0, unit[:12])]), z


@pytest.mark.parametrize(("cheap", "tilt", "sign"), [(0.2, 0.02, 1.0), (-3.0, 0.2, -1.0), (0.0, 1.0, 0.0)])
def test_the_fit_tells_likeness_its_sign_and_its_absence(cheap: float, tilt: float, sign: float) -> None:
    unit, z = pairs(cheap, tilt)
    unknown = np.full(len(z), np.nan)
    ends = [
        fit_linked(unit, z, unknown, encoder=ENCODER, kernel="matern52", starts=initial_links(2), apart=apart)
        for apart in (False, True)
    ]
    (found, loss), (held, apart) = ends
    assert held.link.correlation == 0
    if sign:
        assert sign * found.link.correlation > 0.8
        assert apart - loss > 3
    else:
        assert apart - loss < 2


def test_known_noise_is_taken_as_it_is() -> None:
    """Levels that need not be inferred end where the prior is highest."""
    unit, z = pairs(1.0, 0.1)
    found, _ = fit_linked(
        unit, z, np.full(len(z), 0.01), encoder=ENCODER, kernel="matern52", starts=initial_links(2)
    )
    assert (found.noise, found.cheap_noise) == pytest.approx([np.exp(-5.0)] * 2, rel=1e-3)
