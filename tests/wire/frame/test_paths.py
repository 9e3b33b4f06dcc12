"""Paths lead where they should, whatever is registered beside them."""

from __future__ import annotations

import pytest

from simulators.frame.paths import Match, Paths

PATHS = (
    "/",
    "/leads.json",
    "/lead/{id}.json",
    "/lead/{id}/tags.json",
    "/lead/mine.json",
    "/file/{id}",
    "/file/{name}/{part}",
)


@pytest.mark.parametrize(
    ("path", "template", "arguments"),
    [
        ("/", "/", ()),
        ("", "/", ()),
        ("/leads.json", "/leads.json", ()),
        ("/leads.json/", "/leads.json", ()),
        ("/lead/7.json", "/lead/{id}.json", ("7",)),
        ("/lead/.json", "/lead/{id}.json", ("",)),
        ("/lead/mine.json", "/lead/mine.json", ()),
        ("/lead/7/tags.json", "/lead/{id}/tags.json", ("7",)),
        ("/file/a.txt", "/file/{id}", ("a.txt",)),
        ("/file/a.txt/2", "/file/{name}/{part}", ("a.txt", "2")),
    ],
)
def test_a_path_leads_to_its_template(path: str, template: str, arguments: tuple[str, ...]) -> None:
    paths: Paths[str] = Paths(endings=[".json"])
    for each in PATHS:
        paths.add("GET", each, each)
    assert paths.match("GET", path) == Match(template, template, arguments)
    assert paths.match("PUT", path) == Match(None, template, arguments)


@pytest.mark.parametrize(
    "path",
    ["/leads", "/lead", "/lead/7", "/lead/7.json/tags.json", "/lead/7/tags", "/file/a.json", "/file/a/b/c"],
)
def test_other_paths_lead_nowhere(path: str) -> None:
    paths: Paths[str] = Paths(endings=[".json"])
    for each in PATHS:
        paths.add("GET", each, each)
    assert paths.match("GET", path) is None


def test_an_ending_counts_only_where_it_is_declared() -> None:
    paths: Paths[str] = Paths()
    paths.add("GET", "/file/{id}", "file")
    found = paths.match("GET", "/file/a.json")
    assert found is not None
    assert found.arguments == ("a.json",)


def test_every_path_is_known_with_its_methods() -> None:
    paths: Paths[str] = Paths()
    for method in ("GET", "PUT"):
        paths.add(method, "/file/{id}", method)
    paths.add("POST", "/file", "POST")
    assert dict(paths.known()) == {"/file/{id}": ("GET", "PUT"), "/file": ("POST",)}
