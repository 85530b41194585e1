"""The served model: MLflow runs this file, which holds code only; numbers come from JSON and arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from designloop.learning import models
from designloop.learning.packed import Packed

REALIZATION = "realization"


class Predictor(PythonModel):  # type: ignore[misc]
    """Mean and standard deviations of every metric, in the units of the model's card."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model's JSON, arrays and card."""
        self.packed = Packed.load(Path(context.artifacts["model"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """One row per design: per metric ``_mean``, ``_sd`` (not known of the mean) and ``_aleatoric``.

        A stochastic model takes the column ``realization``, by default 0. What a design does not have is
        empty or left out.
        """
        del context, params
        card, frame = self.packed.card, model_input
        seeds = [0] * len(frame)
        if REALIZATION in frame.columns:
            seeds = [int(value) for value in frame[REALIZATION].fillna(0)]
            frame = frame.drop(columns=REALIZATION)
        optional = {i.name for i in card.inputs if i.when}
        rows = [
            {name: value for name, value in row.items() if not (name in optional and pd.isna(value))}
            for row in frame.to_dict(orient="records")
        ]
        designs = [{**card.pinned, **row} for row in rows]
        columns = {}
        for metric, found in models.parts(self.packed.saved, designs, seeds=seeds).items():
            columns[f"{metric}_mean"], columns[f"{metric}_sd"] = found.mean, found.epistemic
            columns[f"{metric}_aleatoric"] = found.aleatoric
        return pd.DataFrame(columns, index=model_input.index)


set_model(Predictor())
