"""The mirror: copies a run's journal into MLflow, and can always do so again from nothing."""

from designloop.tracking.mirror import MirrorReport, sync
from designloop.tracking.process import Handle, MirrorState, start, state
from designloop.tracking.store import ui_command

__all__ = ["Handle", "MirrorReport", "MirrorState", "start", "state", "sync", "ui_command"]
