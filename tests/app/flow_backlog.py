"""How long a person handed over by a trigger campaign waits for the row in Dynamics while a first load is under way.

`python -m tests.app.flow_backlog --rows 50000`: so many contacts wait in Dynamics to be written to Marketo, at the
usual rate of a subscription; six people are handed over, one after the other.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import click

from tests.app.flow import called_back, installed, made, people, run, until
from tests.app.marketo import contact, email, marketo_world


@click.command()
@click.option("--rows", default=50_000, show_default=True)
@click.option("--people", "count", default=6, show_default=True)
def main(rows: int, count: int) -> None:
    """Prints seconds to 201, to the row and to the callback of each person, and how much of the load was left."""
    with tempfile.TemporaryDirectory(prefix="dynasync-bench-") as folder:
        clock = Path(folder) / "clock.json"
        clock.write_text('{"offset": 0}')
        with marketo_world(clock) as world:
            world.reseed(0)
            for start in range(0, rows, 5000):
                part = [contact(number) for number in range(start, min(rows, start + 5000))]
                world.sims.control("dataverse", "POST", "seed", {"rows": {"contact": part}})
            world.sims.control("marketo", "POST", "switches", {"calls_per_window": 100})
            connection = world.connect(partner_limit_calls=100)
            [name] = installed(world, connection, "syncPerson").values()
            leads = people(world, count)
            world.switch_on(connection)
            until(lambda: world.status(connection)["counts"], 300)
            waits = []
            for number, lead in enumerate(leads):
                began = time.monotonic()
                told = run(world, name, [lead], choices={"syncAs": "lead"})
                accepted = told["chunks"][0]["seconds"]
                address = email(number, "new")
                until(lambda address=address: made(world, "lead", address), 180, world)  # type: ignore[misc]
                waits.append(time.monotonic() - began)
                called_back(world, told["batch"], 180)
                status = world.status(connection)
                done = sum(status["counts"].values())
                print(
                    f"person {number + 1}: 201 after {accepted:.2f} s, row after {waits[-1]:.1f} s, callback after "
                    f"{time.monotonic() - began:.1f} s; {rows - done:,} of {rows:,} rows left, "
                    f"first load {'done' if status['initialDone'] else 'under way'}",
                    flush=True,
                )
            print(f"seconds to the row: most {max(waits):.1f}, median {statistics.median(waits):.1f}")


if __name__ == "__main__":
    main()
