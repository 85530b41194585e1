"""MLflow kept silent and at home: no telemetry, no progress bars, no printed links, no hidden retries."""

from __future__ import annotations

import logging
import os
import warnings

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
    # A POST repeated by the HTTP layer may create a run twice; the mirror looks up before it repeats.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}
DEFAULTS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}


def hush() -> None:
    """Set MLflow's switches in this process; call before MLflow is first imported."""
    os.environ.update(ENVIRONMENT)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic", "alembic.runtime.migration", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(mlflow|alembic|pydantic)(\..*)?")
