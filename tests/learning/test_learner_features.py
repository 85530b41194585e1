"""Expressions of parameters that the learner sees in place of the parameters they name."""

import json

import numpy as np
import pytest

from designloop.learning.features import Encoder, encoder_of
from designloop.reading.expression import parse_comparison
from designloop.space import ChoiceParameter, FloatParameter, Space

SPACE = Space(
    (
        FloatParameter(name="beam_length", lower=10, upper=100, unit="um"),
        FloatParameter(name="grain_size", lower=0.1, upper=1, unit="um"),
        ChoiceParameter(name="film", choices=("a", "b", "c")),
    )
)
UNIT = np.random.default_rng(0).random((40, 3))


def test_without_expressions_nothing_changes():
    assert encoder_of(SPACE) == Encoder((0, 0, 3))
    assert encoder_of(SPACE).to_json() == {"levels": [0, 0, 3]}
    numeric = Encoder((0, 0))
    assert numeric.features(UNIT) is UNIT


def test_an_expression_takes_the_place_of_the_parameters_it_names():
    encoder = encoder_of(SPACE, ["beam_length / grain_size"])
    features = encoder.features(UNIT)
    assert features.shape == (40, 4)  # three columns of the film, one ratio
    assert encoder.dimension == 2
    assert encoder.groups.tolist() == [0, 0, 0, 1]
    ratio = (10 + 90 * UNIT[:, 0]) / (0.1 + 0.9 * UNIT[:, 1])
    assert np.corrcoef(features[:, 3], ratio)[0, 1] == pytest.approx(1.0)
    np.testing.assert_array_equal(features[:, :3], encoder_of(SPACE).features(UNIT)[:, 2:])


def test_a_parameter_can_be_listed_beside_an_expression():
    encoder = encoder_of(SPACE, ["grain_size", "beam_length / grain_size"])
    assert encoder.dimension == 3
    np.testing.assert_allclose(encoder.features(UNIT)[:, 3], UNIT[:, 1], atol=5e-3)


def test_expressions_are_of_order_one():
    features = encoder_of(SPACE, ["beam_length^3 / grain_size"]).features(UNIT)
    assert -0.01 < features.min() < 0.01
    assert features.max() < 1.5


def test_an_encoder_survives_json():
    encoder = encoder_of(SPACE, ["beam_length / grain_size", "2 * beam_length"])
    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    np.testing.assert_array_equal(again.features(UNIT), encoder.features(UNIT))


def test_gradients_flow_through_expressions():
    import torch

    encoder = encoder_of(SPACE, ["beam_length / grain_size"])
    unit = torch.tensor(UNIT, requires_grad=True)
    features = encoder.features(unit)
    np.testing.assert_allclose(features.detach().numpy(), encoder.features(UNIT))
    features[:, 3].sum().backward()
    assert (unit.grad[:, 0] > 0).all()
    assert (unit.grad[:, 1] < 0).all()
    assert (unit.grad[:, 2] == 0).all()


def test_batches_keep_their_shape():
    encoder = encoder_of(SPACE, ["beam_length / grain_size"])
    batch = UNIT.reshape(4, 10, 3)
    np.testing.assert_array_equal(encoder.features(batch), encoder.features(UNIT).reshape(4, 10, 4))


def test_only_allowed_designs_give_the_range():
    units = {"beam_length": "um", "grain_size": "um"}
    limited = Space(SPACE.parameters, parse_comparison("beam_length <= 20 um", units=units))
    features = encoder_of(limited, ["beam_length"]).features(np.array([[0.0, 0.5, 0.0], [1 / 9, 0.5, 0.0]]))
    np.testing.assert_allclose(features[:, 4], [0.0, 1.0], atol=0.02)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("beam_width / grain_size", "'beam_width' is not known"),
        ("beam_length +", "cannot be read"),
        ("film", "cannot be read"),
        ("1 / (grain_size - grain_size)", "not finite for some allowed designs"),
        ("2 * 3", "hardly varies"),
    ],
)
def test_what_is_no_feature_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        encoder_of(SPACE, [text])
