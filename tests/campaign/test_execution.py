# ruff: noqa: E501 - one case, one line
"""``execution`` and the ends of a campaign: read, resolved, refused at the right line with what to write instead."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise, takewhile
from typing import Any, NamedTuple

import pytest
from campaign_example import DECLARATION, FILE
from hypothesis import given
from hypothesis import strategies as st
from support.broken import faults

from designloop import units
from designloop.campaign import Campaign, loads, validate_report
from designloop.campaign.amounts import size
from designloop.campaign.executing import merged
from designloop.campaign.execution import DEFAULTS, Execution, Reaction, Window
from designloop.campaign.windows import DAY, DAYS, window
from designloop.errors import CampaignError
from designloop.reading.problems import Refused

WORKERS = "{workers: 1}"
CORNERS = ", mode: worst_corner, corners: 3 sigma"
STOP = "{trials: 60, no_improvement: {trials: 20, less_than: 1 %}}"


def written(execution: str = WORKERS, stop: str = STOP) -> str:
    """The example with other lines; people measure nominal devices only."""
    assert FILE.count(WORKERS) == FILE.count(STOP) == FILE.count(CORNERS) == 1
    text = FILE.replace(WORKERS, execution).replace(STOP, stop)
    return text.replace(CORNERS, "") if "manual" in execution else text


def campaign(execution: str = WORKERS, stop: str = STOP) -> Campaign:
    """The example with other lines, resolved."""
    return loads(written(execution, stop), declaration=DECLARATION)


def execution(text: str) -> Execution:
    """``execution`` resolved."""
    return campaign(text).execution


def test_what_is_left_out_runs_one_trial_after_the_other_here() -> None:
    assert execution("{}") == Execution()
    assert Execution().failures == DEFAULTS


@pytest.mark.parametrize(
    ("text", "engine", "staleness"),
    [
        ("{workers: 4}", "processes", 8),
        ("{workers: 4, staleness: 0}", "processes", 0),
        ("{time_limit: 90 min}", "processes", 0),
        ("{memory_limit: 4 GB}", "processes", 0),
        ("{threads: 2}", "processes", 0),
        ("{engine: dask, workers: 3}", "dask", 6),
        ("{engine: manual}", "manual", 0),
    ],
)
def test_the_engine_is_the_simplest_that_can(text: str, engine: str, staleness: int) -> None:
    found = execution(text)
    assert (found.engine, found.staleness) == (engine, staleness)


def test_everything_is_in_seconds_and_bytes() -> None:
    found = execution(
        "{engine: slurm, workers: 4, threads: 2, time_limit: 1.5 h, memory_limit: 512 MiB, failure_limit: 4, "
        "equal_failures: 2, licences: {comsol: 2}, queue: {partition: cpu, cpus: 8, extra: [--nice=100]}}"
    )
    assert (found.time_limit, found.memory_limit, found.threads) == (5400, 2**29, 2)
    assert (found.failure_limit, found.equal_failures, found.licences) == (4, 2, {"comsol": 2})
    assert found.queue == {"partition": "cpu", "cpus": 8, "extra": ["--nice=100"]}
    assert execution("{engine: slurm, queue: {memory: 32 GB}}").queue == {"memory": 32 * 10**9}


def test_settings_of_dask_are_passed_on() -> None:
    found = execution(
        "{engine: dask, cluster: {class: SLURMCluster, cores: 4, memory: 8 GB, job_extra_directives: [--qos=x]}, resources: {GPU: 1}}"
    )
    assert found.cluster == {
        "class": "SLURMCluster",
        "cores": 4,
        "memory": "8 GB",
        "job_extra_directives": ["--qos=x"],
    }
    assert found.resources == {"GPU": 1}


@pytest.mark.parametrize(
    "address", ["tcp://host:8786", "10.0.0.7:8786", "tls://head.lab.org:1", "ucx://[fe80::1%eth0]:65535"]
)
def test_addresses_of_dask_schedulers(address: str) -> None:
    assert execution(f"{{engine: dask, address: '{address}'}}").address == address


def test_reactions_to_failures() -> None:
    found = execution(
        "{failures: {error: retry, crash: {retry: 1, wait: 1 min, then: infeasible}, memory: censor, "
        "lost: {retry: 5}, wait: {retry: 100, then: pause}}}"
    ).failures
    assert found["error"] == Reaction(do="retry", times=3, wait=10)
    assert found["crash"] == Reaction(do="retry", times=1, wait=60, then="infeasible")
    assert found["memory"].do == "censor"
    assert found["lost"] == Reaction(do="retry", times=5, wait=10)
    assert found["wait"] == Reaction(do="retry", times=100, wait=600, then="pause")
    assert found["timeout"] == DEFAULTS["timeout"]


def minutes(day: str, hour: int) -> int:
    return DAYS.index(day) * DAY + hour * 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["Mon 19:00-07:00"]', [(minutes("Mon", 19), minutes("Tue", 7))]),
        ("Mon 19:00-07:00", [(minutes("Mon", 19), minutes("Tue", 7))]),
        ("[Sat-Sun]", [(minutes("Sat", 0), 7 * DAY)]),
        ('["Fri 19:00-24:00", Sat-Sun]', [(minutes("Fri", 19), 7 * DAY)]),
        ('["Sun-Mon 8:00-9:00"]', [(minutes("Mon", 8), minutes("Mon", 9)), (minutes("Sun", 8), minutes("Sun", 9))]),
        ('["mon, Wednesday 08:00 - 09:00"]', [(minutes("Mon", 8), minutes("Mon", 9)), (minutes("Wed", 8), minutes("Wed", 9))]),
        ('["Sun 20:00-06:00"]', [(minutes("Sun", 20), 7 * DAY + 360)]),
        ("daily", [(0, 7 * DAY)]),
        ("null", []),
    ],
)  # fmt: skip
def test_hours_of_the_week(text: str, expected: list[tuple[int, int]]) -> None:
    found = execution(f"{{hours: {text}}}").hours
    assert [(w.begin, w.end) for w in found] == expected


TIMES = st.integers(0, DAY - 1)


@given(st.sampled_from(DAYS), st.sampled_from(DAYS), TIMES, TIMES.filter(bool))
def test_every_span_of_days_and_times_is_read(first: str, last: str, begin: int, length: int) -> None:
    ends = [f"{m % DAY // 60:02d}:{m % 60:02d}" for m in (begin, begin + length)]
    found = window(f"{first}-{last} {ends[0]}-{ends[1]}").windows
    days = [(DAYS.index(first) + i) % 7 for i in range((DAYS.index(last) - DAYS.index(first)) % 7 + 1)]
    assert [w.begin // DAY for w in found] == sorted(days)
    assert {w.begin % DAY for w in found} == {begin}
    assert {w.end - w.begin for w in found} == {length}


@given(st.text(max_size=20))
def test_any_other_text_is_refused_with_advice(text: str) -> None:
    refused = None
    try:
        window(text)
    except Refused as error:
        refused = error
    assert refused is None or (refused.what.endswith(".") and refused.instead)


@given(st.lists(st.builds(lambda b, n: Window(begin=b, end=b + n), st.integers(0, 999), st.integers(1, 99))))
def test_windows_that_touch_become_one_and_cover_the_same(windows: list[Window]) -> None:
    found = merged(tuple(windows))
    assert all(a.end < b.begin for a, b in pairwise(found))
    covered = [{m for w in part for m in range(w.begin, w.end)} for part in (windows, found)]
    assert covered[0] == covered[1]


@given(st.integers(1, 10**6), st.sampled_from([("kB", 1e3), ("MB", 1e6), ("GiB", 2**30), ("B", 1)]))
def test_amounts_of_memory_are_exact(count: int, unit: tuple[str, float]) -> None:
    assert size(f"{count} {unit[0]}").bytes == count * unit[1]


class Broken(NamedTuple):
    """Lines that are refused: where and in which words, whole."""

    id: str
    execution: str
    stop: str
    at: str
    words: str


def ex(id: str, text: str, at: str, words: str) -> Broken:
    return Broken(id, text, STOP, at, words)


def end(id: str, text: str, at: str, words: str, execution: str = WORKERS) -> Broken:
    return Broken(id, execution, text, at, words)


CASES = [
    # numbers
    ex("no workers", "{workers: 0}", "0}", "workers must be at least 1, not 0. Write for example workers: 4."),
    ex("time without unit", "{time_limit: 90}", "90}", "time_limit is 90 without a unit. Write 90 min, or another unit of time."),
    ex("time in bytes", "{time_limit: 90 um}", "90 um", "time_limit: 'um' cannot be converted to 's'. Write it in s, or a unit of the same kind."),
    ex("time of zero", "{time_limit: 0 s}", "0 s", "time_limit is 0 s; it must be positive. Write time_limit: 90 min."),
    ex("memory without unit", "{memory_limit: 4}", "4}", "4 is no amount of memory: the unit is missing. Write 4 GB."),
    ex("memory in bits", "{memory_limit: 4 Gb}", "4 Gb", "Gb is no unit of memory. Write 4 GB."),
    ex("memory in short", "{memory_limit: 4G}", "4G", "G is no unit of memory. Write 4 GB."),
    ex("memory in other units", "{memory_limit: 4 um}", "4 um", "um is no unit of memory. Write one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB."),
    ex("decimal comma", '{memory_limit: "1,5 GB"}', '1,5', "'1,5 GB' is no amount of memory. Write for example 4 GB."),
    ex("one equal failure", "{equal_failures: 1}", "1}", "equal_failures must be at least 2, not 1. Write for example equal_failures: 3."),
    # engines
    ex("unknown engine", "{engine: slrum}", "slrum", "engine cannot be 'slrum'. Did you mean slurm?"),
    ex("queue without slurm", "{queue: {partition: cpu}}", "queue", "queue means nothing under engine in_process. Write engine: slurm, or for dask put its settings under cluster."),
    ex("queue under dask", "{engine: dask, queue: {cpus: 2}}", "queue", "queue means nothing under engine dask. Write engine: slurm, or for dask put its settings under cluster."),
    ex("address without dask", "{workers: 2, address: tcp://h:1}", "address", "address means nothing under engine processes. Add engine: dask."),
    ex("resources without dask", "{resources: {GPU: 1}}", "resources", "resources means nothing under engine in_process. Add engine: dask."),
    ex("limit in this process", "{engine: in_process, time_limit: 1 h}", "time_limit", "time_limit means nothing under engine in_process. Write engine: processes, where an attempt can be ended."),
    ex("workers in this process", "{engine: in_process, workers: 2}", "workers", "workers means nothing under engine in_process. Write engine: processes, where several run at a time."),
    ex("workers of people", "{engine: manual, workers: 2}", "workers", "workers means nothing under engine manual. Leave it out: people run the trials."),
    ex("hours of people", "{engine: manual, hours: daily}", "hours", "hours means nothing under engine manual. Leave it out: people run the trials."),
    ex("address and cluster", "{engine: dask, address: tcp://h:1, cluster: {class: PBSCluster}}", "cluster", "address and cluster exclude each other. Keep address for a scheduler that runs already, or cluster to start one."),
    ex("address without port", "{engine: dask, address: localhost}", "localhost", "'localhost' has no port. Write it as 'dask scheduler' prints it: tcp://localhost:8786."),
    ex("address of the dashboard", "{engine: dask, address: 'http://head:8787/status'}", "http", "'http://head:8787/status' is the address of a dashboard. Write the scheduler's: tcp://head:8786."),
    ex("address with a path", "{engine: dask, address: 'tcp://head:8786/x'}", "tcp", "'tcp://head:8786/x' is no address of a scheduler. Write such as tcp://host:8786."),
    ex("address by another protocol", "{engine: dask, address: 'ssh://head:22'}", "ssh", "ssh is no protocol of Dask. Write one of tcp, tls, ucx, ws, wss."),
    ex("address with a port that is none", "{engine: dask, address: 'head:87860'}", "head", "87860 is no port. Write one from 1 to 65535."),
    ex("address that is a port", "{engine: dask, address: 8786}", "8786", "8786 is no address of a scheduler. Write such as tcp://host:8786."),
    ex("class nearly of a cluster", "{engine: dask, cluster: {class: Slurm}}", "Slurm", "'Slurm' is no cluster of dask-jobqueue. Did you mean SLURMCluster?"),
    ex("class of no cluster", "{engine: dask, cluster: {class: KubeCluster}}", "KubeCluster", "'KubeCluster' is no cluster of dask-jobqueue. Write one of HTCondorCluster, LSFCluster, MoabCluster, OARCluster, PBSCluster, SGECluster, SLURMCluster."),
    ex("cluster without class", "{engine: dask, cluster: {cores: 2}}", "cluster", "the key class is missing below cluster. Write for example class: SLURMCluster."),
    ex("memory twice", "{engine: slurm, memory_limit: 1 GB, queue: {memory: 1 GB}}", "memory: 1", "memory_limit says it already. Leave one of the two out."),
    ex("unknown option of a job", "{engine: slurm, queue: {partitoin: cpu}}", "partitoin", "partitoin is no key of queue. Did you mean partition?"),
    ex("a command in an option", '{engine: slurm, queue: {partition: "cpu; rm -rf /"}}', 'cpu;', "'cpu; rm -rf /' is no single word. Write letters, digits and ,:=/@&|*()[]+-._ only."),
    ex("a short option", '{engine: slurm, queue: {extra: [-N2]}}', "-N2", "'-N2' is no long option in one piece. Write such as --nice=100."),
    # failures
    ex("unknown cause", "{failures: {hang: abandon}}", "hang", "hang is no key of failures. Known keys: error, crash, timeout, memory, invalid, partial, guard, lost, wait."),
    ex("misspelled cause", "{failures: {time_out: abandon}}", "time_out", "time_out is no key of failures. Did you mean timeout?"),
    ex("unknown reaction", "{failures: {error: ignore}}", "ignore", "'ignore' is no reaction. Known reactions: abandon, retry, infeasible, censor, keep, quarantine, pause."),
    ex("misspelled reaction", "{failures: {error: quarantaine}}", "quarantaine", "'quarantaine' is no reaction. Did you mean quarantine?"),
    ex("number as reaction", "{failures: {lost: 3}}", "3}", "3 is no reaction. Write {retry: 3} or abandon."),
    ex("true as reaction", "{failures: {crash: true}}", "true", "true is no reaction. Write {retry: 3} or abandon."),
    ex("a list as reaction", "{failures: {crash: []}}", "[]", "crash must be a mapping, not []. Write for example crash: {retry: 1, then: infeasible}."),
    ex("a word for all causes", "{failures: retry}", "retry", "failures must be a mapping, not 'retry'. Write for example failures: {lost: {retry: 3, wait: 10 s}, timeout: censor}."),
    ex("a word in the end", "{failures: {crash: {retry: 2, then: retry}}}", "retry}", "then cannot be 'retry'. Write one of abandon, infeasible, censor, keep, quarantine, pause."),
    ex("an engine for a mapping", "slurm", "slurm", "execution must be a mapping, not 'slurm'. Write for example execution: {workers: 4}."),
    ex("a number in words", "{workers: four}", "four", "workers must be a whole number, not 'four'. Write for example workers: 4."),
    ex("keep a crash", "{failures: {crash: keep}}", "keep", "keep goes with partial only: crash leaves nothing to keep. Write abandon, censor or quarantine."),
    ex("infeasible by bad luck", "{failures: {lost: {retry: 1, then: infeasible}}}", "{retry", "lost says nothing of the design, so it cannot mean infeasible. Write abandon or pause, after some retry."),
    ex("wait without retry", "{failures: {error: {wait: 1 s}}}", "wait", "error waits for no attempt. Add retry: 3, or leave wait out."),
    ex("wait without unit", "{failures: {error: {retry: 1, wait: 5}}}", "5}", "wait is 5 without a unit. Write 5 s, or another unit of time."),
    ex("retry no times", "{failures: {error: {retry: 0}}}", "0}", "retry must be at least 1, not 0. Write for example retry: 3."),
    # hours
    ex("a time without a day", "{hours: [12:30]}", "12:30", "'12:30' names no day. Write for example \"Mon-Fri 19:00-07:00\", Sat-Sun or \"daily 20:00-06:00\"."),
    ex("a span without days", "{hours: 19:00-07:00}", "19:00", "'19:00-07:00' names no day. Write \"daily 19:00-07:00\", or days as in \"Mon-Fri 19:00-07:00\"."),
    ex("a number", "{hours: 750}", "750", "750 is no window of hours. Write for example \"Mon-Fri 19:00-07:00\", Sat-Sun or \"daily 20:00-06:00\"."),
    ex("a mapping", "{hours: {Mon: 19:00-07:00}}", "{Mon", "{Mon: ...} is no window of hours. Write for example \"Mon-Fri 19:00-07:00\", Sat-Sun or \"daily 20:00-06:00\"."),
    ex("no hours at all", "{hours: []}", "[]", "hours names no window. Leave it out to begin at any time. Write for example \"Mon-Fri 19:00-07:00\", Sat-Sun or \"daily 20:00-06:00\"."),
    ex("half a span", '{hours: ["Mon 19:00"]}', 'Mon', "19:00 in 'Mon 19:00' is no span of time. Write both ends, such as 19:00-07:00."),
    ex("hours without minutes", '{hours: ["Mon 19-7"]}', 'Mon', "'19' in 'Mon 19-7' is no time of the day. Write 19:00."),
    ex("hour 25", '{hours: ["Mon 19:00-25:00"]}', 'Mon', "'25:00' in 'Mon 19:00-25:00' is no time of the day. Write such as 19:00."),
    ex("empty span", '{hours: ["Mon 7:00-7:00"]}', 'Mon', "7:00-7:00 in 'Mon 7:00-7:00' is empty. Leave the time out for the whole day."),
    ex("no day", "{hours: [Mon-Fry]}", "Mon-Fry", "'Fry' in 'Mon-Fry' is no day. Write Mon, Tue, Wed, Thu, Fri, Sat, Sun, or daily."),
    # ends
    end("cost without unit", "{cost: 200}", "200", "cost is 200 without a unit. Write 200 h, or another unit of time."),
    end("cost in money", "{cost: 200 V}", "200 V", "cost: 'V' cannot be converted to 's'. Write it in s, or a unit of the same kind."),
    end("hours of an unknown licence", "{licence_hours: {comsoll: 9}}", "9}", "no attempt takes the licence comsoll. Did you mean comsol?", "{licences: {comsol: 1}}"),
    end("hours of no licence", "{licence_hours: {comsol: 9}}", "9}", "no attempt takes the licence comsol. Add execution: {licences: {comsol: 1}}."),
    end("no licence hours", "{licence_hours: 0}", "0}", "licence_hours is 0 h; it must be positive. Write licence_hours: 120."),
    end("licence hours as a list", "{licence_hours: [9]}", "[9]", "[9] is no number of hours. Write licence_hours: 120, or {NAME: 120}."),
    end("until a German date", "{until: 18.12.2026}", "18.12", "'18.12.2026' is no date. Write 2026-12-18, or \"2026-12-18 18:00\"."),
    end("until no day", "{until: 2026-02-30}", "2026-02-30", "'2026-02-30' is not in the calendar. Write such as \"2026-12-18 18:00\"."),
    end("until a number", "{until: 2026}", "2026}", "2026 is no date. Write 2026-12-18, or \"2026-12-18 18:00\"."),
    end("target of another metric", "{target: drive_power <= 1 mW}", "drive_power <=", "drive_power is not the objective, which is noise_equivalent_field. Write target: noise_equivalent_field <= BOUND, and bound other metrics under constraints."),
    end("target the wrong way", "{target: noise_equivalent_field >= 60 nT/sqrt(Hz)}", "noise_equivalent_field >=", "noise_equivalent_field is minimized, so that its target cannot be written with >=. Write target: noise_equivalent_field <= BOUND."),
    end("target in another unit", "{target: noise_equivalent_field <= 60 kHz}", "<= 60 kHz", "noise_equivalent_field (in nT/sqrt(Hz)) and a number in kHz cannot be compared. Write it in nT/sqrt(Hz), or a unit of the same kind."),
    end("target without a number", "{target: noise_equivalent_field <= 2 * noise_equivalent_field}", "noise_equivalent_field <=", "noise_equivalent_field <= 2 * noise_equivalent_field does not compare the objective with a number. Write target: noise_equivalent_field <= BOUND."),
    end("target as a band", "{target: 1 nT/sqrt(Hz) <= noise_equivalent_field <= 60 nT/sqrt(Hz)}", "1 nT", "a target is one comparison of the objective with a number. Write target: noise_equivalent_field <= BOUND."),
    end("trials without their key", "60", "60", "stop must be a mapping, not 60. Write for example stop: {trials: 60}."),
    end("improvement without its keys", "{no_improvement: 20}", "20", "no_improvement must be a mapping, not 20. Write for example no_improvement: {trials: 20, less_than: 1 %}."),
    end("target as a number", "{target: 60}", "60", "60 compares nothing. Write target: METRIC <= NUMBER, or >=."),
    end("target as a name", "{target: noise_equivalent_field}", "noise", "noise_equivalent_field compares nothing. Write target: noise_equivalent_field <= BOUND."),
    end("a gain of more than all", "{nothing_to_gain: 120 %}", "120 %", "nothing_to_gain is 120 %; it must lie between 0 and 100 %. Write nothing_to_gain: 1 %."),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[c.id for c in CASES])
def test_what_cannot_be_is_refused_where_it_stands(case: Broken) -> None:
    text = written(case.execution, case.stop)
    with pytest.raises(CampaignError) as caught:
        loads(text, declaration=DECLARATION)
    error = caught.value.errors[0]
    assert len(caught.value.errors) == 1, [str(e) for e in caught.value.errors]
    assert error.place is not None
    line = text.splitlines()[(error.place.line or 0) - 1]
    assert line[(error.place.column or 0) - 1 :].startswith(case.at), (error.place, line)
    said = " ".join(filter(None, (error.what, error.instead)))
    assert said == case.words
    assert faults(said) == []


def test_a_model_free_strategy_promises_nothing() -> None:
    text = FILE.replace("{name: gp_ucb, kappa: 1.96, initial: {sobol: 8}}", "sobol").replace(
        STOP, "{nothing_to_gain: 1 %}"
    )
    with pytest.raises(CampaignError, match="no model promises a gain under sobol"):
        loads(text, declaration=DECLARATION)


def test_ends_in_plain_numbers() -> None:
    found = campaign(
        "{engine: slurm, licences: {comsol: 2}}",
        "{trials: 80, licence_hours: 120, until: 2026-12-18, cost: 200 h, nothing_to_gain: 1 %, wall_time: 90 min}",
    ).stop
    assert (found.licence_time, found.cost, found.wall_time) == ({"": 432_000}, 720_000, 5400)
    assert found.nothing_to_gain == pytest.approx(0.01)
    assert datetime.fromisoformat(str(found.until)) == datetime(2026, 12, 19)
    timed = campaign(
        "{licences: {comsol: 2}}", '{until: "2026-12-18 18:00", licence_hours: {comsol: 30 min}}'
    ).stop
    assert (timed.until, timed.licence_time) == ("2026-12-18T18:00:00", {"comsol": 1800})


@pytest.mark.parametrize(
    ("target", "value"),
    [("noise_equivalent_field <= 60 nT/sqrt(Hz)", 60), ("noise_equivalent_field <= 0.06 uT/sqrt(Hz)", 60), ("60 >= noise_equivalent_field", 60)],
)  # fmt: skip
def test_a_target_counts_in_the_unit_of_the_objective(target: str, value: float) -> None:
    assert campaign(stop=f"{{target: {target}}}").stop.target == pytest.approx(value)


def test_a_target_of_an_expression_and_of_yield() -> None:
    objective = "[{minimize: noise_equivalent_field, mode: worst_corner, corners: 3 sigma}]"
    product = FILE.replace(objective, "[{minimize: drive_power * resonance_frequency}]").replace(
        STOP, "{target: drive_power * resonance_frequency <= 2 W*Hz}"
    )
    found = loads(product, declaration=DECLARATION)
    assert found.stop.target == pytest.approx(units.convert(2.0, "W*Hz", found.outcomes[0].unit))
    share = FILE.replace(objective, "[{maximize: yield}]\nspecs: [drive_power <= 1 mW]").replace(
        STOP, "{target: yield >= 90 %}"
    )
    assert loads(share, declaration=DECLARATION).stop.target == pytest.approx(0.9)


def lines(text: str, title: str) -> list[str]:
    """The lines of a section of the summary."""
    rest = text[text.index(f"  {title:<24}") :].splitlines()
    more = takewhile(lambda line: line.startswith(" " * 26), rest[1:])
    return [line[26:] for line in (rest[0], *more)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", ["in this process"]),
        ("{workers: 4, time_limit: 90 min, memory_limit: 4 GB}", ["in 4 processes at a time on this machine, each at most 1 h 30 min, each within 4 GB, up to 8 outcomes behind"]),
        ('{engine: slurm, licences: {comsol: 2}, hours: ["Mon-Fri 19:00-07:00", Sat-Sun], failures: {crash: {retry: 1, then: infeasible}, error: pause}}',
         ["by 1 worker on Slurm, 2 licences of comsol, begun within Mon-Fri 19:00-07:00, Sat-Sun", "failures: error: pause, crash: 1 more after 10 s, then infeasible"]),
        ("{engine: manual}", ["by people"]),
    ],
)  # fmt: skip
def test_the_summary_echoes_how_trials_run(text: str, expected: list[str]) -> None:
    assert lines(validate_report(campaign(text)), "execution") == expected


def test_the_summary_echoes_when_the_campaign_ends() -> None:
    found = campaign(
        "{licences: {comsol: 2}}",
        "{trials: 80, licence_hours: {comsol: 120}, until: 2026-12-18, cost: 200 h, nothing_to_gain: 1 %, "
        "target: noise_equivalent_field <= 60 nT/sqrt(Hz)}",
    )
    assert lines(validate_report(found), "stop") == [
        "after 80 trials, or as soon as noise_equivalent_field <= 60 nT/sqrt(Hz) is met, or where the model "
        "promises less than 1 % improvement, or after 200 h of the oracle, or after 120 h of comsol, or at "
        "2026-12-19 00:00 local time"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{workers: 4, licences: {comsol: 2}}",
            "note: only 2 of 4 workers run at a time: comsol has no more.",
        ),
        ("{engine: slurm}", "note: without a time_limit an attempt that hangs keeps its worker for good."),
    ],
)
def test_what_is_doubtful_is_noted(text: str, words: str) -> None:
    assert words in validate_report(campaign(text))
    assert words not in validate_report(campaign())


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(CampaignError) as caught:
        campaign("{workers: 0, time_limit: 4 um, hours: [12:30]}", "{until: soon}")
    assert len(caught.value.errors) == 3  # units are checked once the rest can be read


def test_a_campaign_can_be_compared() -> None:
    both: list[Any] = [execution("{workers: 4, failures: {lost: retry}}") for _ in range(2)]
    assert both[0] == both[1]
