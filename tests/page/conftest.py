"""A real Chromium before the app on the local host: a breach of the policy or an error in the console fails a test.

The page asks the app for each of its parts by itself, so two of them never change at the same moment, and after a click
the app answers when it can. A test therefore waits for what it asserts: `expect(rows).to_have_count(2)`, never
`rows.count() == 2` after a wait for something else; `to_have_text("5")`, since a wait for text that contains "5" is
content with "15"; what the app holds is looked at once the page shows the answer; and what must not happen is looked at
after something that comes later has happened (`Tab.sent` tells what was asked for).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, Request, expect, sync_playwright

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
PATIENCE = 45_000
"""Milliseconds that a wait goes on before it fails, also on a machine that is slow and busy."""

expect.set_options(timeout=PATIENCE)

SHOTS = Path(__file__).resolve().parents[2] / "artifacts" / "page"
"""Where screenshots are kept, to be looked at."""

_WATCH = "window.broken = []; addEventListener('securitypolicyviolation', (e) => broken.push(e.violatedDirective));"


@dataclass(slots=True)
class Tab:
    """A browser tab of one person. `allowed` are parts of console errors that the test brings about itself; `sent` what
    it asked the app to change."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.url}/api/page{query}")
        self.page.get_by_role("heading", level=1).wait_for()

    def settled(self) -> None:
        """Waits until nothing is being loaded any more."""
        expect(self.page.locator("main p.quiet[role=status]")).to_have_count(0)
        self.page.wait_for_load_state("networkidle")

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
        context.set_default_timeout(PATIENCE)
        context.add_init_script(_WATCH)
        page = context.new_page()
        if user:
            page.request.get(f"{world.host.url}/.auth/login/aad?user={user}&post_login_redirect_uri=/api/health")
        tab = Tab(page, world.host.url)

        def heard(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                tab.errors.append(f"{message.text} {message.location.get('url', '')}")

        def asked(request: Request) -> None:
            if request.method != "GET":
                tab.sent.append(f"{request.method} {request.url}")

        page.on("console", heard)
        page.on("request", asked)
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
