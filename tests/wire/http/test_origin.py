"""Links that a server gives are followed only where the credentials belong."""

from __future__ import annotations

import pytest

from shared.errors import ConfigError, GuardTripped
from shared.http.origin import Origin

OURS = Origin.parse("https://Org.crm4.dynamics.com", setting="url")
BELOW = "/api/data/v9.2/contacts"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/api/data/v9.2/contacts",
        "http://org.crm4.dynamics.com/api/data/v9.2/contacts",
        "https://org.crm4.dynamics.com:444/api/data/v9.2/contacts",
        "https://org.crm4.dynamics.com@evil.example/api/data/v9.2/contacts",
        "https://evil.example@org.crm4.dynamics.com/api/data/v9.2/contacts",
        "https://a:b@org.crm4.dynamics.com/api/data/v9.2/contacts",
        "https://org.crm4.dynamics.com.evil.example/api/data/v9.2/contacts",
        "https://evil.example\\@org.crm4.dynamics.com/api/data/v9.2/contacts",
        "https://org.crm4.dynamics.com\\.evil.example/api/data/v9.2/contacts",
        "//evil.example/api/data/v9.2/contacts",
        "\\\\evil.example/api/data/v9.2/contacts",
        "/api/data/v9.2/contacts\r\nHost: evil.example",
        "/api/data/v9.2/contacts x",
        "/api/data/v9.2/contacts/../systemusers",
        "/api/data/v9.2/contacts/%2e%2e/systemusers",
        "/api/data/v9.2/contacts%2f..%2fsystemusers",
        "/api/data/v9.2/systemusers",
        "/api/data/v9.2/contactssecret",
        "https://org.crm4.dynamics.com/other",
        "ftp://org.crm4.dynamics.com/api/data/v9.2/contacts",
        "javascript:alert(1)",
        "contacts?$skiptoken=1",
        "https://",
        "https://[::1",
        "https://org.crm4.dynamics.com:99999/api/data/v9.2/contacts",
        "",
        None,
        7,
        ["https://org.crm4.dynamics.com/api/data/v9.2/contacts"],
        "/api/data/v9.2/contacts?" + "x" * 70_000,
    ],
)
def test_a_foreign_link_is_refused(link: object) -> None:
    with pytest.raises(GuardTripped) as raised:
        OURS.pin(link, below=BELOW)
    assert raised.value.code == "foreign_link"
    assert "evil" not in str(raised.value)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("https://org.crm4.dynamics.com/api/data/v9.2/contacts?$skiptoken=%3ca%2525", None),
        ("https://ORG.CRM4.dynamics.com:443/api/data/v9.2/contacts?$deltatoken=1%21b", None),
        ("/api/data/v9.2/contacts?$select=a,b#part", "/api/data/v9.2/contacts?$select=a,b"),
        ("/api/data/v9.2/contacts(1)/x", "/api/data/v9.2/contacts(1)/x"),
    ],
)
def test_our_own_links_keep_path_and_query_as_they_are(link: str, target: str | None) -> None:
    wanted = target or link.split(".com", 1)[1].removeprefix(":443")
    assert OURS.pin(link, below=BELOW) == wanted


def test_a_port_belongs_to_the_origin() -> None:
    origin = Origin.parse("https://127.0.0.1:8800/", setting="url")
    assert origin.url == "https://127.0.0.1:8800"
    assert origin.pin("https://127.0.0.1:8800/x") == "/x"
    with pytest.raises(GuardTripped):
        origin.pin("https://127.0.0.1/x")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://org.crm4.dynamics.com", "not_https"),
        ("org.crm4.dynamics.com", "bad_url"),
        ("https://user:pass@org.crm4.dynamics.com", "bad_url"),
        ("https://org crm", "bad_url"),
        ("https://-bad-.com", "bad_url"),
        ("", "bad_url"),
        ("https://", "bad_url"),
        ("https://x:port", "bad_url"),
        ("file:///etc/passwd", "bad_url"),
    ],
)
def test_an_address_that_cannot_be_an_origin_names_the_setting(address: str, code: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Origin.parse(address, setting="crm.url")
    assert (raised.value.code, raised.value.setting) == (code, "crm.url")
    assert raised.value.next_step
    assert "pass" not in str(raised.value).replace("password", "")
