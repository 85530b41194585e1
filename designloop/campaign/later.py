"""Keys that people write and this version does not have: refused by name, never ignored."""

from __future__ import annotations

from typing import Any

from designloop.campaign.parts import is_realization
from designloop.reading.document import Path_
from designloop.reading.problems import Problems

# pattern of a path ("*" stands for any key or position) -> what to write instead
LATER: dict[tuple[str, ...], str] = {
    ("replicates",): "Let the oracle average by itself.",
    ("answer",): "The report names one best design.",
    ("report",): "The report has its standard content.",
    ("start_from",): "Export the other run and name the file under existing_trials.",
    ("process", "*", "file"): "Write normal: [mean, standard deviation].",
    ("process", "*", "wafer"): "Every sample is a die; leave it out.",
    ("process", "*", "unit"): "Write the unit beside each number.",
    ("process", "*", "is"): "Write normal: [mean, standard deviation] per side.",
    ("process", "*", "column"): "Write normal: [mean, standard deviation].",
    ("process", "*", "uniform"): "Write normal: [mean, standard deviation].",
    ("process", "*", "lognormal"): "Write normal: [mean, standard deviation].",
    ("process", "*", "truncated_normal"): "Write normal: [mean, standard deviation].",
    ("objectives", "*", "match"): "Minimize an expression such as abs(metric - 8).",
    ("objectives", "*", "target"): "Minimize an expression such as abs(metric - 8).",
    ("objectives", "*", "tolerance"): "Bound the metric from both sides under constraints.",
    ("objectives", "*", "confidence"): "Leave it out.",
    ("objectives", "*", "quantile"): "Choose mode worst_corner or mean.",
    ("objectives", "*", "weight"): "Keep one objective.",
}
STRATEGIES = ("nsga2", "thompson", "knowledge_gradient", "expected_hypervolume")


def refuse_later(data: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """Note every key of a later version; the data without them."""
    kept = _without(data, (), problems)
    assert isinstance(kept, dict)
    _single_values(kept, problems)
    return kept


def _without(value: Any, path: Path_, problems: Problems) -> Any:
    if isinstance(value, list):
        return [_without(item, (*path, i), problems) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        instead = _instead((*path, key))
        if instead is None:
            kept[key] = _without(item, (*path, key), problems)
        else:
            problems.add((*path, key), f"not in this version: {key}.", instead, key=True)
    return kept


def _instead(path: Path_) -> str | None:
    for pattern, instead in LATER.items():
        if len(pattern) == len(path) and all(p in ("*", str(k)) for p, k in zip(pattern, path, strict=True)):
            return instead
    return None


def _single_values(data: dict[str, Any], problems: Problems) -> None:
    """Values of a later version at keys that this one has."""
    _levels(data.get("process"), problems)
    _strategies(data.get("strategy"), ("strategy",), problems)
    for i, phase in enumerate(_list(data.get("strategy"))):
        _strategies(phase, ("strategy", i), problems)
    for i, objective in enumerate(_list(data.get("objectives"))):
        mode = objective.get("mode") if isinstance(objective, dict) else None
        if isinstance(mode, dict) or (isinstance(mode, str) and mode.startswith("quantile")):
            problems.add(
                ("objectives", i, "mode"),
                "not in this version: mode quantile.",
                "Write worst_corner or mean.",
            )


def _levels(process: Any, problems: Problems) -> None:
    """Only realizations have a level, and only that of the die."""
    for name, spec in process.items() if isinstance(process, dict) else ():
        if not isinstance(spec, dict) or "level" not in spec:
            continue
        path: Path_ = ("process", name, "level")
        if not is_realization(str(name)):
            problems.add(
                path, "not in this version: level.", "Every sample is a die; leave it out.", key=True
            )
        elif spec["level"] in ("wafer", "lot", "trial"):
            problems.add(
                path, f"not in this version: level {spec['level']}.",
                f"Write level: die, or leave {name} out.",
            )  # fmt: skip


def _strategies(written: Any, path: Path_, problems: Problems) -> None:
    named = written.get("name") if isinstance(written, dict) else written
    if isinstance(named, str) and named in STRATEGIES:
        where: Path_ = (*path, "name") if isinstance(written, dict) else path
        problems.add(where, f"not in this version: the strategy {named}.", "Write for example gp_ucb.")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
