"""Settings for every test: one thread, no network, nothing written to the checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

sys.path.insert(0, str(Path(__file__).parent))
