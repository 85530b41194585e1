"""Which models of a run stay."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from support.entries import decision, proposal, run_of

from designloop import keeping
from designloop.campaign import loads
from designloop.journal import Journal
from designloop.learning.saved import SavedModel
from designloop.proposing import Made
from designloop.record import gather, read
from designloop.recording import Recorder, Unwatched
from designloop.report.saved import last_model
from designloop.revision import campaign_record
from designloop.strategies.base import Candidate, Proposal

CAMPAIGN = "version: 1\noracle: branin\nobjectives: [minimize: value]\nstrategy: gp_ucb\ntracking: off\n"


def made(number: int, *, refitted: bool = False, phase: int = 0) -> dict[str, Any]:
    return proposal(number, model=f"models/{number:04d}", refitted=refitted, phase=phase)


COURSE = [
    proposal(0), made(1, refitted=True), made(2), made(3), made(4, refitted=True), made(5),
    decision("phase"), made(6, phase=1), made(7, phase=1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "lasting"),
    [
        pytest.param({"tracking": {"models": "checkpoints"}}, [1, 4, 5], id="fits and ends of phases"),
        pytest.param({"tracking": {"models": "last"}}, [1, 4, 5], id="last is for the tracker"),
        pytest.param({"tracking": {"models": "every_fit"}}, [1, 2, 3, 4, 5, 6, 7], id="every one is wanted"),
        pytest.param({}, [1, 2, 3, 4, 5, 6, 7], id="a journal that says nothing"),
        pytest.param(
            {"tracking": {"models": "last"}, "execution": {"engine": "manual"}}, [1, 2, 3, 4, 5, 6, 7],
            id="people run the trials",
        ),
    ],
)  # fmt: skip
def test_models_stay_where_something_was_fitted_or_ended(changes: dict[str, Any], lasting: list[int]) -> None:
    run = run_of(COURSE, **changes)
    assert keeping.lasting(run) == lasting
    gone = {1, 2, 3, 4, 5, 6} - set(lasting)
    assert keeping.superseded(run) == [f"models/{n:04d}" for n in sorted(gone)]


def test_a_run_keeps_its_fits_and_its_last_model_also_after_a_kill(tmp_path: Path) -> None:
    campaign = loads(CAMPAIGN)

    def recorder(journal: Journal) -> Recorder:
        run = gather(journal.hand_over(), directory=tmp_path)
        return Recorder(campaign=campaign, journal=journal, run=run, watch=Unwatched())

    def propose(book: Recorder, number: int, *, refitted: bool) -> None:
        model = SavedModel(config={"metrics": ["value"], "number": number}, arrays={})
        design = Candidate(parameters={"x1": float(number), "x2": 1.0}, reason={"generator": "gp_ucb"})
        proposal = Proposal(candidates=(design,), model=model, fit={}, refitted=refitted)
        book.proposal(
            Made(proposal=proposal, progress=None, phase=0, digest="", asked=1, seen={}, seconds={}, only={})
        )

    def on_disk() -> list[str]:
        return sorted(path.name for path in (tmp_path / "models").iterdir())

    with Journal(tmp_path) as journal:
        journal.append("campaign", **campaign_record(campaign, number=1))
        book = recorder(journal)
        for number in range(5):
            propose(book, number, refitted=number in (0, 2))
            assert f"{number:04d}" in on_disk(), "the last one is always there"
    assert on_disk() == ["0000", "0002", "0004"]
    # Killed after a proposal was durable, before the model that it supersedes was removed.
    shutil.copytree(tmp_path / "models/0004", tmp_path / "models/0003")
    with Journal(tmp_path) as journal:
        propose(recorder(journal), 5, refitted=False)
    assert on_disk() == ["0000", "0002", "0005"]
    saved = last_model(read(tmp_path))
    assert saved is not None
    assert saved.config["number"] == 5
