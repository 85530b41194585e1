"""A trained model as an oracle: contract, domain box, uncertainty, realizations, speed, campaign files."""

import subprocess
import sys
import time

import numpy as np
import pytest
from support.surrogates import designs, packed_gp, stiffness

from designloop.campaign import loads
from designloop.compose.surrogate import SurrogateOracle, of_path
from designloop.discovery import find
from designloop.errors import CampaignError, OracleError
from designloop.learning import models
from designloop.oracle import Context
from designloop.testing import OracleContract

SCATTERING = ("E_mean", "E_std")
CAMPAIGN = """\
version: 1
name: film
oracle: ./film.dlmodel
parameters: {grain_size: 0.5 .. 1 um, width: 2 .. 4 um}
objectives: [maximize: E_mean]
strategy: {name: sobol}
stop: {trials: 4}
tracking: off
"""


class TestGp(OracleContract):
    @pytest.fixture
    def oracle(self):
        return SurrogateOracle(packed_gp(), "./film.dlmodel")


class TestScatteringGp(OracleContract):
    @pytest.fixture
    def oracle(self):
        return SurrogateOracle(packed_gp(SCATTERING), "./film.dlmodel")


@pytest.fixture
def place(tmp_path):
    packed_gp().save(tmp_path / "film.dlmodel")
    return tmp_path


def refused(text, folder) -> str:
    with pytest.raises(CampaignError) as caught:
        loads(text, folder=folder, name="film.yaml")
    return str(caught.value)


def test_the_value_is_the_mean_and_the_bounds_hold_what_is_not_known():
    oracle, (asked,) = SurrogateOracle(packed_gp()), designs(1, seed=8)
    found = oracle.evaluate(asked, Context()).metrics["E_mean"]
    mean, sd = (float(v[0]) for v in models.predict(packed_gp().saved, [asked])["E_mean"])
    assert found.sem is None
    assert (found.value, found.lower, found.upper) == pytest.approx(
        (mean, mean - 1.96 * sd, mean + 1.96 * sd)
    )
    assert found.value == pytest.approx(stiffness(asked), rel=0.01)


def test_the_declaration_is_the_card():
    packed = packed_gp()
    declared = SurrogateOracle(packed).declaration
    assert (declared.version, declared.labels, declared.cheap) == (
        packed.card.version,
        ("calibrated", "modelled"),
        True,
    )
    assert [(i.name, i.lower, i.upper) for i in declared.inputs[:2]] == [
        ("grain_size", 0.4, 1.2),
        ("width", 2, 4),
    ]
    assert declared.output("E_mean").unit == "GPa"


def test_a_realization_is_drawn_about_the_mean_with_the_scatter():
    oracle, (asked,) = SurrogateOracle(packed_gp(SCATTERING)), designs(1, seed=8)
    count = 4000
    found = oracle.evaluate_batch([asked] * count, Context(seeds=tuple(range(count))))
    mean, scatter = (found[0].metrics[m].value for m in SCATTERING)
    drawn = np.array([r.metrics["E"].value for r in found])
    assert drawn.mean() == pytest.approx(mean, abs=5 * scatter / count**0.5)
    assert drawn.std() == pytest.approx(scatter, rel=5 / (2 * count) ** 0.5)
    assert oracle.declaration.output("E").unit == "GPa"


def test_a_batch_answers_with_one_seed_per_design_or_the_same_for_all():
    oracle, asked = SurrogateOracle(packed_gp(SCATTERING)), designs(3, seed=8)
    singles = [
        oracle.evaluate(d, Context(seed=s)).metrics["E"].value for d, s in zip(asked, (4, 5, 6), strict=True)
    ]
    batch = oracle.evaluate_batch(asked, Context(seeds=(4, 5, 6)))
    assert [r.metrics["E"].value for r in batch] == pytest.approx(singles, rel=1e-12)
    common = oracle.evaluate_batch(asked, Context(seed=4))
    assert common[1].metrics["E"].value == pytest.approx(
        oracle.evaluate(asked[1], Context(seed=4)).metrics["E"].value, rel=1e-12
    )


def test_ten_thousand_designs_take_under_a_second():
    oracle, asked = SurrogateOracle(packed_gp()), designs(10_000)
    start = time.process_time()
    assert len(oracle.evaluate_batch(asked, Context())) == 10_000
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"width": 4.5}, r"width = 4\.5 um lies outside the domain box, 2 \.\. 4 um", id="range"),
        pytest.param({"fibre_axis": "110"}, "fibre_axis = 110 lies outside the domain box, 100", id="choice"),
    ],
)
def test_outside_the_box_nothing_is_answered(change, sentence):
    oracle, (inside,) = SurrogateOracle(packed_gp()), designs(1)
    assert oracle.outside(inside) is None
    with pytest.raises(OracleError, match=f"{sentence}.*narrow the range.*retrain|{sentence}.*wider one"):
        oracle.evaluate({**inside, **change}, Context())


def test_an_end_of_the_box_missed_by_rounding_is_inside():
    (inside,) = designs(1)
    assert SurrogateOracle(packed_gp()).outside({**inside, "width": 4.0 * (1 + 1e-15)}) is None


def test_a_campaign_names_the_model_file(place):
    campaign = loads(CAMPAIGN, folder=place)
    assert campaign.declaration.version == packed_gp().card.version
    assert campaign.declaration.labels == ("calibrated", "modelled")


@pytest.mark.parametrize(
    ("written", "instead", "where"),
    [
        pytest.param("width: 2 .. 4 um", "width: 2 .. 5 um", "film.yaml:4", id="range"),
        pytest.param("width: 2 .. 4 um}", "width: {choices: [2 um, 5 um]}}", "film.yaml:4", id="choices"),
        pytest.param(
            "width: 2 .. 4 um}", "width: 2 .. 4 um}\nfixed: {fibre_axis: '110'}", "film.yaml:5", id="choice"
        ),
        pytest.param(
            ", width: 2 .. 4 um}", "}\nfixed: {width: 5000 nm}", "film.yaml:5", id="fixed, in another unit"
        ),
        pytest.param(
            ", width: 2 .. 4 um}\nobjectives: [maximize: E_mean]",
            "}\nprocess: {width: {normal: [3.9 um, 0.1 um]}}\n"
            "objectives: [{maximize: E_mean, mode: worst_corner, corners: 3 sigma}]",
            "film.yaml:5", id="process corner",
        ),
    ],
)  # fmt: skip
def test_a_campaign_beyond_the_box_is_refused_with_the_remedies(written, instead, where, place):
    assert written in CAMPAIGN
    said = refused(CAMPAIGN.replace(written, instead), place)
    assert said.startswith(where)
    for remedy in ("narrow the range", "train a model on a wider one", "declare a solver to escalate to"):
        assert remedy in said


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(lambda p: p.unlink(), "there is no such file", id="missing"),
        pytest.param(lambda p: p.write_bytes(p.read_bytes()[:700]), "no whole .dlmodel file", id="truncated"),
        pytest.param(lambda p: p.write_text("version: 1"), "no whole .dlmodel file", id="foreign"),
    ],
)
def test_a_spoilt_file_is_refused_where_it_is_named(spoil, sentence, place):
    spoil(place / "film.dlmodel")
    said = refused(CAMPAIGN, place)
    assert said.startswith("film.yaml:3")
    assert sentence in said


def test_options_of_a_file_are_refused(place):
    with pytest.raises(OracleError, match="has no options; remove 'uri'"):
        find("./film.dlmodel", folder=place, options={"uri": "http://x"})


def test_a_file_that_changed_since_the_run_began_is_refused(place):
    began = packed_gp().card.version
    assert find("./film.dlmodel", folder=place, version=began).declaration.version == began
    packed_gp(name="other").save(place / "film.dlmodel")
    with pytest.raises(OracleError, match=f"the run began with {began}. Put that model back"):
        find("./film.dlmodel", folder=place, version=began)


def test_of_path_keeps_name_and_options(place):
    oracle = of_path(place / "film.dlmodel", name="models:/film@champion", options={"uri": "http://x"})
    assert oracle.origin == "models:/film@champion"
    assert oracle.declaration.options == {"uri": "http://x"}


def test_validating_a_model_file_loads_nothing_heavy(place):
    (place / "film.yaml").write_text(CAMPAIGN)
    heavy = [
        "torch",
        "ax",
        "botorch",
        "gpytorch",
        "sklearn",
        "scipy.stats",
        "scipy.linalg",
        "mlflow",
        "pandas",
        "matplotlib",
    ]
    code = (
        f"import atexit, sys; sys.path[:0] = {[p for p in sys.path if p]!r}\n"
        f"atexit.register(lambda: print('LOADED', *[m for m in {heavy} if m in sys.modules]))\n"
        "from designloop.cli import main; main(['validate', 'film.yaml'])"
    )
    end = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False)
    assert end.returncode == 0, end.stderr
    assert end.stdout.splitlines()[-1] == "LOADED"
