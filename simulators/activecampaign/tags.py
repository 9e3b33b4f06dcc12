"""/tags and /contactTags. Source: activecampaign.md 2.4 (filters) and 2.7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulators.activecampaign.call import Call, created, deleted, ok
from simulators.activecampaign.contacts.rows import links, tag_row, written_row
from simulators.activecampaign.errors import ApiError, invalid, no_result, refused
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tagging import apply_tag, create_tag, remove_tag, tag_by_name
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import wall_clock, with_offset
from simulators.activecampaign.values import as_id, as_text
from simulators.frame.http import Response, json_response

KINDS = ("contact", "template")
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "": lambda name, text: text in name,
    "contains": lambda name, text: text in name,
    "eq": lambda name, text: name == text,
    "neq": lambda name, text: name != text,
    "lt": lambda name, text: name < text,
    "lte": lambda name, text: name <= text,
    "gt": lambda name, text: name > text,
    "gte": lambda name, text: name >= text,
    "starts_with": lambda name, text: name.startswith(text),
}


def row_of_tag(tenant: Tenant, tag: Row) -> dict[str, Any]:
    """A tag in a list or by id."""
    return {
        "tagType": tag["tagType"],
        "tag": tag["tag"],
        "description": tag["description"],
        "subscriber_count": str(tag["count"]),
        "cdate": with_offset(tag["created"]),
        "created_timestamp": wall_clock(tag["created"]),
        "updated_timestamp": wall_clock(tag["updated"]),
        "created_by": None,
        "updated_by": None,
        "deleted": "0",
        "links": links(tenant, "tags", tag["id"], "contactGoalTags", "templateTags"),
        "id": str(tag["id"]),
    }


def _written(tenant: Tenant, tag: Row) -> dict[str, Any]:
    whole = row_of_tag(tenant, tag)
    return {key: whole[key] for key in ("tag", "description", "tagType", "cdate", "links", "id")}


def tag_of(call: Call) -> Row:
    """The tag of the path. Raises 404."""
    tag = call.tenant.tags.get(call.id())
    if tag is None:
        raise no_result("Tag", call.argument())
    return tag


def match_name(call: Call, rows: list[Row], key: str, filter_name: str) -> list[Row]:
    """Rows whose name fulfils every `filters[name]` or `filters[name][op]` that is known."""
    for (name, operator), text in call.filters().items():
        test = _OPERATORS.get(operator)
        if name == filter_name and test is not None:
            wanted = text.lower()
            rows = [row for row in rows if test(str(row[key]).lower(), wanted)]
    return rows


@routes.get("/tags")
def list_tags(call: Call) -> Response:
    """Tags by `search` (contains) or `filters[search][op]`, ordered by `orders[search]=asc|desc|weight`."""
    rows = match_name(call, call.tenant.tags.values(), "tag", "search")
    if text := call.first("search").lower():
        rows = [row for row in rows if text in row["tag"].lower()]
    order = dict(call.orders()).get("search")
    if order in {"ASC", "DESC"}:
        rows = sorted(rows, key=lambda row: row["tag"].lower(), reverse=order == "DESC")
    elif order == "WEIGHT":
        rows = sorted(rows, key=lambda row: len(row["tag"]))
    return call.listing("tags", rows, lambda tag: row_of_tag(call.tenant, tag))


@routes.post("/tags")
def post_tag(call: Call) -> Response:
    """201; a name that is there in any letter case is refused."""
    sent = call.body("tag")
    name = as_text(sent.get("tag"), "tag").strip()
    if not name:
        raise invalid("The tag name was not provided.", code="field_missing", pointer="tag")
    kind = as_text(sent.get("tagType"), "tagType") or "contact"
    if kind not in KINDS:
        raise invalid("The tag type is not valid.", code="field_invalid", pointer="tagType")
    _check_free(call.tenant, name)
    tag = create_tag(call.tenant, call.actor, name, kind, as_text(sent.get("description"), "description"))
    return created(tag=_written(call.tenant, tag))


def _check_free(tenant: Tenant, name: str, own: Row | None = None) -> None:
    known = tag_by_name(tenant, name)
    if known is not None and known is not own:
        raise invalid("The tag already exists in the system", code="duplicate", pointer="tag")


@routes.get("/tags/{id}")
def get_tag(call: Call) -> Response:
    """One tag."""
    return ok(tag=row_of_tag(call.tenant, tag_of(call)))


@routes.put("/tags/{id}")
def put_tag(call: Call) -> Response:
    """A partial update."""
    tag, sent = tag_of(call), call.body("tag")
    new: dict[str, Any] = {key: as_text(sent[key], key).strip() for key in ("tag", "description") if key in sent}
    if "tag" in new:
        if not new["tag"]:
            raise invalid("The tag name was not provided.", code="field_missing", pointer="tag")
        _check_free(call.tenant, new["tag"], own=tag)
    changed = {key: [tag[key], value] for key, value in new.items() if tag[key] != value}
    tag.update(new, updated=call.now)
    call.tenant.log(call.actor, "update", "tag", tag["id"], changed)
    return ok(tag=_written(call.tenant, tag))


@routes.delete("/tags/{id}")
def delete_tag(call: Call) -> Response:
    """Removes the tag from the account and from all contacts."""
    tag, tenant = tag_of(call), call.tenant
    for row in [row for row in tenant.contact_tags if row.tag == tag["id"]]:
        contact = tenant.contacts.get(row.contact)
        if contact is not None:
            remove_tag(tenant, call.actor, contact, row)
    tenant.tags.delete(tag["id"])
    tenant.log(call.actor, "delete", "tag", tag["id"], {"tag": [tag["tag"], None]})
    return deleted()


@routes.get("/contactTags")
def list_contact_tags(call: Call) -> Response:
    """All associations; not in the documents, walked by third parties."""
    return call.listing("contactTags", call.tenant.contact_tags.values(), lambda row: tag_row(call.tenant, row))


@routes.post("/contactTags")
def post_contact_tag(call: Call) -> Response:
    """201 for a new association; 200 with the first row when the tag was on the contact already."""
    sent, tenant = call.body("contactTag"), call.tenant
    if sent.get("contact") in (None, "") or sent.get("tag") in (None, ""):
        raise refused(422, "Missing attribute", "contact and tag are required")
    contact = tenant.contacts.get(as_id(sent["contact"]))
    if contact is None:
        raise refused(404, "Contact not found")
    tag = tenant.tags.get(as_id(sent["tag"]))
    if tag is None:
        raise refused(404, "Tag not found")
    row, new = apply_tag(tenant, call.actor, contact, tag)
    if not new:
        return ok(contactTag=tag_row(tenant, row))
    return json_response(201, {"contacts": [written_row(tenant, contact)], "contactTag": tag_row(tenant, row)})


@routes.get("/contactTags/{id}")
def get_contact_tag(call: Call) -> Response:
    """One association."""
    row = call.tenant.contact_tags.get(call.id())
    if row is None:
        raise _no_association(call)
    return ok(contactTag=tag_row(call.tenant, row))


@routes.delete("/contactTags/{id}")
def delete_contact_tag(call: Call) -> Response:
    """Takes a tag off: by the association's id, not the tag's."""
    row = call.tenant.contact_tags.get(call.id())
    contact = call.tenant.contacts.get(row.contact) if row else None
    if row is None or contact is None:
        raise _no_association(call)
    remove_tag(call.tenant, call.actor, contact, row)
    return deleted()


def _no_association(call: Call) -> ApiError:
    return no_result("SubscriberTag", call.argument())
