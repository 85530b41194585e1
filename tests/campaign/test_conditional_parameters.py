# ruff: noqa: E501 - one case, one line
"""``when`` in a campaign file: what it means, what it needs of the oracle, and every way to get it wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.broken import Broken

from designloop.campaign import Campaign, load, loads, validate_report
from designloop.errors import CampaignError
from designloop.oracle import Declaration, Input, Output

DECLARATION = Declaration(
    name="suspension",
    summary="",
    inputs=(
        Input(name="length", unit="um", lower=1, upper=2000),
        Input(name="anchor", choices=("single", "double", "ring")),
        Input(name="pitch", unit="um", lower=1, upper=100, default=10.0),
        Input(name="fins", integer=True, lower=1, upper=9, default=1),
        Input(name="gap", unit="um", lower=0, upper=20, default=5.0),
        Input(name="radius", unit="um", lower=1, upper=100, when="anchor == ring"),
        Input(name="span", unit="um", lower=0, upper=9000, default=100.0),
        Input(name="tracked", choices=(True, False), default=False),
    ),
    outputs=(Output("f", unit="kHz"), Output("stress", unit="MPa")),
)
FILE = """\
version: 1
name: suspension
oracle: suspension
parameters:
  length: 300 .. 700 um
  anchor: {choices: [single, double, ring]}
  pitch: {range: 0.02 .. 0.08 mm, when: anchor == double}
  radius: {range: 5 .. 50 um}
  fins: {range: 1 .. 6}
  gap: {range: 0 .. 10 um, when: fins >= 3 and anchor != single}
objectives: [maximize: f]
constraints: [pitch <= length / 10, stress <= 300 MPa]
tracking: "off"
"""


def campaign(text: str = FILE, declaration: Declaration = DECLARATION) -> Campaign:
    return loads(text, name="c.yaml", declaration=declaration)


def test_a_condition_stands_beside_its_parameter():
    report = validate_report(campaign())
    assert "pitch: 0.02 .. 0.08 mm (20 .. 80 um), only where anchor == double" in report
    assert "gap: 0 .. 10 um, only where fins >= 3 and anchor != single" in report
    assert "its condition always holds" not in report


def test_a_parameter_takes_the_condition_that_the_oracle_declares():
    assert {p.name: p.when for p in campaign().space.parameters}["radius"] == "anchor == ring"


def test_the_oracle_is_given_what_the_design_has():
    c = campaign()
    assert c.inputs_of({"length": 400.0, "anchor": "single", "fins": 1}, {}) == {
        "length": 400.0, "anchor": "single", "fins": 1,
    }  # fmt: skip
    double = {"length": 400.0, "anchor": "double", "pitch": 0.03, "fins": 2}
    assert c.inputs_of(double, {}) == {"length": 400.0, "anchor": "double", "pitch": 30.0, "fins": 2}


def test_what_is_computed_from_a_parameter_exists_where_it_does():
    c = campaign(FILE + "derived: {span: 2 * pitch + 1 um}\n")
    double = {"length": 400.0, "anchor": "double", "pitch": 0.03, "fins": 2}
    assert c.inputs_of(double, {})["span"] == pytest.approx(61.0)
    assert "span" not in c.inputs_of({"length": 400.0, "anchor": "single", "fins": 1}, {})


def test_conditions_on_numbers_count_in_the_users_unit():
    text = FILE.replace("when: fins >= 3 and anchor != single", 'when: "pitch >= 0.05"')
    space = campaign(text).space
    at = {"length": 400.0, "anchor": "double", "fins": 2}
    assert "gap" in space.completed([{**at, "pitch": 0.06}])[0]
    assert "gap" not in space.completed([{**at, "pitch": 0.04}])[0]
    assert "gap" not in space.completed([{**at, "anchor": "single"}])[0]


def test_a_condition_on_truth():
    text = FILE.replace(
        "  fins: {range: 1 .. 6}", "  fins: {range: 1 .. 6, when: tracked == true}\n  tracked:"
    )
    design = {"length": 400.0, "anchor": "single", "tracked": False}
    assert campaign(text).space.contains(design) is None


def test_a_choice_may_be_called_like_a_word_of_other_languages() -> None:
    words = (replace(i, choices=("in", "or", "not")) if i.name == "anchor" else i for i in DECLARATION.inputs)
    declaration = replace(DECLARATION, inputs=tuple(i for i in words if i.name != "radius"))
    text = FILE.replace("[single, double, ring]", "[in, or, not]").replace("double", "in")
    text = text.replace("single", "or").replace("  radius: {range: 5 .. 50 um}\n", "")
    assert {p.name: p.when for p in campaign(text, declaration).space.parameters}["pitch"] == "anchor == in"


def test_a_baseline_and_first_designs_leave_out_what_they_do_not_have():
    c = campaign(
        FILE + "baseline: {length: 480 um, anchor: single, fins: 4}\n"
        "start_with: [{length: 480 um, anchor: double, pitch: 40 um, fins: 3, gap: 1 um}]\n"
    )
    assert c.baseline == {"length": 480.0, "anchor": "single", "fins": 4}
    assert c.start_with[0]["pitch"] == pytest.approx(0.04)


def test_a_condition_that_always_holds_is_noted():
    text = FILE.replace("fins >= 3 and anchor != single", "fins >= 1")
    assert "every design has gap: its condition always holds." in validate_report(campaign(text))


PITCH, GAP = "when: anchor == double", "when: fins >= 3 and anchor != single"
CASES = [
    Broken("unknown name", PITCH, "when: anker == double", "anker", ("'anker' is not known", "'anchor'")),
    Broken("unknown choice", PITCH, "when: anchor == twofold", "twofold", ("not a choice of 'anchor'", "single, double")),
    Broken("second part", GAP, "when: fins >= 3 and anchor == twin", "twin", ("'twin'", "c.yaml:10:55")),
    Broken("a choice alone", PITCH, "when: double", "when: double", ("'double' compares nothing", "Write anchor == double.")),
    Broken("a parameter alone", PITCH, "when: fins", "when: fins", ("Write a bound, such as fins >= 2.",)),
    Broken("a list", PITCH, "when: [anchor == double, fins >= 3]", "when: [anchor", ("not a list", "Write anchor == double and fins >= 3.")),
    Broken("a mapping", PITCH, "when: {anchor: double}", "when: {anchor", ("not a mapping", "Write anchor == double.")),
    Broken("true", PITCH, "when: true", "when: true", ("true compares nothing", "leave when out: the parameter then always exists")),
    Broken("true in quotes", PITCH, "when: 'true'", "when: 'true'", ("Leave when out",)),
    Broken("no words", PITCH, "when: ''", "when: ''", ("'' compares nothing",)),
    Broken("or", PITCH, "when: anchor == double or anchor == ring", "or anchor", ("'or' cannot join comparisons", "Write anchor != single.")),
    Broken("or, in signs", PITCH, "when: anchor == double || anchor == ring", "||", ("Write anchor != single.",)),
    Broken("or of two parameters", PITCH, "when: anchor == double or fins >= 3", "or fins", ("'or' cannot join", "Join by 'and' what must hold")),
    Broken("or with an unknown choice", PITCH, "when: anchor == double or anchor == rung", "rung", ("Join by 'and' what must hold",)),
    Broken("and, in signs", PITCH, "when: anchor == double && fins >= 3", "&&", ("Write anchor == double and fins >= 3.",)),
    Broken("AND", PITCH, "when: anchor == double AND fins >= 3", "AND", ("Write anchor == double and fins >= 3.",)),
    Broken("a comma", PITCH, "when: 'anchor == double, fins >= 3'", "fins >= 3'", ("',' cannot join", "Write anchor == double and fins >= 3.")),
    Broken("a comma without quotes", PITCH, "when: anchor == double, fins >= 3", "double, fins", ("fins >= 3 is no key", "join the two by 'and'")),
    Broken("and nothing", PITCH, "when: anchor == double and", "and}", ("missing beside 'and'", "Leave 'and' out.")),
    Broken("in", PITCH, "when: 'anchor in [double, ring]'", "in [", ("'in' is no part", "Write anchor != single.")),
    Broken("in one", PITCH, "when: anchor in (double)", "in (", ("Write anchor == double.",)),
    Broken("not in", PITCH, "when: 'anchor not in (double, ring)'", "not in", ("Write anchor != double and anchor != ring.",)),
    Broken("equal to a list", PITCH, "when: 'anchor == [double, ring]'", "== [", ("Write anchor != single.",)),
    Broken("is", PITCH, "when: anchor is double", "is double", ("'is' is no part", "Write anchor == double.")),
    Broken("is not", PITCH, "when: anchor is not double", "is not", ("Write anchor != double.",)),
    Broken("not", PITCH, "when: not fins >= 3", "not fins", ("Write fins < 3.",)),
    Broken("if", PITCH, "when: if fins >= 3", "if fins", ("Leave 'if' out.",)),
    Broken("parentheses", PITCH, "when: (anchor == double) and (fins >= 3)", "(anchor", ("Write anchor == double without them.",)),
    Broken("itself", PITCH, "when: pitch >= 30 um", "pitch >= 30", ("pitch depends on itself",)),
    Broken("fixed", PITCH, "when: tracked == true", "tracked", ("tracked is fixed", "Name one of length, anchor, radius")),
    Broken("an output", PITCH, "when: stress >= 30 MPa", "stress >= 30", ("stress is an output",)),
    Broken("a unit of another kind", GAP, "when: length >= 3 kg", "3 kg", ("kg", "um")),
    Broken("never", GAP, "when: fins >= 7", "fins >= 7", ("no design has gap: fins >= 7 never holds", "leave gap out")),
    Broken("never, nested", GAP, "when: pitch >= 30 um and anchor == ring", "anchor == ring", ("no design has gap",)),
    Broken("beside value", "range: 0 .. 10 um, when: fins >= 3 and anchor != single", "value: 3 um, when: fins >= 3", "when: fins", ("when goes with",)),
    Broken("required by the oracle", "length: 300 .. 700 um", "length: {range: 300 .. 700 um, when: fins >= 2}", "when: fins >= 2", ("needs length also where fins >= 2 fails", "Give the oracle's input a default, or declare its condition")),
    Broken("another condition than the oracle's", "{range: 5 .. 50 um}", "{range: 5 .. 50 um, when: fins >= 2}", "when: fins >= 2", ("needs radius where anchor == ring", "Write when: anchor == ring.")),
    Broken("needed and not given", "  radius: {range: 5 .. 50 um}\n", "", "parameters:", ("needs radius where anchor == ring", "no value and no range")),
    Broken("never taken", "choices: [single, double, ring]", "value: double", "radius: ", ("takes radius only where anchor == ring, and anchor is double", "Leave radius out")),
    Broken("an objective", "maximize: f", "maximize: f / pitch", "f / pitch", ("names pitch, which exists only where anchor == double", "as an output")),
    Broken("an outcome constraint", "stress <= 300 MPa", "stress <= 3 MPa * pitch / length", "stress <=", ("names pitch",)),
    Broken("through a derived value", "stress <= 300 MPa]", "f <= share * 1 kHz]\nderived: {share: pitch / length}", "f <= share", ("names pitch",)),
    Broken("a baseline with too much", 'tracking: "off"', "baseline: {length: 400 um, anchor: single, pitch: 30 um, fins: 1}", "pitch: 30 um", ("pitch exists only where anchor == double, which fails for this design", "Leave it out")),
    Broken("a baseline with too little", 'tracking: "off"', "baseline: {length: 400 um, anchor: double, fins: 1}", "baseline:", ("this design lacks pitch",)),
]  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in CASES])
def test_a_broken_condition_is_refused_at_its_line(case: Broken):
    case.refused(FILE, campaign)


def test_a_circle_is_refused_at_both_places():
    text = FILE.replace("fins: {range: 1 .. 6}", "fins: {range: 1 .. 6, when: gap >= 1 um}")
    with pytest.raises(CampaignError) as refused:
        campaign(text)
    assert "c.yaml:9:31: " in str(refused.value)
    assert "c.yaml:10:34: " in str(refused.value)
    assert "fins exists only where gap does, and gap exists only where fins does" in str(refused.value)


def test_an_input_that_the_oracle_can_do_without_needs_no_default():
    length = replace(DECLARATION.input("length"), optional=True)
    declaration = replace(DECLARATION, inputs=(length, *DECLARATION.inputs[1:]))
    when = "length: {range: 300 .. 700 um, when: fins >= 2}"
    c = campaign(FILE.replace("length: 300 .. 700 um", when), declaration)
    assert c.inputs_of({"anchor": "single", "fins": 1}, {}) == {"anchor": "single", "fins": 1}
    with pytest.raises(CampaignError, match="needs length, which has no value and no range"):
        text = FILE.replace("  length: 300 .. 700 um\n", "").replace("pitch <= length / 10, ", "")
        campaign(text, declaration)


def test_a_function_says_by_its_default_what_it_can_do_without(tmp_path):
    function = """
from typing import Annotated
from designloop.oracle import Input, Output

def f(n: Annotated[int, Input(lower=1, upper=5)],
      x: Annotated[float, Input(lower=0, upper=1)]DEFAULT) -> Annotated[dict[str, float], Output("y")]:
    return {"y": n if x is None else x}
"""
    text = """
version: 1
name: f
oracle: ./f.py:f
parameters: {n: , x: {when: n >= 3}}
objectives: [minimize: y]
"""
    (tmp_path / "f.py").write_text(function.replace("DEFAULT", " = None"))
    assert loads(text, folder=tmp_path).inputs_of({"n": 1}, {}) == {"n": 1}
    (tmp_path / "f.py").write_text(function.replace("DEFAULT", ""))
    with pytest.raises(CampaignError, match="needs x also where n >= 3 fails"):
        loads(text, folder=tmp_path)
    condition = function.replace("upper=1)", 'upper=1, when="n >= 3")')
    (tmp_path / "f.py").write_text(condition.replace("DEFAULT", ""))
    with pytest.raises(CampaignError, match="takes 'x' only where n >= 3"):
        loads(text, folder=tmp_path)


def test_what_the_oracle_takes_from_a_conditional_value_needs_a_default():
    span = replace(DECLARATION.input("span"), default=None)
    declaration = replace(DECLARATION, inputs=(*(i for i in DECLARATION.inputs if i.name != "span"), span))
    with pytest.raises(CampaignError, match="needs span, and pitch exists only where anchor == double"):
        campaign(FILE + "derived: {span: 2 * pitch}\n", declaration)


def test_a_condition_that_the_oracle_gets_wrong_is_the_oracles():
    radius = replace(DECLARATION.input("radius"), when="anker == ring")
    declaration = replace(DECLARATION, inputs=(*(i for i in DECLARATION.inputs if i is not radius), radius))
    inputs = tuple(radius if i.name == "radius" else i for i in DECLARATION.inputs)
    with pytest.raises(CampaignError, match="The oracle's author has to mend this"):
        campaign(FILE, replace(declaration, inputs=inputs))


TABLE = """\
L,anchor,pitch [um],R,fins,gap,f
400,single,,,2,,20
400,double,30,,2,,21
500,ring,-,12,3,2,22
500,single,40,7,4,,23
"""
COLUMNS = """existing_trials:
  file: t.csv
  columns: {L: length, anchor: anchor, "pitch [um]": pitch, R: radius, fins: fins, gap: gap, f: f}
"""


def existing(tmp_path, table, section=COLUMNS):
    (tmp_path / "t.csv").write_text(table)
    (tmp_path / "c.yaml").write_text(FILE + section)
    return load(tmp_path / "c.yaml", declaration=DECLARATION)


def test_empty_cells_are_right_where_a_design_has_no_such_parameter(tmp_path):
    rows = existing(tmp_path, TABLE).existing
    assert rows[0].parameters == {"length": 400.0, "anchor": "single", "fins": 2}
    assert rows[1].parameters["pitch"] == pytest.approx(0.03)
    assert rows[2].parameters == {"length": 500.0, "anchor": "ring", "radius": 12.0, "fins": 3, "gap": 2.0}


def test_values_of_what_does_not_exist_are_left_out_and_noted(tmp_path):
    c = existing(tmp_path, TABLE)
    assert c.existing[3].parameters == {"length": 500.0, "anchor": "single", "fins": 4}
    assert "t.csv row 5 without pitch, radius" in validate_report(c)


def test_an_empty_cell_of_what_exists_is_refused(tmp_path):
    with pytest.raises(CampaignError, match=r"row 3, column 'pitch \[um\]' is empty"):
        existing(tmp_path, TABLE.replace("400,double,30,", "400,double,,"))


def test_a_column_may_lack_where_no_row_needs_it(tmp_path):
    table = "L,anchor,fins,f\n400,single,2,20\n"
    section = "existing_trials: {file: t.csv, columns: {L: length, anchor: anchor, fins: fins, f: f}}\n"
    assert existing(tmp_path, table, section).existing[0].parameters["anchor"] == "single"
    with pytest.raises(CampaignError, match="row 2, the table says nothing of pitch, which exists where"):
        existing(tmp_path, table.replace("single", "double"), section)
