"""Scenarios that stand elsewhere in the tests, and those that do not apply to what the product is today."""

from __future__ import annotations

from collections.abc import Mapping

IDS: Mapping[str, int] = {"A": 23, "C": 18, "D": 20, "N": 19, "F": 27, "L": 12, "S": 19, "B": 21}
"""How many scenarios each group has: A01 to A23, and so on."""

TITLES: Mapping[str, str] = {
    "A": "Correctness",
    "C": "Conflict",
    "D": "Deletes and merges",
    "N": "Identity",
    "F": "Faults",
    "L": "Load",
    "S": "Security and privacy",
    "B": "Bad input",
}

ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "A17": ("tests/unit/sync/test_features.py::test_a_child_waits_for_its_parent_and_is_never_lost",),
    "F06": ("tests/wire/http/test_client.py::test_every_form_of_retry_after_gives_a_sane_wait",),
    "L04": ("tests/runtime_state/test_azure_budgets.py::test_workers_in_real_time_stay_below_the_limit_together",),
    "L08": (
        "tests/app/test_requests.py::test_the_automation_step_sets_both_tags_on_arrival_and_the_next_slot_makes_one_row",
        "tests/app/test_requests.py::test_a_call_is_answered_at_once_repeats_are_folded_and_the_body_is_only_a_hint",
    ),
    "L12": ("tests/simulation/test_soak.py::test_no_echo_no_empty_write_and_quiet_after_one_cycle",),
    "S07": (
        "tests/wire/http/test_origin.py::test_a_foreign_link_is_refused",
        "tests/hostile/test_hostile_servers.py::test_a_link_of_dynamics_leads_no_credential_elsewhere",
    ),
    "S08": (
        "tests/wire/http/test_client.py::test_a_redirect_is_never_followed",
        "tests/hostile/test_hostile_servers.py::test_an_answer_that_is_none_harms_nothing",
    ),
    "S10": (
        "tests/wire/connectors/test_canary.py::test_dynamics_keeps_it_to_itself",
        "tests/wire/connectors/test_canary.py::test_activecampaign_keeps_it_to_itself",
    ),
    "S11": ("tests/wire/http/test_client.py::test_nothing_private_is_logged",),
    "S14": ("tests/app/test_requests.py::test_a_wrong_secret_opens_nothing_and_says_nothing_of_what_there_is",),
    "S17": ("tests/app/test_api_roles.py::test_every_route_opens_to_those_the_table_names_and_to_nobody_else",),
    "B17": (
        "tests/unit/domain/test_entity_file.py::test_every_mistake_is_told_at_once_with_its_place",
        "tests/unit/domain/test_maps_and_schemas.py::test_a_map_that_does_not_round_trip_for_a_sample_is_refused_unless_one_way",
        "tests/unit/domain/test_maps_and_schemas.py::test_two_connections_may_not_write_one_column_without_an_order",
    ),
}
"""Scenarios whose test belongs with the part it proves."""

_EXCHANGE = "Exchange is not connected yet; its connector brings the test."

REASONS: Mapping[str, str] = {
    "D10": _EXCHANGE,
    "N13": "Links live in the app's own state; no external-id column is written to Dynamics that anybody could copy.",
    "N14": "Rows are made under ids of ours, so no alternate key has to be built.",
    "N18": "Adobe Campaign is not connected yet; its connector brings the test.",
    "F11": _EXCHANGE,
    "F20": "No system in use hands out refresh tokens: application credentials and keys do not rotate by use.",
    "F21": "See F20.",
    "F23": _EXCHANGE,
    "F24": _EXCHANGE,
    "L05": "The shared budget keeps calls below the limit, so there is no 429 to react to (L04); a 429 is F05.",
    "L09": "No queue holds a message per record: a message names a lane, and what waits lies in the lane's state.",
    "S12": _EXCHANGE,
    "S13": _EXCHANGE,
    "S19": "No webhook in use is signed: ActiveCampaign's are not, so the address carries the secret (S14).",
}
"""Scenarios without a test, and why."""
