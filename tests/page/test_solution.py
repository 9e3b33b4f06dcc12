"""The way from Dynamics' site map to the settings page, in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.page.conftest import Opening

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page")]

FILES = Path(__file__).resolve().parents[2] / "infra" / "dynamics" / "solution" / "WebResources"
ORGANISATION = "https://contoso.crm4.dynamics.com"
MEDIA = {".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}


def environment(row: dict[str, Any] | None, asked: list[str]) -> Any:
    """Dynamics as the browser sees it: its web resources, and the table of environment variables."""

    def answer(route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.path.startswith("/WebResources/"):
            file = FILES / address.path.removeprefix("/WebResources/")
            route.fulfill(body=file.read_bytes(), content_type=MEDIA[file.suffix])
            return
        asked.append(parse_qs(address.query)["$filter"][0])
        body = {"value": [row] if row else []}
        route.fulfill(body=json.dumps(body), content_type="application/json")

    return answer


def row(value: str | None, default: str | None = None) -> dict[str, Any]:
    values = [] if value is None else [{"value": value}]
    return {"defaultvalue": default, "environmentvariabledefinition_environmentvariablevalue": values}


@pytest.mark.feature("APP-10")
@pytest.mark.parametrize(
    ("found", "locale", "shown"),
    [
        (row("https://hub.azurewebsites.net/"), "es-ES", "Abrir la configuración de sincronización"),
        (row(None, "https://hub.azurewebsites.net"), "it-IT", "Apri le impostazioni di sincronizzazione"),
        (row("javascript:alert(1)"), "en-GB", "is not an https address"),
        (row(None), "en-GB", "Nobody has entered the address"),
        (None, "en-GB", "Nobody has entered the address"),
    ],
)
def test_the_entry_opens_the_tab_or_says_what_is_missing(
    chromium: Browser, found: dict[str, Any] | None, locale: str, shown: str
) -> None:
    asked: list[str] = []
    context = chromium.new_context(locale=locale)
    context.route(f"{ORGANISATION}/**", environment(found, asked))
    page = context.new_page()
    page.goto(f"{ORGANISATION}/WebResources/dynasync_/open.html")
    page.get_by_text(shown).wait_for()
    assert asked == ["schemaname eq 'dynasync_PageUrl'"]
    link = page.locator("#open")
    if locale == "en-GB":
        expect(link).to_be_hidden()
    else:
        expect(link).to_have_attribute("href", "https://hub.azurewebsites.net/api/page?view=settings")
    context.close()


ROW = "7f3b0c9e-5d7b-4b8f-9a1c-2d3e4f506172"


@pytest.mark.feature("AC-12.2", system="activecampaign")
@pytest.mark.parametrize(
    ("passed", "query"),
    [
        (
            f"?typename=contact&type=2&id=%7B{ROW.upper()}%7D&orglcid=1033",
            f"view=lookup&side=crm&kind=contact&record={ROW}",
        ),
        (f"?typename=lead&id={ROW}", f"view=lookup&side=crm&kind=lead&record={ROW}"),
        ("?typename=contact&id=", "view=settings"),  # the form of a row that is not saved yet
        ("?typename=a%26view&id=1", "view=settings"),
    ],
)
def test_on_a_row_s_form_the_entry_opens_that_row(chromium: Browser, passed: str, query: str) -> None:
    context = chromium.new_context(locale="en-GB")
    context.route(f"{ORGANISATION}/**", environment(row("https://hub.azurewebsites.net"), []))
    page = context.new_page()
    page.goto(f"{ORGANISATION}/WebResources/dynasync_/open.html{passed}")
    expect(page.locator("#open")).to_have_attribute("href", f"https://hub.azurewebsites.net/api/page?{query}")
    expect(page).to_have_title(re.compile("^This record" if "kind=" in query else "^Sync Settings"))
    context.close()


@pytest.mark.feature("APP-10")
def test_the_address_that_the_entry_opens_is_the_tab_sync_settings(tabs: Opening, connection: str) -> None:
    with tabs() as tab:
        tab.open("?view=settings")
        expect(tab.page.get_by_role("heading", level=1)).to_have_text("Sync settings")
