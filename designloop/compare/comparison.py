"""One comparison from its settings to its page; may be killed and called again at any time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from designloop.campaign.model import Campaign
from designloop.compare import store, summary, work
from designloop.compare.contenders import Contender
from designloop.compare.plan import problem_text
from designloop.compare.setup import Setup
from designloop.compare.summary import Summary
from designloop.compare.virtual import source_of
from designloop.errors import CampaignError, TrackingError

FEWEST = 2
Told = Callable[[dict[str, Any], int], None]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Strategies, how often each, and on what."""

    setup: Setup
    campaign: Campaign
    contenders: tuple[Contender, ...]
    repeats: int = 20

    def __post_init__(self) -> None:
        if self.repeats < FEWEST:
            raise CampaignError(
                f"--repeats is {self.repeats}; chance shows from 2 repeats on only.",
                instead="Write --repeats 20.",
            )

    @property
    def jobs(self) -> list[tuple[Contender, int]]:
        """Every strategy in every repeat, repeats outside: what is done first can be compared first."""
        return [(c, r) for r in range(self.repeats) for c in self.contenders]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Where the comparison lies and what it found; ``problem`` says why MLflow does not have it."""

    folder: Path
    summary: Summary
    files: Sequence[Path]
    computed: int
    """Virtual campaigns that ran now; the others had run before."""
    tracked: str | None = None
    problem: str | None = None


def compare(
    comparison: Comparison, *, to: Path | None = None, workers: int = 2, told: Told | None = None
) -> Outcome:
    """Run what is missing, then measure, draw and log.

    ``told`` hears each finished row and how many are left. Raises CampaignError, OracleError, RunError, and
    TrackingError where another process works in the folder.
    """
    from designloop.compare import figures, tracked

    setup, campaign = comparison.setup, comparison.campaign
    computed: list[int] = []

    def heard(row: dict[str, Any], left: int) -> None:
        computed.append(left)
        if told:
            told(row, left)

    with store.opened(store.folder_of(setup, campaign.name, to), setup) as folder:
        source = source_of(setup, store.kept_reference(folder))
        if not setup.table and setup.test and store.kept_reference(folder) is None:
            store.keep_reference(folder, source.reference())
        work.complete(folder, setup, comparison.jobs, seed=campaign.seed, workers=workers, told=heard)
        found = summary.summarize(
            store.finished(folder), [c.label for c in comparison.contenders], range(comparison.repeats),
            setup=setup, campaign=campaign, source=source, problem=_title(comparison),
        )  # fmt: skip
        files = [*summary.write(folder, found), *figures.draw(folder / "figures", found)]
        run, problem = None, None
        try:
            run = tracked.log(folder, files, setup=setup, campaign=campaign, summary=found)
        except TrackingError as error:
            problem = str(error)
    return Outcome(
        folder=folder, summary=found, files=files, computed=len(computed), tracked=run, problem=problem
    )


def _title(comparison: Comparison) -> str:
    return f"{problem_text(comparison.setup, comparison.campaign)}, {comparison.repeats} paired repeats"
