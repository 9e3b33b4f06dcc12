"""Lists as files: CSV for spreadsheets, NDJSON for programs.

A spreadsheet runs a cell that begins with one of `= + - @` (or their full-width forms), a tab or a line end as a
formula, whoever wrote the text (https://owasp.org/www-community/attacks/CSV_Injection): such a cell gets an apostrophe
in front.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from functions.api.call import Answer, Call
from functions.api.route import Query

CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
FORMAT: Final = (
    Query(name="format", help="csv (the default) or ndjson.", values=("csv", "ndjson")),
    Query(name="bom", help="`true`: the CSV begins with a byte order mark, as Excel wants it.", values=("true",)),
)
PAGE: Final = 1000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def exported(call: Call, columns: Sequence[str], rows: Iterable[Mapping[str, object]], after: str) -> Answer:
    """A part of a list as a file; the header `Link` names the next part. Only the first part has a head."""
    first = not call.query("after")
    headers = {"Link": f'<{call.next_link(after)}>; rel="next"'} if after else {}
    if call.query("format", "csv") == "ndjson":
        lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
        text = "\n".join(lines) + ("\n" if lines else "")
        return Answer(body=text.encode(), media=NDJSON, headers=headers)
    text = csv_text(columns, rows, head=first)
    mark = "\ufeff" if first and call.query("bom") else ""
    return Answer(body=(mark + text).encode(), media=CSV, headers=headers)


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, head: bool = True) -> str:
    """CSV after RFC 4180, the columns always in the same order."""
    target = io.StringIO()
    writer = csv.writer(target)
    if head:
        writer.writerow(columns)
    for row in rows:
        writer.writerow([harmless(row.get(name, "")) for name in columns])
    return target.getvalue()


def harmless(value: object) -> str:
    """A cell that no spreadsheet runs."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
