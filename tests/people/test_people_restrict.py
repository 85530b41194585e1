"""Proposals restricted to what is at hand: the constraint is exact on the grid and keeps the unit cube."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop.people.restrict import Among, grid_of, restricted
from designloop.reading.problems import Refused
from designloop.space import ChoiceParameter, FloatParameter, IntParameter, Space

SPACE = Space(
    parameters=(
        FloatParameter(name="acid", lower=-22.5, upper=7.5, step=3.75),
        ChoiceParameter(name="time", choices=(10, 20, 60, 240), ordered=True),
        ChoiceParameter(name="gas", choices=("air", "argon", "none")),
        IntParameter(name="layers", lower=1, upper=4),
    )
)
DESIGNS = SPACE.enumerate(10_000)


@given(st.data())
def test_exactly_the_designs_with_allowed_values_are_feasible(data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(SPACE.names), min_size=1))
    only = {}
    for parameter in SPACE.parameters:
        if parameter.name in names:
            chosen = st.sets(st.sampled_from(grid_of(parameter)), min_size=1)
            only[parameter.name] = sorted(data.draw(chosen), key=str)
    space = restricted(SPACE, only)
    expected = [all(d[name] in values for name, values in only.items()) for d in DESIGNS]
    assert space.feasible(DESIGNS).tolist() == expected
    assert np.array_equal(space.to_unit(DESIGNS), SPACE.to_unit(DESIGNS))
    assert space.to_json() == SPACE.to_json()


def test_the_slack_of_a_tensor_is_that_of_an_array() -> None:
    import torch

    among = Among(name="acid", allowed=(-15.0, 0.0), others=(-22.5, -7.5, 7.5))
    values = np.linspace(-30, 10, 41)
    tensor = torch.as_tensor(values).requires_grad_()
    slack = among.slack({"acid": tensor})
    assert slack.detach().numpy() == pytest.approx(among.slack({"acid": values}))
    slack.sum().backward()
    assert tensor.grad is not None
    assert torch.isfinite(tensor.grad).all()


def test_a_parameter_without_a_grid_cannot_be_listed() -> None:
    with pytest.raises(Refused, match="has no grid"):
        grid_of(FloatParameter(name="acid", lower=0, upper=1))


def test_numbers_between_ordered_choices_lie_between_them() -> None:
    time = Space(parameters=(SPACE.parameters[1],))
    values = [10, 15, 40, 240, 420, 0]
    places = time.to_unit([{"time": v} for v in values])[:, 0] * 3
    assert places.tolist() == pytest.approx([0, 0.5, 1.5, 3, 4, -1])
    unordered = Space(parameters=(ChoiceParameter(name="time", choices=(10, 20, 60)),))
    with pytest.raises(ValueError, match="not one of its choices"):
        unordered.to_unit([{"time": 15}])
