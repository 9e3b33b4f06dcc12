// npm dynamics-web-api against the simulator, unchanged but for base address and trust store (NODE_EXTRA_CA_CERTS).
import { createRequire } from "node:module";
import path from "node:path";

const prefix = process.env.SIM_CLIENT_PREFIX ?? process.cwd();
const require = createRequire(path.join(prefix, "package.json"));
const { DynamicsWebApi } = require("dynamics-web-api");

const base = process.env.SIM_DATAVERSE.replace(/\/$/, "");
const entra = process.env.SIM_ENTRA.replace(/\/$/, "");
const steps = [];
const step = (operation, run) => steps.push([operation, run]);

async function token() {
  const form = new URLSearchParams({
    client_id: process.env.SIM_CLIENT_ID ?? "9a1e5b70-3c42-4d8e-b6f1-0c7d2a4e5f63",
    client_secret: process.env.SIM_CLIENT_SECRET ?? "simulated~secret-of-the-default-app",
    grant_type: "client_credentials",
    scope: `${base}/.default`,
  });
  const tenant = process.env.SIM_TENANT ?? "5d2f1c44-7c1b-4a86-9f0e-2b6a3c9d8e10";
  const answer = await fetch(`${entra}/${tenant}/oauth2/v2.0/token`, { method: "POST", body: form });
  return (await answer.json()).access_token;
}

async function control(method, name, body) {
  const answer = await fetch(`${base}/_sim/${name}`, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`control ${name}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

function expect(actual, wanted, what = "value") {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

async function refuses(call, status, code = "") {
  try {
    await call();
  } catch (problem) {
    if (problem.status === status && String(problem.code ?? "").toLowerCase().includes(code)) return problem;
    throw new Error(`expected ${status} ${code}, got ${problem.status} ${problem.code} ${problem.message}`);
  }
  throw new Error(`expected ${status} ${code}, but the call succeeded`);
}

const api = new DynamicsWebApi({ serverUrl: base, dataApi: { version: "9.2" }, onTokenRefresh: token });
const guid = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
const contacts = (filter, more = {}) =>
  api.retrieveMultiple({ collection: "contacts", select: ["lastname"], filter, ...more });
let single;

step("create", async () => {
  single = await api.create({ collection: "contacts", data: { firstname: "Row", lastname: "Single" } });
  const row = await api.retrieve({ collection: "contacts", key: single, select: ["fullname"] });
  expect(row.fullname, "Row Single");
  const made = await api.create({
    collection: "contacts",
    data: { contactid: guid(1), lastname: "Known id" },
    returnRepresentation: true,
    select: ["lastname"],
  });
  expect([made.contactid, made.lastname], [guid(1), "Known id"]);
});

step("read paging", async () => {
  api.startBatch();
  for (let n = 0; n < 25; n++) {
    api.create({ collection: "contacts", data: { lastname: `Page ${String(n).padStart(2, "0")}` } });
  }
  await api.executeBatch();
  const first = await contacts("startswith(lastname,'Page')", { maxPageSize: 10, orderBy: ["lastname asc"], count: true });
  expect([first.value.length, first.oDataCount], [10, 25]);
  const second = await api.retrieveMultiple({ collection: "contacts", maxPageSize: 10 }, first.oDataNextLink);
  expect(second.value[0].lastname, "Page 10");
  const all = await api.retrieveAll({
    collection: "contacts", select: ["lastname"], filter: "startswith(lastname,'Page')", maxPageSize: 10,
  });
  expect(all.value.length, 25);
  expect(await api.count({ collection: "contacts", filter: "startswith(lastname,'Page')" }), 25);
});

step("update", async () => {
  expect(await api.update({ collection: "contacts", key: single, data: { jobtitle: "changed" } }), true);
  await api.updateSingleProperty({ collection: "contacts", key: single, fieldValuePair: { department: "one" } });
  await api.associateSingleValued({
    collection: "contacts", primaryKey: single, navigationProperty: "parentcustomerid_contact",
    relatedCollection: "contacts", relatedKey: guid(1),
  });
  const row = await api.retrieve({
    collection: "contacts", key: single, select: ["jobtitle", "department", "_parentcustomerid_value"],
    includeAnnotations: "*",
  });
  expect([row.jobtitle, row.department, row._parentcustomerid_value], ["changed", "one", guid(1)]);
  expect(row._parentcustomerid_value_LogicalName, "contact");
  expect(await api.update({ collection: "contacts", key: single, data: { jobtitle: "x" }, ifmatch: 'W/"1"' }), false);
  const etag = row["@odata.etag"];
  expect(await api.update({ collection: "contacts", key: single, data: { jobtitle: "y" }, ifmatch: etag }), true);
  await api.disassociateSingleValued({
    collection: "contacts", primaryKey: single, navigationProperty: "parentcustomerid_contact",
  });
});

step("upsert", async () => {
  await api.upsert({ collection: "contacts", key: guid(2), data: { lastname: "Upserted" } });
  await api.upsert({ collection: "contacts", key: guid(2), data: { lastname: "Upserted again" } });
  expect(await api.upsert({ collection: "contacts", key: guid(2), data: { lastname: "no" }, ifnonematch: "*" }), null);
  expect(await api.upsert({ collection: "contacts", key: guid(3), data: { lastname: "no" }, ifmatch: "*" }), null);
  const row = await api.upsert({
    collection: "contacts", key: guid(4), data: { lastname: "Shown" }, returnRepresentation: true, select: ["lastname"],
  });
  expect(row.lastname, "Shown");
  expect((await contacts("startswith(lastname,'Upserted')")).value.map((r) => r.lastname), ["Upserted again"]);
});

step("batch", async () => {
  api.startBatch();
  api.create({ collection: "contacts", data: { lastname: "Batch 1" }, contentId: "1" });
  api.create({
    collection: "accounts", contentId: "2",
    data: { name: "Batch", "primarycontactid@odata.bind": "$1" },
  });
  api.update({ collection: "contacts", key: single, data: { department: "batched" } });
  api.retrieve({ collection: "contacts", key: single, select: ["department"] });
  const [contact, account, updated, read] = await api.executeBatch();
  expect([typeof contact, typeof account, updated, read.department], ["string", "string", true, "batched"]);
  const linked = await api.retrieve({ collection: "accounts", key: account, select: ["_primarycontactid_value"] });
  expect(linked._primarycontactid_value, contact);
  api.startBatch();
  api.create({ collection: "contacts", data: { lastname: "Batch never" } });
  api.create({ collection: "contacts", data: { lastname: "x".repeat(51) } });
  let failures;
  try {
    await api.executeBatch();
  } catch (problem) {
    failures = [problem].flat();
  }
  expect(failures.map((each) => [each.status, (each.code ?? each.error.code).toLowerCase()]), [[400, "0x80044331"]], "failed change set");
  api.startBatch();
  api.create({ collection: "contacts", data: { lastname: "x".repeat(51) } });
  api.create({ collection: "contacts", data: { lastname: "Batch 2" } });
  try {
    await api.executeBatch({ inChangeSet: false, continueOnError: true });
  } catch (problem) {
    expect([problem].flat()[0].status, 400);
  }
  const left = (await contacts("startswith(lastname,'Batch')", { orderBy: ["lastname asc"] })).value;
  expect(left.map((r) => r.lastname), ["Batch 1", "Batch 2"]);
});

step("delta", async () => {
  const tracked = await api.retrieveMultiple({ collection: "contacts", select: ["lastname"], trackChanges: true });
  await api.update({ collection: "contacts", key: guid(2), data: { lastname: "Tracked" } });
  await api.deleteRecord({ collection: "contacts", key: guid(4) });
  const delta = await api.retrieveMultiple({ collection: "contacts", trackChanges: true }, tracked.oDataDeltaLink);
  expect(delta.value.filter((r) => r.lastname).map((r) => r.lastname), ["Tracked"]);
  expect(delta.value.filter((r) => r.reason).map((r) => [r.id, r.reason]), [[guid(4), "deleted"]]);
  const empty = await api.retrieveMultiple({ collection: "contacts", trackChanges: true }, delta.oDataDeltaLink);
  expect(empty.value, []);
});

step("delete", async () => {
  expect(await api.deleteRecord({ collection: "contacts", key: guid(2) }), true);
  await api.deleteRecord({ collection: "contacts", key: single, property: "department" });
  expect((await api.retrieve({ collection: "contacts", key: single, select: ["department"] })).department, null);
  const pages = await contacts("startswith(lastname,'Page')");
  api.startBatch();
  for (const row of pages.value) api.deleteRecord({ collection: "contacts", key: row.contactid });
  await api.executeBatch();
  expect((await contacts("startswith(lastname,'Page')")).value, []);
});

step("metadata", async () => {
  const entity = await api.retrieveEntity({ key: "LogicalName='contact'", select: ["EntitySetName", "ChangeTrackingEnabled"] });
  expect([entity.EntitySetName, entity.ChangeTrackingEnabled], ["contacts", true]);
  const picklists = await api.retrieveAttributes({
    entityKey: "LogicalName='contact'", castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
    select: ["LogicalName"], expand: [{ property: "OptionSet" }],
  });
  const method = picklists.value.find((each) => each.LogicalName === "preferredcontactmethodcode");
  expect(method.OptionSet.Options.map((each) => each.Value), [1, 2, 3, 4, 5]);
  const label = { "@odata.type": "Microsoft.Dynamics.CRM.Label", LocalizedLabels: [{ Label: "Note", LanguageCode: 1033 }] };
  await api.createAttribute({
    entityKey: entity.MetadataId,
    data: {
      "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", SchemaName: "new_Note", MaxLength: 20,
      DisplayName: label, RequiredLevel: { Value: "None" },
    },
  });
  await api.update({ collection: "contacts", key: single, data: { new_note: "custom" } });
  expect((await api.retrieve({ collection: "contacts", key: single, select: ["new_note"] })).new_note, "custom");
  expect((await api.retrieveCsdlMetadata()).includes('<EntityType Name="contact"'), true, "csdl");
  const me = await api.callFunction({ functionName: "WhoAmI" });
  expect(/^[0-9a-f-]{36}$/.test(me.UserId), true, "WhoAmI");
});

step("errors", async () => {
  await refuses(() => api.retrieve({ collection: "contacts", key: guid(99) }), 404, "0x80040217");
  await refuses(() => api.create({ collection: "contacts", data: { contactid: single, lastname: "x" } }), 412, "0x80040237");
  await refuses(() => api.create({ collection: "contacts", data: { lastname: "x".repeat(51) } }), 400, "0x80044331");
  await refuses(() => contacts("nosuchcolumn eq 1"), 400);
  await refuses(() => api.retrieveMultiple({ collection: "nosuchthings" }), 404);
});

step("429", async () => {
  await control("POST", "switches", { limit_requests: 2 });
  try {
    const problem = await refuses(async () => {
      for (let n = 0; n < 10; n++) await contacts("lastname eq 'x'");
    }, 429, "0x80072322");
    expect(Number(problem.headers["retry-after"]) > 0, true, "retry-after");
  } finally {
    await control("POST", "switches", { limit_requests: 6000 });
  }
});

step("rows", async () => {
  const held = (await control("GET", "state?table=contact&limit=10000")).rows;
  const left = held.map((row) => [row.lastname, row.jobtitle ?? null]).sort((a, b) => (a[0] < b[0] ? -1 : 1));
  expect(left, [["Batch 1", null], ["Batch 2", null], ["Known id", null], ["Single", "y"]]);
});

let failed = false;
for (const [operation, run] of steps) {
  let detail = "";
  try {
    await run();
  } catch (problem) {
    failed = true;
    const list = [problem].flat();
    detail = list.map((each) => `${each.name ?? "Error"}: ${each.message ?? JSON.stringify(each)}`).join(" | ").slice(0, 500);
    console.error(operation, ...list);
  }
  console.log(JSON.stringify({ operation, ok: detail === "", detail }));
}
process.exit(failed ? 1 : 0);
