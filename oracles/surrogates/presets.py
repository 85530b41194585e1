"""The sources of data sets that are installed under ``designloop.datasets``."""

from ._beams import Beams, BeamsOfSizes, HomogeneousBeams
from ._disks import Disks
from ._over_etch import OverEtch
from ._sve import FilmCells, Sve

__all__ = ["Beams", "BeamsOfSizes", "Disks", "FilmCells", "HomogeneousBeams", "OverEtch", "Sve"]
