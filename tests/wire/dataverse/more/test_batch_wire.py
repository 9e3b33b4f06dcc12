"""The multipart reader and writer of $batch: what clients in the wild send must be read, the rest refused."""

from __future__ import annotations

import pytest

from simulators.dataverse.batch import wire

CRLF_BATCH = (
    b"--batch_a\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    b"POST /api/data/v9.2/tasks HTTP/1.1\r\nContent-Type: application/json; type=entry\r\n\r\n"
    b'{"subject": "one"}\r\n'
    b"--batch_a\r\nContent-Type: multipart/mixed; boundary=changeset_b\r\n\r\n"
    b"--changeset_b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: 1\r\n\r\n"
    b"PATCH https://127.0.0.1:8800/api/data/v9.2/contacts(00000000-0000-0000-0000-000000000001) HTTP/1.1\r\n"
    b'If-Match: *\r\nContent-Type: application/json\r\n\r\n{"lastname": "x"}\r\n'
    b"--changeset_b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: 2\r\n\r\n"
    b"DELETE $1 HTTP/1.1\r\nContent-Type: application/json\r\n\r\n\r\n"
    b"--changeset_b--\r\n"
    b"--batch_a\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    b"GET /api/data/v9.2/tasks?$select=subject HTTP/1.1\r\n\r\n"
    b"--batch_a--\r\n"
)
TYPE = 'multipart/mixed; boundary="batch_a"'
HEAD = b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"


def part(request: bytes, head: bytes = HEAD) -> bytes:
    return b"--batch_a\r\n" + head + b"\r\n" + request + b"\r\n"


def read_one(request: bytes, head: bytes = HEAD) -> wire.Operation:
    (item,) = wire.read_batch(TYPE, part(request, head) + b"--batch_a--")
    assert isinstance(item, wire.Operation)
    return item


@pytest.mark.rule("DV-BA-01")
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_line_ends_of_either_kind_give_the_same_batch(line_end: bytes) -> None:
    items = wire.read_batch(TYPE, CRLF_BATCH.replace(b"\r\n", line_end))
    post, change_set, get = items
    assert isinstance(post, wire.Operation)
    assert isinstance(change_set, wire.ChangeSet)
    assert isinstance(get, wire.Operation)
    assert (post.method, post.target) == ("POST", "/api/data/v9.2/tasks")
    assert post.body.strip() == b'{"subject": "one"}'
    assert post.headers == (("Content-Type", "application/json; type=entry"),)
    patch, delete = change_set.operations
    assert patch.target.startswith("https://127.0.0.1:8800/")
    assert dict(patch.headers)["If-Match"] == "*"
    assert (patch.content_id, delete.content_id) == ("1", "2")
    assert (delete.method, delete.target, delete.body) == ("DELETE", "$1", b"")
    assert (get.method, get.target, get.body) == ("GET", "/api/data/v9.2/tasks?$select=subject", b"")


@pytest.mark.rule("DV-BA-01")
@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/mixed; boundary=batch_a",
        'multipart/mixed;boundary="batch_a"',
        "Multipart/Mixed; Boundary=batch_a; charset=utf-8",
    ],
)
def test_boundary_may_be_quoted_or_bare(content_type: str) -> None:
    assert len(wire.read_batch(content_type, CRLF_BATCH)) == 3


@pytest.mark.rule("DV-BA-01")
def test_preamble_and_missing_last_line_end_are_read() -> None:
    assert wire.read_batch(TYPE, b"\r\n\r\nhello\r\n" + CRLF_BATCH.rstrip()) == wire.read_batch(TYPE, CRLF_BATCH)


@pytest.mark.rule("DV-BA-01")
@pytest.mark.parametrize("tail", [b"", b"\r\n", b"\r\n\r\n", b"\r\nAccept: application/json", b"\r\nAccept: x\r\n\r\n"])
def test_get_part_needs_no_blank_line(tail: bytes) -> None:
    assert read_one(b"GET /api/data/v9.2/contacts HTTP/1.1" + tail).target == "/api/data/v9.2/contacts"


@pytest.mark.rule("DV-BA-01")
def test_content_id_may_stand_outside_a_change_set_and_in_the_inner_headers() -> None:
    assert read_one(b"GET /x HTTP/1.1", HEAD + b"Content-ID: 7\r\n").content_id == "7"
    assert read_one(b"POST /x HTTP/1.1\r\nContent-ID: 8\r\n\r\n{}").content_id == "8"


@pytest.mark.rule("DV-BA-01")
def test_a_body_keeps_its_bytes_even_when_it_quotes_a_boundary() -> None:
    body = b'{"d":"--batch_a \xc3\xa9 --batch_ab"}'
    assert read_one(b"POST /x HTTP/1.1\r\nContent-Type: application/json\r\n\r\n" + body).body == body


@pytest.mark.rule("DV-BA-02")
@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("application/json", b"{}", "boundary"),
        ("multipart/mixed", CRLF_BATCH, "boundary"),
        ("multipart/mixed; boundary=a; boundary=b", CRLF_BATCH, "more than one"),
        (TYPE, b"", "unexpected end of input"),
        (TYPE, CRLF_BATCH.replace(b"--batch_a--\r\n", b""), "unexpected end of input"),
        (TYPE, CRLF_BATCH.replace(b"--changeset_b--\r\n", b""), "unexpected end of input"),
        (TYPE, part(b"GET /x HTTP/1.1", b"X: y\r\n") + b"--batch_a--", "'Content-Type' header is missing"),
        (
            TYPE,
            part(b"GET /x HTTP/1.1", b"Content-Type: text/plain\r\n") + b"--batch_a--",
            "must be 'application/http'",
        ),
        (
            TYPE,
            part(b"GET /x HTTP/1.1", b"Content-Type: application/http\r\n") + b"--batch_a--",
            "'Content-Transfer-Encoding' header was found",
        ),
        (TYPE, part(b"GET /x") + b"--batch_a--", "The request line 'GET /x' is invalid"),
        (TYPE, part(b"GET /x HTTP/1.0") + b"--batch_a--", "The HTTP version 'HTTP/1.0'"),
        (TYPE, part(b"BREW /x HTTP/1.1") + b"--batch_a--", "The HTTP method 'BREW'"),
        (TYPE, part(b"GET /x HTTP/1.1\r\nno colon") + b"--batch_a--", "The message header 'no colon' is invalid"),
        (TYPE, part(b"GET /x HTTP/1.1\r\nA: 1\r\na: 2") + b"--batch_a--", "The header 'a' was specified multiple"),
        (TYPE, CRLF_BATCH.replace(b"DELETE $1", b"GET $1"), "An invalid HTTP method 'GET'"),
        (TYPE, CRLF_BATCH.replace(b"Content-ID: 2", b"Content-ID: 1"), "The content ID '1' was found more than once"),
    ],
)
def test_what_is_no_batch_is_refused_with_the_text_of_the_library(content_type: str, body: bytes, text: str) -> None:
    with pytest.raises(wire.BatchFormatError) as caught:
        wire.read_batch(content_type, body)
    assert text in str(caught.value)


@pytest.mark.rule("DV-BA-03")
def test_change_sets_do_not_nest() -> None:
    inner = b"--c\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n--d\r\n" + HEAD
    inner += b"\r\nDELETE /x HTTP/1.1\r\n\r\n--d--\r\n--c--"
    body = part(inner, b"Content-Type: multipart/mixed; boundary=c\r\n") + b"--batch_a--"
    with pytest.raises(wire.BatchFormatError, match="Nested change sets in a batch payload are not supported"):
        wire.read_batch(TYPE, body)


@pytest.mark.rule("DV-BA-04")
def test_a_thousand_requests_pass_and_one_more_does_not() -> None:
    one = part(b"GET /x HTTP/1.1")
    assert len(wire.read_batch(TYPE, one * 1000 + b"--batch_a--")) == 1000
    with pytest.raises(wire.BatchFormatError, match="maximum number of '1000' query operations"):
        wire.read_batch(TYPE, one * 1001 + b"--batch_a--")
    member = b"--c\r\n" + HEAD + b"\r\nDELETE /x HTTP/1.1\r\n\r\n"
    change_set = part(member * 1001 + b"--c--", b"Content-Type: multipart/mixed; boundary=c\r\n")
    with pytest.raises(wire.BatchFormatError, match="maximum number of '1000' operations are allowed in a change set"):
        wire.read_batch(TYPE, change_set + b"--batch_a--")


@pytest.mark.rule("DV-BA-05")
def test_responses_are_written_as_the_documentation_shows() -> None:
    content_type, body = wire.write_batch(
        [
            wire.PartResponse(200, "OK", (("Content-Type", "application/json"),), b'{"value":[]}'),
            wire.ChangeSetResponse("c", (wire.PartResponse(204, "No Content", (("Location", "u"),), b"", "1"),)),
        ],
        "g",
    )
    assert content_type == "multipart/mixed; boundary=batchresponse_g"
    assert body == (
        b"--batchresponse_g\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"value":[]}\r\n'
        b"--batchresponse_g\r\nContent-Type: multipart/mixed; boundary=changesetresponse_c\r\n\r\n"
        b"--changesetresponse_c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        b"Content-ID: 1\r\n\r\nHTTP/1.1 204 No Content\r\nLocation: u\r\n\r\n\r\n"
        b"--changesetresponse_c--\r\n--batchresponse_g--\r\n"
    )
