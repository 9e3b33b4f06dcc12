#!/usr/bin/env python3
"""A stand-in for Terraform's azurerm provider: it knows the provider's schema, plans what is given, makes nothing.

Terraform itself then finds what no list of arguments shows: a reference to an attribute that is not there, a value of
the wrong type, a circle of dependencies. `scripts/infra/planned.py` has Terraform start it, as a development override,
in .venv-infra; STAND_IN_SCHEMA is the path of schema.json. It speaks Terraform's plugin protocol 6 as far as a first
plan needs it (docs/plugin-protocol in hashicorp/terraform).
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_LIST = 2  # the nesting mode of blocks
_READ = {
    "azurerm_client_config": {
        "id": "stand-in",
        "client_id": "00000000-0000-0000-0000-00000000000c",
        "object_id": "00000000-0000-0000-0000-00000000000d",
        "subscription_id": "00000000-0000-0000-0000-00000000000e",
        "tenant_id": "00000000-0000-0000-0000-00000000000f",
    }
}


def part(number: int, content: bytes | str) -> bytes:
    """A field of a protocol buffer that holds text, bytes or another message."""
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def flag(number: int, value: int = 1) -> bytes:
    return varint(number << 3) + varint(value)


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte, the eighth says that more follow
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def parts(data: bytes) -> dict[int, bytes]:
    """The fields of a message that hold bytes, by number; the last of each."""
    found, at = {}, 0
    while at < len(data):
        key, at = _varint_at(data, at)
        length, at = _varint_at(data, at)
        if key & 7 == 2:  # noqa: PLR2004 - the wire type of bytes
            found[key >> 3] = data[at : at + length]
            at += length
    return found


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] <= 0x7F:  # noqa: PLR2004
            return value, at


def block(facts: Mapping[str, Any]) -> bytes:
    found = b""
    for name, about in facts.items():
        if "block" in about:
            nested = part(1, name) + part(2, block(about["block"])) + flag(3, _LIST)
            found += part(
                3, nested + (flag(4) if about.get("required") else b"") + (flag(5) if about.get("one") else b"")
            )
            continue
        how = flag(4) if about.get("required") else flag(6) if about.get("computed") else flag(5) + flag(6)
        found += part(2, part(1, name) + part(2, json.dumps(about.get("type", "string"))) + how)
    return found


def schema(path: Path) -> bytes:
    """The answer to GetProviderSchema."""
    known = json.loads(path.read_text())
    found = part(1, part(2, block(known["provider"])))
    for name, facts in known.items():
        if name.startswith("azurerm_"):
            found += part(2, part(1, name) + part(2, part(2, block(facts))))
    for name, values in _READ.items():
        read = part(2, block({key: {"computed": True} for key in values}))
        found += part(3, part(1, name) + part(2, read))
    return found


def planned(request: bytes, known: Mapping[str, Any]) -> bytes:
    """What was proposed; what is not given and the provider would fill in is not known yet."""
    import msgpack  # noqa: PLC0415 - of .venv-infra; the tests import this module without it

    asked = parts(request)
    value = msgpack.unpackb(parts(asked[3])[1])
    _unknown(value, known[asked[1].decode()], msgpack.ExtType(0, b"\0"))
    return part(1, part(1, msgpack.packb(value)))


def _unknown(value: Any, facts: Mapping[str, Any], mark: object) -> None:
    for name, about in facts.items():
        if "block" in about:
            for item in value[name] or ():
                _unknown(item, about["block"], mark)
        elif value[name] is None and not about.get("required"):
            value[name] = mark


def answers(path: Path, stop: Callable[[], None]) -> dict[str, Callable[[bytes], bytes]]:
    known = json.loads(path.read_text())

    def read(request: bytes) -> bytes:
        return part(1, part(2, json.dumps(_READ[parts(request)[1].decode()])))

    def shut(request: bytes) -> bytes:
        stop()
        return b""

    provider = "/tfplugin6.Provider/"
    nothing = ("ValidateProviderConfig", "ValidateResourceConfig", "ValidateDataResourceConfig", "ConfigureProvider",
               "StopProvider")  # fmt: skip
    return {
        f"{provider}GetProviderSchema": lambda _: schema(path),
        f"{provider}PlanResourceChange": lambda request: planned(request, known),
        f"{provider}ReadDataSource": read,
        "/plugin.GRPCController/Shutdown": shut,
        **{f"{provider}{name}": lambda _: b"" for name in nothing},
    }


def main() -> None:
    import grpc  # noqa: PLC0415 - the same

    ended = threading.Event()
    known = answers(Path(os.environ["STAND_IN_SCHEMA"]), ended.set)

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            answer = known.get(details.method)
            if answer is None:
                return None
            return grpc.unary_unary_rpc_method_handler(lambda request, _: answer(request))

    server = grpc.server(ThreadPoolExecutor(4), handlers=(Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"1|6|tcp|127.0.0.1:{port}|grpc", flush=True)
    ended.wait(120)
    server.stop(1).wait()
    sys.exit(0)


if __name__ == "__main__":
    main()
