"""Numbers out of the files that programs write, each format, each unit, each fault by its name."""

from __future__ import annotations

import contextlib
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop.oracle import Failed
from designloop.reading.problems import Refused
from designloop_oracles.external.keys import follow, key_path
from designloop_oracles.external.numbers import finite

TEXT = """\
command: [sh, -c, "find . -type f -exec touch '{{}}' +"]
needs: [{file}]
inputs:
  x: {{range: 0 .. 1}}
outputs:
  y: {source}
"""


@pytest.fixture
def read(make, ask):
    """The number that ``source`` finds in a file with some content, or the reason why it finds none."""

    def reading(source: str, content: str, file: str = "out.dat"):
        (oracle,) = [make(TEXT.format(file=f"given/{file}", source=source), {f"given/{file}": content})]
        answer = ask(oracle, x=0.5)
        return answer.reason if isinstance(answer, Failed) else answer.metrics["y"].value

    return reading


TABLE = "% run 7\n% L f1 f2\n1 2.5E+04 3\n\n2 2.6D+04 4.5\n"
CSV = "L,f1,f 2\n1,25e3,3\n2,26e3,4.5\n"
GERMAN = "L;f1;f2\n1;25000,5;3\n2;26000,5;4,5\n"
LOG = "f0 = 1.0 Hz\nstep 2\nf0 = 1.0D+03 Hz\n"


@pytest.mark.parametrize(
    ("source", "content", "number"),
    [
        ("{json: F}", '{"y": 3}', 3),
        ("{json: F, key: 'a.b[1].c'}", '{"a": {"b": [0, {"c": "1.5D2"}]}}', 150),
        ("{json: F, key: '\"a.b\"[-1]'}", '{"a.b": [0, 7]}', 7),
        ("{yaml: F, key: a.b}", "a: {b: 1e-3}\n", 1e-3),
        ("{table: F, comment: '%', column: 2}", TABLE, 26000),
        ("{table: F, comment: '%', column: f2}", TABLE, 4.5),
        ("{table: F, comment: '%', column: f2, row: 1}", TABLE, 3),
        ("{table: F, comment: '%', column: f2, row: -2}", TABLE, 3),
        ("{table: F, column: f1}", "L f1\n1 2\n3 4\n", 4),
        ("{csv: F, column: f 2}", CSV, 4.5),
        ("{csv: F, column: 2, row: 1}", CSV, 25000),
        ("{csv: F, column: f1, decimal: ','}", GERMAN, 26000.5),
        ("{csv: F, column: f1, delimiter: ';', decimal: ','}", GERMAN, 26000.5),
        ("{text: F, pattern: 'f0 = (.*) Hz'}", LOG, 1000),
        ("{text: F, pattern: 'f0 = (.*) Hz', match: first}", LOG, 1),
        ("{json: F, key: y, unit: kHz, file_unit: Hz}", '{"y": 2500}', 2.5),
        ("{json: F, key: y, unit: degC, file_unit: K}", '{"y": 300}', 26.85),
        ("{json: F, largest: 10 B}", '{"y": 3}', 3),
    ],
)
def test_a_number_is_found(read, source, content, number):
    assert read(source.replace("F", "given/out.dat"), content) == pytest.approx(number, rel=1e-14)


@pytest.mark.parametrize(
    ("source", "content", "reason"),
    [
        ("{json: F, key: a.c}", '{"a": {}}', "the file lacks it: a has no key c (it has none)."),
        ("{json: F, key: b}", '{"a": 1, "c": 2}', "key b): the file has no key b (it has a, c)."),
        ("{json: F, key: 'a[3]'}", '{"a": [1]}', "a has 1 item, so there is no [3] in it"),
        ("{json: F, key: 'a[0]'}", '{"a": {}}', "a is no list"),
        ("{json: F, key: a}", '{"a": {"b": 1}}', "is {'b': 1}, not a number"),
        ("{json: F, key: a}", '{"a": 1e999}', "is inf, not a finite number"),
        ("{json: F, key: a}", '{"a": "1,5"}', 'if this is a decimal comma, declare decimal: ","'),
        ("{json: F, key: a}", "[" * 100_000, "nested too deeply"),
        ("{json: F, key: a}", '{"a": 1' + "0" * 500 + "}", "is inf, not a finite number"),
        ("{json: F, largest: 5 B}", '{"y": 3}', "has 8 bytes, more than largest: 5"),
        ("{yaml: F, key: a}", "a: [", "is not read as YAML in line 1"),
        ("{yaml: F, key: a}", "a: &a [*a]", "an alias contains itself"),
        ("{table: F, comment: '%', column: 4}", TABLE, "has 3 columns in its last row, so there is no col"),
        ("{table: F, comment: '%', column: 2, row: 3}", TABLE, "has 2 rows, so there is no row 3"),
        ("{table: F, comment: '%', column: f3}", TABLE, "has no single column 'f3' (it has L, f1, f2)"),
        ("{table: F, column: 2}", "# nothing\n", "has no row of numbers"),
        ("{table: F, column: 2}", "1 2\n3 ****\n", "is ****, not a finite number"),
        ("{table: F, column: 2}", "1 2\n3 NaN\n", "is NaN, not a finite number"),
        ("{csv: F, column: f1, delimiter: ';'}", GERMAN, "declare decimal"),
        ("{csv: F, column: f1, decimal: ','}", "f1\n1.234,5\n", "is '1.234,5', not a number"),
        ("{text: F, pattern: 'f1 = (.*) Hz'}", LOG, "'f1 = (.*) Hz'): the file says nothing that fits it."),
        ("{text: F, pattern: '(step) 2'}", LOG, "is 'step', not a number"),
        ("{npz: F}", "no zip", "is no file of NumPy arrays"),
    ],
)  # fmt: skip
def test_a_fault_names_file_place_and_what_is_there(read, source, content, reason):
    said = read(source.replace("F", "given/out.dat"), content)
    assert reason in said
    assert said.startswith("y (given/out.dat, ")


@pytest.fixture
def observe(make, ask):
    """What ``source`` finds in a file with errors beside its number, or the reason why it finds none."""

    def observing(source: str, content: str = ERRORS):
        answer = ask(
            make(TEXT.format(file="given/out.dat", source=source), {"given/out.dat": content}), x=0.5
        )
        return answer.reason if isinstance(answer, Failed) else answer.metrics["y"]

    return observing


ERRORS = '{"y": 20, "err": 0.5, "ends": [18, 23], "below": -1}'
COLUMNS = "# y err\n20 0.5\n"


@pytest.mark.parametrize(
    ("source", "content", "found"),
    [
        ("sem: err", ERRORS, (20, 0.5, None, None)),
        ("lower: 'ends[0]', upper: {key: 'ends[1]'}", ERRORS, (20, None, 18, 23)),
        ("upper: {yaml: given/out.dat, key: 'ends[1]'}", ERRORS, (20, None, None, 23)),
        ("unit: MPa, sem: 2 %, lower: 10 %, upper: 25 MPa", ERRORS, (20, 0.4, 18, 25)),
        ("unit: Pa, lower: 10 %, upper: 10 %", '{"y": -20}', (-20, None, -22, -18)),
        ("unit: kPa, file_unit: MPa, sem: err, upper: 23 MPa", ERRORS, (20e3, 500, None, 23e3)),
        ("unit: K, file_unit: degC, sem: err, lower: 'ends[0]'", ERRORS, (293.15, 0.5, 291.15, None)),
        ("unit: degC, sem: 0.5 K, upper: 300 K", ERRORS, (20, 0.5, None, 26.85)),
        ("sem: err", COLUMNS, (20, 0.5, None, None)),
        ("sem: {column: 2}", COLUMNS, (20, 0.5, None, None)),
        ("pattern: '^([0-9]+)', sem: ' (.*)$'", COLUMNS, (20, 0.5, None, None)),
    ],
)
def test_errors_are_read_beside_their_value(observe, source, content, found):
    form = "text" if "pattern" in source else "table" if content is COLUMNS else "json"
    got = observe(f"{{{form}: given/out.dat, {source}}}", content)
    known = [None if number is None else pytest.approx(number, rel=1e-12) for number in found]
    assert [got.value, got.sem, got.lower, got.upper] == known


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("sem: below", "sem of y is -1 mg, below zero."),
        ("lower: 'ends[1]'", "lower of y is 23 mg, above the value 20 mg."),
        ("upper: 'ends[0]'", "upper of y is 18 mg, below the value 20 mg."),
        (
            "sem: gone",
            "sem of y (given/out.dat, key gone): the file has no key gone (it has y, err, ends, below).",
        ),
        ("sem: {json: gone.json}", "sem of y: there is no file gone.json."),
        ("sem: ends", "sem of y (given/out.dat, key ends) is [18, 23], not a number."),
    ],
)
def test_an_error_that_cannot_be_is_a_failure_in_words(observe, source, reason):
    assert observe(f"{{json: given/out.dat, unit: mg, {source}}}") == reason


@pytest.fixture
def arrays(make, ask, tmp_path):
    """As ``read``, of a file with arrays."""

    def reading(source: str, **content):
        (tmp_path / "beam").mkdir(exist_ok=True)
        np.savez_compressed(tmp_path / "beam/out.npz", **content)
        answer = ask(make(TEXT.format(file="out.npz", source=source)), x=0.5)
        return answer.reason if isinstance(answer, Failed) else answer.metrics["y"].value

    return reading


def test_an_element_of_an_array_is_found(arrays):
    field = np.arange(6.0).reshape(2, 3)
    assert arrays("{npz: out.npz, key: field, index: [1, -1]}", field=field) == 5
    assert arrays("{npz: out.npz}", y=np.float32(0.5)) == 0.5
    assert arrays("{npz: out.npz, index: 2}", y=np.arange(4)) == 2


def test_an_array_that_holds_none_says_so(arrays):
    field = np.arange(6.0).reshape(2, 3)
    assert "has no element [2, 0]: the shape is [2, 3]" in arrays(
        "{npz: out.npz, key: f, index: [2, 0]}", f=field
    )
    assert "say which by index" in arrays("{npz: out.npz, key: f}", f=field)
    assert "has no array 'y' (it has f)" in arrays("{npz: out.npz}", f=field)
    objects = arrays("{npz: out.npz}", y=np.array([{}], dtype=object))
    assert "is no file of NumPy arrays" in objects
    assert "not a number" in arrays("{npz: out.npz}", y=np.array(1 + 2j))


def test_a_bomb_in_an_archive_is_not_unpacked(make, ask, tmp_path):
    (tmp_path / "beam").mkdir()
    with zipfile.ZipFile(tmp_path / "beam/out.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("y.npy", b"\0" * 5_000_000)
    answer = ask(make(TEXT.format(file="out.npz", source="{npz: out.npz, largest: 1 MB}")), x=0.5)
    assert "unpacks to 5,000,000 bytes" in answer.reason


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_as_c_and_as_fortran_write_it(number):
    assert finite(repr(number)) == number
    assert finite(f"{number:.17E}".replace("E", "D")) == number
    assert finite(f" {number:.17e} ".replace(".", ","), decimal=",") == number


@given(st.text(max_size=20), st.sampled_from([".", ","]))
def test_no_text_becomes_another_number(text, decimal):
    try:
        found = finite(text, decimal=decimal)
    except ValueError:
        return
    assert found == float(
        text.strip().replace(",", "." if decimal == "," else ",").replace("D", "e").replace("d", "e")
    )


@given(st.one_of(st.none(), st.booleans(), st.lists(st.integers()), st.integers(), st.floats(), st.text()))
def test_whatever_stands_there_is_a_finite_number_or_refused(value):
    with contextlib.suppress(ValueError):
        assert np.isfinite(finite(value))


NAMES = st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=200)
@given(st.lists(st.one_of(NAMES, st.integers(0, 3)), min_size=1, max_size=6))
def test_a_path_leads_where_it_says(parts):
    if isinstance(parts[0], int):
        parts = ["first", *parts]
    data: object = 42.0
    for part in reversed(parts):
        data = [None] * part + [data] if isinstance(part, int) else {part: data}
    text = "".join(f"[{p}]" if isinstance(p, int) else f'."{p}"' for p in parts).lstrip(".")
    assert follow(json.loads(json.dumps(data)), key_path(text)) == 42.0


@given(st.text(max_size=30))
def test_a_path_is_read_or_refused(text):
    with contextlib.suppress(Refused):
        assert key_path(text)
