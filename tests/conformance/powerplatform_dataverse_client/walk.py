"""Microsoft's own Python client against the simulator, unchanged but for base address and trust store."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataverse_walk import DataverseWalk, refuses
from walking import expect

walk = DataverseWalk()
os.environ["REQUESTS_CA_BUNDLE"] = walk.ca

from azure.core.credentials import AccessToken  # noqa: E402
from PowerPlatform.Dataverse.client import DataverseClient  # noqa: E402
from PowerPlatform.Dataverse.models.upsert import UpsertItem  # noqa: E402


class SimulatedCredential:
    """Asks the simulated Entra, as azure-identity would ask the real one."""

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        expect(scopes, (f"{walk.base}/.default",), "scope")
        return AccessToken(walk.token(), 2**31)


client = DataverseClient(walk.base, SimulatedCredential())
made: dict[str, str] = {}


def names(prefix: str) -> list[str]:
    rows = client.records.list("contact", select=["lastname"], filter=f"startswith(lastname,'{prefix}')")
    return sorted(row["lastname"] for row in rows)


@walk.step("create")
def create() -> None:
    row = {"firstname": "Row", "lastname": "Single", "emailaddress1": "single@example.com"}
    made["single"] = client.records.create("contact", {**row, "preferredcontactmethodcode": "Email"})
    read = client.records.retrieve("contact", made["single"], select=["fullname", "preferredcontactmethodcode"])
    expect(read["preferredcontactmethodcode"], 2, "label to number")
    expect(read["fullname"], "Row Single")
    ids = client.records.create("contact", [{"lastname": f"Bulk {n:03}", "jobtitle": "first"} for n in range(250)])
    expect(len(set(ids)), 250)
    made["bulk"] = ids[0]


@walk.step("read paging")
def read() -> None:
    pages = list(
        client.records.list_pages(
            "contact",
            select=["lastname"],
            filter="startswith(lastname,'Bulk')",
            orderby=["lastname asc"],
            page_size=100,
        )
    )
    expect([len(page) for page in pages], [100, 100, 50])
    expect([row["lastname"] for page in pages for row in page], [f"Bulk {n:03}" for n in range(250)])
    expect(client.records.retrieve("contact", made["bulk"], select=["jobtitle"])["jobtitle"], "first")


@walk.step("update")
def update() -> None:
    client.records.update("contact", made["single"], {"jobtitle": "changed", "telephone1": None})
    expect(client.records.retrieve("contact", made["single"], select=["jobtitle"])["jobtitle"], "changed")
    rows = client.records.list("contact", select=["contactid"], filter="startswith(lastname,'Bulk 00')")
    ids = [row["contactid"] for row in rows]
    client.records.update("contact", ids, {"jobtitle": "broadcast"})
    found = client.records.list("contact", select=["contactid"], filter="jobtitle eq 'broadcast'")
    expect(len(list(found)), len(ids))
    client.records.update("contact", ids[:2], [{"department": "a"}, {"department": "b"}])
    expect(client.records.retrieve("contact", ids[1], select=["department"])["department"], "b")


@walk.step("metadata")
def metadata() -> None:
    client.tables.add_columns("contact", {"new_ExternalId": "string", "new_Score": "int"})
    client.tables.create_alternate_key("contact", "new_ExternalKey", ["new_externalid"], display_name="External")
    expect([k.status for k in client.tables.get_alternate_keys("contact")], ["Pending"])
    walk.control("POST", "clock", {"advance": 120})
    keys = client.tables.get_alternate_keys("contact")
    expect([(k.schema_name, k.status) for k in keys], [("new_ExternalKey", "Active")])
    typed = client.tables.get_column("contact", "new_externalid", typed=True)
    expect(typed["MaxLength"], 200)
    client.tables.update_column("contact", "new_externalid", {"max_length": 90, "display_name": "External id"})
    expect(client.tables.get_column("contact", "new_externalid", typed=True)["MaxLength"], 90)
    columns = {c["LogicalName"] for c in client.tables.list_columns("contact", select=["LogicalName"])}
    expect({"new_externalid", "new_score", "emailaddress1"} <= columns, True, "columns")
    client.tables.remove_columns("contact", "new_Score")
    expect(client.tables.get_column("contact", "new_score"), None)
    lookups = client.tables.list_table_relationships("contact")
    expect(any(r["ReferencingAttribute"] == "parentcustomerid" for r in lookups), True, "relationships")


@walk.step("upsert")
def upsert() -> None:
    item = UpsertItem(alternate_key={"new_externalid": "A-1"}, record={"lastname": "Upsert 1", "jobtitle": "new"})
    client.records.upsert("contact", [item])
    item.record["jobtitle"] = "again"
    client.records.upsert("contact", [item])
    many = [
        UpsertItem(alternate_key={"new_externalid": f"A-{n}"}, record={"lastname": f"Upsert {n}", "jobtitle": "many"})
        for n in range(1, 6)
    ]
    client.records.upsert("contact", many)
    expect(names("Upsert"), [f"Upsert {n}" for n in range(1, 6)])
    rows = client.records.list("contact", select=["jobtitle"], filter="startswith(lastname,'Upsert')")
    expect({row["jobtitle"] for row in rows}, {"many"})


@walk.step("batch")
def batch() -> None:
    request = client.batch.new()
    request.records.create("contact", {"lastname": "Batch 1"})
    request.records.update("contact", made["single"], {"department": "batched"})
    request.records.retrieve("contact", made["single"], select=["department"])
    request.records.list("contact", select=["lastname"], filter="startswith(lastname,'Batch')")
    with request.changeset() as changes:
        contact = changes.records.create("contact", {"lastname": "Batch 2"})
        account = changes.records.create("account", {"name": "Batch", "primarycontactid@odata.bind": contact})
        changes.records.update("account", account, {"telephone1": "1"})
    result = request.execute()
    expect([r.status_code for r in result.responses], [204, 204, 200, 200, 204, 204, 204])
    expect(result.responses[2].data["department"], "batched")
    expect(len(result.responses[3].data["value"]), 1)
    failing = client.batch.new()
    with failing.changeset() as changes:
        changes.records.create("contact", {"lastname": "Batch never"})
        changes.records.create("contact", {"lastname": "x" * 51})
    failing.records.create("contact", {"lastname": "Batch 3"})
    result = failing.execute(continue_on_error=True)
    expect([r.status_code for r in result.responses], [400, 204])
    expect(result.responses[0].error_code.lower(), "0x80044331")
    expect(names("Batch"), ["Batch 1", "Batch 2", "Batch 3"])
    stopped = client.batch.new()
    stopped.records.delete("contact", "00000000-0000-0000-0000-00000000dead")
    stopped.records.create("contact", {"lastname": "Batch never"})
    refuses(lambda: _raise_failed(stopped.execute()), 404)


def _raise_failed(result: object) -> None:
    for response in result.responses:
        if not response.is_success:
            raise RuntimeError(f"{response.status_code} {response.error_code} {response.error_message}")


@walk.step("delete")
def delete() -> None:
    for row in client.records.list("contact", select=["contactid"], filter="startswith(lastname,'Batch')"):
        client.records.delete("contact", row["contactid"])
    ids = [
        row["contactid"]
        for row in client.records.list("contact", select=["contactid"], filter="startswith(lastname,'Bulk 1')")
    ]
    expect(len(ids), 100)
    job = client.records.delete("contact", ids)
    expect(bool(job), True, "job id")
    expect(len(names("Bulk 1")), 100)
    walk.control("POST", "clock", {"advance": 60})
    expect(names("Bulk 1"), [])
    done = client.records.retrieve("asyncoperation", job, select=["statecode", "statuscode"])
    expect((done["statecode"], done["statuscode"]), (3, 30))


@walk.step("errors")
def errors() -> None:
    absent = "00000000-0000-0000-0000-00000000beef"
    expect(client.records.retrieve("contact", absent), None, "retrieve of a missing row")
    refuses(lambda: client.records.update("contact", absent, {"lastname": "x"}), 404, "0x80040217")
    refuses(lambda: client.records.create("contact", {"lastname": "x" * 51}), 400, "0x80044331")
    refuses(lambda: client.records.create("contact", {"nosuchcolumn": "x"}), 400)
    refuses(lambda: client.records.create("contact", {"contactid": made["single"], "lastname": "x"}), 412, "0x80040237")
    refuses(lambda: client.records.list("contact", filter="nosuchcolumn eq 1"), 400)


@walk.step("429")
def throttled() -> None:
    walk.control("POST", "switches", {"limit_requests": 3})
    try:
        problem = refuses(
            lambda: [client.records.retrieve("contact", made["single"]) for _ in range(10)], 429, "0x80072322"
        )
        expect(problem.details["retry_after"] > 0, True, "retry_after")
    finally:
        walk.control("POST", "switches", {"limit_requests": 6000})


@walk.step("rows")
def rows() -> None:
    left = [(f"Bulk {n:03}", "broadcast" if n < 10 else "first") for n in range(250) if not 100 <= n < 200]
    left += [("Single", "changed")] + [(f"Upsert {n}", "many") for n in range(1, 6)]
    expect(walk.rows("contact", "lastname", "jobtitle"), sorted(left, key=str))
    expect(walk.rows("account", "name"), [("Batch",)])


walk.run()
