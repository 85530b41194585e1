"""The shipped model of beams: what its card promises, against the solver on beams that it never saw."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from designloop.campaign import load
from designloop.learning import models
from designloop.learning.packed import Packed, read_card
from designloop.oracle import Context
from designloop_oracles._film import film_of, realize
from designloop_oracles._inputs import complete
from designloop_oracles.polysilicon import Polysilicon

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
FILE = CAMPAIGNS / "beam_moduli.dlmodel"
SOLVER = Polysilicon(specimen="beam", single=True)
SHORT = {"beam_length": 45.0, "beam_width": 2.2, "grain_size": 1.0, "pixels_per_grain": 4.0}
METRICS = ("axial_modulus", "bending_modulus")


@cache
def packed():
    return Packed.load(FILE)


def asked(designs, seeds):
    return models.parts(packed().saved, designs, seeds=seeds)


def solved(design, seeds):
    film = film_of("beam", complete(SOLVER.declaration, design))
    rows = [realize(film, seed, range(1)) for seed in seeds]
    return {metric: np.array([row[metric][0] for row in rows]) for metric in METRICS}


@pytest.fixture(scope="module")
def pair():
    seeds = list(range(9000, 9012))
    return asked([SHORT] * len(seeds), seeds), solved(SHORT, seeds)


@pytest.mark.parametrize("metric", METRICS)
def test_it_knows_one_beam_from_the_next(pair, metric):
    found, truth = pair[0][metric], pair[1][metric]
    assert np.var(found.mean - truth) < 0.05 * np.var(truth)


@pytest.mark.parametrize("metric", METRICS)
def test_the_intervals_hold_what_the_solver_says(pair, metric):
    found, truth = pair[0][metric], pair[1][metric]
    held = np.abs(found.mean - truth) < 1.96 * found.epistemic
    assert held.sum() >= 9  # of 12; at a coverage of 95 % less has a chance of 0.002


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_is_left_to_chance_once_the_grains_are_drawn(pair, metric):
    assert not pair[0][metric].aleatoric.any()


def test_coarse_grains_in_short_beams_are_less_certain():
    coarse, fine = SHORT | {"grain_size": 2.0}, SHORT | {"beam_length": 140.0}
    found = asked([coarse, fine], [1, 1])["bending_modulus"].epistemic
    assert found[0] > 2 * found[1]


@pytest.mark.parametrize("change", [{"beam_length": 25.0}, {"beam_length": 250.0}, {"grain_size": 3.0}])
def test_beyond_the_box_intervals_are_wider(change):
    box = {i.name: (i.lower, i.upper) for i in packed().card.varied}
    beyond = SHORT | change
    border = beyond | {name: float(np.clip(beyond[name], *box[name])) for name in change}
    found = asked([border, beyond], [1, 1])["axial_modulus"].epistemic
    assert found[1] > 1.3 * found[0]


def test_its_card_names_solver_box_and_errors_on_rows_that_nothing_was_chosen_by():
    card = read_card(FILE)
    assert (card.oracle["name"], dict(card.oracle["options"])) == (
        "polysilicon", {"specimen": "beam", "single": True},
    )  # fmt: skip
    assert {i.name: (i.lower, i.upper) for i in card.varied} == {
        "beam_length": (40.0, 150.0), "beam_width": (2.0, 5.0), "grain_size": (0.8, 2.0),
    }  # fmt: skip
    assert card.pinned["pixels_per_grain"] == 4
    for metric in METRICS:
        best = min(one["rmse"] for one in card.errors[metric]["baseline"].values())
        assert card.errors[metric]["rmse"] < 0.6 * best
        assert card.calibration[metric]["points"] >= 300


def test_its_inputs_are_those_of_the_solver():
    declared = {i.name: i.unit for i in SOLVER.declaration.inputs}
    assert {i.name: i.unit for i in read_card(FILE).inputs} == declared


def test_it_is_small():
    assert FILE.stat().st_size < 30_000


def test_the_campaign_that_uses_it_is_understood():
    campaign = load(CAMPAIGNS / "magnetometer_microstructure.yaml")
    film = campaign.composition.stages[0]
    assert film.escalation.to.name == "polysilicon"
    assert campaign.realizations == ("film.realization",)


def test_the_same_campaign_without_the_model_is_two_settings_away():
    film = "oracle.pipeline.film={oracle: polysilicon, options: {specimen: beam, single: true}}"
    campaign = load(
        CAMPAIGNS / "magnetometer_microstructure.yaml", overrides=(film, "fixed.pixels_per_grain=4")
    )
    assert campaign.composition.stages[0].escalation is None


@pytest.mark.long
def test_a_pipeline_with_the_model_answers_as_one_with_the_solver():
    from designloop.compose.building import oracle_of
    from designloop.compose.dies import CampaignOracle

    film = "oracle.pipeline.film={oracle: polysilicon, options: {specimen: beam, single: true}}"
    answers = []
    for overrides in ((), (film, "fixed.pixels_per_grain=4")):
        campaign = load(
            CAMPAIGNS / "magnetometer_microstructure.yaml",
            overrides=(
                *overrides,
                "objectives=[{minimize: noise_equivalent_field, mode: mean, samples: 16}]",
            ),
        )
        oracle = CampaignOracle(campaign=campaign, oracle=oracle_of(campaign))
        design = {"beam_length": 70.0, "beam_width": 2.5, "gap": 2.0}
        answers.append(oracle.evaluate(design, Context(seed=5)).metrics["resonance_frequency"])
    model, solver = answers
    assert model.lower < solver.value < model.upper
    assert model.value == pytest.approx(solver.value, rel=2e-3)
