# ruff: noqa: E501 - one case, one line
"""Every broken file is rejected at the right line, with a sentence that says what to write."""

from __future__ import annotations

import pytest
from campaign_example import DECLARATION, FILE
from support.broken import Broken

from designloop.campaign import loads
from designloop.errors import CampaignError

LENGTH = "{range: 200 .. 800 um, step: 1 um}"
OBJECTIVE = "[{minimize: noise_equivalent_field, mode: worst_corner, corners: 3 sigma}]"
CONSTRAINTS = "[beam_length / beam_width <= 180, 20 kHz <= resonance_frequency <= 80 kHz]"
STRATEGY = "{name: gp_ucb, kappa: 1.96, initial: {sobol: 8}}"
STORE = '"sqlite:///mlflow/mlflow.db"'
BAND = "20 kHz <= resonance_frequency <= 80 kHz"
BASELINE = "{beam_length: 720 um, beam_width: 4.5 um, gap: 2 um, current: 1 mA}"

CASES = [
    # numbers
    Broken("decimal comma in a range", "1.5 .. 4 um", "1,5 .. 4 um", "1,5", ("1,5", "1.5")),
    Broken("decimal comma in a flow list", "[0.05 um, 0.05 um]", "[0,05 um, 0,05 um]", "0,05", ("two values", "decimals with a point")),
    Broken("decimal comma in a flow mapping", "step: 0.05 um", "step: 0,5 um", "0,5", ("5 um", "point")),
    Broken("decimal comma in text", "thickness: 20 um", 'thickness: "1,5 um"', "1,5", ("1,5", "1.5")),
    Broken("unit case kHz", "20 kHz <=", "20 khz <=", "khz", ("khz", "kHz")),
    Broken("unit case MPa", "0 MPa", "0 Mpa", "Mpa", ("Mpa", "MPa")),
    Broken("wrong dimension of fixed", "thickness: 20 um", "thickness: 20 kg", "20 kg", ("kg", "um")),
    Broken("wrong dimension of range", "1.5 .. 4 um", "1.5 .. 4 V", "4 V", ("V", "um", "Write it in um, or a unit of the same kind.")),
    Broken("wrong dimension of process", "[0 MPa, 3 MPa]", "[0 um, 3 um]", "0 um, 3", ("um", "MPa")),
    Broken("wrong dimension of step", "step: 1 um", "step: 1 mA", "step: 1 mA", ("mA", "um")),
    Broken("unknown unit", "thickness: 20 um", "thickness: 20 microns", "microns", ("microns",)),
    Broken("leading zero", "seed: 7", "seed: 007", "007", ("007", "Write 7", '"007"')),
    Broken("hexadecimal", "seed: 7", "seed: 0x1F", "0x1F", ("0x1F", "decimal")),
    Broken("infinity", "kappa: 1.96", "kappa: .inf", ".inf", ("finite",)),
    Broken("not a number", "kappa: 1.96", "kappa: .nan", ".nan", ("finite",)),
    Broken("too large", "kappa: 1.96", "kappa: 1e999", "1e999", ("too large",)),
    Broken("too small", "kappa: 1.96", "kappa: 1e-999", "1e-999", ("too small",)),
    Broken("sexagesimal", "seed: 7", "seed: 12:30", "12:30", ("seed", "whole number", "'12:30'")),
    Broken("on is text", "seed: 7", "seed: on", "seed: on", ("seed", "whole number", "'on'")),
    Broken("true is no number", "seed: 7", "seed: true", "true", ("seed", "whole number", "true")),
    Broken("float seed", "seed: 7", "seed: 7.5", "7.5", ("seed", "whole number")),
    Broken("negative seed", "seed: 7", "seed: -7", "-7", ("seed", "at least 0")),
    Broken("number in quotes", "kappa: 1.96", 'kappa: "1.96"', '"1.96"', ("1.96", "not a number")),
    Broken("underscored number", "kappa: 1.96", "kappa: 1_000", "1_000", ("1_000", "not a number")),
    Broken("thousands blank", "200 .. 800 um", "200 .. 1 000 um", "1 000", ("1 000",)),
    Broken("thin space", "thickness: 20 um", "thickness: 2\u20090 um", "2\u20090", ("2",)),
    # YAML
    Broken("duplicate key", "seed: 7\n", "seed: 7\nseed: 8\n", "seed: 8", ("seed", "again", "line 5")),
    Broken("duplicate nested key", "gap: 1.5 .. 4 um", "gap: 1.5 .. 4 um\n  gap: 1 .. 2 um", "gap: 1 ..",
           ("gap", "again")),
    Broken("tab", "  gap: 1.5", "\tgap: 1.5", "\tgap", ("tab", "spaces")),
    Broken("open bracket", OBJECTIVE, OBJECTIVE[:-1], OBJECTIVE[:-1], ("bracket",)),
    Broken("open brace", BASELINE, BASELINE[:-1], BASELINE[:-1], ("brace",)),
    Broken("open quote", "seed: 7", "seed: '7", "seed: '7", ("quotation mark",)),
    Broken("no colon", "seed: 7", "seed 7", "seed 7", ("without a colon", "Write key: value.")),
    Broken("second colon", "name: magnetometer", "name: a: b", "name: a: b", ("second colon", "quotes")),
    Broken("bad indentation", "  gap: 1.5", "   gap: 1.5", "   gap", ("indentation",)),
    Broken("two documents", "seed: 7", "---\nseed: 7", "---", ("second document",)),
    Broken("unknown alias", "seed: 7", "seed: *there", "*there", ("there", "anchor")),
    Broken("tag", "seed: 7", "seed: !!float 7", "!!float", ("tags",)),
    Broken("control character", "seed: 7", "seed: 7\x07", "seed: 7", ("control character",)),
    # keys
    Broken("misspelled key", "objectives:", "objektives:", "objektives", ("objektives", "objectives")),
    Broken("capital key", "seed: 7", "Seed: 7", "Seed", ("Seed", "Did you mean seed?")),
    Broken("misspelled option", "kappa:", "kapa:", "kapa", ("kapa", "strategy", "kappa")),
    Broken("key in the wrong place", "seed: 7", "seed: 7\nkappa: 2", "kappa: 2", ("kappa", "below strategy")),
    Broken("misspelled range", "{range: 2 ..", "{rnage: 2 ..", "rnage", ("rnage", "range")),
    Broken("missing oracle", "oracle: magnetometer\n", "", "version", ("oracle", "missing")),
    Broken("missing version", "version: 1\n", "", "name: ", ("version", "missing")),
    Broken("missing objectives", f"objectives: {OBJECTIVE}\n", "", "version", ("objectives", "missing")),
    Broken("other version", "version: 1", "version: 2", "version: 2", ("not in this version", "version: 1")),
    Broken("text version", "version: 1", 'version: "1"', '"1"', ("version",)),
    Broken("name is a number", "name: magnetometer", "name: 2026", "2026", ("name", "text", '"2026"')),
    Broken("list for a mapping", "{thickness: 20 um, pressure: 1 mbar}", "[20 um]", "[20 um]", ("fixed", "mapping")),
    Broken("empty objectives", OBJECTIVE, "[]", "objectives: []", ("objective",)),
    Broken("tracking is a word", '{uri: "sqlite:///mlflow/mlflow.db"}', "yes", "yes", ("tracking: off",)),
    Broken("tracking by ftp", STORE, '"ftp://x"', "ftp://x", ("ftp://x names no store", "sqlite:///", "http://server:5000")),
    Broken("tracking in a plain folder", STORE, "./mlruns", "./mlruns", ("./mlruns names no store", "plain folders")),
    Broken("tracking by a file address", STORE, '"file:mlruns"', "file:", ("names no store",)),
    Broken("tracking with a password", STORE, '"mongodb://me:secret@h/x"', "mongodb", ("mongodb://***@h/x names no store",)),
    Broken("tracking at half an address", STORE, '"http://[x"', "http://[x", ("names no store",)),
    # of a later version
    Broken("pipeline of one stage", "oracle: magnetometer", "oracle: {pipeline: {a: b}}", "pipeline",
           ("two stages at least", "oracle: NAME")),
    Broken("pipeline at the top", "oracle: magnetometer", "pipeline: {a: b, c: d}", "pipeline",
           ("pipeline is no key", "below oracle")),
    Broken("no oracle below oracle", "oracle: magnetometer", "oracle: {options: {a: 1}}", "oracle: {",
           ("key name is missing below oracle",)),
    Broken("process without a mean", "residual_stress: {normal: [0 MPa, 3 MPa]}", "residual_stress: {}",
           "residual_stress: {}", ("normal is missing below residual_stress",)),
    Broken("realization of a deterministic oracle", "residual_stress: {normal: [0 MPa, 3 MPa]}",
           "realization: {level: die}", "realization", ("not stochastic", "Leave it out")),
    Broken("realization level", "residual_stress: {normal: [0 MPa, 3 MPa]}", "realization: {level: wafer}", "wafer",
           ("not in this version: level wafer", "level: die")),
    Broken("realization with a mean", "residual_stress: {normal: [0 MPa, 3 MPa]}",
           "realization: {normal: [0, 1], level: die}", "realization", ("has no mean",)),
    Broken("realization as a parameter", "gap: 1.5 .. 4 um", "gap: 1.5 .. 4 um\n  realization: 0 .. 9", "realization:",
           ("no input: it is drawn by the seed", "level: die")),
    Broken("fidelities", "seed: 7", "seed: 7\nfidelities: {}", "fidelities", ("not in this version: a choice from other than two",)),
    Broken("replicates", "seed: 7", "seed: 7\nreplicates: 3", "replicates", ("not in this version: replicates",)),
    Broken("answer", "seed: 7", "seed: 7\nanswer: {}", "answer", ("not in this version: answer",)),
    Broken("report", "seed: 7", "seed: 7\nreport: {}", "report", ("not in this version: report",)),
    Broken("start_from", "seed: 7", "seed: 7\nstart_from: runs/a", "start_from", ("not in this version: start_from",)),
    Broken("process file", "{normal: [0 MPa, 3 MPa]}", "{file: a.csv}", "a.csv", ("not in this version: file",)),
    Broken("process level", "3 MPa]}", "3 MPa], level: wafer}", "level", ("not in this version: level",)),
    Broken("match", OBJECTIVE, "[{match: drive_power}]", "match", ("not in this version: match",)),
    Broken("quantile", "mode: worst_corner", "mode: quantile 95 %", "quantile", ("not in this version: mode quantile",)),
    Broken("confidence", ", corners: 3 sigma", ", confidence: 95 %", "confidence", ("not in this version: confidence",)),
    Broken("several objectives", OBJECTIVE, "[minimize: drive_power, minimize: resonance_frequency]", "[minimize",
           ("not in this version: several objectives",)),
    Broken("other strategy", "name: gp_ucb", "name: nsga2", "nsga2", ("not in this version: the strategy nsga2",)),
    # names
    Broken("unknown parameter", "  gap:", "  gpa:", "gpa", ("no input gpa", "Did you mean gap?")),
    Broken("unknown fixed", "thickness: 20 um", "thicknes: 20 um", "thicknes", ("thicknes", "thickness")),
    Broken("unknown process", "over_etch:", "overetch:", "overetch", ("overetch", "over_etch")),
    Broken("unknown objective", "noise_equivalent_field, mode", "noise_equivalent_feld, mode", "feld",
           ("no output noise_equivalent_feld", "noise_equivalent_field")),
    Broken("unknown name in a constraint", "beam_length / beam_width", "beam_lenght / beam_width", "lenght",
           ("beam_lenght", "beam_length")),
    Broken("output as parameter", "  gap:", "  drive_power:", "  drive_power", ("output",)),
    Broken("unknown oracle option of a choice", "pressure: 1 mbar", "damping: gass", "gass", ("gass", "gas")),
    Broken("in fixed and in parameters", "pressure: 1 mbar", "pressure: 1 mbar, gap: 2 um", "  gap: 1.5",
           ("gap", "fixed too")),
    Broken("in process and in parameters", "  gap: 1.5 .. 4 um", "  gap: 1.5 .. 4 um\n  over_etch: 0 .. 1 um",
           "over_etch: 0", ("over_etch", "process too")),
    Broken("required input left out", "  gap: 1.5 .. 4 um\n", "", "parameters:", ("needs gap", "no range")),
    # ranges
    Broken("reversed range", "1.5 .. 4 um", "4 .. 1.5 um", "4 .. 1.5", ("backwards", "1.5 .. 4 um")),
    Broken("empty range", "1.5 .. 4 um", "4 .. 4 um", "4 .. 4", ("empty", "fixed")),
    Broken("dash for dots", "1.5 .. 4 um", "1.5 - 4 um", "1.5 - 4", ("..",)),
    Broken("number for a range", "gap: 1.5 .. 4 um", "gap: 3", "gap: 3", ("3", "range", "fixed")),
    Broken("outside the oracle's bounds", "1.5 .. 4 um", "1.5 .. 40 um", "40 um", ("40 um", "20 um")),
    Broken("step of zero", "step: 1 um", "step: 0 um", "step: 0 um", ("step", "positive")),
    Broken("step larger than the range", "step: 1 um", "step: 1 mm", "1 mm", ("step", "larger", "600 um")),
    Broken("step far too small", "step: 1 um", "step: 1e-20 um", "1e-20", ("step", "more than")),
    Broken("log from zero", "0.1 .. 4 mA", "0 .. 4 mA", "0 .. 4", ("current",)),
    Broken("unknown scale", "scale: log", "scale: logarithmic", "logarithmic", ("scale", "log")),
    Broken("step without range", LENGTH, "{choices: [1 um, 2 um], step: 1 um}", "choices", ("step", "range")),
    Broken("range and choices", LENGTH, "{range: 200 .. 800 um, choices: [1, 2]}", "choices", ("exclude",)),
    Broken("one choice", LENGTH, "{choices: [300 um]}", "choices", ("two",)),
    Broken("choice twice", LENGTH, "{choices: [300 um, 0.3 mm]}", "choices", ("twice",)),
    Broken("choice out of bounds", LENGTH, "{choices: [300 um, 9 um]}", "9 um", ("9 um", "10 um")),
    # process, objective, constraints
    Broken("standard deviation of zero", "[0 MPa, 3 MPa]", "[0 MPa, 0 MPa]", "0 MPa, 0", ("standard", "positive")),
    Broken("one value", "[0 MPa, 3 MPa]", "[3 MPa]", "[3 MPa]", ("two values",)),
    Broken("corner beyond the oracle", "[0.05 um, 0.05 um]", "[0.05 um, 0.2 um]", "0.2 um", ("over_etch", "-0.55 um", "-0.5 .. 1 um")),
    Broken("process on a choice", "residual_stress: {normal: [0 MPa, 3 MPa]}", "damping: {normal: [0, 1]}",
           "damping", ("real number", "fixed")),
    Broken("unknown mode", "mode: worst_corner", "mode: worst_case", "worst_case", ("worst_case", "worst_corner")),
    Broken("corners under mean", "mode: worst_corner", "mode: mean", "corners", ("corners", "worst_corner")),
    Broken("corners not in sigma", "3 sigma", "3 nm", "3 nm", ("3 sigma",)),
    Broken("both directions", "[{minimize: noise", "[{maximize: drive_power, minimize: noise", "maximize", ("one of",)),
    Broken("yield without specs", OBJECTIVE, "[{maximize: yield}]", "yield", ("specs",)),
    Broken("yield minimized", OBJECTIVE, "[{minimize: yield}]", "yield", ("maximize: yield",)),
    Broken("constant objective", OBJECTIVE, "[{minimize: thickness}]", "minimize: thick", ("same for every design",)),
    Broken("constraint without a name", "beam_length / beam_width <= 180", "1 <= 180", "1 <= 180", ("nothing",)),
    Broken("constraint of fixed values", "beam_length / beam_width <= 180", "thickness <= 180 um", "thickness <=",
           ("thickness", "nothing")),
    Broken("constraint of different units", "beam_length / beam_width <= 180", "beam_length <= 180 kHz", "180 kHz",
           ("kHz",)),
    Broken("constraint without relation", "beam_length / beam_width <= 180", "beam_length / beam_width", "width, 20",
           ("compares nothing",)),
    Broken("implicit product", "beam_length / beam_width <= 180", "2 beam_width <= 9 um", "2 beam_width", ("*",)),
    Broken("outcome equal to a number", "20 kHz <= resonance_frequency <= 80 kHz", "resonance_frequency == 30 kHz",
           "==", ("both sides: 28.5 kHz <= resonance_frequency <= 31.5 kHz",)),
    Broken("outcome equal to a bare number", BAND, "2 == drive_power", "2 ==", ("1.9 <= drive_power <= 2.1",)),
    Broken("outcome equal to another", BAND, "buckling_margin == pull_in_margin", "==",
           ("LOWEST <= buckling_margin - pull_in_margin <= HIGHEST",)),
    Broken("outcome unequal to a number", BAND, "drive_power != 2 mW", "!=", ("every measured number", "Leave it out")),
    Broken("band the wrong way round", BAND, "80 kHz <= resonance_frequency <= 20 kHz", "80 kHz <=",
           ("asks resonance_frequency to be at least 80 kHz and at most 20 kHz", "Swap the two, or widen")),
    Broken("bounds that exclude each other", BAND, "20 >= resonance_frequency, resonance_frequency >= 21000 Hz", "21000",
           ("at least 21000 Hz and at most 20 kHz", "with 20 >= resonance_frequency")),
    Broken("specs that exclude each other", "seed: 7", "seed: 7\nspecs: [drive_power >= 2 mW, drive_power <= 1 mW]",
           "specs", ("asks drive_power to be at least 2 mW and at most 1 mW",)),
    Broken("joined by and", BAND, "drive_power <= 0.2 mW and gap > 1", "and gap",
           ("'and' cannot join", "two constraints in the list: [drive_power <= 0.2 mW, gap > 1]")),
    Broken("joined by and behind a bare number", BAND, "gap > 1 and gap < 2", "and gap", ("[gap > 1, gap < 2]",)),
    Broken("joined by &", BAND, "gap > 1 um & gap < 2 um", "&", ("'&' cannot join", "two constraints")),
    Broken("joined by &&", BAND, "gap > 1 um && gap < 2 um", "&&", ("'&&' cannot join", "two constraints")),
    Broken("joined by or", BAND, "gap > 1 um or gap < 2 um", "or gap", ("'or' cannot join", "no 'or'", "two constraints")),
    Broken("mapping as constraint", CONSTRAINTS, "[{a: b}]", "[{a: b}]", ("no comparison",)),
    Broken("text for a list", CONSTRAINTS, "gap <= 3 um", "gap <= 3", ("not a list", "[gap <= 3 um]")),
    Broken("nothing is feasible", "beam_length / beam_width <= 180", "beam_length <= 100 um", "constraints: [",
           ("no design meets",)),
    Broken("over-etch subtracted twice", "process:", "derived: {w: beam_width - 2 * over_etch}\nprocess:", "derived",
           ("twice", "over_etch")),
    # designs, strategy, stop
    Broken("baseline out of range", "720 um", "900 um", "900 um", ("beam_length", "200 .. 800 um")),
    Broken("baseline off the grid", "4.5 um", "4.52 um", "4.52", ("grid", "4.5 um", "4.55 um")),
    Broken("baseline lacks a value", ", gap: 2 um", "", "baseline", ("lacks gap",)),
    Broken("baseline names another", "gap: 2 um, current", "gap: 2 um, thickness: 2 um, current", "thickness: 2 ",
           ("thickness", "no parameter")),
    Broken("strategy unknown", "name: gp_ucb", "name: gp_usb", "gp_usb", ("gp_usb", "gp_ucb")),
    Broken("option of another strategy", "kappa: 1.96", "xi: 0.1", "xi", ("gp_ucb has no xi", "ei, pi")),
    Broken("initial by an unknown generator", "{sobol: 8}", "{sobl: 8}", "sobl", ("sobl", "sobol")),
    Broken("initial count of zero", "{sobol: 8}", "{sobol: 0}", "sobol: 0", ("at least 1",)),
    Broken("trials of zero", "trials: 60", "trials: 0", "trials: 0", ("trials", "at least 1")),
    Broken("trials in words", "trials: 60", "trials: many", "many", ("trials", "whole number")),
    Broken("share without a unit", "less_than: 1 %", "less_than: 1", "less_than: 1", ("less_than", "1 %")),
    Broken("time without a unit", "trials: 60", "trials: 60, wall_time: 12", "wall_time", ("12 h",)),
    Broken("unknown oracle file", "seed: 7", "seed: 7\nexisting_trials: none.csv", "none.csv", ("no file",)),
    Broken("folder for a table", "seed: 7", "seed: 7\nexisting_trials: {file: ./}", "./}", ("this is a folder. Name a file.",)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_broken_file_is_refused_at_its_line(case: Broken):
    error = case.refused(FILE, lambda text: loads(text, name="broken.yaml", declaration=DECLARATION))
    assert len({e.place.line for e in error.errors}) <= 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  over_etch: {", "  gap: {"),
        ("thickness: 20 um", "thickness: 20 um, gap: 99 um"),
        (STORE, '"ftp://x"'),
        (BAND, "80 kHz <= resonance_frequency <= 20 kHz"),
    ],
    ids=["process and parameters", "fixed and parameters", "tracking", "reversed band"],
)
def test_one_mistake_is_one_error(old, new):
    with pytest.raises(CampaignError, match=r":\d+:\d+: ") as caught:
        loads(FILE.replace(old, new, 1), declaration=DECLARATION)
    assert len(caught.value.errors) == 1


@pytest.mark.parametrize(
    "uri", ["sqlite:////tmp/a.db", "https://host/mlflow", "postgresql+psycopg2://me@h/db"]
)
def test_a_store_that_tracking_can_open_is_accepted(uri):
    from designloop.tracking.store import check

    campaign = loads(FILE.replace(STORE, f'"{uri}"'), declaration=DECLARATION)
    assert campaign.tracking_uri == check(uri)


@pytest.mark.parametrize("uri", ["ftp://x", "./mlruns", "file:mlruns", "mongodb://h/x", "databricks"])
def test_a_store_that_tracking_refuses_is_refused_when_read(uri):
    from designloop.errors import TrackingError
    from designloop.tracking.store import check

    with pytest.raises(TrackingError, match="names no store that MLflow keeps well"):
        check(uri)
    with pytest.raises(CampaignError, match="names no store that MLflow keeps well"):
        loads(FILE.replace(STORE, f'"{uri}"'), declaration=DECLARATION)


def test_a_band_of_no_width_is_left_to_the_user():
    text = FILE.replace(BAND, "80 kHz <= resonance_frequency <= 80 kHz")
    bounds = loads(text, declaration=DECLARATION).constraints
    assert [c.bound for c in bounds if not c.is_margin] == [80, 80]


def test_the_table_is_long_enough():
    assert len(CASES) >= 45
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("seed: 7", "seed: on", 7),
        ("kappa: 1.96", "kapa: 1.96", 26),
        ("beam_length / beam_width <=", "beam_length / beam_with <=", 29),
        ("{range: 0.1 .. 4 mA, scale: log}", "{range: 0.1 .. 4 mA, scale: lg}", 40),
    ],
)
def test_the_column_points_at_the_word(old, new, column):
    with pytest.raises(CampaignError, match=rf":\d+:{column}: ") as caught:
        loads(FILE.replace(old, new, 1), declaration=DECLARATION)
    assert caught.value.place.column == column


def test_all_errors_are_reported_in_the_order_of_the_file():
    text = FILE.replace("seed: 7", "seed: on").replace("kappa:", "kapa:").replace("trials: 60", "trials: 0")
    with pytest.raises(CampaignError, match="kapa") as caught:
        loads(text, declaration=DECLARATION)
    assert [e.place.line for e in caught.value.errors] == sorted(e.place.line for e in caught.value.errors)
    assert len(caught.value.errors) == 3
    assert len(str(caught.value).split("\n\n")) == 3


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"# nothing\n", "empty"),
        ("version: 1".encode("utf-16"), "UTF-8"),
        (b"version: 1\nname: \xfc\n", "2:7"),
        (b"\x00\x01\x02", "UTF-8"),
        (b"- 1\n", "mapping"),
        (b"[" * 500, "deep"),
        (b"a: &a [*a]", "itself"),
    ],
)
def test_a_file_that_is_no_campaign_at_all_gets_a_sentence(tmp_path, raw, words):
    from designloop.campaign import load

    path = tmp_path / "c.yaml"
    path.write_bytes(raw)
    with pytest.raises(CampaignError, match=words):
        load(path, declaration=DECLARATION)


def test_a_missing_file_gets_a_sentence(tmp_path):
    from designloop.campaign import load

    with pytest.raises(CampaignError, match="no such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(CampaignError, match="folder"):
        load(tmp_path)


def test_a_byte_order_mark_is_no_error(tmp_path):
    from designloop.campaign import load

    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + FILE.encode())
    assert load(path, declaration=DECLARATION).seed == 7
