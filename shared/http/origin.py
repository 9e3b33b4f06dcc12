"""Where a client may send its credentials: one scheme, one host, one port.

Links that a server gives (next pages, delta links, locations) are input like any other. They are followed only when
they stay on the configured origin, and what is kept of them is the path and the query, never the host.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from shared.errors import ConfigError, GuardTripped

_DEFAULT_PORTS = {"https": 443, "http": 80}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
MAX_LINK = 65_536
_MAX_HOST = 253


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host (lower case) and port. Made by `parse`, so it is always https and well formed."""

    host: str
    port: int

    @staticmethod
    def parse(text: str, *, setting: str) -> Origin:
        """The origin of an address somebody typed; a path is ignored by this, not refused. Raises ConfigError."""
        problem, parts = _split(text.strip())
        if problem:
            raise ConfigError(
                f"{setting}: {problem}",
                setting=setting,
                code="bad_url",
                next_step="Enter the address as shown by the system, for example https://example.crm4.dynamics.com",
            )
        scheme, host, port = parts
        if scheme != "https":
            raise ConfigError(
                f"{setting}: the address must begin with https:// because credentials travel to it",
                setting=setting,
                code="not_https",
                next_step="Change http:// to https:// and try again.",
            )
        return Origin(host, port)

    @property
    def url(self) -> str:
        """The origin as text, without a trailing slash and without the default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}" if self.port == _DEFAULT_PORTS["https"] else f"https://{host}:{self.port}"

    def is_known(self, hosts: re.Pattern[str], trusted: Collection[str]) -> bool:
        """Whether credentials may go there: the vendor's own (`hosts` fits the whole name, the port is https' own), or
        one of `trusted`, each a host with its port."""
        ours = hosts.fullmatch(self.host) is not None and self.port == _DEFAULT_PORTS["https"]
        return ours or f"{self.host}:{self.port}" in trusted

    def pin(self, link: object, *, below: str = "/") -> str:
        """Path and query of a link, ready to be sent to this origin.

        `link` is absolute or begins with one slash; `below` is the path it has to stay under (whole segments).
        Raises GuardTripped (`foreign_link`) for anything that could lead a credential elsewhere: another scheme, host
        or port, a user name, a backslash, a control character, a dot segment.
        """
        if not isinstance(link, str) or not 0 < len(link) <= MAX_LINK or _UNSAFE.search(link):
            raise _foreign("it is not a plain address")
        if link.startswith("/") and not link.startswith("//"):
            path, _, query = link.partition("#")[0].partition("?")
        else:
            problem, told = _split(link)
            if problem or told != ("https", self.host, self.port):
                raise _foreign("it leads away from the configured address")
            parts = urlsplit(link)
            path, query = parts.path, parts.query
        if not _stays_below(path, below):
            raise _foreign("it leads to another part of the system")
        return quote(path, safe="/%:@!$&'()*+,;=-._~") + (f"?{query}" if query else "")


def _foreign(reason: str) -> GuardTripped:
    return GuardTripped(
        f"a link given by the server was not followed: {reason}",
        code="foreign_link",
        next_step="Nothing was sent to it. Check that the address of this system is right; if it is, tell the vendor.",
    )


def _stays_below(path: str, below: str) -> bool:
    segments = path.replace("%2e", ".").replace("%2E", ".").split("/")
    if ".." in segments or "." in segments or "%2f" in path.lower() or "%5c" in path.lower():
        return False
    base = below.rstrip("/")
    return path == base or path.startswith((base + "/", base + "("))


def _split(text: str) -> tuple[str, tuple[str, str, int]]:
    """(what is wrong, nothing) or ("", scheme, host, port)."""
    nothing = ("", "", 0)
    if not text or _UNSAFE.search(text):
        return "the address is empty or holds a space, a backslash or a control character", nothing
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "the address cannot be read", nothing
    scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
    if scheme not in _DEFAULT_PORTS or not host:
        return "the address must be a whole one, beginning with https://", nothing
    if "@" in parts.netloc:
        return "the address must not hold a user name or password", nothing
    if not _is_host(host):
        return "the host name is not a valid one", nothing
    return "", (scheme, host, port if port is not None else _DEFAULT_PORTS[scheme])


def _is_host(host: str) -> bool:
    return is_ip(host) or (len(host) <= _MAX_HOST and all(_LABEL.fullmatch(label) for label in host.split(".")))


def is_ip(host: str) -> bool:
    """Is this an address rather than a name?"""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
