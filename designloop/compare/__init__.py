"""Virtual experiments: strategies against each other where answers cost nothing, before money is spent."""

from __future__ import annotations

from designloop.compare.comparison import Comparison, Outcome, compare
from designloop.compare.contenders import Contender, contenders
from designloop.compare.plan import planned
from designloop.compare.setup import Setup

__all__ = ["Comparison", "Contender", "Outcome", "Setup", "compare", "contenders", "planned"]
