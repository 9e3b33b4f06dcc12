"""/dealGroups (pipelines) and /dealStages. Source: activecampaign.md 2.10."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.call import Call, created, deleted, ok
from simulators.activecampaign.contacts.rows import links
from simulators.activecampaign.custom_data import DEAL, drop_data
from simulators.activecampaign.errors import invalid, missing, no_result
from simulators.activecampaign.plan import needs_crm
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import with_offset
from simulators.activecampaign.values import as_flag, as_id, as_int, as_text
from simulators.frame.http import Response

DEFAULT_STAGES = (("To Contact", "19CCA3"), ("In Contact", "5487FF"), ("Follow Up", "FBD965"))


def pipeline_row(tenant: Tenant, pipeline: Row) -> dict[str, Any]:
    """A pipeline."""
    return {
        "title": pipeline["title"],
        "currency": pipeline["currency"],
        "autoassign": pipeline["autoassign"],
        "allusers": "1",
        "allgroups": "1",
        "win_probability_initialize_date": None,
        "cdate": with_offset(pipeline["created"]),
        "udate": with_offset(pipeline["updated"]),
        "source": "",
        "links": links(
            tenant,
            "dealGroups",
            pipeline["id"],
            "stages",
            "dealGroupUsers",
            "dealGroupGroups",
            "winProbabilityFeatures",
        ),
        "stages": [str(stage["id"]) for stage in tenant.stages.where("group", pipeline["id"])],
        "id": str(pipeline["id"]),
    }


def stage_row(tenant: Tenant, stage: Row) -> dict[str, Any]:
    """A stage of a pipeline."""
    return {
        "group": str(stage["group"]),
        "title": stage["title"],
        "color": stage["color"],
        "order": str(stage["order"]),
        "width": "280",
        "dealOrder": "next-action DESC",
        "cardRegion1": "title",
        "cardRegion2": "next-action",
        "cardRegion3": "show-avatar",
        "cardRegion4": "contact-fullname-acctname",
        "cardRegion5": "value",
        "cdate": None,
        "udate": None,
        "links": links(tenant, "dealStages", stage["id"], "group"),
        "id": str(stage["id"]),
    }


def create_pipeline(tenant: Tenant, actor: Actor, title: str, *, currency: str = "usd", autoassign: str = "0") -> Row:
    """A pipeline with the three stages every new one has."""
    now = tenant.now()
    pipeline = tenant.pipelines.add(
        {"title": title, "currency": currency.lower(), "autoassign": autoassign, "created": now, "updated": now}
    )
    tenant.log(actor, "create", "dealGroup", pipeline["id"], {"title": [None, title]})
    for order, (name, color) in enumerate(DEFAULT_STAGES, start=1):
        create_stage(tenant, actor, pipeline, name, color=color, order=order)
    block = [("pipeline[id]", str(pipeline["id"])), ("pipeline[title]", title)]
    tenant.emit("deal_pipeline_add", actor, block, None, 0)
    return pipeline


def create_stage(
    tenant: Tenant, actor: Actor, pipeline: Row, title: str, *, color: str = "19CCA3", order: int = 0
) -> Row:
    """A stage at the given place, by default the last."""
    place = order or len(tenant.stages.where("group", pipeline["id"])) + 1
    stage = tenant.stages.add({"group": pipeline["id"], "title": title, "color": color, "order": place})
    tenant.log(actor, "create", "dealStage", stage["id"], {"title": [None, title]})
    block = [("stage[id]", str(stage["id"])), ("stage[title]", title), ("stage[color]", color)]
    tenant.emit("deal_stage_add", actor, block, None, 0)
    return stage


def _pipeline_of(call: Call) -> Row:
    needs_crm(call)
    pipeline = call.tenant.pipelines.get(call.id())
    if pipeline is None:
        raise no_result("DealGroup", call.argument())
    return pipeline


def _stage_of(call: Call) -> Row:
    needs_crm(call)
    stage = call.tenant.stages.get(call.id())
    if stage is None:
        raise no_result("DealStage", call.argument())
    return stage


@routes.get("/dealGroups")
def list_pipelines(call: Call) -> Response:
    """Pipelines with their stages beside; the total is a number."""
    needs_crm(call)
    tenant = call.tenant
    rows = tenant.pipelines.values()
    if (title := call.filter("title")) is not None:
        rows = [row for row in rows if title.lower() in row["title"].lower()]
    wanted = {row["id"] for row in rows}
    side = {"dealStages": [stage_row(tenant, stage) for stage in tenant.stages if stage["group"] in wanted]}
    return call.listing("dealGroups", rows, lambda row: pipeline_row(tenant, row), total=int, side=side)


@routes.post("/dealGroups")
def post_pipeline(call: Call) -> Response:
    """201 with the default stages beside."""
    needs_crm(call)
    sent, tenant = call.body("dealGroup"), call.tenant
    title = as_text(sent.get("title"), "title").strip()
    if not title:
        raise missing("The pipeline title was not provided.", "title")
    pipeline = create_pipeline(
        tenant,
        call.actor,
        title,
        currency=as_text(sent.get("currency"), "currency") or "usd",
        autoassign=as_flag(sent.get("autoassign", 0)),
    )
    stages = [stage_row(tenant, stage) for stage in tenant.stages.where("group", pipeline["id"])]
    return created(dealStages=stages, dealGroup=pipeline_row(tenant, pipeline))


@routes.get("/dealGroups/{id}")
def get_pipeline(call: Call) -> Response:
    """One pipeline."""
    pipeline = _pipeline_of(call)
    stages = [stage_row(call.tenant, stage) for stage in call.tenant.stages.where("group", pipeline["id"])]
    return ok(dealStages=stages, dealGroup=pipeline_row(call.tenant, pipeline))


@routes.put("/dealGroups/{id}")
def put_pipeline(call: Call) -> Response:
    """A partial update."""
    pipeline, sent = _pipeline_of(call), call.body("dealGroup")
    new: dict[str, Any] = {key: as_text(sent[key], key) for key in ("title", "currency") if key in sent}
    if "autoassign" in sent:
        new["autoassign"] = as_flag(sent["autoassign"])
    changed = {key: [pipeline[key], value] for key, value in new.items() if pipeline[key] != value}
    pipeline.update(new, updated=call.now)
    call.tenant.log(call.actor, "update", "dealGroup", pipeline["id"], changed)
    return ok(dealGroup=pipeline_row(call.tenant, pipeline))


@routes.delete("/dealGroups/{id}")
def delete_pipeline(call: Call) -> Response:
    """Removes a pipeline with its stages and deals."""
    pipeline, tenant = _pipeline_of(call), call.tenant
    for stage in tenant.stages.where("group", pipeline["id"]):
        tenant.stages.delete(stage["id"])
    for deal in tenant.deals.where("group", pipeline["id"]):
        drop_data(tenant, DEAL, deal["id"])
        tenant.deals.delete(deal["id"])
    tenant.pipelines.delete(pipeline["id"])
    tenant.log(call.actor, "delete", "dealGroup", pipeline["id"], {"title": [pipeline["title"], None]})
    return deleted()


@routes.get("/dealStages")
def list_stages(call: Call) -> Response:
    """Stages, of one pipeline by `filters[d_groupid]`; the total is a number."""
    needs_crm(call)
    rows = call.tenant.stages.values()
    if (group := call.filter("d_groupid")) is not None:
        rows = [row for row in rows if row["group"] == as_id(group)]
    if (title := call.filter("title")) is not None:
        rows = [row for row in rows if row["title"].lower() == title.lower()]
    return call.listing("dealStages", rows, lambda row: stage_row(call.tenant, row), total=int)


@routes.post("/dealStages")
def post_stage(call: Call) -> Response:
    """201; the pipeline must exist."""
    needs_crm(call)
    sent, tenant = call.body("dealStage"), call.tenant
    title = as_text(sent.get("title"), "title").strip()
    if not title:
        raise missing("The stage title was not provided.", "title")
    pipeline = tenant.pipelines.get(as_id(sent.get("group")))
    if pipeline is None:
        raise invalid("The related pipeline does not exist.", code="related_missing", pointer="group")
    color = as_text(sent.get("color"), "color") or "19CCA3"
    stage = create_stage(tenant, call.actor, pipeline, title, color=color, order=as_int(sent.get("order"), 0))
    return created(dealStage=stage_row(tenant, stage))


@routes.get("/dealStages/{id}")
def get_stage(call: Call) -> Response:
    """One stage."""
    return ok(dealStage=stage_row(call.tenant, _stage_of(call)))


@routes.put("/dealStages/{id}")
def put_stage(call: Call) -> Response:
    """A partial update."""
    stage, sent = _stage_of(call), call.body("dealStage")
    new: dict[str, Any] = {key: as_text(sent[key], key) for key in ("title", "color") if key in sent}
    changed = {key: [stage[key], value] for key, value in new.items() if stage[key] != value}
    stage.update(new)
    call.tenant.log(call.actor, "update", "dealStage", stage["id"], changed)
    return ok(dealStage=stage_row(call.tenant, stage))


@routes.delete("/dealStages/{id}")
def delete_stage(call: Call) -> Response:
    """Removes a stage."""
    stage = _stage_of(call)
    call.tenant.stages.delete(stage["id"])
    call.tenant.log(call.actor, "delete", "dealStage", stage["id"], {"title": [stage["title"], None]})
    return deleted()
