"""What can become of a record, a field or a field's mapping: a closed list, each with its meaning and the next step.

An outcome code is a status, or a status and a reason (`skipped:tags_missing`). API, page, exports and the reference
page of the documentation take their words from here; a test holds every code that the product uses against this list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """What an outcome counts as. WAITING is not an outcome yet: the record is taken up again by itself."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SKIPPED = "skipped"
    CONFLICTED = "conflicted"
    FAILED = "failed"
    WAITING = "waiting"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Reason:
    """One code, what it means and what to do next, each in one English sentence."""

    code: str
    meaning: str
    next_step: str

    @property
    def status(self) -> Status:
        status = self.code.partition(":")[0]
        return _COUNTED_AS.get(status) or Status(status)


_COUNTED_AS: Final = {
    "deactivated": Status.DELETED,
    "again": Status.WAITING,
    "relinked": Status.UPDATED,
    "enrolled": Status.UPDATED,
}

_NOTHING = "Nothing."
_CORRECT = "Correct the value in the system it comes from; the record is taken up again at once."
_MAP = "Open the field mapping, correct it, and save; the field is taken up again."

_DONE: Final = (
    ("created", "The record was made on the other side.", _NOTHING),
    ("updated", "At least one field was written.", _NOTHING),
    ("relinked", "The link moved to another record (a merge, or a lead that was qualified).", _NOTHING),
    ("unchanged", "Both sides hold what they agreed on; nothing was written.", _NOTHING),
    ("deleted", "The record was deleted on one side and, where the policy says so, on the other.", _NOTHING),
    ("deactivated", "The record was deleted on one side and deactivated on the other.", _NOTHING),
    ("enrolled", "The record was added to the automation.", _NOTHING),
    ("again", "The record is decided once more within the same run.", _NOTHING),
)

_WAITING: Final = (
    ("waiting", "One side has to be read first.", "Nothing; it is read within the same run."),
    ("waiting:id", "The partner took the record over and has not told its id yet.", "Nothing; the feed brings it."),
    ("waiting:busy", "Another step of the same run is working on the record.", _NOTHING),
    (
        "waiting:answer",
        "The partner's answer was lost; nothing is sent again before it is known what became of it.",
        "Nothing; it is looked again within minutes.",
    ),
    (
        "waiting:limit",
        "A system's limit is reached; the request goes on when it allows.",
        "Nothing; it goes on by itself.",
    ),
    ("waiting:initial", "The initial sync has not been run yet.", "Finish the set-up and switch the sync on."),
    ("waiting:slot", "The change waits for the next scheduled run, as the partner's own rules ask.", _NOTHING),
    (
        "waiting:retry",
        "The record is parked and has not changed; its next try has a time.",
        "Nothing, or retry it now.",
    ),
    (
        "waiting:children",
        "The record is deleted when those that hang off it were seen to, at the end of the run.",
        "Nothing; the same run does it.",
    ),
    ("waiting:make", "A flow step asked for a row in Dynamics.", "Nothing; the next look of the lane makes it."),
    ("waiting:update", "A flow step asked for the pair to be brought in step.", "Nothing; the lane does it."),
    ("waiting:parent", "The parent record has no counterpart yet.", "Nothing; the record follows its parent."),
)

_SKIPPED: Final = (
    ("outside_criteria", "The Dynamics row does not meet the criteria.", "Change the row or the criteria."),
    ("tags_missing", "The partner record lacks a tag of its pair.", "Add the missing tag, or leave it out on purpose."),
    ("direction", "Nothing of this entity flows that way.", "Change the entity's direction if it should."),
    ("not_linked", "The record has no counterpart and nothing asks to make one.", "Tag it or run the automation step."),
    (
        "person_not_linked",
        "An activity of somebody who has no counterpart in Dynamics; nothing was made of it.",
        "Nothing; once the person is linked, it comes when the activities are gone through again, within a day.",
    ),
    ("duplicate_match", "Another record has the same e-mail address and is linked already.", "Merge the two records."),
    ("exists", "Dynamics has a row of this person already; it was left as it is.", "Nothing; a run links the two."),
    ("deleted", "The record was deleted earlier and stays deleted.", "Create a new record if it should come back."),
    ("delete_ignored", "The other record was deleted; this entity's policy leaves this one alone.", _NOTHING),
    ("gone", "The record no longer exists on either side.", _NOTHING),
    ("inactive", "The Dynamics row is deactivated, so nothing is made from it.", "Activate the row."),
    ("refused", "A person decided never to link this record.", "Lift the refusal on the record's page."),
    ("suppressed", "The person was erased and is never taken up again.", _NOTHING),
    ("unsupported", "This kind of record cannot be synchronised.", "See the guide of the connection."),
    ("off", "The entity or the connection is switched off.", "Switch it on."),
    ("enrolled", "The record is in the automation already.", "Nothing, or add it again once it has left."),
    (
        "opted_out",
        "The person opted out, so that they are not added to automations.",
        "Nothing; only their own act brings them back.",
    ),
    ("automation_off", "The automation does not run.", "Start it in the partner system, then add the record again."),
)

_CONFLICTED: Final = (
    ("asked", "Both sides changed a field, and its policy asks a person.", "Choose a value in the list of conflicts."),
    (
        "conflict",
        "Both sides changed a field, and its policy asks a person.",
        "Choose a value in the list of conflicts.",
    ),
    ("duplicate_match", "Several Dynamics rows have the same e-mail address.", "Merge them, or change one address."),
    ("merged", "Two linked records were merged; their counterparts are duplicates now.", "Merge the counterparts too."),
    ("outcome_unknown", "A write's answer was lost and the field was changed since.", "Choose a value."),
)

_FAILED: Final = (
    ("rejected", "The other system refused the record.", "Read its message, correct the record; it is tried again."),
    ("field_rejected", "The other system refused one field; the others were written.", _CORRECT),
    ("ambiguous_match", "Several records have this e-mail address.", "Link the right one, or merge them."),
    ("no_match_value", "The record has no usable e-mail address to be matched by.", "Enter an e-mail address."),
    ("required_empty", "A required field is empty.", "Fill it in the system the record comes from."),
    ("cannot_clear", "The field was emptied, but the other system cannot empty it.", "Enter a value."),
    ("too_long", "An address, number or link is longer than the other system can store.", _CORRECT),
    ("out_of_range", "The number or date is outside what the other system can store.", _CORRECT),
    ("invalid_character", "The text holds a control character that no system stores.", _CORRECT),
    ("invalid_email", "The value is not an e-mail address.", _CORRECT),
    ("not_a_number", "The text is not a number.", _CORRECT),
    ("not_a_whole_number", "The number has a fraction, but the other system stores whole numbers.", _CORRECT),
    ("not_a_date", "The text is not a date in the declared format.", _CORRECT),
    ("not_yes_or_no", "The text is neither yes nor no.", _CORRECT),
    (
        "no_time_zone",
        "The time came without a zone, so nobody knows the moment it means.",
        "Report it with the record's id.",
    ),
    ("wrong_type", "The value is of another type than its field.", "Run Check; the schema may have changed."),
    ("wrong_target", "The reference names a kind of record that the field does not take.", _CORRECT),
    (
        "unknown_option",
        "The choice does not exist (any more) on the other side.",
        "Add the option there, or choose another.",
    ),
    ("unmapped_value", "The value map does not name this value.", "Add it to the value map of the field."),
    ("several_choices", "Several choices are set, but the other field takes one.", _CORRECT),
    ("prefix_missing", "The value lacks the prefix that the mapping takes off.", _CORRECT),
    ("suffix_missing", "The value lacks the suffix that the mapping takes off.", _CORRECT),
    ("separator_in_value", "A part of a joined field holds the separator.", "Change the value or the separator."),
    ("parent_not_linked", "The parent record has no counterpart.", "Nothing, or bring the parent into the criteria."),
    (
        "ping_pong",
        "A field keeps alternating between two values.",
        "Find the workflow that changes it back; then retry.",
    ),
    ("superseded", "Another Dynamics row of higher rank took the partner record over.", _NOTHING),
    (
        "feed_refused",
        "The partner refused to tell these activities; everything else went on.",
        "Read its message and grant the permission it names; it is asked again in every run.",
    ),
    (
        "lost",
        "The partner no longer knows the import that the record was part of.",
        "Nothing; it is settled by reading.",
    ),
    (
        "id_never_told",
        "The partner took the record, but never told its id: somebody changed its address or deleted it meanwhile.",
        "Nothing; it is made again, or matched.",
    ),
    (
        "record_not_found",
        "Dynamics has no such row, or the connection may not see it.",
        "Copy the row's id from its address in Dynamics.",
    ),
    ("automation_unknown", "The partner has no such automation (any more).", "Choose another of the list."),
    (
        "automation_refused",
        "The partner did not take the record into the automation.",
        "Look at the automation there; it may take each record only once.",
    ),
    (
        "limit_reached",
        "A limit of the partner's account is reached.",
        "Raise the limit or make room there, then ask again.",
    ),
    (
        "enrolment_unknown",
        "The answer was lost, and the partner does not tell who is in the automation.",
        "Look there whether the record is in it; if not, add it again.",
    ),
    ("never_linked", "The record got no counterpart within three days.", "Look the record up: it says why."),
    ("unknown_owner", "Dynamics has no such user or team.", "Refresh the list of owners, and choose again."),
    ("unknown_campaign", "Dynamics has no such campaign.", "Refresh the list of campaigns, and choose again."),
    ("unusable_choice", "The flow step was told something that it cannot use.", "Correct the step in the campaign."),
    ("stopped", "The connection stopped, or refuses to work, until a person looks.", "Read the connection's status."),
    (
        "privilege_missing",
        "Dynamics refused this step: the application user's role lacks a privilege for it.",
        "Give that role the privilege that the message names, then run the step again.",
    ),
    ("not_in_time", "The record was not made in time for the answer; it is still made.", "Look at the lane's backlog."),
    ("unknown", "The outcome has a code of a newer release.", "Update the product, or report the code."),
)

_BROKEN: Final = (
    ("crm_field_missing", "Dynamics has no such column any more.", "Restore the column, or map another one."),
    ("partner_field_missing", "The partner has no such field any more.", "Restore the field, or map another one."),
    ("crm_field_unreadable", "The Dynamics column cannot be read.", "Grant read access in a column security profile."),
    ("partner_field_unreadable", "The partner's field cannot be read.", "Grant the connection's user read access."),
    ("crm_field_read_only", "The Dynamics column cannot be written.", "Let the field flow to the partner only."),
    ("partner_field_read_only", "The partner's field cannot be written.", "Let the field flow to Dynamics only."),
    ("incompatible_types", "The two fields' types do not go together.", _MAP),
    ("option_missing", "An option of the value map does not exist any more.", "Restore it, or correct the value map."),
    ("no_round_trip", "A value would not come back from the partner as it went there.", _MAP),
    ("transform_unfit", "A transform does not work on this type of field.", _MAP),
    ("value_map_unfit", "A value map does not work on this type of field.", _MAP),
    ("policy_unfit", "The policy does not work on this type of field.", _MAP),
    ("bad_option", "An option of a transform is missing or wrong.", _MAP),
    ("bad_value", "A value in the mapping is none that the field can hold.", _MAP),
    (
        "criteria",
        "The criteria name a column that is gone or cannot be read.",
        "Correct the criteria; nothing flows until then.",
    ),
)


def _all() -> Iterator[Reason]:
    for code, meaning, step in (*_DONE, *_WAITING):
        yield Reason(code, meaning, step)
    groups = (("skipped", _SKIPPED), ("conflicted", _CONFLICTED), ("failed", _FAILED), ("broken", _BROKEN))
    for status, rows in groups:
        for name, meaning, step in rows:
            yield Reason(f"{status}:{name}", meaning, step)


REASONS: Final = {reason.code: reason for reason in _all()}
"""Every code there is."""


def known(code: str) -> bool:
    return code in REASONS


def reason(code: str) -> Reason:
    """The words for a code; a code of a newer release gets those of `failed:unknown`."""
    return REASONS.get(code) or REASONS["failed:unknown"]


_TITLES: Final = {
    Status.CREATED: "Done",
    Status.WAITING: "Waiting",
    Status.SKIPPED: "Skipped on purpose",
    Status.CONFLICTED: "Conflicts",
    Status.FAILED: "Failed: the record or the field is parked and tried again",
    Status.BROKEN: "A field's mapping is parked until the schema has what it needs",
}


def reference_page() -> str:
    """The documentation's page of all codes, in Markdown."""
    lines = [
        "# Outcome codes",
        "",
        "What became of a record in a run, of one of its fields, or of a field's mapping. The list is closed: the",
        "product uses no other code. `shared.domain.outcomes.reference_page` writes this page; change the words there.",
    ]
    for status, title in _TITLES.items():
        rows = [found for found in REASONS.values() if _section(found.status) is status]
        lines += ["", f"## {title}", "", "| code | what it means | next step |", "|---|---|---|"]
        lines += [f"| `{found.code}` | {found.meaning} | {found.next_step} |" for found in rows]
    return "\n".join(lines) + "\n"


def _section(status: Status) -> Status:
    done = {Status.CREATED, Status.UPDATED, Status.UNCHANGED, Status.DELETED}
    return Status.CREATED if status in done else status
