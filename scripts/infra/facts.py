"""What both templates have to agree on that no single property holds: settings, roles, parameters, order.

Each is a row of the parity table; a row with a reason is a difference that is meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.infra import bicep

if TYPE_CHECKING:
    from scripts.infra.needs import Needs
    from scripts.infra.parity import Templates

MISSING = "(missing)"

# What azurerm_function_app_flex_consumption adds to app_settings itself, with an empty key, unless it is given.
_EMPTIED = {"AzureWebJobsStorage", "DEPLOYMENT_STORAGE_CONNECTION_STRING"}
# What it reads back into site_config; given among app_settings, every plan would show a change.
_MOVED = {"APPLICATIONINSIGHTS_CONNECTION_STRING", "APPINSIGHTS_INSTRUMENTATIONKEY"}
_ALWAYS_THERE = {"microsoft.authorization", "microsoft.resources"}
_AFTER = {
    "its roles": ("roles", "azurerm_role_assignment.app"),
    "the queues": ("storage", "azurerm_storage_queue.queues"),
    "the tables": ("storage", "azurerm_storage_table.tables"),
    "private endpoints": ("network", "azurerm_private_endpoint.endpoints"),
    "private names": ("network", "azurerm_private_dns_zone_virtual_network_link.links"),
}


@dataclass(frozen=True, slots=True)
class Named:
    """`why` is the reason of a difference that is meant; the values are then those that are meant."""

    fact: str
    bicep: Any
    terraform: Any
    why: str = ""

    @property
    def equal(self) -> bool:
        if MISSING in (self.bicep, self.terraform):
            return False
        return bool(self.why) or bool(self.bicep == self.terraform)


def named(templates: Templates) -> Iterator[Named]:
    yield from _settings(templates)
    yield from _pairs("diagnostic setting", templates.bicep_diagnostics(), templates.terraform_diagnostics())
    ours, theirs = templates.bicep_roles(), templates.terraform_roles()
    names = {role["id"]: role["name"] for role in templates.system["roles"].values()}
    for role in sorted({*ours, *theirs}):
        fact = f"role assignment: {names.get(role[0], role[0])} on {_plain(role[1])} for {_plain(role[2])}"
        yield Named(fact, role in ours, role in theirs)
    yield from _parameters(templates)
    yield from _registrations(templates)
    yield from _order(templates)
    yield _file_transfer(templates)


def needed(templates: Templates, needs: Needs) -> Iterator[Named]:
    """What the app asks for, and whether each template has it."""
    ours, theirs = templates.bicep_settings(), templates.terraform_settings()
    for name in sorted(needs.settings):
        yield Named(f"needed: app setting {name}", _there(name, ours), _there(name, theirs))
    for kind in ("queues", "tables"):
        ours_of = templates.bicep_leaves(private=False).get(f"storage.{kind}.@each") or ()
        theirs_of = templates.terraform_leaves(private=False).get(f"azurerm_storage_{kind[:-1]}.{kind}.for_each") or ()
        for name in sorted(getattr(needs, kind)):
            yield Named(f"needed: {kind[:-1]} {name}", _there(name, ours_of), _there(name, theirs_of))
    roles = [{role for role, _, who in found if who != "${operatorId}"}
             for found in (templates.bicep_roles(), templates.terraform_roles())]  # fmt: skip
    for name in sorted(needs.roles):
        role = templates.system["roles"].get(name, {"id": "?", "name": name})
        yield Named(f"needed: role {role['name']}", *(_there(role["id"], found) for found in roles))


def _there(name: str, found: Iterable[str]) -> str:
    return "there" if name in found else MISSING


def _plain(reference: str) -> str:
    return reference.strip("${}")


def _settings(templates: Templates) -> Iterator[Named]:
    ours, theirs = templates.bicep_settings(), templates.terraform_settings()
    yield from _pairs("app setting", ours, theirs)
    emptied = templates.terraform.locals.get("emptied", {})
    app = templates.terraform.only("azurerm_function_app_flex_consumption")
    merged = str(app.get("app_settings", "")).endswith("local.emptied)}")
    for name in sorted(_EMPTIED):
        given = "empty" if merged and emptied.get(name) in ("", '""') else MISSING
        left = MISSING if name in ours else "not set"
        yield Named(f"app setting {name}", left, given, "else the provider sets one with an empty key")
    inside = set(templates.terraform.locals["settings"]) & _MOVED
    yield Named("app settings that the provider keeps elsewhere", "none", ", ".join(sorted(inside)) or "none")


def _pairs(what: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[Named]:
    for name in sorted({*ours, *theirs}):
        yield Named(f"{what} {name}", ours.get(name, MISSING), theirs.get(name, MISSING))


def _parameters(templates: Templates) -> Iterator[Named]:
    """Each parameter with its default; azd can set each, and its file says no other default."""
    ours = {_snake(name): value.get("default") for name, value in templates.main.tree["parameters"].items()}
    theirs = {name: _default(value.get("default")) for name, value in templates.terraform.variables.items()}
    yield from _pairs("parameter", ours, theirs)
    file = json.loads((templates.infra / "main.parameters.json").read_text())["parameters"]
    for name, value in templates.main.tree["parameters"].items():
        given = file.get(name, {}).get("value", MISSING)
        _, _, default = given.strip("${}").partition("=")
        told = _written(value.get("default"))
        fact = f"parameter {_snake(name)} in main.parameters.json"
        yield Named(fact, given if default == told else MISSING, "-var", "how each is given")


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value else ""


def _default(value: Any) -> Any:
    return value.strip('"') if isinstance(value, str) else value


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def _registrations(templates: Templates) -> Iterator[Named]:
    """The resource providers that the resources belong to are registered, by azd's hook and by Terraform."""
    used = {resource.type.partition("/")[0].lower()
            for file in (templates.main, *templates.bicep.values()) for resource in file.resources()}  # fmt: skip
    delegated = {str(value).partition("/")[0].lower() for path, value in templates.bicep_leaves(private=True).items()
                 if path.endswith(".serviceName")}  # fmt: skip
    wanted = _sorted((used | delegated) - _ALWAYS_THERE)
    hook = (templates.infra / "hooks" / "prepare.sh").read_text()
    found = re.search(r"^for provider in (.+); do$", hook, re.MULTILINE)
    by_hook = _sorted(name.lower() for name in found[1].split()) if found else MISSING
    expression = str(templates.terraform.provider.get("resource_providers_to_register", ""))
    read = 'system.json")).providers' in expression
    yield Named("resource providers registered", by_hook, _sorted(_lower(templates)) if read else MISSING)
    yield Named("resource providers of what is made", wanted, _sorted(_lower(templates)))


def _lower(templates: Templates) -> Iterator[str]:
    return (str(name).lower() for name in templates.system.get("providers", ()))


def _sorted(names: Iterable[str]) -> str:
    return " ".join(sorted(names))


def _order(templates: Templates) -> Iterator[Named]:
    modules = templates.bicep["system"].tree["modules"]
    _, _, body = bicep.unwrap(modules["app"]["config"])
    listed = set(body.get("dependsOn", ()))
    told = json.dumps(body["params"])
    app = templates.terraform.only("azurerm_function_app_flex_consumption")
    waits = {str(item).strip("${}") for item in app.get("depends_on", ())}
    for what, (module, address) in _AFTER.items():
        first = module in listed or f'"{module}"' in told
        yield Named(f"app is made after {what}", first or MISSING, address in waits or MISSING)


def _file_transfer(templates: Templates) -> Named:
    """The provider closes deployment by password over SCM only; the policy for FTP comes with a template of its own."""
    ours = templates.bicep["app"].resolve(
        templates.bicep["app"].tree["resources"]["publishing"]["config"], private=False
    )
    closed = "closed" if "ftp" in ours.get("@each", ()) and ours["properties"]["allow"] is False else MISSING
    deployed = templates.terraform.only("azurerm_resource_group_template_deployment")
    name = re.search(r'file\("\$\{path\.module\}/([\w.]+)"\)', str(deployed.get("template_content", "")))
    made = json.loads((templates.infra / "terraform" / name[1]).read_text())["resources"] if name else []
    ends = [item for item in made if "/ftp" in item["name"] and item["properties"] == {"allow": False}]
    return Named("app: deployment by password over FTP", closed, "closed" if ends else MISSING)
