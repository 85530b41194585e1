"""Strategies: what to evaluate next, and why. Heavy libraries load with the first model-based proposal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from designloop.strategies.base import (
    Bound,
    Candidate,
    History,
    Problem,
    Proposal,
    Strategy,
    StrategyExhausted,
    Trial,
)
from designloop.strategies.options import DEFAULT, STRATEGIES, check_initial, check_options

__all__ = [
    "DEFAULT", "STRATEGIES", "Bound", "Candidate", "History", "Problem", "Proposal", "Strategy",
    "StrategyExhausted", "Trial", "create",
]  # fmt: skip


def create(
    name: str, *, problem: Problem, options: Mapping[str, Any], initial: Mapping[str, int]
) -> Strategy:
    """Make the strategy ``name`` for a problem. Raises CampaignError for a wrong name or option.

    ``initial`` is the initial design in order, such as ``{"center": 1, "sobol": 7}``. It counts what the
    strategy proposed itself: imported trials and a baseline are data for the model but shorten nothing
    (write ``initial: {sobol: 1}`` where the imported data suffice). Where the problem names metrics to be
    learned, model-free strategies train a learner as well.
    """
    from designloop.strategies.designs import SequenceStrategy
    from designloop.strategies.learned import LearningStrategy, check_committee, check_features
    from designloop.strategies.modelled import ModelStrategy
    from designloop.strategies.two_fidelities import TwoFidelityStrategy

    checked: Mapping[str, Any] = check_options(name, options)
    design = check_initial(initial)
    declaration = STRATEGIES[name]
    if declaration.learns or (problem.learn and not declaration.model_based):
        check_features(problem.space, checked.get("features", ()))
        check_committee(str(checked.get("committee", "")))
        return LearningStrategy(name=name, problem=problem, options=checked, initial=design)
    if problem.fidelities is not None:
        return TwoFidelityStrategy(name=name, problem=problem, options=checked, initial=design)
    if declaration.model_based:
        return ModelStrategy(name=name, problem=problem, options=checked, initial=design)
    return SequenceStrategy(name=name, problem=problem, options=checked, initial=design)
