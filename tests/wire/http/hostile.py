"""A TLS server that does with each connection just what a test says, byte by byte."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulators.frame import Authority

type Act = Callable[[ssl.SSLSocket], None]


class Hostile:
    """Runs one act a request, the last one again and again. `requests` keeps the heads that came."""

    def __init__(self, authority: Authority, acts: list[Act]) -> None:
        self._acts = acts
        self._context = authority.server_context()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.requests: list[str] = []
        self.connections = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._closing.set()
        self._listener.close()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=0.2).close()
        self._thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), self._context.wrap_socket(raw, server_side=True) as connection:
            self.connections += 1
            connection.settimeout(10)
            while head := read_request(connection):
                self.requests.append(head)
                place = min(len(self.requests), len(self._acts)) - 1
                self._acts[place](connection)

    def header(self, name: str, request: int = 0) -> str | None:
        """A header of a request as it came."""
        for line in self.requests[request].split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.strip().lower() == name.lower():
                return value.strip()
        return None


@contextmanager
def hostile(authority: Authority, *acts: Act) -> Iterator[Hostile]:
    server = Hostile(authority, list(acts))
    try:
        yield server
    finally:
        server.close()


def read_request(connection: ssl.SSLSocket) -> str:
    """The head of the next request; its body is read and dropped. "" at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return ""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.decode("latin-1").split("\r\n"):
        if line.lower().startswith("content-length:"):
            length = int(line.partition(":")[2])
    while len(body) < length:
        body += connection.recv(65536)
    return head.decode("latin-1")


def answer(body: bytes = b"{}", status: int = 200, *headers: str, length: int | None = None) -> Act:
    """A plain answer; `length` lies about the body where it is given."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}", *headers]
    if not any(line.lower().startswith("content-type") for line in headers):
        lines.append("Content-Type: application/json")

    def act(connection: ssl.SSLSocket) -> None:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        if length is not None and length > len(body):
            cut(connection)

    return act


def chunked(*pieces: bytes, end: bool = True) -> Act:
    """A chunked answer, cut off before its end where `end` is false."""

    def act(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if end:
            connection.sendall(b"0\r\n\r\n")
        else:
            cut(connection)

    return act


def drip(body: bytes, pause: float) -> Act:
    """An answer that comes byte by byte."""

    def act(connection: ssl.SSLSocket) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode())
        for place in range(len(body)):
            connection.sendall(body[place : place + 1])
            time.sleep(pause)

    return act


def silence(seconds: float) -> Act:
    def act(connection: ssl.SSLSocket) -> None:
        del connection
        time.sleep(seconds)

    return act


def cut(connection: ssl.SSLSocket) -> None:
    """Close without a word."""
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def reset(connection: ssl.SSLSocket) -> None:
    """Close with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
