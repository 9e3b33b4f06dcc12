"""Who may do what: roles, depths, owners, impersonation, bypass."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from simulators.dataverse.security.seeds import root_unit
from simulators.dataverse.store import Ref
from tests.wire.dataverse.more.organisation import ADMIN, OTHER, USER, Org

UNITS = {name: f"dddddddd-0000-4000-8000-00000000000{n}" for n, name in enumerate(("north", "south", "below"), 1)}


def contact(org: Org, name: str, owner: str = ADMIN) -> str:
    return org.create("contacts", {"lastname": name, "ownerid@odata.bind": f"/systemusers({owner})"})


def seen(org: Org, user: str) -> list[str]:
    rows = org.ok("GET", "contacts?$select=lastname&$orderby=lastname", user=user)["value"]
    return [row["lastname"] for row in rows]


@pytest.mark.rule("DV-SE-01")
@pytest.mark.parametrize(
    ("right", "method", "path", "body"),
    [
        ("Read", "GET", "contacts", None),
        ("Read", "GET", "contacts({id})", None),
        ("Read", "GET", "contacts/$count", None),
        ("Create", "POST", "contacts", {"lastname": "x"}),
        ("Write", "PATCH", "contacts({id})", {"lastname": "x"}),
        ("Delete", "DELETE", "contacts({id})", None),
    ],
)
def test_a_missing_privilege_is_named(org: Org, right: str, method: str, path: str, body: Any) -> None:
    row = contact(org, "x")
    others = [each for each in ("Create", "Read", "Write", "Delete") if each != right]
    org.grant(USER, contact=dict.fromkeys(others, "Global"), account="Global")
    text = org.refused(403, "0x80040220", method, path.format(id=row), body, user=USER)
    assert f"prv{right}Contact" in text
    assert USER in text
    assert seen(org, ADMIN) == ["x"]


@pytest.mark.rule("DV-SE-02", "DV-SE-03")
@pytest.mark.parametrize(
    ("depth", "rows"),
    [
        ("Basic", ["mine", "team's"]),
        ("Local", ["mine", "south", "team's"]),
        ("Deep", ["below", "mine", "south", "team's"]),
        ("Global", ["below", "mine", "north", "south", "team's"]),
    ],
)
def test_depth_decides_which_rows_are_seen(org: Org, depth: str, rows: list[str]) -> None:
    store, root = org.system.store, root_unit(org.system)
    for name, parent in (("north", root), ("south", root), ("below", UNITS["south"])):
        store.put(
            "businessunit",
            {"businessunitid": UNITS[name], "name": name, "parentbusinessunitid": Ref("businessunit", parent)},
        )
    people = {name: f"eeeeeeee-0000-4000-8000-00000000000{n}" for n, name in enumerate(("north", "south", "below"), 1)}
    for number, (name, user_id) in enumerate(people.items(), start=4):
        org.add_user(user_id, number, businessunitid=Ref("businessunit", UNITS[name]))
    org.add_user(USER, 2, businessunitid=Ref("businessunit", UNITS["south"]))
    org.grant(USER, contact=depth)
    team = "ffffffff-0000-4000-8000-000000000001"
    store.put("team", {"teamid": team, "name": "t", "businessunitid": Ref("businessunit", UNITS["north"])})
    org.ok("POST", f"teams({team})/teammembership_association/$ref", {"@odata.id": f"systemusers({USER})"})
    for name, user_id in {**people, "mine": USER}.items():
        contact(org, name, user_id)
    org.create("contacts", {"lastname": "team's", "ownerid@odata.bind": f"/teams({team})"})
    assert seen(org, USER) == rows
    assert org.ok("GET", "contacts?$count=true&$select=lastname", user=USER)["@odata.count"] == len(rows)


@pytest.mark.rule("DV-SE-03")
def test_a_row_out_of_reach_is_refused_by_name(org: Org) -> None:
    org.grant(USER, contact="Basic")
    mine, other = contact(org, "mine", USER), contact(org, "other")
    for method, body in (("GET", None), ("PATCH", {"jobtitle": "x"}), ("DELETE", None)):
        text = org.refused(403, "0x80048306", method, f"contacts({other})", body, user=USER)
        assert other in text
    assert org.call("PATCH", f"contacts({mine})", {"jobtitle": "x"}, user=USER).status == 204
    assert org.call("DELETE", f"contacts({mine})", user=USER).status == 204


@pytest.mark.rule("DV-SE-04")
def test_a_lookup_needs_append_and_append_to(org: Org) -> None:
    account = org.create("accounts", {"name": "A"})
    rights = {"Create": "Global", "Read": "Global", "Write": "Global"}
    body = {"lastname": "x", "parentcustomerid_account@odata.bind": f"/accounts({account})"}
    org.grant(USER, contact=rights, account=rights)
    assert "prvAppendContact" in org.refused(403, "0x80040220", "POST", "contacts", body, user=USER)
    org.grant(USER, contact={**rights, "Append": "Global"}, account=rights)
    assert "prvAppendToAccount" in org.refused(403, "0x80040220", "POST", "contacts", body, user=USER)
    org.grant(USER, contact={**rights, "Append": "Global"}, account={**rights, "AppendTo": "Global"})
    org.create("contacts", body, user=USER)


@pytest.mark.rule("DV-SE-05")
def test_another_owner_needs_assign(org: Org) -> None:
    org.grant(USER, contact={"Read": "Global", "Write": "Global"})
    row = contact(org, "x")
    body = {"ownerid@odata.bind": f"/systemusers({OTHER})"}
    assert "prvAssignContact" in org.refused(403, "0x80040220", "PATCH", f"contacts({row})", body, user=USER)
    org.grant(USER, contact={"Read": "Global", "Write": "Global", "Assign": "Global"})
    assert org.call("PATCH", f"contacts({row})", body, user=USER).status == 204


@pytest.mark.rule("DV-SE-06")
def test_change_tracking_needs_global_read(org: Org) -> None:
    tracked = {"Prefer": "odata.track-changes"}
    org.grant(USER, contact="Basic")
    assert org.call("GET", "contacts?$select=lastname", headers=tracked, user=USER).status == 403
    org.grant(USER, contact="Global")
    assert "@odata.deltaLink" in org.ok("GET", "contacts?$select=lastname", headers=tracked, user=USER)


@pytest.mark.rule("DV-SE-07")
def test_disabled_users_and_users_without_roles_are_refused(org: Org) -> None:
    org.refused(403, "0x80042f09", "GET", "WhoAmI", user=OTHER)
    org.grant(USER, contact="Global")
    assert org.ok("GET", "WhoAmI", user=USER)["UserId"] == USER
    org.ok("PATCH", f"systemusers({USER})", {"isdisabled": True})
    org.refused(403, "0x80040225", "GET", "WhoAmI", user=USER)
    org.refused(403, "0x80072560", "GET", "WhoAmI", user="99999999-0000-4000-8000-000000000000")


@pytest.mark.rule("DV-SE-08")
@pytest.mark.parametrize(
    "headers", [{"CallerObjectId": "bbbbbbbb-0000-4000-8000-000000000003"}, {"MSCRMCallerID": OTHER}]
)
def test_acting_for_another_needs_the_privilege(org: Org, headers: dict[str, str]) -> None:
    org.grant(OTHER, contact="Global")
    org.grant(USER, contact="Global")
    org.refused(403, "0x8004a110", "GET", "WhoAmI", headers=headers, user=USER)
    org.grant(USER, contact="Global", privileges={"prvActOnBehalfOfAnotherUser": "Global"})
    assert org.ok("GET", "WhoAmI", headers=headers, user=USER)["UserId"] == OTHER


@pytest.mark.rule("DV-SE-08")
def test_acting_for_nobody_is_refused(org: Org) -> None:
    nobody = "99999999-0000-4000-8000-000000000000"
    org.refused(404, "0x80040217", "GET", "WhoAmI", headers={"MSCRMCallerID": nobody})
    org.refused(403, "0x80072560", "GET", "WhoAmI", headers={"CallerObjectId": nobody})
    org.grant(USER, contact="Global")
    org.ok("PATCH", f"systemusers({USER})", {"isdisabled": True})
    org.refused(403, "0x80040225", "GET", "WhoAmI", headers={"MSCRMCallerID": USER})


@pytest.mark.rule("DV-SE-09")
def test_under_impersonation_both_must_have_the_right_and_both_are_named(org: Org) -> None:
    as_other = {"MSCRMCallerID": OTHER}
    behalf = {"prvActOnBehalfOfAnotherUser": "Global"}
    org.grant(USER, contact={"Create": "Global", "Read": "Global"}, privileges=behalf)
    org.grant(OTHER, contact={"Read": "Global"})
    org.refused(403, "0x80040220", "POST", "contacts", {"lastname": "x"}, headers=as_other, user=USER)
    org.grant(OTHER, contact="Global")
    org.grant(USER, contact={"Read": "Global"}, privileges=behalf)
    org.refused(403, "0x80040220", "POST", "contacts", {"lastname": "x"}, headers=as_other, user=USER)
    org.grant(USER, contact="Global", privileges=behalf)
    row = org.create("contacts", {"lastname": "x"}, headers=as_other, user=USER)
    columns = "_createdby_value,_createdonbehalfby_value,_modifiedonbehalfby_value,_ownerid_value"
    found = org.ok("GET", f"contacts({row})?$select={columns}")
    assert (found["_createdby_value"], found["_createdonbehalfby_value"]) == (OTHER, USER)
    assert (found["_modifiedonbehalfby_value"], found["_ownerid_value"]) == (USER, OTHER)
    org.ok("PATCH", f"contacts({row})", {"jobtitle": "y"})
    assert org.ok("GET", f"contacts({row})?$select=_modifiedonbehalfby_value")["_modifiedonbehalfby_value"] is None


@pytest.mark.rule("DV-SE-13")
def test_privileges_include_those_of_teams(org: Org) -> None:
    org.grant(USER, contact={"Read": "Basic"}, systemuser={"Read": "Global"})
    team = "ffffffff-0000-4000-8000-000000000001"
    org.system.store.put("team", {"teamid": team, "name": "t"})
    org.system.seed({"roles": [{"name": "T", "tables": {"contact": {"Read": "Deep", "Write": "Local"}}}]})
    (role,) = org.system.store["role"].find("name", "T")
    org.ok("POST", f"teams({team})/teammembership_association/$ref", {"@odata.id": f"systemusers({USER})"})
    org.ok("POST", f"teams({team})/teamroles_association/$ref", {"@odata.id": f"roles({role['roleid']})"})
    body = org.ok("GET", f"systemusers({USER})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()", user=USER)
    depths = {each["PrivilegeName"]: each["Depth"] for each in body["RolePrivileges"]}
    assert depths == {"prvReadContact": "Deep", "prvWriteContact": "Local", "prvReadUser": "Global"}
    named = {str(row["name"]): str(row["privilegeid"]) for row in org.system.store["privilege"].rows()}
    assert all(each["PrivilegeId"] == named[each["PrivilegeName"]] for each in body["RolePrivileges"])


@pytest.mark.rule("DV-SE-14")
def test_named_privileges(org: Org) -> None:
    org.grant(USER, contact={"Read": "Basic"}, systemuser={"Read": "Global"})
    base = f"systemusers({USER})/Microsoft.Dynamics.CRM"

    def by_name(name: str) -> list[str]:
        path = f"{base}.RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='{name}')"
        return [each["Depth"] for each in org.ok("GET", path, user=USER)["RolePrivileges"]]

    assert by_name("prvReadContact") == ["Basic"]
    assert by_name("prvWriteContact") == []
    names = quote('["prvReadContact","prvWriteContact","prvReadUser"]')
    body = org.ok("GET", f"{base}.RetrieveUserSetOfPrivilegesByNames(PrivilegeNames=@p1)?@p1={names}", user=USER)
    assert [each["PrivilegeName"] for each in body["RolePrivileges"]] == ["prvReadContact", "prvReadUser"]
    org.refused(404, "", "GET", f"{base}.RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='prvNope')")
    org.refused(400, "", "GET", f"{base}.RetrieveUserSetOfPrivilegesByNames(PrivilegeNames=@p1)?@p1=1")


@pytest.mark.rule("DV-SE-15")
def test_access_to_one_row(org: Org) -> None:
    org.grant(USER, contact={"Read": "Global", "Write": "Basic"}, systemuser={"Read": "Global"})
    mine, other = contact(org, "mine", USER), contact(org, "other")

    def access(row: str, quotes: str = "'") -> str:
        target = quote(f"{{'@odata.id':'contacts({row})'}}".replace("'", quotes))
        path = f"systemusers({USER})/Microsoft.Dynamics.CRM.RetrievePrincipalAccess(Target=@p1)?@p1={target}"
        return str(org.ok("GET", path, user=USER)["AccessRights"])

    assert access(mine) == "ReadAccess, WriteAccess"
    assert access(other) == access(other, '"') == "ReadAccess"


@pytest.mark.rule("DV-SE-16")
@pytest.mark.parametrize(
    ("headers", "privilege"),
    [
        ({"MSCRM.BypassBusinessLogicExecution": "CustomSync,CustomAsync"}, "prvBypassCustomBusinessLogic"),
        ({"MSCRM.BypassCustomPluginExecution": "true"}, "prvBypassCustomPlugins"),
        ({"MSCRM.BypassBusinessLogicExecutionStepIds": ADMIN}, "prvBypassCustomBusinessLogic"),
    ],
)
def test_bypassing_is_a_privilege(org: Org, headers: dict[str, str], privilege: str) -> None:
    org.system.seed({"rejections": [{"table": "contact", "message": "A plug-in says no."}]})
    org.grant(USER, contact="Global")
    assert privilege in org.refused(
        403, "0x80040220", "POST", "contacts", {"lastname": "x"}, headers=headers, user=USER
    )
    org.grant(USER, contact="Global", privileges={privilege: "Global"})
    if "MSCRM.BypassBusinessLogicExecutionStepIds" not in headers:
        org.create("contacts", {"lastname": "x"}, headers=headers, user=USER)
    org.refused(400, "0x80040265", "POST", "contacts", {"lastname": "x"}, user=USER)


@pytest.mark.rule("DV-SE-16")
def test_no_more_than_three_steps_are_bypassed(org: Org) -> None:
    ids = ",".join([ADMIN, USER, OTHER, ADMIN])
    org.refused(400, "", "GET", "WhoAmI", headers={"MSCRM.BypassBusinessLogicExecutionStepIds": ids})


@pytest.mark.rule("DV-SE-17")
def test_privileges_may_be_stale_until_strong_consistency_is_asked_for(org: Org) -> None:
    org.grant(USER, contact={"Read": "Global"})
    org.switch(security_stale_seconds=30.0)
    assert org.call("GET", "contacts", user=USER).status == 200
    (link,) = org.system.store["systemuserroles"].find("systemuserid", USER)
    role = link["roleid"]
    gone = org.call("DELETE", f"systemusers({USER})/systemuserroles_association({role})/$ref")
    assert gone.status == 204, gone.body
    assert org.call("GET", "contacts", user=USER).status == 200
    assert org.call("GET", "contacts", headers={"Consistency": "Strong"}, user=USER).status == 403


@pytest.mark.rule("DV-SE-17")
def test_without_the_switch_a_change_of_roles_holds_at_once(org: Org) -> None:
    org.grant(USER, contact={"Read": "Global"})
    assert org.call("GET", "contacts", user=USER).status == 200
    (link,) = org.system.store["systemuserroles"].find("systemuserid", USER)
    org.call("DELETE", f"systemusers({USER})/systemuserroles_association({link['roleid']})/$ref")
    assert org.call("GET", "contacts", user=USER).status == 403


@pytest.mark.rule("DV-SE-18")
def test_field_permissions_are_read_by_privilege(org: Org) -> None:
    org.grant(USER, contact="Global")
    text = org.refused(403, "0x80040220", "GET", "fieldpermissions", user=USER)
    assert "prvReadFieldPermission" in text


@pytest.mark.rule("DV-SE-19")
def test_all_activities_share_their_privileges(org: Org) -> None:
    org.grant(USER, task="Global")
    for entity_set in ("tasks", "emails", "phonecalls"):
        org.create(entity_set, {"subject": "x"}, user=USER)
    assert len(org.ok("GET", "activitypointers?$select=subject", user=USER)["value"]) == 3
    org.grant(USER, contact="Global")
    assert "prvReadActivity" in org.refused(403, "0x80040220", "GET", "emails", user=USER)


@pytest.mark.rule("DV-SE-01")
def test_a_refused_write_inside_a_deep_insert_leaves_nothing(org: Org) -> None:
    org.grant(USER, account="Global", contact={"Read": "Global"})
    body = {"name": "A", "primarycontactid": {"lastname": "x"}}
    assert "prvCreateContact" in org.refused(403, "0x80040220", "POST", "accounts", body, user=USER)
    assert org.ok("GET", "accounts?$select=name")["value"] == []
