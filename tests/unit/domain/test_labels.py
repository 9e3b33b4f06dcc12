"""Tag pairs: what they mean, in whatever spelling they are found."""

import pytest

from shared.domain.labels import Labels, bare

PUSHED, PULLED = "D365: Pushed from Dynamics", "D365: Pulled from ActiveCampaign"
CONTACT = Labels(
    "D365: Contact",
    PUSHED,
    PULLED,
    aliases={
        "D365: Contacto": "D365: Contact",
        "D365: Enviado desde Dynamics": PUSHED,
        "D365: Cliente potencial": "D365: Lead",
    },
    foreign={"D365: Lead": -1},
)
LEAD = Labels("D365: Lead", PUSHED, PULLED, foreign={"D365: Contact": 1})


@pytest.mark.feature("AC-03.3", system="activecampaign")
@pytest.mark.parametrize(
    "label",
    [
        "D365: Contact",
        "d365: contact",
        "[D365: Contact]",
        " [ d365:  CONTACT ] ",
        "[[D365: Contact]]",
        "d365: contacto",
        "[D365: CONTACTO]",
    ],
)
def test_a_tag_is_known_in_every_spelling_and_never_doubled(label: str) -> None:
    assert CONTACT.known([label]) == {"D365: Contact"}
    assert CONTACT.swap([label]) == (frozenset(), frozenset())
    assert CONTACT.complete([label, PUSHED])


@pytest.mark.parametrize("label", ["", "Contact", "D365:Contact", "D365: Contacts", "[D365: Contact", "D365"])
def test_other_tags_mean_nothing(label: str) -> None:
    assert CONTACT.known([label]) == frozenset()


@pytest.mark.feature("AC-05.1", system="activecampaign")
@pytest.mark.parametrize(
    ("labels", "missing"),
    [
        ({"D365: Contact", PUSHED}, ()),
        ({"D365: Contact", PULLED}, ()),
        ({"D365: Contact", PUSHED, PULLED, "VIP"}, ()),
        ({"D365: Contact"}, (f"{PUSHED} / {PULLED}",)),
        ({PUSHED}, ("D365: Contact",)),
        ({"D365: Lead", PUSHED}, ("D365: Contact",)),
        (set(), ("D365: Contact", f"{PUSHED} / {PULLED}")),
    ],
)
def test_updates_flow_only_with_a_pair_of_their_kind_and_the_missing_tag_is_named(
    labels: set[str], missing: tuple[str, ...]
) -> None:
    assert CONTACT.missing(labels) == missing
    assert CONTACT.complete(labels) is (not missing)


@pytest.mark.feature("AC-03.1", system="activecampaign")
def test_the_pairs_that_are_put_on_new_records() -> None:
    assert CONTACT.pushed_pair() == {"D365: Contact", PUSHED}
    assert LEAD.pushed_pair() == {"D365: Lead", PUSHED}
    assert LEAD.pulled_pair() == {"D365: Lead", PULLED}


@pytest.mark.feature("AC-05.2", system="activecampaign")
def test_qualification_swaps_the_kind_and_keeps_the_origin() -> None:
    add, remove = CONTACT.swap({"[d365: lead]", PULLED, "VIP"})
    assert add == {"D365: Contact"}
    assert remove == {"[d365: lead]"}, "removed in the spelling it was found in"
    assert CONTACT.swap({"D365: Cliente potencial", PULLED})[1] == {"D365: Cliente potencial"}


@pytest.mark.feature("AC-05.3", system="activecampaign")
def test_with_both_kinds_the_contact_wins() -> None:
    both = {"D365: Contact", "D365: Lead", PULLED}
    assert LEAD.outranked(both)
    assert not CONTACT.outranked(both)
    assert CONTACT.asks_to_create(both)
    assert not LEAD.asks_to_create(both)


@pytest.mark.feature("AC-04.1", system="activecampaign")
def test_only_a_pulled_pair_asks_for_a_new_row() -> None:
    assert LEAD.asks_to_create({"D365: Lead", PULLED})
    assert not LEAD.asks_to_create({"D365: Lead", PUSHED})
    assert not LEAD.asks_to_create({"D365: Lead"})
    assert not LEAD.asks_to_create(None)


def test_labels_are_compared_in_one_unicode_form() -> None:
    assert bare("[ Jos\u00e9 ]") == bare("JOSE\u0301")
    assert bare("[]") == ""
