"""The settings page: static files, behind a policy under which nothing but its own modules runs.

`/api/page` is the document; all else stands below `/api/page/DIGEST/`, where DIGEST is that of the whole page, so that
a browser keeps files for good and never mixes two releases. The files hold no data: everything shown is asked from
the API, which judges who asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import azure.functions as func

PAGE = Path(__file__).resolve().parent.parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
_YEAR = "public, max-age=31536000, immutable"

blueprint = func.Blueprint()


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent."""

    content: bytes
    packed: bytes
    """The same, gzipped."""

    media: str
    etag: str


@cache
def files() -> tuple[str, dict[str, File]]:
    """The digest of the whole page, and its files by path. Only these are ever served: no path is joined."""
    import gzip

    raw = {path.relative_to(PAGE).as_posix(): path.read_bytes() for path in sorted(PAGE.rglob("*")) if path.is_file()}
    whole = sha256()
    for name, content in raw.items():
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    digest = whole.hexdigest()[:16]
    made: dict[str, File] = {}
    for name, content in raw.items():
        media = _TYPES.get(Path(name).suffix)
        if media is not None:
            body = content.replace(b"@DIGEST@", digest.encode()) if name == "index.html" else content
            made[name] = File(body, gzip.compress(body, 9, mtime=0), media, f'"{sha256(body).hexdigest()[:32]}"')
    return digest, made


@blueprint.route(route="page", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def page(req: func.HttpRequest) -> func.HttpResponse:
    """The settings page's document; asked anew each time, so that a new release shows at once."""
    return _sent(req, files()[1]["index.html"], "no-cache")


@blueprint.route(route="page/{digest}/{*path}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def page_file(req: func.HttpRequest) -> func.HttpResponse:
    """A file of the settings page. Of another release: not found, and the page says to load it anew."""
    digest, known = files()
    found = known.get(req.route_params.get("path", ""))
    if found is None or req.route_params.get("digest") != digest:
        return func.HttpResponse(
            "There is no such file.", status_code=404, headers={**_HEADERS, "Cache-Control": "no-store"}
        )
    return _sent(req, found, _YEAR)


def _sent(req: func.HttpRequest, file: File, keeps: str) -> func.HttpResponse:
    headers = {**_HEADERS, "Cache-Control": keeps, "ETag": file.etag, "Content-Type": file.media}
    if file.etag in {tag.strip().removeprefix("W/") for tag in req.headers.get("if-none-match", "").split(",")}:
        return func.HttpResponse(status_code=304, headers=headers)
    if "gzip" in req.headers.get("accept-encoding", ""):
        return func.HttpResponse(file.packed, headers={**headers, "Content-Encoding": "gzip"})
    return func.HttpResponse(file.content, headers=headers)
