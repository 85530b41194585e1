"""Predictions with both spreads, further labels, and kinds of model from other packages."""

import sys
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from support.surrogates import designs, saved_gp, stiffness

from designloop.learning import models
from designloop.learning.models import Parts
from designloop.learning.saved import SavedModel


@dataclass
class Entry:
    name: str
    module: object

    def load(self) -> object:
        return self.module


@pytest.fixture
def other_kind(monkeypatch):
    """A kind ``ones`` that answers ones, as another package would offer it."""

    def parts(saved, asked, *, seeds=None):
        drawn = np.asarray(seeds if seeds is not None else [0] * len(asked), dtype=float)
        return {"y": Parts(mean=drawn, aleatoric=np.ones(len(asked)), epistemic=np.ones(len(asked)))}

    module = SimpleNamespace(parts=parts, predict=lambda *_: {"y": (np.ones(1), np.ones(1))})
    monkeypatch.setattr(models, "entry_points", lambda **_: [Entry("ones", module)])
    return SavedModel(config={"kind": "ones"}, arrays={})


def test_parts_of_a_gp_are_its_prediction_and_its_noise():
    saved, asked = saved_gp(), designs(5, seed=9)
    mean, sd = models.predict(saved, asked)["E_mean"]
    found = models.parts(saved, asked)["E_mean"]
    np.testing.assert_array_equal(found.mean, mean)
    np.testing.assert_array_equal(found.epistemic, sd)
    np.testing.assert_array_equal(found.aleatoric, np.full(5, models.aleatoric(saved)["E_mean"]))


def test_a_kind_of_another_package_answers(other_kind):
    assert models.predict(other_kind, [{}])["y"] == (1.0, 1.0)
    assert models.parts(other_kind, [{}, {}], seeds=[4, 5])["y"].mean.tolist() == [4.0, 5.0]


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        pytest.param(models.leave_one_out, "kind 'ones' is judged by test data only", id="leave-one-out"),
        pytest.param(models.aleatoric, "kind 'ones' has no one noise", id="aleatoric"),
        pytest.param(lambda m: models.updated(m, [], None, {}), "kind 'ones' cannot learn", id="updated"),
    ],
)
def test_what_a_kind_cannot_do_is_said(ask, sentence, other_kind):
    with pytest.raises(ValueError, match=sentence):
        ask(other_kind)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind 'spline'"):
        models.parts(SavedModel(config={"kind": "spline"}, arrays={}), [{}])


def test_further_labels_at_a_point_are_believed_there():
    saved = saved_gp(rows=4)
    asked = designs(6, seed=3)
    truth = np.array([stiffness(d) for d in asked])
    before, after = (
        models.parts(m, asked)["E_mean"]
        for m in (saved, models.updated(saved, asked, None, {"E_mean": truth}))
    )
    assert np.abs(after.mean - truth).max() < 0.1 * np.abs(before.mean - truth).max()
    assert (after.epistemic < 0.2 * before.epistemic).all()


def test_labels_learned_one_by_one_or_together_give_the_same_model():
    saved, asked = saved_gp(rows=6), designs(4, seed=3)
    truth = [stiffness(d) for d in asked]
    together = models.updated(saved, asked, None, {"E_mean": truth})
    apart = saved
    for design, label in zip(asked, truth, strict=True):
        apart = models.updated(apart, [design], None, {"E_mean": [label]})
    for key, array in together.arrays.items():
        np.testing.assert_allclose(apart.arrays[key], array, rtol=1e-12)
    assert apart.config == together.config


def test_a_metric_without_further_labels_stays_as_it_was():
    saved = saved_gp(("E_mean", "E_std"), rows=6)
    found = models.updated(saved, designs(2, seed=3), None, {"E_mean": [140.0, 141.0]})
    assert (len(found.arrays["0/z"]), len(found.arrays["1/z"])) == (8, 6)


@pytest.mark.parametrize("labels", [[140.0], [140.0, float("nan")]], ids=["too few", "nan"])
def test_labels_that_cannot_be_learned_are_refused(labels):
    with pytest.raises(ValueError, match="one finite label per design"):
        models.updated(saved_gp(), designs(2), None, {"E_mean": labels})


def test_a_gp_predicts_without_torch():
    import subprocess

    code = "import sys; from support.surrogates import *; from designloop.learning import models; "
    code += (
        "models.parts(saved_gp(), designs(3)); print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr
