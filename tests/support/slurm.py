"""A Slurm of one node on this machine's loopback, with its own ports, keys and folders."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo")
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


def missing() -> str:
    """Why there can be no Slurm here; empty where there can."""
    if os.geteuid() != 0:
        return "slurmctld and slurmd are started as root here"
    absent = [name for name in _NEEDED if shutil.which(name, path=_PATH) is None]
    return f"{', '.join(absent)}: not installed (Debian: slurm-wlm, munge)" if absent else ""


@contextmanager
def one_node(folder: Path, *, memory: int = 2000) -> Iterator[Path]:
    """A running Slurm with the partition ``cpu``: its slurm.conf. ``memory`` is the node's, in MB."""
    folder.chmod(0o755)
    for part in ("state", "spool"):
        (folder / part).mkdir()
    configuration = folder / "slurm.conf"
    configuration.write_text(_configuration(folder, memory=memory))
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o600)
    environment = {**os.environ, "PATH": _PATH, "SLURM_CONF": str(configuration)}
    started = []
    try:
        for command in _daemons(folder):
            log = (folder / f"{command[0]}.out").open("wb")
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            _until_ready(command[0], folder, environment)
        yield configuration
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def _daemons(folder: Path) -> list[list[str]]:
    munge = [f"--{name}={folder / file}" for name, file in (
        ("key-file", "munge.key"), ("socket", "munge.sock"), ("pid-file", "munged.pid"),
        ("log-file", "munged.log"), ("seed-file", "munged.seed"),
    )]  # fmt: skip
    return [["munged", "--foreground", "--force", "--num-threads=1", *munge], ["slurmctld", "-D", "-i"],
            ["slurmd", "-D"]]  # fmt: skip


def _until_ready(daemon: str, folder: Path, environment: dict[str, str]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if daemon == "munged" and (folder / "munge.sock").exists():
            return
        if daemon != "munged":
            said = subprocess.run(
                ["sinfo", "--noheader", "--format=%T"], env=environment, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            if said.returncode == 0 and (daemon == "slurmctld" or said.stdout.strip().startswith("idle")):
                return
        time.sleep(0.05)
    raise RuntimeError(f"{daemon} is not ready: {(folder / f'{daemon}.out').read_text()[-2000:]}")


def _configuration(folder: Path, *, memory: int) -> str:
    host = socket.gethostname().split(".")[0]
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    settings = {
        "ClusterName": "tests",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmUser": "root",
        "SlurmctldPort": ports[0],
        "SlurmdPort": ports[1],
        "CommunicationParameters": "NoCtldInAddrAny,NoInAddrAny",
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={folder / 'munge.sock'}",
        "StateSaveLocation": folder / "state",
        "SlurmdSpoolDir": folder / "spool",
        "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "slurmd.pid",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "SwitchType": "switch/none",
        "MpiDefault": "none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory",
        "DefMemPerNode": 200,
        "AccountingStorageType": "accounting_storage/none",
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": "task=1",
        "JobAcctGatherParams": "OverMemoryKill",
        "ReturnToService": 2,
        "KillWait": 2,
        "SchedulerParameters": "batch_sched_delay=0,sched_min_interval=0",
    }
    lines = [f"{key}={value}" for key, value in settings.items()]
    node = f"NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory={memory} State=UNKNOWN"
    partition = f"PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4"
    return "\n".join([*lines, node, partition, ""])


def _serve() -> None:
    """``python -m support.slurm``: a Slurm until Ctrl-C, in a folder of its own."""
    import sys
    import tempfile

    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, one_node(Path(folder)) as configuration:
        sys.stdout.write(f"export SLURM_CONF={configuration}\n")
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    _serve()
