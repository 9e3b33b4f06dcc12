"""What the page is made of: catalogues, colours, vendored libraries, size."""

from __future__ import annotations

import gzip
import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "page"
LANGUAGES = ("en", "es", "it")
MOST_BYTES = 60_000
"""Of everything a first load fetches, compressed."""

TEXT = 4.5
GRAPHIC = 3.0
"""Contrasts that WCAG 2.2 AA asks for (1.4.3, 1.4.11)."""


def catalogue(language: str) -> dict[str, str]:
    """All words of a language: those of the first load, and those of codes, settings and fields, which come later."""
    found: dict[str, str] = {}
    for path in (PAGE / "i18n").rglob(f"{language}.json"):
        words = json.loads(path.read_text())
        assert not found.keys() & words.keys()
        found |= words
    return found


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_catalogues_have_the_same_keys_and_placeholders(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert sorted(other) == sorted(english)
    assert [key for key in english if placeholders(english[key]) != placeholders(other[key])] == []
    assert [key for key, text in other.items() if not text.strip()] == []


def test_every_key_that_is_written_in_a_module_stands_in_the_catalogue() -> None:
    words = catalogue("en")
    used = {key for path in modules() for key in re.findall(r'\bt\("([a-z_.]+)"', path.read_text())}
    assert used
    assert [key for key in sorted(used) if key not in words and f"{key}.other" not in words] == []


def modules() -> list[Path]:
    return [path for path in PAGE.rglob("*.js") if path.parent.name != "vendor"]


def test_vendored_libraries_are_what_the_lock_says() -> None:
    lock = json.loads((PAGE / "vendor" / "vendor.lock.json").read_text())
    stand = {path.name: sha256(path.read_bytes()).hexdigest() for path in (PAGE / "vendor").glob("*.js")}
    assert stand == {name: entry["sha256"] for name, entry in lock.items()}
    licences = (PAGE / "vendor" / "LICENSES.txt").read_text()
    assert [e for e in lock.values() if f"{e['package']} {e['version']}" not in licences] == []


def imported(module: Path, found: set[Path]) -> set[Path]:
    """A module with all that it imports at once; what `import()` names comes later."""
    if module not in found:
        found.add(module)
        for name in re.findall(r'\bfrom ?"(\.[^"]+)"', module.read_text()):
            imported((module.parent / name).resolve(), found)
    return found


def test_a_first_load_is_small() -> None:
    """The document, its styles and the largest catalogue, with any one view."""
    shell = imported(PAGE / "app.js", set())
    besides = [PAGE / "index.html", PAGE / "icon.svg", *PAGE.glob("*.css")]
    words = max(size(path) for path in (PAGE / "i18n").glob("*.json"))
    views = {path.name: imported(path, set()) | shell for path in (PAGE / "views").glob("*.js")}
    loads = {name: words + sum(map(size, (*files, *besides))) for name, files in views.items()}
    assert len(shell) > 5  # the reading of imports works
    assert {name: total for name, total in loads.items() if total >= MOST_BYTES} == {}


def size(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9))


def palettes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r"(:root[^{]*)\{([^}]*)\}", (PAGE / "tokens.css").read_text())
    return {
        "dark" if "dark" in head else "light": dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", body))
        for head, body in blocks
    }


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


PAIRS = [
    *((text, ground, TEXT) for text in ("text", "quiet", "brand") for ground in ("ground", "surface", "raised")),
    *((tone, ground, TEXT) for tone in ("good", "warn", "bad") for ground in ("surface", "raised")),
    *(("text", soft, TEXT) for soft in ("brand-soft", "good-soft", "warn-soft", "bad-soft")),
    ("on-brand", "brand", TEXT),
    *((edge, ground, GRAPHIC) for edge in ("edge", "focus", "graph", "bad") for ground in ("surface", "ground")),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_can_be_told_apart(theme: str) -> None:
    colours = palettes()[theme]
    weak = [
        (a, b, round(contrast(colours[a], colours[b]), 2))
        for a, b, least in PAIRS
        if contrast(colours[a], colours[b]) < least
    ]
    assert weak == []
