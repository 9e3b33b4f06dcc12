"""`python -m tests.simulation.mutants`: searches a history that kills each mutant, and prints the table.

`KILLS` keeps one killing history each, found by such a search: `test_mutants.py` replays them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tests.simulation.__main__ import findings_of
from tests.simulation.broken import MUTANTS, Mutant
from tests.simulation.generate import history
from tests.simulation.shrink import family

TRIES = 1500
WINDOW = 80
"""How many histories from a stored one on are tried before a mutant counts as unseen."""

KILLS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "cursor_before_work": (1, 8),
        "strict_greater": (1, 37),
        "no_overlap": (1, 110),
        "unconditional_write": (1, 0),
        "create_without_key": (1, 4),
        "base_before_write": (1, 21),
        "base_from_read": (1, 18),
        "limits_unknown": (1, 247),
        "raw_compare": (1, 0),
        "resync_forgets": (1, 61),
        "id_in_own_write": (1, 100),
        "id_before_base": (1, 11),
        "no_intent": (1, 20),
        "upsert_on_retry": (1, 131),
        "stale_write_dropped": (1, 0),
        "rejected_dropped": (1, 247),
        "partner_not_drained": (1, 0),
        "no_recovery": (1, 0),
        "answers_not_retold": (1, 165),
        "intents_not_judged": (1, 150),
        "intents_all_done": (1, 21),
        "import_refusals_lost": (1, 373),
        "retries_forgotten": (1, 33),
        "deleted_comes_back": (1, 369),
        "merge_is_delete": (1, 103),
        "no_look_up": (1, 4),
        "candidates_forgotten": (1, 144),
        "conflicts_untold": (1, 0),
        "wrong_owner": (1, 0),
        "one_way_flows_back": (1, 2),
        "clear_not_carried": (1, 0),
        "filled_twice": (1, 3),
        "consent_loosened": (1, 29),
        "union_is_owner": (1, 128),
        "ask_is_owner": (1, 27),
        "parent_not_awaited": (1, 283),
        "holds_never": (1, 4),
        "gates_open": (1, 111),
    }
)
"""Mutant to (seed, number) of a history that the whole engine passes and the mutant does not."""


def killing(mutant: Mutant, seed: int, number: int) -> list[str]:
    """What the oracle finds with the mutant at work, in a history where it finds nothing without it.

    Raises AssertionError for a mutant that falls over itself: that would be a kill of nothing.
    """
    drawn = history(seed, number)
    with mutant.at_work():
        found = findings_of(drawn)
    if any("<locals>" in finding for finding in found):
        raise AssertionError(f"{mutant.name} does not fit its place any more: {found}")
    return found if found and not findings_of(drawn) else []


def killed_near(mutant: Mutant, seed: int, number: int, *, window: int = WINDOW) -> int | None:
    """The number of the stored history if it still kills, else that of the first of the next `window` that does.

    Any change of the engine moves the calls that a stored history disturbs, so the exact one is no promise.
    """
    return next((tried for tried in range(number, number + window) if killing(mutant, seed, tried)), None)


def search(mutant: Mutant, seed: int, tries: int) -> tuple[int, str] | None:
    """The first number of `seed` that kills, and its finding."""
    for number in range(tries):
        found = killing(mutant, seed, number)
        if found:
            return number, found[0]
    return None


def main(words: Sequence[str] | None = None) -> int:
    """0: every mutant was killed. 1: some survived; their names stand in the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tries", type=int, default=TRIES, help=f"histories for each mutant (default {TRIES})")
    parser.add_argument("--only", nargs="*", choices=sorted(MUTANTS), help="these mutants only")
    asked = parser.parse_args(words)
    survived = 0
    print(f"{'mutant':24}{'mistake':62}{'killed by':12}as")
    for name in asked.only or MUTANTS:
        mutant = MUTANTS[name]
        found = search(mutant, asked.seed, asked.tries)
        survived += found is None
        by = f"{asked.seed}/{found[0]}" if found else "SURVIVED"
        title = f"{name}{' *' if mutant.model else ''}"
        print(f"{title:24}{mutant.mistake:62}{by:12}{family(found[1])[:90] if found else ''}", flush=True)
    print(f"{survived} survived; * is one of the fourteen of the research model")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
