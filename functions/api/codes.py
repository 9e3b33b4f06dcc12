"""The closed list of error codes that the API answers. docs/reference/api-errors.md is made of it; a test of
`tests/app/test_api_errors.py` reaches each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.errors import (
    AuthError,
    ConfigError,
    GuardTripped,
    OutcomeUnknown,
    Rejected,
    StaleRevision,
    SyncError,
    Throttled,
    Transient,
)


@dataclass(frozen=True, slots=True)
class Code:
    """`retry`: the same request may succeed later, unchanged."""

    status: int
    meaning: str
    retry: bool = False


CODES: Final[Mapping[str, Code]] = {
    # the request
    "api_version_missing": Code(400, "The query has no `api-version`."),
    "api_version_unknown": Code(400, "This release does not answer that `api-version`; `known` lists those it does."),
    "parameter_unknown": Code(400, "The query holds a parameter that the route does not know."),
    "parameter_invalid": Code(400, "A query parameter has no such value."),
    "continuation_invalid": Code(400, "`after` is none that a page of this list gave."),
    "body_not_json": Code(400, "The body is not a JSON object."),
    "body_too_large": Code(413, "The body is larger than the route takes."),
    "unknown_field": Code(400, "The body holds a field that is not known there; `target` names its place."),
    "missing_field": Code(400, "A field of the body is missing; `target` names its place."),
    "invalid_value": Code(400, "A field of the body has a value it cannot have; `target` names its place."),
    "text_unusable": Code(400, "A text holds characters that no system stores (control characters, half pairs)."),
    "config": Code(400, "A setting is wrong; `target` names it."),
    "map": Code(400, "Entity maps, rhythm or options are wrong; `details` names every place."),
    "body_malformed": Code(400, "The body of a webhook is neither the form nor the JSON that the system sends."),
    "contact_missing": Code(400, "The body of a webhook names no record."),
    "not_confirmed": Code(400, "The typed confirmation is not the connection's name."),
    # who asks
    "not_signed_in": Code(401, "Nobody is signed in, or sign-in is not set up for this app."),
    "hook_key": Code(401, "The key in a webhook's address is not, or no longer, the connection's."),
    "role_missing": Code(403, "The caller's roles do not allow this."),
    "cross_site": Code(403, "A browser's change did not come from the app's own page."),
    # what there is
    "route_not_found": Code(404, "There is no such address, or it does not take this method."),
    "connection_not_found": Code(404, "There is no such connection."),
    "run_not_found": Code(404, "There is no such run, or it is older than what is kept."),
    "operation_not_found": Code(404, "There is no such operation."),
    "request_not_found": Code(404, "There is no such request about a record."),
    "unknown_entity": Code(404, "The connection has no entity of that name."),
    "unknown_kind": Code(404, "That side has no kind of that name."),
    "record_not_found": Code(404, "There is no such record on that side, or the connection may not see it."),
    # how it stands
    "connection_exists": Code(409, "A connection joins the same environment and account already."),
    "connection_ground": Code(409, "The environment or account of a connection cannot be exchanged."),
    "connection_on": Code(409, "The connection is switched on, and this is for one that is off."),
    "connection_off": Code(409, "The connection is switched off, and this is for one that is on."),
    "check_failed": Code(409, "The connection's check failed, so it stays off; `step` and `reason` say where."),
    "changed_ground": Code(409, "Another environment or account answers at the connection's addresses."),
    "plan_needed": Code(409, "The connection asks for a plan before its first start, and none was named."),
    "plan_differs": Code(409, "The plan that was looked at is not what would be done by now; `fingerprint` is."),
    "initial_done": Code(409, "The initial sync has been run; repeating it has to be said."),
    "sync_now_refused": Code(409, "The partner's own integration knows no run outside its rhythm; see `nextRun`."),
    "purge_running": Code(409, "A clean-up of this connection is under way."),
    "erasure_running": Code(409, "The person is being erased."),
    "nothing_to_revert": Code(409, "Nothing is kept of what this run wrote."),
    "rejected": Code(409, "A system refused what was asked of it; `innererror` holds its code."),
    "guard": Code(409, "A guard stopped the connection until a person releases it."),
    # two at once
    "if_match_missing": Code(428, "A change to settings needs `If-Match` with the ETag that was read."),
    "changed_meanwhile": Code(412, "It was changed since it was read; `current` is how it stands now."),
    # beyond us
    "auth": Code(502, "A system refused the connection's credentials; `innererror` holds its code."),
    "outcome_unknown": Code(502, "A call was sent to a system, and its answer never came.", retry=True),
    "throttled": Code(503, "A system's limit is reached; `Retry-After` says how long.", retry=True),
    "transient": Code(503, "A system or the storage does not answer at the moment.", retry=True),
    "internal": Code(500, "Something went wrong in the app; its log says what."),
}

_BY_KIND: Final[tuple[tuple[type[SyncError], str], ...]] = (
    (ConfigError, "config"),
    (Rejected, "rejected"),
    (StaleRevision, "changed_meanwhile"),
    (AuthError, "auth"),
    (OutcomeUnknown, "outcome_unknown"),
    (GuardTripped, "guard"),
    (Throttled, "throttled"),
    (Transient, "transient"),
)


def code_of(error: SyncError) -> str:
    """The code of the list that an error is answered with: its own, or that of its kind."""
    if error.code in CODES:
        return error.code
    return next((code for kind, code in _BY_KIND if isinstance(error, kind)), "internal")
