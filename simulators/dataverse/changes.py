"""Change tracking: tracked loads and delta links (dataverse.md 1.4).

A token is `<row version>!<MM/dd/yyyy HH:mm:ss>`. A tracked load walks the table by key, so that pages neither skip nor
repeat rows while rows change; a delta walks changed rows by version up to the version of its first page, then the
deletions up to the same version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.options import QueryOptions
from simulators.dataverse.odata.paging import MAX_PAGE, Cookie, read_cookie, write_cookie
from simulators.dataverse.odata.projection import FORMATTED, Projection, context_fragment, project
from simulators.dataverse.replies import applied, json_reply, metadata_url
from simulators.dataverse.schema import Table
from simulators.dataverse.store import Row
from simulators.frame import Response

DEFAULT_DAYS = 7
_REFUSED = ("$filter", "$orderby", "$expand", "$top")
_TOKEN = re.compile(r"(\d{1,18})!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)")
_STAMP = "%m/%d/%Y %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Token:
    """A delta token: changes above `version` are to come; `minted` decides when it expires."""

    version: int
    minted: datetime


def is_tracked(options: QueryOptions) -> bool:
    """Say whether a link belongs to a tracked query."""
    return options.skiptoken is not None and bool(read_cookie(options.skiptoken).tracking)


def write_token(token: Token) -> str:
    """Return the token percent-encoded in lower case, as the service writes it."""
    text = f"{token.version}!{token.minted.astimezone(UTC).strftime(_STAMP)}"
    encoded = quote(text, safe="").replace("!", "%21")
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)


def read_token(context: Context, table: Table, text: str) -> Token:
    """Read and check a token.

    Raises:
        DataverseError: 400 for no token, 0x80044352 (status by switch) for an expired one.
    """
    match = _TOKEN.fullmatch(text.replace("+", " ").strip())
    if match is None:
        raise error("InvalidArgument", message="The delta token is not valid.")
    try:
        minted = datetime.strptime(match[2], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise error("InvalidArgument", message="The delta token is not valid.") from None
    token = Token(int(match[1]), minted)
    too_old = context.service.clock.now() - minted > timedelta(days=expiry_days(context))
    if too_old or token.version < table.changed_at:
        raise error("ExpiredVersionStamp", status=int(context.switches.number("expired_token_status")))
    return token


def expiry_days(context: Context) -> int:
    """Return `ExpireChangeTrackingInDays` of the organisation."""
    row: Row = next(context.store["organization"].rows(), {})
    days = row.get("expirechangetrackingindays")
    return days if isinstance(days, int) else DEFAULT_DAYS


def _check(context: Context, table: Table, options: QueryOptions) -> None:
    for name in _REFUSED:
        if options.sent(name):
            raise error("ChangeTrackingOption", option=name)
    if not table.tracking:
        status = int(context.switches.number("tracking_off_status"))
        raise error("ChangeTrackingNotEnabledForEntity", status=status, table=table.name)
    security = context.service.hooks.security
    if not security.reads_all(context, table):
        raise _no_organisation_read(context, table)


def _no_organisation_read(context: Context, table: Table) -> DataverseError:
    return error(
        "PrincipalPrivilegeDenied",
        user=context.caller.user_id,
        privilege=f"prvRead{table.schema_name}",
        code=table.object_type_code,
        table=table.name,
    )


def get_changes(context: Context, table: Table, options: QueryOptions) -> Response:
    """Answer a tracked query: its first page, a next page, or a delta."""
    _check(context, table, options)
    cookie = read_cookie(options.skiptoken) if options.skiptoken is not None else None
    if cookie is not None and not cookie.tracking:
        raise error("InvalidPagingCookie")
    projection = project(context, table, options)
    size = min(context.prefer.max_page_size or MAX_PAGE, MAX_PAGE)
    if cookie is not None and cookie.tracking[0] == "load":
        return _load(context, options, projection, cookie, size)
    if options.deltatoken is None and cookie is None:
        return _load(context, options, projection, None, size)
    return _delta(context, options, projection, cookie, size)


def _now(context: Context) -> Token:
    store = context.store
    waits = context.switches.on("delta_waits_for_open_commits")
    return Token(store.oldest_open_version() if waits else store.version, context.service.clock.now())


def _load(
    context: Context, options: QueryOptions, projection: Projection, cookie: Cookie | None, size: int
) -> Response:
    table = projection.table
    token = _now(context)
    if cookie is not None and context.switches.word("token_minted") == "first":
        token = _carried(cookie)
    walk = context.store[table.name].rows(cookie.last if cookie else None, projection.wanted)
    found = [row for row, _ in zip(walk, range(size + 1), strict=False)]
    page = found[:size]
    following = None
    if len(found) > size:
        last = str(page[-1][table.primary_id])
        carried = ("load", token.version, token.minted.astimezone(UTC).strftime(_STAMP))
        following = Cookie((cookie.page if cookie else 1) + 1, last, tracking=carried)
    show = projection.renderer()
    body: dict[str, object] = {"@odata.context": metadata_url(context, context_fragment(table, options))}
    body["value"] = [show(row) for row in page]
    return _send(context, options, projection, body, (following, token))


def _carried(cookie: Cookie) -> Token:
    try:
        minted = datetime.strptime(str(cookie.tracking[2]), _STAMP).replace(tzinfo=UTC)
        return Token(int(str(cookie.tracking[1])), minted)
    except (ValueError, IndexError):
        raise error("InvalidPagingCookie") from None


def _delta(
    context: Context, options: QueryOptions, projection: Projection, cookie: Cookie | None, size: int
) -> Response:
    table = projection.table
    start, until, position = _span(context, table, options, cookie)
    entries = _entries(context, table, start, until.version)
    if cookie is not None:
        entries = [entry for entry in entries if entry > position]
    page = entries[:size]
    following = None
    if len(entries) > size:
        stamp = until.minted.astimezone(UTC).strftime(_STAMP)
        carried = ("delta", until.version, stamp, start, " ".join(str(part) for part in page[-1]))
        following = Cookie((cookie.page if cookie else 1) + 1, page[-1][2], tracking=carried)
    show, rows = projection.renderer(), context.store[table.name]
    deleted_context = metadata_url(context, f"{table.entity_set}/$deletedEntity")
    shown: list[dict[str, object]] = []
    for kind, _, row_id in page:
        row = rows.get(row_id) if kind == 0 else None
        if kind == 1:
            shown.append({"@odata.context": deleted_context, "id": row_id, "reason": "deleted"})
        elif row is not None:
            shown.append(show(row))
    fragment = f"{context_fragment(table, options)}/$delta"
    body: dict[str, object] = {"@odata.context": metadata_url(context, fragment), "value": shown}
    return _send(context, options, projection, body, (following, until))


def _span(
    context: Context, table: Table, options: QueryOptions, cookie: Cookie | None
) -> tuple[int, Token, tuple[int, int, str]]:
    """Return where the delta starts, where it ends, and the last entry of the page before."""
    if cookie is None:
        token = read_token(context, table, options.deltatoken or "")
        return token.version, _now(context), (0, 0, "")
    until = _carried(cookie)
    try:
        start = int(str(cookie.tracking[3]))
        kind, version, row_id = str(cookie.tracking[4]).split()
        position = (int(kind), int(version), row_id)
    except (TypeError, ValueError, IndexError):
        raise error("InvalidPagingCookie") from None
    if context.switches.on("delta_repeats_rows"):
        until = Token(_now(context).version, until.minted)
    return start, until, position


def _entries(context: Context, table: Table, above: int, upto: int) -> list[tuple[int, int, str]]:
    """Return what changed: (0, version, id) of rows, then (1, version, id) of deletions, each by version."""
    rows = context.store[table.name]
    changed = [(0, version, row_id) for version, row_id in rows.changed(above, upto)]
    deletions = rows.deleted(above, upto)
    if not context.switches.on("delta_lists_delete_of_recreated_row"):
        deletions = [entry for entry in deletions if rows.get(entry[1]) is None]
    return changed + [(1, version, row_id) for version, row_id in deletions]


def count_changes(context: Context, table: Table, text: str) -> int:
    """Return how many changes there are since a token."""
    if not table.tracking:
        status = int(context.switches.number("tracking_off_status"))
        raise error("ChangeTrackingNotEnabledForEntity", status=status, table=table.name)
    token = read_token(context, table, text)
    return len(_entries(context, table, token.version, _now(context).version))


def _send(
    context: Context,
    options: QueryOptions,
    projection: Projection,
    body: dict[str, object],
    end: tuple[Cookie | None, Token],
) -> Response:
    """Answer with a page; it ends in a link to the next one, or else in the delta link."""
    table, (following, token) = projection.table, end
    rows = body.pop("value")
    query = options.without("$skiptoken", "$deltatoken")
    url = f"{table.entity_set}?{query + '&' if query else ''}"
    if following is None and not _dropped(context, projection):
        body["@odata.deltaLink"] = context.url(f"{url}$deltatoken={write_token(token)}")
    body["value"] = rows
    if following is not None:
        token_text = write_cookie(table.primary_id, following, following.last)
        body["@odata.nextLink"] = context.url(f"{url}$skiptoken={token_text}")
    return json_reply(context, body, headers=applied(context, "track-changes", "maxpagesize", "annotations"))


def _dropped(context: Context, projection: Projection) -> bool:
    """Formatted lookup values once made the service forget the delta link (a switch)."""
    if not context.switches.on("annotated_lookup_drops_delta_link") or not context.annotate(FORMATTED):
        return False
    return any(column.is_lookup for column in projection.columns)
