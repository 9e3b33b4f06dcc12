"""The hooks, run against an Azure CLI that writes down what it was asked; and the runbooks' order of steps."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.infra import bicep

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
HOW_TO = ROOT / "docs" / "how-to"


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    out: str
    error: str
    calls: list[str]

    def place(self, words: str) -> int:
        """Where the first call that begins with these words stands; raises StopIteration when there is none."""
        return next(number for number, call in enumerate(self.calls) if call.startswith(words))


type Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a hook: `answers` are the lines of a `case` over the words that `az` is called with."""

    def ran(hook: str, *words: str, answers: str = "", azd: bool = False, **settings: str) -> Ran:
        log = tmp_path / "calls"
        tools = {"az": f'echo "az $*" >>"{log}"\ncase "$*" in\n{answers}\n*) ;;\nesac\n'}
        if azd:
            tools["azd"] = f'echo "azd $*" >>"{log}"\n'
        for name, body in tools.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}")
            (tmp_path / name).chmod(0o755)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "DYNASYNC_TRIES": "3", "DYNASYNC_PAUSE": "0", **settings}
        done = subprocess.run(
            ["sh", str(INFRA / "hooks" / hook), *words], env=environment, capture_output=True, text=True, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr, log.read_text().splitlines())

    return ran


FOUND = '"ad app list"*) echo client-1;;'
SHOWN = '"functionapp show"*) echo /subscriptions/s/sites/app;;'


def test_a_registration_asks_for_tokens_of_version_two_and_offers_a_scope(run: Run) -> None:
    done = run("registration.sh", "prod", answers=FOUND)
    assert (done.status, done.out) == (0, "client-1\n"), done.error
    patch = done.calls[done.place("az rest --method patch")]
    assert "https://graph.microsoft.com/v1.0/applications(appId='client-1')" in patch
    body = json.loads(Path(re.search(r"--body @(\S+)", patch)[1]).read_text())  # type: ignore[index]
    assert body["api"]["requestedAccessTokenVersion"] == 2
    (scope,) = body["api"]["oauth2PermissionScopes"]
    assert (scope["value"], scope["isEnabled"]) == ("user_impersonation", True)
    later = [call for call in done.calls if call.startswith("az rest --method patch")][1]
    callers = json.loads(Path(re.search(r"--body @(\S+)", later)[1]).read_text())  # type: ignore[index]
    (azure_cli,) = callers["api"]["preAuthorizedApplications"]
    assert azure_cli["delegatedPermissionIds"] == [scope["id"]]
    issuer = (INFRA / "bicep" / "app.bicep").read_text()
    assert "/v2.0'" in issuer  # the issuer that sign-in checks is that of tokens of version 2
    assert done.place("az ad app update --id client-1 --app-roles") < done.place("az rest")
    listed = done.calls[done.place("az ad app list")]
    assert "[?displayName=='dynasync-prod'] | [0].appId" in listed  # `prod2` is listed for `prod`, too


def test_what_entra_does_not_find_yet_is_asked_again_and_a_half_made_registration_is_finished(
    run: Run, tmp_path: Path
) -> None:
    """Something that was made is found everywhere a while later only."""
    mark = tmp_path / "asked"
    late = f'"ad sp create"*) [ -e "{mark}" ] || {{ : >"{mark}"; exit 1; }};;'
    done = run("registration.sh", "prod", answers=f"{FOUND}\n{late}")  # the application is there, its principal is not
    assert (done.status, done.out) == (0, "client-1\n"), done.error
    assert [call for call in done.calls if "sp create" in call] == ["az ad sp create --id client-1 --output none"] * 2
    whole = run("registration.sh", "prod", answers=f'{FOUND}\n"ad sp list"*) echo principal-1;;')
    assert len([call for call in whole.calls if "sp create" in call]) == 2  # those from before
    never = run("registration.sh", "prod", answers=f'{FOUND}\n"ad sp update"*) exit 1;;')
    assert never.status == 1
    assert never.out == ""


def test_the_registrations_roles_are_those_the_app_knows_and_apps_may_have_two_of_them() -> None:
    roles = json.loads((INFRA / "entra" / "app-roles.json").read_text())
    text = (ROOT / "functions" / "api" / "signin.py").read_text()
    known = re.search(r"_ROLES: Final = frozenset\(\{(.+)\}\)", text)
    assert known
    assert {role["value"] for role in roles if role["isEnabled"]} == set(re.findall(r"\w+", known[1]))
    assert {role["value"] for role in roles if "Application" in role["allowedMemberTypes"]} == {"admin", "reader"}
    assert len({role["id"] for role in roles}) == len(roles)


def test_preparing_registers_providers_first_and_says_the_client_id_and_nothing_else(run: Run) -> None:
    done = run("prepare.sh", "prod", answers=FOUND)
    assert (done.status, done.out) == (0, "client-1\n"), done.error
    assert done.place("az provider register --namespace Microsoft.App --wait") < done.place("az ad app list")


def test_azd_is_told_the_client_id_when_it_does_not_know_it(run: Run) -> None:
    done = run("registration.sh", answers=FOUND, azd=True, AZURE_ENV_NAME="prod")
    assert "azd env set DYNASYNC_AUTH_CLIENT_ID client-1" in done.calls
    known = run("prepare.sh", answers=FOUND, azd=True, AZURE_ENV_NAME="prod", DYNASYNC_AUTH_CLIENT_ID="client-1")
    assert known.calls.count("azd env set DYNASYNC_AUTH_CLIENT_ID client-1") == 1  # the one from before


def test_the_references_are_read_anew_until_the_key_is_there_and_then_the_app_starts_again(
    run: Run, tmp_path: Path
) -> None:
    mark = tmp_path / "asked"
    late = f'"rest --method get"*) [ -e "{mark}" ] && echo Resolved || echo SecretNotFound; : >"{mark}";;'
    done = run("refresh.sh", answers=f"{SHOWN}\n{late}", DYNASYNC_APP="app", AZURE_RESOURCE_GROUP="g")
    assert done.status == 0, done.error
    asked = [call for call in done.calls if "configreferences/appsettings/refresh?api-version=" in call]
    assert len(asked) == 2
    assert all(call.startswith("az rest --method post --url /subscriptions/s/sites/app/config/") for call in asked)
    assert done.calls[-1] == "az functionapp restart --name app --resource-group g"


def test_references_that_stay_unread_are_told_and_the_app_is_left_alone(run: Run) -> None:
    never = '"rest --method get"*) echo AccessToKeyVaultDenied;;'
    done = run("refresh.sh", answers=f"{SHOWN}\n{never}", DYNASYNC_APP="app", AZURE_RESOURCE_GROUP="g")
    assert done.status == 1
    assert "AccessToKeyVaultDenied" in done.error
    assert "Key Vault Secrets User" in done.error
    assert not [call for call in done.calls if "restart" in call]


def test_after_the_state_key_sign_in_is_completed_and_the_app_reads_the_key(run: Run) -> None:
    answers = "\n".join([FOUND, SHOWN, '"rest --method get"*) echo Resolved;;', '"account show"*) echo tenant-1;;'])
    done = run("state-key.sh", answers=answers, DYNASYNC_VAULT="v", DYNASYNC_URL="https://x", DYNASYNC_IDENTITY="i-1",
               DYNASYNC_APP="app", AZURE_RESOURCE_GROUP="g", AZURE_ENV_NAME="prod")  # fmt: skip
    assert done.status == 0, done.error
    order = ["az keyvault secret set", "az ad app federated-credential create", "az rest --method post",
             "az functionapp restart"]  # fmt: skip
    assert [done.place(words) for words in order] == sorted(done.place(words) for words in order)


CLOSED = '"keyvault "*) exit 1;;'


@pytest.mark.parametrize(("told", "status"), [("Resolved", 0), ("SecretNotFound", 1)])
def test_a_vault_that_is_closed_to_the_outside_is_left_alone(run: Run, told: str, status: int) -> None:
    """With the network closed a provisioning goes on where the app reads its key; else it says what to do."""
    answers = "\n".join([CLOSED, FOUND, SHOWN, f'"rest --method get"*) echo {told};;'])
    done = run("state-key.sh", answers=answers, DYNASYNC_VAULT="v", DYNASYNC_APP="app", AZURE_RESOURCE_GROUP="g")
    assert done.status == status, done.error
    assert ("state key: kept" in done.out) is (status == 0)
    assert ("where its network lets you in" in done.error) is (status == 1)
    assert not [call for call in done.calls if "secret set" in call]


def test_the_network_is_closed_after_the_state_key_is_there() -> None:
    page = (HOW_TO / "deploy.md").read_text()
    assert page.index("\nazd up\n") < page.index("\nazd env set DYNASYNC_PRIVATE_NETWORKING true\nazd provision\n")


def test_azd_asks_for_nothing_that_the_page_sets_before() -> None:
    """It asks for each parameter without a value before it runs a hook (Azure/azure-dev#5806)."""
    page = (HOW_TO / "deploy.md").read_text()
    before = page.partition("\nazd up\n")[0]
    set_before = set(re.findall(r"azd env set (\w+)", before)) | {"AZURE_ENV_NAME", "AZURE_PRINCIPAL_ID"}
    file = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    declared = bicep.load(INFRA / "main.bicep").tree["parameters"]
    wanted = {re.sub(r"[${}]|=.*", "", file[name]["value"]) for name, value in declared.items()
              if value.get("default") is None}  # fmt: skip
    assert wanted <= set_before
    assert 'DYNASYNC_AUTH_CLIENT_ID "$(infra/hooks/prepare.sh prod)"' in before
    assert "azd env new prod" in before
    assert "run: infra/hooks/prepare.sh" in (ROOT / "azure.yaml").read_text()


def test_every_variable_of_azd_is_explained() -> None:
    page = (HOW_TO / "deploy.md").read_text()
    file = (INFRA / "main.parameters.json").read_text()
    for name in re.findall(r"\$\{(DYNASYNC_\w+)", file):
        assert name in page, name


@pytest.mark.parametrize("page", sorted(path.stem for path in HOW_TO.glob("*.md")))
def test_files_with_secrets_are_nobody_elses_to_read(page: str) -> None:
    text = (HOW_TO / f"{page}.md").read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        writes = re.search(r"(?:>|EDITOR\S*) *\S*(?:secret|key)[\w.-]*|keyvault secret (?:download|set)", block)
        if writes:
            assert block.lstrip().startswith("umask 077"), f"{page}: {block}"
            assert re.search(r"\brm ", block), f"{page}: {block}"


def test_whoever_changes_the_state_key_has_the_app_read_it() -> None:
    changes = r"keyvault secret (?:set|recover)"
    pages = {path.stem: path.read_text() for path in HOW_TO.glob("*.md")}
    changing = {name for name, text in pages.items() if re.search(changes, text)}
    assert changing == {"rotate-secrets", "move", "restore"}
    for name in changing:
        after = re.split(changes, pages[name])[-1]
        assert "infra/hooks/refresh.sh" in after, name
        assert "functionapp restart" not in after, name


def test_another_prefix_is_kept_by_the_next_provisioning() -> None:
    text = (HOW_TO / "restore.md").read_text()
    assert "azd env set DYNASYNC_TABLES restored" in text
    assert "-var table_prefix=restored" in text
