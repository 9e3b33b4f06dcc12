"""The people of the demo: the sample file when it lies beside the project, else generated ones."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_DATA = Path(__file__).resolve().parents[2].parent / "shared/data/dynamics"
_SAMPLE = _DATA / "contacts_adventureworks_prospects.csv"
_COMPANIES = _DATA / "accounts_adventureworks_resellers.csv"
_COLUMNS = ("firstname", "lastname", "emailaddress1", "jobtitle", "telephone1", "address1_city", "address1_postalcode")

_FIRST: Mapping[str, Sequence[str]] = {
    "es": ("Lucía", "Íñigo", "José", "María", "Núria", "Álvaro", "Begoña", "Raúl", "Sofía", "Ramón"),
    "it": ("Giulia", "Niccolò", "Chiara", "Matteo", "Desirée", "Luca", "Noemi", "Pietro", "Beatrice", "Andrea"),
    "en": ("Emma", "Oliver", "Zoë", "Harry", "Chloe", "Liam", "Grace", "Owen", "Ruby", "Noah"),
}
_LAST: Mapping[str, tuple[str, ...]] = {
    "es": ("García", "Muñoz", "Ibáñez", "López", "Núñez", "Peña", "Sáenz", "Ruiz", "Vázquez", "Ortiz"),
    "it": ("Rossi", "D'Angelo", "Bianchi", "Caffè", "Esposito", "Ferrari", "Greco", "Marino", "Conti", "Gallo"),
    "en": ("Smith", "O'Neill", "Taylor-Reed", "Brown", "Walker", "Hughes", "Clarke", "Wood", "Hall", "Young"),
}
_CITIES = {"es": "Sevilla", "it": "Bologna", "en": "Leeds"}


def people(count: int | None, *, most: int | None = None) -> tuple[str, list[dict[str, str]]]:
    """Where they come from, and rows in Dynamics' column names: `count` generated ones, else the sample file's.

    `most` bounds how many of the sample are taken; without the file as many are generated.
    """
    if count is None and _SAMPLE.exists():
        return "sample file", list(_from_file(_SAMPLE, _COLUMNS))[:most]
    return "generated", list(generated(count or most or 1000))


def companies(count: int) -> list[dict[str, str]]:
    """So many companies in Dynamics' column names, each name once; from the sample file when it is there."""
    rows = _from_file(_COMPANIES, ("name",)) if _COMPANIES.exists() else _invented()
    return list({row["name"].casefold(): row for row in rows}.values())[:count]


def _invented() -> Iterator[dict[str, str]]:
    for number, name in enumerate(_LAST["es"] + _LAST["it"] + _LAST["en"]):
        for suffix in ("Bikes", "& Sons", "Trading"):
            yield {"name": f"{name} {suffix} {number + 1}"}


def _from_file(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield {name: row[name] for name in columns if row.get(name)}


def generated(count: int, seed: int = 7) -> Iterator[dict[str, str]]:
    """Deterministic people with Spanish, Italian and English names at reserved domains (RFC 2606)."""
    draw = random.Random(seed)
    for number in range(count):
        language = ("es", "it", "en")[number % 3]
        yield {
            "firstname": draw.choice(_FIRST[language]),
            "lastname": draw.choice(_LAST[language]),
            "emailaddress1": f"person{number}@{language}.example.org",
            "telephone1": f"+00 555 {number:06d}",
            "address1_city": _CITIES[language],
            "jobtitle": draw.choice(("Buyer", "Engineer", "Owner", "Analyst")),
        }


def expected(rows: Sequence[Mapping[str, str]]) -> tuple[dict[str, list[Mapping[str, str]]], int]:
    """The rows of each e-mail address (compared without case), and how many rows share theirs with an earlier one."""
    found: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        found.setdefault(row["emailaddress1"].strip().lower(), []).append(row)
    return found, len(rows) - len(found)
