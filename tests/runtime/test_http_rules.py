"""HTTP on the local host follows the rules of the real one."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.pace import slowness
from tests.runtime.support import SAMPLE, Sample, rule, sample, until

pytestmark = [pytest.mark.storage, pytest.mark.feature("APP-01.1")]
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, azurite: str) -> Iterator[Sample]:
    settings = {"PYTHON_THREADPOOL_THREAD_COUNT": "3"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINER_NAME", "some-container")
        with sample(tmp_path_factory.mktemp("http"), azurite, settings=settings) as running:
            yield running


@rule("HTTP-01")
def test_a_function_without_route_is_under_its_name(app: Sample) -> None:
    assert app.get("hello").json()["function"] == "hello"
    assert requests.get(f"{app.host.url}/hello", timeout=60).status_code == 404


@rule("HTTP-01")
def test_literals_match_in_any_case_and_a_trailing_slash_is_ignored(app: Sample) -> None:
    assert app.get("HELLO/").json()["function"] == "hello"


@rule("HTTP-02")
@pytest.mark.parametrize(
    ("path", "function", "route"),
    [
        ("items/42", "item_by_number", {"id": "42"}),
        (f"items/{GUID}", "item_by_guid", {"id": GUID}),
        ("items/lamp", "item_by_name", {"name": "lamp"}),
        ("items/a%20b%2Fc", "item_by_name", {"name": "a b%2Fc"}),
        ("pages", "pages", {}),
        ("pages/news", "pages", {"section": "news"}),
    ],
)
def test_route_parameters(app: Sample, path: str, function: str, route: dict[str, str]) -> None:
    answer = app.get(path).json()
    assert (answer["function"], answer["route"]) == (function, route)


@rule("HTTP-02")
def test_a_value_outside_the_constraint_does_not_match(app: Sample) -> None:
    assert app.get("pages/12").status_code == 404


@rule("HTTP-03")
def test_a_literal_goes_before_a_parameter(app: Sample) -> None:
    assert app.get("items/special").json()["function"] == "item_special"


@rule("HTTP-02")
def test_a_catch_all_takes_the_rest_of_the_path(app: Sample) -> None:
    assert app.get("files/a/b.txt").json()["route"] == {"rest": "a/b.txt"}
    assert app.get("files").json()["route"] == {}


@rule("HTTP-04")
def test_a_wrong_verb_is_not_found(app: Sample) -> None:
    assert requests.delete(app.url("hello"), timeout=60).status_code == 404


@rule("HTTP-04")
def test_the_verb_chooses_between_functions_of_one_route(app: Sample) -> None:
    assert app.get("reading").json()["function"] == "reading"
    assert requests.post(app.url("reading"), timeout=60).json()["function"] == "writing"
    assert requests.patch(app.url("any-verb"), timeout=60).json()["method"] == "PATCH"


@rule("HTTP-05")
def test_an_unmapped_path_is_not_found(app: Sample) -> None:
    for path in ("nothing", "items", "items/1/2"):
        assert app.get(path).status_code == 404


@rule("HTTP-06")
def test_a_disabled_function_is_not_found(app: Sample) -> None:
    assert app.get("off").status_code == 404


@rule("HTTP-07")
@pytest.mark.parametrize("headers", [{}, {"x-functions-key": "wrong"}])
def test_without_a_right_key_401_with_an_empty_body(app: Sample, headers: dict[str, str]) -> None:
    answer = app.get("keyed", headers=headers)
    assert (answer.status_code, answer.content) == (401, b"")


@rule("HTTP-08")
def test_an_exception_is_500_with_an_empty_body_and_its_reason_in_the_log(app: Sample) -> None:
    answer = app.get("boom")
    assert (answer.status_code, answer.content) == (500, b"")
    assert any("RuntimeError: boom was asked for" in line for line in app.host.logs())


@rule("HTTP-09")
def test_the_key_header_comes_before_the_code_parameter(app: Sample) -> None:
    key = app.host.function_key("keyed")
    assert app.get("keyed", headers={"x-functions-key": key}).status_code == 200
    assert app.get("keyed", params={"code": key}).status_code == 200
    both = app.get("keyed", headers={"x-functions-key": "wrong"}, params={"code": key})
    assert both.status_code == 401


@rule("HTTP-10")
def test_levels_anonymous_function_admin(app: Sample) -> None:
    host = app.host
    keys = {"own": host.function_key("keyed"), "other": host.function_key("also_keyed")}
    keys |= {"host": host.host_key, "master": host.master_key}
    opened = {
        path: {name for name, key in keys.items() if app.get(path, params={"code": key}).status_code == 200}
        for path in ("hello", "keyed", "admin-only")
    }
    assert opened == {
        "hello": {"own", "other", "host", "master"},
        "keyed": {"own", "host", "master"},
        "admin-only": {"master"},
    }


@rule("HTTP-10")
def test_an_anonymous_function_minds_no_wrong_key(app: Sample) -> None:
    assert app.get("hello", headers={"x-functions-key": "wrong"}).status_code == 200


@rule("HTTP-11")
def test_query_parameters_without_a_value_are_dropped(app: Sample) -> None:
    assert app.get("hello?a=1&empty=&b=2&b=3").json()["params"] == {"a": "1", "b": "2,3"}


@rule("HTTP-12")
def test_a_body_with_a_content_length_arrives(app: Sample) -> None:
    assert requests.post(app.url("hello"), data="words", timeout=60).json()["body"] == "words"


@rule("HTTP-12")
def test_a_chunked_body_arrives_empty(app: Sample) -> None:
    answer = requests.post(app.url("hello"), data=iter([b"wo", b"rds"]), timeout=60)
    assert answer.json()["body"] == ""


@rule("HTTP-13")
def test_the_code_parameter_stays_visible_to_the_function(app: Sample) -> None:
    key = app.host.host_key
    answer = app.get("keyed", params={"code": key}).json()
    assert answer["params"]["code"] == key
    assert key in answer["url"]


@rule("HTTP-14")
def test_header_names_arrive_in_lower_case(app: Sample) -> None:
    assert app.get("hello", headers={"X-Some-Header": "Value"}).json()["headers"]["x-some-header"] == "Value"


@rule("HTTP-15")
def test_status_headers_cookies_and_bytes_of_the_answer(app: Sample) -> None:
    answer = app.get("answer")
    assert (answer.status_code, answer.content) == (201, b"\x00\x01made")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Location"] == "/api/items/1"
    cookies = answer.raw.headers.getlist("Set-Cookie")
    assert [cookie.split(";")[0] for cookie in cookies] == ["first=1", "second=2"]
    assert "HttpOnly" in cookies[0]
    assert "SameSite=Lax" in cookies[0]
    assert "Secure" in cookies[1]


@rule("HTTP-15")
def test_a_string_is_answered_as_plain_text(app: Sample) -> None:
    answer = app.get("text")
    assert (answer.text, answer.headers["Content-Type"]) == ("plain words", "text/plain; charset=utf-8")


@rule("HTTP-15")
def test_custom_headers_of_host_json_are_on_every_answer(app: Sample) -> None:
    assert app.get("hello").headers["X-Content-Type-Options"] == "nosniff"
    assert app.get("nothing").headers["X-Content-Type-Options"] == "nosniff"


@rule("HTTP-16")
def test_admin_runs_a_function_that_has_no_http_trigger(app: Sample) -> None:
    assert app.host.admin_invoke("WORK", '{"id": "by hand"}') == 202
    done = until(lambda: app.records("work-done", "by hand"))
    assert done[0]["id"] == "by hand"
    assert app.records("work", "by hand")[0]["dequeue_count"] is None


@rule("HTTP-16")
def test_admin_runs_a_timer(app: Sample) -> None:
    assert app.host.admin_invoke("tick") == 202
    assert until(lambda: app.records("tick-done"))[0]["past_due"] is False


@rule("HTTP-16")
@pytest.mark.parametrize(("name", "body", "status"), [("nobody", {"input": ""}, 404), ("work", {"wrong": 1}, 400)])
def test_admin_refuses_what_it_cannot_run(app: Sample, name: str, body: dict[str, object], status: int) -> None:
    address = f"{app.host.url}/admin/functions/{name}"
    headers = {"x-functions-key": app.host.master_key}
    assert requests.post(address, json=body, headers=headers, timeout=60).status_code == status


@rule("HTTP-17")
@pytest.mark.parametrize("path", ["admin/host/status", "admin/functions", "admin/functions/work"])
def test_admin_addresses_need_the_master_key(app: Sample, path: str) -> None:
    address = f"{app.host.url}/{path}"
    assert requests.get(address, timeout=60).status_code == 401
    assert requests.get(address, params={"code": app.host.host_key}, timeout=60).status_code == 401
    assert requests.get(address, params={"code": app.host.master_key}, timeout=60).status_code == 200


@rule("HTTP-17")
def test_admin_tells_state_and_functions(app: Sample) -> None:
    headers = {"x-functions-key": app.host.master_key}
    status = requests.get(f"{app.host.url}/admin/host/status", headers=headers, timeout=60).json()
    assert status["state"] == "Running"
    assert status["id"] == app.settings["AzureFunctionsWebHost__hostid"]
    listed = {one["name"]: one for one in requests.get(f"{app.host.url}/admin/functions", headers=headers).json()}
    assert set(listed) == set(app.host.functions)
    assert listed["switched_off"]["isDisabled"] is True
    assert listed["keyed"]["invoke_url_template"] == app.url("keyed")


@rule("WORKER-01")
def test_functions_run_in_microsofts_worker_library_in_processes_of_their_own(app: Sample) -> None:
    facts = app.get("surroundings").json()
    assert "azure_functions_runtime" in facts["modules"]
    assert app.get("hello").json()["pid"] == app.host.worker_pids["http"]
    app.host.admin_invoke("work", '{"id": "where"}')
    assert until(lambda: app.records("work", "where"))[0]["pid"] == app.host.worker_pids["background"]


@rule("WORKER-02")
def test_the_app_folder_is_first_on_the_path_and_the_working_directory(app: Sample) -> None:
    facts = app.get("surroundings").json()
    assert facts["cwd"] == facts["path"][0] == str(SAMPLE)
    assert str(SAMPLE.parents[2]) not in facts["path"]


@rule("WORKER-02")
def test_settings_reach_the_functions_and_container_name_does_not(app: Sample) -> None:
    environment = app.get("surroundings").json()["environment"]
    assert environment["AzureWebJobsStorage"] == app.host.storage_connection
    assert environment["WORK_QUEUE"] == app.settings["WORK_QUEUE"]
    assert environment["WEBSITE_HOSTNAME"] == app.host.url.removeprefix("http://")
    assert "CONTAINER_NAME" not in environment


@rule("WORKER-03")
def test_logs_carry_the_function_and_the_invocation(app: Sample) -> None:
    app.get("talk")
    app.get("async")
    said = next(line for line in app.host.logs() if "said to the log" in line)
    ended = next(line for line in app.host.logs() if "Function.talk [" in line and "Executed" in line)
    assert "Function.talk.User [" in said
    assert said.split("[")[2].split("]")[0] == ended.split("[")[2].split("]")[0]
    assert any("Function.in_the_loop.User [" in line and "said in the loop" in line for line in app.host.logs())
    assert any("Worker.http.Console said to the console" in line for line in app.host.logs())
    assert not any("whispered" in line for line in app.host.logs())


@rule("WORKER-04")
def test_the_thread_count_setting_bounds_sync_functions(app: Sample) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = [answer.json() for answer in pool.map(lambda _: app.get("slow/0.4"), range(6))]
    threads = {answer["thread"] for answer in answers}
    assert len(threads) == 3
    first, last = sorted(answer["started"] for answer in answers)[0::5]
    assert last - first >= 0.35


@rule("WORKER-05")
def test_the_callers_trace_goes_on_in_the_function(app: Sample) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    sent = f"00-{trace}-b7ad6b7169203331-01"
    given = app.get("surroundings", headers={"traceparent": sent}).json()["traceparent"]
    assert given.split("-")[1] == trace
    assert given != sent
    fresh = app.get("surroundings").json()["traceparent"]
    assert len(fresh.split("-")[1]) == 32
    assert fresh.split("-")[1] != trace


def test_head_and_a_broken_request_do_not_upset_the_server(app: Sample) -> None:
    with socket.create_connection(("127.0.0.1", int(app.host.url.rsplit(":", 1)[1]))) as raw:
        raw.sendall(b"NONSENSE\r\n\r\n")
        raw.recv(100)
    head = requests.head(app.url("any-verb"), timeout=60)
    assert (head.status_code, head.content) == (200, b"")
    assert app.get("hello").status_code == 200


def test_the_root_says_that_the_host_is_up(app: Sample) -> None:
    assert "up and running" in requests.get(app.host.url, timeout=60).text


def test_an_answer_takes_milliseconds(app: Sample) -> None:
    app.get("hello")
    took = list[float]()
    for _ in range(20):
        started = time.monotonic()
        json.loads(app.get("hello").content)
        took.append(time.monotonic() - started)
    assert sorted(took)[10] < 0.2 * slowness(), took
