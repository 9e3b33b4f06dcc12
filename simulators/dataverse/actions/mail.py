"""``SendEmail``: an e-mail leaves the organisation (dataverse.md 2 "Tracked history e-mail")."""

from __future__ import annotations

from simulators.dataverse.actions.arguments import answer, bound_row, read_arguments, refused
from simulators.dataverse.context import Context
from simulators.dataverse.odata.path import ResourcePath
from simulators.dataverse.parties.members import BCC, CC, SENDER, TO, parties_of
from simulators.dataverse.payload import Payload
from simulators.dataverse.store import Value
from simulators.dataverse.writing import update_row
from simulators.frame import Response

SENT, PENDING = 3, 6
_KNOWN = {"IssueSend": bool, "TrackingToken": str}


def send_email(context: Context, path: ResourcePath) -> Response:
    """Answer ``emails(id)/Microsoft.Dynamics.CRM.SendEmail``.

    With `IssueSend` the e-mail is pending until the clock has passed `email_send_seconds`; without, it counts as sent.
    """
    table, row = bound_row(context, path, "emails")
    arguments = read_arguments(context, "SendEmail", _KNOWN, "IssueSend")
    masks = {party.get("participationtypemask") for party in parties_of(context, str(row["activityid"]))}
    if row.get("statecode", 0) != 0:
        raise refused("0x8004b015", "The e-mail cannot be sent: it is no draft any more.", "UnableToSendEmail")
    if SENDER not in masks:
        raise refused("0x80040b02", "The e-mail must have a sender.", "unManagedidscommunicationsnosender")
    if not masks & {TO, CC, BCC}:
        raise refused(
            "0x80040b04", "The e-mail must have at least one recipient before it can be sent.", "EmailRecipient"
        )
    token = str(arguments.get("TrackingToken") or "")
    subject = f"{row.get('subject') or ''} {token}".strip()[:200] if token else str(row.get("subject") or "")
    issue = bool(arguments["IssueSend"])
    values: dict[str, Value] = {"statecode": 1, "statuscode": PENDING if issue else SENT, "subject": subject or None}
    values |= {"actualend": context.now, "directioncode": True}
    if not issue:
        values["senton"] = context.now
    update_row(context, table, row, Payload(values=values), message="Send")
    if issue:
        _deliver_later(context, str(row["activityid"]))
    return answer(context, "Microsoft.Dynamics.CRM.SendEmailResponse", {"Subject": subject})


def _deliver_later(context: Context, activity_id: str) -> None:
    service = context.service

    def deliver() -> None:
        with service.store.transaction():
            row = service.store["email"].get(activity_id)
            if row is not None and row.get("statuscode") == PENDING:
                values: dict[str, Value] = {"statuscode": SENT, "senton": context.now}
                update_row(context, context.schema["email"], row, Payload(values=values), message="Send")

    service.agenda.after(service.switches.number("email_send_seconds"), deliver)
