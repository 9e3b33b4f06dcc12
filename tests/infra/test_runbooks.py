"""Every command of the runbooks: parsed by the shell, and held against what there is: routes, files, outputs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.infra import bicep, kql, needs, parity

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
PAGES = {
    name: (ROOT / "docs" / "how-to" / f"{name}.md").read_text()
    for name in ("deploy", "upgrade", "rotate-secrets", "restore", "broken-connection", "poison-queue",
                 "vendor-outage", "move")
}  # fmt: skip
OPERATORS_OWN = {"DYNASYNC_KEY", "CONNECTION", "STORAGE", "OLD_VAULT", "OLD_STORAGE", "OLD_GROUP", "OLD_APP"}
"""A function key, a connection's id, and names of resources: what only the operator can fill in."""

# The Azure CLI's commands that the pages use, with the options each takes there (its reference, 2.8x).
AZ = {
    "account get-access-token": {"scope", "query", "output"},
    "account show": {"query", "output"},
    "ad signed-in-user show": {"query", "output"},
    "functionapp config appsettings delete": {"resource-group", "name", "setting-names"},
    "functionapp config appsettings set": {"resource-group", "name", "settings"},
    "functionapp deployment source config-zip": {"resource-group", "name", "src", "build-remote"},
    "functionapp function list": {"resource-group", "name", "query", "output"},
    "functionapp keys set": {"resource-group", "name", "key-type", "key-name"},
    "functionapp keys delete": {"resource-group", "name", "key-type", "key-name"},
    "functionapp restart": {"resource-group", "name"},
    "functionapp stop": {"resource-group", "name"},
    "group create": {"name", "location"},
    "keyvault recover": {"name", "resource-group"},
    "keyvault secret download": {"vault-name", "name", "encoding", "file"},
    "keyvault secret list": {"vault-name", "query", "output"},
    "keyvault secret list-deleted": {"vault-name", "query", "output"},
    "keyvault secret recover": {"vault-name", "name"},
    "keyvault secret set": {"vault-name", "name", "file", "encoding", "output"},
    "storage message clear": {"queue-name", "auth-mode", "account-name"},
    "storage message peek": {"queue-name", "num-messages", "auth-mode", "account-name"},
}


def blocks(page: str, language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGES[page], re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def commands(page: str) -> Iterator[str]:
    for block in blocks(page, "sh"):
        yield from (line.strip() for line in block.splitlines() if line.strip())
    yield from re.findall(r"`((?:az|azd|terraform) [^`\n]+)`", PAGES[page])


def every() -> list[tuple[str, str]]:
    return [(page, line) for page in PAGES for line in commands(page)]


@pytest.mark.parametrize("page", PAGES)
def test_the_shell_can_parse_every_block(page: str) -> None:
    assert list(commands(page)) or blocks(page, "kusto")
    for block in blocks(page, "sh"):
        ran = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module")
def routes() -> list[tuple[str, str]]:
    """(method, pattern) of every HTTP function, as indexed."""
    found = []
    for function in needs.indexed():
        for binding in function["bindings"]:
            if str(binding["type"]).lower() == "httptrigger":
                pattern = re.sub(r"\{\*?\w+(:\w+)?\??\}", "[^/]+", str(binding["route"]))
                found += [(str(method).upper(), pattern) for method in binding["methods"]]
    assert len(found) > 10
    return found


def test_every_call_of_the_api_meets_a_function(routes: list[tuple[str, str]]) -> None:
    seen = 0
    for page, line in every():
        for call in re.findall(r"curl .*", line):
            words = shlex.split(call)
            method = words[words.index("--request") + 1] if "--request" in words else "GET"
            address = next(word for word in words if word.startswith("$DYNASYNC_URL/"))
            path = address.removeprefix("$DYNASYNC_URL/api/").partition("?")[0]
            assert any(m == method and re.fullmatch(p, path) for m, p in routes), f"{page}: {method} {path}"
            if "--data" in words and not words[words.index("--data") + 1].startswith("@"):
                json.loads(words[words.index("--data") + 1])
            seen += 1
    assert seen >= 15


def test_every_json_block_is_json() -> None:
    assert [json.loads(block) for page in PAGES for block in blocks(page, "json")]


def test_every_query_binds() -> None:
    asked = {f"{page} {number}": block for page in PAGES for number, block in enumerate(blocks(page, "kusto"))}
    assert len(asked) >= 4
    assert kql.bind(asked, kql.tables(INFRA)) == {name: [] for name in asked}


def test_every_az_command_is_a_known_one_with_known_options() -> None:
    seen = 0
    for page, line in every():
        for call in re.findall(r"(?<![\w-])az ([a-z][^|;)]*)", line):
            words = call.replace('"$(', "").split()
            name = next((known for known in AZ if call.startswith(known + " ")), None)
            assert name, f"{page}: az {call}"
            options = {word.removeprefix("--") for word in words if word.startswith("--")}
            assert options <= AZ[name], f"{page}: az {name} {options - AZ[name]}"
            seen += 1
    assert seen >= 15


def test_what_the_hooks_and_make_and_scripts_are_called_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page, line in every():
        for target in re.findall(r"\bmake ([a-z-]+)", line):
            assert f"\n{target}:" in makefile, f"{page}: make {target}"
        for path in re.findall(r"\b((?:infra|scripts)/[\w/.-]+\.(?:sh|py))", line):
            assert (ROOT / path).exists(), f"{page}: {path}"
    for page, text in PAGES.items():
        for path in re.findall(r"`((?:infra|docs)/[\w/.-]+\.\w+)`", text):
            assert (ROOT / path).exists(), f"{page}: {path}"
        for path in re.findall(r"\]\(([\w./-]+\.md)\)", text):
            assert (ROOT / "docs" / "how-to" / path).exists(), f"{page}: {path}"


def test_every_variable_is_an_output_of_the_template_or_the_operators_own() -> None:
    outputs = set(bicep.load(INFRA / "main.bicep").tree["outputs"])
    for page in PAGES:
        text = "\n".join(commands(page))
        pairs = re.findall(r"(?:^|\s)([A-Z_]+)=|\bset ([A-Z_]+) ", text)
        given = {name for pair in pairs for name in pair if name}
        assert set(re.findall(r"\$([A-Z_]{2,})", text)) <= outputs | OPERATORS_OWN | given, page


def test_azd_and_terraform_are_given_what_the_templates_take() -> None:
    parameters = (INFRA / "main.parameters.json").read_text()
    templates = parity.Templates.load(INFRA)
    outputs = re.findall(r'^output "(\w+)"', (INFRA / "terraform" / "outputs.tf").read_text(), re.MULTILINE)
    for page, line in every():
        for name in re.findall(r"azd env set ([A-Z_]+)", line):
            assert name == "AZURE_SUBSCRIPTION_ID" or "${" + name in parameters, f"{page}: {name}"
        for name in re.findall(r"-var (\w+)=", line):
            assert name in templates.terraform.variables, f"{page}: {name}"
        for name in re.findall(r"output -raw (\w+)", line):
            assert name in outputs, f"{page}: {name}"
    required = {name for name, value in templates.terraform.variables.items() if "default" not in value}
    apply = next(line for line in commands("deploy") if " apply " in line)
    assert required <= set(re.findall(r"-var (\w+)=", apply))


@pytest.mark.feature("APP-07.4")
def test_every_alert_names_a_page_that_says_what_to_do() -> None:
    for rule in json.loads((INFRA / "monitoring" / "alerts.json").read_text()):
        pages = re.findall(r"docs/[\w/-]+\.md", rule["description"])
        assert pages or "report it" in rule["description"], rule["name"]
        for page in pages:
            assert (ROOT / page).exists(), f"{rule['name']}: {page}"
        for title in re.findall(r'"([^"]+)"', rule["description"]):
            assert f"## {title}" in (ROOT / pages[0]).read_text(), rule["name"]


def test_the_hooks_parse_and_refuse_to_run_without_what_they_need() -> None:
    for hook in sorted((INFRA / "hooks").glob("*.sh")):
        assert subprocess.run(["sh", "-n", str(hook)], check=False).returncode == 0
        ran = subprocess.run(["sh", str(hook)], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
        assert ran.returncode != 0


@pytest.mark.parametrize(
    ("answer", "status", "made"),
    [("exit 1", 1, False), ("echo dynasync-state-key", 0, False), ("true", 0, True)],
    ids=["the vault does not answer", "it has a key", "it has none"],
)
def test_a_state_key_is_made_only_in_a_vault_that_says_it_has_none(
    tmp_path: Path, answer: str, status: int, made: bool
) -> None:
    """Another key would mean that every record is matched anew."""
    tool = tmp_path / "az"
    tool.write_text(f'#!/bin/sh\necho "$3" >>"{tmp_path}/calls"\nif [ "$3" = list ]; then {answer}; fi\n')
    tool.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "DYNASYNC_VAULT": "v",
        "DYNASYNC_TRIES": "2",
        "DYNASYNC_PAUSE": "0",
    }
    hook = INFRA / "hooks/state-key.sh"
    ran = subprocess.run(["sh", str(hook)], env=environment, capture_output=True, check=False)
    assert ran.returncode == status
    assert ("set" in (tmp_path / "calls").read_text().split()) is made
