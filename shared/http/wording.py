"""Which words of a vendor's message may be repeated: those that say what is wrong, and of whom nothing.

A message about one record may name another person ("a duplicate was detected: ..."), whose values nobody here knows, so
that they cannot be looked for. Therefore a word that begins with a capital letter, or belongs to a script without them,
stays only when it is on the list below; and inside quotation marks, brackets and behind a colon, where values stand, so
must every word be. Other words in small letters stay, because the rules of an environment speak in words of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_LIST: Final = """
    a about above access account accounts action active activecampaign activity added additional address
    administrator after again all allowed already also an and another any api app application are argument as
    assigned associated at attempt attempted attribute attributes authorization authorized available bad be because
    been before being belong belongs below between blank body both bulk but by call caller calls can cancelled
    cannot case change changed character characters check choice choices city client closed code column columns
    combination company conflict connection constraint contact contacts contain contained contains content
    conversion convert copy could couldn count country create created creating creation criteria crm currency
    current custom data database dataverse date dates datetime deactivated deal deals decimal default defined delete
    deleted deleting denied depth describe detail details detected did digits disabled does doesn done due duplicate
    duplicated duplicates duplication during dynamics each either email empty enable enabled end ended enough
    entered entities entity entry error errors event exceed exceeded exceeds except exception exist existing exists
    expected expired expression external failed failure false fax field fields file filter first follow following
    for forbidden foreign form format found from full fully generic given global greater group had happened has have
    header help html id identifier ids if ignored illegal import imported in inactive includes incoming incorrect
    index information inner input insert integer internal into invalid is isn item items its job json key keys known
    language large last later lead leads least leave length less level limit limits link linked list lists locked
    logical long longer lookup lookups mailing malformed mandatory many marketo match matched matches matching max
    maximum member membership memo merge merged message metadata method microsoft min minimum missing mobile
    modified more most multiple must name named names negative new no non not nothing null number numbers numeric
    object objects occurred occurs odata of off on one only operation opportunity option optional options or order
    organisation organization other out outside over own owned owner page parameter parameters parent partition
    party pass past payload percent perform permission permissions permitted phone picklist picklists please plugin
    postal precision present primary primitive principal privilege privileges process processed profile property
    provided quota range rate reached read readonly reason record records refer reference referenced referential
    refers refused region related relation relationship removed request requested requests required requires
    resource resources respond restricted result role row rows rule rules sales same sandbox save saved schema score
    second secondary security see select server service set short should size source specified sql stage state
    status step street string subscription support supported syntax system table tag tags target task team template
    text than that the their them then there these they this time timeout title to token too total transaction true
    try twice type types unable undeclared under undo unexpected unique uniqueness unit unknown unprocessable
    unsupported until update updated updating url use used user users uses valid validation value values version
    violated violates violation was website were when where which while width with within without workflow write
    written wrong xml zip
"""
_WORDS: Final = frozenset(_LIST.split())
_LOWER: Final = frozenset({"may", "will", "mark", "case", "page", "bill", "grant", "sales"})
"""Words that are people's names too: only as they stand inside a sentence."""

_TOKEN: Final = re.compile(r"0x[0-9a-fA-F]{4,}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[\w\u0300-\u036f]+")
_CODE: Final = re.compile(r"0x[0-9a-fA-F]+|[0-9]+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}")
_VALUES: Final = re.compile(
    r"""(?<!\w)'[^']*'(?!\w)|"[^"]*"|\u201c[^\u201d]*\u201d|\([^)]*\)|\[[^\]]*\]|[:\u2026]\s[^.;]*"""
)
_CAMEL: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def only_known(text: str, mask: str, names: Iterable[str] = ()) -> str:
    """The text with every word masked that may name somebody; several in a row are one mask. `names` of fields stay."""
    fields = {name.casefold() for name in names}
    zones = [found.span() for found in _VALUES.finditer(text)]

    def told(found: re.Match[str]) -> str:
        word, place = found[0], found.start()
        if _tells_nobody(word, fields):
            return word
        quoted = any(start <= place < end for start, end in zones)
        return word if word.isalpha() and word.islower() and not quoted else mask

    row = re.escape(mask)
    return re.sub(rf"{row}(?:[\s.'-]{{0,3}}{row})+", mask, _TOKEN.sub(told, text))


def _tells_nobody(token: str, fields: set[str]) -> bool:
    low = token.casefold()
    if low in fields or _CODE.fullmatch(token):
        return True
    if low in _LOWER:
        return token == low
    if low in _WORDS or (len(token) == 1 and token.isascii()):
        return True
    parts = _CAMEL.findall(token)
    return "".join(parts) == token and len(parts) > 1 and all(part.casefold() in _WORDS for part in parts)
