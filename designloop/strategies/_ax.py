"""The only module that imports Ax: one experiment is built from a saved model, asked once, and dropped.

Ax is a stateless proposer. It sees safe names (p0, p1, ..., m0, m1, ...) on the unit cube, outcomes in
model units, and no transform of its own. Its modular BoTorch generator builds the acquisition function
from the optimization config; surrogate and maximizer are handed to it through its own extension points.
A criterion that is no acquisition function of BoTorch, such as a committee's disagreement, answers through
an external generation node instead.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from ax.adapter.registry import Generators
from ax.core.arm import Arm
from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.metric import Metric
from ax.core.objective import Objective
from ax.core.optimization_config import OptimizationConfig
from ax.core.outcome_constraint import OutcomeConstraint
from ax.core.parameter import ParameterType, RangeParameter
from ax.core.search_space import SearchSpace
from ax.generation_strategy.external_generation_node import ExternalGenerationNode
from ax.generation_strategy.generation_node import GenerationNode
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.generation_strategy.generator_spec import GeneratorSpec
from ax.generators.torch.botorch_modular.acquisition import Acquisition
from ax.generators.torch.botorch_modular.surrogate import Surrogate
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import AnalyticAcquisitionFunction
from botorch.utils.datasets import SupervisedDataset
from numpy.typing import NDArray
from torch import Tensor

from designloop.learning.gp import MetricModel
from designloop.learning.moments import MomentModel
from designloop.learning.posterior import botorch_of
from designloop.strategies.acquisition import Choice
from designloop.strategies.limits import Limit, Standing

Array = NDArray[np.float64]
Maximizer = Callable[[Any], tuple[Array, float]]
Chooser = Callable[[], Array]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What came out: the design on the unit cube (d,), or a batch (q, d), and its acquisition value."""

    unit: Array
    value: float


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One choice to be made: where the search stands, the acquisition function, and what maximizes it."""

    standing: Standing
    choice: Choice
    maximizer: Maximizer


Turns = Generator[Turn, Chosen, None]
Answer = Callable[["ChoosingAcquisition"], list[Chosen]]


class SavedSurrogate(Surrogate):  # type: ignore[misc]
    """Ax's surrogate around models that are already fitted; Ax keeps its own copy of the data.

    What the analytic acquisition functions ask is answered from the factors that the models hold.
    """

    def __init__(self, models: Sequence[MetricModel], function: type[AcquisitionFunction]) -> None:
        super().__init__()
        self._saved, self._function = list(models), function

    def fit(self, datasets: Sequence[Any], *_: Any, **__: Any) -> None:
        """Take Ax's data as training data and our models, in Ax's order of outcomes."""
        self._training_data = list(datasets)
        self._outcomes = [name for d in datasets for name in d.outcome_names]
        ordered = [self._saved[int(name[1:])] for name in self._outcomes]
        analytic = issubclass(self._function, AnalyticAcquisitionFunction)
        self._model = MomentModel(ordered) if analytic else botorch_of(ordered)

    def later(self, turn: Turn) -> SavedSurrogate:
        """The surrogate of a later turn, whose models believe more designs after all others."""
        models = turn.standing.models
        found = SavedSurrogate(models, turn.choice[0])
        believed = [m.designs[len(was.unit) :] for m, was in zip(models, self._saved, strict=True)]
        believes = [m.z[len(was.z) :] for m, was in zip(models, self._saved, strict=True)]
        numbers = [int(name[1:]) for name in self._outcomes]
        found.fit(
            [
                SupervisedDataset(
                    torch.cat([d.X, torch.as_tensor(believed[i])]),
                    torch.cat([d.Y, torch.as_tensor(believes[i])[:, None]]),
                    feature_names=d.feature_names,
                    outcome_names=d.outcome_names,
                )
                for d, i in zip(self._training_data, numbers, strict=True)
            ]
        )
        return found

    def best_in_sample_point(self, *_: Any, **__: Any) -> Any:
        """Nothing: the report finds the best design itself, and Ax need not spend time on it."""
        raise ValueError("not computed here")


class ChoosingAcquisition(Acquisition):  # type: ignore[misc]
    """Ax's acquisition whose maximizer is ours: exhaustive, or gradients under nonlinear constraints."""

    def __init__(self, **asked: Any) -> None:
        super().__init__(**asked)
        self._asked = asked

    def optimize(self, n: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Up to ``n`` candidates (k, d), the best value (1,), and their weights (k,)."""
        answers: list[Chosen] = self.options["answer"](self)
        points = np.vstack([np.atleast_2d(a.unit) for a in answers])
        value = torch.tensor([answers[0].value], dtype=torch.double)
        return torch.as_tensor(points, dtype=torch.double), value, torch.ones(len(points), dtype=torch.double)

    def later(self, turn: Turn) -> ChoosingAcquisition:
        """The acquisition of a later turn of the same question."""
        function, options = turn.choice
        changed = {"surrogate": self.surrogate.later(turn), "botorch_acqf_class": function}
        return ChoosingAcquisition(**{**self._asked, **changed, "botorch_acqf_options": options})


class OwnNode(ExternalGenerationNode):  # type: ignore[misc]
    """A node whose candidates come from ``chooser``; nothing else ever answers.

    Repeats of a design are candidates like any other, and no exception has a fallback generator: Ax would
    put a Sobol point in place of a choice it takes for a duplicate.
    """

    def __init__(self, chooser: Chooser) -> None:
        super().__init__(name="designloop", should_deduplicate=False)
        self.fallback_specs: dict[Any, Any] = {}
        self._chooser = chooser

    def update_generator_state(self, experiment: Experiment, data: Data) -> None:
        """Nothing: the chooser was made from the same history."""

    def get_next_candidate(self, pending_parameters: Any) -> dict[str, Any]:  # noqa: ARG002 - Ax's signature
        """The chooser's next point under Ax's names; the chooser knows itself what is pending."""
        return _named(self._chooser())


def asker(tried: Array, outcomes: Sequence[tuple[Array, Array, Array]]) -> Callable[[Chooser], Array]:
    """A function that asks Ax for one candidate (d,) of a chooser, on one experiment of the history.

    ``tried`` (k, d) are all designs, with data or without; ``outcomes`` are for each metric the designs
    (n, d), values (n,) and noise variances (n,) in model units.
    """
    names = [Metric(f"m{i}") for i in range(len(outcomes))]
    config = OptimizationConfig(Objective(expression="m0", metric_name_to_signature={"m0": "m0"}))
    experiment = Experiment(search_space=_cube(tried.shape[1]), optimization_config=config, metrics=names)
    _attach(experiment, outcomes, tried)

    def ask(chooser: Chooser) -> Array:
        strategy = GenerationStrategy(nodes=[OwnNode(chooser)], name="designloop")
        ((run,),) = strategy.gen(experiment=experiment, n=1)
        (arm,) = run.arms
        return np.array([arm.parameters[f"p{j}"] for j in range(tried.shape[1])], dtype=float)

    return ask


def choose(standing: Standing, choice: Choice, maximizer: Maximizer, *, n: int = 1) -> Chosen:
    """Ask Ax for ``n`` candidates together; ``maximizer`` receives the acquisition function that Ax built."""

    def only() -> Turns:
        yield Turn(standing=standing, choice=choice, maximizer=maximizer)

    return choose_in_turn(only(), n=n)[0]


def choose_in_turn(turns: Turns, *, n: int) -> list[Chosen]:
    """Ask Ax for ``n`` candidates one after another: ``turns`` is sent each answer before its next turn.

    The experiment and its data are made once, of the first turn; a later one may believe designs beside
    them, which stand after all others in its models.
    """
    found: list[Chosen] = []
    first = next(turns)

    def answer(acquisition: ChoosingAcquisition) -> list[Chosen]:
        turn, asked = first, acquisition
        while True:
            unit, value = turn.maximizer(asked.acqf)
            found.append(Chosen(unit=unit, value=value))
            try:
                turn = turns.send(found[-1])
            except StopIteration:
                return found
            asked = acquisition.later(turn)

    standing = first.standing
    experiment = _experiment(standing.models, minimize=standing.minimize, limits=standing.limits)
    node = _node(SavedSurrogate(standing.models, first.choice[0]), first.choice, answer)
    GenerationStrategy(nodes=[node], name="designloop").gen(experiment=experiment, n=n)
    return found


def _node(surrogate: SavedSurrogate, choice: Choice, answer: Answer) -> GenerationNode:
    """One node: the modular BoTorch generator around our surrogate, acquisition and maximizer."""
    spec = GeneratorSpec(
        generator_enum=Generators.BOTORCH_MODULAR,
        generator_kwargs={
            "surrogate": surrogate,
            "acquisition_class": ChoosingAcquisition,
            "acquisition_options": {"answer": answer, "subset_model": False},
            "botorch_acqf_class": choice[0],
            "botorch_acqf_options": choice[1],
            "transforms": [],
        },
    )
    return GenerationNode(name="designloop", should_deduplicate=False, generator_specs=[spec])


def _experiment(models: Sequence[MetricModel], *, minimize: bool, limits: Sequence[Limit]) -> Experiment:
    objective = Objective(expression="-m0" if minimize else "m0", metric_name_to_signature={"m0": "m0"})
    constraints = [
        OutcomeConstraint(
            expression=f"m{c.output} {'<=' if c.upper else '>='} {c.bound!r}",
            metric_name_to_signature={f"m{c.output}": f"m{c.output}"},
            relative=False,
        )
        for c in limits
    ]
    experiment = Experiment(
        search_space=_cube(models[0].designs.shape[1]),
        optimization_config=OptimizationConfig(objective=objective, outcome_constraints=constraints),
        metrics=[Metric(f"m{i}") for i in range(len(models))],
    )
    outcomes = [(m.designs, m.z, m.noise) for m in models]
    _attach(experiment, outcomes, np.empty((0, models[0].designs.shape[1])))
    return experiment


def _cube(d: int) -> SearchSpace:
    return SearchSpace(
        [RangeParameter(f"p{j}", parameter_type=ParameterType.FLOAT, lower=0.0, upper=1.0) for j in range(d)]
    )


def _named(unit: Array) -> dict[str, Any]:
    return {f"p{j}": float(v) for j, v in enumerate(unit)}


def _attach(experiment: Experiment, outcomes: Sequence[tuple[Array, Array, Array]], bare: Array) -> None:
    """One trial of all designs, ``bare`` ones (k, d) without data, and one data frame for all outcomes."""
    index: dict[bytes, int] = {}
    rows = []
    for i, (units, values, noises) in enumerate(outcomes):
        for unit, z, noise in zip(np.clip(units, 0.0, 1.0), values, noises, strict=True):
            k = index.setdefault(unit.tobytes(), len(index))
            name = f"m{i}"
            rows.append((0, f"0_{k}", name, name, float(z), float(noise) ** 0.5))
    for unit in np.clip(bare, 0.0, 1.0):
        index.setdefault(unit.tobytes(), len(index))
    trial = experiment.new_batch_trial()
    trial.add_arms_and_weights([Arm(parameters=_named(np.frombuffer(key))) for key in index])
    trial.mark_running(no_runner_required=True)
    columns = ["trial_index", "arm_name", "metric_name", "metric_signature", "mean", "sem"]
    frame = pd.DataFrame(rows, columns=columns).drop_duplicates(["arm_name", "metric_name"])
    experiment.attach_data(Data(df=frame))
    trial.mark_completed()
