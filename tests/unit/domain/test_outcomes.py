"""The closed list of outcome codes: complete, said in words, and the same in the documentation."""

import ast
from pathlib import Path

import pytest

import shared
from shared.domain.merged import ASKED
from shared.domain.outcomes import REASONS, Status, known, reason, reference_page
from shared.sync.basis import parked_code

SHARED = Path(next(iter(shared.__path__)))
PAGE = SHARED.parent / "docs" / "reference" / "outcome-codes.md"
GROUPS = ("skipped", "conflicted", "failed", "waiting")


def literals(path: Path) -> set[str]:
    """Every text of a module that looks like an outcome code, docstrings left out by their spaces."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if text.partition(":")[0] in GROUPS and text.partition(":")[2].isidentifier()}


@pytest.mark.feature("HUB-14.1")
@pytest.mark.parametrize("path", sorted(SHARED.rglob("*.py")), ids=lambda path: str(path.relative_to(SHARED)))
def test_every_code_that_the_product_uses_is_on_the_list(path: Path) -> None:
    if path.name != "outcomes.py":
        assert {code for code in literals(path) if not known(code)} == set(), "add them to shared/domain/outcomes.py"


def refused_by(path: Path, name: str) -> set[str]:
    """The first text argument of every call of `name` in a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name]
    constants = [[arg for arg in call.args if isinstance(arg, ast.Constant)] for call in calls]
    return {str(found[0].value) for found in constants if found}


@pytest.mark.feature("HUB-14.1")
@pytest.mark.feature("HUB-08.6")
def test_every_reason_to_park_a_field_is_on_the_list() -> None:
    reasons = {code for path in sorted((SHARED / "domain").glob("*.py")) for code in refused_by(path, "Unfit")}
    assert len(reasons) > 15
    assert {code for code in reasons if not known(parked_code(code))} == set()


@pytest.mark.feature("HUB-08.10")
def test_every_reason_to_park_a_mapping_is_on_the_list() -> None:
    from shared.domain.compile_map import __file__ as module

    tree = ast.parse(Path(module).read_text(encoding="utf-8"))
    codes = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_Broken":
            code = node.args[1]
            if isinstance(code, ast.Constant):
                codes.add(str(code.value))
            elif isinstance(code, ast.JoinedStr):
                suffix = "".join(str(part.value) for part in code.values if isinstance(part, ast.Constant))
                codes |= {f"crm{suffix}", f"partner{suffix}"}
    assert len(codes) > 10
    assert {code for code in codes if not known(f"broken:{code}")} == set()


@pytest.mark.feature("HUB-14.1")
@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_code_has_a_meaning_and_a_next_step(code: str) -> None:
    found = reason(code)
    assert found.code == code
    assert found.status in set(Status)
    for sentence in (found.meaning, found.next_step):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "|" not in sentence


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("created", Status.CREATED),
        ("unchanged", Status.UNCHANGED),
        ("relinked", Status.UPDATED),
        ("deactivated", Status.DELETED),
        ("again", Status.WAITING),
        ("waiting:id", Status.WAITING),
        ("skipped:tags_missing", Status.SKIPPED),
        ("conflicted:asked", Status.CONFLICTED),
        ("failed:rejected", Status.FAILED),
        ("broken:option_missing", Status.BROKEN),
    ],
)
def test_codes_count_as_their_status(code: str, status: Status) -> None:
    assert reason(code).status is status


def test_a_code_of_a_newer_release_has_words_too() -> None:
    assert not known("failed:of_a_newer_release")
    assert reason("failed:of_a_newer_release").code == "failed:unknown"
    assert parked_code(ASKED) == "conflicted:asked"


def test_the_documentation_says_the_same() -> None:
    """Write it anew with: python -c "from shared.domain.merged import ASKED
    from shared.domain.outcomes import reference_page as p; print(p(), end='')"."""
    assert PAGE.read_text(encoding="utf-8") == reference_page()
