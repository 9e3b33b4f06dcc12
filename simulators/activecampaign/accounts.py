"""/accounts and /accountContacts. Source: activecampaign.md 2.9."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.call import Call, created, deleted, echo, ok
from simulators.activecampaign.contacts.model import Contact
from simulators.activecampaign.contacts.rows import links
from simulators.activecampaign.custom_data import ACCOUNT, check_data, drop_data, inline_fields, put_data
from simulators.activecampaign.errors import invalid, missing, no_result
from simulators.activecampaign.plan import needs_crm
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import with_offset
from simulators.activecampaign.values import as_id, as_text
from simulators.frame.http import Response


def account_row(tenant: Tenant, account: Row) -> dict[str, Any]:
    """An account by id."""
    return {
        "name": account["name"],
        "accountUrl": account["url"] or None,
        "createdTimestamp": with_offset(account["created"]),
        "updatedTimestamp": with_offset(account["updated"]),
        "owner": str(account["owner"]),
        "links": links(
            tenant,
            "accounts",
            account["id"],
            "notes",
            "accountCustomFieldData",
            "accountContacts",
            "emailActivities",
            "contactEmails",
            "owner",
        ),
        "id": str(account["id"]),
    }


def account_contact_row(tenant: Tenant, row: Row) -> dict[str, Any]:
    """The association of a contact with its account."""
    return {
        "account": str(row["account"]),
        "contact": str(row["contact"]),
        "jobTitle": row["title"],
        "createdTimestamp": with_offset(row["created"]),
        "updatedTimestamp": with_offset(row["updated"]),
        "links": links(tenant, "accountContacts", row["id"], "account", "contact"),
        "id": str(row["id"]),
    }


def account_by_name(tenant: Tenant, name: str) -> Row | None:
    """Names are unique; whether letter case counts is a switch."""
    same = [tenant.accounts.get(each) for each in tenant.account_names.get(name.lower(), ())]
    exact = tenant.switches.word("account_name_match") == "exact"
    return next((row for row in same if row is not None and (not exact or row["name"] == name)), None)


def _name(tenant: Tenant, account: Row) -> None:
    tenant.account_names.setdefault(account["name"].lower(), []).append(account["id"])


def _unname(tenant: Tenant, account: Row) -> None:
    tenant.account_names[account["name"].lower()].remove(account["id"])


def account_block(account: Row) -> list[tuple[str, str]]:
    """The account's part of a webhook."""
    return [
        ("account[id]", str(account["id"])),
        ("account[name]", account["name"]),
        ("account[account_url]", account["url"]),
        ("account[created_timestamp]", with_offset(account["created"])),
        ("account[updated_timestamp]", with_offset(account["updated"])),
    ]


def create_account(tenant: Tenant, actor: Actor, name: str, *, url: str = "", owner: int = 1) -> Row:
    """A new account; the caller has made sure the name is free."""
    now = tenant.now()
    account = tenant.accounts.add({"name": name, "url": url, "owner": owner, "created": now, "updated": now})
    _name(tenant, account)
    tenant.log(actor, "create", "account", account["id"], {"name": [None, name], "accountUrl": [None, url]})
    return account


def update_account(tenant: Tenant, actor: Actor, account: Row, new: dict[str, Any]) -> None:
    """Change name, url or owner, and tell webhooks."""
    changed = {key: [account[key], value] for key, value in new.items() if account[key] != value}
    _unname(tenant, account)
    account.update(new, updated=tenant.now())
    _name(tenant, account)
    tenant.log(actor, "update", "account", account["id"], changed)
    tenant.emit("account_update", actor, account_block(account), None, 0)


def check_name(tenant: Tenant, name: str, own: Row | None = None) -> None:
    """Raises 422 for a missing or used name."""
    if not name:
        raise missing("The account name was not provided.", "name")
    known = account_by_name(tenant, name)
    if known is not None and known is not own:
        title = f'An account named "{name}" already exists. Please choose a new name.'
        raise invalid(title, code="duplicate", pointer="name")


def associate(tenant: Tenant, actor: Actor, contact: Contact, account: Row, title: str) -> Row:
    """Link a contact that has no account yet."""
    now = tenant.now()
    row = tenant.account_contacts.add(
        {"account": account["id"], "contact": contact.id, "title": title, "created": now, "updated": now}
    )
    contact.account = row["id"]
    changed = {"account": [None, account["id"]], "jobTitle": [None, title]}
    tenant.log(actor, "create", "accountContact", row["id"], {"contact": [None, contact.id], **changed})
    tenant.contacts.touch(contact)
    tenant.emit("account_contact_add", actor, _association_block(row, account), contact, 0)
    return row


def _association_block(row: Row, account: Row) -> list[tuple[str, str]]:
    block = account_block(account)
    block += [(f"accountContact[{key}]", str(row[key])) for key in ("id", "account", "contact")]
    return [*block, ("accountContact[job_title]", row["title"])]


def account_of(call: Call) -> Row:
    """The account of the path. Raises 404."""
    needs_crm(call)
    account = call.tenant.accounts.get(call.id())
    if account is None:
        raise no_result("CustomerAccount", call.argument())
    return account


@routes.get("/accounts")
def list_accounts(call: Call) -> Response:
    """Accounts by `search` in the name; counts are "0" unless `count_deals=true`. No changed-since filter."""
    needs_crm(call)
    tenant, counting = call.tenant, call.first("count_deals").lower() in {"true", "1"}
    text = call.first("search").lower()
    rows = [row for row in tenant.accounts if text in row["name"].lower()]

    def view(account: Row) -> dict[str, Any]:
        contacts = len(tenant.account_contacts.where("account", account["id"])) if counting else 0
        deals = len(tenant.deals.where("account", account["id"])) if counting else 0
        row = account_row(tenant, account)
        return {**row, "contactCount": str(contacts), "dealCount": str(deals)}

    return call.listing("accounts", rows, view)


@routes.post("/accounts")
def post_account(call: Call) -> Response:
    """201; 422 for a missing or used name."""
    needs_crm(call)
    sent, tenant = call.body("account"), call.tenant
    name = as_text(sent.get("name"), "name").strip()
    check_name(tenant, name)
    fields = check_data(tenant, ACCOUNT, sent.get("fields"))
    url, owner = as_text(sent.get("accountUrl"), "accountUrl"), as_id(sent.get("owner")) or call.user["id"]
    account = create_account(tenant, call.actor, name, url=url, owner=owner)
    for item in fields:
        put_data(tenant, call.actor, ACCOUNT, account["id"], item)
    tenant.emit("account_add", call.actor, account_block(account), None, 0)
    return created(account=_written(call, account, sent))


def _written(call: Call, account: Row, sent: dict[str, Any]) -> dict[str, Any]:
    view = account_row(call.tenant, account)
    if "accountUrl" not in sent and not account["url"]:
        view.pop("accountUrl")
    view["customFieldSaveStatus"] = {"status": "success"}
    view["fields"] = inline_fields(call.tenant, ACCOUNT, account["id"])
    return view


@routes.get("/accounts/{id}")
def get_account(call: Call) -> Response:
    """One account."""
    return ok(account=account_row(call.tenant, account_of(call)))


@routes.put("/accounts/{id}")
def put_account(call: Call) -> Response:
    """A partial update."""
    account, sent, tenant = account_of(call), call.body("account"), call.tenant
    new: dict[str, Any] = {}
    if "name" in sent:
        new["name"] = as_text(sent["name"], "name").strip()
        check_name(tenant, new["name"], own=account)
    if "accountUrl" in sent:
        new["url"] = as_text(sent["accountUrl"], "accountUrl")
    if as_id(sent.get("owner")):
        new["owner"] = as_id(sent["owner"])
    fields = check_data(tenant, ACCOUNT, sent.get("fields"))
    for item in fields:
        put_data(tenant, call.actor, ACCOUNT, account["id"], item)
    update_account(tenant, call.actor, account, new)
    return ok(account=_written(call, account, sent))


def drop_account(tenant: Tenant, actor: Actor, account: Row) -> None:
    """Remove an account, its values and its associations."""
    for row in tenant.account_contacts.where("account", account["id"]):
        tenant.account_contacts.delete(row["id"])
        contact = tenant.contacts.get(row["contact"])
        if contact is not None:
            contact.account = None
            tenant.contacts.touch(contact)
    drop_data(tenant, ACCOUNT, account["id"])
    _unname(tenant, account)
    tenant.accounts.delete(account["id"])
    tenant.log(actor, "delete", "account", account["id"], {"name": [account["name"], None]})


@routes.delete("/accounts/bulk_delete")
def bulk_delete(call: Call) -> Response:
    """Several at once by `ids[]=`; unknown ids are passed over."""
    needs_crm(call)
    for key, value in call.request.query:
        account = call.tenant.accounts.get(as_id(value)) if key in {"ids[]", "ids"} else None
        if account is not None:
            drop_account(call.tenant, call.actor, account)
    return ok(meta={"success": True})


@routes.delete("/accounts/{id}")
def delete_account(call: Call) -> Response:
    """200 and an empty object."""
    drop_account(call.tenant, call.actor, account_of(call))
    return deleted()


@routes.get("/accounts/{id}/accountContacts")
def account_contacts(call: Call) -> Response:
    """Who belongs to the account."""
    rows = call.tenant.account_contacts.where("account", account_of(call)["id"])
    return call.listing("accountContacts", rows, lambda row: account_contact_row(call.tenant, row))


@routes.get("/accountContacts")
def list_account_contacts(call: Call) -> Response:
    """Associations by `filters[contact]` and `filters[account]`."""
    needs_crm(call)
    rows = call.tenant.account_contacts.values()
    for key in ("contact", "account"):
        if (wanted := call.filter(key)) is not None:
            rows = [row for row in rows if row[key] == as_id(wanted)]
    return call.listing("accountContacts", rows, lambda row: account_contact_row(call.tenant, row))


@routes.post("/accountContacts")
def post_account_contact(call: Call) -> Response:
    """201; a contact that has an account already is refused."""
    needs_crm(call)
    sent, tenant = call.body("accountContact"), call.tenant
    for key in ("account", "contact"):
        if sent.get(key) in (None, ""):
            raise missing(f"The {key} attribute was not provided", key)
    account, contact = tenant.accounts.get(as_id(sent["account"])), tenant.contacts.get(as_id(sent["contact"]))
    if account is None or contact is None:
        pointer = "account" if account is None else "contact"
        raise invalid(f"The related {pointer} does not exist.", code="related_missing", pointer=pointer)
    if contact.account is not None:
        title = (
            "This contact is already associated with an account. "
            "We currently do not support contacts on multiple accounts."
        )
        raise invalid(title, code="field_invalid", pointer="account,contact")
    row = associate(tenant, call.actor, contact, account, as_text(sent.get("jobTitle"), "jobTitle"))
    return created(accountContact=echo(account_contact_row(tenant, row), sent, "account", "contact"))


def association_of(call: Call) -> Row:
    """The association of the path. Raises 404 with the model's inner name."""
    needs_crm(call)
    row = call.tenant.account_contacts.get(call.id())
    if row is None:
        raise no_result("CustomerAccountSubscriber", call.argument())
    return row


@routes.get("/accountContacts/{id}")
def get_account_contact(call: Call) -> Response:
    """One association."""
    return ok(accountContact=account_contact_row(call.tenant, association_of(call)))


@routes.put("/accountContacts/{id}")
def put_account_contact(call: Call) -> Response:
    """Changes account or job title; the way to move a contact to another account."""
    row, sent, tenant = association_of(call), call.body("accountContact"), call.tenant
    account = tenant.accounts.get(as_id(sent["account"]) if sent.get("account") else row["account"])
    if account is None:
        raise invalid("The related account does not exist.", code="related_missing", pointer="account")
    title = as_text(sent["jobTitle"], "jobTitle") if "jobTitle" in sent else row["title"]
    changed = {}
    if account["id"] != row["account"]:
        changed["account"] = [row["account"], account["id"]]
    if title != row["title"]:
        changed["jobTitle"] = [row["title"], title]
    row.update(account=account["id"], title=title, updated=call.now)
    tenant.log(call.actor, "update", "accountContact", row["id"], changed)
    contact = tenant.contacts.get(row["contact"])
    tenant.emit("account_contact_update", call.actor, _association_block(row, account), contact, 0)
    return ok(accountContact=account_contact_row(tenant, row))


@routes.delete("/accountContacts/{id}")
def delete_account_contact(call: Call) -> Response:
    """Frees the contact."""
    row, tenant = association_of(call), call.tenant
    tenant.account_contacts.delete(row["id"])
    contact = tenant.contacts.get(row["contact"])
    if contact is not None:
        contact.account = None
        tenant.contacts.touch(contact)
    changed = {"contact": [row["contact"], None], "account": [row["account"], None]}
    tenant.log(call.actor, "delete", "accountContact", row["id"], changed)
    return deleted()
