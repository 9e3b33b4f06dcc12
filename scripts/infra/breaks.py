"""Mistakes put into a copy of the templates on purpose, each with the check that must notice it.

`tests/infra` runs those of the quick checks, `python -m scripts.infra breaks` (in `make infra`) all of them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.infra import bicep, kql, parity, schema, terraform, types
from scripts.infra.needs import Needs, host_settings


@dataclass(frozen=True, slots=True)
class Break:
    """`old` becomes `new` in `file` (below infra/); `check` must then say something that holds `told`."""

    name: str
    file: str
    old: str
    new: str
    check: str
    told: str


BREAKS: tuple[Break, ...] = (
    Break("property misspelt", "bicep/storage.bicep", "allowSharedKeyAccess", "allowSharedkeyAccess", "types",
          "did you mean allowSharedKeyAccess"),
    Break("required property gone", "bicep/monitor.bicep", "    Application_Type: 'web'\n", "", "types",
          "missing required property Application_Type"),
    Break("read-only property set", "bicep/monitor.bicep", "    Application_Type: 'web'\n",
          "    Application_Type: 'web'\n    InstrumentationKey: 'x'\n", "types", "read-only property is set"),
    Break("value of a closed list", "bicep/storage.bicep", "defaultAction: privateNetworking ? 'Deny' : 'Allow'",
          "defaultAction: 'Permit'", "types", "'Permit' is not one of"),
    Break("text for a boolean", "bicep/app.bicep", "httpsOnly: true", "httpsOnly: 'true'", "types",
          "expected a boolean"),
    Break("mistake inside a repeated resource", "bicep/alerts.bicep", "windowSize: rule.window",
          "windowLength: rule.window", "types", "windowLength: unknown property"),
    Break("mistake inside a conditional resource", "bicep/roles.bicep",
          "    principalId: operatorId\n", "", "types", "operator.properties: missing required property principalId"),
    Break("API version of nobody", "bicep/vault.bicep", "vaults@2026-02-01", "vaults@2062-02-01", "types",
          "no types for Microsoft.KeyVault/vaults@2062-02-01"),
    Break("argument misspelt", "terraform/storage.tf", "shared_access_key_enabled ", "shared_acces_key_enabled ",
          "schema", "unknown argument shared_acces_key_enabled"),
    Break("required argument gone", "terraform/app.tf", "  runtime_version                                = "
          "local.system.runtime.version\n", "", "schema", "missing required argument runtime_version"),
    Break("argument in the wrong block", "terraform/app.tf", "    token_store_enabled               = false\n",
          "    token_store_enabled               = false\n    require_https = true\n", "schema",
          "auth_settings_v2.login: unknown argument require_https"),
    Break("block gone", "terraform/alerts.tf", "  criteria {", "  conditions {", "schema",
          "missing required argument criteria"),
    Break("shared keys let in, in one template", "bicep/storage.bicep", "allowSharedKeyAccess: false",
          "allowSharedKeyAccess: true", "parity", "storage: shared keys"),
    Break("keys of telemetry let in, in one template", "terraform/monitor.tf",
          "local_authentication_enabled = false\n  ip", "local_authentication_enabled = true\n  ip", "parity",
          "telemetry: keys"),
    Break("vault open although the network is private", "terraform/vault.tf", "!var.private_networking", "true",
          "parity", "vault: public network"),
    Break("purge protection off, in one template", "terraform/vault.tf", "purge_protection_enabled      = true",
          "purge_protection_enabled      = false", "parity", "vault: purge protection"),
    Break("sign-in proves itself by another setting", "bicep/app.bicep",
          "clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'", "clientSecretSettingName: 'SECRET'",
          "parity", "sign-in: proves itself by"),
    Break("a setting in one template only", "terraform/app.tf",
          "    PYTHON_ENABLE_OPENTELEMETRY               = \"true\"\n", "", "parity",
          "app setting PYTHON_ENABLE_OPENTELEMETRY"),
    Break("a setting that points elsewhere", "bicep/app.bicep", "DYNASYNC_VAULT: vaultUri",
          "DYNASYNC_VAULT: insightsConnectionString", "parity", "app setting DYNASYNC_VAULT"),
    Break("a role in one template only", "terraform/roles.tf", "    queue   = azurerm_storage_account.account.id\n",
          "", "parity", "role assignment: Storage Queue Data Contributor on account"),
    Break("a role on a wider scope", "bicep/roles.bicep", "scope: insights", "scope: account", "parity",
          "role assignment: Monitoring Metrics Publisher on"),
    Break("a log category in one template only", "bicep/diagnostics.bicep", "categories.vault", "categories.queue",
          "parity", "diagnostic setting vault"),
    Break("a property that the other template has not", "bicep/app.bicep", "httpsOnly: true",
          "httpsOnly: true\n    sshEnabled: true", "parity", "app.app.properties.sshEnabled is in no row"),
    Break("poison queue forgotten", "system.json", '"sync-work-poison"', '"sync-work-dead"', "needs",
          "queue sync-work-poison is needed"),
    Break("table forgotten", "system.json", '"budgets",\n', "", "needs", "table budgets is needed"),
    Break("table of nobody", "system.json", '"budgets",', '"budgets",\n    "leftovers",', "needs",
          "table leftovers in infra/system.json is used by nothing"),
    Break("setting that nothing reads", "bicep/app.bicep", "  DYNASYNC_TABLES: tablePrefix",
          "  DYNASYNC_TABELS: tablePrefix", "needs", "DYNASYNC_TABELS is set and nothing reads it"),
    Break("connection without its queue endpoint", "bicep/app.bicep", "AzureWebJobsStorage__queueServiceUri",
          "AzureWebJobsStorage__queueUri", "needs", "AzureWebJobsStorage__queueServiceUri is needed"),
    Break("more requests at once than threads", "system.json", '"httpConcurrency": 16', '"httpConcurrency": 64',
          "needs", "16 threads for"),
    Break("the provider's empty storage key comes back", "terraform/app.tf",
          "    AzureWebJobsStorage                  = \"\"\n", "", "parity", "app setting AzureWebJobsStorage: Bicep"),
    Break("what is emptied is not given", "terraform/app.tf", ", local.settings, local.emptied)", ", local.settings)",
          "parity", "app setting DEPLOYMENT_STORAGE_CONNECTION_STRING: Bicep"),
    Break("telemetry's address where the provider moves it away", "terraform/app.tf",
          "    PYTHON_ENABLE_OPENTELEMETRY               = \"true\"\n",
          "    PYTHON_ENABLE_OPENTELEMETRY               = \"true\"\n    APPLICATIONINSIGHTS_CONNECTION_STRING     = "
          "azurerm_application_insights.insights.connection_string\n", "parity", "that the provider keeps elsewhere"),
    Break("the app is told no place for its telemetry", "terraform/app.tf",
          "    application_insights_connection_string = azurerm_application_insights.insights.connection_string\n", "",
          "parity", "app setting APPLICATIONINSIGHTS_CONNECTION_STRING"),
    Break("a resource provider nobody registers", "system.json", '"Microsoft.App",\n', "", "parity",
          "resource providers of what is made"),
    Break("a resource provider the hook forgets", "hooks/prepare.sh", "Microsoft.App Microsoft.KeyVault",
          "Microsoft.KeyVault", "parity", "resource providers registered"),
    Break("the app before its roles, in Bicep", "bicep/system.bicep", "  dependsOn: [\n    roles\n  ]\n", "", "parity",
          "app is made after its roles"),
    Break("the app before its roles, in Terraform", "terraform/app.tf", "    azurerm_role_assignment.app,\n", "",
          "parity", "app is made after its roles"),
    Break("the app before its private endpoints", "terraform/app.tf", "    azurerm_private_endpoint.endpoints,\n", "",
          "parity", "app is made after private endpoints"),
    Break("file transfer by password let in", "terraform/publishing.json", '"allow": false', '"allow": true', "parity",
          "app: deployment by password over FTP"),
    Break("another prefix deletes the state", "terraform/storage.tf", "    ignore_changes = [name]", "    #", "parity",
          "only Terraform: tables stay when the prefix changes"),
    Break("another default in one template", "terraform/variables.tf", 'default     = "Standard_ZRS"',
          'default     = "Standard_LRS"', "parity", "parameter storage_sku"),
    Break("a parameter that azd cannot set", "main.parameters.json", '"${DYNASYNC_TABLES=dynasync}"', '"dynasync"',
          "parity", "parameter table_prefix in main.parameters.json"),
    Break("an operator who may not copy the state", "***", "", "", "needs", "the operator has no role table"),
    Break("an alert that waits for silence and sums up nothing", "monitoring/alerts.json", "Ticks = count()",
          "Ticks = sum(Sum)", "kql", "alert timer-silent: it waits for silence"),
    Break("an alert that runs too seldom to close", "monitoring/alerts.json", '"every": "PT6H"', '"every": "P1D"',
          "kql", "alert secret-expiring: every P1D is too seldom"),
    Break("column of no table", "monitoring/alerts.json", "Failed = sum(Sum)", "Failed = sum(Summ)", "kql",
          "The name 'Summ' does not refer"),
    Break("table of no schema", "monitoring/workbook.json", "AppDependencies\\n| where Success",
          "AppDependency\\n| where Success", "kql", "'AppDependency'"),
    Break("threshold on a column the query does not give", "monitoring/alerts.json", '"column": "Ticks"',
          '"column": "Tick"', "kql", "does not end with a column Tick"),
    Break("Terraform badly laid out", "terraform/vault.tf", "  sku_name ", "  sku_name      ", "formatting",
          "vault.tf"),
    Break("an attribute that is not there", "terraform/monitor.tf",
          "workspace.workspace.id\n  local", "workspace.workspace.ident\n  local", "plan", "monitor.tf:"),
    Break("an expression of the wrong type", "terraform/app.tf", "http_concurrency                               = "
          "local.system.scale.httpConcurrency", "http_concurrency                               = local.system.queues",
          "plan", "Incorrect attribute value type"),
    Break("a circle: the app's roles wait for the app, which waits for them", "terraform/roles.tf",
          "azurerm_user_assigned_identity.identity.principal_id",
          "azurerm_function_app_flex_consumption.app.identity[0].principal_id", "plan", "Cycle"),
    Break("a name nobody declares", "terraform/vault.tf", "var.private_networking ?", "var.private_network ?", "plan",
          "Reference to undeclared input variable"),
    Break("public blobs let in, in both", "*", "", "", "policies", "CKV_AZURE_190"),
    Break("old TLS, in both", "**", "", "", "policies", "CKV_AZURE_44"),
)  # fmt: skip

SLOW = {"formatting", "kql", "plan", "policies"}


def apply(item: Break, infra: Path, folder: Path) -> Path:
    """A copy of the templates with the mistake in it. Raises ValueError when the text to break is not there."""
    copy = folder / "infra"
    shutil.copytree(infra, copy)
    both = {"*": [("bicep/storage.bicep", "allowBlobPublicAccess: false", "allowBlobPublicAccess: true"),
                  ("terraform/storage.tf", "allow_nested_items_to_be_public   = false",
                   "allow_nested_items_to_be_public   = true")],
            "***": [("bicep/roles.bicep", "guid(account.id, operatorId, roles.table.id)\n  scope: account\n  properties"
                     ": {\n    roleDefinitionId: subscriptionResourceId(definitions, roles.table.id)",
                     "guid(account.id, operatorId, roles.queue.id)\n  scope: account\n  properties"
                     ": {\n    roleDefinitionId: subscriptionResourceId(definitions, roles.queue.id)"),
                    ("terraform/roles.tf", "    table   = azurerm_storage_account.account.id # ", "    # ")],
            "**": [("bicep/storage.bicep", "'TLS1_2'", "'TLS1_0'"),
                   ("terraform/storage.tf", '"TLS1_2"', '"TLS1_0"')]}  # fmt: skip
    for file, old, new in both.get(item.file, [(item.file, item.old, item.new)]):
        text = (copy / file).read_text()
        if old not in text:
            raise ValueError(f"{file} no longer holds {old!r}: the break {item.name!r} breaks nothing")
        (copy / file).write_text(text.replace(old, new))
    return copy


def quick_checks(needs: Needs) -> dict[str, Callable[[Path], Iterable[str]]]:
    """The checks that need no further tools, by name; each takes the folder of the templates."""

    def of_types(infra: Path) -> Iterable[str]:
        known = json.loads((infra / "bicep" / "types.json").read_text())
        for path in [infra / "main.bicep", *sorted((infra / "bicep").glob("*.bicep"))]:
            yield from types.findings(bicep.load(path), known)

    def of_needs(infra: Path) -> Iterable[str]:
        templates = parity.Templates.load(infra)
        return [*parity.shortfalls(templates, needs), *parity.host_shortfalls(templates, host_settings())]

    return {
        "types": of_types,
        "schema": lambda infra: schema.findings(
            terraform.load(infra / "terraform"), json.loads((infra / "terraform" / "schema.json").read_text())
        ),
        "parity": lambda infra: parity.differences(parity.Templates.load(infra)),
        "needs": of_needs,
        "kql": kql.findings,
    }
