"""Write batches and read their answers, with the standard library's e-mail reader, not the simulator's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import Any

import orjson

from simulators.frame import Response

TYPE = {"Content-Type": "multipart/mixed; boundary=b"}


@dataclass(frozen=True)
class Answer:
    """One part of a batch response."""

    status: int
    headers: dict[str, str]
    body: bytes
    content_id: str | None
    change_set: int | None

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"]).lower()


def part(method: str, target: str, body: Any = None, *, content_id: str = "", headers: Sequence[str] = ()) -> str:
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    head += [f"Content-ID: {content_id}"] if content_id else []
    inner = [f"{method} {target} HTTP/1.1", *headers]
    inner += ["Content-Type: application/json; type=entry"] if body is not None else []
    text = "" if body is None else orjson.dumps(body).decode()
    return "\r\n".join([*head, "", *inner, "", text])


def change_set(*members: str, name: str = "c") -> str:
    inner = "".join(f"--{name}\r\n{member}\r\n" for member in members)
    return f"Content-Type: multipart/mixed; boundary={name}\r\n\r\n{inner}--{name}--\r\n"


def batch(*parts: str) -> bytes:
    return ("".join(f"--b\r\n{each}\r\n" for each in parts) + "--b--\r\n").encode()


def read(response: Response) -> list[Answer]:
    head = f"Content-Type: {response.header('Content-Type')}\r\n\r\n".encode()
    outer = message_from_bytes(head + response.body)
    answers: list[Answer] = []
    for number, item in enumerate(outer.get_payload()):
        assert isinstance(item, Message)
        if item.is_multipart():
            answers += [_answer(inner, number) for inner in item.get_payload()]  # type: ignore[arg-type]
        else:
            answers.append(_answer(item, None))
    return answers


def _answer(message: Message, change_set_number: int | None) -> Answer:
    raw = message.get_payload(decode=True)
    assert isinstance(raw, bytes)
    head, _, body = raw.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    status = int(status_line.split(" ")[1])
    return Answer(status, headers, body.strip(), message.get("Content-ID"), change_set_number)
