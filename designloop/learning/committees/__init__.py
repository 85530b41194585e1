"""Committees: several models of the same labels, whose disagreement says where a label teaches most."""

from designloop.learning.committees.base import KINDS, Committee, CommitteeSpec, Labels
from designloop.learning.committees.fitting import fit_committee

__all__ = ["KINDS", "Committee", "CommitteeSpec", "Labels", "fit_committee"]
