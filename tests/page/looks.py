"""What every view has to stand: each language, light and dark, wide and narrow, in a browser that is asked about it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from itertools import product

from tests.page.conftest import Tab

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
LANGUAGES = ("en", "es", "it")
THEMES = ("light", "dark")
WIDTHS = (1280, 360)
SHOWN = {("en", "light", 1280), ("en", "dark", 1280), ("es", "light", 360), ("it", "dark", 360)}
"""Of these a screenshot is kept."""

_ASK = "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']}).then(r => r.violations)"
"""All rules are applied to all elements; only those that pass are not described one by one."""


def violations(tab: Tab) -> list[str]:
    if not tab.page.evaluate("'axe' in window"):  # half a megabyte: once a document
        tab.page.evaluate(AXE)
    found = tab.page.evaluate(_ASK, WCAG)
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def wider_than_the_window(tab: Tab) -> bool:
    wide: bool = tab.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return wide


def untranslated(tab: Tab, keys: set[str]) -> list[str]:
    """Keys that stand on the page instead of words."""
    text: str = tab.page.evaluate("document.body.innerText")
    return sorted(keys & {word.strip(".,:;()") for word in text.split()})


def keys_of_words(tab: Tab) -> set[str]:
    """The keys of the catalogue that this page was served with."""
    known: list[str] = tab.page.evaluate(
        "async () => Object.keys(await (await fetch(new URL('i18n/en.json', "
        "document.querySelector('script[type=module]').src))).json())"
    )
    return {key for key in known if "." in key}


def faults_anywhere(tab: Tab, name: str, ready: Callable[[], object] = lambda: None) -> list[str]:
    """Turns one open page through every language, light and width, and tells where what is wrong; `ready` waits until
    it shows what it should."""
    found: list[str] = []
    keys = keys_of_words(tab)
    assert keys
    for language, theme, width in product(LANGUAGES, THEMES, WIDTHS):
        where = f"{name}-{language}-{theme}-{width}"
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        tab.page.locator(".top select").nth(-2).select_option(language)
        tab.page.locator(f"html[lang={language}][data-theme={theme}]").wait_for()
        ready()
        wide = ["wider than the window"] if wider_than_the_window(tab) else []
        found += [f"{where}: {fault}" for fault in (*violations(tab), *untranslated(tab, keys), *wide)]
        if (language, theme, width) in SHOWN:
            tab.shot(where)
    return found
