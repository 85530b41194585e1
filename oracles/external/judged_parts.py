"""Schema of what a program must fulfil, and of failures that are known by their sign."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr, model_validator

from designloop.reading.part import Part
from designloop.reading.problems import Refused

from .fields import File, Pattern, Patterns, Seconds, Texts, several


class SuccessSpec(Part):
    """What must be true after a program has ended."""

    exit: Annotated[tuple[StrictInt, ...], BeforeValidator(several)] = Field(
        default=(0,), description="Exit statuses that are success.", examples=[[0, 2]]
    )
    files: Texts = Field(default=(), description="Files that must exist.", examples=[["table.txt"]])
    log: Patterns = Field(default=(), description="What the log must say.", examples=["Converged"])
    log_without: Patterns = Field(default=(), description="What the log must not say.", examples=["ERROR"])


class FailureSpec(Part):
    """A failure that is known by its sign, and what it means."""

    log: Pattern | None = Field(
        default=None, description="The log says this.", examples=["Could not obtain license"]
    )
    file: File | None = Field(
        default=None, description="The file that log is about; default the step's own log.",
        examples=["batch.log"],
    )  # fmt: skip
    exit: StrictInt | None = Field(default=None, description="The exit status is this.", examples=[3])
    missing: File | None = Field(default=None, description="This file does not exist.", examples=["mesh.dat"])
    step: StrictStr | None = Field(
        default=None, description="The step that it is about; default every step.", examples=["mesh"]
    )
    is_: Literal["wait", "infeasible", "retry", "error", "guard"] = Field(
        alias="is",
        description="wait: no licence, try again later; infeasible: an answer, this design cannot be; retry: "
        "the machine failed; error: the program failed; guard: the answer cannot be right.",
        examples=["wait"],
    )
    retry_every: Seconds | None = Field(
        default=None, description="wait: when to try again.", examples=["10 min"]
    )
    counts: StrictBool | None = Field(
        default=None, description="false: said by wait and infeasible alone.", examples=[False]
    )

    @model_validator(mode="after")
    def _one_sign(self) -> FailureSpec:
        signs = [k for k in ("log", "exit", "missing") if getattr(self, k) is not None]
        if len(signs) != 1:
            raise Refused(
                "a failure has one sign." if signs else "this failure has no sign.",
                "Write one of log, exit and missing; two failures are two entries.",
            )
        if self.file is not None and self.log is None:
            raise Refused("file goes with log only.", "Leave file out.", below=("file",), key=True)
        if self.retry_every is not None and self.is_ != "wait":
            raise Refused(
                "retry_every goes with is: wait only.", "Leave it out.", below=("retry_every",), key=True
            )
        if self.counts is not None and self.counts != (self.is_ in ("retry", "error", "guard")):
            says = "counts" if self.is_ in ("retry", "error", "guard") else "counts against nothing"
            raise Refused(
                f"{self.is_} {says} by itself.",
                "Leave counts out; the campaign's execution.failures says what a failure means.",
                below=("counts",), key=True,
            )  # fmt: skip
        return self
