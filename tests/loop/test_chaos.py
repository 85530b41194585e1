"""An oracle that fails in every way, and a campaign that is killed: one true outcome for every trial."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.chaos import EXPECTED, Chaos, Cluster
from support.tracking_server import Server, free_port

from designloop.tracking import sync


def test_every_way_to_fail_is_told_apart_and_a_killed_campaign_repeats_nothing(tmp_path: Path) -> None:
    chaos = Chaos(tmp_path, trials=48, workers=3, seed=5)
    chaos.killed_after(chaos.begin(), 16)
    assert chaos.resume().wait(timeout=240) == 0
    chaos.check()
    assert set(chaos.table()) == set(EXPECTED), "every fate has a trial"


@pytest.mark.long
def test_three_hundred_trials_through_kills_of_campaign_and_tracking_server(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server", free_port())
    uri = f"http://127.0.0.1:{server.port}"
    server.start()
    chaos = Chaos(
        tmp_path, trials=300, workers=4, limit=6, tracking=f"{{uri: '{uri}'}}",
        strategy="{name: gp_ucb, initial: {sobol: 16}}",
    )  # fmt: skip
    try:
        chaos.killed_after(chaos.begin(), 60)
        chaos.killed_after(chaos.resume(), 140)
        server.kill()
        chaos.killed_after(chaos.resume(), 220)
        server.start()
        assert chaos.resume().wait(timeout=1800) == 0
        chaos.check()
        sync(chaos.directory)
        found = statuses(uri, chaos)
        assert found == {
            t.index: "FINISHED" if t.status == "completed" else "FAILED" for t in chaos.record().trials
        }
    finally:
        server.kill()
    (tmp_path / "table.txt").write_text(chaos.report())


@pytest.mark.long
def test_three_hundred_trials_through_kills_of_campaign_and_dask_workers(tmp_path: Path) -> None:
    with Cluster(workers=4) as cluster:
        chaos = Chaos(
            tmp_path, trials=300, workers=4, limit=6,
            execution=f"  engine: dask\n  address: {cluster.address}",
            strategy="{name: gp_ucb, initial: {sobol: 16}}",
        )  # fmt: skip
        process = chaos.begin()
        chaos.wait_for(40, process)
        cluster.kill_worker()
        chaos.killed_after(process, 80)
        process = chaos.resume()
        chaos.wait_for(150, process)
        cluster.kill_worker()
        chaos.killed_after(process, 180)
        chaos.killed_after(chaos.resume(), 240)
        assert chaos.resume().wait(timeout=1800) == 0
        chaos.check(lost=True)
    (tmp_path / "table.txt").write_text(chaos.report())


def statuses(uri: str, chaos: Chaos) -> dict[int, str]:
    """Status in MLflow of each trial's attempt that counts."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    (experiment,) = [e for e in client.search_experiments() if e.name == "chaos"]
    found: dict[int, str] = {}
    token = None
    while True:
        page = client.search_runs([experiment.experiment_id], max_results=500, page_token=token)
        for one in page:
            tags = one.data.tags
            if tags.get("designloop.kind") != "trial":
                continue
            trial = int(tags["designloop.trial"])
            last = chaos.record().trials[trial].last
            if last and int(tags["designloop.attempt"]) == last.number:
                assert trial not in found, "an attempt stands twice"
                found[trial] = one.info.status
        token = page.token
        if not token:
            return found
