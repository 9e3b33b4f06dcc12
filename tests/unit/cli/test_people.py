"""The people and companies of the demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.demo import people
from cli.demo.people import companies


def test_without_the_sample_files_people_and_companies_are_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "_SAMPLE", Path("/no/such/file"))
    monkeypatch.setattr(people, "_COMPANIES", Path("/no/such/file"))
    source, rows = people.people(None, most=70)
    assert (source, len(rows)) == ("generated", 70)
    assert len(people.people(None)[1]) == 1000
    names = [row["name"].casefold() for row in companies(40)]
    assert len(set(names)) == 40


def test_a_number_of_people_means_generated_ones_at_reserved_domains() -> None:
    source, rows = people.people(30)
    assert source == "generated"
    assert all(row["emailaddress1"].endswith(".example.org") for row in rows)
    assert len({row["emailaddress1"] for row in rows}) == 30


def test_of_the_sample_at_most_so_many_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = tmp_path / "people.csv"
    sample.write_text("firstname,emailaddress1,birthdate\nA,a@example.org,1\nB,b@example.org,2\n")
    monkeypatch.setattr(people, "_SAMPLE", sample)
    assert people.people(None, most=1) == ("sample file", [{"firstname": "A", "emailaddress1": "a@example.org"}])
    assert len(people.people(None)[1]) == 2
