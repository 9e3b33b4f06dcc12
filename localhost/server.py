"""The HTTP socket: taken before anything else starts, served once the functions are loaded."""

import socket
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from localhost.errors import HostError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ADDRESS = "127.0.0.1"


class _QuietHandler(WSGIRequestHandler):
    """The invocations are logged, with their ids; an access log would add the keys in ``?code=``."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Say nothing."""

    def version_string(self) -> str:
        """As the real host names its server."""
        return "Kestrel"


class HttpServer:
    """Listens on the loopback at once; requests that come before :meth:`serve` wait."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((ADDRESS, port))
            self._socket.listen(128)
        except OSError as error:
            self._socket.close()
            raise HostError(
                f"Port {port} cannot be used for HTTP ({error.strerror}); another host may be running.",
                "End that one, or choose another port with --port (0 takes any free one).",
                exit_code=3,
            ) from None
        self.port = int(self._socket.getsockname()[1])
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{ADDRESS}:{self.port}"

    def serve(self, app: "WSGIApplication") -> None:
        """Answer requests from a thread each."""
        self._server = make_server(
            ADDRESS, self.port, app, threaded=True, request_handler=_QuietHandler, fd=self._socket.fileno()
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="http-server", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Take no more requests."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None
        self._socket.close()
