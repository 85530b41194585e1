"""Learning curves of an ensemble as a table and a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILES = ("learning_curve.csv", "learning_curve.png")


def write(history: Mapping[str, NDArray[np.float64]], folder: Path) -> dict[str, Path]:
    """Losses and learning rates (epochs, members) into ``folder``; the files by name."""
    table, picture = (folder / name for name in FILES)
    members = history["validation"].shape[1]
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *(f"{name}_{k}" for name in history for k in range(members))])
        for epoch, line in enumerate(np.concatenate(list(history.values()), axis=1), start=1):
            writer.writerow([epoch, *(f"{value:.6g}" for value in line)])
    _draw(history, picture)
    return {"learning_curve": table, "learning_curve_figure": picture}


def _draw(history: Mapping[str, NDArray[np.float64]], file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    epochs = np.arange(1, len(history["validation"]) + 1)
    for name, colour in (("training", "C0"), ("validation", "C1")):
        for k, losses in enumerate(history[name].T):
            axes.plot(epochs, losses, color=colour, label=None if k else name, linewidth=1)
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    axes.legend()
    figure.savefig(file, dpi=120)
