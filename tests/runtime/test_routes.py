"""ASP.NET route templates, by example."""

import pytest

from localhost.routes import parse_route, split_path
from tests.runtime.support import rule

pytestmark = pytest.mark.feature("APP-01.1")


@rule("HTTP-02")
@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("", "/", {}),
        ("a/b", "/A/b/", {}),
        ("a/{id}", "/a/7", {"id": "7"}),
        ("a/{id}", "/a", None),
        ("a/{id?}", "/a", {}),
        ("a/{id:int?}", "/a/x", None),
        ("a/{id=5}", "/a", {"id": "5"}),
        ("{a}/{b?}", "/1/2", {"a": "1", "b": "2"}),
        ("{a}/{b?}", "/1/2/3", None),
        ("{*rest}", "/x/y", {"rest": "x/y"}),
        ("a/{*rest}", "/a", {}),
        ("a/{**rest}", "/a/b%20c/d", {"rest": "b c/d"}),
        ("{name}.{format}", "/report.v2.pdf", {"name": "report", "format": "v2.pdf"}),
        ("file-{id:int}", "/file-12", {"id": "12"}),
        ("file-{id:int}", "/file-x", None),
        ("{v:int:min(5)}", "/4", None),
        ("{v:int:min(5)}", "/5", {"v": "5"}),
        ("{v:range(1,3)}", "/3", {"v": "3"}),
        ("{v:length(2,3)}", "/abcd", None),
        ("{v:length(2)}", "/ab", {"v": "ab"}),
        ("{v:maxlength(2)}", "/abc", None),
        ("{v:regex(^[a-c]+$)}", "/abc", {"v": "abc"}),
        ("{v:regex(^[a-c]+$)}", "/abd", None),
        ("{v:int}", "/2147483648", None),
        ("{v:long}", "/2147483648", {"v": "2147483648"}),
        ("{v:bool}", "/True", {"v": "True"}),
        ("{v:datetime}", "/2026-11-22", {"v": "2026-11-22"}),
        ("{v:datetime}", "/tomorrow", None),
        ("{v:decimal}", "/1.5", {"v": "1.5"}),
        ("{v:double}", "/1e5", {"v": "1e5"}),
        ("{v}", "/a%2Fb", {"v": "a%2Fb"}),
        ("{v}", "/%C3%A9t%C3%A9", {"v": "été"}),
    ],
)
def test_templates(template: str, path: str, values: dict[str, str] | None) -> None:
    assert parse_route(template).match(split_path(path)) == values


@rule("HTTP-03")
def test_order_of_precedence() -> None:
    templates = ["{*rest}", "{a}/{b}", "x/{*rest:alpha}", "x/{b}", "x/{b:int}", "x/y", "x/{b}.html"]
    ordered = sorted(templates, key=lambda template: parse_route(template).order)
    assert ordered == ["x/y", "x/{b:int}", "x/{b}.html", "x/{b}", "x/{*rest:alpha}", "{a}/{b}", "{*rest}"]


@pytest.mark.parametrize("template", ["{*a}/b", "{a", "a}", "{a:colour}", "{a:min}"])
def test_templates_that_are_wrong(template: str) -> None:
    with pytest.raises(ValueError, match="in route"):
        parse_route(template)
