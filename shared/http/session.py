"""The one `requests` session of this process."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http.cookiejar import CookiePolicy

    import requests

POOLS = 16
CONNECTIONS = 32
USER_AGENT = "dynasync/0.1"


@functools.cache
def shared_session() -> requests.Session:
    """Made at the first call, shared by all threads and never changed afterwards."""
    return new_session()


def new_session() -> requests.Session:
    """A session without retries, cookies and netrc, with room for `CONNECTIONS` kept-alive connections a host.

    Trust comes from the system's certificates or from REQUESTS_CA_BUNDLE; proxies from the usual variables.
    """
    import requests
    from requests.adapters import HTTPAdapter

    # urllib3 logs whole request lines at DEBUG, queries included, and those may hold people's addresses.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=POOLS, pool_maxsize=CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.clear()
    session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", "Connection": "keep-alive"})
    session.cookies.set_policy(_no_cookies())
    session.auth = _no_auth
    return session


def _no_cookies() -> CookiePolicy:
    """Cookies would pin this worker to one server of the vendor and carry state from one account to another."""
    from http.cookiejar import DefaultCookiePolicy

    return DefaultCookiePolicy(allowed_domains=[])


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps `requests` from looking into a netrc file, which would replace our Authorization header."""
    return request
