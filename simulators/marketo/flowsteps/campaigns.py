"""Smart campaigns with a flow step: people are handed over in chunks. Source: marketo.md 4.1, 4.2."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import batched
from typing import Any

from simulators.frame.system import ControlError
from simulators.marketo.call import as_id
from simulators.marketo.flowsteps.book import MUNCHKIN, Book, Chunk, Service
from simulators.marketo.flowsteps.callbacks import PATH
from simulators.marketo.flowsteps.outgoing import Told, send
from simulators.marketo.flowsteps.validation import (
    auth_of,
    definition_mistakes,
    document_mistakes,
    picklist_mistakes,
    status_mistakes,
)
from simulators.marketo.tenant import Tenant

Spec = dict[str, Any]
_AGAIN = frozenset({0, 429, 500})


class Campaigns:
    """`own` tells this subscription's address, `ca` the file of trusted authorities."""

    def __init__(self, tenant: Tenant, book: Book, own: Callable[[], str], ca: Callable[[], str]) -> None:
        self._tenant, self._book, self._own, self._ca = tenant, book, own, ca
        self.acts: dict[str, Callable[[Spec], Spec]] = {
            "install_flow_step": self.install,
            "refresh_picklist": self.refresh,
            "poll_flow_steps": self.poll,
            "run_campaign": self.run,
            "call_webhook": self.webhook,
        }

    def act(self, action: str, spec: Spec) -> Spec:
        try:
            return self.acts[action](spec)
        except KeyError as error:
            raise ControlError(f"{action} needs {error}") from error

    # -- installing ----------------------------------------------------------------------------------------------
    def install(self, spec: Spec) -> Spec:
        """An administrator pastes `url` and enters `key`; `mapped` fields may be written by callbacks."""
        told = send("GET", str(spec["url"]), {"Accept": "application/json"}, ca_file=self._ca())
        document = told.json()
        wrong = document_mistakes(document) if told.status == 200 else [f"the document answered {told.status}"]
        if wrong:
            return {"installed": False, "mistakes": wrong}
        scheme = auth_of(document) or {}
        root = str(document["servers"][0]["url"])
        service = Service("", root, str(scheme.get("name", "")), str(spec.get("key", "")), {}, spec.get("mapped", []))
        status = self._get(service, "/status")
        found = self._get(service, "/getServiceDefinition")
        definition = found.json()
        wrong = [
            f"{name} answered {each.status}"
            for name, each in (("status", status), ("definition", found))
            if each.status != 200
        ]
        wrong = wrong or [*status_mistakes(status.json()), *definition_mistakes(definition)]
        if wrong:
            return {"installed": False, "mistakes": wrong}
        service.definition, service.name = definition, str(definition["apiName"])
        self._book.services[service.name] = service
        for attribute in definition["invocationPayloadDef"]["flowAttributes"]:
            if attribute.get("picklistUrl"):
                wrong += self._refresh(service, attribute)
        return {"installed": not wrong, "mistakes": wrong, "name": service.name}

    def refresh(self, spec: Spec) -> Spec:
        """Choices are asked anew, at night or when somebody wants it."""
        service = self._service(spec)
        wrong: list[str] = []
        for attribute in service.definition["invocationPayloadDef"]["flowAttributes"]:
            if attribute.get("picklistUrl") and spec.get("attribute") in {None, attribute["apiName"]}:
                wrong += self._refresh(service, attribute)
        return {"mistakes": wrong, "choices": service.choices}

    def poll(self, spec: Spec) -> Spec:
        """The nightly look at every service: its status goes to its log, its picklists are refreshed."""
        del spec
        logs = {}
        for service in self._book.services.values():
            told = self._get(service, "/status")
            body = told.json() if told.status == 200 else {"errors": [f"status answered {told.status}"]}
            levels = (("INFO", "info"), ("WARN", "warnings"), ("ERROR", "errors"))
            service.log += [f"{level}: {text}" for level, name in levels for text in body.get(name, [])]
            self.refresh({"service": service.name})
            logs[service.name] = list(service.log)
        return {"logs": logs}

    def _refresh(self, service: Service, attribute: Spec) -> list[str]:
        asked = {
            "name": attribute["apiName"],
            "type": "flow",
            "fieldMappingContext": {"invocation": [], "callback": []},
        }
        told = self._post(service, str(attribute["picklistUrl"]), asked)
        if told.status != 200:
            return [f"getPicklist for {attribute['apiName']} answered {told.status}"]
        wrong = picklist_mistakes(told.json())
        if not wrong:
            service.choices[attribute["apiName"]] = told.json()["choices"]
        return wrong

    # -- running -------------------------------------------------------------------------------------------------
    def run(self, spec: Spec) -> Spec:
        """A campaign runs its flow step for `leads`. `kind` trigger sends what triggered it, batch does not; `choices`
        are the flow step's inputs, `batch` repeats an earlier run, `chunk` people a call."""
        service = self._service(spec)
        choices = dict(spec.get("choices", {}))
        self._check(service, choices)
        leads = [number for each in spec["leads"] if (number := as_id(each)) is not None]
        batch, campaign = str(spec.get("batch") or self._book.next_batch()), int(spec.get("campaign", 1001))
        size = int(spec.get("chunk") or self._tenant.switches.number("flow_chunk"))
        chunks = []
        for part in batched(leads, size, strict=False):
            chunk = self._book.chunk(service.name, campaign, batch, list(part))
            body = self._body(chunk, choices, str(spec.get("kind", "trigger")))
            self._hand_over(service, chunk, {**body, **spec.get("instead", {})})
            chunks.append(chunk.shown())
        return {"batch": batch, "chunks": chunks}

    def _check(self, service: Service, choices: Spec) -> None:
        """The campaign's form takes values of its picklists only, where they are enforced."""
        for attribute in service.definition["invocationPayloadDef"]["flowAttributes"]:
            value, name = choices.get(attribute["apiName"]), attribute["apiName"]
            known = [each["submittedValue"] for each in service.choices.get(name, [])]
            if value is not None and attribute.get("enforcePicklistSelect") and value not in known:
                raise ControlError(f"{name} has no choice {value!r}")

    def _body(self, chunk: Chunk, choices: Spec, kind: str) -> Spec:
        trigger = {"triggeringContext": {"name": "Lead-gen Form", "triggerName": "Filled Out Form"}}
        return {
            "token": chunk.token,
            "batchid": chunk.batch,
            "apiCallBackKey": chunk.key,
            "campaignId": chunk.campaign,
            "callbackUrl": f"{self._own()}{PATH}{chunk.id}",
            "context": {
                "subscription": {"munchkinId": MUNCHKIN, "prefix": "sim", "crmSyncStatus": "none"},
                "admin": {},
                "campaign": {"id": chunk.campaign, "name": "Campaign"},
                "program": {},
            },
            "objectData": [
                {
                    "objectType": "lead",
                    "objectContext": {"id": lead},
                    "flowStepContext": choices,
                    "programMemberContext": {},
                    **(trigger if kind == "trigger" else {}),
                }
                for lead in chunk.leads
            ],
        }

    def _hand_over(self, service: Service, chunk: Chunk, body: Spec) -> None:
        """429, 500 and no answer are tried again, a few times."""
        switches = self._tenant.switches
        for left in reversed(range(1 + int(switches.number("flow_retries")))):
            told = self._post(service, f"{service.root}/submitAsyncAction", body)
            chunk.tries.append(told.status)
            chunk.seconds = told.seconds
            if told.status not in _AGAIN or not left:
                break
            time.sleep(float(switches.number("flow_retry_seconds")))
        if told.status != 201:
            chunk.error = f"HTTP {told.status}"

    def webhook(self, spec: Spec) -> Spec:
        """A trigger campaign calls a webhook: an empty body fails with 1001, a batch campaign with 1000."""
        if spec.get("kind", "trigger") != "trigger":
            return {"errorCode": "1000"}
        headers = {"Content-Type": "application/json", **spec.get("headers", {})}
        told = send("POST", str(spec["url"]), headers, json.dumps(spec["body"]).encode(), ca_file=self._ca())
        if not told.body:
            return {"status": told.status, "errorCode": "1001"}
        return {"status": told.status, "answer": told.json(), "seconds": told.seconds}

    # ------------------------------------------------------------------------------------------------------------
    def _service(self, spec: Spec) -> Service:
        found = self._book.services.get(str(spec["service"]))
        if found is None:
            raise ControlError(f"no service {spec['service']!r} is installed; there are: {sorted(self._book.services)}")
        return found

    def _get(self, service: Service, path: str) -> Told:
        return send("GET", service.root + path, {service.header: service.key}, ca_file=self._ca())

    def _post(self, service: Service, url: str, body: Spec) -> Told:
        headers = {"Content-Type": "application/json", service.header: service.key}
        return send("POST", url, headers, json.dumps(body).encode(), ca_file=self._ca())
