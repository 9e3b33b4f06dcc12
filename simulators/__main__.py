"""`python -m simulators`: start simulated systems and print where they listen as one line of JSON."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from simulators.frame.fleet import PORTS, FleetError, run_child, run_parent


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators", description=__doc__)
    parser.add_argument("--systems", default=",".join(PORTS), help="comma-separated; default: all")
    parser.add_argument("--base-port", type=int, default=8800, help="first port; 0 takes free ports")
    parser.add_argument("--dir", type=Path, help="folder for the CA files; default: a temporary one")
    parser.add_argument("--seed-file", type=Path, help="JSON object: system name to what its /_sim/seed takes")
    parser.add_argument("--keep-alive", action="store_true", help="go on when standard input closes")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run until told to end. Exit code 0 after a signal, 1 when a system failed, 2 for a wrong command line."""
    options = parse(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    try:
        if options.child:
            return run_child(options.child, base_port=options.base_port, folder=options.dir)
        return run_parent(
            [name.strip() for name in options.systems.split(",") if name.strip()],
            base_port=options.base_port,
            folder=options.dir,
            seed_file=options.seed_file,
            keep_alive=options.keep_alive,
        )
    except (FleetError, OSError) as error:
        logging.getLogger("simulators").error("%s", error)  # noqa: TRY400 - the text says it all
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
