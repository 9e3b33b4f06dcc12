"""The checks of the templates: `python -m scripts.infra [parity | breaks | lists | schema WHEEL | types DIR]`."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

from scripts.infra import bicep, facts, needs, parity, planned, schema, terraform, types
from scripts.infra.breaks import BREAKS, apply, quick_checks

ROOT = needs.ROOT
INFRA = ROOT / "infra"
VENV = ROOT / ".venv-infra"
SHARED = ROOT.parent / "shared"

# Why a policy of checkov does not hold here. Short on purpose: what is not on it is kept.
SKIPPED = {
    "CKV_AZURE_13": "asks for the sign-in of old; it is set by authsettingsV2",
    "CKV_AZURE_16": "knows one identity only; the app has a user-assigned and a system-assigned one",
    "CKV_AZURE_17": "client certificates would lock out the vendors' webhooks; callers have keys or tokens",
    "CKV_AZURE_33": "classic queue logging needs shared keys; diagnostic settings log the queues",
    "CKV_AZURE_35": "closed by private_networking, which costs extra and is therefore the operator's choice",
    "CKV_AZURE_59": "the same",
    "CKV_AZURE_109": "the same, for the vault",
    "CKV_AZURE_189": "the same, for the vault",
    "CKV2_AZURE_32": "the same: private endpoints come with private_networking",
    "CKV2_AZURE_33": "the same: private endpoints come with private_networking",
    "CKV_AZURE_63": "a setting of web apps on other plans",
    "CKV_AZURE_65": "a setting of web apps on other plans",
    "CKV_AZURE_66": "a setting of web apps on other plans",
    "CKV_AZURE_80": "there is no .NET here",
    "CKV_AZURE_88": "Flex Consumption takes its package from a blob",
    "CKV_AZURE_206": "copies are the operator's choice (storage_sku); the default keeps three in the region's zones",
    "CKV_AZURE_212": "Flex Consumption scales from none on purpose",
    "CKV_AZURE_213": "Flex Consumption has no health check of its own; an alert watches the minute timer",
    "CKV_AZURE_222": "people and webhooks must reach the app",
    "CKV_AZURE_225": "zone redundancy asks for two instances at all times: the operator's choice",
    "CKV2_AZURE_1": "a key of one's own adds a way to lose everything: the operator's choice",
    "CKV2_AZURE_20": "classic table logging, see CKV_AZURE_33",
    "CKV2_AZURE_21": "classic blob logging, see CKV_AZURE_33",
    "CKV2_AZURE_31": "the two subnets hold private endpoints and the app's own outgoing calls, nothing that listens",
}


class Partly(str):
    """What a check could not look at, beside what it did."""

    __slots__ = ()


class Skipped(Partly):
    """Why a check looked at nothing."""

    __slots__ = ()


def formatting(infra: Path = INFRA) -> Iterator[str]:
    """Terraform's own formatter; for Bicep, whose compiler is not to be had here, the plain rules of its formatter."""
    if shutil.which("terraform"):
        ran = subprocess.run(  # noqa: S603
            ["terraform", "fmt", "-check", "-recursive", str(infra / "terraform")],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        yield from (f"{line}: run terraform fmt" for line in ran.stdout.splitlines())
    else:
        yield Partly("terraform is not installed: of the layout of *.tf only the equals signs were looked at")
    for path in sorted((infra / "terraform").glob("*.tf")):
        yield from (f"{path.name}:{number}: equals signs not in line" for number in _crooked(path.read_text()))
    for path in bicep_files(infra):
        for number, line in enumerate(path.read_text().split("\n")[:-1], 1):
            if "\t" in line or line != line.rstrip() or (len(line) - len(line.lstrip(" "))) % 2:
                yield f"{path.name}:{number}: tabs, trailing blanks or odd indentation"
        if not path.read_text().endswith("\n"):
            yield f"{path.name}: no newline at the end"
    for path in [*infra.rglob("*.json")]:
        if not path.read_text().startswith(("{", "[")) or json.loads(path.read_text()) is None:
            yield f"{path.name}: no JSON"


def _crooked(text: str) -> Iterator[int]:
    """Lines of arguments that stand together in a block, whose equals signs do not stand below one another."""
    group: list[tuple[int, int, int]] = []  # line number, where the sign stands, where the longest name would put it
    for number, line in enumerate([*text.split("\n"), ""], 1):
        found = re.match(r"( *)([\w-]+)( +)= (?!.*[\[{(]$)", line)
        if found and (not group or group[0][0] + len(group) == number):
            group.append((number, found.end(3), found.end(2) + 1))
            continue
        wanted = max((least for _, _, least in group), default=0)
        yield from (at for at, sign, _ in group if sign != wanted)
        group = [(number, found.end(3), found.end(2) + 1)] if found else []


def bicep_files(infra: Path = INFRA) -> list[Path]:
    return [infra / "main.bicep", *sorted((infra / "bicep").glob("*.bicep"))]


def fresh_schema() -> Iterator[str]:
    """The committed facts against the provider's package."""
    wheel = next(iter((VENV / "wheels").glob("cdktn_provider_azurerm-*.whl")), None)
    if wheel is None:
        yield "the provider's package is not there: make .venv-infra/.ready"
        return
    known = json.loads((INFRA / "terraform" / "schema.json").read_text())
    used = {resource.type for resource in terraform.load(INFRA / "terraform").resources}
    if schema.extract(wheel, used) != known:
        yield "infra/terraform/schema.json is not what the provider says: python -m scripts.infra schema WHEEL"


def bicep_whole_types() -> Iterator[str]:
    """The same with the whole types and the checker that lie beside the project, where they do."""
    tool, folder = SHARED / "tools" / "bicep_type_check.py", SHARED / "data" / "bicep-types"
    if not tool.exists():
        yield Skipped("the whole resource types are not at hand; the committed facts of the check `types` were used")
        return
    checker = _module(tool)
    for path in bicep_files():
        file = bicep.load(path)
        for resource in file.resources():
            at = folder / f"{resource.type.split('/')[0]}@{resource.version}.json".lower()
            if resource.existing:
                continue
            if not at.exists():
                yield Partly(f"{path.name}: {resource.symbol}: no types for {resource.type}@{resource.version}")
                continue
            loaded = json.loads(at.read_text())
            name = f"{resource.type}@{resource.version}".lower()
            body = next(t["body"] for t in loaded if t["$type"] == "ResourceType" and t["name"].lower() == name)
            judge = checker.Checker(loaded, file.symbols)
            judge.value(judge.deref(body), resource.body, resource.symbol)
            yield from (f"{path.name}: {line}" for line in judge.found)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bicep_type_check", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def terraform_plan(infra: Path = INFRA) -> Iterator[str]:
    """Terraform's own plan, with a stand-in for the provider."""
    if lacks := planned.lacking():
        yield Skipped(lacks)
        return
    yield from planned.findings(infra)


def policies(infra: Path = INFRA) -> Iterator[str]:
    """checkov over both templates, less what `SKIPPED` gives a reason for."""
    checkov = VENV / "bin" / "checkov"
    if not checkov.exists():
        yield "checkov is not there: make .venv-infra/.ready"
        return
    command = [str(checkov), "-d", str(infra), "--framework", "terraform", "bicep", "--quiet", "--compact"]
    ran = subprocess.run(  # noqa: S603
        [*command, "--output", "json", "--skip-check", ",".join(SKIPPED)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BC_API_KEY": "", "CKV_IGNORE_HIDDEN_DIRECTORIES": "false"},
    )
    if not ran.stdout.strip():
        yield f"checkov said nothing: {ran.stderr[-300:]}"
        return
    reports = json.loads(ran.stdout)
    for report in reports if isinstance(reports, list) else [reports]:
        if report.get("summary", report).get("parsing_errors"):
            yield f"checkov could not read {report['results'].get('parsing_errors')}"
        for failed in report.get("results", {}).get("failed_checks", []):
            place = f"{Path(failed['file_path']).name}: {failed['resource']}"
            yield f"{failed['check_id']} {failed['check_name']}: {place}"


def checks() -> dict[str, Callable[[Path], Iterable[str]]]:
    """Every check by name; each takes the folder of the templates and tells what it found."""
    quick = quick_checks(needs.read_needs())
    return {
        "formatting": formatting,
        **quick,
        "schema is fresh": lambda _: fresh_schema(),
        "whole types": lambda _: bicep_whole_types(),
        "plan": terraform_plan,
        "policies": policies,
    }


def run() -> int:
    failed, skipped, all_checks = 0, [], checks()
    for name, check in all_checks.items():
        began = time.perf_counter()
        told = list(check(INFRA))
        wrong = [line for line in told if not isinstance(line, Partly)]
        whole = [line for line in told if isinstance(line, Skipped)]
        failed += bool(wrong)
        skipped += [name] if whole and not wrong else []
        print(f"{'FAIL' if wrong else 'SKIP' if whole else 'ok  '} {name} ({time.perf_counter() - began:.1f} s)")
        for line in told:
            print(f"     {'not looked at: ' if isinstance(line, Partly) else ''}{line}")
    passed = len(all_checks) - failed - len(skipped)
    left = f", {len(skipped)} skipped ({', '.join(skipped)})" if skipped else ""
    print(f"{passed} of {len(all_checks)} checks of the templates passed{left}; neither template was deployed")
    return 1 if failed else 0


def print_breaks() -> int:
    """Every mistake, the check that must notice it, and whether it did; those whose check has no tool are not tried."""
    missed, untried, all_checks = 0, 0, checks()
    for item in BREAKS:
        with tempfile.TemporaryDirectory() as folder:
            found = list(all_checks[item.check](apply(item, INFRA, Path(folder))))
        told = [line for line in found if item.told in line and not isinstance(line, Partly)]
        lacks = next((line for line in found if isinstance(line, Skipped)), None)
        word = "caught" if told else "MISSED" if lacks is None else "untried"
        missed += word == "MISSED"
        untried += word == "untried"
        print(f"{word:<7} {item.check:<11} {item.name}: {told[0][:110] if told else lacks or item.told}")
    left = f", {untried} not tried" if untried else ""
    print(f"{len(BREAKS) - missed - untried} of {len(BREAKS)} deliberate breaks were caught{left}")
    return 1 if missed else 0


def print_parity() -> int:
    """The table as Markdown."""
    print("| what | Bicep | Terraform | |\n|---|---|---|---|")
    unequal = 0
    for done in parity.compare(parity.Templates.load(INFRA), private=False):
        unequal += not done.equal
        shown = [_short(value) for value in (done.bicep, done.terraform)]
        note = "equal" if done.row.bicep and done.row.terraform else done.row.how
        print(f"| {done.row.fact} | {shown[0]} | {shown[1]} | {note if done.equal else 'DIFFERENT'} |")
    templates = parity.Templates.load(INFRA)
    for row in [*facts.named(templates), *facts.needed(templates, needs.read_needs())]:
        unequal += not row.equal
        print(f"| {row.fact} | {_short(row.bicep)} | {_short(row.terraform)} | {_note(row)} |")
    return 1 if unequal else 0


def _note(row: facts.Named) -> str:
    return (row.why or "equal") if row.equal else "DIFFERENT"


def write_lists() -> None:
    """Queues and tables of system.json as the app asks for them now."""
    path, asked = INFRA / "system.json", needs.read_needs()
    system = json.loads(path.read_text()) | {"queues": sorted(asked.queues), "tables": sorted(asked.tables)}
    path.write_text(json.dumps(system, indent=2) + "\n")
    print(f"wrote {path.relative_to(ROOT)}")


def _short(value: object) -> str:
    return "" if value is None else re.sub(r"\s+", " ", str(value))[:60]


def main(arguments: list[str]) -> int:
    match arguments:
        case ["parity"]:
            return print_parity()
        case ["breaks"]:
            return print_breaks()
        case ["lists"]:
            write_lists()
        case ["schema", wheel]:
            used = {resource.type for resource in terraform.load(INFRA / "terraform").resources}
            _write(INFRA / "terraform" / "schema.json", schema.extract(Path(wheel), used))
        case ["types", folder]:
            files = [bicep.load(path) for path in bicep_files()]
            _write(INFRA / "bicep" / "types.json", types.extract(Path(folder), files))
        case []:
            return run()
        case _:
            print(__doc__)
            return 2
    return 0


def _write(path: Path, facts: object) -> None:
    path.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
    print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
