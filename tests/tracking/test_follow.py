import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from run_factory import METRIC, NAME, Factory
from support.tracking_server import Server, free_port, wait_for
from test_mirror import children, parent

from designloop.errors import TrackingError
from designloop.tracking import follow, mirror, process, start, state, store, sync
from designloop.tracking.mirror import Mirror, MirrorReport
from designloop.tracking.process import MirrorState


class FakeMirror(Mirror):
    """A mirror whose store answers as told: one entry per pass, an error or None."""

    answers: ClassVar[list[Exception | None]] = []
    passes: ClassVar[list[tuple[int, bool]]] = []

    def push(self, record: Any, *, live: bool) -> MirrorReport:
        self.passes.append((len(record.trials), live))
        answer = self.answers.pop(0) if self.answers else None
        if answer:
            raise answer
        return MirrorReport(uri=self.uri, run_id="r", experiment_id="1", trials=len(record.trials))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeMirror]:
    monkeypatch.setattr(follow, "Mirror", FakeMirror)
    monkeypatch.setattr(follow, "POLL", 0.01)
    monkeypatch.setattr(follow, "BACKOFF", (0.01,))
    FakeMirror.answers, FakeMirror.passes = [], []
    return FakeMirror


def run(directory: Path, *, alive: bool, **options: Any) -> str:
    parent_process = follow.Parent.of(os.getpid() if alive else 2**22 + 1)
    return follow.Follower(directory, parent_process, **options).run()


def test_it_ends_when_the_run_has_its_report(tmp_path: Path, fake: type[FakeMirror]) -> None:
    directory = Factory(tmp_path, uri="sqlite:////nowhere", fits=False).run(2).finish().close()
    assert run(directory, alive=True) == "done"
    assert fake.passes == [(2, False)]
    assert state(directory).trials == 2


def test_it_ends_when_the_process_of_the_run_is_dead(tmp_path: Path, fake: type[FakeMirror]) -> None:
    directory = Factory(tmp_path, uri="sqlite:////nowhere", fits=False).run(2).close()
    assert run(directory, alive=False) == "done"
    assert fake.passes == [(2, False)]


def test_it_tries_again_until_the_store_answers(tmp_path: Path, fake: type[FakeMirror]) -> None:
    directory = Factory(tmp_path, uri="sqlite:////nowhere", fits=False).run(2).finish().close()
    fake.answers = [TrackingError("down"), TrackingError("down"), None]
    assert run(directory, alive=True) == "done"
    assert len(fake.passes) == 3
    assert state(directory).error is None


def test_it_gives_up_after_its_patience_and_says_why(
    tmp_path: Path, fake: type[FakeMirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PATIENCE", 0.0)
    directory = Factory(tmp_path, uri="sqlite:////nowhere", fits=False).run(1).close()
    fake.answers = [TrackingError("the server is down")] * 10
    assert run(directory, alive=False) == "behind"
    assert (state(directory).stage, state(directory).error) == ("behind", "the server is down")


def test_a_campaign_without_tracking_needs_no_mirror(tmp_path: Path, fake: type[FakeMirror]) -> None:
    directory = Factory(tmp_path, uri=None, fits=False).close()
    assert run(directory, alive=True) == "off"
    assert fake.passes == []


def test_a_run_that_died_before_its_campaign_ends_the_mirror(tmp_path: Path, fake: type[FakeMirror]) -> None:
    assert run(tmp_path, alive=False) == "off"
    assert fake.passes == []


@pytest.mark.parametrize(
    ("failures", "took", "pause"),
    [(0, 0.01, follow.POLL), (0, 0.2, 0.8), (0, 60.0, 3.0), (1, 0.0, 0.5), (99, 0.0, 15.0)],
)
def test_it_rests_longer_than_it_works_but_never_long(failures: int, took: float, pause: float) -> None:
    assert follow._pause(failures, took=took) == pytest.approx(pause)


def test_state_is_readable_whatever_the_file_holds(tmp_path: Path) -> None:
    assert state(tmp_path).stage == "off"
    (tmp_path / process.STATE).write_text("{")
    assert state(tmp_path).stage == "off"
    process.write_state(tmp_path, MirrorState(stage="retrying", error="no answer"))
    assert json.loads((tmp_path / process.STATE).read_text())["error"] == "no answer"


def test_a_process_beside_the_run_mirrors_it_and_ends(tmp_path: Path, uri: str) -> None:
    factory = Factory(tmp_path, uri=uri, fits=False)
    handle = start(factory.directory)
    factory.run(2)
    wait_for(lambda: state(factory.directory).trials == 2)
    with pytest.raises(TrackingError, match="the mirror of this run is busy in another process"):
        _sync_impatiently(factory.directory)
    assert parent(uri).info.status == "RUNNING"
    factory.run(2).finish()
    last = handle.finish(30)
    assert (last.stage, last.trials, last.error) == ("done", 4, None)
    assert handle.process.returncode == 0
    assert (factory.directory / process.LOG).read_text() == ""
    assert parent(uri).info.status == "FINISHED"
    factory.close()


def test_a_campaign_quicker_than_its_mirror_is_mirrored_whole(tmp_path: Path, uri: str) -> None:
    factory = Factory(tmp_path, uri=uri, fits=False)
    handle = start(factory.directory)
    factory.run(3).append("decision", action="pause", reason="three equal failures")
    assert handle.finish(60).stage == "done"
    factory.close()
    assert sorted(children(uri)) == [0, 1, 2]
    assert (parent(uri).info.status, parent(uri).data.tags["status"]) == ("KILLED", "paused")


def test_a_fault_that_ends_the_mirror_leaves_word(
    tmp_path: Path, fake: type[FakeMirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow.signal, "signal", lambda *_: None)
    directory = Factory(tmp_path, uri="sqlite:////nowhere", fits=False).run(1).finish().close()
    fake.answers = [ValueError("a model of another kind")]
    with pytest.raises(ValueError, match="a model of another kind"):
        follow.follow(directory, pid=os.getpid())
    assert (state(directory).stage, state(directory).error) == ("behind", "a model of another kind")


def _sync_impatiently(directory: Path) -> None:
    from designloop.tracking import lock

    with lock.holding(directory / mirror.LOCK, wait=0, what="the mirror of this run"):
        pass


@pytest.fixture
def server(tmp_path: Path, empty_store: Path) -> Iterator[Server]:
    (tmp_path / "server").mkdir()
    shutil.copyfile(empty_store, tmp_path / "server" / "mlflow.db")
    one = Server(tmp_path / "server", free_port())
    yield one
    one.kill()


def test_an_unreachable_server_gets_a_sentence(tmp_path: Path) -> None:
    directory = Factory(tmp_path, uri=f"http://127.0.0.1:{free_port()}", fits=False).run(1).close()
    with pytest.raises(TrackingError, match=r"does not answer\. Nothing is lost"):
        sync(directory)


@pytest.mark.long
def test_a_server_killed_and_restarted_in_mid_campaign_loses_and_doubles_nothing(
    tmp_path: Path, server: Server
) -> None:
    uri = f"http://127.0.0.1:{server.port}"
    server.start()
    factory = Factory(tmp_path, uri=uri, models="last")
    handle = start(factory.directory)
    factory.run(3)
    wait_for(lambda: state(factory.directory).trials == 3)
    server.kill()
    factory.run(4)
    wait_for(lambda: state(factory.directory).stage == "retrying")
    assert "does not answer" in str(state(factory.directory).error)
    server.start()
    wait_for(lambda: state(factory.directory).trials == 7)
    factory.finish()
    assert handle.finish(60).stage == "done"
    factory.close()

    found, top = children(uri), parent(uri)
    assert sorted(found) == list(range(7))
    assert {r.info.status for r in found.values()} == {"FINISHED", "FAILED"}
    history = store.open_store(uri).get_metric_history(top.info.run_id, f"best/{METRIC}")
    assert [m.step for m in history] == [0, 1, 2, 4, 5, 6]
    assert top.info.run_name == NAME
    assert store.open_store(uri).get_model_version_by_alias("beam", "champion").run_id == top.info.run_id
