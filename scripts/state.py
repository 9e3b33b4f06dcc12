"""Saves the state tables to a file and loads them into another account: for a copy before an upgrade, and for a move.

    python scripts/state.py save FILE [--account URL] [--prefix dynasync]
    python scripts/state.py load FILE [--account URL] [--prefix dynasync]

The account is a connection string in AzureWebJobsStorage, or `--account https://NAME.table.core.windows.net` with the
rights of whoever is signed in to the Azure CLI. Switch every connection off before, and wait for their lanes to stop: a
copy of a state that moves is no state. Leases are not saved. The file holds ids, digests and sealed values, no readable
person; it can be opened only under the same DYNASYNC_STATE_KEY. `load` wants empty tables, so that nothing is mixed.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import batched, groupby
from pathlib import Path
from typing import Any

from azure.data.tables import EdmType, EntityProperty, TableServiceClient
from azure.identity import AzureCliCredential

_BATCH = 90
_STORAGE = "AzureWebJobsStorage"
_LEASES = "budgets"  # rate leases of running workers: worthless a minute later


class NotEmpty(Exception):
    """The tables to load into hold something."""


def save(service: TableServiceClient, prefix: str, file: Path) -> dict[str, int]:
    """Rows by table. Replaces `file`."""
    counts: dict[str, int] = {}
    with gzip.open(file, "wt", encoding="utf-8") as out:
        for table in sorted(item.name for item in service.list_tables()):
            name = table.removeprefix(prefix)
            if not table.startswith(prefix) or name == _LEASES:
                continue
            counts[name] = 0
            for row in service.get_table_client(table).list_entities():
                out.write(json.dumps([name, {key: _packed(value) for key, value in row.items()}]) + "\n")
                counts[name] += 1
    return counts


def load(service: TableServiceClient, prefix: str, file: Path) -> dict[str, int]:
    """Rows by table. Raises NotEmpty naming a table that holds rows already."""
    rows = list(_read(file))
    names = sorted({name for name, _ in rows})
    for name in names:
        table = service.create_table_if_not_exists(prefix + name)
        if next(iter(table.list_entities(results_per_page=1)), None) is not None:
            raise NotEmpty(f"the table {prefix + name} is not empty: load into a new account or another prefix")
    counts = dict.fromkeys(names, 0)
    for (name, _), found in groupby(rows, key=lambda row: (row[0], row[1]["PartitionKey"])):
        table = service.get_table_client(prefix + name)
        for batch in batched(found, _BATCH, strict=False):
            for size in _sizes(batch):
                table.submit_transaction([("create", row) for _, row in size])
            counts[name] += len(batch)
    return counts


def _sizes(batch: tuple[tuple[str, dict[str, Any]], ...]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Cuts a batch so that a transaction stays below the service's 4 MiB."""
    part: list[tuple[str, dict[str, Any]]] = []
    size = 0
    for item in batch:
        weight = len(json.dumps({key: str(value) for key, value in item[1].items()}))
        if part and size + weight > 2_000_000:  # noqa: PLR2004 - half of it, for what the encoding adds
            yield part
            part, size = [], 0
        part.append(item)
        size += weight
    yield part


def _read(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            name, row = json.loads(line)
            yield name, {key: _unpacked(value) for key, value in row.items()}


def _packed(value: Any) -> Any:
    """A value with its kind, where JSON has none for it."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, tuple):  # the SDK's pair of a 64-bit number and its type
        return {"long": int(value[0])}
    return value


def _unpacked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kind, found = next(iter(value.items()))
    match kind:
        case "bytes":
            return base64.b64decode(found)
        case "time":
            return datetime.fromisoformat(found)
        case _:
            return EntityProperty(int(found), EdmType.INT64)


def open_service(account: str) -> TableServiceClient:
    if account:
        return TableServiceClient(account, credential=AzureCliCredential())
    return TableServiceClient.from_connection_string(os.environ[_STORAGE])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("save", "load"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--account", default="")
    parser.add_argument("--prefix", default="dynasync")
    given = parser.parse_args(arguments)
    if not given.account and not os.environ.get(_STORAGE):
        print("Name the account with --account, or a connection string in AzureWebJobsStorage.", file=sys.stderr)
        return 2
    try:
        with open_service(given.account) as service:
            counts = {"save": save, "load": load}[given.what](service, given.prefix, given.file)
    except NotEmpty as problem:
        print(problem, file=sys.stderr)
        return 1
    print(json.dumps(counts))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
