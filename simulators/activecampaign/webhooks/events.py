"""From an event to the webhooks that want it. Source: activecampaign.md 2.13."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.contacts.model import Contact
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.webhooks.courier import GONE, Courier, Parcel, form_headers
from simulators.activecampaign.webhooks.payload import Pairs, event_body

EVENTS = (
    "bounce",
    "click",
    "contact_tag_added",
    "contact_tag_removed",
    "deal_add",
    "deal_note_add",
    "deal_pipeline_add",
    "deal_stage_add",
    "deal_task_add",
    "deal_task_complete",
    "deal_tasktype_add",
    "deal_update",
    "forward",
    "list_add",
    "open",
    "reply",
    "sent",
    "share",
    "sms_reply",
    "sms_sent",
    "sms_unsub",
    "subscribe",
    "subscriber_note",
    "unsubscribe",
    "update",
)
MORE_EVENTS = ("account_add", "account_update", "account_contact_add", "account_contact_update", "contact_task_add")
SOURCES = ("public", "admin", "api", "system")
# A webhook's listid means nothing to these.
WITHOUT_LIST = frozenset(
    event
    for event in EVENTS + MORE_EVENTS
    if event.startswith(("deal_", "account_", "contact_", "sms_")) or event in {"subscriber_note", "list_add"}
)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
HTTPS_PORT = 443


def is_loopback(url: str) -> bool:
    """Whether an address stays on this machine."""
    return (urlsplit(url).hostname or "") in _LOOPBACK


def deliverable(tenant: Tenant, url: str) -> bool:
    """Whether the vendor sends there: https on port 443, or http; loopback on any port by switch."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return False
    if tenant.switches.word("webhook_https_port") == "any_loopback" and is_loopback(url):
        return True
    return parts.scheme == "http" or port in {None, HTTPS_PORT}


class Announcer:
    """Sends events to the webhooks that ask for them."""

    def __init__(self, tenant: Tenant, courier: Courier) -> None:
        self._tenant = tenant
        self._courier = courier

    def emit(self, event: str, actor: Actor, block: Pairs, contact: Contact | None, list_id: int) -> None:
        """One event. Imports and other mass operations are silent."""
        if actor.importing:
            return
        for webhook in self._tenant.webhooks.values():
            if self._wants(webhook, event, actor, list_id):
                body = event_body(self._tenant, event, actor, block, contact, list_id)
                self.post_form(webhook["url"], body, webhook, about=f"{event} to webhook {webhook['id']}")

    def _wants(self, webhook: Row, event: str, actor: Actor, list_id: int) -> bool:
        if not webhook["active"] or event not in webhook["events"] or actor.source not in webhook["sources"]:
            return False
        return not webhook["listid"] or event in WITHOUT_LIST or webhook["listid"] == list_id

    def post_form(self, url: str, body: Pairs, webhook: Row | None, *, about: str = "automation step") -> None:
        """POST a form, once, or twice where the switch says so. Nothing is ever tried again."""
        if not deliverable(self._tenant, url):
            return
        timeout = self._tenant.switches.number("webhook_timeout_seconds")
        times = 2 if webhook is not None and self._tenant.switches.on("webhook_sends_twice") else 1
        for _ in range(times):
            self._courier.send(
                Parcel(
                    method="POST",
                    url=url,
                    body=urlencode(body).encode(),
                    headers=form_headers(),
                    about=about,
                    timeout=timeout,
                    done=lambda status: self._after(webhook, status),
                )
            )

    def _after(self, webhook: Row | None, status: int) -> None:
        """410 turns a webhook off; it must be deleted and made anew."""
        if status == GONE and webhook is not None:
            with self._tenant.lock:
                webhook["active"] = False
