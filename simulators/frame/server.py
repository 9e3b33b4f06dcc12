"""The https server: the standard library's, with keep-alive, chunked bodies and a thread a connection."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulators.frame.host import Delivery, Host
from simulators.frame.http import Request, Response
from simulators.frame.system import System
from simulators.frame.tls import Authority, make_authority

log = logging.getLogger(__name__)
_MAX_BODY = 256 * 1024 * 1024
_IDLE_SECONDS = 120
_TICK_SECONDS = 0.02
_GONE = (ConnectionError, TimeoutError, ssl.SSLError, BrokenPipeError, OSError)


class _BadBodyError(ValueError):
    """The framing of a request body is wrong: answer 400 and close."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    rbufsize = 64 * 1024
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    server: _Server

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def setup(self) -> None:
        """Shake hands in this connection's own thread, so that a slow client holds up nobody."""
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(_IDLE_SECONDS)
            self.request.do_handshake()
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """The call log replaces the access log."""
        log.debug(format, *args)

    def _serve(self) -> None:
        try:
            body = self._read_body()
        except _BadBodyError:
            self.send_error(400)
            self.close_connection = True
            return
        request = Request.build(
            self.command,
            self.path,
            headers=list(self.headers.items()),
            body=body,
            received_at=self.server.host.system.clock.time(),
        )
        self._send(self.server.host.deliver(request))

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0").strip()
        if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > _MAX_BODY:
            raise _BadBodyError
        return self.rfile.read(int(length)) if int(length) else b""

    def _read_chunks(self) -> bytes:
        chunks: list[bytes] = []
        total = 0
        while True:
            line = self.rfile.readline(1024).split(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError as error:
                raise _BadBodyError from error
            total += size
            if size < 0 or total > _MAX_BODY:
                raise _BadBodyError
            if size == 0:
                break
            chunks.append(self.rfile.read(size))
            self.rfile.readline(8)
        while self.rfile.readline(65536).strip():
            """Trailers are read and dropped."""
        return b"".join(chunks)

    def _send(self, delivery: Delivery) -> None:
        if delivery.response is None:
            self.close_connection = True
            return
        body = self._head(delivery.response)
        if delivery.truncate:
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)
        self.wfile.flush()

    def _head(self, response: Response) -> bytes:
        bodiless = response.status in {204, 304} or response.status < 200
        self.send_response_only(response.status)
        self.send_header("Date", self.date_time_string(int(self.server.host.system.clock.time())))
        for name, value in response.headers:
            self.send_header(name, value)
        if not bodiless:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        return b"" if bodiless or self.command == "HEAD" else response.body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], host: Host, context: ssl.SSLContext | None) -> None:
        self.host = host
        self._context = context
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse look-up of the standard library's server, which can take seconds."""
        if self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept, and lay TLS over the socket without shaking hands yet."""
        accepted, address = super().get_request()
        if self._context is not None:
            accepted = self._context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        with self._open_lock:
            self._open.add(accepted)
        return accepted, address

    def shutdown_request(self, request: Any) -> None:
        """Close one connection."""
        with self._open_lock:
            self._open.discard(request)
        with contextlib.suppress(*_GONE):
            request.shutdown(socket.SHUT_RDWR)
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event; anything else is a bug of ours and is logged."""
        import sys

        error = sys.exception()
        if not isinstance(error, _GONE):
            log.error("simulator %s failed on a connection", self.host.system.name, exc_info=error)

    def close_connections(self) -> None:
        """Cut every open connection."""
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(*_GONE):
                connection.shutdown(socket.SHUT_RDWR)


class RunningServer:
    """A system that listens. A context manager; `close` cuts its connections and stops its threads."""

    def __init__(
        self, system: System, *, port: int, authority: Authority | None, ca_file: str, bind: str = "127.0.0.1"
    ) -> None:
        self.host = Host(system)
        self.ca_file = ca_file
        self._server = _Server((bind, port), self.host, authority.server_context() if authority else None)
        scheme = "https" if authority else "http"
        self.port = self._server.server_port
        self.url = f"{scheme}://{bind}:{self.port}"
        self._stop = threading.Event()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True),
            threading.Thread(target=self._tick, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self._stop.set()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=5)
        if self._temporary is not None:
            self._temporary.cleanup()

    def keep(self, folder: tempfile.TemporaryDirectory[str]) -> None:
        """Remove this folder on close."""
        self._temporary = folder

    def _tick(self) -> None:
        while not self._stop.wait(_TICK_SECONDS):
            try:
                self.host.system.agenda.run_due()
            except Exception:
                log.exception("simulator %s failed on its agenda", self.host.system.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(system: System, port: int = 0, ca: Authority | None = None, *, tls: bool = True) -> RunningServer:
    """Serve one system from a thread of this process; `port` 0 takes a free one.

    Without `ca` an authority is made in a temporary folder. `tls=False` serves plain http, for measurements only.
    """
    folder = None
    if ca is None and tls:
        folder = tempfile.TemporaryDirectory(prefix="dynasync-ca-")
        ca = make_authority(Path(folder.name))
    server = RunningServer(
        system, port=port, authority=ca if tls else None, ca_file=str(ca.ca_file) if ca and tls else ""
    )
    if folder is not None:
        server.keep(folder)
    system.started({system.name: server.url}, server.ca_file)
    return server


def serve_all(systems: Mapping[str, System], base_port: int, ca: Authority) -> dict[str, RunningServer]:
    """Serve several systems of one process on ports counted up from `base_port` (0 takes free ones)."""
    running: dict[str, RunningServer] = {}
    try:
        for index, (name, system) in enumerate(systems.items()):
            port = base_port + index if base_port else 0
            running[name] = RunningServer(system, port=port, authority=ca, ca_file=str(ca.ca_file))
    except OSError:
        for server in running.values():
            server.close()
        raise
    urls = {name: server.url for name, server in running.items()}
    for system in systems.values():
        system.started(urls, str(ca.ca_file))
    return running
