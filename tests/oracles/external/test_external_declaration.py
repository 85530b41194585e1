"""An oracle.yml is read strictly: what can be wrong is said before the first run, with its place."""

from __future__ import annotations

import pickle
import re
import shutil

import pytest

from designloop.errors import OracleError

GOOD = """\
command: [sh, run.sh, "{{ length }}"]
needs: [run.sh]
inputs:
  length: {unit: um, range: 0.1 .. 0.8 mm}
  gas: {choices: [air, vacuum], default: air}
  holes: {range: 1 .. 5, integer: true, default: 2}
outputs:
  mass: {json: out.json, unit: ug, file_unit: mg}
"""


def test_inputs_and_outputs_are_declared_in_their_units(make):
    declared = make(GOOD, {"run.sh": ""}).declaration
    length, gas, holes = declared.inputs
    assert (length.lower, length.upper, length.unit) == (100, 800, "um")
    assert (gas.choices, gas.default) == (("air", "vacuum"), "air")
    assert (holes.integer, holes.default) == (True, 2)
    assert declared.name == "beam"
    assert declared.output("mass").unit == "ug"


def test_without_a_unit_that_of_the_range_counts(make):
    text = GOOD.replace("unit: um, ", "")
    assert make(text, {"run.sh": ""}).declaration.input("length").unit == "mm"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("needs:", "need:", r"oracle.yml:2:1: need is no key\. Did you mean needs\?"),
        ("unit: um", "unit: uM", r":4:18: .*um"),
        ("outputs:", "outputs: {}\nother:", "outputs is empty"),
        ("command:", "commands:", "command"),
        ("unit: ug", "unit: Hz", r"mg in the file cannot be converted to Hz\. Write units of one kind"),
        ("json: out.json", "jason: out.json", "jason is no key of mass. Did you mean json"),
        ("json: out.json", "unit: g", "stands here again"),
        ("json: out.json", "json: ../out.json", "leads out of the folder"),
        ("json: out.json", "json: /out.json", "does not stay in the folder"),
        ("json: out.json", "json: C:/out.json", "does not stay in the folder"),
        ("json: out.json", 'json: "-rf"', "taken for an option"),
        ("json: out.json", "json: out.json, csv: out.csv", "json and csv exclude each other"),
        ("json: out.json", "json: out.json, column: 2", "column does not go with json"),
        ("json: out.json", 'json: out.json, key: "a["', "is no path to a number"),
        ("json: out.json", "text: log.txt", "the key pattern is missing"),
        ("json: out.json", "text: log.txt, pattern: '[0-9'", "is no regular expression"),
        ("json: out.json", "text: log.txt, pattern: '([0-9])([0-9])'", "has 2 groups"),
        ("json: out.json", "table: t.txt, column: 0", "columns count from 1"),
        ("json: out.json", "json: out.json, largest: 12", "not the size of a file"),
        ("json: out.json", "json: out.json, reduce: max", "run runs once"),
        ("json: out.json", "json: out.json, sem: -2 %", ":8:31: sem is -2 %. A share is a distance: write 2"),
        ("json: out.json", "json: out.json, lower: 3", "lower is 3, without a unit. Write 3 ug"),
        ("json: out.json", "json: out.json, sem: 3 um", "sem: 'um' cannot be converted.*number in ug"),
        ("json: out.json", "json: out.json, sem: -3 ug", "sem is -3 ug, below zero"),
        ("json: out.json", "json: out.json, sem: {colum: a}", "colum is no key of sem. Did you mean column"),
        ("json: out.json", "json: out.json, sem: {column: a}", "column does not go with json"),
        ("json: out.json", "json: out.json, sem: {json: ../a}", "'../a' leads out of the folder"),
        ("json: out.json", "json: out.json, sem: {unit: ug}", "sem has the unit of its output"),
        ("json: out.json", "json: out.json, sem: 'a['", "is no path to a number"),
        ("json: out.json", "json: out.json, sem: [1]", "not a number with a unit"),
        ("json: out.json", "table: t.txt, sem: 2", r"sem: 2 may be a column or a number\. Write {column: 2}"),
        ("unit: ug, file_unit: mg", "unit: degC, sem: 2 %", "a value in degC may be meant in two ways"),
        ("mass:", "length:", "length is the name of an input"),
        ("  length:", "  le ngth:", "'le ngth' cannot name an input"),
        ("  length:", "  seed:", "seed means something else in a template"),
        ("[run.sh]", "[rum.sh]", r"oracle.yml:2:9: there is no rum\.sh beside oracle\.yml"),
        ("[run.sh]", "[../run.sh]", "leads out of the folder"),
        ("[run.sh]", "[run.sh, run.sh]", "run.sh comes from two places"),
        ("{{ length }}", "{{ lenght }}", "asks for lenght, .* Did you mean length"),
        ("{{ length }}", "{{ inputs.lenght }}", r"asks for inputs\.lenght, .* Did you mean length"),
        ("{{ length }}", "{{ length", "the template is broken"),
        ("{{ length }}", "{{ seed }}", r"asks for seed, .*Write stochastic: true"),
        ("{{ length }}", "{% include '/etc/passwd' %}", "a template stands alone"),
        ("0.1 .. 0.8 mm", "0.1 .. 0.8 MPa", "cannot be converted"),
        ("0.1 .. 0.8 mm", "1 .. 1,5 mm", "1,5|comma"),
        ("default: air", "default: water", r"'water' is not a choice of gas\. Choices are: air, vacuum"),
        ("default: 2", "default: 2.5", "no whole number of holes"),
        ("default: 2", "default: 9", r"outside the range of holes\. Choose another, within 1 \.\. 5\."),
        ("default: 2", "default: 2, when: gas == water", "water"),
        ("default: 2", "default: 2, when: gasp == air", "gasp"),
        ("default: 2", "default: 010", "begins with a zero"),
        ("needs:", "time_limit: 90\nneeds:", "90 has no unit. Write for example 90 min"),
        ("needs:", "time_limit: 90 um\nneeds:", "is not a time"),
        ("needs:", "guards: [mass > 0 Hz]\nneeds:", "guards|mass"),
        ("needs:", "guards: [mast > 0]\nneeds:", "mast"),
        ("needs:", "keep: [../*]\nneeds:", "leads out"),
        ('[sh, run.sh, "{{ length }}"]', "sh run.sh a{{ length }}", "Write .sh, run.sh, .a{{ length }}.."),
        ("needs:", "licences: {comsol: 0}\nneeds:", "comsol must be at least 1, not 0"),
        ("needs:", "licences: comsol\nneeds:", r"licences must be a mapping, not 'comsol'\. .*{comsol: 2}"),
        ("needs:", "version: 1+2\nneeds:", "a version holds no"),
        ("needs:", "unit_style: um\nneeds:", "names no {value}"),
        ("needs:", "environment: {a b: 1}\nneeds:", "names no variable"),
        ("needs:", "failures: [{is: wait}]\nneeds:", "has no sign"),
        ("needs:", "failures: [{log: a, exit: 1, is: wait}]\nneeds:", "has one sign"),
        ("needs:", "failures: [{log: a, is: pause}]\nneeds:", "is cannot be 'pause'"),
        ("needs:", "failures: [{log: a, is: error, retry_every: 1 min}]\nneeds:", "goes with is: wait only"),
        ("needs:", "failures: [{log: a, is: error, counts: false}]\nneeds:", "execution.failures"),
        ("needs:", "fidelities: {a: {settings: {lenght: 1}}}\nneeds:", "lenght is no input"),
        ("needs:", "templates: {a.txt: b.j2}\nneeds:", "there is no template b.j2 beside oracle.yml"),
        ("needs:", "templates: {exit.json: b.j2}\nneeds:", "exit.json is written by designloop"),
        ("needs:", "steps: [{name: a, command: [b]}]\nneeds:", "command and steps exclude each other"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_at_its_place(make, old, new, sentence):
    assert GOOD.count(old) >= 1
    with pytest.raises(OracleError, match=sentence) as caught:
        make(GOOD.replace(old, new, 1), {"run.sh": ""})
    assert "Traceback" not in str(caught.value)
    assert "oracle.yml:" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"unit: um": "unit: uM", "json: out.json": "jason: out.json"},
        {"out.json": "../out.json", "{{ length": "{{ lenght", "[run.sh]": "[rum.sh]"},
        {"0.8 mm": "0.8 MPa", "file_unit: mg}": "file_unit: s}\nguards: [mass > 0 ug, length > 1 um]"},
    ],
    ids=["form", "sense", "nothing that follows from another"],
)
def test_every_mistake_of_a_kind_is_said_at_once(make, changes):
    text = GOOD
    for old, new in changes.items():
        text = text.replace(old, new)
    with pytest.raises(OracleError) as caught:
        make(text, {"run.sh": ""})
    assert len(re.findall(r"oracle\.yml:\d+:\d+: ", str(caught.value))) == len(changes)


def test_a_fault_of_a_template_file_has_the_line_of_that_file(make):
    text = GOOD.replace("needs:", "templates: {in.txt: in.j2}\nneeds:")
    with pytest.raises(OracleError, match=r"beam/in\.j2:3: the template asks for widht") as caught:
        make(text, {"run.sh": "", "in.j2": "# input\nL = {{ length }}\nw = {{ widht }}\n"})
    assert "Known values" in str(caught.value)


def test_an_input_that_may_not_exist_is_used_behind_a_question(make):
    text = GOOD.replace("default: 2", "when: gas == air")
    with pytest.raises(OracleError, match=r"'holes' is undefined.*\{% if NAME is defined %\}"):
        make(text.replace("{{ length }}", "{{ holes }}"), {"run.sh": ""})
    make(text.replace("{{ length }}", "{% if holes is defined %}{{ holes }}{% endif %}"), {"run.sh": ""})


def test_yaml_bombs_are_refused(make):
    levels = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    levels += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefg", "bcdefgh", strict=True)]
    with pytest.raises(OracleError, match="aliases blow this file up"):
        make("\n".join(levels))
    with pytest.raises(OracleError, match="nested more than"):
        make("a: " + "[" * 100 + "]" * 100)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"oracle\.yml:1:1: the file is empty\. An oracle\.yml begins with inputs"),
        ("- a", r"an oracle\.yml is a mapping of keys to values"),
        ("inputs: {a: {}}\ninputs: {}", "the key inputs stands here again"),
        ("inputs: !!python/object:os.system {}", "tags such as"),
        ("inputs:\n\ta: {}", "YAML indents with spaces"),
    ],
)
def test_what_is_no_oracle_yml_is_refused(make, text, sentence):
    with pytest.raises(OracleError, match=sentence):
        make(text)


def test_a_missing_file_is_said(tmp_path):
    from designloop.discovery import find

    with pytest.raises(OracleError, match=r"there is no file .*/comsol/oracle\.yml"):
        find("./comsol/oracle.yml", folder=tmp_path)
    with pytest.raises(OracleError, match=r"has no options; remove 'a'"):
        find("./comsol/oracle.yml", folder=tmp_path, options={"a": 1})


def test_the_version_changes_with_what_decides_the_answer_and_with_nothing_else(make):
    files = {"run.sh": "one"}
    version = make(GOOD, files).declaration.version
    assert version.startswith("1-")
    assert make(GOOD + "time_limit: 5 min\nkeep: [a]\n", files).declaration.version == version
    described = GOOD.replace("unit: um,", "unit: um, description: of the beam,")
    assert make(described, files).declaration.version == version
    assert make(GOOD.replace("0.8", "0.9"), files).declaration.version != version
    assert make(GOOD, {"run.sh": "two"}).declaration.version != version


def test_a_run_goes_on_with_the_declaration_that_it_began_with_only(make, tmp_path):
    from designloop.discovery import find

    version = make(GOOD, {"run.sh": ""}).declaration.version
    assert find("oracle.yml", folder=tmp_path / "beam", version=version).declaration.version == version
    make(GOOD.replace("0.8", "0.9"), {})
    with pytest.raises(OracleError, match="has changed since the run began"):
        find("oracle.yml", folder=tmp_path / "beam", version=version)


def test_it_pickles_with_its_content(make, tmp_path):
    oracle = make(GOOD, {"run.sh": ""})
    packed = pickle.dumps(oracle)
    shutil.rmtree(tmp_path / "beam")
    assert pickle.loads(packed).declaration == oracle.declaration
