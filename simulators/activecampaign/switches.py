"""What the documents leave open about ActiveCampaign, and what an account may have or lack.

Every `source` names the line of the reference. The default of an open question is the reading that asks more of a
client, unless live answers were recorded.
"""

from __future__ import annotations

from simulators.frame.switches import Switch, flag

SWITCHES: tuple[Switch, ...] = (
    # rate and keys
    Switch("requests_per_second", 5, "calls a second for the whole account; 0 lifts the limit for tests", "2.3"),
    Switch(
        "account_address",
        "",
        "the address that links in answers name, where it is not this server's: another account behind the same URL",
        "2.4 [R]",
    ),
    Switch("rate_window", "sliding", "any second, or each second of the clock", "2.3 [U]", ("sliding", "second")),
    Switch("rate_limit_status", 429, "429 is documented; one report saw 503", "2.3 [T]", (429, 503)),
    Switch("rate_limit_body", "json", "the body beside 429 is unspecified", "2.14 (h) [U]", ("json", "empty", "html")),
    Switch("retry_after_seconds", 1, "the documents' example says 30", "2.3"),
    flag("retry_after_on_success", default=False, text="a 200 with Retry-After: 1 was recorded once", source="2.3 [R]"),
    Switch("bad_key", "403", "403, or a log-in page with 2xx", "2.1 [O/T]", ("403", "html_200", "html_403")),
    # plan
    flag("plan_crm", default=True, text="without it accounts and deals answer 403", source="2.9 [T]"),
    Switch("plan_contact_limit", 0, "contacts the plan allows; 0: no limit", "2.12, 2.15"),
    Switch("contact_limit_status", 403, "what a REST create says at the limit", "2.15 [U]", (403, 422)),
    flag("phone_only_contacts", default=False, text="the account opted in to contacts without e-mail", source="2.5"),
    flag("dotless_domains", default=False, text="an e-mail whose domain has no dot is taken", source="2.12 [U]"),
    # lists of records
    Switch("limit_over_100", "clamp", "limit above 100", "2.4 [U]", ("clamp", "as_asked", "refuse")),
    Switch("updated_after_bound", "strict", "filters[..._after]", "2.4 [U]", ("strict", "inclusive")),
    Switch("naive_filter_zone", "central", "zone of a filter time without offset", "2.4 [U]", ("central", "utc")),
    Switch("total_with_id_greater", "remaining", "what meta.total counts", "2.4 [U]", ("remaining", "all")),
    flag(
        "include_side_loads", default=False, text="include= on contacts, said by third parties only", source="2.4 [U]"
    ),
    Switch("segment_seconds", 2.0, "how long a segment's job runs", "2.4"),
    Switch("segment_pending", "202", "the answer while it runs", "2.4 [U]", ("202", "empty")),
    # contacts
    Switch("sync_update_status", 200, "recorded 200; the document says 201", "2.5 [R/O]", (200, 201)),
    Switch("email_stored_as", "sent", "letter case of a stored e-mail", "2.5 [U]", ("sent", "lower")),
    Switch("readded_email", "new_id", "creating a deleted e-mail again", "2.5 [U]", ("new_id", "revived_id")),
    Switch("merged_source", "not_found", "GET of the id merged away", "2.5 [U]", ("not_found", "destination")),
    flag("list_change_bumps_udate", default=False, text="an opt-out shows in updated_after", source="2.5 [O/I]"),
    flag("deal_change_bumps_udate", default=True, text="a deal bumps its contact", source="2.5 [I]"),
    flag("tag_removal_bumps_udate", default=True, text="as adding does", source="2.5 [I]"),
    # fields, tags, lists
    Switch("field_create_shape", "field", "recorded, or the document's list", "2.8 [R/O]", ("field", "fields")),
    Switch("bad_field_value", "refuse", "a value that does not fit its field", "2.8, 5.6 [T]", ("refuse", "store")),
    Switch("datetime_returned_as", "central", "offset of a stored date and time", "2.8 [U]", ("central", "sent")),
    Switch("list_create_status", 201, "recorded 201; the document says 200", "2.6 [R/O]", (201, 200)),
    Switch("account_name_match", "ignore_case", "which names are the same", "2.9 [U]", ("ignore_case", "exact")),
    # automations
    Switch(
        "entry_while_inside",
        "second",
        "adding a contact who is in the automation at this moment",
        "2.11 [U]",
        ("second", "refused"),
    ),
    Switch("entry_refused_status", 403, "403 is documented; clients meet 422 too", "2.11 [O/T]", (403, 422)),
    # bulk import
    Switch("bulk_start_seconds", 1.0, "from queueing to start", "2.12"),
    Switch("bulk_seconds_per_contact", 0.02, "pace of an import", "2.12"),
    Switch("bulk_success_key", "Success", "capitalisation varies", "2.12", ("Success", "success")),
    Switch("bulk_waiting_word", "waiting", "status before an import starts", "2.12 [U]"),
    Switch("bulk_active_word", "active", "status while it runs", "2.12 [U]"),
    Switch(
        "bulk_exclude_automations",
        "either",
        "where exclude_automations counts",
        "2.12 [U]",
        ("either", "top_level", "per_contact"),
    ),
    flag("bulk_shuffled_ids", default=True, text="ids of a status answer are in no order", source="2.12 [U]"),
    Switch("bulk_empty_value", "ignored", "an empty name or field in an import", "2.12 [U]", ("ignored", "wipes")),
    Switch(
        "bulk_bad_field_value",
        "dropped",
        "a value that does not fit its field",
        "2.12 [U]",
        ("dropped", "stored", "fails_row"),
    ),
    Switch(
        "bulk_account_conflict", "keep", "customer_acct_name beside another account", "2.12 [U]", ("keep", "replace")
    ),
    # activities
    flag("activities_readable", default=True, text="the key's user may read activities", source="2.14 (e)"),
    flag(
        "activity_references",
        default=True,
        text="include=reference.* brings what entries refer to as lists beside them",
        source="2.11 [O] that it is a parameter; [U] its form",
    ),
    # webhooks
    Switch(
        "webhook_https_port",
        "443_refuse",
        "https goes to port 443 only; loopback ports are a test's option",
        "2.13",
        ("443_refuse", "443_silent", "any_loopback"),
    ),
    Switch("webhook_timeout_seconds", 10.0, "how long an endpoint may take", "2.13 [U]"),
    flag("webhook_sends_twice", default=False, text="at least once: every delivery comes double", source="2.13"),
    Switch(
        "tag_event_key", "tag", "key of the tag's text in contact_tag_added", "3.1 [U]", ("tag", "tag[name]", "none")
    ),
    # custom objects
    Switch("record_delete_seconds", 0.0, "deleting a record is accepted (202) and done later", "2.10"),
)
