"""Schema of ``execution: failures``: what is done about each cause of failure."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, StrictInt, model_validator

from designloop.campaign.execution import Do
from designloop.oracle import Cause
from designloop.reading.part import Part
from designloop.reading.problems import Refused, advice
from designloop.reading.values import MeasureField, shown

WORDS: tuple[str, ...] = get_args(Do)
RETRIES = 3
"""Attempts more where the file says only ``retry``."""
Last = Literal["abandon", "infeasible", "censor", "keep", "quarantine", "pause"]

_OF_DESIGNS = "says nothing of the design"
_NOT: dict[str, tuple[str, ...]] = {
    "lost": ("infeasible", "censor", "keep"),
    "wait": ("infeasible", "censor", "keep", "quarantine"),
}
"""What a cause that says nothing of the design cannot mean."""


class ReactionSpec(Part):
    """What is done about one cause of failure: a word, or attempts more and then a word."""

    short: ClassVar[dict[str, Any] | None] = {"enum": list(WORDS)}
    retry: Annotated[StrictInt, Field(ge=1, le=1000)] | None = Field(
        default=None, description="So many attempts more at the same design.", examples=[3]
    )
    wait: MeasureField | None = Field(
        default=None,
        description="Time before the first of them, doubled with each further one up to an hour; default "
        "10 s, and 10 min for the cause wait.",
        examples=["10 s"],
    )
    then: Last = Field(
        default="abandon", description="What the failure means in the end.", examples=["infeasible"]
    )

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """A word is what the failure means at once."""
        if value == "retry":
            return {"retry": RETRIES}
        if isinstance(value, str) and value in WORDS:
            return {"then": value}
        if isinstance(value, str):
            raise Refused(f"{shown(value)} is no reaction.", advice(value, WORDS, kind="reactions"))
        if isinstance(value, int | float):
            times = RETRIES if isinstance(value, bool) else shown(value)
            raise Refused(f"{shown(value)} is no reaction.", f"Write {{retry: {times}}} or abandon.")
        return value


def _cause(words: str, default: str, example: Any) -> Any:
    text = f"{words} Default: {default}."
    return Field(default=None, description=text, examples=[example])


class FailuresSpec(Part):
    """What is done about each cause of failure."""

    error: ReactionSpec | None = _cause("The oracle raised an error.", "abandon", "abandon")
    crash: ReactionSpec | None = _cause(
        "The oracle's process died.", "abandon", {"retry": 1, "then": "infeasible"}
    )
    timeout: ReactionSpec | None = _cause("The time limit ended it.", "censor", "censor")
    memory: ReactionSpec | None = _cause("The memory limit ended it.", "abandon", "censor")
    invalid: ReactionSpec | None = _cause(
        "The answer holds no finite numbers by the declared names.", "abandon", "infeasible"
    )
    partial: ReactionSpec | None = _cause("Some outputs are missing.", "keep", "keep")
    guard: ReactionSpec | None = _cause("The answer cannot be physical.", "quarantine", "quarantine")
    lost: ReactionSpec | None = _cause(
        "The machine, the worker or the cluster failed.", "{retry: 3, wait: 10 s}, then abandon",
        {"retry": 3, "wait": "10 s"},
    )  # fmt: skip
    wait: ReactionSpec | None = _cause(
        "A licence or another resource was not free.", "tried again every 10 min, as often as it takes",
        {"retry": 100, "wait": "5 min", "then": "pause"},
    )  # fmt: skip

    @model_validator(mode="after")
    def _meaningful(self) -> FailuresSpec:
        for cause in get_args(Cause):
            given = getattr(self, cause)
            if given is None:
                continue
            if given.then in _NOT.get(cause, ()):
                raise Refused(
                    f"{cause} {_OF_DESIGNS}, so it cannot mean {given.then}.",
                    "Write abandon or pause, after some retry.", below=(cause,),
                )  # fmt: skip
            if given.then == "keep" and cause != "partial":
                raise Refused(
                    f"keep goes with partial only: {cause} leaves nothing to keep.",
                    "Write abandon, censor or quarantine.", below=(cause,),
                )  # fmt: skip
            if given.wait is not None and given.retry is None:
                raise Refused(
                    f"{cause} waits for no attempt.", "Add retry: 3, or leave wait out.",
                    below=(cause, "wait"), key=True,
                )  # fmt: skip
        return self
