"""Small problems and histories for the strategies' tests."""

import math

from designloop.oracle import Observation
from designloop.space import ChoiceParameter, FloatParameter, IntParameter, Space
from designloop.strategies import History, Problem, Trial, create

PLANE = Space((FloatParameter(name="x", lower=-5, upper=10), FloatParameter(name="y", lower=0, upper=15)))
GRID = Space(
    (IntParameter(name="i", lower=0, upper=14), FloatParameter(name="s", lower=0, upper=1, step=0.1))
)
MIXED = Space(
    (
        FloatParameter(name="lambda", lower=1e-6, upper=1e-2, log=True),
        FloatParameter(name="width", lower=2e-6, upper=8e-6, step=5e-8),
        IntParameter(name="N", lower=1, upper=40),
        ChoiceParameter(name="gas", choices=("air", "argon", "vacuum")),
        ChoiceParameter(name="grade", choices=(1, 2, 4), ordered=True),
    )
)


class Inside:
    """slack = radius^2 - |(x, y) - center|^2, for NumPy and torch columns."""

    def __init__(self, names, center, radius):
        self.names, self.center, self.radius = names, center, radius
        self.label = f"within {radius}"

    def slack(self, columns):
        gaps = [(columns[n] - c) ** 2 for n, c in zip(self.names, self.center, strict=True)]
        return self.radius**2 - sum(gaps)


def branin(design):
    x, y = design["x"], design["y"]
    bowl = (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def gridded(design):
    return (design["i"] - 9) ** 2 / 20 + 8 * (design["s"] - 0.3) ** 2 + math.sin(design["i"])


def mixed(design):
    gas = {"air": 0.7, "argon": 0.0, "vacuum": 1.0}[design["gas"]]
    return (
        (math.log10(design["lambda"]) + 4) ** 2
        + ((design["width"] - 5e-6) * 1e6) ** 2
        + ((design["N"] - 12) / 10) ** 2
        + gas
        + 0.3 * design["grade"]
    )


def strategy(name, space=PLANE, *, seed=3, bounds=(), initial=None, **options):
    problem = Problem(space=space, metric="f", minimize=True, bounds=bounds, seed=seed)
    return create(
        name, problem=problem, options=options, initial={"sobol": 5} if initial is None else initial
    )


def trial(index, design, *, status="completed", sem=None, **metrics):
    found = {k: Observation(value=float(v), sem=sem) for k, v in metrics.items()}
    return Trial(index=index, parameters=design, status=status, metrics=found)


def start(function, space=PLANE, count=6, seed=3, **extra):
    """A history of ``count`` evaluated Sobol designs; ``extra`` are further metrics by name."""
    sampler = strategy("sobol", space, seed=seed)
    trials = []
    for i in range(count):
        (c,) = sampler.propose(History(trials=tuple(trials), proposals=i)).candidates
        metrics = {"f": function(c.parameters), **{k: g(c.parameters) for k, g in extra.items()}}
        trials.append(trial(i, c.parameters, **metrics))
    return History(trials=tuple(trials), proposals=count)


def run(chosen, function, count, **extra):
    """A sequential campaign of ``count`` trials: (history, proposals)."""
    trials, proposals, fit = [], [], None
    for i in range(count):
        proposal = chosen.propose(History(trials=tuple(trials), fit=fit, proposals=i))
        fit = proposal.fit
        proposals.append(proposal)
        design = proposal.candidates[0].parameters
        metrics = {"f": function(design), **{k: g(design) for k, g in extra.items()}}
        trials.append(trial(i, design, **metrics))
    return History(trials=tuple(trials), fit=fit, proposals=count), proposals
