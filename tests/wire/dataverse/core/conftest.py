"""Fixtures for the core of the Dataverse simulator."""

from __future__ import annotations

import pytest

from tests.wire.dataverse.core.vendor import Vendor


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def people(vendor: Vendor) -> Vendor:
    """An organisation with six people and two companies."""
    vendor.seed(
        columns={
            "contact": {
                "new_topics": {"type": "MultiSelectPicklist", "options": [[10**8 + n, f"T{n}"] for n in range(4)]}
            }
        }
    )
    litware = vendor.create("accounts", {"name": "Litware", "revenue": 20000, "numberofemployees": 12})
    fabrikam = vendor.create("accounts", {"name": "Fabrikam", "revenue": 5000})
    for first, last, more in (
        (
            "Ana",
            "García",
            {"jobtitle": "Jefa", "emailaddress1": "ana@example.com", "new_topics": "100000000,100000002"},
        ),
        ("Luca", "Rossi", {"jobtitle": "Ingegnere", "annualincome": 30000.5, "numberofchildren": 2}),
        ("Emma", "O'Brien", {"emailaddress1": "emma@example.org", "donotbulkemail": True}),
        ("garcía", "GARCÍA", {"jobtitle": "50% off_x", "preferredcontactmethodcode": 2}),
        ("Zoë", "Smith", {"birthdate": "1990-05-04", "new_topics": "100000003"}),
        ("Lucía", "Ruiz", {"description": "long [text]", "numberofchildren": 0}),
    ):
        company = litware if first in ("Ana", "Luca", "Emma") else fabrikam
        link = {"parentcustomerid_account@odata.bind": f"/accounts({company})"} if first != "Zoë" else {}
        vendor.create("contacts", {"firstname": first, "lastname": last, **more, **link})
    return vendor
