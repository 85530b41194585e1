"""Schema of what ``execution`` says of Dask: the address of a scheduler, a cluster to start."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from designloop.reading.problems import Refused
from designloop.reading.values import PlainField, shown

CLUSTERS = (
    "HTCondorCluster",
    "LSFCluster",
    "MoabCluster",
    "OARCluster",
    "PBSCluster",
    "SGECluster",
    "SLURMCluster",
)
"""Classes of dask-jobqueue."""
_PROTOCOLS = ("tcp", "tls", "ucx", "ws", "wss")
"""Those of Dask that lead to another process."""
_ADDRESS = re.compile(r"(?:([A-Za-z0-9+.-]+)://)?(\[[^\s\[\]]+\]|[^\s:/\[\]]+)(?::([0-9]{1,5}))?(/\S*)?")
_SETTING = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def _address(value: Any) -> str:
    found = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    protocol, host, port, path = found.groups() if found else (None,) * 4
    if protocol in ("http", "https"):
        raise Refused(
            f"{shown(value)} is the address of a dashboard.", f"Write the scheduler's: tcp://{host}:8786."
        )
    if host is None or path:
        raise Refused(f"{shown(value)} is no address of a scheduler.", "Write such as tcp://host:8786.")
    if protocol not in (None, *_PROTOCOLS):
        raise Refused(f"{protocol} is no protocol of Dask.", f"Write one of {', '.join(_PROTOCOLS)}.")
    if port is None:
        raise Refused(
            f"{shown(value)} has no port.", f"Write it as 'dask scheduler' prints it: tcp://{host}:8786."
        )
    if not 0 < int(port) < 65536:
        raise Refused(f"{port} is no port.", "Write one from 1 to 65535.")
    return str(value)


def _cluster(value: dict[str, Any]) -> dict[str, Any]:
    """Settings end up in scripts of jobs, where a line break would be a command."""
    for key, item in value.items():
        if not _SETTING.fullmatch(key):
            raise Refused(
                f"{shown(key)} is no option of a job.", "Write letters, digits, - and _ only.",
                below=(key,), key=True,
            )  # fmt: skip
        if isinstance(item, str) and (not item.isprintable() or not item.strip()):
            raise Refused(f"{key} must be one line of visible characters.", below=(key,))
    name = value.get("class")
    if isinstance(name, str) and name not in CLUSTERS:
        spelled = {c.lower(): c for c in CLUSTERS}
        guess = spelled.get(name.lower()) or spelled.get(f"{name.lower()}cluster")
        raise Refused(
            f"{shown(name)} is no cluster of dask-jobqueue.",
            f"Did you mean {guess}?" if guess else f"Write one of {', '.join(CLUSTERS)}.",
            below=("class",),
        )
    return value


AddressField = Annotated[str, PlainValidator(_address), WithJsonSchema({"type": "string"})]
ClusterField = Annotated[dict[str, PlainField | tuple[PlainField, ...]], AfterValidator(_cluster)]
