"""The wire between this host and its worker processes: Microsoft's protobuf messages, each behind its length.

Azure's host speaks the same messages over gRPC. Here a socket pair made at the worker's start carries them: no port to
choose, and the worker notices at once when its host is gone.
"""

import contextlib
import importlib
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from localhost.errors import HostError

PACKAGE = "dynasync_worker_protos"
_LENGTH = struct.Struct(">I")


def protos_folder() -> Path:
    """Where ``make setup`` puts the generated message classes (they ship in a wheel of Microsoft's)."""
    return Path(sys.prefix) / "worker-protos" / "tests" / "protos"


def load_protos() -> Any:
    """The message classes as one module. They come as a package named ``tests``, so they are given a name of their own.

    Raises :class:`HostError` when they, or protobuf, are not installed.
    """
    loaded = sys.modules.get(PACKAGE)
    if loaded is not None:
        return loaded
    folder = protos_folder()
    if not (folder / "FunctionRpc_pb2.py").is_file():
        raise HostError(
            f"The worker's message classes are not in {folder}.",
            "Run `make setup`, and start this host with the Python of that virtual environment.",
            exit_code=3,
        )
    package = ModuleType(PACKAGE)
    # Without running the package's own __init__, which would want grpcio.
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    for name in ("FunctionRpc_pb2", "shared.NullableTypes_pb2"):
        module = importlib.import_module(f"{PACKAGE}.{name}")
        vars(package).update({key: value for key, value in vars(module).items() if not key.startswith("_")})
    return package


class Wire:
    """One end of the socket pair. Any thread may send; one thread reads."""

    def __init__(self, sock: socket.socket, protos: Any) -> None:
        self._sock = sock
        self._protos = protos
        self._sending = threading.Lock()

    def send(self, message: Any) -> None:
        """Send one ``StreamingMessage``; raises OSError when the other side is gone."""
        data = message.SerializeToString()
        with self._sending:
            self._sock.sendall(_LENGTH.pack(len(data)) + data)

    def messages(self) -> Iterator[Any]:
        """Every message of the other side, until it closes or dies."""
        with self._sock.makefile("rb") as stream:
            while header := _read_exactly(stream, _LENGTH.size):
                body = _read_exactly(stream, _LENGTH.unpack(header)[0])
                if body is None:
                    return
                yield self._protos.StreamingMessage.FromString(body)

    def close(self) -> None:
        """Close this end; the reader on the other one finishes."""
        with contextlib.suppress(OSError):  # the other side was first
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()


def _read_exactly(stream: Any, size: int) -> bytes | None:
    """``size`` bytes, or None when the stream ends before."""
    try:
        data: bytes = stream.read(size)
    except OSError:
        return None
    return data if len(data) == size else None
