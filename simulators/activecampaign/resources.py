"""All resources in one place: importing this module fills the routes."""

from __future__ import annotations

from simulators.activecampaign import (
    accounts,
    activities,
    automations,
    custom_data,
    custom_objects,
    deals,
    field_values,
    fields,
    lists,
    notes,
    people,
    pipelines,
    tags,
)
from simulators.activecampaign.bulk import api as bulk_api
from simulators.activecampaign.contacts import api as contacts_api
from simulators.activecampaign.contacts import related
from simulators.activecampaign.routes import routes
from simulators.activecampaign.webhooks import api as webhooks_api

MODULES = (
    accounts,
    activities,
    automations,
    bulk_api,
    contacts_api,
    custom_data,
    custom_objects,
    deals,
    field_values,
    fields,
    lists,
    notes,
    people,
    pipelines,
    related,
    tags,
    webhooks_api,
)

__all__ = ["MODULES", "routes"]
