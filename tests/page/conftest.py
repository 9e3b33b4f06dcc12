"""A real Chromium before the app on the local host: a breach of the policy or an error in the console fails a test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, sync_playwright

from tests.app.conftest import World, sims, world

__all__ = ["World", "sims", "world"]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = Path(__file__).resolve().parents[2] / "artifacts" / "page"
"""Where screenshots are kept, to be looked at."""

_WATCH = "window.broken = []; addEventListener('securitypolicyviolation', (e) => broken.push(e.violatedDirective));"


@dataclass(slots=True)
class Tab:
    """A browser tab of one person. `allowed` are parts of console errors that the test brings about itself."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.url}/api/page{query}")
        self.page.get_by_role("heading", level=1).wait_for()

    def broken(self) -> list[str]:
        """What went against the policy, and errors in the console."""
        found: list[str] = self.page.evaluate("window.broken")
        return found + [text for text in self.errors if not any(part in text for part in self.allowed)]

    def save(self, card: Locator | None = None) -> None:
        """Presses Save (of one card), and waits until it is saved."""
        place = self.page if card is None else card
        place.get_by_role("button", name="Save", exact=True).click()
        self.saved()

    def saved(self) -> None:
        """Waits until nothing on the page is left to be saved."""
        self.page.locator(".clash").wait_for(state="detached")
        self.page.locator(".savebar.dirty").first.wait_for(state="detached")

    def shot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS)
        yield browser
        browser.close()


type Opening = Callable[..., Any]


@pytest.fixture
def tabs(chromium: Browser, world: World) -> Opening:
    """Opens a tab: `with tabs(user="admin", ...) as tab`. What is broken at its end fails the test."""

    @contextmanager
    def opened(user: str = "admin", *, width: int = 1280, locale: str = "en-GB", theme: str = "light") -> Iterator[Tab]:
        scheme: Any = theme
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, locale=locale, color_scheme=scheme, timezone_id="Europe/Madrid"
        )
        context.set_default_timeout(45_000)
        context.add_init_script(_WATCH)
        page = context.new_page()
        if user:
            page.request.get(f"{world.host.url}/.auth/login/aad?user={user}&post_login_redirect_uri=/api/health")
        tab = Tab(page, world.host.url)

        def heard(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                tab.errors.append(f"{message.text} {message.location.get('url', '')}")

        page.on("console", heard)
        page.on("pageerror", lambda error: tab.errors.append(str(error)))
        try:
            yield tab
            assert tab.broken() == []
        except BaseException as failed:
            with suppress(Error):
                page.screenshot(path=SHOTS / "failed.png")
            failed.add_note(f"in the browser's console: {tab.errors}; at {page.url}")
            raise
        finally:
            context.close()

    return opened


@dataclass(slots=True)
class Kept:
    """The connections that tests of this world share, by what was done to them."""

    ids: dict[str, str] = field(default_factory=dict)

    def get(self, world: World, name: str, make: Callable[[], str]) -> str:
        """The connection of this name; made (anew) where there is none, since a test may have begun a world of its
        own."""
        there = {item["id"] for item in world.call("GET", "connections")["value"]}
        if self.ids.get(name) not in there:
            self.ids = {name: make()}
        return self.ids[name]


@pytest.fixture(scope="session")
def kept() -> Kept:
    return Kept()


@pytest.fixture
def connection(world: World, kept: Kept) -> str:
    """A connection whose initial sync is over."""
    return kept.get(world, "begun", lambda: world.begun(people=12))
