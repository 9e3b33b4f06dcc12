"""Switches of the core: what the reference leaves unconfirmed, and what an organisation may have either way."""

from __future__ import annotations

from simulators.frame import Switch, flag

SWITCHES: tuple[Switch, ...] = (
    Switch(
        "undeclared_property_code",
        "0x0",
        "code and wording for a property the table has not: 0x0 'validating input parameters', or 0x80048d19 "
        "'Error identified in Payload'",
        "dataverse.md 1.10, rows 0x0 and 0x80048D19",
        ("0x0", "0x80048d19"),
    ),
    Switch(
        "unknown_segment_code",
        "0x80060888",
        "code of 'Resource not found for the segment': both were seen on live organisations (0x80060888 in "
        "microsoft/Dataverse-MCP issue 6, 0x8006088a in older reports)",
        "dataverse.md 1.10, row 0x80060888 [K]",
        ("0x80060888", "0x8006088a"),
    ),
    Switch(
        "invalid_for_write",
        "ignore",
        "a column that is not valid for create or update is passed over, or refused",
        "dataverse.md 2, caveat on IsValidForCreate",
        ("ignore", "refuse"),
    ),
    flag(
        "inactive_rows_refuse_updates",
        default=False,
        text="a row that is not active takes no change but of its state (0x80040230)",
        source="dataverse.md 1.10, row 0x80040230 [?]",
    ),
    Switch(
        "duplicate_key_status",
        412,
        "HTTP status of 0x80060892, an alternate key's values taken twice",
        "dataverse.md 8",
        (412, 400),
    ),
    Switch(
        "duplicate_detection_status",
        412,
        "HTTP status of 0x80040333, a duplicate detection rule that matched",
        "dataverse.md 1.9",
        (412, 500),
    ),
    Switch(
        "expired_token_status",
        400,
        "HTTP status of 0x80044352, an expired change-tracking token",
        "dataverse.md 1.4 and 8",
        (400, 410, 403, 500),
    ),
    Switch(
        "tracking_off_status",
        400,
        "HTTP status of 0x80072491, change tracking is not enabled for the table",
        "dataverse.md 8",
        (400, 404),
    ),
    Switch(
        "token_minted",
        "last",
        "the delta token stands for the moment of the first page of a tracked load, or of its last page",
        "dataverse.md 1.4, initial-load race [?]",
        ("first", "last"),
    ),
    flag(
        "delta_waits_for_open_commits",
        default=True,
        text="a delta token never passes a row version whose commit is still to become visible",
        source="dataverse.md 1.4 [?]",
    ),
    flag(
        "delta_lists_delete_of_recreated_row",
        default=True,
        text="a row deleted and made anew with the same id is listed as changed and as deleted",
        source="dataverse.md 1.4, ordering [?]",
    ),
    flag(
        "annotated_lookup_drops_delta_link",
        default=False,
        text="a tracked query with formatted lookup values gets no delta link on its last page",
        source="dataverse.md 1.4, #439",
    ),
    flag(
        "delta_repeats_rows",
        default=False,
        text="a row that changed while delta pages were read appears again on a later page",
        source="dataverse.md 1.4, ordering",
    ),
    flag(
        "ne_includes_null",
        default=True,
        text="`ne` and negated string functions keep rows whose column is null",
        source="dataverse.md 1.3 [?]",
    ),
    flag(
        "quoted_guids",
        default=False,
        text="a guid may stand in quotes in a filter",
        source="dataverse.md 1.3",
    ),
    Switch(
        "leading_wildcards",
        "allow",
        "a string function whose text begins with % is run, or refused",
        "dataverse.md 1.3",
        ("allow", "refuse"),
    ),
    Switch(
        "unknown_user_status",
        403,
        "HTTP status for a valid token of an application that is no user of the organisation",
        "dataverse.md 1.10, rows 0x80042F09 and 0x8004D24B [?]",
        (403, 401),
    ),
    Switch(
        "business_rule_code",
        "0x80040265",
        "code of an error that a table-scope business rule shows",
        "dataverse.md 3 and 8 [?]",
        ("0x80040265", "0x80048d19"),
    ),
    Switch(
        "upsert_multiple_duplicate_keys",
        "merge",
        "two targets of one UpsertMultiple with the same key: the second updates what the first made, or all fails",
        "dataverse.md 8",
        ("merge", "refuse"),
    ),
    flag(
        "bulk_ignores_etag",
        default=True,
        text="UpdateMultiple takes no notice of an If-Match or @odata.etag",
        source="dataverse.md 1.6 [?]",
    ),
    flag(
        "bulk_activities",
        default=False,
        text="email and appointment take CreateMultiple, UpdateMultiple and UpsertMultiple",
        source="dataverse.md 1.8 [?]",
    ),
    Switch(
        "limit_requests",
        6_000,
        "requests a user may send in `limit_seconds`; 0 is no limit",
        "dataverse.md 1.11",
    ),
    Switch(
        "limit_seconds",
        300,
        "the sliding window of the limits; a shorter one, with limits as much smaller, makes a test of them short",
        "dataverse.md 1.11",
    ),
    Switch(
        "limit_execution_ms",
        1_200_000,
        "combined execution time a user may take in `limit_seconds`, in milliseconds; 0 is no limit",
        "dataverse.md 1.11",
    ),
    Switch(
        "limit_concurrent",
        52,
        "requests a user may have under way at once; 0 is no limit",
        "dataverse.md 1.11",
    ),
    Switch(
        "ms_per_row_written",
        5.0,
        "execution time charged for a row written, in milliseconds",
        "dataverse.md 1.11; issue B",
    ),
    Switch(
        "ms_per_request",
        10.0,
        "execution time charged for a request beside the rows it writes, in milliseconds",
        "dataverse.md 1.11",
    ),
    Switch(
        "web_servers",
        1,
        "web servers of the environment: limits count on each by itself, the ARRAffinity cookie keeps a client on one",
        "dataverse.md 1.11",
    ),
    Switch(
        "hint_parallelism",
        8,
        "x-ms-dop-hint: requests the service would like at once",
        "dataverse.md 1.11",
    ),
)
