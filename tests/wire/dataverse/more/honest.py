"""What a good client sends: the seed of requests with a few letters changed."""

from __future__ import annotations


def guid(number: int) -> str:
    """The id of a contact that the fuzzed organisation holds."""
    return f"00000000-0000-0000-0000-{number:012}"


def row(number: int) -> str:
    return f"contacts({guid(number)})"


READS = (
    "contacts?$select=lastname&$filter=lastname eq 'Row 3' or startswith(lastname,'Row')&$orderby=lastname desc",
    "contacts?$filter=createdon ge 2020-01-01T00:00:00Z and not contains(lastname,'x')&$count=true&$top=3",
    "contacts?$filter=Microsoft.Dynamics.CRM.In(PropertyName='lastname',PropertyValues=['Row 1','Row 2'])",
    "contacts?$filter=ownerid/systemuserid ne null&$expand=ownerid($select=fullname),Contact_Emails($select=subject)",
    "contacts?$apply=filter(statecode eq 0)/groupby((statecode),aggregate($count as n))",
    "contacts?$filter=_ownerid_value eq 00000000-0000-0000-0000-000000000001",
    "contacts?$filter=lastname eq @p1 and numberofchildren lt @p2&@p1='Row 1'&@p2=3",
    "contacts?fetchXml=<fetch top='3'><entity name='contact'><attribute name='lastname'/><filter><condition "
    "attribute='lastname' operator='like' value='Row%25'/></filter></entity></fetch>",
    "contacts?fetchXml=<fetch><entity name='contact'><attribute name='lastname'/><link-entity name='systemuser' "
    "from='systemuserid' to='owninguser' alias='u' link-type='outer'><attribute name='fullname'/></link-entity>"
    "</entity></fetch>",
    "contacts?fetchXml=<fetch aggregate='true'><entity name='contact'><attribute name='lastname' alias='n' "
    "aggregate='count'/><attribute name='createdon' alias='y' groupby='true' dategrouping='year'/></entity></fetch>",
    "contacts?sql=SELECT TOP 3 lastname FROM contact WHERE statecode = 0 ORDER BY lastname",
    "contacts/$count?$filter=statecode eq 0",
    "contacts(00000000-0000-0000-0000-000000000003)?$select=fullname&$expand=ownerid($select=fullname)",
    "contacts(00000000-0000-0000-0000-000000000003)/lastname/$value",
    "contacts(00000000-0000-0000-0000-000000000003)/ownerid/$ref",
    "contacts?$select=lastname&$deltatoken=1000900!11/22/2026 10:00:00",
    "contacts?$select=lastname&$skiptoken=<cookie pagenumber='2' pagingcookie='%253ccookie page=%25221%2522%253e' />",
    "emails?$expand=email_activity_parties($filter=participationtypemask eq 2)",
    "activitypointers?$select=subject,activitytypecode&$filter=activitytypecode eq 'email'",
    "sdkmessagefilters?$expand=sdkmessageid($select=name)&$filter=sdkmessageid/name eq 'Create'&$top=2",
    "EntityDefinitions?$select=LogicalName&$filter=IsActivity eq true and ObjectTypeCode gt 4200&$expand=Keys",
    "EntityDefinitions(LogicalName='lead')/Attributes/Microsoft.Dynamics.CRM.StatusAttributeMetadata?$expand=OptionSet",
    "RetrieveTotalRecordCount(EntityNames=['contact'])",
    "WhoAmI()",
)
WRITES = (
    ("POST", "contacts", b'{"lastname":"new","numberofchildren":2,"birthdate":"2000-01-02","gendercode":1}'),
    ("POST", "emails", b'{"subject":"s","email_activity_parties":[{"addressused":"a@b","participationtypemask":2}]}'),
    (
        "POST",
        "tasks",
        b'{"subject":"t","regardingobjectid_contact_task@odata.bind":"/%b"}' % row(3).encode(),
    ),
    ("POST", "accounts", b'{"name":"A","primarycontactid":{"lastname":"deep"}}'),
    ("PATCH", f"{row(5)}", b'{"jobtitle":"x","donotemail":true,"annualincome":1.5}'),
    ("PATCH", f"{row(6)}", b'{"statecode":1,"statuscode":2}'),
    ("PUT", f"{row(7)}/lastname", b'{"value":"x"}'),
    ("DELETE", f"{row(8)}/jobtitle", b""),
    ("DELETE", f"{row(9)}", b""),
    ("PUT", f"{row(10)}/parentcustomerid_contact/$ref", b'{"@odata.id":"%b"}' % row(11).encode()),
    (
        "POST",
        "contacts/Microsoft.Dynamics.CRM.CreateMultiple",
        b'{"Targets":[{"@odata.type":"Microsoft.Dynamics.CRM.contact","lastname":"m"}]}',
    ),
    (
        "POST",
        "Merge",
        b'{"Target":{"@odata.type":"Microsoft.Dynamics.CRM.contact","contactid":"%b"},"Subordinate":{"@odata.type":'
        b'"Microsoft.Dynamics.CRM.contact","contactid":"%b"},"PerformParentingChecks":false}'
        % (guid(12).encode(), guid(13).encode()),
    ),
    (
        "POST",
        "EntityDefinitions(LogicalName='contact')/Attributes",
        b'{"@odata.type":"Microsoft.Dynamics.CRM.StringAttributeMetadata","SchemaName":"new_F","MaxLength":9}',
    ),
)
