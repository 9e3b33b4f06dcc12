"""E-mail addresses as match keys: two spellings of one mailbox give one key, and what names nobody gives none."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_IGNORED = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_NO_MAIL = frozenset(" ,;<>\\")
_LONGEST = 320
_LONGEST_DOMAIN = 255
_LONGEST_LABEL = 63

PLACEHOLDERS = frozenset(
    {
        "a@a.com",
        "email@email.com",
        "me@me.com",
        "n@a.com",
        "na@na.com",
        "no-email@example.com",
        "no@email.com",
        "noemail@example.com",
        "noemail@noemail.com",
        "nomail@nomail.com",
        "none@none.com",
        "test@test.com",
        "unknown@example.com",
        "unknown@unknown.com",
        "x@x.com",
    }
)
"""Addresses that people type where a form insists on one. They name nobody, so they never match anybody."""

ROLES = frozenset(
    {
        "abuse",
        "accounting",
        "accounts",
        "admin",
        "billing",
        "contact",
        "enquiries",
        "family",
        "hello",
        "help",
        "hostmaster",
        "info",
        "mail",
        "marketing",
        "no-reply",
        "noreply",
        "office",
        "postmaster",
        "reception",
        "sales",
        "service",
        "support",
        "team",
        "webmaster",
    }
)
"""Local parts of mailboxes that several people share. They match only when nobody else on the side has the address."""


@lru_cache(maxsize=4096)
def match_value(text: str | None) -> str | None:
    """The canonical form of an address for matching, or None when it can match nobody.

    Trimmed, NFC, zero-width characters dropped, the local part case-folded, the domain in lower-case IDNA. Dots and
    plus signs stay: only the mailbox's own provider knows what they mean. A domain may lack a dot: whether such an
    address is good is for the system that is asked to store it. None for empty, malformed and placeholder addresses.
    The stored value is never changed by this.
    """
    if not text:
        return None
    found = unicodedata.normalize("NFC", text.translate(_IGNORED)).strip()
    local, at, domain = found.rpartition("@")
    if not at or not local or not domain or len(found) > _LONGEST or not _printable(found):
        return None
    ascii_domain = _domain(domain)
    if ascii_domain is None:
        return None
    key = f"{unicodedata.normalize('NFC', local.casefold())}@{ascii_domain}"
    return None if key in PLACEHOLDERS else key


def match_name(text: str | None) -> str | None:
    """The canonical form of a name (of a company) for matching: NFC, single spaces, no case. None for an empty one."""
    if not text:
        return None
    found = unicodedata.normalize("NFC", text.translate(_IGNORED))
    return " ".join(found.split()).casefold() or None


def is_role_address(key: str) -> bool:
    """Whether a match value names a shared mailbox (`info@`), which is a hint of a place rather than of a person."""
    return key.rpartition("@")[0].partition("+")[0] in ROLES


def _printable(text: str) -> bool:
    if text.isascii():
        return text.isprintable() and not _NO_MAIL & set(text)
    return not any(char.isspace() or char in ",;<>\\" or unicodedata.category(char)[0] == "C" for char in text)


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str | None:
    lowered = domain.rstrip(".").lower()
    if lowered.isascii() and "xn--" not in lowered:
        labels = lowered.split(".")
        fits = len(lowered) <= _LONGEST_DOMAIN and all(map(_is_label, labels))
        return lowered if fits else None
    import idna

    try:
        return idna.encode(lowered, uts46=True).decode()
    except UnicodeError:
        return None


def _is_label(label: str) -> bool:
    return (
        0 < len(label) <= _LONGEST_LABEL and label[0] != "-" and label[-1] != "-" and label.replace("-", "a").isalnum()
    )
