"""What is compared, on what, for how long: everything that a result depends on beside strategy and repeat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from designloop.campaign import loads
from designloop.campaign.model import Campaign


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One virtual experiment, plain enough to be sent to another process and written to a file."""

    text: str
    """The campaign's YAML after overrides; under ``table`` its existing trials are the pool."""
    folder: str
    name: str
    table: str = ""
    """SHA-256 of the table whose rows are the only designs; empty: the campaign's oracle answers."""
    oracle: str = ""
    """Version of that oracle, and SHA-256 of its file where it is one."""
    replacement: bool = False
    """Whether a row that was drawn may be drawn again."""
    resample: bool = False
    """Whether a draw answers with one of the row's replicates instead of their mean."""
    noise: str = ""
    """Standard deviation added to every answer: a number in the metric's unit, or ``5 %`` of its spread."""
    target: float | None = None
    learn: tuple[str, ...] = ()
    """Metrics to be learned; empty: the objective is optimized."""
    initial: tuple[tuple[str, int], ...] = (("sobol", 5),)
    """Generator and count of the designs that all strategies of a repeat share."""
    trials: int = 40
    """Evaluations after the shared ones."""
    test: int = 256
    """Designs on which a learner's error is judged, where an oracle answers."""

    @property
    def count(self) -> int:
        """Shared initial designs."""
        return sum(count for _, count in self.initial)

    def campaign(self) -> Campaign:
        """The campaign, read again. Raises CampaignError."""
        return loads(self.text, folder=Path(self.folder), name=self.name, unnamed=Path(self.name).stem)

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    def digest(self) -> str:
        """Equal digests: equal results for equal strategy and repeat."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:10]


def differences(old: Mapping[str, Any], new: Setup) -> list[str]:
    """What another setup changed, in words; empty where nothing did."""
    names = {
        "text": "campaign file", "folder": "campaign folder", "name": "campaign path", "table": "table",
        "oracle": "oracle",
    }  # fmt: skip
    fresh = new.to_json()
    return [names.get(key, f"--{key}") for key in fresh if old.get(key) != fresh[key]]
