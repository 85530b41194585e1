"""An engine that cannot be had is told at once, and leaves no run behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.schedulers import free_port

from designloop.campaign import loads
from designloop.errors import ExecutionError
from designloop.execution import dask, slurm
from designloop.session import run

CAMPAIGN = """
version: 1
name: refused
oracle: magnetometer
fixed: {{thickness: 20 um, pressure: 1 mbar, gap: 2 um, current: 1 mA}}
parameters: {{beam_length: 200 .. 800 um, beam_width: 2 .. 8 um}}
objectives: [minimize: noise_equivalent_field]
strategy: random
stop: {{trials: 1}}
tracking: off
execution: {execution}
"""


@pytest.mark.parametrize(
    ("execution", "commands", "said"),
    [
        pytest.param(
            f"{{engine: dask, address: 'tcp://127.0.0.1:{free_port()}'}}", (), "no Dask scheduler answers",
            id="no scheduler",
        ),
        pytest.param(
            "{engine: dask, cluster: {class: SLURMCluster, cores: 1, memory: 1 GB, colour: red}}", (),
            "does not take these settings", id="a cluster that cannot be made",
        ),
        pytest.param("{engine: slurm}", (), "needs the command sbatch", id="no Slurm"),
        pytest.param(
            "{engine: slurm}", ("sbatch", "squeue", "scontrol", "scancel"), "Unable to contact",
            id="a silent Slurm",
        ),
    ],
)  # fmt: skip
def test_no_run_is_left_of_a_refusal(
    execution: str, commands: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "_ANSWER_WITHIN", 0.5)
    monkeypatch.setattr(slurm, "_SILENCE_AT_FIRST", 0.0)
    (tmp_path / "bin").mkdir()
    for name in commands:
        command = tmp_path / "bin" / name
        command.write_text(
            "#!/bin/sh\necho 'squeue: error: Unable to contact slurm controller' >&2; exit 1\n"
        )
        command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin") if "slurm" in execution else os.environ["PATH"])
    campaign = loads(CAMPAIGN.format(execution=execution), folder=tmp_path)
    with pytest.raises(ExecutionError, match=said):
        run(campaign, folder=tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []
