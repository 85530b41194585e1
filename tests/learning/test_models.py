"""Saved models of every kind: predictions, leave-one-out, noise, round trips."""

import json
from dataclasses import replace

import numpy as np
import pytest

from designloop.learning import gp, models
from designloop.learning.committees import CommitteeSpec, Labels, fit_committee
from designloop.learning.committees.saved import pack_committee, unpack_committee
from designloop.learning.features import encoder_of
from designloop.learning.saved import SavedModel
from designloop.learning.transforms import MetricTransform
from designloop.space import ChoiceParameter, FloatParameter, Space

SPACE = Space(
    (
        FloatParameter(name="beam_length", lower=10, upper=100, unit="um"),
        FloatParameter(name="grain_size", lower=0.1, upper=1, unit="um", log=True),
        ChoiceParameter(name="film", choices=("a", "b", "c")),
    )
)
KINDS = ["networks", "gp", "mixed", "sklearn.linear_model:Ridge"]
TRANSFORMS = (MetricTransform(mean=5.0, sd=2.0), MetricTransform(kind="log", mean=1.0, sd=0.5))


def committee_of(kind, *, n=16, expressions=(), seed=0, subset=0.8):
    unit = np.asarray(SPACE.to_unit(SPACE.from_unit(np.random.default_rng(seed).random((n, 3)))))
    z = np.stack([np.sin(3 * unit[:, 0]) + unit[:, 2], unit[:, 1] ** 2 - unit[:, 0]], axis=1)
    spec = CommitteeSpec(kind=kind, members=3, subset=subset, hidden=(6,))
    labels = Labels(unit=unit, z=z, noise=np.full(z.shape, 0.01))
    return fit_committee(spec, labels, encoder=encoder_of(SPACE, expressions), seed=3)


def packed(committee):
    n = len(committee.labels)
    return pack_committee(
        committee, space=SPACE, metrics=["E", "H"], transforms=TRANSFORMS, trials=range(100, 100 + n)
    )


@pytest.mark.parametrize("expressions", [(), ("beam_length / grain_size",)], ids=["plain", "features"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_committee_survives_its_folder_bit_for_bit(kind, expressions, tmp_path):
    committee = committee_of(kind, expressions=expressions)
    packed(committee).save(tmp_path)
    loaded = SavedModel.load(tmp_path)
    again = unpack_committee(loaded)
    unit = np.random.default_rng(1).random((8, 3))
    np.testing.assert_array_equal(again.predict(unit), committee.predict(unit))
    np.testing.assert_array_equal(again.rows, committee.rows)
    assert again.spec == committee.spec
    json.dumps(loaded.config, allow_nan=False)


def test_a_prediction_is_mean_and_spread_of_the_members_in_metric_units():
    committee = committee_of("networks")
    designs = SPACE.from_unit(np.random.default_rng(1).random((4, 3)))
    found = models.predict(packed(committee), designs)
    members = committee.predict(np.asarray(SPACE.to_unit(designs)))
    np.testing.assert_allclose(found["E"][0], 5 + 2 * members[..., 0].mean(0))
    np.testing.assert_allclose(found["E"][1], 2 * members[..., 0].std(0, ddof=1))
    np.testing.assert_allclose(found["H"][0], np.exp(1 + 0.5 * members[..., 1].mean(0)))


def test_leave_one_out_asks_the_members_that_did_not_see_the_label():
    committee = committee_of("networks")
    found = models.leave_one_out(packed(committee))["E"]
    members = committee.predict(committee.labels.unit)[..., 0]
    for trial, mean, sd in zip(found.trials, found.mean, found.sd, strict=True):
        i = trial - 100
        own = members[~committee.rows[:, i], i]
        assert mean == pytest.approx(5 + 2 * own.mean())
        assert sd == pytest.approx(2 * np.sqrt(members[:, i].var(ddof=1) + 0.01))


def test_labels_that_every_member_saw_are_not_judged():
    committee = committee_of("networks")
    found = models.leave_one_out(packed(committee))["H"]
    assert [t - 100 for t in found.trials] == np.flatnonzero(~committee.rows.all(0)).tolist()
    assert len(found.trials) < 16


def test_without_subsets_nothing_can_be_judged():
    found = models.leave_one_out(packed(committee_of("networks", subset=1.0)))["E"]
    assert found.trials == ()
    assert (found.r2, found.coverage) == (0.0, 0.0)


def test_noise_is_told_in_metric_units():
    committee = committee_of("networks")
    found = models.aleatoric(packed(committee))
    middle = np.median(committee.labels.z[:, 1])
    upper, lower = (np.exp(1 + 0.5 * (middle + s * 0.1)) for s in (1, -1))
    assert found["E"] == pytest.approx(2 * 0.1)
    assert found["H"] == pytest.approx(0.5 * (upper - lower))


def gaussian_process(expressions=()):
    encoder = encoder_of(SPACE, expressions)
    unit = np.random.default_rng(0).random((9, 3))
    return gp.MetricModel(
        metric="E", encoder=encoder, kernel="matern52", lengthscales=(0.5, 0.7, 0.9)[: encoder.dimension],
        transform=TRANSFORMS[0], unit=unit, z=np.sin(4 * unit[:, 0]), noise=np.full(9, 0.04),
        noise_level=0.04, trials=tuple(range(9)),
    )  # fmt: skip


def test_a_gaussian_process_answers_as_before():
    saved = gp.pack([gaussian_process()], space=SPACE)
    designs = SPACE.from_unit(np.random.default_rng(2).random((3, 3)))
    np.testing.assert_array_equal(models.predict(saved, designs)["E"], gp.predict(saved, designs)["E"])
    assert models.leave_one_out(saved)["E"].r2 == gp.leave_one_out(saved)["E"].r2
    assert models.aleatoric(saved)["E"] == pytest.approx(2 * 0.2)


def test_a_gaussian_process_keeps_its_features(tmp_path):
    model = gaussian_process(("beam_length / grain_size",))
    gp.pack([model], space=SPACE).save(tmp_path)
    (again,) = gp.unpack(SavedModel.load(tmp_path))
    unit = np.random.default_rng(2).random((5, 3))
    np.testing.assert_array_equal(again.posterior(unit), model.posterior(unit))


def test_a_gaussian_process_is_fitted_to_features():
    from designloop.learning.fit import fit, initial_hyper

    encoder = encoder_of(SPACE, ("beam_length / grain_size",))
    unit = np.random.default_rng(0).random((12, 3))
    z = np.asarray(encoder.features(unit))[:, -1]
    hyper, _ = fit(
        unit, z - z.mean(), np.full(12, 1e-4), encoder=encoder, kernel="rbf",
        starts=[initial_hyper(encoder.dimension)],
    )  # fmt: skip
    assert len(hyper.lengthscales) == 2
    assert hyper.lengthscales[1] < hyper.lengthscales[0]  # the ratio explains all, the film nothing


def test_the_botorch_model_has_the_posterior_whatever_is_seen():
    import torch

    from designloop.learning.posterior import botorch_of

    model = replace(gaussian_process(("beam_length / grain_size",)), kernel="matern32")
    unit = np.random.default_rng(2).random((5, 3))
    with torch.no_grad():
        theirs = botorch_of([model]).posterior(torch.as_tensor(unit))
    mean, sd = model.posterior(unit)
    np.testing.assert_allclose(theirs.mean[:, 0].numpy(), mean, atol=1e-8)
    np.testing.assert_allclose(theirs.variance.sqrt()[:, 0].numpy(), sd, atol=1e-8)


@pytest.mark.parametrize(("kind", "version"), [("spline", 1), ("committee", 99), ("gp", 99)])
def test_a_model_of_another_kind_or_version_is_refused(kind, version):
    config = {**packed(committee_of("networks")).config, "kind": kind, "version": version}
    with pytest.raises(ValueError, match=f"kind '{kind}', version {version}; expected"):
        models.predict(SavedModel(config=config, arrays={}), [])


def test_networks_are_predicted_without_torch_or_ax():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np; from designloop.learning.committees import *; "
        "from designloop.learning.features import Encoder; import designloop.learning.models; "
        "l = Labels(unit=np.eye(3), z=np.eye(3)); "
        "c = fit_committee(CommitteeSpec(kind='networks'), l, encoder=Encoder((0, 0, 0)), seed=0); "
        "c.predict(l.unit); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'ax', 'sklearn', 'pandas', 'mlflow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
