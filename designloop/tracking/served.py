"""A packed model as a model folder of MLflow: code, JSON and arrays; no pickle, no path of this machine."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from designloop.learning.card import Card
from designloop.learning.packed import Packed
from designloop.oracle import Input, Value

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature

NUMBERS = "artifacts/model"
"""Where model, arrays and card lie in the folder."""
REALIZATION = "realization"
"""Column that chooses the realization a stochastic model is asked for; left out: 0."""
PARTS = ("mean", "sd", "aleatoric")
_REQUIREMENTS = (
    "designloop",
    "mlflow",
    "numpy",
    "pandas",
    "scipy",
    "torch",
    "gpytorch",
    "botorch",
    "scikit-learn",
)


def save(packed: Packed, target: Path, *, example: Mapping[str, Value] | None = None) -> None:
    """Write the folder that MLflow serves; ``example`` is a design, by default the middle of the box."""
    import mlflow.pyfunc
    import pandas as pd

    card = packed.card
    with tempfile.TemporaryDirectory(prefix="designloop-") as folder:
        numbers = packed.save(Path(folder, "model"))
        mlflow.pyfunc.save_model(
            path=str(target),
            python_model=str(Path(__file__).with_name("predictor.py")),
            artifacts={"model": str(numbers)},
            signature=signature(card),
            input_example=pd.DataFrame([example or middle(card)]),
            pip_requirements=requirements(),
            metadata=metadata(card),
        )


def fill(target: Path, packed: Packed, model: LoggedModel) -> None:
    """Put a model's numbers and identity into a folder that ``save`` wrote for one of the same shape."""
    from mlflow.models import Model

    packed.save(target / NUMBERS)
    described = Model.load(target)
    described.model_id, described.run_id = model.model_id, model.source_run_id
    described.artifact_path = model.artifact_location
    described.metadata = metadata(packed.card)
    # MLflow writes here where the numbers lay on this machine, which is nobody's business.
    flavor = described.flavors["python_function"]
    flavor["model_code_path"] = "predictor.py"
    for artifact in flavor.get("artifacts", {}).values():
        artifact["uri"] = artifact["path"]
    described.save(target / "MLmodel")


def signature(card: Card) -> ModelSignature:
    """Named columns: what varied in; ``<metric>_mean``, ``_sd`` and ``_aleatoric`` out."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = [ColSpec(_column_type(i), i.name, required=not i.when) for i in card.varied]
    if card.stochastic:
        inputs.append(ColSpec("long", REALIZATION, required=False))
    outputs = [ColSpec("double", f"{o.name}_{part}") for o in card.outputs for part in PARTS]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _column_type(declared: Input) -> str:
    if not declared.choices:
        return "long" if declared.integer and not declared.when else "double"  # a long cannot be missing
    kinds = {bool: "boolean", int: "long", float: "double"}
    found = {kinds.get(type(choice), "string") for choice in declared.choices}
    return found.pop() if len(found) == 1 else "double" if found == {"long", "double"} else "string"


def middle(card: Card) -> dict[str, Value]:
    """A design within the domain box, of the inputs that vary."""
    return {i.name: _middle(i) for i in card.varied}


def _middle(declared: Input) -> Value:
    if declared.default is not None:
        return declared.default
    if declared.choices:
        return declared.choices[0]
    low, high = float(declared.lower or 0.0), float(declared.upper or 0.0)
    value = (low * high) ** 0.5 if declared.log else (low + high) / 2
    return round(value) if declared.integer else value


def metadata(card: Card) -> dict[str, Any]:
    """Units, ranges and labels that travel with the model."""
    named = {i.name: i.unit for i in card.varied} | {o.name: o.unit for o in card.outputs}
    return {
        **{key: card.data[key] for key in ("campaign", "run") if key in card.data},
        "inputs": {i.name: _range(i) for i in card.varied},
        "fixed": {i.name: _range(i) for i in card.inputs if i.name in card.pinned},
        "units": named,
        "labels": list(card.labels),
        "oracle": f"{card.oracle.get('name', '')} {card.oracle.get('version') or ''}".strip(),
        "version": card.version,
    }


def _range(declared: Input) -> str:
    if declared.choices:
        text = ", ".join(map(str, declared.choices))
    elif declared.lower == declared.upper:
        text = f"{declared.lower:.12g}"
    else:
        text = f"{declared.lower:.12g} .. {declared.upper:.12g}"
    only = f", only where {declared.when}" if declared.when else ""
    return f"{text} {declared.unit}".strip() + (", log" if declared.log else "") + only


def requirements() -> list[str]:
    """The packages that predicting needs, pinned to what runs here."""
    pins = {}
    for name in _REQUIREMENTS:
        try:
            pins[name] = importlib.metadata.version(name).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
    return [f"{name}=={version}" for name, version in pins.items()]
