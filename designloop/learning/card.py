"""What travels with a model: what it takes and answers, what it learned from, how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from designloop.errors import OracleError
from designloop.oracle import Input, Output, Value

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Card:
    """The description of one trained model.

    ``inputs`` are in the units that the model takes; their bounds are the domain box, the region that the
    labels came from. An input that never varied has ``lower`` = ``upper`` = ``default``, or one choice.
    """

    name: str
    summary: str
    oracle: Mapping[str, Any]
    """Who made the labels: ``name``, ``version``, ``options``."""
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    data: Mapping[str, Any] = field(default_factory=dict)
    """Where the labels came from: run or data set, ``rows``, ``digest``, boundary, resolution."""
    split: str = ""
    """What ``errors`` were judged on: ``leave-one-out``, ``held-out``, a test split."""
    errors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Figures by metric, in its unit: ``rmse``, ``nrmse``, ``r2``, ``mape``, ``coverage_95``, ..."""
    calibration: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By metric: ``factor`` on the sd, coverage ``before`` and ``after``, ``points`` it was judged on."""
    labels: tuple[str, ...] = ()
    """Words that must stand beside every number, such as ``calibrated``."""
    stochastic: bool = False
    """True where an answer is one realization's, chosen by a seed."""
    version: str = ""
    """Hash of model and card, 12 hexadecimal digits; given by ``Packed``."""

    @property
    def varied(self) -> tuple[Input, ...]:
        """The inputs that the labels differ in."""
        return tuple(i for i in self.inputs if not _is_pinned(i))

    @property
    def pinned(self) -> dict[str, Value]:
        """Values of the inputs that never varied."""
        return {i.name: i.default for i in self.inputs if _is_pinned(i) and i.default is not None}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; of inputs and outputs what is not empty."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        content |= {
            "inputs": [_sparse(i) for i in self.inputs],
            "outputs": [_sparse(o) for o in self.outputs],
        }
        return {"format": FORMAT, **content, "labels": list(self.labels)}

    @classmethod
    def from_json(cls, content: Any) -> Card:
        """The card that ``to_json`` wrote; raises OracleError for anything else."""
        written = content.get("format") if isinstance(content, dict) else None
        if not isinstance(written, int):
            raise OracleError(
                "this is no card of a model. Write the model again by 'designloop model export'."
            )
        if written > FORMAT:
            raise OracleError(
                f"the card has format {written}, and this version of designloop reads up to {FORMAT}. "
                "Install a newer designloop, or ask for a model of this version."
            )
        given = {f.name: content[f.name] for f in fields(cls) if f.name in content}
        try:
            given["inputs"] = tuple(Input(**_tuples(i)) for i in given["inputs"])
            given["outputs"] = tuple(Output(**o) for o in given["outputs"])
            return cls(**given | {"labels": tuple(given["labels"])})
        except (KeyError, TypeError) as error:
            raise OracleError(
                f"the card of the model is incomplete ({error}). Write the model again by 'designloop model "
                "export'."
            ) from None


def _is_pinned(declared: Input) -> bool:
    if declared.default is None:
        return False
    if declared.choices:
        return declared.choices == (declared.default,)
    return declared.lower == declared.upper == declared.default


def _sparse(declared: Input | Output) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    usual = {f.name: f.default for f in fields(declared)}
    return {name: value for name, value in asdict(declared).items() if value != usual[name]}


def _tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
