"""``train:NAME`` as an oracle: hyper-parameters in, the validation error of the trained network out.

Light until asked: the declaration needs neither torch nor the data set.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from designloop.errors import DesignloopError, OracleError
from designloop.learning.shards import DESCRIPTION, read_description
from designloop.oracle import Context, Declaration, Infeasible, Output, Result, Value, as_observations

from .._inputs import complete
from ._spaces import SPACES, Space

if TYPE_CHECKING:
    from designloop.learning.networks.training import Ensemble

    from ._rows import Array, Rows

VERSION = "2"
SPLIT = "70 % train, 15 % validation, 15 % test, by seed 0; test rows are left alone"


def find(
    name: str, *, folder: Path, options: Mapping[str, Value], version: str | None = None
) -> Training:  # fmt: skip
    """The oracle ``train:NAME``; ``data`` resolves against ``folder``. Raises OracleError.

    ``version``: the one that a run began with; other data by now are refused.
    """
    network = name.partition(":")[2]
    if network not in SPACES:
        near = difflib.get_close_matches(network, SPACES, n=1)
        advice = f"Did you mean 'train:{near[0]}'?" if near else f"Known are train: {', '.join(SPACES)}."
        raise OracleError(f"oracle {name!r}: there is no such network to train. {advice}")
    known = {"data": str, "share": float, "epochs": int, "patience": int, "members": int}
    for option, value in options.items():
        if option not in known:
            raise OracleError(f"oracle {name!r} has no option {option!r}; it takes {', '.join(known)}.")
        kinds = (int, float) if known[option] is float else known[option]
        if isinstance(value, bool) or not isinstance(value, kinds):
            words = {str: "a folder", float: "a number", int: "a whole number"}
            raise OracleError(f"oracle {name!r}: {option} is {value!r}; write {words[known[option]]}.")
    if "data" not in options:
        source = SPACES[network].sets[0]
        raise OracleError(
            f"oracle {name!r} learns from a data set. Write options: {{data: ../datasets/{source}}}, and "
            f"make it by 'designloop dataset make {source}'."
        )
    given: dict[str, Any] = {**options, "data": (folder / str(options["data"])).resolve()}
    oracle = Training(space=SPACES[network], **given)
    if not oracle.digest:
        sys.stderr.write(f"designloop: {name}: {oracle.lacking}\n")
    if version is not None and oracle.declaration.version != version:
        raise OracleError(
            f"oracle {name!r}: {oracle.data} or the way of training has changed since the run began. Put the "
            "data set back, or start a new run."
        )
    return oracle


@dataclass(frozen=True, kw_only=True)
class Training:
    """Training a network is one evaluation; ``share`` of the training rows, ``epochs`` at most.

    Left out, they are those of the network's space.
    Raises OracleError for limits that allow no training.
    """

    space: Space
    data: Path
    share: float | None = None
    epochs: int | None = None
    patience: int | None = None
    members: int = 1

    def __post_init__(self) -> None:
        if self.share is not None and not 0 < self.share <= 1:
            raise OracleError(f"share is {self.share:g}; write a share of the training rows, such as 0.1.")
        for name in ("epochs", "patience", "members"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise OracleError(f"{name} is {value}; write 1 or more.")

    @property
    def limits(self) -> dict[str, Any]:
        """Options in force, without the data's folder."""
        recipe = self.space.recipe
        return {
            "share": self.share,
            "epochs": self.epochs or recipe["epochs"],
            "patience": self.patience or recipe["patience"],
            "members": self.members,
        }

    @property
    def declaration(self) -> Declaration:
        """Hyper-parameters and what a training with them gives."""
        space = self.space
        unit = f"{space.unit}^2" if space.unit else ""
        return Declaration(
            name=f"train:{space.name}",
            summary=space.summary,
            inputs=space.inputs,
            outputs=(
                Output(
                    "validation_mse",
                    unit=unit,
                    description=f"mean squared error of {' and '.join(space.labels)} on the validation rows "
                    f"(split: {SPLIT})",
                ),
                Output("weights", description="numbers that the network learns"),
                Output("epochs", description="passes over the training rows until it ended"),
                Output("train_seconds", unit="s", description="of all attempts at this training"),
            ),
            options={"data": str(self.data), **{k: v for k, v in self.limits.items() if v is not None}},
            stochastic=True,
            version=f"{VERSION}:{self.digest[:12]}" if self.digest else VERSION,
            source=space.source,
        )

    @property
    def digest(self) -> str:
        """Of the data set as its description tells, empty where there is none yet."""
        if not (self.data / DESCRIPTION).is_file():
            return ""
        return str(read_description(self.data).get("digest", ""))

    @property
    def lacking(self) -> str:
        """What to say where there is no data set."""
        return (
            f"there is no whole data set in {self.data}. Make it by 'designloop dataset make "
            f"{self.space.sets[0]} --out {self.data}'."
        )

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """Train with ``parameters``. Raises Infeasible where the losses diverge, OracleError without data.

        What is trained so far is kept below ``context.answers`` and gone on with.
        """
        from ._rows import Clock, DivergedError, fit

        chosen = complete(self.declaration, parameters)
        rows, checkpoint = self._rows(), self._checkpoint(chosen, context)
        clock = Clock(checkpoint)
        try:
            ensemble = fit(
                rows, chosen, seed=context.seed, checkpoint=checkpoint, watch=lambda *_: clock.epoch(),
                **self.limits,
            )  # fmt: skip
        except DivergedError as error:
            raise Infeasible(f"the training diverges: {error}") from None
        except DesignloopError as error:
            raise OracleError(str(error)) from None
        clock.keep()
        held = rows.part("validation")
        labels, learned = rows.labels(held), ensemble.predict(rows.images(held)).mean(axis=0)
        mean, _ = rows.encoding.labels(learned, np.zeros_like(learned))
        metrics = {
            "validation_mse": float(np.mean((mean - labels) ** 2)),
            "weights": sum(parameter.numel() for parameter in next(ensemble.modules()).parameters()),
            "epochs": len(ensemble.history["validation"]),
            "train_seconds": clock.seconds,
        }
        kept = _keep(context.directory, rows, chosen, ensemble, learned, mean) if context.directory else {}
        return Result(metrics=as_observations(metrics), artifacts=kept)

    def _rows(self) -> Rows:
        from designloop.learning.datasets import DataSet

        from ._rows import Rows

        if not self.digest:
            raise OracleError(self.lacking)
        try:
            return Rows(data=DataSet.load(self.data), space=self.space)
        except DesignloopError as error:
            raise OracleError(str(error)) from None

    def _checkpoint(self, chosen: Mapping[str, Value], context: Context) -> Path | None:
        """A file named by all that decides the training."""
        if context.answers is None:
            return None
        decides = [
            VERSION,
            self.space.name,
            dict(chosen),
            self.limits,
            self.digest,
            context.seed,
        ]
        key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
        return context.answers / "trainings" / f"{self.space.name}-{key}.pt"


def _keep(
    folder: Path, rows: Rows, chosen: Mapping[str, Value], ensemble: Ensemble, learned: Array, mean: Array
) -> dict[str, Path]:
    """Learning curves and the model in ``folder``.

    ``learned``, and ``mean`` as labels, ``(rows, labels)``, are the answers on the validation rows.
    """
    from designloop.learning.judging import figures
    from designloop.learning.packed import Packed

    from . import _cards, _curves, _packing
    from ._rows import architecture

    folder.mkdir(parents=True, exist_ok=True)
    held = rows.part("validation")
    rmse = np.sqrt(np.mean((learned - rows.targets(held)) ** 2, axis=0))
    card = _cards.blank(rows, name=rows.space.name, split="validation rows, which ended the training")
    answered = zip(rows.space.metrics, rows.labels(held).T, mean.T, strict=True)
    judged = {metric: figures(label, answer) for metric, label, answer in answered}
    saved = _packing.save(
        rows, architecture(rows, chosen), ensemble, floor=rmse, factor=np.ones(len(rmse))
    )  # fmt: skip
    told = {**card.data, "training": {"network": rows.space.name, **chosen}}
    packed = Packed(saved=saved, card=replace(card, errors=judged, data=told))
    return {**_curves.write(ensemble.history, folder), "model": packed.save(folder / "model.dlmodel")}
