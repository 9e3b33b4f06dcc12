"""What Adobe's documents leave open, and what one subscription has and another has not."""

from __future__ import annotations

from simulators.frame.switches import Switch, flag

_USED = (400, 401, 403, 404, 405, 409, 410)

SWITCHES: tuple[Switch, ...] = (
    # limits
    Switch("calls_per_window", 100, "calls in 20 seconds over all users; 0 lifts the limit for tests", "2.3"),
    Switch("concurrent_calls", 10, "calls at once over all users; 0 lifts the limit", "2.3"),
    Switch("daily_quota", 50_000, "calls a day of US Central; some subscriptions have 10,000", "0.6"),
    flag("refused_calls_count", default=True, text="606, 607 and 615 count against rate and quota", source="2.3"),
    # identity
    Switch("token_seconds", 3600, "how long a token lives", "2.1"),
    Switch("bad_client", "invalid_client", "error of the 401 body", "2.1", ("invalid_client", "unauthorized")),
    flag("query_token", default=False, text="access_token in the query is still taken", source="0.8"),
    Switch("missing_token", "600", "code when no token was sent", "2.1 [U]", ("600", "601")),
    # subscription
    flag("native_sync", default=False, text="Adobe's own Dynamics sync is on", source="0.2"),
    Switch(
        "native_reads", "allowed", "reading companies and the like under native sync", "0.2", ("allowed", "refused")
    ),
    flag("external_person_id", default=False, text="MSI Non-Native: leads have externalPersonId", source="0.3"),
    flag("custom_object_schema", default=True, text="licence for the custom object metadata API", source="2.6"),
    # values
    Switch("too_long", "refuse", "text longer than its field", "2.2 [U]", ("refuse", "truncate")),
    Switch("null_fields", "null", "an asked field without value", "2.2", ("null", "absent")),
    Switch("activity_offset", "Z", "end of activityDate; older samples have +0000", "2.2", ("Z", "+0000")),
    # leads
    Switch("company_in_leads", "refuse", "company fields in a lead write", "2.4", ("refuse", "unlinked")),
    Switch("duplicate_input", "skip", "one key twice in a lead write", "2.3 [U]", ("skip", "in_turn")),
    flag("upsert_race", default=True, text="two upserts of a key at once make two leads", source="2.4"),
    Switch("merged_ids", "brackets", "Merge IDs of activity 32", "2.4 [U]", ("brackets", "plain")),
    # activities
    Switch("feed_scan", 3000, "log rows one call looks at; what it finds may be fewer than a page, or none", "2.5"),
    Switch("feed_lag_seconds", 0.0, "how long an activity takes to show in feeds", "2.5 [U]"),
    Switch(
        "feed_resume",
        "exact",
        "where a token goes on within the last second seen",
        "0.7 [U]",
        ("exact", "same_second", "next_second"),
    ),
    flag("large_list_refused", default=True, text="feeds by lists of 10,000 leads or more", source="2.5"),
    Switch("large_list", 10_000, "how many that is", "2.5"),
    Switch("company_fanout", 5000, "most leads of a company that log a change of it", "1.1 [U]"),
    # flow steps
    Switch("used_token", 401, "status for a callback whose token was used", "4.1 [U]", _USED),
    Switch("callback_bytes", 10_485_760, "largest body of a callback", "4.1 [U]"),
    Switch("flow_chunk", 300, "people a flow step hands over in one call", "4.1 [U]"),
    Switch("flow_retries", 3, "how often a call is tried again after 429, 500 or silence", "4.1 [U]"),
    Switch("flow_retry_seconds", 0.2, "pause before that", "4.1 [U]"),
    # bulk
    Switch("import_start_seconds", 2.0, "from queueing to start", "2.7"),
    Switch("import_seconds_per_row", 0.002, "pace of an import", "2.7"),
    flag("bulk_updated_at", default=True, text="lead export by updatedAt is installed", source="2.7"),
    Switch("export_start_seconds", 5.0, "from queueing to start", "2.7"),
    Switch("export_seconds_per_row", 0.001, "pace of an export", "2.7"),
    Switch("export_status_seconds", 60.0, "how often the status of an export is renewed", "2.7"),
    Switch("export_daily_bytes", 500_000_000, "what may be exported in a day of US Central", "2.7"),
    Switch("export_cancelled", "Canceled", "the documents spell it both ways", "2.7", ("Canceled", "Cancelled")),
    Switch("export_file_lag_seconds", 0.0, "Completed may precede the file: 404 meanwhile", "2.7"),
)
