import pytest

from designloop.discovery import find
from designloop.errors import OracleError
from designloop.oracle import Context, Infeasible
from designloop_oracles.table import Table

TEXT = """beam_length [um],anchor,gap [um],frequency [kHz],noise
200,single,1,80,5
400,single,2,20,7
400,double,2,30,6
400,double,2,32,8
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sweep.csv"
    path.write_text(TEXT)
    return path


def table(file, **options):
    return Table(str(file), **{"outputs": "frequency, noise", **options})


def ask(oracle, length, anchor="single", gap=1.0):
    design = {"beam_length": length, "anchor": anchor, "gap": gap}
    return {n: o.value for n, o in oracle.evaluate(design, Context()).metrics.items()}


def test_headers_give_names_units_and_bounds(file):
    declared = table(file).declaration
    length = declared.input("beam_length")
    assert (length.unit, length.lower, length.upper, length.default) == ("um", 200, 400, 200)
    assert declared.input("anchor").choices == ("double", "single")
    assert declared.output("frequency").unit == "kHz"


def test_an_exact_row_is_answered(file):
    assert ask(table(file), 200.0) == {"frequency": 80, "noise": 5}


def test_what_is_not_in_the_table_is_said_with_the_nearest_row(file):
    with pytest.raises(Infeasible, match=r"not in the table sweep.csv: .* beam_length 200.0.*0\.25 of the"):
        ask(table(file), 250.0)


def test_the_nearest_row_is_scaled_by_the_range_of_each_column(file):
    nearest = table(file, match="nearest")
    assert ask(nearest, 290.0)["frequency"] == 80
    assert ask(nearest, 310.0, gap=1.9)["frequency"] == 20


def test_another_choice_is_a_whole_range_away(file):
    assert ask(table(file, match="nearest"), 390.0, "double", 2.0)["frequency"] == 31


def test_replicates_give_mean_and_standard_error(file):
    found = table(file).evaluate({"beam_length": 400, "anchor": "double", "gap": 2}, Context())
    assert found.metrics["frequency"].value == 31
    assert found.metrics["frequency"].sem == pytest.approx(1.0)
    assert ask(table(file), 400.0, "single", 2.0)["noise"] == 7


def test_the_last_column_is_the_output_by_default(file):
    declared = Table(str(file)).declaration
    assert [o.name for o in declared.outputs] == ["noise"]
    assert [i.name for i in declared.inputs] == ["beam_length", "anchor", "gap", "frequency"]


def test_inputs_may_be_named(file):
    declared = table(file, inputs="beam_length").declaration
    assert [i.name for i in declared.inputs] == ["beam_length"]


def test_a_file_resolves_against_the_campaign_folder(file):
    oracle = find("table", folder=file.parent, options={"file": "sweep.csv", "outputs": "noise"})
    assert oracle.declaration.summary == "4 rows of sweep.csv, exact match."


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        (TEXT, {"match": "close"}, "write exact or nearest"),
        (TEXT, {"outputs": "nois"}, "there is no column 'nois'; it has beam_length"),
        (TEXT, {"outputs": "anchor"}, "column 'anchor' holds text"),
        (TEXT, {"inputs": "noise", "outputs": "noise"}, "under inputs that is not under outputs"),
        ("a,b\n1,2\n3\n", {}, r"sweep\.csv:3: 1 cells under 2 headers"),
        ("a,a\n1,2\n", {}, r"sweep\.csv:1: the header 'a'"),
        ("a\n1\n", {}, "two columns by commas"),
        ("a,b\n", {}, "one row at least"),
        ("a,b\n1,2\nx,3\n", {"outputs": "b"}, r"sweep\.csv:3: 'x' under 'a' is not a number"),
        ('a,b\n"1,5",2\n"2,5",3\n', {"outputs": "b"}, r"sweep\.csv:2: '1,5' under 'a' is not a number"),
        ("a,b\n1,nan\n", {"outputs": "b"}, r"sweep\.csv:2: 'nan' under 'b' is not a number"),
        ("a,b\n1,\n", {"outputs": "b"}, r"sweep\.csv:2: '' under 'b' is not a number"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(file, text, options, sentence):
    file.write_text(text)
    with pytest.raises(OracleError, match=sentence):
        Table(str(file), **options)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(OracleError, match=r"none\.csv cannot be read: No such file"):
        Table(str(tmp_path / "none.csv"))
