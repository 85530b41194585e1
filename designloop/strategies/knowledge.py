"""What is known when a learning strategy chooses: the learner, the committee, and the designs taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from designloop.learning.committees import Committee, Labels, fit_committee
from designloop.learning.features import Encoder
from designloop.learning.gp import MetricModel
from designloop.learning.kernels import Array
from designloop.learning.transforms import MetricTransform
from designloop.space import Design
from designloop.strategies.base import Problem
from designloop.strategies.gate import LeftOut, left_out, left_out_of_bag
from designloop.strategies.training import (
    Trained,
)


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """The learner's GPs (empty where the committee is the learner), the committee, and the labels.

    ``labels`` are the trials with a value of every learned metric, standardized by ``transforms``, and
    predictions are in their units; ``taken`` (k, d) are all tried, pending and just chosen designs.
    """

    problem: Problem
    metrics: tuple[str, ...]
    transforms: tuple[MetricTransform, ...]
    trials: tuple[int, ...]
    labels: Labels
    taken: Array
    trained: Trained | None
    models: tuple[MetricModel, ...]
    viable: MetricModel | None
    committee: Committee | None
    designs: Mapping[int, Design]
    """Parameters of the labelled trials."""
    encoder: Encoder
    seed: int

    @property
    def refitted(self) -> bool:
        """Whether hyper-parameters were fitted anew; networks and trees always are."""
        return self.trained is None or self.trained.refitted

    @property
    def fit(self) -> dict[str, Any]:
        """What is journaled and given back as ``History.fit``: hyper-parameters of learner and committee."""
        own = {} if self.trained is None else {k: v for k, v in self.trained.fit.items() if k != "committee"}
        return own if self.committee is None else {**own, "committee": self.committee.state}

    def advisers(self) -> Committee:
        """The committee, where the strategy has one."""
        return cast(Committee, self.committee)

    @property
    def scales(self) -> Array:
        """Standard deviation (m,) of each GP's signal in units of the labels; none without GPs."""
        pairs = zip(self.models, self.transforms, strict=False)
        return np.array([m.transform.sd / w.sd for m, w in pairs])

    def means(self, unit: Array) -> Array:
        """Predictions of the learner at (k, d): (k, m)."""
        if not self.models:
            return np.asarray(self.advisers().predict(unit).mean(0))
        return self.scales * np.stack([m.posterior(unit)[0] for m in self.models], axis=-1)

    def epistemic(self, unit: Array) -> Array:
        """Standard deviation of what the learner does not know at (k, d): (k, m)."""
        if not self.models:
            return np.asarray(self.advisers().predict(unit).std(0, ddof=1))
        return self.scales * np.stack([m.posterior(unit)[1] for m in self.models], axis=-1)

    def aleatoric(self) -> Array:
        """Noise variance of a label: (m,)."""
        if not self.models:
            return np.asarray(self.advisers().aleatoric)
        return np.asarray(self.scales**2 * np.array([m.noise.mean() for m in self.models]))

    def left_out(self) -> LeftOut:
        """How far off each label is predicted without it: in closed form, or by the members without it."""
        if self.models:
            found = left_out(self.models)
            return replace(found, residual=self.scales * found.residual, sd=self.scales * found.sd)
        return left_out_of_bag(self.advisers(), self.labels, self.trials)

    def disagreement(self, unit: Array) -> Array:
        """Spread of what is still believed possible at (k, d) over that of the labels: (k,).

        Root mean square over metrics. Where GPs learn, their own variance and that between the members add
        up (law of total variance): members that know little may well agree.
        """
        variance = self.epistemic(unit) ** 2
        if self.models and self.committee is not None:
            variance = variance + self.committee.predict(unit).var(0, ddof=1)
        return np.asarray(np.sqrt((variance / np.maximum(self.labels.z.var(0), 1e-24)).mean(-1)))

    def viability(self, unit: Array) -> Array:
        """Probability (k,) that an evaluation at (k, d) gives an answer."""
        if self.viable is None:
            return np.ones(len(unit))
        from scipy.special import ndtr

        mean, sd = self.viable.posterior(unit)
        return np.asarray(ndtr(mean / sd))

    def feasibility(self, unit: Array) -> Array:
        """Probability (k,) that an evaluation at (k, d) gives an answer within the modelled bounds."""
        if self.trained is None:
            return self.viability(unit)
        from designloop.strategies.limits import standing_of

        return standing_of(self.problem, self.trained.models).feasibility(unit)

    def features(self, unit: Array) -> Array:
        """Inputs of the learner, and of distances: (k, D)."""
        return np.asarray(self.encoder.features(unit), dtype=float)

    def nearest(self, unit: Array) -> int:
        """The labelled trial nearest to the design (d,), in lengthscales where the learner has them."""
        scaled = self.models[0].scaled if self.models else self.features
        gaps = ((scaled(self.labels.unit) - scaled(unit[None])) ** 2).sum(-1)
        return self.trials[int(gaps.argmin())]

    def believing(self, unit: Array) -> Knowledge:
        """A copy that takes the learner's prediction at (k, d) for a label there.

        Source: Ginsbourger, Le Riche, Carraro 2010 (Kriging believer).
        """
        if not len(unit):
            return self
        z = self.means(unit)
        labels = Labels(
            unit=np.vstack([self.labels.unit, unit]),
            z=np.vstack([self.labels.z, z]),
            noise=np.vstack([self.labels.noise, np.full(z.shape, np.nan)]),
        )
        committee = self.committee
        if committee is not None:
            committee = fit_committee(
                committee.spec,
                labels,
                encoder=self.encoder,
                seed=self.seed,
                state=committee.state,
            )
        return replace(
            self,
            labels=labels,
            trials=(*self.trials, *(-1 for _ in z)),
            taken=np.vstack([self.taken, unit]),
            models=tuple(m.with_points(unit, m.posterior(unit)[0]) for m in self.models),
            committee=committee,
        )
