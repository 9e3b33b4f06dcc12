"""Imports from files and exports to files."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import Any

import pytest

from tests.wire.marketo.vendor import Vendor

EDGE = "edge7"


def multipart(**parts: str | bytes) -> tuple[bytes, dict[str, str]]:
    """A form as body and headers; `file` goes as a file."""
    out = b""
    for name, value in parts.items():
        extra = '; filename="leads.csv"\r\nContent-Type: text/csv' if name == "file" else ""
        content = value if isinstance(value, bytes) else value.encode()
        out += f'--{EDGE}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + content + b"\r\n"
    return out + f"--{EDGE}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={EDGE}"}


def send(vendor: Vendor, file: str | bytes, query: str = "format=csv", **parts: str) -> Any:
    """The answer to an import."""
    body, headers = multipart(**parts, file=file)
    return vendor.raw_json("POST", f"/bulk/v1/leads.json?{query}", body, headers=headers)[1]


def started(vendor: Vendor, file: str, query: str = "format=csv", **parts: str) -> int:
    """The batch of an import that must be taken."""
    answer = send(vendor, file, query, **parts)
    assert answer["success"], answer
    (row,) = answer["result"]
    assert row == {"batchId": row["batchId"], "importId": str(row["batchId"]), "status": "Queued"}
    number: int = row["batchId"]
    return number


def code(answer: Any) -> str:
    """The code of a refusal."""
    assert answer["success"] is False, answer
    found: str = answer["errors"][0]["code"]
    return found


def bulk(vendor: Vendor, method: str, path: str, body: Any = None, **more: Any) -> Any:
    """A call under /bulk/v1."""
    return vendor.raw_json(method, f"/bulk/v1{path}", body, **more)[1]


def status_of(vendor: Vendor, batch: int) -> dict[str, Any]:
    """The status of an import."""
    (row,) = bulk(vendor, "GET", f"/leads/batch/{batch}.json")["result"]
    return dict(row)


# -- imports -----------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-BK-01")
def test_files_that_are_no_import(vendor: Vendor) -> None:
    rows = "email\na@example.com\n"
    assert code(bulk(vendor, "POST", "/leads.json?format=csv", {"file": rows})) == "612"
    head = {"Content-Type": f"multipart/form-data; boundary={EDGE}"}
    assert code(bulk(vendor, "POST", "/leads.json?format=csv", b"nothing", headers=head)) == "613"
    assert code(send(vendor, rows, "format=xls")) == "1003"
    assert code(send(vendor, "", "format=csv")) == "1003"
    assert code(send(vendor, b"\xff\xfe\xff", "format=csv")) == "1003"
    assert code(send(vendor, rows, "format=csv&lookupField=firstName")) == "1011"
    body, headers = multipart(format="csv")
    assert code(bulk(vendor, "POST", "/leads.json", body, headers=headers)) == "1002"
    for form, text in (("csv", "email,firstName\na@example.com,A\n"), ("tsv", "email\tfirstName\nb@example.com\tB\n")):
        started(vendor, text, f"format={form}")
    started(vendor, "email;firstName\nc@example.com;C\n", "", format="ssv")
    vendor.advance(60)
    names = [lead["values"]["firstName"] for lead in vendor.system.state({"kind": "leads"})["leads"]]
    assert names == ["A", "B", "C"]


@pytest.mark.rule("MK-BK-02")
def test_two_run_and_ten_wait(vendor: Vendor) -> None:
    vendor.switch(import_start_seconds=1.0, import_seconds_per_row=10.0)
    batches = [started(vendor, f"email\n{n}@example.com\n") for n in range(10)]
    assert code(send(vendor, "email\nx@example.com\n")) == "1016"
    vendor.clock.advance(2)
    vendor.system.agenda.run_due()
    assert [status_of(vendor, batch)["status"] for batch in batches] == ["Importing"] * 2 + ["Queued"] * 8
    vendor.clock.advance(10)
    vendor.system.agenda.run_due()
    assert [status_of(vendor, batch)["status"] for batch in batches[:5]] == ["Complete"] * 2 + ["Importing"] * 2 + [
        "Queued"
    ]
    started(vendor, "email\nx@example.com\n")


@pytest.mark.rule("MK-BK-03", "MK-BK-04")
def test_outcomes_of_an_import(vendor: Vendor) -> None:
    vendor.lead("old@example.com", firstName="Old")
    text = (
        "email,firstName,leadScore,company\n"
        "old@example.com,New,5,\nnew@example.com,,x,Acme\njörg@example.com,J,1,\nshort@example.com,S\n"
    )
    batch = started(vendor, text)
    assert status_of(vendor, batch) == {"batchId": batch, "importId": str(batch), "status": "Queued"}
    vendor.advance(30)
    done = status_of(vendor, batch)
    counts = [done[key] for key in ("status", "numOfLeadsProcessed", "numOfRowsFailed", "numOfRowsWithWarning")]
    assert counts == ["Complete", 2, 2, 1]
    assert done["message"] == "Import completed with errors, 2 records imported (2 members), 2 failed"
    assert vendor.values(1) == {"email": "old@example.com", "firstName": "New", "leadScore": 5}
    assert vendor.values(2) == {"email": "new@example.com", "company": "Acme"}
    failures = rows_of(vendor, batch, "failures")
    assert failures[0] == ["email", "firstName", "leadScore", "company", "Import Failure Reason"]
    assert [row[0] for row in failures[1:]] == ["jörg@example.com", "short@example.com"]
    warnings = rows_of(vendor, batch, "warnings")
    assert (warnings[1][0], "'x'" in warnings[1][-1]) == ("new@example.com", True)
    whole = started(vendor, "firstName\nA\n")
    vendor.advance(30)
    assert (status_of(vendor, whole)["status"], "email" in status_of(vendor, whole)["message"]) == ("Failed", True)
    unknown = started(vendor, "email,nope\nz@example.com,1\n")
    vendor.advance(30)
    assert status_of(vendor, unknown)["numOfRowsWithWarning"] == 1
    sources = [row["attributes"][1]["value"] for row in vendor.changes("firstName") if row["fields"]]
    assert sources == ["List import"]


def rows_of(vendor: Vendor, batch: int, which: str) -> list[list[str]]:
    """A file of an import."""
    answer = vendor.raw("GET", f"/bulk/v1/leads/batch/{batch}/{which}.json")
    assert answer.header("content-type").startswith("text/csv")
    return list(csv.reader(io.StringIO(answer.body.decode())))


@pytest.mark.rule("MK-BK-05")
def test_lists_and_ids(vendor: Vendor) -> None:
    vendor.seed(lists=["News"], generate={"leads": 2})
    batch = started(vendor, "id,firstName\n1,One\n77,None\n", "format=csv&lookupField=id&listId=1001")
    assert code(send(vendor, "email\na@example.com\n", "format=csv&listId=1001")) == "1019"
    assert code(send(vendor, "email\na@example.com\n", "format=csv&listId=7")) == "1013"
    vendor.advance(30)
    assert status_of(vendor, batch)["numOfRowsFailed"] == 1
    assert vendor.values(1)["firstName"] == "One"
    assert vendor.state(1)["lists"] == ["News"]
    assert vendor.system.state({})["counts"]["leads"] == 2
    started(vendor, "email\na@example.com\n", "format=csv&listId=1001")


@pytest.mark.rule("MK-BK-06")
def test_a_batch_is_known_for_a_week(vendor: Vendor) -> None:
    batch = started(vendor, "email\na@example.com\n")
    vendor.advance(6 * 86_400)
    vendor.renew()
    assert status_of(vendor, batch)["status"] == "Complete"
    vendor.advance(2 * 86_400)
    vendor.renew()
    assert code(bulk(vendor, "GET", f"/leads/batch/{batch}.json")) == "1013"
    assert code(bulk(vendor, "GET", "/leads/batch/99.json")) == "1013"


# -- exports -----------------------------------------------------------------------------------------------------
LAST_WEEK = {"startAt": "2026-10-07T00:00:00Z", "endAt": "2026-10-15T00:00:00Z"}


def create(vendor: Vendor, body: dict[str, Any], what: str = "leads") -> str:
    """A created job."""
    answer = bulk(vendor, "POST", f"/{what}/export/create.json", body)
    assert answer["success"], answer
    (row,) = answer["result"]
    assert (row["status"], row["format"]) == ("Created", body.get("format", "CSV"))
    name: str = row["exportId"]
    return name


def export(vendor: Vendor, body: dict[str, Any], what: str = "leads") -> list[list[str]]:
    """All the way to the rows."""
    job = create(vendor, body, what)
    assert bulk(vendor, "POST", f"/{what}/export/{job}/enqueue.json")["result"][0]["status"] == "Queued"
    vendor.advance(120)
    (row,) = bulk(vendor, "GET", f"/{what}/export/{job}/status.json")["result"]
    assert row["status"] == "Completed"
    answer = vendor.raw("GET", f"/bulk/v1/{what}/export/{job}/file.json")
    assert row["fileSize"] == len(answer.body)
    assert row["fileChecksum"] == f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    found = list(csv.reader(io.StringIO(answer.body.decode())))
    assert row["numberOfRecords"] == len(found) - 1
    return found


def by_day(name: str = "createdAt", **more: Any) -> dict[str, Any]:
    """A lead export of the last week."""
    return {"fields": ["id", "email", "phone"], "filter": {name: LAST_WEEK}, **more}


@pytest.mark.rule("MK-BK-07", "MK-BK-09")
def test_exporting_leads(vendor: Vendor) -> None:
    vendor.seed(leads=[{"email": "old@example.com", "createdAt": "2026-01-01T00:00:00Z"}])
    vendor.lead("a@example.com", phone="1")
    vendor.lead("b@example.com")
    names = {"email": "Mail"}
    assert export(vendor, by_day(columnHeaderNames=names)) == [
        ["id", "Mail", "phone"],
        ["2", "a@example.com", "1"],
        ["3", "b@example.com", "null"],
    ]


@pytest.mark.rule("MK-BK-08")
def test_the_status_lags_a_minute(vendor: Vendor) -> None:
    vendor.lead()
    job = create(vendor, by_day())
    bulk(vendor, "POST", f"/leads/export/{job}/enqueue.json")
    vendor.advance(50)
    (row,) = bulk(vendor, "GET", f"/leads/export/{job}/status.json")["result"]
    assert row["status"] == "Queued"
    vendor.advance(11)
    (row,) = bulk(vendor, "GET", f"/leads/export/{job}/status.json")["result"]
    assert row["status"] == "Completed"
    vendor.switch(export_status_seconds=0.0, export_seconds_per_row=30.0, export_start_seconds=1.0)
    job = create(vendor, by_day())
    bulk(vendor, "POST", f"/leads/export/{job}/enqueue.json")
    vendor.advance(10)
    assert bulk(vendor, "GET", f"/leads/export/{job}/status.json")["result"][0]["status"] == "Processing"
    assert vendor.raw("GET", f"/bulk/v1/leads/export/{job}/file.json").status == 404


@pytest.mark.rule("MK-BK-09")
def test_ranges_and_late_files(vendor: Vendor) -> None:
    vendor.lead()
    vendor.switch(export_file_lag_seconds=200.0)
    job = create(vendor, by_day())
    bulk(vendor, "POST", f"/leads/export/{job}/enqueue.json")
    vendor.advance(120)
    path = f"/bulk/v1/leads/export/{job}/file.json"
    assert bulk(vendor, "GET", f"/leads/export/{job}/status.json")["result"][0]["status"] == "Completed"
    assert vendor.raw("GET", path).status == 404
    vendor.advance(200)
    whole = vendor.raw("GET", path).body
    part = vendor.raw("GET", path, headers={"Range": "bytes=3-9"})
    assert (part.status, part.body) == (206, whole[3:10])
    assert part.header("content-range") == f"bytes 3-9/{len(whole)}"
    assert vendor.raw("GET", path, headers={"Range": "bytes=10-"}).body == whole[10:]
    assert vendor.raw("GET", path, headers={"Range": "bytes=9999-"}).status == 416


@pytest.mark.rule("MK-BK-10")
def test_filters(vendor: Vendor) -> None:
    vendor.seed(
        fields=[{"name": "own"}],
        lists=["News"],
        leads=[{"email": "a@example.com", "createdAt": "2026-01-01T00:00:00Z"}],
    )
    assert len(export(vendor, by_day("updatedAt"))) == 1
    vendor.renew()
    vendor.sync({"email": "a@example.com", "own": "x"})
    assert vendor.state(1)["updatedAt"] < "2026-10-01"
    assert [row[0] for row in export(vendor, by_day("updatedAt"))] == ["id", "1"]
    vendor.act("on_list", lead=1, list="News")
    for chosen in ({"staticListId": 1001}, {"staticListName": "News"}):
        assert len(export(vendor, {"fields": ["id"], "filter": chosen})) == 2
    vendor.switch(bulk_updated_at=False)
    refused = {
        "1035": [{"updatedAt": LAST_WEEK}, {"smartListId": 1}],
        "1013": [{"staticListId": 5}],
        "1003": [
            {},
            {"createdAt": LAST_WEEK, "staticListId": 1001},
            {"createdAt": {**LAST_WEEK, "endAt": "2026-11-15T00:00:00Z"}},
            {"createdAt": {**LAST_WEEK, "startAt": "2026-10-07T00:00:00.000Z"}},
            {"color": 1},
        ],
    }
    for wanted, filters in refused.items():
        for chosen in filters:
            assert (
                code(bulk(vendor, "POST", "/leads/export/create.json", {"fields": ["id"], "filter": chosen})) == wanted
            )
    assert code(bulk(vendor, "POST", "/leads/export/create.json", {"filter": {"createdAt": LAST_WEEK}})) == "1002"
    assert code(bulk(vendor, "POST", "/leads/export/create.json", by_day(fields=["nope"]))) == "1006"


@pytest.mark.rule("MK-BK-11")
def test_limits_of_exports(vendor: Vendor) -> None:
    vendor.lead()
    jobs = [create(vendor, by_day()) for _ in range(11)]
    for job in jobs[:10]:
        assert bulk(vendor, "POST", f"/leads/export/{job}/enqueue.json")["success"]
    assert code(bulk(vendor, "POST", f"/leads/export/{jobs[10]}/enqueue.json")) == "1029"
    vendor.advance(200)
    assert code(bulk(vendor, "POST", f"/leads/export/{jobs[0]}/enqueue.json")) == "1029"
    vendor.switch(export_daily_bytes=10)
    answer = bulk(vendor, "POST", f"/leads/export/{jobs[10]}/enqueue.json")
    assert (code(answer), "daily quota" in answer["errors"][0]["message"]) == ("1029", True)
    vendor.advance(86_400)
    vendor.renew()
    assert bulk(vendor, "POST", f"/leads/export/{jobs[10]}/enqueue.json")["success"]
    listed = bulk(vendor, "GET", "/leads/export.json?status=Completed")["result"]
    assert len(listed) == 10
    vendor.seed(services=[{"clientId": "c", "secret": "s", "user": "u@example.com"}])
    other = {"token": vendor.token_of("c", "s")}
    assert bulk(vendor, "GET", "/leads/export.json", **other)["result"] == []
    assert code(bulk(vendor, "GET", f"/leads/export/{jobs[0]}/status.json", **other)) == "1013"
    assert code(bulk(vendor, "GET", f"/activities/export/{jobs[0]}/status.json")) == "1013"


@pytest.mark.rule("MK-BK-12")
def test_activities_and_custom_objects(vendor: Vendor) -> None:
    fields = [
        {"name": "vin", "isDedupeField": True},
        {"name": "owner", "dataType": "integer", "relatedTo": {"field": "id"}},
    ]
    vendor.seed(customObjects=[{"name": "car", "fields": fields}])
    vendor.lead(firstName="A")
    vendor.sync({"email": "ada@example.com", "firstName": "B"})
    vendor.lead("b@example.com")
    vendor.post("/leads/delete.json", {"input": [{"id": 2}]})
    vendor.post("/customobjects/car.json", {"input": [{"vin": "V", "owner": 1}]})
    rows = export(vendor, {"filter": {"createdAt": LAST_WEEK}}, "activities")
    assert rows[0][0] == "marketoGUID"
    assert [row[3] for row in rows[1:]] == ["12", "13", "12"]
    assert '"New Value":"B"' in rows[2][7]
    assert rows[1][4] == "null"
    only = {"filter": {"createdAt": LAST_WEEK, "activityTypeIds": [13]}, "fields": ["leadId", "activityTypeId"]}
    assert export(vendor, only, "activities") == [["leadId", "activityTypeId"], ["1", "13"]]
    bad = {"filter": {"createdAt": LAST_WEEK, "activityTypeIds": [37]}}
    assert code(bulk(vendor, "POST", "/activities/export/create.json", bad)) == "1003"
    assert code(bulk(vendor, "POST", "/activities/export/create.json", {"filter": {}})) == "1002"
    rows = export(vendor, {"fields": ["vin", "owner"], "filter": {"updatedAt": LAST_WEEK}}, "customobjects/car")
    assert rows == [["vin", "owner"], ["V", "1"]]


@pytest.mark.rule("MK-BK-13")
@pytest.mark.parametrize("word", ["Canceled", "Cancelled"])
def test_cancelling(vendor: Vendor, word: str) -> None:
    vendor.switch(export_cancelled=word)
    vendor.lead()
    job = create(vendor, by_day())
    bulk(vendor, "POST", f"/leads/export/{job}/enqueue.json")
    assert bulk(vendor, "POST", f"/leads/export/{job}/cancel.json")["result"][0]["status"] == word
    vendor.advance(120)
    assert bulk(vendor, "GET", f"/leads/export/{job}/status.json")["result"][0]["status"] == word
    assert vendor.raw("GET", f"/bulk/v1/leads/export/{job}/file.json").status == 404
    done = create(vendor, by_day())
    bulk(vendor, "POST", f"/leads/export/{done}/enqueue.json")
    vendor.advance(120)
    assert code(bulk(vendor, "POST", f"/leads/export/{done}/cancel.json")) == "1003"
