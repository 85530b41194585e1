"""Hostile values, file names and programs: nothing of them reaches a shell, an option or another folder."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from designloop.errors import OracleError
from designloop.oracle import Context, Failed
from designloop.reading.problems import Refused
from designloop.reading.writing import block
from designloop_oracles.external import find
from designloop_oracles.external.paths import inside, real_file

HOSTILE = [
    "a b", "'; touch pwned; '", '"; touch pwned; "', "$(touch pwned)", "`touch pwned`", "a\ntouch pwned",
    "| touch pwned", "&& touch pwned", "> pwned", "../../pwned", "/etc/passwd", "{{ 1 + 1 }}", "{% raw %}",
    "*", "~", "%s%n", "\u202eevil", "é\u0301 ü", "\t", " ", "C:\\x", "a\\nb", "$HOME", "=cmd()",
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30),
)
ECHO = """\
import json, os, sys
told = {"argv": sys.argv[1:], "file": open("in.txt", newline="").read(), "env": os.environ["WORD"], "y": 1}
json.dump(told, open("out.json", "w"))
"""


def declared(word: str, other: str) -> str:
    """An oracle.yml whose choices are hostile."""
    return block({
        "inputs": {"word": {"choices": [word, other]}},
        "outputs": {"y": {"json": "out.json"}},
        "command": ["{{ python }}", "-I", "-S", "echo.py", "={{ word }}", ":{{ values | join(' ') }}."],
        "needs": ["echo.py"],
        "templates": {"in.txt": "in.j2"},
        "environment": {"WORD": "{{ word }}"},
        "keep": ["out.json"],
    })  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(TEXTS)
@example("$(touch pwned)")
@example("{{ python }}")
@example("--help")
def test_a_value_arrives_as_it_is_and_nowhere_else(word):
    with tempfile.TemporaryDirectory() as scratch:
        home, trial = Path(scratch, "home"), Path(scratch, "trial")
        home.mkdir()
        (home / "echo.py").write_text(ECHO)
        (home / "in.j2").write_text("{{ word }}")
        (home / "oracle.yml").write_text(declared(word, word + "2"), encoding="utf-8")
        oracle = find("oracle.yml", folder=home, options={})
        before = sorted(os.listdir(home))
        chosen = oracle.declaration.input("word").choices[0]
        assert chosen == word
        oracle.evaluate({"word": chosen}, Context(directory=trial))
        told = json.loads((trial / "out.json").read_text())
        assert told["argv"] == [f"={word}", f":{word}."]
        assert told["file"] == told["env"] == word
        assert sorted(os.listdir(home)) == before
        assert set(os.listdir(scratch)) == {"home", "trial"}
        assert set(os.listdir(trial)) == {"exit.json", "in.txt", "out.json", "parameters.json", "run.log"}


CHOICE = """\
command: [printf, "{{ word }}"]
inputs:
  word: INPUT
outputs:
  y: {text: run.log, pattern: "(.*)"}
"""


@pytest.mark.parametrize("word", ["--help", "-rf", "-"])
def test_a_value_cannot_become_an_option(make, ask, word):
    answer = ask(make(CHOICE.replace("INPUT", f'{{choices: ["{word}", b]}}')), word=word)
    assert isinstance(answer, Failed)
    assert f"the value '{word}' would be taken for an option" in answer.reason


@pytest.mark.parametrize(
    ("declared", "word", "told"),
    [("{range: -1 .. 1}", -0.5, "-0.5"), ('{map: {fast: "--fast", slow: "2"}}', "fast", "--fast")],
)
def test_a_negative_number_and_a_declared_option_pass(make, ask, tmp_path, declared, word, told):
    text = CHOICE.replace("INPUT", declared).replace("printf", "echo")
    ask(make(text), word=word)
    assert (tmp_path / "trial/run.log").read_text().strip() == told


def test_a_value_read_from_a_file_cannot_become_an_option(make, ask):
    text = """\
        inputs:
          x: {range: 0 .. 1}
        steps:
          - name: a
            command: [sh, -c, "echo {{ x }} --help > a.txt"]
            read: {word: {text: a.txt, pattern: " (.*)"}}
          - {name: b, command: [echo, "{{ word }}"]}
        outputs:
          y: {text: b/b.log, pattern: "(.*)"}
    """
    assert "the value '--help' would be taken for an option" in ask(make(text), x=0.5).reason


WRITES = """\
command: [sh, -c, "SCRIPT"]
inputs:
  x: {range: 0 .. 1}
outputs:
  y: {json: out/y.json}
keep: ["out/*", "*.txt"]
"""


@pytest.mark.parametrize(
    "script",
    [
        "mkdir out; ln -s $SECRET/y.json out/y.json",
        "ln -s $SECRET out",
        "mkdir -p a/out; ln -s /proc/self/cwd/../secret/y.json a/y; mkdir out; ln -s ../a/y out/y.json",
    ],
)
def test_a_link_out_of_the_folder_is_neither_read_nor_kept(make, ask, tmp_path, script):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "y.json").write_text('{"y": 1}')
    (secret / "keep.txt").write_text("secret")
    script = script.replace("$SECRET", str(secret)) + f"; ln -s {secret}/keep.txt k.txt"
    text = WRITES.replace("SCRIPT", script)
    answer = ask(make(text), x=0.5)
    assert answer.reason == "y: there is no file out/y.json."
    links = [p for p in (tmp_path / "trial").rglob("*") if p.is_symlink()]
    assert links == []
    assert sorted(p.name for p in secret.iterdir()) == ["keep.txt", "y.json"]


def test_a_link_within_the_folder_is_followed(make, ask):
    script = "mkdir out data; echo 'y: 3' > data/y; ln -s ../data/y out/y.json"
    text = WRITES.replace("SCRIPT", script).replace("json: out", "yaml: out")
    assert ask(make(text), x=0.5).metrics["y"].value == 3


def test_a_link_that_an_earlier_attempt_left_is_not_written_through(make, ask, tmp_path):
    more = "needs: [data/in.dat, y.dat]\ntemplates: {z.txt: z.j2}\n"
    oracle = make(
        WRITES.replace("SCRIPT", "true") + more, {"data/in.dat": "new", "y.dat": "new", "z.j2": "new"}
    )
    outside, trial = tmp_path / "outside", tmp_path / "trial"
    outside.mkdir()
    trial.mkdir()
    for name in ("y.dat", "z.txt", "run.log", "exit.json", "parameters.json"):
        (outside / name).write_text("precious")
        (trial / name).symlink_to(outside / name)
    ask(oracle, x=0.5)
    assert {p.read_text() for p in outside.iterdir()} == {"precious"}


def test_a_folder_that_an_earlier_attempt_made_a_link_is_not_written_into(make, ask, tmp_path):
    oracle = make(WRITES.replace("SCRIPT", "true") + "needs: [data/in.dat]\n", {"data/in.dat": "new"})
    outside, trial = tmp_path / "outside", tmp_path / "trial"
    outside.mkdir()
    trial.mkdir()
    (trial / "data").symlink_to(outside)
    assert "data/in.dat would lie outside the trial's folder" in ask(oracle, x=0.5).reason
    assert list(outside.iterdir()) == []


def test_a_file_that_is_too_large_is_not_read(make, ask):
    answer = ask(make(WRITES.replace("SCRIPT", "mkdir out; truncate -s 300000000 out/y.json")), x=0.5)
    assert "has 300,000,000 bytes, more than largest: 100,000,000" in answer.reason


PARTS = ["..", ".", "a", "", "~", "-rf", "c:", "\\", "\n", "b.txt"]
PATHS = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(PARTS), max_size=5).map("/".join))


@given(PATHS)
@example("a/../../b")
@example("/a")
@example("a\\..\\b")
def test_a_declared_path_stays_inside_or_is_refused(text):
    try:
        path = inside(text)
    except Refused:
        return
    root = Path("/trial/folder")
    assert Path(os.path.normpath(root / path)).is_relative_to(root)
    assert os.path.normpath(root / path) != str(root)


@settings(max_examples=30)
@given(PATHS)
def test_whatever_is_asked_for_only_files_of_the_folder_are_found(text):
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "trial")
        (root / "a").mkdir(parents=True)
        (root / "b.txt").write_text("")
        (Path(scratch) / "b.txt").write_text("")
        found = real_file(root, text)
        assert found is None or found.is_relative_to(root.resolve())


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ inputs.__class__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ range(10**9) | list | length }}",
    ],
)
def test_a_template_does_not_leave_its_sandbox(make, ask, template):
    text = WRITES.replace("SCRIPT", "true") + "templates: {a.txt: a.j2}\n"
    try:
        said = ask(make(text, {"a.j2": template}), x=0.5).reason
    except OracleError as error:
        said = str(error)
    assert "a.j2" in said
    assert "the template" in said
