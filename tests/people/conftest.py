"""Property tests repeat the same examples everywhere, and do not race a clock on a busy machine."""

from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
