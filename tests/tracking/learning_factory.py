"""Learning runs as journals: the beam of ``run_factory``, whose whole response is to be known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from run_factory import METRIC, Factory, design, saved_model, space

from designloop import goals
from designloop.campaign.model import Aim, Goal
from designloop.closure import closure
from designloop.record import read

FREQUENCY = "resonance_frequency.max"
AIMS = (
    Aim(metric=METRIC, error=0.2, kind="relative", label="20 %"),
    Aim(metric=FREQUENCY, error=12.0, kind="absolute", label="12 kHz"),
)
SCOPE = [
    {"metric": "buckling_margin", "relation": ">=", "bound": 0.0, "is_margin": True, "unit": "MPa",
     "label": "buckling_margin"},
]  # fmt: skip
EASY = (
    Aim(metric=METRIC, error=0.6, kind="relative", label="60 %"),
    Aim(metric=FREQUENCY, error=45.0, kind="absolute", label="45 kHz"),
)
FIRST = 8
"""Labels before the first model."""


def learning_campaign(aims: tuple[Aim, ...] = AIMS, **changes: Any) -> dict[str, Any]:
    """What makes a campaign record one of learning."""
    strategy = {"name": "query_by_committee", "options": {}, "initial": {"sobol": FIRST}, "until": None}
    objective = {"metric": aims[0].metric, "minimize": False, "mode": "learn", "unit": "nT/sqrt(Hz)"}
    content = {
        "goal": {
            "aims": [vars(aim).copy() for aim in aims],
            "by": "leave_one_out", "designs": 0, "reference": None,
        },
        "objective": objective,
        "parameters": space().to_json()["parameters"],
        "constraints": SCOPE,
        "strategy": strategy,
        "phases": [strategy],
        "register": {"name": "beam", "alias": "champion", "if_reached": False},
        "baseline": None,
    }  # fmt: skip
    return {**content, **changes}


class LearningFactory(Factory):
    """Writes a learning run; ``gate`` maps a trial's index to the state from then on."""

    def __init__(
        self, folder: Path, *, aims: tuple[Aim, ...] = AIMS, gate: dict[int, str] | None = None,
        bias: float = 0.0, uri: str | None = None, **changes: Any,
    ) -> None:  # fmt: skip
        super().__init__(folder, uri=uri, **learning_campaign(aims, **changes))
        self.goal = Goal(aims=aims)
        self.gate, self.bias = gate or {}, bias
        self.phase = 0

    def propose(self, parameters: dict[str, float] | None = None, *, assess_only: bool = False) -> int:
        """One proposal: Sobol designs first, then the committee's with real predictions and assessments."""
        index, number = self.trials, self.proposals
        parameters = parameters or design(index + 1)
        if len(self.values) < FIRST:
            candidate = {"trial": index, "parameters": parameters,
                         "reason": {"generator": "sobol", "text": "initial design"}}  # fmt: skip
            self._write(number, [candidate])
            self.trials = index + 1
            return index
        saved = saved_model(self.values)
        model = f"models/{number:04d}"
        saved.save(self.directory / model)
        candidates, progress = [], self._progress(saved)
        if not assess_only:
            candidates = [
                {"trial": index, "parameters": parameters, "reason": self._reason(saved, parameters)}
            ]
            self.trials = index + 1
        self._write(number, candidates, model=model, progress=progress)
        return index

    def _write(self, number: int, candidates: list[Any], **more: Any) -> None:
        self.append(
            "proposal", number=number, digest="d" * 64, strategy="query_by_committee", seed=7,
            origin="strategy", phase=self.phase, candidates=candidates, fit=None, refitted=False,
            **{"model": None, "seconds": {"propose": 0.19}, **more},
        )  # fmt: skip
        self.proposals = number + 1

    def _state(self) -> str:
        return next((s for t, s in sorted(self.gate.items(), reverse=True) if t <= self.trials), "committee")

    def _reason(self, saved: Any, parameters: dict[str, float]) -> dict[str, Any]:
        from designloop.learning.models import predict

        found = {m: (float(mean[0]), float(sd[0])) for m, (mean, sd) in predict(saved, [parameters]).items()}
        prediction = {m: [mean * (1 + self.bias), sd] for m, (mean, sd) in found.items()}
        generator = "gate_random" if self._state() == "random" else "query_by_committee"
        if self.trials % 10 == 9:
            generator = "shadow"
        return {
            "generator": generator, "text": "the committee disagrees most here", "prediction": prediction,
            "disagreement": 0.31, "epistemic": {m: 0.8 * sd for m, (_, sd) in prediction.items()},
            "aleatoric": {m: 0.6 * sd for m, (_, sd) in prediction.items()}, "penalty": 0.12,
            "nearest_trial": 1,
        }  # fmt: skip

    def _progress(self, saved: Any) -> dict[str, Any]:
        run = read(self.directory)
        found = goals.assess(run, self.goal, saved=saved, space=space())
        state = self._state()
        text = "the committee has the lower error" if state == "committee" else (
            f"no better than random since trial {self.trials}: using random"
        )  # fmt: skip
        return {
            **found,
            "closure": closure(run, [a.metric for a in self.goal.aims]).to_json(),
            "disagreement": {"max": 2.0 / found["labels"], "mean": 1.0 / found["labels"]},
            "gate": {"state": state, "since": None, "text": text},
            "region": {"wasted": 0.1, "count": found["labels"], "active": False},
        }

    def held_out(self, count: int) -> LearningFactory:
        """Test designs, evaluated before everything else."""
        designs = [design(100 + i) for i in range(count)]
        reason = {"generator": "held_out", "text": "held out: judges the model, never teaches it"}
        self.append(
            "proposal", number=self.proposals, digest="d" * 64, origin="held_out", seconds={},
            candidates=[{"trial": self.trials + i, "parameters": d, "reason": reason}
                        for i, d in enumerate(designs)],
        )  # fmt: skip
        first, self.trials, self.proposals = self.trials, self.trials + count, self.proposals + 1
        for i, each in enumerate(designs):
            self.begin(first + i)
            self.end(first + i, parameters=each)
        del self.values[-count:]
        return self

    def trial(self, **outcome: Any) -> int:
        """A whole trial; the fourth cannot exist."""
        index = self.propose()
        self.begin(index)
        self.end(index, parameters=design(index + 1), **outcome)
        return index

    def ends(self, reason: str) -> LearningFactory:
        """The last assessment and the stop."""
        self.propose(assess_only=True)
        self.append("decision", action="stop", reason=reason)
        return self
