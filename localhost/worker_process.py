"""First file of a worker process: ``python worker_process.py FD APP_DIR``.

It finds this package by its own place, then puts the app's folder first on ``sys.path``, as Azure does, so that the app
sees nothing of this repository which it would not see there.
"""

import os
import sys
from pathlib import Path


def main() -> None:
    """Serve the host at the other end of file descriptor FD until it goes away."""
    descriptor, app_dir = int(sys.argv[1]), sys.argv[2]
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from localhost.worker import serve

    sys.path[0] = app_dir
    os.chdir(app_dir)
    serve(descriptor, app_dir)


if __name__ == "__main__":
    main()
