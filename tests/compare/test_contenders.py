"""Strategies as they are written on the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop.compare import contenders
from designloop.errors import CampaignError


def test_names_options_and_mappings_stand_side_by_side() -> None:
    found = contenders(["random, gp_ucb:kappa=3", "{name: ei, xi: 0.1, kernel: rbf}"])
    assert [c.label for c in found] == ["random", "gp_ucb:kappa=3", "ei:kernel=rbf:xi=0.1"]
    assert dict(found[1].options) == {"kappa": 3}


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=5, unique=True))
def test_a_label_can_be_written_again(kappas: list[float]) -> None:
    texts = [f"gp_ucb:kappa={kappa!r}" for kappa in kappas]
    found = contenders(texts)
    assert [c.label for c in contenders([c.label for c in found])] == [c.label for c in found]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        pytest.param(["random,gp_ucd"], "'gp_ucd' is unknown", id="unknown"),
        pytest.param(["random,gp_ucb:kapa=3"], "no option 'kapa'", id="unknown option"),
        pytest.param(["random,gp_ucb:kappa"], "no option=value", id="no value"),
        pytest.param(["random,gp_ucb:kappa=much"], "kappa is 'much'", id="wrong value"),
        pytest.param(["random,random"], "named twice", id="twice"),
        pytest.param(["random"], "names random alone, with nothing to compare it with", id="one"),
        pytest.param([","], "names no strategy", id="none"),
        pytest.param(["random,{name: gp_ucb, initial: 8}"], "share one", id="initial"),
        pytest.param(["random,{name: gp_ucb"], "nothing closes", id="open brace"),
        pytest.param(["random,{kappa: 3}"], "names no strategy", id="nameless"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_sentence(texts: list[str], words: str) -> None:
    with pytest.raises(CampaignError, match=words):
        contenders(texts)
