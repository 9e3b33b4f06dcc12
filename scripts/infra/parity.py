"""Whether the two templates describe the same system, and whether that system is what the app needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.infra import bicep, facts, terraform
from scripts.infra.needs import Needs
from scripts.infra.rows import ParityRow, rows

# What both call by names of their own, or what has no counterpart because the resource it belongs to differs.
_NAMES = re.compile(
    r"\.(name|location|tags|parent|scope|resource_group_name|storage_account_id)$|^(roles|reference|diagnostics|identity)\.|"
    r"^azurerm_(role_assignment|monitor_diagnostic_setting|user_assigned_identity|resource_group|"
    r"resource_group_template_deployment)\.|"
    r"\.appSettings\.|\.app_settings$|\.application_insights_connection_string$|\.depends_on$|"
    r"\.userAssignedIdentities\."
)
_SAME = {
    "var.auth_client_id": "authClientId",
    "var.alert_email": "email",
    "var.extra_settings": "extraSettings",
    "var.table_prefix": "tablePrefix",
    "local.token": "token",
    "local.settings": "settings",
    "azurerm_user_assigned_identity.identity.client_id": "identityClientId",
    "azurerm_user_assigned_identity.identity.id": "identityId",
    "azurerm_key_vault.vault.vault_uri": "vaultUri",
    "azurerm_key_vault.vault.id": "vault.id",
    "azurerm_application_insights.insights.id": "insights.id",
    "azurerm_application_insights.insights.connection_string": "insightsConnectionString",
    "azurerm_log_analytics_workspace.workspace.id": "workspaceId",
    "azurerm_monitor_action_group.group.id": "group.id",
    "azurerm_storage_account.account.id": "account.id",
    "azurerm_subnet.app[0].id": "subnetId",
    "data.azurerm_client_config.current.tenant_id": "tenant",
    "each.value.splitBy": "rule.splitBy",
    "each.value": "target.id",
    "each.key": "target.service",
    "lower(workspaceId)": "workspaceId",
    "workspace.id": "workspaceId",
    "tenant().tenantId": "tenant",
    "https://login.microsoftonline.com/": "${environment().authentication.loginEndpoint}",
}
_STORAGE = re.compile(r"trimsuffix\(azurerm_storage_account\.account\.primary_(\w+)_endpoint, \"/\"\)")


@dataclass(frozen=True, slots=True)
class Compared:
    row: ParityRow
    bicep: Any
    terraform: Any
    equal: bool


@dataclass(slots=True)
class Templates:
    """Both templates of one folder, read. `bicep` are the modules, by name; `main` is what calls them."""

    infra: Path
    main: bicep.File
    bicep: dict[str, bicep.File]
    terraform: terraform.Module
    system: Mapping[str, Any]

    @classmethod
    def load(cls, infra: Path) -> Templates:
        files = {path.stem: bicep.load(path) for path in sorted((infra / "bicep").glob("*.bicep"))}
        system = json.loads((infra / "system.json").read_text())
        return cls(infra, bicep.load(infra / "main.bicep"), files, terraform.load(infra / "terraform"), system)

    def bicep_leaves(self, *, private: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for stem, file in self.bicep.items():
            for resource in file.resources():
                if resource.existing:
                    continue
                at = f"{stem}.{resource.symbol}"
                if resource.each is not None:
                    found[f"{at}.@each"] = file.resolve(resource.each, private=private)
                found.update(bicep.leaves(file.resolve(resource.body, private=private), at))
        return found

    def terraform_leaves(self, *, private: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for resource in self.terraform.resources:
            found.update(terraform.leaves(self.terraform.resolve(resource.body, private=private), resource.address))
        return found

    def bicep_settings(self) -> dict[str, str]:
        app = self.bicep["app"]
        values = app.resolve(app.tree["variables"]["settings"]["value"], private=False)
        return {name: canonical(value) for name, value in values.items()}

    def terraform_settings(self) -> dict[str, str]:
        values = self.terraform.resolve(self.terraform.locals["settings"], private=False)
        app = self.terraform.resolve(self.terraform.only("azurerm_function_app_flex_consumption"), private=False)
        blocks = app.get("site_config") or [{}]
        if insights := blocks[0].get("application_insights_connection_string"):  # the provider makes a setting of it
            values = {**values, "APPLICATIONINSIGHTS_CONNECTION_STRING": insights}
        return {name: canonical(value) for name, value in values.items()}

    def bicep_roles(self) -> set[tuple[str, str, str]]:
        """(role, scope, who) of every assignment."""
        found = set()
        for file, resource in [(module, one) for module in self.bicep.values() for one in module.resources()]:
            if resource.type != "Microsoft.Authorization/roleAssignments":
                continue
            body = file.resolve(resource.body, private=False)
            role = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", body["properties"]["roleDefinitionId"])
            who = canonical(body["properties"].get("principalId", "?"))
            found.add((role[0] if role else "?", canonical(body["scope"]), who))
        return found

    def terraform_roles(self) -> set[tuple[str, str, str]]:
        who = {
            "${azurerm_user_assigned_identity.identity.principal_id}": "${appPrincipalId}",
            "${azurerm_function_app_flex_consumption.app.identity[0].principal_id}": "${referencePrincipalId}",
            "${var.operator_id}": "${operatorId}",
        }
        found = set()
        for resource in self.terraform.resources:
            if resource.type != "azurerm_role_assignment":
                continue
            body = self.terraform.resolve(resource.body, private=False)
            principal = canonical(body["principal_id"])
            scopes = {"": body["scope"]}
            if listed := re.search(r"local\.(\w+_roles)\b", str(body.get("for_each", ""))):
                scopes = self.terraform.resolve(self.terraform.locals[listed[1]], private=False)
            for key, scope in scopes.items():
                named = re.search(r"local\.system\.roles(?:\.(\w+)|\[each\.key\])\.id", body["role_definition_id"])
                role = self.system["roles"].get((named[1] or key) if named else "", {}).get("id", "?")
                found.add((role, canonical(scope).replace(".id}", "}"), who.get(principal, principal)))
        return found

    def bicep_diagnostics(self) -> dict[str, tuple[str, ...]]:
        """What is watched, with its categories."""
        file, found = self.bicep["diagnostics"], {}
        for resource in file.resources():
            if resource.type == "Microsoft.Insights/diagnosticSettings":
                body = file.resolve(resource.body, private=False)
                found[body["scope"].strip("<>").removesuffix("Service")] = tuple(body["properties"]["logs"]["@each"])
        return found

    def terraform_diagnostics(self) -> dict[str, tuple[str, ...]]:
        found = {}
        for resource in self.terraform.resources:
            if resource.type != "azurerm_monitor_diagnostic_setting":
                continue
            body = self.terraform.resolve(resource.body, private=False)
            listed = body["dynamic"][0]["enabled_log"]["for_each"] if isinstance(body["dynamic"], list) else ()
            if "for_each" in body:
                for name in self.terraform.locals["watched"]:
                    found[name] = tuple(self.system["diagnostics"][name])
            else:
                found[resource.name] = tuple(listed)
        return found


def canonical(value: Any) -> Any:
    """One spelling for what both templates refer to."""
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if not isinstance(value, str):
        return value
    text = re.sub(r"^<(.*)>$", r"${\1}", value)
    text = _STORAGE.sub(r"https://${storageName}.\1.${suffix}", text)
    text = text.replace("${https://", "https://").replace("${suffix}}", "${suffix}")
    for theirs, ours in _SAME.items():
        text = text.replace(theirs, ours)
    text = re.sub(r"each\.value\.(\w+)", r"rule.\1", text)
    text = re.sub(r"target\.id\.(\w+)", r"rule.\1", text)
    text = re.sub(r"local\.(network)\.(\w+)", r"plan.\2", text)
    if found := re.search(r"(?:file|load_text_content)\(.*/monitoring/(\w+\.json)", text):
        return f"file {found[1]}"
    if found := re.search(r"join\(.*(rule\.query)", text):
        return f"lines of {found[1]}"
    return text


def compare(templates: Templates, *, private: bool) -> Iterator[Compared]:
    """Every row of the table with both values."""
    ours, theirs = templates.bicep_leaves(private=private), templates.terraform_leaves(private=private)
    for row in rows():
        left = canonical(ours.get(row.bicep, "(missing)")) if row.bicep else None
        right = canonical(_known(theirs.get(row.terraform, "(missing)"), templates)) if row.terraform else None
        if not row.bicep or not row.terraform:
            yield Compared(row, left, right, "(missing)" not in (left, right))
            continue
        yield Compared(row, left, right, "(missing)" not in (left, right) and _equal(left, right, row.how))


def _known(value: Any, templates: Templates) -> Any:
    """`local.network` is a part of system.json under a name of its own."""
    if isinstance(value, list):
        return [_known(item, templates) for item in value]
    found = re.fullmatch(r"<local\.network\.(\w+)>", value) if isinstance(value, str) else None
    return templates.system["network"][found[1]] if found else value


def _equal(left: Any, right: Any, how: str) -> bool:
    match how:
        case "not":
            return isinstance(left, bool) and isinstance(right, bool) and left is not right
        case "enabled":
            return isinstance(right, bool) and (left == "Enabled") is right
        case "list":
            return bool([left] == right)
        case "none":
            return (left, right) == ("None", "private")
        case _:
            return bool(left == right) and type(left) is type(right)


def uncovered(templates: Templates) -> list[str]:
    """What stands in a template and in no row of the table: nobody has said what it is in the other one."""
    known = {path for row in rows() for path in (row.bicep, row.terraform)}
    found = [*templates.bicep_leaves(private=True), *templates.terraform_leaves(private=True)]
    return [path for path in found if path not in known and not _NAMES.search(path)]


def differences(templates: Templates) -> list[str]:
    """Where the templates differ, in words."""
    told = [
        f"{done.row.fact}: Bicep {done.bicep!r}, Terraform {done.terraform!r}, private networking {private}"
        for private in (False, True)
        for done in compare(templates, private=private)
        if not done.equal
    ]
    told += [f"{path} is in no row of scripts/infra/rows.py" for path in uncovered(templates)]
    told += [
        f"{row.fact}: Bicep {row.bicep!r}, Terraform {row.terraform!r}"
        for row in facts.named(templates)
        if not row.equal
    ]
    return told


def shortfalls(templates: Templates, needs: Needs) -> list[str]:
    """Where the templates give less, or more, than the app needs."""
    told: list[str] = []
    system = templates.system
    told += _sets("queue", needs.queues, system["queues"])
    told += _sets("table", needs.tables, system["tables"])
    told += _sets("role", needs.roles, system["roles"])
    settings = set(templates.bicep_settings())
    told += [f"app setting {name} is needed and not set" for name in sorted(needs.settings - settings)]
    platform = {"OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"}  # sign-in reads it by the name given in the template
    allowed = needs.settings | needs.optional | platform
    told += [f"app setting {name} is set and nothing reads it" for name in sorted(settings - allowed)]
    given = {role for role, _, who in templates.bicep_roles() if who != "${operatorId}"}
    wanted = {system["roles"][name]["id"] for name in needs.roles if name in system["roles"]}
    told += [f"role {role} is assigned and not needed" for role in sorted(given - wanted)]
    told += [f"role {role} is needed and not assigned" for role in sorted(wanted - given)]
    operators = {role for role, _, who in templates.bicep_roles() if who == "${operatorId}"}
    asked = {system["roles"][name]["id"]: name for name in needs.operator_roles}
    told += [f"the operator has no role {asked[role]}, the runbooks need it" for role in sorted(set(asked) - operators)]
    told += [f"the operator has the role {role}, no runbook needs it" for role in sorted(operators - set(asked))]
    return told


def _sets(what: str, needed: Iterable[str], given: Iterable[str]) -> Iterator[str]:
    for name in sorted(set(needed) - set(given)):
        yield f"{what} {name} is needed: run python -m scripts.infra lists, which adds it to infra/system.json"
    for name in sorted(set(given) - set(needed)):
        yield f"{what} {name} in infra/system.json is used by nothing: python -m scripts.infra lists"


def host_shortfalls(templates: Templates, host: Mapping[str, Any]) -> list[str]:
    """host.json against the scale the templates set: threads for all that runs at once, a slice within its time."""
    told = []
    queues, scale = host["extensions"]["queues"], templates.system["scale"]
    at_once = queues["batchSize"] + queues["newBatchThreshold"]
    if scale["threads"] < max(at_once, scale["httpConcurrency"]):
        told.append(
            f"{scale['threads']} threads for {at_once} messages and {scale['httpConcurrency']} requests at once"
        )
    if host["extensions"]["http"]["maxConcurrentRequests"] < scale["httpConcurrency"]:
        told.append("host.json lets in fewer requests at once than the scale asks for")
    if queues["messageEncoding"] != "base64":
        told.append("queue messages are written in base64, host.json says otherwise")
    if host.get("telemetryMode") != "OpenTelemetry":
        told.append("host.json does not set telemetryMode to OpenTelemetry: logs would come twice")
    if host.get("extensionBundle", {}).get("id") != "Microsoft.Azure.Functions.ExtensionBundle":
        told.append("host.json names no extension bundle: the host itself knows timers and HTTP, no queues")
    hours, minutes, seconds = (int(part) for part in host["functionTimeout"].split(":"))
    if hours * 3600 + minutes * 60 + seconds < 1500:  # noqa: PLR2004 - the longest slice that shared/config.py allows
        told.append("functionTimeout is shorter than the longest slice allowed (1500 s)")
    return told
