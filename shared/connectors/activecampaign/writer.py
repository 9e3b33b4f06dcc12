"""Writing contacts one by one: POST for new ones, PUT by id for known ones, then their tags and their account.

Nothing that is not in the write is ever sent, because an empty name or telephone number would wipe what is there; and
nothing ever subscribes anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from shared.connectors.activecampaign.client import Client
from shared.connectors.activecampaign.contacts import as_id, contact_ref
from shared.connectors.activecampaign.errors import VendorError
from shared.connectors.activecampaign.fields import (
    ACCOUNT_FIELD,
    EMAIL,
    OPTED_OUT,
    STANDARD,
    BadValueError,
    field_id,
    field_name,
    is_custom,
    to_text,
)
from shared.connectors.activecampaign.relations import Relations
from shared.connectors.activecampaign.results import each, refusal, rejected, unknown
from shared.connectors.activecampaign.tags import TagBook
from shared.domain.records import FieldName, Ref, Schema, Value
from shared.errors import OutcomeUnknown, Rejected, SyncError
from shared.ports.connector import Op, Outcome, Write, WriteResult

_TAG_LOST = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY})


class Refused(Exception):
    """One step of a write was refused; carries its result."""

    def __init__(self, result: WriteResult) -> None:
        super().__init__(result.code)
        self.result = result


class ContactWriter:
    """Writes contacts, each by calls of its own."""

    def __init__(
        self, client: Client, schema: Schema, tags: TagBook, relations: Relations, *, concurrency: int
    ) -> None:
        self._client = client
        self._schema = schema
        self._tags = tags
        self._relations = relations
        self._concurrency = concurrency

    def write(self, writes: Sequence[Write]) -> dict[str, WriteResult]:
        """One result a write. Raises only when nothing at all was sent."""
        results = each(writes, self._one, at_once=self._concurrency)
        return {write.key: result for write, result in zip(writes, results, strict=True)}

    def _one(self, write: Write) -> WriteResult:
        try:
            match write.op:
                case Op.CREATE:
                    return self._create(write)
                case Op.UPDATE:
                    return self._update(write)
                case Op.DELETE:
                    return self._delete(write)
        except Refused as refused:
            return refused.result

    # -- the contact ---------------------------------------------------------------------------------------------------

    def _create(self, write: Write) -> WriteResult:
        attributes = self._attributes(write)
        attributes.setdefault("email", write.match or "")
        made = self._client.send("POST", "contacts", "create", {"contact": attributes})
        if isinstance(made, VendorError):
            if made.is_duplicate and made.pointer in {"", "email"}:
                return self._existing(write, attributes["email"])
            return self._refusal(write, made)
        vendor_id = made.one("contact").get("id")
        if vendor_id is None:
            return unknown(write, "no_id")
        ref = contact_ref(vendor_id)
        return self._rest(write, ref)

    def _existing(self, write: Write, email: str) -> WriteResult:
        """The e-mail is taken: tell by whom, and leave that contact alone."""
        page = self._client.get("contacts", "find", [("email", email), ("status", "-1"), ("limit", "2")])
        holders = [row for row in page.listed("contacts") if str(row.get("email", "")).casefold() == email.casefold()]
        ref = contact_ref(holders[0].get("id")) if holders else None
        return WriteResult(key=write.key, outcome=Outcome.EXISTS, ref=ref, code="duplicate")

    def _update(self, write: Write) -> WriteResult:
        attributes = self._attributes(write)
        if attributes:
            found = self._client.send("PUT", f"contacts/{write.ref.id}", "update", {"contact": attributes})
            if isinstance(found, VendorError):
                return self._refusal(write, found)
        return self._rest(write, write.ref)

    def _delete(self, write: Write) -> WriteResult:
        found = self._client.send("DELETE", f"contacts/{write.ref.id}", "delete")
        if isinstance(found, VendorError) and not found.is_missing:
            return self._refusal(write, found)
        return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref)

    def _attributes(self, write: Write) -> dict[str, Any]:
        """The members of a contact's body: only what the write names; None clears by the empty text."""
        attributes: dict[str, Any] = {}
        custom: list[dict[str, str]] = []
        for name, value in write.fields.items():
            if name in {ACCOUNT_FIELD, OPTED_OUT}:
                continue
            text = self._text(write, name, value)
            if name in STANDARD:
                if value is not None or write.op is Op.UPDATE:
                    attributes[name] = text
            elif value is not None or write.op is Op.UPDATE:
                custom.append({"field": field_id(name), "value": text})
        if attributes.get(EMAIL) == "":
            raise Refused(rejected(write, "required", "a contact cannot be without its e-mail", EMAIL))
        if custom:
            attributes["fieldValues"] = custom
        return attributes

    def _text(self, write: Write, name: FieldName, value: Value | None) -> str:
        spec = self._schema.fields.get(name)
        if spec is None:
            raise Refused(rejected(write, "unknown_field", "the account has no such field", name))
        try:
            return to_text(spec, value)
        except BadValueError as error:
            raise Refused(rejected(write, "bad_value", str(error), name)) from None

    # -- what hangs on it ----------------------------------------------------------------------------------------------

    def _rest(self, write: Write, ref: Ref) -> WriteResult:
        """Tags, account and opt-out. A create whose tags failed is UNKNOWN: reading it shows what is missing."""
        try:
            self._change_tags(write, ref)
            if ACCOUNT_FIELD in write.fields:
                self._relations.set_account(ref, write.fields[ACCOUNT_FIELD])
            if write.fields.get(OPTED_OUT) is True:
                self._relations.unsubscribe(ref)
        except OutcomeUnknown as lost:
            return WriteResult(key=write.key, outcome=Outcome.UNKNOWN, ref=ref, code=lost.code)
        except Refused as refused:
            if write.op is Op.CREATE:
                return WriteResult(key=write.key, outcome=Outcome.UNKNOWN, ref=ref, code=refused.result.code)
            return refused.result
        except Rejected as error:
            field = FieldName(error.field) if error.field else None
            return rejected(write, error.code, str(error), field)
        except SyncError as error:
            if write.op is Op.CREATE or write.fields:
                return WriteResult(key=write.key, outcome=Outcome.UNKNOWN, ref=ref, code=error.code)
            raise
        return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=ref)

    def _change_tags(self, write: Write, ref: Ref) -> None:
        for name in sorted(write.add_labels):
            self._add_tag(write, ref, name)
        if not write.remove_labels:
            return
        unwanted = {self._tags.find(name) for name in write.remove_labels} - {None}
        for page in self._client.pages(f"contacts/{ref.id}/contactTags", "contactTags", "tags"):
            for row in page.rows("contactTags"):
                if str(row.get("tag")) in unwanted:
                    gone = self._client.send("DELETE", f"contactTags/{as_id(row.get('id'))}", "tags")
                    if isinstance(gone, VendorError) and not gone.is_missing:
                        raise Refused(self._refusal(write, gone))

    def _add_tag(self, write: Write, ref: Ref, name: str) -> None:
        for _ in range(2):
            body = {"contactTag": {"contact": ref.id, "tag": self._tags.id_of(name)}}
            added = self._client.send("POST", "contactTags", "tags", body)
            if not isinstance(added, VendorError):
                return
            if added.status not in _TAG_LOST or "contact" in added.message.lower():
                raise Refused(self._refusal(write, added))
            self._tags.forget(name)  # somebody removed the tag: it is made again
        raise Refused(rejected(write, "tag_refused", "the tag cannot be put on the contact"))

    def _refusal(self, write: Write, error: VendorError) -> WriteResult:
        return refusal(write, error, "contacts", _blamed(write, error))


def _blamed(write: Write, error: VendorError) -> FieldName | None:
    """The field a refusal names: an attribute, or a custom field by its id in the text."""
    if error.pointer in write.fields:
        return FieldName(error.pointer)
    words: Mapping[str, FieldName] = {f"field {field_id(name)}": name for name in write.fields if is_custom(name)}
    return next((field_name(field_id(name)) for words_of, name in words.items() if words_of in error.message), None)
