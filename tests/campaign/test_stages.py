# ruff: noqa: E501 - one case, one line
"""A pipeline as the file writes it: wired, checked at its lines, and echoed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.stages import FILES, HEAD, TAIL

from designloop.campaign import load, loads, validate_report
from designloop.campaign.composed import composed
from designloop.campaign.composition import OracleChoice, Stage
from designloop.campaign.model import Campaign
from designloop.errors import CampaignError
from designloop.oracle import Declaration, Fidelity, Input, Output, Realizations

FILE = HEAD + TAIL
YIELD = "process: {film.realization: {level: die}}\nspecs: [force <= 300 N]\nobjectives: [maximize: yield]\ntracking: off\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def loaded(folder: Path, *changes: tuple[str, str], text: str = FILE) -> Campaign:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return loads(text, folder=folder, name="two.yaml")


def test_outputs_of_the_last_stage_are_plain_and_others_say_whose_they_are(folder: Path) -> None:
    outputs = [o.name for o in loaded(folder).declaration.outputs]
    assert outputs == ["film.modulus", "film.warmth", "film.room", "force", "frequency"]


def test_a_shared_input_has_the_last_unit_the_narrower_bounds_and_the_common_default(folder: Path) -> None:
    declaration = loaded(folder).declaration
    length, heat = declaration.input("length"), declaration.input("heat")
    assert (length.unit, length.lower, length.upper) == ("mm", 0.05, 0.5)
    assert (heat.unit, heat.lower, heat.upper, heat.default) == ("K", 273.15, 373.15, 298.15)


def test_a_default_that_stages_do_not_share_is_none(folder: Path) -> None:
    (folder / "film.py").write_text(FILES["film.py"].replace("= 25.0", "= 26.0"))
    with pytest.raises(CampaignError, match="pipeline needs heat, which has no value"):
        loaded(folder)
    assert loaded(folder, ("width: 2 um}", "width: 2 um, heat: 300 K}")).fixed["heat"] == 300


def test_a_dotted_key_gives_one_stage_an_input_of_its_own(folder: Path) -> None:
    campaign = loaded(folder, ("width: 2 um}", "width: 2 um, film.length: 900 um}"))
    assert campaign.declaration.input("film.length").unit == "um"
    assert campaign.declaration.input("length").unit == "mm"
    assert campaign.inputs_of({"length": 300.0}, {})["film.length"] == 900
    assert campaign.composition is not None
    assert campaign.composition.stages[0].names["length"] == "film.length"


def test_an_input_of_one_stage_may_be_written_with_or_without_it(folder: Path) -> None:
    plain = loaded(folder, ("film.grain: 5 um", "grain: 5 um"))
    assert (plain.fixed["grain"], loaded(folder).fixed["film.grain"]) == (5, 5)


def test_an_output_may_be_fed_by_its_own_name_where_only_one_stage_has_it(folder: Path) -> None:
    short = loaded(folder, ("stiffness: film.modulus", "stiffness: modulus"))
    assert short.composition == loaded(folder).composition


def test_a_pipeline_is_cheap_if_all_are_and_stochastic_if_one_is(folder: Path) -> None:
    declaration = loaded(folder).declaration
    assert (declaration.cheap, declaration.stochastic) == (False, True)
    assert declaration.version == "film:1+device:7"
    assert declaration.labels == ("calibrated",)
    assert declaration.source == "device: Somebody 2001"


def test_expressions_name_inputs_and_outputs_of_a_stage(folder: Path) -> None:
    campaign = loaded(
        folder, ("film.grain: 5 um, ", ""), ("length: 100 .. 400 um", "length: 100 .. 400 um, film.grain: 1 .. 9 um"),
        ("minimize: force", "maximize: film.modulus"),
        ("tracking", "derived: {film.heat: 20 degC + 1 K * film.grain / (1 um), twice: 2 * film.heat}\nconstraints: [film.grain * 10 <= length, film.modulus <= 160 GPa]\ntracking"),
    )  # fmt: skip
    assert campaign.objective.metric == "film.modulus"
    assert [k.label for k in campaign.space.constraints] == ["film.grain * 10 <= length"]
    assert campaign.inputs_of({"length": 100.0, "film.grain": 3.0}, {})["film.heat"] == pytest.approx(23)


def test_margins_of_every_stage_are_constraints(folder: Path) -> None:
    assert [c.metric for c in loaded(folder).constraints if c.is_margin] == ["film.room"]


def test_a_stage_in_short_is_its_oracle(folder: Path) -> None:
    text = "version: 1\noracle: {pipeline: {a: branin, b: {oracle: ./device.py:Device, inputs: {load: a.value}}}}\n"
    with pytest.raises(CampaignError, match=r"a.value is without unit, and load of b is in GPa"):
        loads(text + TAIL, folder=folder)


def test_overrides_reach_into_stages(folder: Path) -> None:
    (folder / "two.yaml").write_text(FILE)
    campaign = load(folder / "two.yaml", overrides=["oracle.pipeline.device.options.cheap=false"])
    assert campaign.composition is not None
    assert campaign.composition.stages[1].oracle.options == {"cheap": False}


class Broken(NamedTuple):
    """``old`` becomes ``new``; the error stands on the line that holds ``at`` and says ``words``."""

    id: str
    old: str
    new: str
    at: str
    words: tuple[str, ...]


JOINT = "stiffness: film.modulus"
FIXED = "fixed: {film.grain: 5 um"
CASES = [
    Broken("unknown oracle", "./device.py:Device", "magnetometr", "magnetometr", ("there is no oracle", "magnetometer")),
    Broken("unknown option", "./device.py:Device,", "./device.py:Device, options: {chep: true},", "device:", ("chep",)),
    Broken("unknown key", "device: {oracle:", "device: {input: {}, oracle:", "device:", ("input is no key of device", "inputs")),
    Broken("an oracle as a mapping", "./film.py:film", "{name: branin}", "film:", ("in a word", "options")),
    Broken("no oracle", "{oracle: ./film.py:film}", "{options: {a: 1}}", "film:", ("oracle is missing below film",)),
    Broken("units of another kind", JOINT, "stiffness: film.warmth", "device:", ("film.warmth is in degC", "stiffness of device is in GPa")),
    Broken("unknown input", JOINT, "stifness: film.modulus", "device:", ("device (device) has no input stifness", "stiffness")),
    Broken("unknown output", JOINT, "stiffness: film.modulo", "device:", ("no earlier stage has an output film.modulo", "film.modulus")),
    Broken("a later stage", "./film.py:film}", "./film.py:film, inputs: {heat: device.force}}", "film:", ("film is the first stage",)),
    Broken("itself", JOINT, "load: device.force", "device:", ("device does not answer before device", "order of the file")),
    Broken("a whole number", JOINT, "turns: film.modulus", "device:", ("turns of device is no real number",)),
    Broken("a choice", JOINT, "shape: film.modulus", "device:", ("shape of device is no real number",)),
    Broken("fixed and fed", FIXED, FIXED + ", stiffness: 150 GPa", "fixed:", ("film.modulus feeds stiffness of device",)),
    Broken("fixed by its stage and fed", FIXED, FIXED + ", device.stiffness: 150 GPa", "fixed:", ("film.modulus feeds stiffness of device",)),
    Broken("chosen and fed", "400 um}", "400 um, stiffness: 100 .. 200 GPa}", "parameters:", ("film.modulus feeds stiffness",)),
    Broken("scattering and fed", "tracking", "process: {stiffness: {normal: [150 GPa, 1 GPa]}}\ntracking", "process:", ("film.modulus feeds stiffness",)),
    Broken("unknown dotted input", "film.grain: 5", "film.grane: 5", "fixed:", ("pipeline has no input film.grane", "grain")),
    Broken("a stage that is no word", "    film:", "    thin-film:", "thin-film", ("thin-film cannot name a stage", "underscores")),
    Broken("name beside pipeline", "oracle:\n", "oracle:\n  name: branin\n", "name: branin", ("name and pipeline exclude each other",)),
    Broken("escalate beside pipeline", "oracle:\n", "oracle:\n  escalate: {to: branin}\n", "escalate", ("escalate and pipeline exclude each other", "at the stage")),
    Broken("corners of a realization", "[{minimize: force}]", "[{minimize: force, mode: worst_corner}]\nprocess: {film.realization: {level: die}}", "worst_corner", ("film.realization has no corners", "mean or yield")),
    Broken("realization of a deterministic stage", "tracking", "process: {device.realization: {level: die}}\ntracking", "process:", ("device.realization is no realization of pipeline", "film.realization")),
    Broken("realization of a wafer", "tracking", "process: {film.realization: {level: wafer}}\ntracking", "wafer", ("not in this version: level wafer", "level: die")),
    Broken("realization as a fixed input", FIXED, FIXED + ", film.realization: 3", "fixed:", ("film.realization is no input", "process: {film.realization: {level: die}}")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_broken_pipeline_is_refused_at_its_line(case: Broken, folder: Path) -> None:
    assert case.old in FILE
    text = FILE.replace(case.old, case.new, 1)
    line = next(i for i, content in enumerate(text.split("\n"), start=1) if case.at in content)
    with pytest.raises(CampaignError, match=r"^two\.yaml:\d+") as caught:
        loads(text, folder=folder, name="two.yaml")
    said = {e.place.line: f"{e.what} {e.instead or ''}" for e in caught.value.errors if e.place}
    assert line in said, said
    assert all(word in said[line] for word in case.words), said


def test_a_stage_cannot_have_the_name_of_an_output(folder: Path) -> None:
    changes = (("    film:", "    force:"), ("film.modulus", "force.modulus"), ("film.grain", "grain"))
    with pytest.raises(CampaignError, match="^two.yaml:5:5: force is an output of device too"):
        loaded(folder, *changes)


def test_an_output_of_two_stages_has_to_be_named_with_its_stage(folder: Path) -> None:
    again = ("    device:", "    again: {oracle: ./film.py:film}\n    device:")
    with pytest.raises(
        CampaignError, match=r"2 earlier stages .* output modulus. Write film.modulus or again.modulus"
    ):
        loaded(folder, again, ("film.modulus", "modulus"))


@pytest.mark.parametrize(
    "words",
    [
        "pipeline of 2 stages [calibrated]", "film: ./film.py:film: A film whose modulus scatters.",
        "takes length (shared), film.grain", "stiffness [GPa] <- film.modulus [MPa]", "takes length (shared), width",
        "film.realization: every die has its own", "length: 100 .. 400 um (0.1 .. 0.4 mm)", "share of 256 dies",
    ],
)  # fmt: skip
def test_validate_says_which_stage_takes_what(folder: Path, words: str) -> None:
    assert words in validate_report(loaded(folder, text=HEAD + YIELD))


def test_validate_says_where_dies_share_a_realization(folder: Path) -> None:
    assert "film.realization: one per trial\n" in validate_report(loaded(folder))
    text = HEAD.replace(", width: 2 um", "") + "process: {width: {normal: [2 um, 0.1 um]}}\n" + TAIL
    assert "film.realization: one per trial, common to its dies" in validate_report(loaded(folder, text=text))


ESCALATE = "escalate: {to: {name: ./film.py:film}, spread: {modulus: 0.5 GPa}, outside: refuse, audit: 5 %, retrain: {every: 20}}"


def rule(folder: Path, escalate: str = ESCALATE) -> Any:
    composition = loaded(
        folder, ("film: {oracle: ./film.py:film}", f"film: {{oracle: ./trained.py:Trained, {escalate}}}")
    ).composition
    assert composition is not None
    return composition.stages[0].escalation


def test_a_rule_of_escalation_is_resolved_in_the_units_of_the_stage(folder: Path) -> None:
    found = rule(folder)
    assert found.to == OracleChoice(name="./film.py:film", options={})
    assert found.spread == {"modulus": 500}
    assert (found.outside, found.audit, found.retrain_every, found.retrain_tests) == ("refuse", 0.05, 20, 10)


def test_one_spread_counts_for_every_output_of_its_kind(folder: Path) -> None:
    assert rule(folder, "escalate: {to: ./film.py:film, spread: 0.5 GPa, retrain: off}").spread == {
        "modulus": 500
    }
    assert rule(folder, "escalate: {to: ./film.py:film, spread: 2 K}").spread == {"warmth": pytest.approx(2)}


def test_only_a_trained_model_escalates_and_only_to_a_solver(folder: Path) -> None:
    text = "version: 1\noracle: {name: NAME, escalate: {to: SOLVER}}\nobjectives: [minimize: modulus]\n"
    pairs = [("./film.py:film", "./film.py:film", "film is no trained model")]
    pairs += [("./trained.py:Trained", "./trained.py:Trained", "a model does not check another")]
    for name, solver, words in pairs:
        with pytest.raises(CampaignError, match=rf"campaign.yaml:2:.*{words}"):
            loads(text.replace("NAME", name).replace("SOLVER", solver), folder=folder)


def test_a_spread_in_percent_says_not_of_what(folder: Path) -> None:
    with pytest.raises(CampaignError, match="a spread of 5 % says not of what"):
        rule(folder, "escalate: {to: ./film.py:film, spread: 5 %}")


def test_a_plain_oracle_may_escalate_too(folder: Path) -> None:
    text = "version: 1\noracle: {name: ./trained.py:Trained, escalate: {to: ./film.py:film, spread: 1 GPa}}\nfixed: {grain: 5 um}\n"
    campaign = loads(text + "objectives: [minimize: modulus]\n", folder=folder)
    assert campaign.oracle_name == "./trained.py:Trained"
    assert campaign.composition is not None
    assert not campaign.composition.is_pipeline
    assert (
        "./film.py:film answers where the error of modulus exceeds 1000 MPa, outside the domain, in an audit of 2 %"
        in validate_report(campaign)
    )


@pytest.mark.parametrize(
    ("escalate", "words"),
    [
        ("escalate: {to: polysilicn}", "there is no oracle 'polysilicn'"),
        ("escalate: {to: branin}", "the solver has no input length, grain, heat"),
        ("escalate: {spread: 1 GPa}", "the key to is missing below escalate"),
        ("escalate: {to: ./film.py:film, spread: 1 kg}", "a spread of 1 kg fits no output of film"),
        ("escalate: {to: ./film.py:film, spread: 3}", "a spread of 3 fits no output of film"),
        (
            "escalate: {to: ./film.py:film, spread: {moduls: 1 GPa}}",
            "film has no output moduls. Did you mean modulus",
        ),
        ("escalate: {to: ./film.py:film, spread: {modulus: 1 kg}}", "'kg' cannot be converted to 'MPa'"),
        ("escalate: {to: ./film.py:film, spread: 0 GPa}", "a spread of 0 GPa is never kept"),
        (
            "escalate: {to: ./film.py:film, outside: ask}",
            "outside cannot be 'ask'. Write one of solver, refuse",
        ),
        ("escalate: {to: ./film.py:film, audit: 3}", "audit is 3; it is a share from 0 to 100 %"),
        ("escalate: {to: ./film.py:film, audit: 120 %}", "audit is 120 %; it is a share"),
        ("escalate: {to: ./film.py:film, retrain: soon}", "'soon' says not when to retrain"),
        ("escalate: {to: ./film.py:film, retrain: {every: 0}}", "every must be at least 1"),
        ("escalate: {to: ./film.py:film, audits: 2 %}", "audits is no key of escalate. Did you mean audit"),
    ],
)
def test_a_broken_rule_of_escalation_is_refused_at_its_line(folder: Path, escalate: str, words: str) -> None:
    with pytest.raises(CampaignError) as caught:
        rule(folder, escalate)
    assert str(caught.value).startswith("two.yaml:5:")
    assert words in str(caught.value)


def stage(name: str, declaration: Declaration, **names: str) -> Stage:
    return Stage(
        name=name, oracle=OracleChoice(name=name, options={}), declaration=declaration,
        names={i.name: names.get(i.name, i.name) for i in declaration.inputs},
    )  # fmt: skip


def declared(*inputs: Input, output: str = "y", **more: Any) -> Declaration:
    return Declaration(name="d", summary=".", inputs=inputs, outputs=(Output(output),), **more)


def test_fidelities_and_realizations_of_the_only_stage_that_has_them_are_offered_under_its_names() -> None:
    settings: Mapping[str, Any] = {"pixels": 8, "size": 2.0}
    fine = declared(
        Input(name="pixels", lower=1, upper=9, default=4), Input(name="size", lower=1, upper=9, unit="mm", default=1),
        fidelities=(Fidelity(name="fine", settings=settings, cost=3.0),), realizations=Realizations(least="pixels"),
    )  # fmt: skip
    coarse = declared(Input(name="size", unit="um", default=1000), output="z")
    found = composed([stage("a", fine, pixels="a.pixels"), stage("b", coarse)])
    assert [(f.name, f.settings, f.cost) for f in found.fidelities] == [
        ("fine", {"a.pixels": 8, "size": 2000}, None)
    ]
    assert found.realizations == Realizations(least="a.pixels")
    assert composed([stage("a", fine), stage("b", fine)]).fidelities == ()


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (Input(name="x", unit="um"), Input(name="x", unit="kg"), "x is in um for a and in kg for b"),
        (
            Input(name="x", unit="um"),
            Input(name="x", choices=("p", "q")),
            "x is in um for a and a choice for b",
        ),
        (Input(name="x", upper=1), Input(name="x", lower=2), "no value of x suits a and b"),
        (
            Input(name="x", choices=("p", "q")),
            Input(name="x", choices=("r", "s")),
            "no value of x suits a and b",
        ),
        (Input(name="z"), Input(name="x"), "z is an input of a and an output of the pipeline"),
    ],
    ids=["units", "kinds", "bounds", "choices", "output"],
)
def test_inputs_that_cannot_be_one_are_refused(first: Input, second: Input, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        composed([stage("a", declared(first)), stage("b", declared(second, output="z"))])


ANCHOR = Input(name="anchor", choices=("one", "two"))
FINS = Input(name="fins", unit="um", lower=1, upper=9)
PITCH = Input(name="pitch", unit="um", lower=1, upper=9, when="anchor == two and fins >= 3")


@pytest.mark.parametrize(
    ("names", "fins", "when"),
    [
        ({}, FINS, "anchor == two and fins >= 3"),
        ({"anchor": "b.anchor", "fins": "b.fins"}, FINS, "b.anchor == two and b.fins >= 3"),
        ({}, Input(name="fins", unit="mm"), ""),
    ],
    ids=["plain", "dotted", "another unit here"],
)
def test_the_condition_of_an_input_is_carried_into_the_pipeline(
    names: Mapping[str, str], fins: Input, when: str
) -> None:
    stages = [stage("b", declared(ANCHOR, FINS, PITCH), **names), stage("c", declared(fins, output="z"))]
    assert composed(stages).input("pitch").when == when
    assert composed(stages).input("pitch").default is None


def test_a_condition_on_a_fed_value_is_none_in_the_pipeline() -> None:
    fed = stage("b", declared(ANCHOR, FINS, PITCH))
    fed = replace(fed, names={"anchor": "anchor", "pitch": "pitch"})
    assert composed([stage("a", declared(FINS)), fed]).input("pitch").when == ""


def test_a_pipeline_asks_for_a_conditional_input_only_where_its_stage_needs_it(folder: Path) -> None:
    needs = 'Input(name="bow", lower=0, upper=1, unit="um", when="shape == round"),'
    device = FILES["device.py"].replace('Input(name="shape"', f'{needs}\n                Input(name="shape"')
    (folder / "device.py").write_text(device)
    length, shape = "{length: 100 .. 400 um", "device.shape: {choices: [round, flat]}"
    campaign = loaded(folder, (f"{length}}}", f"{length}, {shape}, bow: 0 .. 1 um}}"))
    assert {p.name: p.when for p in campaign.space.parameters}["bow"] == "device.shape == round"
    with pytest.raises(
        CampaignError, match=r"pipeline needs bow where device\.shape == round, and it has no value"
    ):
        loaded(folder, (f"{length}}}", f"{length}, {shape}}}"))


def test_a_pipeline_holds_the_licences_that_its_greediest_stage_takes() -> None:
    first, second = (
        declared(licences={"comsol": 2}),
        declared(licences={"comsol": 1, "matlab": 1}, output="z"),
    )
    assert composed([stage("a", first), stage("b", second)]).licences == {"comsol": 2, "matlab": 1}
