"""The app on which the host's rules are tested: one function for each thing a rule speaks of.

What background functions see is appended as JSON lines to the file of setting RECORD_FILE, so that it survives a kill.
"""

import json
import logging
import os
import sys
import threading
import time
import typing
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
STORAGE = "AzureWebJobsStorage"


def record(function: str, **facts: object) -> None:
    line = json.dumps({"function": function, "at": time.time(), "pid": os.getpid(), **facts}) + "\n"
    with Path(os.environ["RECORD_FILE"]).open("ab", buffering=0) as stream:
        stream.write(line.encode())


def echo(req: func.HttpRequest, name: str) -> func.HttpResponse:
    facts = {
        "function": name,
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode("utf-8", "replace"),
        "pid": os.getpid(),
    }
    return func.HttpResponse(json.dumps(facts), mimetype="application/json")


# --- HTTP ---------------------------------------------------------------------------------------------------------


@app.route(methods=["GET", "POST"])
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "hello")


@app.route(route="any-verb")
def any_verb(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "any_verb")


@app.route(route="keyed", auth_level=func.AuthLevel.FUNCTION)
def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "keyed")


@app.route(route="also-keyed", auth_level=func.AuthLevel.FUNCTION)
def also_keyed(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "also_keyed")


@app.route(route="admin-only", auth_level=func.AuthLevel.ADMIN)
def admin_only(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "admin_only")


@app.route(route="items/{id:int}")
def item_by_number(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "item_by_number")


@app.route(route="items/{id:guid}")
def item_by_guid(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "item_by_guid")


@app.route(route="items/{name}")
def item_by_name(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "item_by_name")


@app.route(route="items/special")
def item_special(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "item_special")


@app.route(route="pages/{section:alpha?}")
def pages(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "pages")


@app.route(route="files/{*rest}")
def files(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "files")


@app.route(route="reading", methods=["GET"])
def reading(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "reading")


@app.route(route="reading", methods=["POST"])
def writing(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "writing")


@app.route(route="off")
def switched_off(req: func.HttpRequest) -> func.HttpResponse:
    return echo(req, "switched_off")


@app.route(route="boom")
def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("boom was asked for")


@app.route(route="slow/{seconds}")
def slow(req: func.HttpRequest) -> func.HttpResponse:
    started = time.time()
    time.sleep(float(req.route_params["seconds"]))
    facts = {"started": started, "ended": time.time(), "thread": threading.current_thread().name}
    return func.HttpResponse(json.dumps(facts))


@app.route(route="async")
async def in_the_loop(req: func.HttpRequest) -> func.HttpResponse:
    logging.getLogger("sample.loop").info("said in the loop")
    return echo(req, "in_the_loop")


@app.route(route="answer")
def answer(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(b"\x00\x01made", status_code=201, mimetype="application/octet-stream")
    response.headers["Location"] = "/api/items/1"
    response.headers.add("Set-Cookie", "first=1; Path=/; HttpOnly; SameSite=Lax")
    response.headers.add("Set-Cookie", "second=2; Max-Age=60; Secure")
    return response


@app.route(route="text")
def text(req: func.HttpRequest) -> str:
    return "plain words"


@app.route(route="talk")
def talk(req: func.HttpRequest) -> func.HttpResponse:
    logging.getLogger("sample.talk").warning("said to the log")
    logging.getLogger("sample.talk").debug("whispered to the log")
    print("said to the console")
    return func.HttpResponse("ok")


@app.route(route="surroundings")
def surroundings(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    facts = {
        "cwd": str(Path.cwd()),
        "path": sys.path,
        "modules": sorted(sys.modules),
        "environment": dict(os.environ),
        "traceparent": context.trace_context.Traceparent,
        "function": context.function_name,
    }
    return func.HttpResponse(json.dumps(facts))


@app.route(route="send")
@app.queue_output(arg_name="one", queue_name="%OUT_QUEUE%", connection=STORAGE)
@app.queue_output(arg_name="many", queue_name="%OUT_QUEUE%", connection=STORAGE)
def send(
    req: func.HttpRequest,
    one: func.Out[str],
    many: func.Out[typing.List[str]],  # noqa: UP006 - azure-functions-runtime 1.3.0 refuses Out[list[str]]
) -> func.HttpResponse:
    if "one" in req.params:
        one.set(req.params["one"])
    if "many" in req.params:
        many.set(req.params["many"].split(","))
    if "fail" in req.params:
        raise RuntimeError("failed after setting its outputs")
    return func.HttpResponse("sent")


@app.route(route="send-to-two")
@app.queue_output(arg_name="second", queue_name="%OUT_QUEUE%", connection=STORAGE)
@app.queue_output(arg_name="first", queue_name="%OUT_QUEUE%", connection=STORAGE)  # bindings count from below
def send_to_two(req: func.HttpRequest, first: func.Out[str], second: func.Out[str]) -> func.HttpResponse:
    first.set("fits")
    second.set("x" * 70_000)  # above storage's limit of 64 KiB
    return func.HttpResponse("sent")


# --- queues -------------------------------------------------------------------------------------------------------


@app.queue_trigger(arg_name="message", queue_name="%WORK_QUEUE%", connection=STORAGE)
def work(message: func.QueueMessage) -> None:
    """The body says what to do: {"id": ..., "sleep": seconds, "fail": true, "die": true}."""
    body = message.get_body()
    record(
        "work",
        body=body.decode("utf-8", "replace"),
        message=message.id,
        dequeue_count=message.dequeue_count,
        insertion_time=str(message.insertion_time),
        expiration_time=str(message.expiration_time),
        time_next_visible=str(message.time_next_visible),
        pop_receipt=message.pop_receipt,
    )
    order = json.loads(body) if body.startswith(b"{") else {}
    time.sleep(order.get("sleep", 0))
    if order.get("die"):
        os._exit(7)
    if order.get("fail"):
        raise RuntimeError("this message cannot be worked on")
    record("work-done", id=order.get("id"), message=message.id, dequeue_count=message.dequeue_count)


@app.queue_trigger(arg_name="message", queue_name="%WORK_QUEUE%-poison", connection=STORAGE)
def poisoned(message: func.QueueMessage) -> None:
    body = message.get_body().decode()
    record("poisoned", body=body, dequeue_count=message.dequeue_count)
    if '"fail_again"' in body:
        raise RuntimeError("even here")


@app.queue_trigger(arg_name="message", queue_name="%RELAY_QUEUE%", connection=STORAGE)
@app.queue_output(arg_name="$return", queue_name="%OUT_QUEUE%", connection=STORAGE)
def relay(message: func.QueueMessage) -> str:
    body = message.get_body().decode()
    if body == "fail":
        raise RuntimeError("nothing to relay")
    return f"relayed {body}"


@app.queue_trigger(arg_name="message", queue_name="%OFF_QUEUE%", connection=STORAGE)
def queue_off(message: func.QueueMessage) -> None:
    record("queue_off")


# --- timers -------------------------------------------------------------------------------------------------------


def note_timer(name: str, timer: func.TimerRequest) -> None:
    facts = typing.cast("typing.Any", timer)
    record(name, past_due=timer.past_due, status=facts.schedule_status, clock=os.environ.get("DYNASYNC_CLOCK_FILE"))


@app.timer_trigger(arg_name="timer", schedule="%TICK%")
def tick(timer: func.TimerRequest) -> None:
    note_timer("tick", timer)
    time.sleep(float(os.environ.get("TICK_SECONDS", "0")))
    if os.environ.get("TICK_FAILS"):
        raise RuntimeError("tick was told to fail")
    note_timer("tick-done", timer)


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True, use_monitor=False)
def at_start(timer: func.TimerRequest) -> None:
    note_timer("at_start", timer)


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def timer_off(timer: func.TimerRequest) -> None:
    note_timer("timer_off", timer)
