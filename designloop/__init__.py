"""Design campaigns for expensive experiments, from one YAML file.

``load`` reads a campaign, ``run`` runs it, ``resume`` goes on with a run, ``find_oracle`` gets an oracle by
name. The contract for oracles is ``designloop.oracle``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from designloop.campaign import load as load
    from designloop.discovery import find as find_oracle
    from designloop.session import resume as resume
    from designloop.session import run as run

__version__ = "0.1.0"
__all__ = ["find_oracle", "load", "resume", "run"]

_HOMES = {
    "load": ("designloop.campaign", "load"),
    "run": ("designloop.session", "run"),
    "resume": ("designloop.session", "resume"),
    "find_oracle": ("designloop.discovery", "find"),
}


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that ``import designloop`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'designloop' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
