"""The rules of the real Functions host that ours keeps. Each has at least one test marked with its id."""

import ast
from pathlib import Path

RULES: dict[str, str] = {
    "HTTP-01": "A route is the prefix of host.json and the function's route, or its name when it has none.",
    "HTTP-02": "Routes are ASP.NET templates: `{id}`, constraints such as `{id:int}`, `{id?}`, `{*rest}`.",
    "HTTP-03": "Of two routes that match, the more specific one is taken: a literal before a parameter.",
    "HTTP-04": "A verb that the function does not list is 404, not 405.",
    "HTTP-05": "A path without function is 404.",
    "HTTP-06": "A disabled function (`AzureWebJobs.NAME.Disabled`) is 404.",
    "HTTP-07": "Without a right key: 401 with an empty body.",
    "HTTP-08": "A function that raises: 500 with an empty body.",
    "HTTP-09": "The key is taken from header `x-functions-key`, else from `?code=`.",
    "HTTP-10": "Levels: anonymous < function (function or host key) < admin (master key).",
    "HTTP-11": "Query parameters with an empty value do not reach the function; repeated ones are joined by commas.",
    "HTTP-12": "A body is read only when Content-Length is above 0: a chunked body arrives empty.",
    "HTTP-13": "`?code=` stays visible to the function.",
    "HTTP-14": "Header names reach the function in lower case.",
    "HTTP-15": "Status, headers, cookies and bytes of the response are those of the function; a string is plain text.",
    "HTTP-16": '`POST /admin/functions/NAME` with `{"input": "..."}` runs a non-HTTP function and answers 202.',
    "HTTP-17": "`/admin/` needs the master key.",
    "AUTH-01": "`X-MS-CLIENT-PRINCIPAL*` and `X-MS-TOKEN-*` from outside never reach a function.",
    "AUTH-02": "A signed-in user reaches the function as `X-MS-CLIENT-PRINCIPAL` with its roles.",
    "OUT-01": "Outputs are written only after the function succeeded.",
    "OUT-02": "A queue output is a string or a list (a message each); `$return` may be one; a missing queue is made.",
    "OUT-03": "Outputs are written one by one, not as a whole; one that cannot be written fails the invocation.",
    "OUT-04": "A string that is a JSON array becomes a message for each element.",
    "TIMER-01": "NCRONTAB: six fields, or five; lists, ranges, steps, names; day and day-of-week must both match.",
    "TIMER-02": "`%SETTING%` in a schedule is taken from the app settings.",
    "TIMER-03": "A timer runs on one host at a time: the one that holds the blob lease.",
    "TIMER-04": "Last and next run are kept in a status blob; a first start writes one and is not past due.",
    "TIMER-05": "A start after the stored next run fires once, with `past_due`, however many runs were missed.",
    "TIMER-06": "A changed schedule is reckoned anew and is never past due.",
    "TIMER-07": "`run_on_startup` fires at every start of a host.",
    "TIMER-08": "`use_monitor` is off for schedules below a minute, whatever is asked for.",
    "TIMER-09": "Runs of a timer never overlap; the next one is reckoned when a run has ended.",
    "TIMER-10": "A failed run is logged and not repeated.",
    "TIMER-11": "A disabled timer does not fire.",
    "QUEUE-01": "A queue that does not exist is no error; it is looked for again.",
    "QUEUE-02": "At most batchSize messages are taken at a time, more when no more than newBatchThreshold are in hand.",
    "QUEUE-03": "An idle queue is polled ever more rarely: random exponential back-off up to maxPollingInterval.",
    "QUEUE-04": "Success deletes the message.",
    "QUEUE-05": "A failure makes the message visible again after visibilityTimeout, with its count raised.",
    "QUEUE-06": "The maxDequeueCount-th failure moves it to `NAME-poison`, which is made if missing.",
    "QUEUE-07": "A message taken more often than maxDequeueCount goes to poison without running.",
    "QUEUE-08": "A poison queue has no poison queue behind it: a failure there leaves the message invisible.",
    "QUEUE-09": "A message in hand is invisible for the lease, renewed at half time while the function runs.",
    "QUEUE-10": "A lost pop receipt is not an error.",
    "QUEUE-11": "Messages are base64 unless messageEncoding is `none`; one that is not goes to poison, as it is.",
    "QUEUE-12": "The function sees id, pop receipt, dequeue count and the three times of its message.",
    "QUEUE-13": "An output to a queue of this app wakes its listener at once.",
    "QUEUE-14": "A disabled function takes no messages.",
    "WORKER-01": "Functions run in Microsoft's worker library; HTTP in one process, timers and queues in another.",
    "WORKER-02": "The app's folder is working directory and first on the path; settings are environment variables.",
    "WORKER-03": "Logs carry function name and invocation id.",
    "WORKER-04": "`PYTHON_THREADPOOL_THREAD_COUNT` is the number of sync functions that run at a time.",
    "WORKER-05": "Each invocation has a `traceparent`; the caller's trace is continued.",
    "WORKER-06": "A run beyond functionTimeout fails and its worker is restarted, its neighbours with it.",
    "WORKER-07": "A worker that dies is replaced; what it had in hand fails (HTTP) or comes back (queue).",
    "WORKER-08": "No message is lost when workers are killed at random; each is worked on at least once.",
}

_MARKS = ("<!-- rules: begin -->", "<!-- rules: end -->")
_HERE = Path(__file__).resolve().parent
PAGE = _HERE.parents[1] / "docs" / "reference" / "local-host.md"


def proofs() -> dict[str, list[str]]:
    """For each rule the tests marked with it, read from their source: ``file::test``."""
    found: dict[str, list[str]] = {}
    for file in sorted(_HERE.glob("test_*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                for one in _rules_of(node):
                    found.setdefault(one, []).append(f"{file.stem}::{node.name}")
    return found


def table() -> str:
    """The Markdown table of rules and tests."""
    tests = proofs()
    rows = [
        f"| {one} | {text.replace('|', chr(92) + '|')} | {'<br>'.join(f'`{test}`' for test in tests.get(one, []))} |"
        for one, text in RULES.items()
    ]
    return "\n".join(["| id | rule | tests (in `tests/runtime/`) |", "|---|---|---|", *rows])


def page_with_table(page: str) -> str:
    """The page with a fresh table between its marks."""
    head, _, rest = page.partition(_MARKS[0])
    tail = rest.partition(_MARKS[1])[2]
    return f"{head}{_MARKS[0]}\n{table()}\n{_MARKS[1]}{tail}"


def _rules_of(node: ast.FunctionDef) -> list[str]:
    return [
        str(argument.value)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "rule"
        for argument in decorator.args
        if isinstance(argument, ast.Constant)
    ]


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text()))
