# ruff: noqa: E501 - one strategy, one line
"""The schema classes: what is written comes back equal, every key has an example, editors get a schema."""

from __future__ import annotations

import json
import re

import pytest
from campaign_example import DECLARATION, FILE
from hypothesis import given
from hypothesis import strategies as st

from designloop.campaign import explain, json_schema, loads
from designloop.campaign.execution_parts import ExecutionSpec, LicenceSpec, QueueSpec
from designloop.campaign.failure_parts import FailuresSpec, ReactionSpec
from designloop.campaign.goal_parts import GoalSpec, JudgeSpec, RegisterSpec
from designloop.campaign.help import keys
from designloop.campaign.oracle_parts import EscalateSpec, OracleSpec, RetrainSpec, SolverSpec, StageSpec
from designloop.campaign.parts import (
    ColumnSpec,
    ExistingTrialsSpec,
    FailedIfSpec,
    ObjectiveSpec,
    ParameterSpec,
    Part,
    ProcessSpec,
    TrackingSpec,
)
from designloop.campaign.schema import CampaignFile
from designloop.campaign.stop_parts import CoverageSpec, NoImprovementSpec, NothingToGainSpec, StopSpec
from designloop.campaign.strategies import StrategySpec, UntilSpec
from designloop.campaign.validation import OWNERS
from designloop.errors import CampaignError
from designloop.reading.document import parse
from designloop.reading.writing import block

NAMES = st.text(alphabet="abcdefgh_äE", min_size=1, max_size=8)
NUMBERS = st.floats(0.001, 1000, allow_nan=False)
COUNTS = st.integers(1, 1000)
ADDRESSES = st.builds("{}host:{}".format, st.sampled_from(["", "tcp://", "tls://"]), st.integers(1, 65535))
MEASURES = st.one_of(
    NUMBERS, st.builds(lambda n, u: f"{n!r} {u}", NUMBERS, st.sampled_from(["um", "MPa", "kHz"]))
)
SPANS = st.builds(lambda a, b: f"{min(a, b)!r} .. {max(a, b) + 1!r} um", NUMBERS, NUMBERS)
PLAIN = st.one_of(st.booleans(), st.integers(-99, 99), NUMBERS, st.text(max_size=9))


def optional(**fields):
    return st.fixed_dictionaries({}, optional=fields)


def merged(*parts):
    return st.tuples(*parts).map(lambda found: {k: v for part in found for k, v in part.items()})


PARAMETERS = st.one_of(
    st.none(),
    SPANS,
    merged(st.fixed_dictionaries({"range": SPANS}),
           optional(step=MEASURES, scale=st.sampled_from(["log", "linear"]), integer=st.booleans())),
    merged(st.fixed_dictionaries({"choices": st.lists(PLAIN, min_size=2, max_size=4)}), optional(ordered=st.booleans())),
    st.fixed_dictionaries({"value": PLAIN}),
    st.fixed_dictionaries({"derived": NAMES}),
)  # fmt: skip
OBJECTIVES = st.one_of(
    merged(st.fixed_dictionaries({"minimize": NAMES}), optional(mode=st.sampled_from(["nominal"]))),
    st.builds(lambda n, s: {"maximize": n, "mode": "worst_corner", "corners": s}, NAMES, st.sampled_from([3, "2.5 sigma"])),
    st.builds(lambda n, s: {"minimize": n, "mode": "mean", "samples": s}, NAMES, st.integers(16, 999)),
    st.just({"maximize": "yield"}),
)  # fmt: skip
UNTIL = st.one_of(st.just("goal"), st.fixed_dictionaries({"trials": COUNTS}))
TOLERANCES = st.one_of(
    NUMBERS,
    st.builds("{!r} {}".format, st.floats(0.01, 99), st.sampled_from(["%", "% of spread", "GPa", "ppm"])),
)
JUDGES = st.one_of(
    st.just("leave_one_out"),
    st.fixed_dictionaries({"held_out": st.integers(5, 99)}),
    merged(st.fixed_dictionaries({"reference": NAMES}), optional(designs=st.integers(5, 999))),
)
GOALS = merged(
    st.fixed_dictionaries({"learn": st.dictionaries(NAMES, TOLERANCES, min_size=1, max_size=3)}),
    optional(judge=JUDGES),
)
REGISTERS = optional(
    **{
        "as": NAMES,
        "alias": st.sampled_from(["champion", "best_1"]),
        "if": st.sampled_from(["always", "goal reached"]),
    }
)
STRATEGIES = st.one_of(
    st.sampled_from(["gp_ucb", "ei", "sobol"]),
    merged(st.just({"name": "gp_ucb"}), optional(kappa=NUMBERS, initial=st.just({"sobol": 7, "center": 1}))),
    merged(
        st.just({"name": "pi", "batch": 3}),
        optional(xi=NUMBERS, believer=st.sampled_from(["kriging", "joint"])),
    ),
    merged(
        st.just({"name": "query_by_committee", "committee": "networks"}),
        optional(
            members=st.integers(2, 100), subset=st.floats(0.1, 1), hidden=st.lists(COUNTS, min_size=1, max_size=6), alpha=NUMBERS,
            kernel=st.sampled_from(["matern52", "rbf"]), disagreement=st.sampled_from(["sum", "mean", "max", "integrated"]),
            diversity=NUMBERS, shadow=st.integers(2, 99), region=st.sampled_from(["auto", "two_class"]),
            weight=st.one_of(st.just("auto"), NUMBERS), replicates=st.sampled_from(["auto", "never"]), until=UNTIL,
            search=st.sampled_from(["pool", "differential_evolution"]), features=st.lists(NAMES, min_size=1, max_size=2),
        ),
    ),
    st.builds(lambda name, gate: {"name": name, "gate": gate}, st.sampled_from(["gp_variance", "qnipv", "bald", "gsx", "igs"]), st.sampled_from(["random", "off"])),
    st.just({"name": "query_by_committee", "reproduce": "morand_2022", "batch": 4}),
)  # fmt: skip
COLUMNS = st.one_of(NAMES, merged(st.fixed_dictionaries({"name": NAMES}), optional(unit=st.just("um"))))
EXISTING = st.one_of(NAMES, merged(st.fixed_dictionaries({"file": NAMES}), optional(
    sheet=NAMES, decimal=st.sampled_from([".", ","]), delimiter=st.sampled_from(";|"),
    columns=st.dictionaries(NAMES, COLUMNS, max_size=2), fill=st.dictionaries(NAMES, PLAIN, max_size=2),
    failed_if=st.fixed_dictionaries({"empty": NAMES}))))  # fmt: skip
NO_IMPROVEMENT = merged(st.fixed_dictionaries({"trials": COUNTS}), optional(less_than=MEASURES))
COVERAGES = NO_IMPROVEMENT
GAINS = st.one_of(MEASURES, st.fixed_dictionaries({"less_than": MEASURES}))
STOPS = optional(
    trials=COUNTS, no_improvement=NO_IMPROVEMENT, wall_time=MEASURES, goal=st.sampled_from(["reached", "ignored"]),
    disagreement=MEASURES, coverage=COVERAGES, nothing_to_gain=GAINS, target=NAMES, cost=MEASURES,
    until=st.sampled_from(["2026-12-18", "2027-02-28 18:00"]),
    licence_hours=st.one_of(MEASURES, st.dictionaries(NAMES, MEASURES, min_size=1, max_size=2)),
)  # fmt: skip
PROCESSES = st.one_of(
    st.fixed_dictionaries({"normal": st.lists(MEASURES, min_size=2, max_size=2)}), st.just({"level": "die"})
)
STORES = st.builds("{}{}".format, st.sampled_from(["sqlite:///", "https://", "mysql+pymysql://"]), NAMES)
TRACKINGS = optional(uri=STORES, models=st.sampled_from(["every_fit", "checkpoints", "last"]))
SIZES = st.builds("{} {}".format, COUNTS, st.sampled_from(["GB", "MiB"]))
LAST = st.sampled_from(["abandon", "pause"])
REACTIONS = st.one_of(
    LAST,
    st.just("retry"),
    merged(st.fixed_dictionaries({"retry": COUNTS}), optional(wait=MEASURES, then=LAST)),
)
CAUSES = ("error", "crash", "timeout", "memory", "invalid", "partial", "guard", "lost", "wait")
FAILURES = optional(**dict.fromkeys(CAUSES, REACTIONS))
QUEUES = optional(
    partition=st.sampled_from(["cpu", "long,short"]), gres=st.just("gpu:1"), cpus=COUNTS, memory=SIZES,
    extra=st.lists(st.just("--nice=100"), max_size=2),
)  # fmt: skip
LICENCES = st.one_of(COUNTS, merged(st.fixed_dictionaries({"tokens": COUNTS}), optional(each=COUNTS)))
HOURS = st.sampled_from(["Mon-Fri 19:00-07:00", "Sat-Sun", "daily 20:00-06:00"])
EXECUTIONS = optional(
    engine=st.sampled_from(["in_process", "dask", "manual"]), workers=COUNTS, threads=COUNTS, time_limit=MEASURES,
    memory_limit=SIZES, staleness=st.integers(0, 99), failures=FAILURES, failure_limit=COUNTS,
    equal_failures=st.integers(2, 9), licences=st.dictionaries(NAMES, LICENCES, max_size=2),
    hours=st.one_of(HOURS, st.lists(HOURS, min_size=1, max_size=2)), queue=QUEUES, address=ADDRESSES,
    cluster=st.fixed_dictionaries({"class": st.just("SLURMCluster"), "cores": COUNTS}),
    resources=st.dictionaries(st.sampled_from(["GPU"]), NUMBERS),
)  # fmt: skip
SOLVERS = st.one_of(
    NAMES, merged(st.fixed_dictionaries({"name": NAMES}), optional(options=st.dictionaries(NAMES, PLAIN)))
)
RETRAINS = st.one_of(st.just("off"), merged(st.fixed_dictionaries({"every": COUNTS}), optional(tests=COUNTS)))
SPREADS = st.builds("{!r} {}".format, st.floats(0.01, 99), st.sampled_from(["GPa", "%"]))
ESCALATES = merged(
    st.fixed_dictionaries({"to": SOLVERS}),
    optional(
        spread=st.one_of(SPREADS, st.dictionaries(NAMES, SPREADS, min_size=1)),
        outside=st.sampled_from(["solver", "refuse"]), audit=st.sampled_from([0, "5 %", "100 %"]),
        retrain=RETRAINS,
    ),
)  # fmt: skip
STAGES = st.one_of(
    NAMES,
    merged(
        st.fixed_dictionaries({"oracle": NAMES}),
        optional(
            options=st.dictionaries(NAMES, PLAIN), inputs=st.dictionaries(NAMES, NAMES), escalate=ESCALATES
        ),
    ),
)
ORACLES = st.one_of(
    NAMES,
    merged(
        st.fixed_dictionaries({"name": NAMES}),
        optional(options=st.dictionaries(NAMES, PLAIN), escalate=ESCALATES),
    ),
    st.fixed_dictionaries({"pipeline": st.fixed_dictionaries({"film": STAGES, "device": STAGES})}),
)
DESIGNS = st.dictionaries(NAMES, PLAIN, max_size=3)
FILES = merged(
    st.fixed_dictionaries({"version": st.just(1), "oracle": ORACLES, "objectives": st.lists(OBJECTIVES, min_size=1, max_size=1)}),
    optional(
        name=NAMES, description=st.text(max_size=20), seed=st.integers(0, 2**31 - 1), fixed=DESIGNS,
        parameters=st.dictionaries(NAMES, PARAMETERS, max_size=2), process=st.dictionaries(NAMES, PROCESSES, max_size=1),
        derived=st.dictionaries(NAMES, NAMES, max_size=1), constraints=st.lists(NAMES, max_size=2),
        specs=st.lists(NAMES, max_size=1), baseline=DESIGNS, start_with=st.lists(DESIGNS, max_size=2),
        existing_trials=EXISTING, fidelity=NAMES, stop=STOPS, execution=EXECUTIONS, goal=GOALS, register=REGISTERS,
        strategy=st.one_of(STRATEGIES, st.lists(STRATEGIES, min_size=1, max_size=2)),
        tracking=st.one_of(st.just("off"), TRACKINGS),
    ),
)  # fmt: skip
CLASSES: dict[type[Part], st.SearchStrategy] = {
    OracleSpec: ORACLES,
    ParameterSpec: PARAMETERS,
    ProcessSpec: PROCESSES,
    SolverSpec: SOLVERS,
    RetrainSpec: RETRAINS,
    EscalateSpec: ESCALATES,
    StageSpec: STAGES,
    ObjectiveSpec: OBJECTIVES,
    NoImprovementSpec: NO_IMPROVEMENT,
    StopSpec: STOPS,
    NothingToGainSpec: GAINS,
    ExecutionSpec: EXECUTIONS,
    QueueSpec: QUEUES,
    LicenceSpec: LICENCES,
    FailuresSpec: FAILURES,
    ReactionSpec: REACTIONS,
    TrackingSpec: TRACKINGS,
    ColumnSpec: COLUMNS,
    FailedIfSpec: st.fixed_dictionaries({"empty": NAMES}),
    ExistingTrialsSpec: EXISTING,
    StrategySpec: STRATEGIES,
    UntilSpec: UNTIL,
    GoalSpec: GOALS,
    JudgeSpec: JUDGES,
    RegisterSpec: REGISTERS,
    CoverageSpec: COVERAGES,
    CampaignFile: FILES,
}


def test_every_class_of_the_schema_is_tried():
    assert set(CLASSES) == set(OWNERS.values())


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_what_is_written_comes_back_equal(kind):
    @given(CLASSES[kind])
    def check(data):
        model = kind.model_validate(data)
        again = model.model_dump(mode="json", exclude_none=True)
        assert kind.model_validate(again) == model
        text = block({"x": again})
        assert kind.model_validate(parse(text, file="f").data["x"]) == model

    check()


def test_models_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        CampaignFile.model_validate(parse(FILE, file="f").data).stop.trials = 3


def test_every_key_has_a_meaning_and_an_example():
    lacking = [name for name, field in keys().items() if not field.description or not field.examples]
    assert lacking == []


@pytest.mark.parametrize("key", list(keys()))
def test_explain_knows_every_key(key):
    text = explain(key)
    assert "example:" in text
    assert "default" in text.lower()


@pytest.mark.parametrize(
    "key",
    [k for k, f in keys().items() if k.startswith("strategy.") and "Literal[" in str(f.annotation)],
)
def test_explain_says_every_word_that_an_option_of_a_strategy_takes(key):
    text = explain(key)
    for word in re.findall(r"'(\w+)'", str(keys()[key].annotation)):
        assert re.search(rf"\b{word}\b", text), word


@pytest.mark.parametrize(
    "key", ["region", "action", "search", "gate", "replicates", "kernel", "disagreement", "reproduce"]
)
def test_explain_lists_the_values_of_options_that_take_words_only(key):
    assert "  values: " in explain(f"strategy.{key}")


def test_explain_finds_a_key_by_its_last_word_and_through_names():
    assert explain("kappa").startswith("strategy.kappa")
    assert explain("parameters.gap.step").startswith("parameters.NAME.step")
    assert "stop.no_improvement.trials" in explain("trials")


def test_explain_without_a_key_lists_all():
    assert len(explain().splitlines()) == len(keys())


def test_explain_suggests_the_nearest_key():
    with pytest.raises(CampaignError, match="Did you mean kappa"):
        explain("kapa")


def test_every_example_is_valid():
    data = {name: field.examples[0] for name, field in CampaignFile.by_key().items() if field.examples}
    CampaignFile.model_validate(data)


def test_the_json_schema_is_json_and_describes_every_key():
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert set(schema["anyOf"][1]["properties"] if "anyOf" in schema else schema["properties"]) == set(
        CampaignFile.by_key()
    )
    assert "20 um" in json.dumps(schema)


def test_the_short_and_the_long_form_say_the_same():
    long = FILE.replace("oracle: magnetometer", "oracle: {name: magnetometer}").replace(
        "gap: 1.5 .. 4 um", "gap: {range: 1.5 .. 4 um}"
    )
    assert loads(long, declaration=DECLARATION).file == loads(FILE, declaration=DECLARATION).file
