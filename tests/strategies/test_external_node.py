"""Own criteria through Ax: whatever the chooser says is the answer, and nothing else ever answers."""

import numpy as np
import pytest

from designloop.strategies import StrategyExhausted
from designloop.strategies.quiet import contained, load_ax

UNIT = np.random.default_rng(2).random((6, 2))


@pytest.fixture(autouse=True)
def quiet():
    with contained(0):
        yield


def asker(tried=UNIT, labelled=UNIT):
    values = labelled.sum(1)
    return load_ax().asker(tried, [(labelled, values, np.full(len(values), 1e-4))])


@pytest.fixture
def generated(monkeypatch):
    """Every generator of Ax's own that is asked, by name."""
    from ax.generation_strategy.generator_spec import GeneratorSpec

    asked = []
    for name in ("fit", "gen"):
        monkeypatch.setattr(GeneratorSpec, name, lambda self, *_, **__: asked.append(self.generator_key))
    return asked


def test_the_answer_is_the_choosers_point_bit_for_bit(generated):
    point = np.array([0.1234567890123456, 1.0])
    assert asker()(lambda: point).tobytes() == point.tobytes()
    assert generated == []


def test_a_design_that_was_tried_comes_back_where_the_chooser_says_so(generated):
    ask = asker()
    for row in (*UNIT, UNIT[0]):
        assert ask(lambda row=row: row).tobytes() == row.tobytes()
    assert generated == []


def test_a_space_whose_designs_all_were_tried_still_has_no_fallback(generated):
    corners = np.array([[0.0], [1.0]])
    ask = asker(corners, corners)
    assert ask(lambda: corners[1]) == corners[1]
    assert generated == []


@pytest.mark.parametrize("error", [StrategyExhausted("none left"), ValueError("a defect"), RuntimeError("x")])
def test_what_the_chooser_raises_comes_through(generated, error):
    def chooser():
        raise error

    with pytest.raises(type(error), match=str(error)):
        asker()(chooser)
    assert generated == []


def test_even_repeated_points_as_ax_calls_them_have_no_fallback(generated):
    from ax.exceptions.generation_strategy import GenerationStrategyRepeatedPoints

    def chooser():
        raise GenerationStrategyRepeatedPoints("again")

    with pytest.raises(GenerationStrategyRepeatedPoints, match="again"):
        asker()(chooser)
    assert generated == []


def test_the_chooser_is_asked_once_per_candidate():
    asked = []

    def chooser():
        asked.append(1)
        return UNIT[0]

    ask = asker()
    ask(chooser)
    ask(chooser)
    assert len(asked) == 2


def test_the_experiment_holds_every_design_and_each_label_once(monkeypatch):
    ax = load_ax()
    seen = []
    node = ax.OwnNode
    monkeypatch.setattr(
        node, "update_generator_state", lambda _, experiment, data: seen.append((experiment, data))
    )
    tried = np.vstack([UNIT, [[0.5, 0.5]], UNIT[:1]])
    outcomes = [(UNIT, UNIT.sum(1), np.full(6, 1e-4)), (UNIT[:4], UNIT[:4, 0], np.full(4, 0.04))]
    ax.asker(tried, outcomes)(lambda: UNIT[0])
    ((experiment, data),) = seen
    assert len(experiment.arms_by_name) == 7
    assert len(data.df) == 10
    second = data.df[data.df.metric_name == "m1"]
    np.testing.assert_allclose(second["mean"], UNIT[:4, 0])
    np.testing.assert_allclose(second["sem"], 0.2)


def test_global_generators_stay_as_they_were():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    with contained(1):
        asker()(lambda: UNIT[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
