"""The standard fields of leads, companies and the other objects. Source: marketo.md 2.4, 2.6 and 1.2."""

from __future__ import annotations

from simulators.marketo.fields import Field, field

# name, display name, type: company-type fields, which live on the company of a linked lead.
_COMPANY = (
    ("company", "Company Name", "string"),
    ("site", "Site", "string"),
    ("website", "Website", "url"),
    ("mainPhone", "Main Phone", "phone"),
    ("billingStreet", "Billing Address", "text"),
    ("billingCity", "Billing City", "string"),
    ("billingState", "Billing State", "string"),
    ("billingCountry", "Billing Country", "string"),
    ("billingPostalCode", "Billing Postal Code", "string"),
    ("annualRevenue", "Annual Revenue", "currency"),
    ("numberOfEmployees", "Num Employees", "integer"),
    ("industry", "Industry", "string"),
    ("sicCode", "SIC Code", "string"),
    ("companyNotes", "Company Notes", "text"),
)
_PERSON = (
    ("salutation", "Salutation", "string"),
    ("firstName", "First Name", "string"),
    ("middleName", "Middle Name", "string"),
    ("lastName", "Last Name", "string"),
    ("phone", "Phone Number", "phone"),
    ("mobilePhone", "Mobile Phone Number", "phone"),
    ("fax", "Fax Number", "phone"),
    ("title", "Job Title", "string"),
    ("contactCompany", "Contact Company", "string"),
    ("dateOfBirth", "Date of Birth", "date"),
    ("address", "Address", "text"),
    ("city", "City", "string"),
    ("state", "State", "string"),
    ("country", "Country", "string"),
    ("postalCode", "Postal Code", "string"),
    ("personTimeZone", "Person Time Zone", "string"),
    ("leadSource", "Lead Source", "string"),
    ("leadStatus", "Lead Status", "string"),
    ("leadRole", "Role", "string"),
    ("department", "Department", "string"),
    ("rating", "Lead Rating", "string"),
    ("leadScore", "Lead Score", "score"),
    ("unsubscribed", "Unsubscribed", "boolean"),
    ("unsubscribedReason", "Unsubscribed Reason", "text"),
    ("doNotCall", "Do Not Call", "boolean"),
    ("doNotCallReason", "Do Not Call Reason", "text"),
    ("emailInvalid", "Email Invalid", "boolean"),
    ("emailInvalidCause", "Email Invalid Cause", "string"),
    ("marketingSuspended", "Marketing Suspended", "boolean"),
    ("inferredCompany", "Inferred Company", "string"),
    ("originalSourceType", "Original Source Type", "string"),
    ("registrationSourceType", "Registration Source Type", "string"),
)
_READ_ONLY = (
    ("priority", "Priority", "score"),
    ("urgency", "Urgency", "float"),
    ("relativeScore", "Relative Score", "integer"),
    ("createdAt", "Created At", "datetime"),
    ("updatedAt", "Updated At", "datetime"),
    ("leadPartitionId", "Lead Partition Id", "integer"),
    ("cookies", "Cookies", "string"),
)
_KEYS = (
    ("facebookId", "Facebook Id", "string"),
    ("linkedInId", "LinkedIn Id", "string"),
    ("twitterId", "Twitter Id", "string"),
    ("sfdcAccountId", "SFDC Account Id", "string"),
    ("sfdcContactId", "SFDC Contact Id", "string"),
    ("sfdcLeadId", "SFDC Lead Id", "string"),
    ("sfdcLeadOwnerId", "SFDC Lead Owner Id", "string"),
    ("sfdcOpptyId", "SFDC Opportunity Id", "string"),
)

EXTERNAL_COMPANY, EXTERNAL_SALES = "externalCompanyId", "externalSalesPersonId"
EXTERNAL_PERSON = "externalPersonId"
ALWAYS_READ_ONLY = frozenset(name for name, _, _ in _READ_ONLY)
FIRST_CUSTOM_ID = 20_000


def lead_fields() -> dict[str, Field]:
    """The standard fields of a lead by REST name, the identity first."""
    rows = [
        field(48, "id", "Id", "integer", updateable=False, key=True),
        field(51, "email", "Email Address", "email", key=True),
        field(53, EXTERNAL_COMPANY, "External Company Id", length=100),
        field(54, EXTERNAL_SALES, "External Sales Person Id"),
    ]
    rows += [field(1 + n, name, text, kind, company=True) for n, (name, text, kind) in enumerate(_COMPANY)]
    rows += [field(100 + n, name, text, kind) for n, (name, text, kind) in enumerate(_PERSON)]
    rows += [
        field(200 + n, name, text, kind, updateable=False, key=name in {"leadPartitionId", "cookies"})
        for n, (name, text, kind) in enumerate(_READ_ONLY)
    ]
    rows += [field(230 + n, name, text, kind, key=True) for n, (name, text, kind) in enumerate(_KEYS)]
    return {row.name: row for row in rows}


def person_key() -> Field:
    """`externalPersonId`, which a subscription has with MSI Non-Native only (marketo.md 0.3)."""
    return field(56, EXTERNAL_PERSON, "External Person Id", key=True)


def company_fields() -> dict[str, Field]:
    """The company-type fields as the company itself has them."""
    rows = [
        field(1000, "id", "Id", "integer", updateable=False),
        field(1001, EXTERNAL_COMPANY, "External Company Id", length=100, updateable=False),
        field(1002, EXTERNAL_SALES, "External Sales Person Id"),
        *_stamps(1003),
    ]
    rows += [field(1010 + n, name, text, kind) for n, (name, text, kind) in enumerate(_COMPANY)]
    return {row.name: row for row in rows}


def sales_person_fields() -> dict[str, Field]:
    """Owners of people and opportunities."""
    rows = [
        field(1100, "id", "Marketo Id", "integer", updateable=False),
        field(1101, EXTERNAL_SALES, "External Sales Person Id", updateable=False),
        *_stamps(1102),
        field(1104, "email", "Email", "email"),
    ]
    names = ("firstName", "lastName", "phone", "mobilePhone", "fax", "title", "department", "division")
    rows += [field(1110 + n, name, name) for n, name in enumerate(names)]
    return {row.name: row for row in rows}


def opportunity_fields() -> dict[str, Field]:
    """Opportunities."""
    rows = [
        field(1200, "marketoGUID", "Marketo GUID", length=36, updateable=False),
        field(1201, "externalOpportunityId", "External Opportunity Id", length=50, updateable=False),
        *_stamps(1202),
        field(1204, EXTERNAL_COMPANY, "External Company Id", length=100),
        field(1205, EXTERNAL_SALES, "External Sales Person Id"),
        field(1206, "amount", "Amount", "currency"),
        field(1207, "expectedRevenue", "Expected Revenue", "currency"),
        field(1208, "isClosed", "Is Closed", "boolean"),
        field(1209, "isWon", "Is Won", "boolean"),
        field(1210, "closeDate", "Close Date", "date"),
        field(1211, "lastActivityDate", "Last Activity Date", "date"),
        field(1212, "externalCreatedDate", "External Created Date", "datetime"),
        field(1213, "probability", "Probability", "integer"),
        field(1214, "quantity", "Quantity", "float"),
        field(1215, "fiscalYear", "Fiscal Year", "integer"),
        field(1216, "description", "Description", "text"),
    ]
    names = ("name", "stage", "type", "source", "nextStep", "forecastCategoryName", "fiscalQuarter", "fiscal")
    rows += [field(1220 + n, name, name) for n, name in enumerate(names)]
    return {row.name: row for row in rows}


def role_fields() -> dict[str, Field]:
    """Which lead plays what part in which opportunity."""
    rows = [
        field(1300, "marketoGUID", "Marketo GUID", length=36, updateable=False),
        field(1301, "externalOpportunityId", "External Opportunity Id", length=50, updateable=False),
        field(1302, "leadId", "Lead Id", "integer", updateable=False),
        field(1303, "role", "Role", length=50, updateable=False),
        *_stamps(1304),
        field(1306, "isPrimary", "Is Primary", "boolean"),
        field(1307, "externalCreatedDate", "External Created Date", "datetime"),
    ]
    return {row.name: row for row in rows}


def _stamps(number: int) -> list[Field]:
    return [
        field(number, "createdAt", "Created At", "datetime", updateable=False),
        field(number + 1, "updatedAt", "Updated At", "datetime", updateable=False),
    ]


def object_stamps() -> list[Field]:
    """Id and times of a custom object."""
    return [field(1400, "marketoGUID", "Marketo GUID", length=36, updateable=False), *_stamps(1401)]
