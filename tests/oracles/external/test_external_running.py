"""One program: what it is told, how it may end, and what stays of it."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time

import psutil
import pytest

from designloop.errors import OracleError
from designloop.oracle import Context, Failed, Infeasible, Result

ECHO = """\
command: [sh, -c, "{script}"]
inputs:
  x: {{unit: um, range: 0 .. 10}}
outputs:
  y: {{json: y.json, unit: nm}}
"""


def shell(script: str, more: str = "") -> str:
    return ECHO.format(script=script.replace('"', '\\"')) + more


TELL = """\
command: ["{{ python }}", -I, -S, tell.py, "{{ names | join(',') }}", "{{ values | join(',') }}"]
needs: [tell.py]
templates: {told.txt: told.j2}
unit_style: "{value}[{unit}]"
inputs:
  length: {name: L, unit: um}
  third: {unit: "1"}
  anchor: {name: atype, map: {single: 1, double: 2}}
  pitch: {name: ap, unit: um, range: 20 .. 80, when: anchor == double}
  holes: {range: 1 .. 9, integer: true, default: 3}
outputs:
  ok: {json: ok.json}
"""
TELL_PY = """\
import json, sys
json.dump(sys.argv[1:], open("argv.json", "w"))
json.dump({"ok": 1}, open("ok.json", "w"))
"""
TOLD = (
    "{{ length }} {{ third }} {{ anchor }} {{ inputs.anchor }} {{ holes }}"
    "{% if pitch is defined %} {{ pitch }}{% endif %}\n"
)


def test_a_program_is_told_every_input_in_its_own_words(make, value, tmp_path):
    oracle = make(TELL, {"tell.py": TELL_PY, "told.j2": TOLD})
    value(oracle, length=480, third=1 / 3, anchor="double", pitch=20.5)
    assert json.loads((tmp_path / "trial/argv.json").read_text()) == [
        "L,third,atype,ap,holes", f"480[um],{1 / 3!r},2,20.5[um],3",
    ]  # fmt: skip
    assert (tmp_path / "trial/told.txt").read_text() == f"480.0 {1 / 3!r} 2 double 3 20.5\n"


def test_an_input_whose_condition_fails_is_told_nowhere(make, value, tmp_path):
    oracle = make(TELL, {"tell.py": TELL_PY, "told.j2": "{{ inputs.pitch is defined }} {{ names | length }}"})
    value(oracle, length=480, third=1, anchor="single", pitch=20)
    assert json.loads((tmp_path / "trial/argv.json").read_text())[0] == "L,third,atype,holes"
    assert (tmp_path / "trial/told.txt").read_text() == "false 4"
    told = json.loads((tmp_path / "trial/parameters.json").read_text())
    assert "pitch" not in told
    assert told["anchor"] == 1


def test_an_input_whose_condition_holds_is_needed(make):
    oracle = make(
        TELL.replace("{{ values", "{{ pitch if pitch is defined }}{{ values"), {"tell.py": "", "told.j2": ""}
    )
    with pytest.raises(OracleError, match="needs a value for 'pitch' um"):
        oracle.evaluate({"length": 480.0, "third": 1.0, "anchor": "double"}, Context())


@pytest.mark.parametrize(
    ("template", "may_lack"),
    [
        ("{% if pitch is defined %}{{ pitch }}{% endif %}", True),
        ("{{ inputs.pitch | default(0) }}{{ names }}", True),
        ("{{ pitch }}", False),
        ("nothing", True),
    ],
)
def test_a_design_may_lack_what_the_templates_can_do_without(make, value, template, may_lack):
    text = TELL.replace(", when: anchor == double", "").replace(", range: 20 .. 80", "")
    oracle = make(text, {"tell.py": TELL_PY, "told.j2": template})
    design = {"length": 480, "third": 1, "anchor": "double"}
    if may_lack:
        assert value(oracle, **design) == {"ok": 1}
    else:
        with pytest.raises(OracleError, match="needs a value for 'pitch'"):
            oracle.evaluate(design, Context())


def test_numbers_arrive_with_every_digit(make, value, tmp_path):
    oracle = make(shell('echo {{ x }} > x.txt; echo "{\\\\"y\\\\": 1}" > y.json'))
    for x in (0.1 + 0.2, 1e-17, 9.999999999999998):
        value(oracle, x=x)
        assert float((tmp_path / "trial/x.txt").read_text()) == x


def test_the_environment_is_small_and_declared(make, value, tmp_path, monkeypatch):
    monkeypatch.setenv("LM_LICENSE_FILE", "27000@host")
    monkeypatch.setenv("MY_SECRET", "hidden")
    more = 'environment: {THREADS: 2, LENGTH: "{{ x }}"}\ninherit: [LM_LICENSE_FILE, NOT_SET]\n'
    oracle = make(shell("env > env.txt; echo '{\"y\": 1}' > y.json", more))
    value(oracle, x=1.5)
    seen = dict(
        line.split("=", 1) for line in (tmp_path / "trial/env.txt").read_text().splitlines() if "=" in line
    )
    assert (seen["THREADS"], seen["LENGTH"], seen["LM_LICENSE_FILE"]) == ("2", "1.5", "27000@host")
    assert "MY_SECRET" not in seen
    assert "NOT_SET" not in seen
    assert "PATH" in seen


def test_standard_input_is_closed(make, value):
    assert value(make(shell("cat; echo '{\"y\": 2}' > y.json")), x=1) == {"y": 2}


@pytest.mark.parametrize(
    ("script", "cause", "reason"),
    [
        ("echo one; echo two >&2; exit 3", "error", r"run: exit status 3; last lines: one \| two"),
        ("kill -SEGV $$", "crash", "run: ended by signal 11"),
        ("true", "invalid", "y: there is no file y.json"),
        ("echo nonsense > y.json", "invalid", r"y \(y.json, key y\): the file is no JSON"),
        ("echo '{}' > y.json", "invalid", "the file has no key y"),
        ("echo '{\"y\": NaN}' > y.json", "invalid", "is nan, not a finite number"),
        ('echo \'{"y": "abc"}\' > y.json', "invalid", "is 'abc', not a number"),
        ("echo '{\"y\": true}' > y.json", "invalid", "is True, not a number"),
        ("mkdir y.json", "invalid", "there is no file y.json"),
        ("mkfifo y.json", "invalid", "there is no file y.json"),
    ],
)
def test_each_way_to_fail_has_its_cause_and_reason(make, ask, script, cause, reason):
    answer = ask(make(shell(script)), x=1)
    assert isinstance(answer, Failed)
    assert answer.cause == cause
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(answer.reason)


def test_a_program_that_is_not_there_is_said(make, ask):
    text = ECHO.replace('[sh, -c, "{script}"]', "[no-such-solver]").format()
    answer = ask(make(text), x=1)
    assert (answer.cause, answer.reason) == (
        "error", "there is no program no-such-solver. Install it, or put its folder into PATH.",
    )  # fmt: skip


def test_good_outputs_are_kept_where_others_are_missing(make, ask):
    more = "  z: {json: y.json, unit: nm}\n"
    answer = ask(make(shell("echo '{\"y\": 4}' > y.json", more)), x=1)
    assert (answer.cause, answer.metrics["y"].value, set(answer.metrics)) == ("partial", 4, {"y"})
    assert "z (y.json, key z): the file has no key z" in answer.reason


def is_gone(pid: int) -> bool:
    """Whether a process ends within a second or so; a zombie has ended."""
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_time_limit_ends_the_whole_tree(make, ask, tmp_path):
    far = "setsid sh -c 'echo $$ > far; exec sleep 100' &"
    script = f"sleep 100 & echo $! > near; {far} echo started; trap '' TERM; sleep 100; sleep 100"
    start = time.perf_counter()
    answer = ask(make(shell(script, "time_limit: 0.5 s\n")), x=1)
    assert answer.cause == "timeout"
    assert "its time limit; last lines: started" in answer.reason
    assert time.perf_counter() - start < 8
    assert is_gone(int((tmp_path / "trial/near").read_text()))
    assert is_gone(int((tmp_path / "trial/far").read_text()))


def test_a_program_that_prints_without_end_is_ended(make, ask, monkeypatch):
    monkeypatch.setattr("designloop_oracles.external.running.LARGEST", 10_000)
    monkeypatch.setattr("designloop_oracles.external.judging.LARGEST", 2_000_000)
    monkeypatch.setattr("designloop_oracles.external.running._LOOK", 0.05)
    answer = ask(make(shell("yes")), x=1)
    assert (answer.cause, answer.reason) == ("error", "run: ended, having printed more than 2 MB.")


def test_a_template_that_fails_says_its_line(make, ask):
    text = shell("true") + "templates: {deck.txt: deck.j2}\n"
    answer = ask(make(text, {"deck.j2": "X\n{{ 1 / (x - 1) }}\n"}), x=1)
    assert answer.reason == "deck.j2:2: the template failed: ZeroDivisionError: float division by zero."


def test_what_a_program_leaves_running_is_ended(make, value, tmp_path):
    value(make(shell("sleep 100 & echo $! > child; echo '{\"y\": 1}' > y.json")), x=1)
    assert is_gone(int((tmp_path / "trial/child").read_text()))


def test_a_program_whose_worker_was_killed_is_ended_before_another_begins(make, ask, tmp_path):
    text = shell("if [ -e again ]; then echo '{\"y\": 1}' > y.json; else touch again; exec sleep 300; fi")
    oracle = make(text)
    code = (
        "import pickle, sys; from pathlib import Path; from designloop.oracle import Context\n"
        "pickle.load(open(sys.argv[1], 'rb')).evaluate({'x': 1.0}, Context(directory=Path(sys.argv[2])))"
    )
    (tmp_path / "oracle").write_bytes(pickle.dumps(oracle))
    trial = tmp_path / "trial"
    worker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "oracle"), str(trial)])
    until = time.monotonic() + 30
    while not (trial / "again").exists() or not (trial / "running.json").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    worker.kill()
    worker.wait()
    left = psutil.Process(json.loads((trial / "running.json").read_text())["pid"])
    assert left.is_running()
    assert isinstance(ask(oracle, x=1), Result)
    assert is_gone(left.pid)
    assert not (trial / "running.json").exists()


FAILURES = """
failures:
  - {log: "Could not obtain licen[cs]e", is: wait, retry_every: 10 min, counts: false}
  - {log: "^Failed to mesh", is: infeasible}
  - {exit: 7, is: retry}
  - {file: solver.out, log: "negative volume", is: guard}
  - {missing: alive, is: error}
"""


@pytest.mark.parametrize(
    ("script", "cause", "reason"),
    [
        ("touch alive; echo ERROR: Could not obtain license for X; exit 1", "wait",
         "run: the log says 'ERROR: Could not obtain license for X'."),
        ("touch alive; exit 7", "lost", "run: exit status 7."),
        ("touch alive; echo negative volume > solver.out", "guard",
         "run: solver.out says 'negative volume'."),
        ("echo dead", "error", "run: ended without the file alive."),
        ("touch alive; exit 2", "error", "run: exit status 2; it printed nothing."),
    ],
)  # fmt: skip
def test_known_failures_mean_what_is_declared(make, ask, script, cause, reason):
    answer = ask(make(shell(script, FAILURES)), x=1)
    assert isinstance(answer, Failed)
    assert (answer.cause, answer.reason) == (cause, reason)
    assert answer.retry_after == (600 if cause == "wait" else None)


def test_a_known_failure_may_be_an_answer(make, ask):
    answer = ask(make(shell("touch alive; echo Failed to mesh", FAILURES)), x=1)
    assert isinstance(answer, Infeasible)
    assert answer.reason == "run: the log says 'Failed to mesh'."


def test_a_licence_that_never_comes_is_a_wait_not_a_timeout(make, ask):
    script = "touch alive; echo Could not obtain license; sleep 60"
    assert ask(make(shell(script, FAILURES + "time_limit: 0.3 s\n")), x=1).cause == "wait"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo Converged > f; exit 0", "the log does not say 'Converged'"),
        ("echo Converged; echo '*** ERROR 12'", r"the log says '\*\*\* ERROR 12'"),
        ("echo Converged; exit 1", "exit status 1"),
        ("echo Converged; exit 5", "ended without the file f"),
    ],
)
def test_success_is_what_is_declared(make, ask, script, reason):
    more = 'success: {exit: [0, 5], files: [f], log: Converged, log_without: "ERROR"}\n'
    answer = ask(make(shell(script, more)), x=1)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(answer.reason)
    fine = ask(make(shell("echo Converged; touch f; echo '{\"y\": 1}' > y.json; exit 5", more)), x=1)
    assert isinstance(fine, Result)


@pytest.mark.parametrize(("y", "holds"), [(-1, False), (0, False), (1, True), (2000, True), (2001, False)])
def test_an_answer_that_breaks_a_guard_is_no_answer(make, ask, y, holds):
    answer = ask(make(shell(f"echo '{{\"y\": {y}}}' > y.json", 'guards: ["y > 0", "y <= 2 um"]\n')), x=1)
    assert isinstance(answer, Result) == holds
    if not holds:
        assert answer.cause == "guard"
        assert answer.metrics["y"].value == y


KEPT = """
needs: [susp.mph]
keep: [y.json, "*.png"]
templates: {in.txt: in.j2}
"""


def test_only_what_is_named_stays(make, value, tmp_path):
    script = "mkdir -p sub/deep; touch big.mph sub/a.png sub/deep/b.tmp c.png; echo '{\"y\": 1}' > y.json"
    trial = tmp_path / "trial"
    trial.mkdir()
    (trial / "output.txt").write_text("of the worker")
    value(make(shell(script, KEPT), {"susp.mph": "large", "in.j2": "{{ x }}"}), x=1)
    left = sorted(str(p.relative_to(trial)) for p in trial.rglob("*") if p.is_file())
    logs = ["exit.json", "in.txt", "output.txt", "parameters.json", "run.log"]
    assert left == sorted([*logs, "c.png", "sub/a.png", "y.json"])
    assert not (trial / "sub/deep").exists()


def test_results_of_an_earlier_attempt_are_not_taken_for_those_of_this_one(make, ask, tmp_path):
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial/y.json").write_text('{"y": 99}')
    assert ask(make(shell("true")), x=1).cause == "invalid"


def test_what_was_staged_is_recorded_with_its_checksum(make, ask, tmp_path):
    import hashlib

    text = shell("cat data/a.txt; echo '{\"y\": 1}' > y.json", "needs: [data, b.txt]\n")
    answer = ask(make(text, {"data/a.txt": "A", "data/more/c.txt": "C", "b.txt": "B"}), x=1)
    sums = {name: hashlib.sha256(t.encode()).hexdigest() for name, t in
            {"data/a.txt": "A", "data/more/c.txt": "C", "b.txt": "B"}.items()}  # fmt: skip
    assert answer.notes["staged"] == sums
    assert (tmp_path / "trial/run.log").read_text() == "A"


def test_a_linked_file_is_read_where_it_lies_and_must_not_change(make, ask, tmp_path):
    text = shell("readlink big.dat; echo '{\"y\": 1}' > y.json", "link: [big.dat]\n")
    assert isinstance(ask(make(text, {"big.dat": "B"}), x=1), Result)
    assert (tmp_path / "trial/run.log").read_text().strip() == str(tmp_path / "beam/big.dat")
    assert not (tmp_path / "trial/big.dat").is_symlink()
    changed = ask(make(text.replace("readlink", "echo more >>"), {"big.dat": "B"}), x=1)
    assert "the program changed big.dat" in changed.reason


def test_a_seed_reaches_the_program_and_a_fidelity_too(make, tmp_path):
    more = "stochastic: true\nfidelities: {coarse: {settings: {x: 2 um}, cost: 1 min}}\n"
    oracle = make(shell("echo '{\"y\": {{ seed }}}' > y.json; echo {{ fidelity }}", more))
    assert oracle.declaration.fidelity("coarse").cost == 60
    first, again, other = (
        oracle.evaluate({"x": 2.0}, Context(seed=s, fidelity="coarse", directory=tmp_path / "t"))
        .metrics["y"]
        .value
        for s in (2**40 + 5, 2**40 + 5, 6)
    )
    assert first == again == (2**40 + 5) % 2**31
    assert other == 6
    assert (tmp_path / "t/run.log").read_text() == "coarse\n"


def test_without_a_folder_nothing_stays(make, monkeypatch, tmp_path):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    oracle = make(shell("echo '{\"y\": 1}' > y.json"))
    assert oracle.evaluate({"x": 1.0}, Context()).metrics["y"].value == 1
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.parametrize(
    ("design", "sentence"),
    [
        ({}, "needs a value for 'x' um"),
        ({"x": 11.0}, "it answers from 0 um to 10 um only|0 to 10|from 0"),
        ({"x": 1.0, "z": 1.0}, "has no input 'z'"),
        ({"x": "1"}, "not a number"),
    ],
)
def test_a_design_that_is_none_is_refused(make, design, sentence):
    with pytest.raises(OracleError, match=sentence):
        make(shell("true")).evaluate(design, Context())


COUNT = shell("echo run >> {{ directory }}/../count; echo '{\"y\": {{ x }}}' > y.json")


def test_an_equal_question_is_not_asked_twice(make, ask, tmp_path):
    oracle, answers = make(COUNT), tmp_path / "answers"
    first, second, other = (ask(oracle, x=x, answers=answers) for x in (1, 1, 2))
    assert (first.notes["cached"], second.notes["cached"], other.notes["cached"]) == (False, True, False)
    assert second.metrics == first.metrics
    assert second.notes["folder"] == "trial"
    assert (tmp_path / "count").read_text().split() == ["run", "run"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t + "cache: false\n", id="switched off"),
        pytest.param(
            lambda t: t.replace("echo run", "echo {{ seed }}") + "stochastic: true\n", id="stochastic"
        ),
    ],
)
def test_a_cache_may_be_off(make, ask, tmp_path, change):
    oracle = make(change(COUNT))
    for _ in range(2):
        assert ask(oracle, x=1, answers=tmp_path / "answers").notes["cached"] is False
    assert len((tmp_path / "count").read_text().split()) == 2


def test_an_edited_file_or_declaration_is_asked_again_and_failures_are_not_kept(make, ask, tmp_path):
    text = COUNT + "needs: [data]\n"
    answers = tmp_path / "answers"
    for files in ({"data": "1"}, {"data": "2"}):
        assert not ask(make(text, files), x=1, answers=answers).notes["cached"]
    assert not ask(make(text.replace("nm", "um")), x=1, answers=answers).notes["cached"]
    failing = make(shell("exit 1"))
    assert [ask(failing, x=1, answers=answers).notes["cached"] for _ in range(2)] == [False, False]


def test_an_infeasible_answer_and_a_torn_file_of_the_cache(make, ask, tmp_path):
    answers = tmp_path / "answers"
    oracle = make(shell("touch alive; echo Failed to mesh", FAILURES))
    kept = [ask(oracle, x=1, answers=answers) for _ in range(2)]
    assert [type(a) for a in kept] == [Infeasible, Infeasible]
    assert [a.notes["cached"] for a in kept] == [False, True]
    (file,) = (answers / "external").iterdir()
    file.write_text(file.read_text()[:10])
    assert ask(oracle, x=1, answers=answers).notes["cached"] is False


STAGED = """
inputs: {x: {unit: um, range: 1 .. 9 um}}
outputs: {y: {table: model/res.txt, column: 1, unit: um}}
needs: [model]
command: [sh, -c, "SCRIPT"]
"""


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("true", "res.txt is as it was before: the program did not write it"),
        ("echo 7 > model/res.txt", None),
    ],
)
def test_a_result_that_was_staged_is_no_answer(make, ask, script, reason):
    oracle = make(STAGED.replace("SCRIPT", script), {"model/res.txt": "42\n"})
    answer = ask(oracle, x=2.0)
    if reason is None:
        assert answer.metrics["y"].value == 7.0
    else:
        assert answer.cause == "invalid"
        assert reason in answer.reason
