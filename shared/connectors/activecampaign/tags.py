"""Tags by name and by id. Names are unique without regard to case; ids are kept for the life of the process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.connectors.activecampaign.client import Client
from shared.connectors.activecampaign.errors import VendorError, raise_for
from shared.connectors.surroundings import Memo
from shared.errors import Transient

_KEPT = 3600.0
_WATCHED = 60.0
_FEW = 3


class TagBook:
    """The account's tags."""

    def __init__(self, client: Client, memo: Memo) -> None:
        self._client = client
        self._memo = memo
        self._names_key = ("activecampaign", "tag names", client.http.origin)

    def id_of(self, name: str) -> str:
        """The id of a tag, which is made when there is none."""
        return self._memo.get(self._id_key(name), _KEPT, lambda: self._find(name) or self._create(name))

    def find(self, name: str) -> str | None:
        """The id of a tag; None when there is none."""
        return self._find(name)

    def watched(self, names: frozenset[str]) -> dict[str, str]:
        """Ids and names of the account's tags that are spellings of these, brackets and case aside."""
        wanted = {_bare(name) for name in names}
        return self._memo.get(
            self._watched_key(names),
            _WATCHED,
            lambda: {tag: name for tag, name in self._all().items() if _bare(name) in wanted},
        )

    def watch_anew(self, names: frozenset[str]) -> None:
        """A run begins: a tag that was made since the last look counts from now on."""
        self._memo.drop(self._watched_key(names))

    def _watched_key(self, names: frozenset[str]) -> tuple[object, ...]:
        return ("activecampaign", "watched tags", self._client.http.origin, names)

    def forget(self, name: str) -> None:
        """The tag was removed meanwhile."""
        self._memo.drop(self._id_key(name))

    def names(self, ids: Iterable[str]) -> dict[str, str]:
        """The names of some tags; a tag that is gone meanwhile is left out."""
        known = self._known()
        missing = [tag for tag in dict.fromkeys(ids) if tag not in known]
        if len(missing) > _FEW:
            known.update(self._all())
        else:
            for tag in missing:
                found = self._client.try_get(f"tags/{tag}", "tags")
                if not isinstance(found, VendorError):
                    known[tag] = str(found.one("tag").get("tag", ""))
                elif not found.is_missing:
                    raise raise_for(found, "to read a tag")
        return {tag: known[tag] for tag in ids if known.get(tag)}

    def _known(self) -> dict[str, str]:
        return self._memo.get(self._names_key, _KEPT, dict[str, str])

    def _all(self) -> Mapping[str, str]:
        return {
            str(row["id"]): str(row["tag"])
            for page in self._client.pages("tags", "tags", "tags")
            for row in page.rows("tags")
        }

    def _find(self, name: str) -> str | None:
        query = [("search", name.strip())]
        for page in self._client.pages("tags", "tags", "tags", query):
            for row in page.rows("tags"):
                if same_tag(str(row.get("tag", "")), name):
                    return str(row["id"])
        return None

    def _create(self, name: str) -> str:
        made = self._client.send("POST", "tags", "tags", {"tag": {"tag": name.strip(), "tagType": "contact"}})
        if isinstance(made, VendorError):
            # Somebody made it meanwhile, or the search does not find what the check for duplicates does.
            found = self._find(name)
            if found is None:
                raise raise_for(made, "to make a tag")
            return found
        row: Mapping[str, Any] = made.one("tag")
        if "id" not in row:
            raise Transient("ActiveCampaign made a tag without telling its id", code="unreadable_answer")
        return str(row["id"])

    def _id_key(self, name: str) -> tuple[object, ...]:
        return ("activecampaign", "tag", self._client.http.origin, name.strip().casefold())


def _bare(name: str) -> str:
    return name.strip().removeprefix("[").removesuffix("]").strip().casefold()


def same_tag(one: str, other: str) -> bool:
    """Do both name the same tag to ActiveCampaign?"""
    return one.strip().casefold() == other.strip().casefold()
