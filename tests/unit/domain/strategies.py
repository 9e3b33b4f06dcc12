"""Values that people, other systems and attackers put into fields."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from shared.domain.records import FieldSpec, FieldType

NASTY = (
    "",
    " ",
    "0",
    "null",
    "Jose\u0301",
    "Jos\u00e9",
    "e" + "\u0301" * 40,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea\U0001f1eb",
    "\u05e9\u05dc\u05d5\u05dd \u202eabc",
    "a\u00a0b\u200bc",
    "a\x00b",
    "lone \ud800 surrogate",
    "line\r\nbreaks\rhere\n\n",
    "\t tabs \t",
    "x" * 10_000,
    "\U0001f600" * 60,
    "__proto__",
    "=cmd()",
    'O\'Neil "quoted"',
    "\uac00\u1100\u1161\u11a8",
    "'; drop table contact; --",
)

nasty_text = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=12),
    st.text(alphabet="ab \u0301\u200d\U0001f600\U0001f1e9\U0001f3fd\r\n\u00a0", max_size=30),
)
plain_text = st.text(alphabet="abcde ", min_size=0, max_size=8)

OPTIONS = ("1", "2", "3")


def values(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Values of a field, cleared ones included; never absent."""
    kinds: dict[FieldType, st.SearchStrategy[Any]] = {
        FieldType.INTEGER: st.integers(-(2**31), 2**31 - 1),
        FieldType.DECIMAL: st.decimals(-(10**9), 10**9, places=4),
        FieldType.MONEY: st.decimals(-(10**9), 10**9, places=2),
        FieldType.BOOLEAN: st.booleans(),
        FieldType.DATE: st.dates(date(1753, 1, 1), date(9999, 12, 31)),
        FieldType.DATETIME: st.datetimes(datetime(1753, 1, 2), datetime(9998, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
        FieldType.CHOICE: st.sampled_from(OPTIONS),
        FieldType.MULTI_CHOICE: st.frozensets(st.sampled_from(OPTIONS), min_size=1),
        FieldType.EMAIL: st.sampled_from(["ann@example.com", "ANN@example.com", "bob+x@sub.example.org"]),
    }
    return st.none() | kinds.get(spec.type, nasty_text)


def decimals(scale: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(-(10**6), 10**6, places=scale)
