"""External programs as oracles, declared by one oracle.yml: nothing of designloop has to be written."""

from .oracle import ExternalProgram, find

__all__ = ["ExternalProgram", "find"]
