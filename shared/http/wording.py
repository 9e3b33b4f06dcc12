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
    a aborted about above access account accounts action active activecampaign activity add added additional address
    addresses administrator after again all allow allowed allowing allows already also amount amounts an and another
    any anybody api app application approval approve approved are argument as asset assets assigned associated at
    attempt attempted attribute attributes authorization authorized automation automations available bad be because
    been before begin begins being belong belongs below between birthdate birthday blank blanks block blocked
    blocklisted blocks body both bounced bracket budget bulk business but by call caller calls campaigns can
    cancelled cannot change changed channel character characters check choice choices city client close closed code
    colon column columns combination comma commas company conflict connection consent constraint contact contacts
    contain contained contains content conversion convert copy correct corrected could couldn count country create
    created creating creation credit criteria critical crm currency current custom customer customers cut data
    database dataverse date dates datetime day days deactivated deal deals debug decimal default defined delete
    deleted deleting denied denies deny department depth describe detail details detected did digits disabled does
    doesn done dot dots due duplicate duplicated duplicates duplication during dynamics each either email emails
    empty enable enabled end ended enough entered entities entity entry error errors event every everybody everyone
    exceed exceeded exceeds except exception exist existing exists expected expired expression external failed
    failure false fatal fax field fields file filter finance first fix fixed flow flows follow following for
    forbidden foreign form format forms found from full fully gender generic get given global greater group had
    happened has have header help her here his hour how however html id identifier ids if ignored illegal import
    imported in inactive includes incoming incorrect index industry info information inner input insert integer
    internal into invalid invoice invoices is isn isv it item items its job json key keys known landing language
    large last later lead leads least leave length less letter letters level limit limits link linked list lists
    locked logical long longer lookup lookups lower mailing malformed mandatory many marketing marketo match matched
    matches matching max maximum member membership memo merge merged message metadata method microsoft middle might
    min minimum minute missing mobile modified month more most multiple must my name named names negative neither
    new nickname no nobody non nor not nothing notice null number numbers numeric object objects occurred occurs
    odata of off ok on one only open operation opportunity option optional options optout or order orders
    organisation organization other our out outside over own owned owner parameter parameters parent partition party
    pass past patch payload people percent perform permission permissions permitted person persons phone phones
    picklist picklists please plugin plugins policies policy post postal precision prefix present prevent prevented
    prevents price prices primary primitive principal privilege privileges process processed product products
    profile program programs property prospect prospects provided put quantity quota quote quotes range rate reached
    read readonly reason record records refer reference referenced referential refers refused region reject rejected
    rejects related relation relationship remove removed request requested requests required requires resource
    resources respond restricted result role row rows rule rules sales salutation same sandbox save saved schema
    score second secondary security see segment segments select semicolon server service set shall short should
    since size some somebody sorry source space spaces specified sql stage start state status step steps stop
    stopped stops street string subscription such suffix support supported suppressed syntax system table tag tags
    target task team telephone telephones telling template territory text than that the their them then there these
    they this those time timeout timezone title to today token tomorrow too total transaction true try twice type
    types unable undeclared under undo unexpected unique uniqueness unit unknown unprocessable unsubscribed
    unsupported until update updated updating upper url use used user users uses valid validation value values
    version violated violates violation warning was we website week were what when whenever where which while who
    whose why width with within without word words workflow would write written wrong xml year yes yesterday you
    your zip zone
"""
_WORDS: Final = frozenset(_LIST.split())
_LOWER: Final = frozenset({"may", "will", "mark", "case", "page", "bill", "grant"})
"""Words that are people's names too: only as they stand inside a sentence."""

_TOKEN: Final = re.compile(r"0x[0-9a-fA-F]{4,}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[\w\u0300-\u036f]+")
_CODE: Final = re.compile(r"0x[0-9a-fA-F]+|[0-9]+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}")
_PRIVILEGE: Final = re.compile(r"prv(?:Read|Write|Create|Delete|Append|AppendTo|Assign|Share)\w+")
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
    if low in fields or _CODE.fullmatch(token) or _PRIVILEGE.fullmatch(token):
        return True
    if low in _LOWER:
        return token == low
    if low in _WORDS or (len(token) == 1 and token.isascii()):
        return True
    parts = _CAMEL.findall(token)
    return "".join(parts) == token and len(parts) > 1 and all(part.casefold() in _WORDS for part in parts)
