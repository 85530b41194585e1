# ruff: noqa: E501 - a table of odd words
"""Whatever is done to a valid file, only a CampaignError may come out."""

from __future__ import annotations

import re

from campaign_example import DECLARATION, FILE
from goal_example import FILM, GOAL_FILE
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop.campaign import Campaign, loads, validate_report
from designloop.errors import CampaignError
from designloop.oracle import Declaration
from designloop.reading.document import parse
from designloop.reading.writing import block

TOKENS = re.findall(r"\w+|\s+|[^\w\s]", FILE)
ODD = st.sampled_from(
    ["", "\t", "null", "[]", "{}", "-1", "0", "1e300", "1e-300", "true", "on", "010", "'", '"', "&a", "*a", "<<", "nan",
     "1,5", "..", "um", "kHz", "<=", "yield", "nominal", "mean", "log", "choices", "value", "derived", "specs", "ä", "\u2009",
     "over_etch", "beams", "damping", "temperature", "degC", "%", "99999999999999999999", "- ", ": ", "\n", "\x00", "|", "?"]
)  # fmt: skip


@st.composite
def mutated(draw):
    tokens = list(TOKENS)
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, len(tokens) - 1))
        action = draw(st.sampled_from(["delete", "duplicate", "replace", "swap", "odd"]))
        other = draw(st.integers(0, len(TOKENS) - 1))
        if action == "delete" and len(tokens) > 1:
            del tokens[position]
        elif action == "duplicate":
            tokens.insert(position, tokens[position])
        elif action == "replace":
            tokens[position] = TOKENS[other]
        elif action == "swap":
            tokens[position] = draw(ODD)
        else:
            tokens.insert(position, draw(ODD))
    return "".join(tokens)


def outcome(text: str, declaration: Declaration = DECLARATION) -> Campaign | CampaignError:
    try:
        return loads(text, declaration=declaration)
    except CampaignError as error:
        return error


@given(mutated())
@settings(max_examples=200)
def test_a_mutated_file_loads_or_is_refused_in_words(text):
    found = outcome(text)
    if isinstance(found, Campaign):
        assert found.name in validate_report(found)
    else:
        assert all(error.what for error in found.errors)


@given(st.text(max_size=60))
@settings(max_examples=100)
def test_any_text_is_refused_in_words(text):
    assert isinstance(outcome(text), CampaignError)


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 3, 1e-300, 1e300, 10**30, "", "x", "3 um", "1 .. 2 um", "yield", "off", "a <= b", "gap"]),
    st.sampled_from([[], {}, [None], [[]], {"range": None}, {"name": "gp_ucb"}, {"": 1}, [{"minimize": "yield"}], [1, 2]]),
)  # fmt: skip
FULL = {
    **parse(FILE, file="full").data,
    "specs": ["drive_power <= 1 mW"],
    "derived": {"ratio": "beam_length / beam_width"},
    "start_with": [{"beam_length": "500 um", "beam_width": "4 um", "gap": "2 um", "current": "1 mA"}],
    "existing_trials": {"file": "none.csv", "columns": {"L": {"name": "gap", "unit": "um"}}, "fill": {"gap": 1},
                        "failed_if": {"empty": "x"}, "decimal": ",", "sheet": "a"},
}  # fmt: skip


def spots(data: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Paths of every value."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(spot for key, value in items for spot in spots(value, (*path, key)))]


def replaced(data: object, path: tuple[str | int, ...], value: object) -> object:
    """The data with the value at a path replaced."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(data, dict):
        return {k: replaced(v, rest, value) if k == key else v for k, v in data.items()}
    assert isinstance(data, list)
    return [replaced(v, rest, value) if i == key else v for i, v in enumerate(data)]


BARE = {key: value for key, value in FULL.items() if key != "existing_trials"}
CHANGES = [(base, path) for base in (FULL, BARE) for path in spots(base)[1:]]


@given(st.sampled_from(CHANGES), ANYTHING)
@settings(max_examples=300)
def test_any_value_anywhere_loads_or_is_refused_in_words(change, value):
    base, path = change
    found = outcome(block(replaced(base, path, value)))
    if isinstance(found, Campaign):
        assert found.name in validate_report(found)
    else:
        assert all(error.what for error in found.errors)


LEARNING = {
    **parse(GOAL_FILE, file="goal").data,
    "objectives": [{"minimize": "stress"}],
    "strategy": [
        {"name": "query_by_committee", "until": {"trials": 9}, "features": ["width / grain"], "weight": 2.0},
        {"name": "bald", "committee": "networks", "hidden": [4], "until": "goal"},
        {"name": "gp_ucb", "kappa": 2.0},
    ],
    "stop": {"trials": 60, "disagreement": "2 %", "coverage": {"trials": 20, "less_than": "0.5 %"}},
}
LEARNED = st.one_of(
    ANYTHING, st.sampled_from(["goal", "5 %", "0 %", "3 MPa", "5 % of spread", "5 % of", "H_*", "*", "leave_one_out"]),
    st.sampled_from([{"held_out": 9}, {"reference": "film"}, {"trials": 3}, {"H_*": "5 %"}, {"*": "5 %", "H_*": 1}, {"stress * 2": 3}]),
)  # fmt: skip


@given(st.sampled_from(spots(LEARNING)[1:]), LEARNED)
@settings(max_examples=200)
def test_any_value_anywhere_in_a_goal_loads_or_is_refused_in_words(path, value):
    found = outcome(block(replaced(LEARNING, path, value)), FILM)
    if isinstance(found, Campaign):
        assert found.name in validate_report(found)
    else:
        assert all(error.what for error in found.errors)
