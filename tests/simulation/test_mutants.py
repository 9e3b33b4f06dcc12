"""Each mutant is killed again by its stored history, or by one near it."""

from __future__ import annotations

import pytest

from tests.simulation import mutants
from tests.simulation.broken import MODEL, MUTANTS
from tests.simulation.mutants import KILLS, WINDOW, killed_near, main
from tests.simulation.patching import Mutant
from tests.simulation.world import World


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_stored_history_or_one_near_it_kills_the_mutant(name: str) -> None:
    assert killed_near(MUTANTS[name], KILLS[name]) is not None, (
        f"{name} is not seen any more in {WINDOW} histories from {KILLS[name]} on. Search another, and store it in "
        f"mutants.py: python -m tests.simulation.mutants --only {name}"
    )


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_mutant_is_gone_after_its_work(name: str) -> None:
    places = [(owner, place) for owner, place, _ in MUTANTS[name].patches]
    before = [vars(owner)[place] for owner, place in places]
    with MUTANTS[name].at_work():
        assert all(vars(owner)[place] is not real for (owner, place), real in zip(places, before, strict=True))
    assert [vars(owner)[place] for owner, place in places] == before


def test_there_are_the_fourteen_of_the_model_and_as_many_of_our_own() -> None:
    assert len(MODEL) == 14
    assert len(MUTANTS) >= 28
    assert set(KILLS) == set(MUTANTS), "each mutant has a stored history that kills it"


def test_a_mutant_whose_place_is_gone_fails_loudly() -> None:
    mutant = Mutant("nowhere", "breaks nothing", [(World, "no_such_place", lambda real: real)])
    with pytest.raises(AttributeError, match="no_such_place"), mutant.at_work():
        pass


def test_the_search_says_what_survived(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--only", "raw_compare", "--tries", "40"]) == 0
    assert "raw_compare *" in capsys.readouterr().out
    assert main(["--only", "no_overlap", "--tries", "1"]) == 0
    assert " stored " in capsys.readouterr().out
    monkeypatch.setattr(mutants, "KILLS", {"no_overlap": KILLS["raw_compare"]})
    assert main(["--only", "no_overlap", "--tries", "1"]) == 1
    assert "SURVIVED" in capsys.readouterr().out
