"""Saved networks of structures: they see what the solver draws, and learn further labels exactly."""

import numpy as np
import pytest
import torch

from designloop.learning import models
from designloop.learning.networks.ensemble import Ensemble
from designloop.learning.saved import SavedModel
from designloop.oracle import Context
from designloop_oracles import _film
from designloop_oracles._inputs import complete
from designloop_oracles.polysilicon import Polysilicon
from designloop_oracles.surrogates import images
from designloop_oracles.surrogates.networks import build

SVE = {"sve_size": 2.0, "grain_size": 0.6, "pixels_per_grain": 5.0}
BEAM = {"beam_length": 20.0, "beam_width": 2.0, "grain_size": 0.6, "pixels_per_grain": 4.0}


def saved(network, *, metrics, sees="orientation", members=2, **options):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        states = [build(network, options).state_dict() for _ in range(members)]
    arrays = {f"weights/{k}": np.stack([s[k].double().numpy() for s in states]) for k in states[0]}
    ones, zeros = np.ones(len(metrics)), np.zeros(len(metrics))
    scaling = {"x_mean": zeros[:1], "x_sd": ones[:1], "y_mean": zeros, "y_sd": ones}
    config = {
        "kind": "structure_network", "version": 1, "network": network, "options": options, "sees": sees,
        "metrics": list(metrics), "loss": "mse",
        "floor": [0.1] * len(metrics), "factor": [2.0] * len(metrics),
    }  # fmt: skip
    return SavedModel(config=config, arrays=arrays | {f"scaling/{k}": v for k, v in scaling.items()})


@pytest.fixture(scope="module")
def window():
    return saved("window_net", metrics=["youngs_modulus"])


@pytest.fixture(scope="module")
def beam():
    return saved("whole_beam_net", metrics=["axial_modulus", "bending_modulus"])


def of(model, designs, seeds=None):
    return models.parts(model, designs, seeds=seeds)


def test_a_model_is_found_by_its_kind(window):
    assert set(models.predict(window, [SVE])) == {"youngs_modulus"}


def test_the_network_answers_for_the_structure_that_the_solver_draws(window):
    film = _film.film_of("sve", complete(Polysilicon(specimen="sve", single=True).declaration, SVE))
    drawn = _film.structure(film, 41, 0)
    image = images.orientation(drawn.labels[None], drawn.angles[None])
    ensemble = Ensemble.from_arrays(lambda: build("window_net"), window.arrays)
    assert of(window, [SVE], [41])["youngs_modulus"].mean[0] == ensemble.spread(image).mean[0, 0]


def test_answers_follow_the_solver_from_realization_to_realization(window):
    seeds = list(range(10))
    oracle = Polysilicon(specimen="sve", single=True)
    solved = [oracle.evaluate(SVE, Context(seed=s)).metrics["youngs_modulus"].value for s in seeds]
    predicted = of(window, [SVE] * 10, seeds)["youngs_modulus"].mean
    assert np.var(predicted - solved) < 0.01 * np.var(solved)


def test_a_design_may_name_its_realization(window):
    named = of(window, [{**SVE, "realization": 7}])["youngs_modulus"].mean
    assert named == of(window, [SVE], [7])["youngs_modulus"].mean


def test_a_design_without_a_realization_means_the_first(window):
    assert of(window, [SVE])["youngs_modulus"].mean == of(window, [SVE], [0])["youngs_modulus"].mean


def test_designs_of_many_sizes_are_answered_in_their_order(beam):
    longer = {**BEAM, "beam_length": 26.0}
    together = of(beam, [BEAM, longer, BEAM], [1, 2, 3])["bending_modulus"].mean
    alone = [of(beam, [d], [s])["bending_modulus"].mean[0] for d, s in ((BEAM, 1), (longer, 2), (BEAM, 3))]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_spread_joins_what_members_disagree_about_with_what_they_share(window):
    found = of(window, [SVE], [3])["youngs_modulus"]
    ensemble = Ensemble.from_arrays(lambda: build("window_net"), window.arrays)
    film = _film.film_of("sve", complete(Polysilicon(specimen="sve", single=True).declaration, SVE))
    drawn = _film.structure(film, 3, 0)
    spread = ensemble.spread(images.orientation(drawn.labels[None], drawn.angles[None])).epistemic[0, 0]
    assert found.epistemic[0] == pytest.approx(2.0 * np.hypot(spread, 0.1))
    assert found.aleatoric[0] == 0


def test_further_labels_teach_the_bias_and_shrink_the_spread(beam):
    designs, seeds = [BEAM] * 8, list(range(8))
    before = of(beam, designs, seeds)["axial_modulus"]
    learned = models.updated(beam, designs, seeds, {"axial_modulus": before.mean + 0.5})
    after = of(learned, designs, seeds)["axial_modulus"]
    # normal prior and noise of equal variance: n labels move the mean by n / (n + 1) of the way
    np.testing.assert_allclose(after.mean - before.mean, 0.5 * 8 / 9, rtol=1e-6)
    assert (after.epistemic < before.epistemic).all()


def test_labels_in_two_portions_teach_what_they_teach_at_once(beam):
    designs, seeds, labels = [BEAM] * 4, list(range(4)), np.array([148.0, 149.0, 147.5, 148.5])
    once = models.updated(beam, designs, seeds, {"bending_modulus": labels})
    half = models.updated(beam, designs[:2], seeds[:2], {"bending_modulus": labels[:2]})
    twice = models.updated(half, designs[2:], seeds[2:], {"bending_modulus": labels[2:]})
    for model in (once, twice):
        found = of(model, [BEAM], [9])["bending_modulus"]
        expected = of(once, [BEAM], [9])["bending_modulus"]
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-7)
        np.testing.assert_allclose(found.epistemic, expected.epistemic, rtol=1e-9)


def test_columns_of_a_design_go_to_a_network_of_columns():
    model = saved("amplitude_net", metrics=["amplitude"], sees=["youngs_modulus", "over_etch"])
    low, high = ({"youngs_modulus": e, "over_etch": 0.02} for e in (140.0, 160.0))
    found = models.predict(model, [low, high])["amplitude"][0]
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("design", "sentence"),
    [
        ({"grain_size": 0.6}, "a film needs one of sve_size, cell_size, beam_length"),
        ({**SVE, "fibre_axis": "110"}, "know the fibre axis 100 only, not 110"),
    ],
    ids=["no specimen", "another fibre"],
)
def test_a_design_that_the_network_cannot_see_is_refused(window, design, sentence):
    with pytest.raises(ValueError, match=sentence):
        models.predict(window, [design])


def test_a_missing_column_is_named():
    model = saved("amplitude_net", metrics=["amplitude"], sees=["youngs_modulus", "over_etch"])
    with pytest.raises(ValueError, match="needs over_etch"):
        models.predict(model, [{"youngs_modulus": 148.0}])


def test_seeds_must_be_one_per_design(window):
    with pytest.raises(ValueError, match="2 seeds are not one for each of 1 designs"):
        of(window, [SVE], [1, 2])


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"shear_modulus": [60.0]}, "answers youngs_modulus, not shear_modulus"),
        ({"youngs_modulus": [float("nan")]}, "one finite label per design"),
        ({"youngs_modulus": [148.0, 149.0]}, "one finite label per design"),
    ],
    ids=["unknown metric", "nan", "too many"],
)
def test_labels_that_cannot_be_learned_are_refused(window, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        models.updated(window, [SVE], [0], labels)
