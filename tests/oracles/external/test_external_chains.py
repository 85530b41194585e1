"""Several programs in a row: files and values handed on, conditions, and one run per item."""

from __future__ import annotations

import json
import re

import pytest

from designloop.errors import OracleError
from designloop.oracle import Failed, Infeasible, Observation, Result

SCREEN = """\
inputs:
  x: {unit: um, range: 0 .. 10}
  way: {choices: [quick, thorough], default: thorough}
steps:
  - name: screen
    command: ["{{ python }}", -I, -S, screen.py, "{{ x }}"]
    needs: [screen.py]
    makes: [screen.json]
    read:
      best: {json: screen.json}
      angles: {json: screen.json}
      width: {json: screen.json, unit: um, file_unit: nm}
  - name: refine
    command: ["{{ python }}", -I, -S, refine.py]
    needs: [refine.py, screen/screen.json]
    templates: {refine.txt: refine.j2}
    when: [way == thorough, width >= 1 um]
outputs:
  screened: {json: screen/screen.json, key: best, unit: eV}
  energy: {json: refine/refine.json, unit: eV, otherwise: screened}
"""
FILES = {
    "screen.py": """\
        import json, sys
        x = float(sys.argv[1])
        found = {"best": 3 * x, "screened": 1, "angles": [1, 2.5], "width": 1000 * x}
        json.dump(found, open("screen.json", "w"))
    """,
    "refine.py": """\
        import json
        best = float(open("refine.txt").read())
        assert json.load(open("screen.json"))["best"] == best
        json.dump({"energy": best + 0.5}, open("refine.json", "w"))
    """,
    "refine.j2": "{{ best }}",
}


def test_a_screen_comes_before_what_is_dear(make, ask, tmp_path):
    answer = ask(make(SCREEN, FILES), x=2)
    assert {n: o.value for n, o in answer.metrics.items()} == {"screened": 6, "energy": 6.5}
    assert answer.notes["read"] == {"best": 6.0, "angles": [1, 2.5], "width": 2.0}
    assert [s["step"] for s in answer.notes["steps"]] == ["screen", "refine"]
    assert (tmp_path / "trial/refine/refine.txt").read_text() == "6.0"


@pytest.mark.parametrize("design", [{"x": 2, "way": "quick"}, {"x": 0.5}])
def test_a_step_runs_only_where_its_conditions_hold(make, ask, tmp_path, design):
    answer = ask(make(SCREEN, FILES), **design)
    assert answer.metrics["energy"] == answer.metrics["screened"]
    assert answer.notes["steps"][-1] == {"step": "refine", "skipped": True}
    assert not (tmp_path / "trial/refine").exists()


def test_a_condition_may_be_the_answer(make, ask):
    text = SCREEN.replace("when:", "otherwise: infeasible\n    when:").replace(", otherwise: screened", "")
    answer = ask(make(text, FILES), x=0.5)
    assert isinstance(answer, Infeasible)
    assert answer.reason == "refine: width >= 1 um does not hold."
    assert answer.metrics["screened"].value == 1.5


LOADS = """\
inputs:
  x: {unit: um, range: 0 .. 10}
steps:
  - name: mesh
    command: [sh, -c, "echo {{ x }} > mesh.dat"]
    makes: [mesh.dat]
  - name: load
    each: {case: ITEMS}
    command: ["{{ python }}", -I, -S, load.py, "{{ case }}"]
    needs: [load.py, mesh/mesh.dat]
    makes: [out.json]
    read:
      forces: {json: out.json, key: force}
  - name: gather
    command: ["{{ python }}", -I, -S, gather.py]
    needs: [gather.py, load/out.json]
    templates: {forces.json: forces.j2}
outputs:
  worst: {json: load/out.json, key: force, unit: uN, reduce: max}
  least: {json: load/out.json, key: force, unit: uN, reduce: min}
  mean: {json: load/out.json, key: force, unit: uN, reduce: mean}
  total: {json: load/out.json, key: force, unit: uN, reduce: sum}
  gathered: {json: gather/all.json, key: sum, unit: uN}
"""
LOAD_FILES = {
    "load.py": """\
        import json, sys
        x = float(open("mesh.dat").read())
        json.dump({"force": x * float(sys.argv[1])}, open("out.json", "w"))
    """,
    "gather.py": """\
        import glob, json
        forces = [json.load(open(name))["force"] for name in sorted(glob.glob("load/*/out.json"))]
        assert forces == json.load(open("forces.json"))
        json.dump({"sum": sum(forces)}, open("all.json", "w"))
    """,
    "forces.j2": "{{ forces | tojson }}",
}


@pytest.mark.parametrize(("items", "factors"), [("1 .. 4", [1, 2, 3, 4]), ("[0.5, 2]", [0.5, 2])])
def test_a_step_runs_once_per_item_and_is_gathered(make, value, tmp_path, items, factors):
    numbers = value(make(LOADS.replace("ITEMS", items), LOAD_FILES), x=3)
    forces = [3 * f for f in factors]
    assert numbers == {
        "worst": max(forces), "least": min(forces), "mean": sum(forces) / len(forces),
        "total": sum(forces), "gathered": sum(forces),
    }  # fmt: skip
    assert sorted(p.name for p in (tmp_path / "trial/load").iterdir()) == [
        str(k + 1) for k in range(len(factors))
    ]


def test_errors_of_many_items_become_one(make, ask):
    text = LOADS.replace("ITEMS", "[1, 3]")
    for how, said in (("max", "lower: 1 uN, upper: 10 %"), ("mean", "sem: 2 uN"), ("sum", "sem: {key: e}")):
        text = text.replace(f"unit: uN, reduce: {how}", f"unit: uN, reduce: {how}, {said}")
    files = {**LOAD_FILES, "load.py": LOAD_FILES["load.py"].replace(".dump({", '.dump({"e": x, ')}
    found = ask(make(text, files), x=3).metrics
    assert found["worst"] == Observation(value=9, lower=1, upper=pytest.approx(9.9))
    assert found["mean"] == Observation(value=6, sem=pytest.approx(2 / 2**0.5))
    assert found["total"] == Observation(value=12, sem=pytest.approx(3 * 2**0.5))
    with pytest.raises(OracleError, match="the max of several values has no standard error of its own"):
        make(text.replace("lower: 1 uN", "sem: 1 uN"), files)
    with pytest.raises(OracleError, match=r"'mesh/e.json' is no file of the step load.*Write load/FILE"):
        make(text.replace("sem: {key: e}", "sem: {json: mesh/e.json}"), files)


def test_items_may_come_from_an_earlier_step(make, value):
    text = SCREEN.replace("  - name: refine\n", "  - name: refine\n    each: {angle: angles}\n")
    text = text.replace("otherwise: screened", "otherwise: screened, reduce: sum").replace(
        "refine.py]", 'refine.py, "{{ angle }}"]', 1
    )
    files = {
        **FILES,
        "refine.py": "import json, sys\njson.dump({'energy': float(sys.argv[1])}, open('refine.json', 'w'))",
    }
    assert value(make(text, files), x=2)["energy"] == 3.5


def test_one_item_that_fails_fails_the_evaluation(make, ask):
    text = LOADS.replace("ITEMS", "[1, none, 3]")
    answer = ask(make(text, LOAD_FILES), x=3)
    assert isinstance(answer, Failed)
    assert answer.reason.startswith("load: exit status 1; last lines: ")
    assert [s.get("case") for s in answer.notes["steps"]] == [None, 1, "none"]


def test_a_second_attempt_begins_with_empty_folders(make, ask, tmp_path):
    oracle = make(LOADS.replace("ITEMS", "1 .. 2"), LOAD_FILES)
    (tmp_path / "trial/load/9").mkdir(parents=True)
    (tmp_path / "trial/load/9/out.json").write_text('{"force": 1e9}')
    assert isinstance(ask(oracle, x=1), Result)
    assert not (tmp_path / "trial/load/9").exists()


def test_the_time_limit_is_that_of_the_whole_chain(make, ask):
    text = LOADS.replace("ITEMS", "1 .. 3") + "time_limit: 0.6 s\n"
    files = {
        **LOAD_FILES,
        "load.py": "import time, json\ntime.sleep(0.35)\njson.dump({'force': 1}, open('out.json', 'w'))",
    }
    answer = ask(make(text, files), x=1)
    assert (answer.cause, "load: stopped after" in answer.reason) == ("timeout", True)


def test_a_list_of_items_that_is_none_is_said(make, ask):
    text = SCREEN.replace("  - name: refine\n", "  - name: refine\n    each: {angle: best}\n")
    answer = ask(make(text.replace("otherwise: screened", "otherwise: screened, reduce: sum"), FILES), x=2)
    assert answer.reason == "refine: best is 6.0, not a list of items."


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ("list(range(10001))", "refine: angles has 10,001 items, more than 10,000."),
        ("'x' * 10001", "angles (screen/screen.json, key angles) is text of 10,001 characters"),
        ("{'a': 1}", "angles (screen/screen.json, key angles) is no number, text or list of such"),
        ("[[1], [2]]", "is no number, text or list of such"),
        ("[1, float('nan')]", "is nan, not a finite number"),
    ],
)
def test_what_a_step_hands_on_has_limits(make, ask, found, reason):
    text = SCREEN.replace("  - name: refine\n", "  - name: refine\n    each: {angle: angles}\n")
    files = {**FILES, "screen.py": FILES["screen.py"].replace("[1, 2.5]", found)}
    answer = ask(make(text.replace("otherwise: screened", "otherwise: screened, reduce: sum"), files), x=2)
    assert reason in answer.reason
    assert answer.cause == "invalid"


def test_the_record_stays_short_however_many_items_there_are(make, ask):
    text = LOADS.replace("ITEMS", "1 .. 120").replace("load.py]", "load.sh]")
    text = re.sub(r"command: .*load\.py.*", "command: [sh, load.sh]", text).replace("load.py", "load.sh")
    files = {**LOAD_FILES, "load.sh": "echo '{\"force\": 1}' > out.json"}
    notes = ask(make(text, files), x=3).notes
    assert (len(notes["steps"]), notes["runs"]) == (100, 122)
    assert "forces" not in notes.get("read", {})


@pytest.mark.parametrize(
    ("text", "old", "new", "sentence"),
    [
        (SCREEN, "screen/screen.json]", "screen/other.json]", "screen does not say that it makes other.json"),
        (SCREEN, "[screen.py]", "[screen.py, refine/out]", "refine runs later than this step.*in a circle"),
        (SCREEN, "[screen.py]", "[screen.py, screen/out]", "screen runs later than .*, or is this step"),
        (SCREEN, "name: refine", "name: screen", "there are two steps screen"),
        (SCREEN, "name: refine", "name: re/fine", "cannot name a step"),
        (SCREEN, ", otherwise: screened", "", "energy has no value where the step refine does not run"),
        (SCREEN, "otherwise: screened", "otherwise: width", "width|number"),
        (SCREEN, "otherwise: screened", "otherwise: 1 um", "cannot be converted"),
        (SCREEN, "json: refine/refine.json", "json: refin/refine.json", "names no step.*Did you mean refine"),
        (SCREEN, "json: refine/refine.json", "json: refine.json", "names no step"),
        (SCREEN, "width >= 1 um", "width >= 1 Hz", "width|Hz"),
        (SCREEN, "width >= 1 um", "energy >= 1", "energy"),
        (SCREEN, "best: {json", "x: {json", "x is the name of another value"),
        (SCREEN, "outputs:", "needs: [a]\noutputs:", "needs does not go with steps"),
        (SCREEN, '"{{ x }}"', '"{{ best }}"', "asks for best, which is no value here"),
        (SCREEN, "outputs:", "failures: [{missing: a, is: error}]\noutputs:", "about one of several steps"),
        (SCREEN, "outputs:", "failures: [{exit: 1, step: a, is: error}]\noutputs:", "there is no step a"),
        (LOADS, "ITEMS", "6 .. 1", "has no item"),
        (LOADS, "ITEMS", "1 .. 999999", "or too many"),
        (LOADS, "ITEMS", "everything", "'everything' is no list"),
        (LOADS, "ITEMS", "[]", "is no list of items"),
        (LOADS, "case: ITEMS", "x: 1 .. 2", "x is the name of another value"),
        (LOADS.replace("ITEMS", "1 .. 2"), ", reduce: max", "", "load runs once per item.*Write reduce"),
    ],
)  # fmt: skip
def test_a_chain_that_cannot_work_is_refused(make, text, old, new, sentence):
    assert old in text
    with pytest.raises(OracleError, match=sentence):
        make(text.replace(old, new, 1), {**FILES, **LOAD_FILES})


def test_every_folder_tells_what_was_run_in_it(make, value, tmp_path):
    value(make(LOADS.replace("ITEMS", "1 .. 2"), LOAD_FILES), x=3)
    folder = tmp_path / "trial/load/2"
    assert json.loads((folder / "parameters.json").read_text())["case"] == 2
    entry = json.loads((folder / "exit.json").read_text())
    assert (entry["command"][-1], entry["status"]) == ("2", 0)
    assert (folder / "load.log").exists()
