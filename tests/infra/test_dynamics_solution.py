"""The Dynamics solution that adds the site-map entry: whole, well formed, and without an address of anybody's app."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree as Xml

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOLUTION = ROOT / "infra" / "dynamics" / "solution"
TITLES = {
    "1033": "Sync Settings",
    "1040": "Impostazioni di sincronizzazione",
    "3082": "Configuración de sincronización",
}
VARIABLE = "dynasync_PageUrl"
WEB_RESOURCE, SITE_MAP, APP, ENVIRONMENT_VARIABLE = "61", "62", "80", "380"
TYPES = {".html": "1", ".js": "3", ".svg": "11"}


def parsed(path: Path) -> Xml.Element:
    return Xml.parse(path).getroot()


def one(pattern: str) -> Path:
    [path] = SOLUTION.glob(pattern)
    return path


def text(element: Xml.Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def components() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for item in parsed(SOLUTION / "Other" / "Solution.xml").iter("RootComponent"):
        found.setdefault(item.attrib["type"], set()).add(item.attrib["schemaName"])
    return found


@pytest.mark.feature("APP-10")
def test_every_file_is_well_formed_and_every_component_is_there() -> None:
    assert len([parsed(path) for path in SOLUTION.rglob("*.xml")]) >= 8
    resources = {text(parsed(path), "Name"): parsed(path) for path in (SOLUTION / "WebResources").rglob("*.data.xml")}
    assert components() == {
        WEB_RESOURCE: set(resources),
        SITE_MAP: {text(parsed(one("AppModuleSiteMaps/*/AppModuleSiteMap.xml")), "SiteMapUniqueName")},
        APP: {text(parsed(one("AppModules/*/AppModule.xml")), "UniqueName")},
        ENVIRONMENT_VARIABLE: {
            parsed(one("environmentvariabledefinitions/*/environmentvariabledefinition.xml")).attrib["schemaname"]
        },
    }
    ids = set()
    for name, resource in resources.items():
        file = SOLUTION / text(resource, "FileName").lstrip("/")
        assert file.is_file(), name
        assert text(resource, "WebResourceType") == TYPES[file.suffix], name
        ids.add(UUID(text(resource, "WebResourceId")))
    assert len(ids) == len(resources)
    assert (SOLUTION / "WebResources" / "dynasync_" / "icon.svg").read_bytes() == (
        ROOT / "page" / "icon.svg"
    ).read_bytes()


@pytest.mark.feature("APP-10")
def test_the_entry_is_named_in_three_languages_and_leads_to_the_way_to_the_page() -> None:
    site_map = parsed(one("AppModuleSiteMaps/*/AppModuleSiteMap.xml"))
    [entry] = site_map.iter("SubArea")
    assert {title.attrib["LCID"]: title.attrib["Title"] for title in entry.iter("Title")} == TITLES
    prefix = "$webresource:"
    for attribute in ("Url", "VectorIcon"):
        assert entry.attrib[attribute].removeprefix(prefix) in components()[WEB_RESOURCE], attribute
    app = parsed(one("AppModules/*/AppModule.xml"))
    parts = {(item.attrib["type"], item.attrib["schemaName"]) for item in app.iter("AppModuleComponent")}
    assert parts == {(SITE_MAP, text(site_map, "SiteMapUniqueName"))}
    languages = {item.text for item in parsed(SOLUTION / "Other" / "Customizations.xml").iter("Language")}
    assert languages == set(TITLES)


@pytest.mark.feature("APP-10")
def test_the_address_of_the_page_comes_from_the_environment_variable_only() -> None:
    script = (SOLUTION / "WebResources" / "dynasync_" / "open.js").read_text()
    assert f'"{VARIABLE}"' in script
    assert re.findall(r"https?://", script) == []
    variable = parsed(one("environmentvariabledefinitions/*/environmentvariabledefinition.xml"))
    assert variable.find("defaultvalue") is None
    assert (text(variable, "type"), text(variable, "isrequired")) == ("100000000", "1")  # a text that has to be set
