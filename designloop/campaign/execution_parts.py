"""Schema of ``execution``: where trials run, how many at a time, under which limits."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    field_validator,
)

from designloop.campaign.amounts import SizeField
from designloop.campaign.dask_parts import AddressField, ClusterField
from designloop.campaign.failure_parts import FailuresSpec
from designloop.campaign.windows import EXAMPLE, WrittenWindow, window
from designloop.reading.part import Part
from designloop.reading.problems import Refused
from designloop.reading.values import MeasureField, NumberField, shown

Count = Annotated[StrictInt, Field(ge=1)]
WindowField = Annotated[
    WrittenWindow,
    PlainValidator(window),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["Mon-Fri 19:00-07:00", "Sat-Sun"]}),
]


def _windows(value: Any) -> Any:
    if isinstance(value, list | tuple) and not value:
        raise Refused("hours names no window.", f"Leave it out to begin at any time. {EXAMPLE}")
    return value if isinstance(value, list | tuple) else [window(value)]


_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,:=/@%&|*()\[\]+-]*")
_EXTRA = re.compile(r"--[a-z][a-z-]*(=.+)?")


def _word(value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _WORD.fullmatch(text):
        raise Refused(
            f"{shown(value)} is no single word.", "Write letters, digits and ,:=/@&|*()[]+-._ only."
        )
    return text


def _extra(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or not _EXTRA.fullmatch(value):
        raise Refused(f"{shown(value)} is no long option in one piece.", "Write such as --nice=100.")
    return value


Word = Annotated[str, PlainValidator(_word), WithJsonSchema({"type": "string"})]


class QueueSpec(Part):
    """Options of a Slurm job."""

    partition: Word | None = Field(default=None, description="Partition or partitions.", examples=["cpu"])
    account: Word | None = Field(default=None, description="Who pays.", examples=["mems"])
    qos: Word | None = Field(default=None, description="Quality of service.", examples=["long"])
    constraint: Word | None = Field(default=None, description="Features of the node.", examples=["zen4"])
    gres: Word | None = Field(default=None, description="Generic resources.", examples=["gpu:1"])
    reservation: Word | None = Field(default=None, description="A reservation.", examples=["course"])
    cpus: Count | None = Field(
        default=None, description="Processors of one attempt; default: its threads.", examples=[8]
    )
    nodes: Count | None = Field(default=None, description="Nodes of one attempt.", examples=[1])
    memory: SizeField | None = Field(
        default=None, description="Memory of one attempt; the same as memory_limit.", examples=["32 GB"]
    )
    extra: tuple[Annotated[str, PlainValidator(_extra), WithJsonSchema({"type": "string"})], ...] = Field(
        default=(), description="Further options of sbatch, each in the form --name=value.",
        examples=[["--nice=100"]],
    )  # fmt: skip


class LicenceSpec(Part):
    """Tokens of one licence."""

    short: ClassVar[dict[str, Any] | None] = {"type": "integer", "minimum": 1, "examples": [2]}
    tokens: Count = Field(description="Tokens that the run may hold at a time.", examples=[6])
    each: Count | None = Field(
        default=None, description="Tokens that every attempt takes. Default: as the oracle says, else 1.",
        examples=[2],
    )  # fmt: skip

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """A number alone counts the tokens of the run."""
        if isinstance(value, str | float):
            raise Refused(f"{shown(value)} counts no tokens.", "Write a whole number, such as 2.")
        return {"tokens": value} if isinstance(value, int) else value


class ExecutionSpec(Part):
    """How trials are run."""

    engine: Literal["in_process", "processes", "dask", "slurm", "manual"] | None = Field(
        default=None,
        description="in_process: here, one after the other; processes: each in a process of its own; dask, "
        "slurm: on a cluster; manual: by people. Default: in_process, but processes where workers, threads, "
        "time_limit or memory_limit are given.",
        examples=["processes"],
    )
    workers: Count = Field(default=1, description="Trials at a time.", examples=[4])
    threads: Count = Field(
        default=1, description="Threads of each worker's numerical libraries.", examples=[2]
    )
    time_limit: MeasureField | None = Field(
        default=None, description="Longest time of one attempt; then it is ended with all its processes.",
        examples=["90 min"],
    )  # fmt: skip
    memory_limit: SizeField | None = Field(
        default=None, description="Most memory of one attempt, all its processes together.", examples=["4 GB"]
    )
    staleness: Annotated[StrictInt, Field(ge=0)] | None = Field(
        default=None,
        description="Outcomes that may arrive between the choice of a design and its start, at most. "
        "Default: twice the workers; 0 with one worker.",
        examples=[8],
    )
    failures: FailuresSpec = Field(
        default=FailuresSpec(), description="What is done about each cause of failure.",
        examples=[{"lost": {"retry": 3, "wait": "10 s"}, "timeout": "censor"}],
    )  # fmt: skip
    failure_limit: Count = Field(
        default=10, description="Abandoned trials after which the run pauses.", examples=[10]
    )
    equal_failures: Annotated[StrictInt, Field(ge=2)] = Field(
        default=3, description="Trials abandoned in a row for the same reason after which the run pauses.",
        examples=[3],
    )  # fmt: skip
    licences: dict[StrictStr, LicenceSpec] = Field(
        default={},
        description="Tokens of each licence that the run may hold at a time; every attempt takes as many as "
        "the oracle says, else one.",
        examples=[{"comsol": 2}],
    )
    hours: Annotated[tuple[WindowField, ...] | None, BeforeValidator(_windows)] = Field(
        default=None, description="When attempts may begin, in local time; left out: at any time.",
        examples=[["Mon-Fri 19:00-07:00", "Sat-Sun"]],
    )  # fmt: skip
    queue: QueueSpec | None = Field(
        default=None,
        description="Options of a Slurm job.",
        examples=[{"partition": "cpu", "cpus": 8, "memory": "32 GB"}],
    )
    address: AddressField | None = Field(
        default=None, description="Of a running Dask scheduler; left out: one is started here.",
        examples=["tcp://host:8786"],
    )  # fmt: skip
    cluster: ClusterField = Field(
        default={}, description="A Dask cluster to start: its class of dask-jobqueue, and its settings.",
        examples=[{"class": "SLURMCluster", "cores": 4, "memory": "8 GB"}],
    )  # fmt: skip
    resources: dict[str, NumberField] = Field(
        default={}, description="What an attempt takes of its Dask worker.", examples=[{"GPU": 1}]
    )

    @field_validator("resources", mode="after")
    @classmethod
    def _some(cls, value: dict[str, float]) -> dict[str, float]:
        for key, amount in value.items():
            if amount <= 0:
                raise Refused(f"{key} must be positive, not {shown(amount)}.", "Leave it out.", below=(key,))
        return value
