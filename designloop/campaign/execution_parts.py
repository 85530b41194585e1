"""Schema of ``execution``: where trials run, how many at a time, under which limits."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

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
from designloop.campaign.failure_parts import FailuresSpec
from designloop.campaign.windows import WrittenWindow, window
from designloop.reading.part import Part
from designloop.reading.problems import Refused
from designloop.reading.values import MeasureField, NumberField, PlainField, shown

Count = Annotated[StrictInt, Field(ge=1)]
WindowField = Annotated[
    WrittenWindow,
    PlainValidator(window),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["Mon-Fri 19:00-07:00", "Sat-Sun"]}),
]
_SETTING = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def _windows(value: Any) -> Any:
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
    licences: dict[StrictStr, Count] = Field(
        default={}, description="Licences that the run may hold at a time; every attempt takes one of each.",
        examples=[{"comsol": 2}],
    )  # fmt: skip
    hours: Annotated[tuple[WindowField, ...], BeforeValidator(_windows)] = Field(
        default=(), description="When attempts may begin, in local time; left out: at any time.",
        examples=[["Mon-Fri 19:00-07:00", "Sat-Sun"]],
    )  # fmt: skip
    queue: QueueSpec | None = Field(
        default=None,
        description="Options of a Slurm job.",
        examples=[{"partition": "cpu", "cpus": 8, "memory": "32 GB"}],
    )
    address: Annotated[StrictStr, Field(min_length=1)] | None = Field(
        default=None, description="Of a running Dask scheduler; left out: one is started here.",
        examples=["tcp://host:8786"],
    )  # fmt: skip
    cluster: dict[str, PlainField | tuple[PlainField, ...]] = Field(
        default={}, description="A Dask cluster to start: its class of dask-jobqueue, and its settings.",
        examples=[{"class": "SLURMCluster", "cores": 4, "memory": "8 GB"}],
    )  # fmt: skip
    resources: dict[str, NumberField] = Field(
        default={}, description="What an attempt takes of its Dask worker.", examples=[{"GPU": 1}]
    )

    @field_validator("cluster", mode="after")
    @classmethod
    def _plain_settings(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Settings end up in scripts of jobs, where a line break would be a command."""
        for key, item in value.items():
            if not _SETTING.fullmatch(key):
                raise Refused(
                    f"{shown(key)} is no option of a job.", "Write letters, digits, - and _ only.",
                    below=(key,), key=True,
                )  # fmt: skip
            if isinstance(item, str) and (not item.isprintable() or not item.strip()):
                raise Refused(f"{key} must be one line of visible characters.", below=(key,))
        return value

    @field_validator("resources", mode="after")
    @classmethod
    def _some(cls, value: dict[str, float]) -> dict[str, float]:
        for key, amount in value.items():
            if amount <= 0:
                raise Refused(f"{key} must be positive, not {shown(amount)}.", "Leave it out.", below=(key,))
        return value
