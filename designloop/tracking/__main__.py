"""``python -m designloop.tracking RUN_DIR [--follow PARENT_PID] [--uri URI]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from designloop.errors import DesignloopError
from designloop.tracking.follow import follow
from designloop.tracking.mirror import sync


def main() -> int:
    """Mirror a run once, or beside the process that writes it; 0 where all of it is mirrored."""
    parser = argparse.ArgumentParser(prog="python -m designloop.tracking", description=main.__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--follow", type=int, metavar="PARENT_PID", help="go on until this process ends")
    parser.add_argument("--uri", help="instead of the campaign's tracking uri")
    given = parser.parse_args()
    try:
        if given.follow is None:
            sync(given.run_dir, uri=given.uri)
            return 0
        return 0 if follow(given.run_dir.resolve(), pid=given.follow, uri=given.uri) != "behind" else 1
    except DesignloopError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
