# ruff: noqa: E501 - tables
"""Plain words keep their meaning: every number arrives equal or is refused."""

from __future__ import annotations

import math

import pytest
from campaign_example import DECLARATION, FILE
from hypothesis import given
from hypothesis import strategies as st

from designloop.campaign import loads
from designloop.campaign.overrides import overridden
from designloop.errors import CampaignError
from designloop.reading.document import parse
from designloop.reading.scalars import ScalarError, plain_scalar
from designloop.reading.writing import block, flow

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def forms(number: float) -> list[str]:
    """Ways to write a float so that Python reads the same one."""
    written = [repr(number), f"{number:.17g}", f"{number:.17e}", f"{number:.17E}"]
    return [w for w in written if float(w) == number]


@given(FINITE)
def test_every_way_to_write_a_float_arrives_equal(number):
    for text in forms(number):
        value = parse(f"a: {text}", file="f").data["a"]
        assert type(value) in (int, float)
        assert value == number


@given(st.integers(-(10**30), 10**30))
def test_whole_numbers_arrive_equal(number):
    assert parse(f"a: {number}", file="f").data == {"a": number}


@given(FINITE, st.sampled_from(["um", "MPa", "%", "nT/sqrt(Hz)"]))
def test_a_float_with_a_unit_arrives_equal_or_is_refused(number, unit):
    text = FILE.replace("thickness: 20 um", f"thickness: {number!r} {unit}")
    try:
        campaign = loads(text, declaration=DECLARATION)
    except CampaignError:
        assert unit != "um" or not 0.5 <= number <= 100
        return
    assert unit == "um"
    assert campaign.fixed["thickness"] == number


@given(st.text(alphabet="0123456789.eE+-_xob,:", min_size=1, max_size=12))
def test_a_word_becomes_the_number_that_python_reads_or_stays_text(text):
    try:
        value = plain_scalar(text)
    except ScalarError:
        return
    if isinstance(value, int | float):
        assert value == float(text)
        assert math.isfinite(value)
    else:
        assert value == text


@pytest.mark.parametrize(
    "text", ["on", "off", "yes", "no", "12:30", "2026-12-18", "1_000", "1,5", "nan", "inf"]
)
def test_words_of_older_yaml_stay_text(text):
    assert parse(f"a: {text}", file="f").data == {"a": text}


@pytest.mark.parametrize(
    "text", ["010", "00", "-007.5", "0x1F", "0o17", "0b1", ".inf", "-.INF", ".nan", "1e999", "1e-999"]
)
def test_ambiguous_numbers_are_refused(text):
    with pytest.raises(CampaignError, match=r"f:1:4: .*(Write|Use)"):
        parse(f"a: {text}", file="f")


@pytest.mark.parametrize(
    ("text", "value"), [("~", None), ("null", None), ("", None), ("true", True), ("False", False)]
)
def test_null_and_truth_are_read(text, value):
    assert parse(f"a: {text}", file="f").data == {"a": value}


def test_quoted_numbers_stay_text():
    assert parse("a: '1e-6'\nb: \"010\"\nc: |\n  7", file="f").data == {"a": "1e-6", "b": "010", "c": "7"}


def test_keys_are_text_whatever_they_look_like():
    assert parse("on: 1\n010: 2\n1.50: 3", file="f").data == {"on": 1, "010": 2, "1.50": 3}


def test_anchors_and_merge_keys_work():
    document = parse("x: &a {p: 1, q: 2}\ny: {<<: *a, p: 3}\nz: {<<: [{q: 5}, *a]}", file="f")
    assert document.data["y"] == {"p": 3, "q": 2}
    assert document.data["z"] == {"p": 1, "q": 5}


def test_every_value_keeps_its_place():
    document = parse("a:\n  - b: 1\n    c: 'text'\n", file="f")
    assert str(document.place(("a", 0, "b"))) == "f:2:8"
    assert str(document.key_place(("a", 0, "c"))) == "f:3:5"
    assert str(document.place(("a", 0, "c"), offset=2)) == "f:3:11"
    assert str(document.place(("a", 0, "missing"))) == "f:2:5"


def test_nested_aliases_do_not_blow_up():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(CampaignError, match="blow"):
        parse("\n".join(lines), file="f")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | FINITE | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(min_size=1, max_size=8), PLAIN, min_size=1, max_size=4))
def test_written_data_reads_back_equal(data):
    for text in (block(data), flow(data)):
        assert parse(text, file="f").data == data


def test_overrides_replace_values_and_keep_the_rest():
    text = FILE.replace("strategy: {name: gp_ucb, kappa: 1.96, initial: {sobol: 8}}", "strategy: ei")
    campaign = loads(text, declaration=DECLARATION, overrides=["stop.trials=12", "strategy.xi=1e-3",
                     "objectives.0.corners=2 sigma", "parameters.gap=2 .. 3 um", "parameters.gap.scale=log"])  # fmt: skip
    assert campaign.stop.trials == 12
    assert campaign.strategy.options == {"xi": 1e-3}
    assert campaign.objective.sigma == 2
    assert (campaign.space.parameters[2].lower, campaign.space.parameters[2].log) == (2.0, True)
    assert campaign.stop.no_improvement_trials == 20


def test_the_text_after_overrides_loads_to_the_same_campaign():
    first = loads(FILE, declaration=DECLARATION, overrides=["stop.trials=12", "tracking=off"])
    again = loads(first.text, declaration=DECLARATION)
    assert again.file == first.file
    assert again.tracking_uri is None


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("stop.trials=many", r"--set stop.trials=many: trials must be a whole number"),
        ("stop.trails=5", r"--set stop.trails=5: trails is no key of stop. Did you mean trials"),
        ("stop.trials", r"is not key=value"),
        ("objectives.4.mode=mean", r"Count list items from 0"),
        ("constraints.x=gap", r"Count list items from 0"),
        ("stop=[", r"not a YAML value"),
        ("seed=010", r"begins with a zero"),
        ("goal=1", r"goal must be a mapping, not 1"),
    ],
)
def test_a_wrong_override_is_refused_by_name(override, words):
    with pytest.raises(CampaignError, match=words):
        loads(FILE, declaration=DECLARATION, overrides=[override])


def test_no_override_keeps_the_text_byte_for_byte():
    document = parse(FILE, file="f")
    assert overridden(document, []).text == FILE
