// npm node-marketo-rest against the simulator, unchanged but for its two addresses and trust store (NODE_EXTRA_CA_CERTS).
// It builds bulk addresses as /rest/../bulk, asks for lists by form with _method=GET, and renews a token on 601 and 602.
import { createRequire } from "node:module";
import path from "node:path";

const prefix = process.env.SIM_CLIENT_PREFIX ?? process.cwd();
const require = createRequire(path.join(prefix, "package.json"));
process.env.NODE_MARKETO_LOG_LEVEL = "fatal";
console.log = () => {}; // the client prints whole answers
const Marketo = require("node-marketo-rest");

const base = process.env.SIM_MARKETO.replace(/\/$/, "");
const steps = [];
const step = (operation, run) => steps.push([operation, run]);
const report = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function control(method, name, body) {
  const answer = await fetch(`${base}/_sim/${name}`, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`control ${name}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

function expect(actual, wanted, what = "value") {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

async function refuses(call, code) {
  let problem;
  try {
    await call();
  } catch (found) {
    problem = found;
  }
  if (problem === undefined) throw new Error(`expected ${code}, but the call succeeded`);
  expect(problem.errors?.[0]?.code ?? problem.body?.errors?.[0]?.code ?? String(problem), code, "code");
}

const connect = (more = {}) =>
  new Marketo({
    endpoint: `${base}/rest`,
    identity: `${base}/identity`,
    clientId: "simulated-marketo-client",
    clientSecret: "simulated-marketo-secret",
    retry: { maxRetries: 3, initialDelay: 50, maxDelay: 100 },
    ...more,
  });
const marketo = connect();
const statuses = (answer) => answer.result.map((row) => row.status);
const longAgo = "2023-12-01T00:00:00Z";

step("create", async () => {
  const rows = [{ email: "walk@example.com", firstName: "Walk" }, { email: "first@example.com" }];
  const made = await marketo.lead.createOrUpdate(rows, { action: "createOnly" });
  expect(made.result[0].id, 342);
  expect(made.result[1].reasons[0].code, "1005");
  const found = await marketo.lead.byId(342, { fields: ["email", "firstName"] });
  expect(found.result[0].firstName, "Walk");
});

step("read paging", async () => {
  const emails = ["first@example.com"];
  for (let n = 2; n < 200; n += 1) emails.push(`person${n}@example.com`);
  const ids = [];
  let page = await marketo.lead.find("email", emails, { fields: ["email"], batchSize: 60 });
  for (;;) {
    ids.push(...page.result.map((row) => row.id));
    if (!page.nextPageToken) break;
    page = await page.nextPage();
  }
  expect(ids.length, 199);
  expect(new Set(ids).size, 199);
});

step("update", async () => {
  expect(statuses(await marketo.lead.createOrUpdate([{ email: "walk@example.com", lastName: "Er" }])), ["updated"]);
  const rows = [{ id: 342, firstName: null }, { id: 9999, firstName: "x" }];
  const answer = await marketo.lead.createOrUpdate(rows, { action: "updateOnly", lookupField: "id" });
  expect(statuses(answer), ["updated", "skipped"]);
  const push = await marketo.lead.push([{ email: "push@example.com" }], { programName: "May" });
  expect(push.result[0].status, "created");
});

step("fields", async () => {
  const names = (await marketo.lead.describe()).result.map((row) => row.rest.name);
  expect(names.includes("email") && names.includes("unsubscribed"), true);
  expect((await marketo.lead.partitions()).result[0].name, "Default");
});

step("changes", async () => {
  let token = (await marketo.lead.getPageToken(longAgo)).nextPageToken;
  const rows = [];
  for (let more = true; more; ) {
    const page = await marketo.lead.getChanges(token, { fields: ["firstName", "lastName"] });
    rows.push(...page.result);
    token = page.nextPageToken;
    more = page.moreResult;
  }
  expect(rows.filter((row) => row.activityTypeId === 12).length, 343);
  const changed = rows.filter((row) => row.fields.length).map((row) => [row.fields[0].name, row.fields[0].newValue]);
  expect(changed, [["lastName", "Er"], ["firstName", null]]);
  token = (await marketo.lead.getPageToken(longAgo)).nextPageToken;
  const pushed = await marketo.lead.getActivities([343], [145], token);
  expect(pushed.result[0].primaryAttributeValue, "May");
  const types = (await marketo.activities.getActivityTypes()).result.map((row) => row.id);
  expect(types.includes(13), true);
});

step("lists", async () => {
  const list = (await marketo.list.find({ name: ["News"] })).result[0].id;
  expect(statuses(await marketo.list.addLeadsToList(list, [1, 2, 9999])), ["added", "added", "skipped"]);
  expect((await marketo.list.isMember(list, [1])).result[0].status, "memberof");
  expect((await marketo.list.removeLeadsFromList(list, [2])).result[0].status, "removed");
  expect((await marketo.list.getLeads(list)).result.map((row) => row.id), [1]);
});

step("bulk", async () => {
  const created = await marketo.bulkLeadExtract.create(["id", "email"], { staticListName: "News" });
  const job = created.result[0].exportId;
  expect((await marketo.bulkLeadExtract.enqueue(job)).result[0].status, "Queued");
  // the job starts after some seconds, and its status is renewed once a minute
  for (let minute = 0; minute < 3; minute += 1) await control("POST", "clock", { advance: 60 });
  expect((await marketo.bulkLeadExtract.status(job)).result[0].status, "Completed");
  expect(String(await marketo.bulkLeadExtract.file(job)), "id,email\n1,first@example.com\n");
  const other = await marketo.bulkLeadExtract.create(["id"], { staticListName: "News" });
  expect((await marketo.bulkLeadExtract.cancel(other.result[0].exportId)).result[0].status, "Canceled");
});

step("merge", async () => {
  expect((await marketo.lead.mergeLead(342, [340, 341], { mergeInCRM: false })).success, true);
  await refuses(() => marketo.lead.byId(341), "1004");
});

step("token renewal", async () => {
  for (const how of ["expired", "invalid"]) {
    await control("POST", "do/end_tokens", { how });
    expect((await marketo.lead.byId(1)).result[0].id, 1, how);
  }
  let problem;
  try {
    await connect({ clientSecret: "wrong" }).lead.byId(1);
  } catch (found) {
    problem = found;
  }
  expect(/No client/.test(String(problem?.message)), true, "a wrong secret");
});

step("errors", async () => {
  await refuses(() => marketo.lead.find("firstName", ["x"]), "1011");
  await refuses(() => marketo.lead.find("nope", ["x"]), "1006");
});

step("limits", async () => {
  const patient = connect({ retry: { maxRetries: 600, initialDelay: 50, maxDelay: 100 } });
  await patient.lead.byId(1); // it has its token
  const asked = async () => (await control("GET", "counts")).total;
  await control("POST", "do/spend", { calls: 100 });
  const before = await asked();
  const waiting = patient.lead.byId(1);
  // it is refused at least once before time goes on, however slow this machine is
  for (let look = 0; look < 500 && (await asked()) === before; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await control("POST", "clock", { advance: 30 });
  expect((await waiting).result[0].id, 1, "after a pause");
  expect((await marketo.stats.usage()).result[0].total > 100, true);
  expect((await marketo.stats.errors()).result[0].errors.some((row) => row.errorCode === "606"), true);
});

let failed = false;
for (const [operation, run] of steps) {
  let detail = "";
  try {
    await run();
  } catch (problem) {
    failed = true;
    detail = String(problem?.stack ?? JSON.stringify(problem)).slice(0, 500);
    console.error(problem);
  }
  report({ operation, ok: !detail, detail });
}
process.exit(failed ? 1 : 0);
