"""What Marketo is told of each flow step: its service definition, and the OpenAPI document it is installed from.

Source: Adobe's Self-Service Flow Step interface (MIT), of 2022-06-27. Its published validator wants more than it says:
the callback keyed exactly `{$request.body#/flowComplete}` though the body's field is `callbackUrl`, seven statuses
declared for submitAsyncAction's answers, and 200 schemas that are references of these very names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.connectors.marketo.flow import steps

PROVIDER: Final = "dynasync"
SCHEMA_VERSION: Final = "1.0.0"
KEY_HEADER: Final = "x-dynasync-key"
OUTCOME, ROW, ENTITY = "outcome", "dynamicsId", "dynamicsEntity"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One input of a step as people see it. `picked`: chosen from a list; `free`: other values may be entered too."""

    name: str
    title: str
    help: str
    kind: str = "string"
    picked: bool = False
    free: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """One flow step as Marketo shows it. The first attribute is the one that campaigns show."""

    name: str
    title: str
    filter: str
    trigger: str
    help: str
    attributes: Sequence[Attribute] = field(default_factory=tuple)


_SYNC_AS = Attribute(steps.SYNC_AS, "Sync As", "Lead, contact, or what fits the person's company.", picked=True)
_OWNER = Attribute(
    steps.OWNER, "Owner", "User or team of Dynamics; empty: as Dynamics decides.", picked=True, free=True
)
_IF_EXISTS = Attribute(
    steps.IF_EXISTS, "If In Dynamics Already", "Leave the row as it is, or bring both in step.", picked=True
)
_CAMPAIGN = Attribute(steps.CAMPAIGN, "Campaign", "An active campaign of Dynamics.", picked=True)
SERVICES: Final[Mapping[str, Service]] = {
    item.name: item
    for item in (
        Service(
            "syncPerson",
            "Sync Person to Microsoft",
            "Synced Person to Microsoft",
            "Sync Person to Microsoft",
            "Makes the person a lead or contact in Dynamics 365.",
            (_SYNC_AS, _OWNER, _IF_EXISTS),
        ),
        Service(
            "changeOwner",
            "Change Owner in Microsoft",
            "Owner Was Changed in Microsoft",
            "Change Owner in Microsoft",
            "Gives the person's row in Dynamics 365 to a user or team; makes the row first where there is none.",
            (_OWNER,),
        ),
        Service(
            "createTask",
            "Create Task in Microsoft",
            "Task Was Created in Microsoft",
            "Create Task in Microsoft",
            "Puts a task on the person's row in Dynamics 365; makes the row first where there is none.",
            (
                Attribute(steps.SUBJECT, "Subject", "At most 200 characters; tokens may be used."),
                Attribute(steps.DESCRIPTION, "Description", "At most 2,000 characters.", "text"),
                Attribute(steps.DUE_IN, "Due In", "Days from now; 5 where nothing is entered.", "integer"),
                Attribute(steps.STATUS, "Status", "The task's status reason.", picked=True),
                Attribute(steps.PRIORITY, "Priority", "Low, normal or high.", picked=True),
                _OWNER,
            ),
        ),
        Service(
            "addToCampaign",
            "Add to Microsoft Campaign",
            "Added to Microsoft Campaign",
            "Add to Microsoft Campaign",
            "Puts the person on a marketing list of a Dynamics 365 campaign; makes the row first where there is none.",
            (_CAMPAIGN,),
        ),
        Service(
            "removeFromCampaign",
            "Remove from Microsoft Campaign",
            "Removed from Microsoft Campaign",
            "Remove from Microsoft Campaign",
            "Takes the person off that list: whoever was added by the step, and nobody else.",
            (_CAMPAIGN,),
        ),
    )
}

_FIXED: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    steps.SYNC_AS: (("Lead Or Contact", steps.AUTO), ("Lead", steps.LEAD), ("Contact", steps.CONTACT)),
    steps.IF_EXISTS: (("Leave It", steps.SKIP), ("Bring In Step", steps.UPDATE)),
    steps.STATUS: (
        ("Not Started", "notStarted"),
        ("In Progress", "inProgress"),
        ("Waiting on Someone Else", "waiting"),
        ("Deferred", "deferred"),
    ),
    steps.PRIORITY: (("Normal", "normal"), ("Low", "low"), ("High", "high")),
}
MOST_CHOICES: Final = 1000
LISTED: Final[Mapping[str, Sequence[str]]] = {steps.OWNER: steps.OWNERS, steps.CAMPAIGN: steps.CAMPAIGNS}
"""Attributes whose choices are rows of these Dynamics tables."""


def fixed_choices(name: str) -> list[dict[str, Any]] | None:
    """The choices of an attribute that are always the same; None for another one."""
    found = _FIXED.get(name)
    return [choice(title, value) for title, value in found] if found is not None else None


def choice(title: str, value: str) -> dict[str, Any]:
    return {"displayValue": {"en_US": title}, "submittedValue": value}


def support_page(root: str) -> str:
    """Where the people of the subscription are told whom to ask: the page about this step, in their own app."""
    return f"{root}/providerInstructions"


def service_definition(service: Service, root: str) -> dict[str, Any]:
    """What `getServiceDefinition` answers; `root` is the address of this service's endpoints."""
    return {
        "apiName": f"{PROVIDER}_{service.name}",
        "provider": PROVIDER,
        "i18n": {
            "en_US": {
                "name": service.title,
                "filterName": service.filter,
                "triggerName": service.trigger,
                "description": service.help,
            }
        },
        "invocationEndpoint": f"{root}/submitAsyncAction",
        "statusEndpoint": f"{root}/status",
        "authSetting": {"authType": "apiKey", "headerName": KEY_HEADER},
        "primaryAttribute": service.attributes[0].name,
        "supportPage": support_page(root),
        "invocationPayloadDef": {
            "flowAttributes": [_attribute(item, root) for item in service.attributes],
            "globalAttributes": [],
            "fields": [],
            "userDrivenMapping": False,
            "programContext": False,
            "campaignContext": True,
            "triggerContext": True,
            "programMemberContext": False,
            "subscriptionContext": True,
        },
        "callbackPayloadDef": {
            "attributes": [
                _told(OUTCOME, "Outcome", "What became of it: created, alreadyInSync, nextCycle and the like."),
                _told(ROW, "Dynamics Id", "The row of the person in Dynamics."),
                _told(ENTITY, "Dynamics Entity", "lead or contact."),
            ],
            "fields": [],
            "userDrivenMapping": False,
        },
    }


def _attribute(item: Attribute, root: str) -> dict[str, Any]:
    shown = _told(item.name, item.title, item.help) | {"dataType": item.kind}
    if item.picked:
        shown |= {"enforcePicklistSelect": not item.free, "picklistUrl": f"{root}/getPicklist"}
    return shown


def _told(name: str, title: str, text: str) -> dict[str, Any]:
    shown = {"name": title, "description": text, "uiTooltip": text}
    return {"apiName": name, "dataType": "string", "i18n": {"en_US": shown}}
