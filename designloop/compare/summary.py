"""What a comparison found: numbers for machines, a table for the screen."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from designloop.campaign.model import Campaign
from designloop.compare import measures
from designloop.compare.measures import Measured, Reach, Rows, Threshold
from designloop.compare.notes import target_notes
from designloop.compare.rows import NEVER_TWICE
from designloop.compare.setup import Setup
from designloop.compare.source import Source
from designloop.compare.table import table
from designloop.compare.verdict import Verdict, advice, main_measure, verdicts


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Everything that is shown of a comparison; ``problem`` says what was compared on what."""

    problem: str
    unit: str
    metric: str
    measured: tuple[Measured, ...]
    main: str | None
    verdicts: tuple[Verdict, ...]
    advice: str
    target: float | None
    thresholds: tuple[Threshold, ...]
    labels_first: int
    """Labels, or shared designs, before the first try."""
    notes: tuple[str, ...] = ()
    """What a reader of the verdicts has to know."""

    @property
    def learns(self) -> bool:
        """True where a response was learned."""
        return bool(self.thresholds)

    def to_json(self) -> dict[str, Any]:
        """Settings, measures of every strategy, verdicts."""
        content = {
            "problem": self.problem, "metric": self.metric, "unit": self.unit, "target": self.target,
            "thresholds": [{"name": t.name, "errors": dict(t.errors)} for t in self.thresholds],
            "main_measure": self.main, "advice": self.advice,
            "strategies": {m.label: _of(m) for m in self.measured},
            "verdicts": [v.to_json() for v in self.verdicts],
            "notes": list(self.notes),
        }  # fmt: skip
        found: dict[str, Any] = _finite(content)
        return found

    def text(self) -> str:
        """The problem, a table, a sentence per strategy and one of advice."""
        shown = table(self.measured, self.thresholds, self.unit)
        said = [*self.notes, *(v.text for v in self.verdicts)]
        return "\n".join([self.problem, "", *shown, "", *said, "", self.advice])


def summarize(
    rows: Rows, labels: Sequence[str], repeats: Sequence[int], *, setup: Setup, campaign: Campaign,
    source: Source, problem: str,
) -> Summary:  # fmt: skip
    """Measures and verdicts over the repeats of every strategy in ``labels``."""
    asked, target = source.problem, None
    notes: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    if setup.learn:
        reference = source.reference()
        thresholds = measures.thresholds_of(setup, campaign.goal.aims if campaign.goal else (), reference)
        measured = [
            measures.learned(rows, s, repeats, setup=setup, reference=reference, thresholds=thresholds)
            for s in labels
        ]
    else:
        chosen = {k: v for k, v in rows.items() if k[0] in labels and k[1] in repeats}
        target = measures.target_of(chosen, asked, source.top())
        whole = bool(setup.table) and setup.target is None
        optimum = measures.optimum_of(chosen, asked, source.top(), is_best=whole)
        measured = [
            measures.optimized(rows, s, repeats, problem=asked, setup=setup, target=target, optimum=optimum)
            for s in labels
        ]
        notes = tuple(target_notes(chosen, measured, setup=setup, source=source, target=target))
    main = main_measure(measured)
    units = {o.name: o.unit for o in campaign.declaration.outputs} | {
        o.name: o.unit for o in campaign.outcomes
    }
    apart = [s for s in labels if setup.replacement and s.partition(":")[0] in NEVER_TWICE]
    found = verdicts(measured, main=main, unit=units.get(asked.metric, ""), apart=apart)
    return Summary(
        problem=problem, unit=units.get(asked.metric, ""), metric=asked.metric, measured=tuple(measured),
        main=main, verdicts=tuple(found), advice=advice(found), target=target, thresholds=thresholds,
        labels_first=setup.count, notes=notes,
    )  # fmt: skip


def write(folder: Path, summary: Summary) -> list[Path]:
    """``summary.json`` and ``results.csv``: one row per strategy and repeat."""
    plain, table = folder / "summary.json", folder / "results.csv"
    plain.write_text(json.dumps(summary.to_json(), indent=1, allow_nan=False), encoding="utf-8")
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_headers(summary))
        for one in summary.measured:
            writer.writerows(_csv_rows(summary, one))
    return [plain, table]


def _headers(summary: Summary) -> list[str]:
    lead = ["strategy", "repeat"]
    if not summary.learns:
        unit = f" [{summary.unit}]" if summary.unit else ""
        return [*lead, "success", "tries", f"regret{unit}", "out of scope"]
    reaches = [h for t in summary.thresholds for h in (f"reached {t.name}", f"labels to {t.name}")]
    return [*lead, *reaches, "mean ln NRMSE", "share in 95 % band", "out of scope"]


def _csv_rows(summary: Summary, one: Measured) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for k, repeat in enumerate(one.repeats):
        lead: list[Any] = [one.label, repeat]
        if one.tries is not None:
            rows.append([*lead, *_reach_at(one.tries, k), _cell(one.final[k]), _cell(one.waste[k])])
            continue
        reaches = [c for t in summary.thresholds for c in _reach_at(one.labels[t.name], k)]
        rows.append([*lead, *reaches, *(_cell(a[k]) for a in (one.area, one.coverage, one.waste))])
    return rows


def _reach_at(reach: Reach, k: int) -> list[Any]:
    return [int(reach.reached[k]), int(reach.count[k]) if reach.reached[k] else ""]


def _cell(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""


def _of(one: Measured) -> dict[str, Any]:
    found: dict[str, Any] = {"repeats": len(one.repeats), "cpu_seconds": one.seconds}
    found["out_of_scope"] = float(one.waste.mean())
    if one.tries is not None:
        found |= {"success_rate": one.tries.rate, **_reach(one.tries, "tries")}
        found |= {"regret": _quartiles(one.final), "curve": [_quartiles(c) for c in one.curve.T]}
        return found
    found["labels"] = {name: {"rate": r.rate, **_reach(r, "labels")} for name, r in one.labels.items()}
    found["mean_log_error"] = float(np.nanmean(one.area)) if np.isfinite(one.area).any() else None
    found["coverage"] = float(np.nanmean(one.coverage)) if np.isfinite(one.coverage).any() else None
    return found | {"curve": [_quartiles(c) for c in one.curve.T]}


def _reach(reach: Reach, word: str) -> dict[str, Any]:
    return {
        f"{word}_over_successes": reach.over_successes,
        f"{word}_censored": reach.censored,
        f"{word}_median": float(np.median(reach.count)),
        "budget": reach.budget,
    }


def _quartiles(values: Any) -> list[float] | None:
    known = values[np.isfinite(values)]
    return [float(q) for q in np.percentile(known, [25, 50, 75])] if len(known) else None


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
