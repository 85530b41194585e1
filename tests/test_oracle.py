import pickle
from typing import Annotated

import pytest

from designloop.errors import OracleError
from designloop.oracle import (
    Context,
    Declaration,
    Fidelity,
    Infeasible,
    Input,
    Observation,
    Oracle,
    Output,
    Result,
    as_observations,
    as_oracle,
    declare,
    evaluate_many,
    non_finite,
)

Length = Annotated[float, Input(lower=1, upper=9, unit="um", description="of the beam")]


def beam(length: Length, turns: Annotated[int, Input(lower=1, upper=5)] = 2) -> Annotated[
    dict[str, float], Output("area", unit="um^2"), Output("margin", margin=True)
]:  # fmt: skip
    """Area of a beam.

    More words.
    """
    if length > 8:
        raise Infeasible("too long", metrics={"margin": 8 - length})
    return {"area": length * turns, "margin": 8 - length}


def noisy(x: Length, seed: int) -> Annotated[dict[str, float], Output("y")]:
    """Noise."""
    return {"y": x + seed}


def test_a_function_declares_its_inputs_and_outputs():
    declared = declare(beam)
    assert (declared.name, declared.summary) == ("beam", "Area of a beam.")
    assert declared.input("length") == Input(
        name="length", lower=1, upper=9, unit="um", description="of the beam"
    )
    assert declared.output("area").unit == "um^2"
    assert declared.output("margin").margin


def test_an_annotated_int_is_an_integer_with_its_default():
    turns = declare(beam).input("turns")
    assert turns.integer
    assert turns.default == 2


def test_a_seed_parameter_makes_a_function_stochastic():
    declared = declare(noisy)
    assert declared.stochastic
    assert [i.name for i in declared.inputs] == ["x"]


def test_a_function_receives_seed_and_context():
    def informed(x: Length, context: Context) -> Annotated[dict[str, float], Output("y")]:
        return {"y": context.seed + 0 * x}

    assert as_oracle(noisy).evaluate({"x": 1}, Context(seed=5)).metrics["y"].value == 6
    with pytest.raises(OracleError, match="says nothing of its input 'x'"):
        declare(lambda x: {"y": x})
    hints = {"x": Length, "return": Annotated[dict, Output("y")]}
    informed.__annotations__ = hints
    assert as_oracle(informed).evaluate({"x": 1}, Context(seed=7)).metrics["y"].value == 7


def test_a_function_without_declared_output_is_told_what_to_write():
    def mute(x: Length):
        """Say nothing."""

    mute.__annotations__ = {"x": Length}
    with pytest.raises(OracleError, match='declares no output. Annotate what it returns: "-> Annotated'):
        declare(mute)


FIELDS = {"name": "cell", "summary": "A cell.", "outputs": (Output("y"),), "inputs": (
    Input(name="pixels", lower=16, upper=512, integer=True),
    Input(name="rule", choices=("fine", "coarse", 1)),
    Input(name="spacing", lower=0, upper=1, unit="um"),
    Input(name="periodic", default=True),
)}  # fmt: skip


def test_a_fidelity_sets_inputs_and_is_found_by_name():
    settings = {"pixels": 64, "rule": "fine", "spacing": 0.5, "periodic": False}
    screen = Fidelity(name="screen", settings=settings, cost=0.8)
    declared = Declaration(**FIELDS, fidelities=(screen, Fidelity(name="plain", settings={})))
    assert declared.fidelity("screen") is screen
    with pytest.raises(KeyError, match="reference"):
        declared.fidelity("reference")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pixel": 64}, "'pixel' is no declared input .pixels, rule"),
        ({"pixels": 8}, "pixels = 8 is no value"),
        ({"pixels": 1024}, "pixels = 1024 is no value"),
        ({"pixels": 64.5}, "pixels = 64.5 is no value"),
        ({"pixels": True}, "pixels = True is no value"),
        ({"pixels": None}, "pixels = None is no value"),
        ({"spacing": float("nan")}, "spacing = nan is no value"),
        ({"rule": "finest"}, "rule = 'finest' is no value"),
        ({"rule": True}, "rule = True is no value"),
        ({"periodic": 1}, "periodic = 1 is no value"),
    ],
)
def test_a_setting_that_no_input_can_have_is_refused(settings, words):
    with pytest.raises(OracleError, match=f"oracle 'cell', fidelity 'screen': {words}"):
        Declaration(**FIELDS, fidelities=(Fidelity(name="screen", settings=settings),))


@pytest.mark.parametrize("names", [("a", "a"), ("",)], ids=["twice", "empty"])
def test_each_fidelity_has_a_name_of_its_own(names):
    with pytest.raises(OracleError, match="give each fidelity a name of its own"):
        Declaration(**FIELDS, fidelities=tuple(Fidelity(name=n, settings={}) for n in names))


@pytest.mark.parametrize("cost", [0.0, -1.0, float("inf"), float("nan")])
def test_a_cost_is_a_time(cost):
    with pytest.raises(OracleError, match="not CPU seconds. Leave out what is unknown"):
        Declaration(**FIELDS, fidelities=(Fidelity(name="a", settings={}, cost=cost),))


def test_an_undeclared_input_or_output_raises_key_error():
    declared = declare(beam)
    with pytest.raises(KeyError, match="width"):
        declared.input("width")
    with pytest.raises(KeyError, match="volume"):
        declared.output("volume")


def test_a_function_may_return_a_result():
    def full(x: Length) -> Annotated[dict[str, float], Output("y")]:
        """Give a result."""
        return Result(metrics={"y": Observation(value=float(x), sem=0.5)})

    full.__annotations__ = {"x": Length, "return": Annotated[dict, Output("y")]}
    assert as_oracle(full).evaluate({"x": 1}, Context()).metrics["y"].sem == 0.5


def test_many_designs_are_asked_one_by_one_without_a_batch():
    answers = evaluate_many(as_oracle(beam), [{"length": 2}, {"length": 9}, {"length": 3}], Context())
    assert [type(a) for a in answers] == [Result, Infeasible, Result]
    assert answers[1].metrics["margin"].value == -1


def test_failures_of_one_design_are_raised():
    with pytest.raises(TypeError, match="not supported"):
        evaluate_many(as_oracle(beam), [{"length": "long"}], Context())


def test_a_batch_is_asked_once():
    class Batch:
        """Count calls."""

        declaration = declare(beam)
        calls = 0

        def evaluate(self, parameters, context):
            raise AssertionError("single")

        def evaluate_batch(self, parameters, context):
            self.calls += 1
            return [Result(metrics={}) for _ in parameters]

    oracle = Batch()
    assert len(evaluate_many(oracle, [{}, {}, {}], Context())) == 3
    assert oracle.calls == 1


def test_infeasible_keeps_reason_and_metrics_through_a_pickle():
    again = pickle.loads(pickle.dumps(Infeasible("buckled", metrics={"margin": -0.5})))
    assert (again.reason, str(again)) == ("buckled", "buckled")
    assert again.metrics == {"margin": Observation(value=-0.5)}


def test_plain_numbers_become_observations():
    kept = Observation(value=2.0, lower=1.0, upper=3.0)
    assert as_observations({"a": 1, "b": kept}) == {"a": Observation(value=1.0), "b": kept}


@pytest.mark.parametrize("value", [None, "wide", [1, 2]], ids=["none", "text", "list"])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(OracleError, match="output 'a' is .*, not a number"):
        as_observations({"a": value})


@pytest.mark.parametrize("part", ["value", "sem", "lower", "upper"])
def test_an_infinity_anywhere_is_found(part):
    bad = Observation(**{"value": 1.0, part: float("inf")})
    assert non_finite({"good": Observation(value=1.0), "bad": bad}) == ["bad"]


def test_a_class_is_made_with_its_options():
    class Scaled:
        """Scale."""

        def __init__(self, factor: float = 1.0) -> None:
            self.factor = factor
            self.declaration = Declaration(name="s", summary="s", inputs=(), outputs=())

        def evaluate(self, parameters, context):
            return Result(metrics={})

    assert as_oracle(Scaled, {"factor": 3.0}).factor == 3
    with pytest.raises(OracleError, match="unexpected keyword argument 'depth'.*it takes factor"):
        as_oracle(Scaled, {"depth": 1})


def test_an_error_inside_a_constructor_is_not_taken_for_a_wrong_option():
    class Broken:
        """Break."""

        def __init__(self) -> None:
            len(3)

    with pytest.raises(TypeError, match="has no len"):
        as_oracle(Broken)


def test_an_instance_is_an_oracle_as_it_stands():
    oracle = as_oracle(beam)
    assert isinstance(oracle, Oracle)
    assert as_oracle(oracle) is oracle


def test_what_is_no_oracle_is_refused():
    with pytest.raises(OracleError, match="3 is no oracle"):
        as_oracle(3)


@pytest.mark.parametrize("answer", [None, "1.5", 3.0, [1.0]])
def test_an_answer_that_is_no_mapping_is_refused_by_name(answer: object) -> None:
    with pytest.raises(OracleError, match="not its outputs by name. Return a mapping"):
        as_observations(answer)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["1.5", True, None])
def test_a_value_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(OracleError, match="output 'y' is .* not a number"):
        as_observations({"y": value})  # type: ignore[dict-item]
