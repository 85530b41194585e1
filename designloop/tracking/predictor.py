"""The served model: MLflow runs this file, which holds code only; numbers come from JSON and arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from designloop.learning import models
from designloop.learning.saved import SavedModel


class Predictor(PythonModel):  # type: ignore[misc]
    """Mean and standard deviation of every modelled metric, in the campaign's units."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model's JSON and arrays."""
        self.model = SavedModel.load(Path(context.artifacts["model"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """One row per design: ``<metric>_mean`` and ``<metric>_sd`` per metric."""
        del context, params
        designs: list[dict[str, Any]] = model_input.to_dict(orient="records")  # type: ignore[assignment]
        answers = models.predict(self.model, designs)
        columns = {}
        for metric, (mean, sd) in answers.items():
            columns[f"{metric}_mean"], columns[f"{metric}_sd"] = mean, sd
        return pd.DataFrame(columns, index=model_input.index)


set_model(Predictor())
