// Sync settings: global sync, the initial sync with its plan and progress, how often jobs run, guards.
import { change, get } from "../api.js";
import { systemOf, titleOf } from "../declared.js";
import { Confirm, Field, Form, said, useForm, words } from "../forms.js";
import { html, useState } from "../html.js";
import { moment, number, t } from "../i18n.js";
import { Loaded, Problem, Status, To, useAct, useCodes } from "../parts.js";
import { SetupSteps, useDeclared } from "../setup.js";
import { Switched } from "../switch.js";

const REFRESH = 4000;
const GUARDS = ["guard", "mass_delete", "empty_side"];
/** Creates from which the number itself has to be typed before the first start. */
const ASKED_FROM = 100;

async function load(connection, signal) {
  const at = `connections/${connection}`;
  const [config, status, schedule, statistics] = await Promise.all([
    get(at, {}, signal), get(`${at}/status`, {}, signal), get(`${at}/schedule`, {}, signal), get(`${at}/statistics`, {}, signal),
  ]);
  return { config: config.body, etag: config.etag, status: status.body, schedule: schedule.body, beat: schedule.etag, state: statistics.body.state };
}

export function Settings({ connection, admin }) {
  const loaded = useDeclared(["setup"], (signal) => load(connection, signal), [connection], REFRESH);
  const { data, again } = loaded;
  const mine = data && { ...data, admin, again, at: `connections/${connection}`, title: titleOf(data.declared, data.config.system) };
  return html`<${Loaded} of=${loaded}>${data && html`<${SetupSteps} at="settings" config=${data.config} />
    <${Stopped} ...${mine} /><${Global} ...${mine} /><${Initial} ...${mine} /><${Frequency} ...${mine} /><${Guards} ...${mine} />`}<//>`;
}

// -- stopped ------------------------------------------------------------------------------------------------------

/** Why it stopped by itself, and the ways on: each says what it does before it does it. */
function Stopped({ status, at, admin, again, state }) {
  const { busy, error, act } = useAct();
  const [asks, ask] = useState("");
  const { broken } = status;
  if (!broken && !status.resting) return null;
  const go = (path, body, word) => act(async () => {
    await change("POST", `${at}/${path}`, body);
    ask("");
    again();
  }, t(word));
  const ways = { resume: () => go("resume", {}, "settings.resumed"), release: () => go("resume", { releaseGuard: true }, "settings.released"), ground: () => go("confirm-ground", undefined, "settings.ground_confirmed") };
  const open = !broken ? [] : GUARDS.includes(broken.code) ? ["release", "resume"] : broken.code === "changed_ground" ? ["ground"] : ["resume"];
  return html`<section class="card" aria-label=${t("settings.stopped")}><h2>${t(broken ? "settings.stopped" : "settings.resting")}</h2>
    <div class="note bad"><p lang="en"><strong>${broken ? broken.message : state.reason}</strong></p><p lang="en">${broken ? broken.nextStep : state.nextStep}</p></div>
    <${Problem} error=${error} />
    ${asks ? html`<${Confirm} label=${t(`settings.${asks}.asks`)} goes=${t(`settings.${asks}`)} go=${ways[asks]} cancel=${() => ask("")} busy=${busy} danger=${asks !== "resume"}><p>${t(`settings.${asks}.says`)}</p>${broken && asks === "release" && html`<p lang="en"><strong>${broken.message}</strong></p>`}<//>`
      : admin && open.length > 0 && html`<p class="row">${open.map((way) => html`<button key=${way} class=${way === "resume" ? "main" : ""} onClick=${() => ask(way)}>${t(`settings.${way}`)}</button>`)}</p>`}</section>`;
}

// -- the switch, and the first start ------------------------------------------------------------------------------

function Global({ config, etag, status, state, declared, at, admin, again, title }) {
  const head = html`<h2>${t("global_sync")}</h2><${Status} set="state" code=${state.code} />`;
  return html`<${Switched} label=${t("global_sync")} head=${head} system=${systemOf(declared, config)} config=${config} etag=${etag} status=${status} admin=${admin} again=${again}>
    ${config.switch === "setup" && html`<${FirstStart} config=${config} etag=${etag} at=${at} admin=${admin} again=${again} title=${title} />`}<//>`;
}

const SECONDS = 60;

function FirstStart({ config, etag, at, admin, again, title }) {
  const { busy, error, act, clear } = useAct();
  const [plan, show] = useState(null);
  const [asks, ask] = useState(false);
  const must = config.options.plan_first === true;
  const make = () => act(async () => {
    ask(false);
    show((await change("POST", `${at}/plan`, { seconds: SECONDS })).body);
  }, t("plan.made"));
  const start = () => act(async () => {
    try {
      await change("PATCH", at, { switch: "on", ...(plan && (plan.complete || must) && { plan: plan.fingerprint }) }, etag);
    } catch (problem) {
      if (problem.code === "plan_differs") show(null);
      throw problem;
    }
    again();
  }, t("switched.on"));
  const creates = plan ? plan.counts.filter(({ act: kind }) => kind === "create").reduce((all, { count }) => all + count, 0) : 0;
  const typed = creates >= ASKED_FROM ? String(creates) : "";
  const open = admin && !busy && (plan || !must);
  const begin = () => {
    clear();
    ask(true);
  };
  return html`<div class="form"><p class="row"><button class=${plan ? "" : "main"} aria-disabled=${String(!admin || busy)} onClick=${admin && !busy ? make : undefined}>${t(busy && !asks ? "plan.making" : plan ? "plan.again" : "plan.make")}</button>
      ${!asks && html`<button class=${plan ? "main" : ""} aria-disabled=${String(!open)} onClick=${open ? begin : undefined}>${t("settings.start")}</button>`}
      ${must && !plan && html`<span class="quiet">${t("plan.needed")}</span>`}</p>
    ${busy && !asks && html`<progress aria-label=${t("plan.making")}></progress>`}
    ${plan && html`<${Plan} plan=${plan} title=${title} />`}
    ${asks && html`<${Confirm} label=${t("settings.start.asks")} goes=${t("settings.start")} go=${start} cancel=${() => ask(false)} busy=${busy} danger=${false} typed=${typed} typedLabel=${t("settings.start.type", { creates })}>
      <p>${plan ? t("settings.start.counts", { creates, changes: plan.counts.filter(({ act: kind }) => kind === "update").reduce((all, { count }) => all + count, 0), removals: plan.removals }) : t("settings.start.unplanned")}</p><p>${t("settings.start.says", { system: title })}</p><//>`}
    <${Problem} error=${error} />${error?.facts?.step && html`<p><${To} to=${{ view: "connections", check: "1" }}>${t("settings.see_check")}<//></p>`}</div>`;
}

const sideName = (side, title) => (side === "crm" ? "Dynamics 365" : title);

/** What a dry run would write, counted; what it would leave out and why; and some records field by field. */
export function Plan({ plan, title }) {
  useCodes(plan.skips.length > 0);
  return html`<section class="plan" aria-label=${t("plan")}><p class=${plan.complete ? "status good" : "status warn"} role="status">${t(plan.complete ? "plan.complete" : "plan.incomplete")}</p>
    ${plan.counts.length ? html`<div class="scroll" role="region" tabindex="0" aria-label=${t("plan.writes")}><table><caption>${t("plan.writes")}</caption><thead><tr><th scope="col">${t("data.entity")}</th><th scope="col">${t("plan.where")}</th><th scope="col">${t("plan.act")}</th><th scope="col" class="number">${t("plan.count")}</th></tr></thead>
      <tbody>${plan.counts.map((item) => html`<tr key=${`${item.entity}${item.side}${item.act}${item.code}`}><td>${words("entity", item.entity)}</td><td>${sideName(item.side, title)}</td><td>${t(`plan.${item.act}`)}</td><td class="number">${number(item.count)}</td></tr>`)}</tbody></table></div>` : html`<p>${t("plan.nothing")}</p>`}
    ${plan.skips.length > 0 && html`<div class="scroll" role="region" tabindex="0" aria-label=${t("plan.skips")}><table><caption>${t("plan.skips")}</caption><thead><tr><th scope="col">${t("data.entity")}</th><th scope="col">${t("reason")}</th><th scope="col" class="number">${t("plan.count")}</th></tr></thead>
      <tbody>${plan.skips.map((item) => html`<tr key=${`${item.entity}${item.code}`}><td>${words("entity", item.entity)}</td><td>${words("code", item.code, item.meaning)}</td><td class="number">${number(item.count)}</td></tr>`)}</tbody></table></div>`}
    ${plan.fields.length > 0 && html`<p class="badges"><span>${t("plan.fields")}</span>${plan.fields.map((item) => html`<span class="badge" key=${`${item.entity}${item.side}${item.field}`}>${words("entity", item.entity)} · ${item.field}: ${number(item.count)}</span>`)}</p>`}
    ${plan.samples.length > 0 && html`<details class="more"><summary>${t("plan.samples", { n: plan.samples.length })}</summary>${plan.samples.map((item, i) => html`<div class="scroll" role="region" tabindex="0" key=${i} aria-label=${t("plan.sample", { number: i + 1 })}><table><caption>${t(`plan.${item.act}`)} · ${words("entity", item.entity)} · ${sideName(item.side, title)}</caption>
      <thead><tr><th scope="col">${t("forms.field")}</th><th scope="col">${t("plan.now")}</th><th scope="col">${t("plan.then")}</th></tr></thead>
      <tbody>${item.differences.map((line) => html`<tr key=${line.field}><th scope="row">${line.field}</th><td>${line.known ? said(line.now) : t("plan.unknown")}</td><td>${said(line.then)}</td></tr>`)}</tbody></table></div>`)}</details>`}
    <p class="quiet">${t("plan.fingerprint")} <code>${plan.fingerprint}</code></p></section>`;
}

// -- the initial sync ---------------------------------------------------------------------------------------------

function Initial({ config, status, at, admin, again, title, declared }) {
  const oneWay = config.options.initial_one_way ?? systemOf(declared, config).options.initial_one_way;
  const { busy, error, act } = useAct();
  const [asks, ask] = useState(false);
  const [plan, show] = useState(null);
  const running = status.progress?.reason === "initial";
  const repeat = () => act(async () => {
    await change("POST", `${at}/initial-sync`, { repeat: true });
    ask(false);
    show(null);
    again();
  }, t("settings.repeat.asked"));
  const look = () => act(async () => show((await change("POST", `${at}/plan`, { seconds: SECONDS })).body), t("plan.made"));
  if (config.switch === "setup") return null;
  const open = admin && config.switch === "on" && !busy;
  return html`<section class="card" aria-label=${t("initial_sync")}><h2>${t("initial_sync")}</h2>
    <p>${running ? html`<${Status} set="initial" code="running" />` : t(status.initialDone ? "settings.initial.done" : "initial.waits")}</p>
    ${running && html`<progress aria-label=${t("initial_sync")}></progress><dl class="facts" role="status"><div><dt>${t("progress")}</dt><dd>${t("progress.says", { records: status.progress.records, written: status.progress.written })}</dd></div>
      <div><dt>${t("started")}</dt><dd>${moment(status.progress.started)}</dd></div><div><dt>${t("settings.steps_done")}</dt><dd>${number(status.progress.stepsDone.length)}</dd></div></dl>`}
    <p class="quiet">${t(oneWay ? "settings.initial.one_way" : "settings.initial.both", { system: title })}</p>
    ${asks ? html`${plan && html`<${Plan} plan=${plan} title=${title} />`}<${Confirm} label=${t("settings.repeat.asks")} goes=${t("settings.repeat")} go=${repeat} cancel=${() => ask(false)} busy=${busy}><p>${t("settings.repeat.says")}</p>
        <p><button type="button" onClick=${busy ? undefined : look}>${t(busy ? "plan.making" : "plan.make")}</button></p><//>`
      : status.initialDone && html`<p><button aria-disabled=${String(!open)} onClick=${open ? () => ask(true) : undefined}>${t("settings.repeat.begin")}</button></p>`}
    <${Problem} error=${error} /></section>`;
}

// -- how often ----------------------------------------------------------------------------------------------------

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
const ZONES = ["UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? []).filter((zone) => zone !== "UTC")];

const beats = ({ rhythm }) => ({
  often: rhythm.kind === "grid" ? `grid:${rhythm.hours}` : rhythm.kind, at: rhythm.at ?? "06:00", zone: rhythm.zone ?? ZONE,
  minutes: rhythm.minutes ?? (rhythm.kind === "continuous" ? 1 : 5), jitter: rhythm.jitter ?? 1,
});

function rhythmOf({ often, at, zone, minutes, jitter }) {
  if (often.startsWith("grid:")) return { kind: "grid", hours: Number(often.slice(5)) };
  if (often === "daily") return { kind: "daily", at, zone };
  return { kind: often, minutes, ...(often === "pause" && { jitter }) };
}

function Frequency({ schedule, beat, declared, status, at, admin, again, config, title }) {
  const form = useForm({
    name: `schedule:${at}`, body: schedule, etag: beat, read: beats, locked: !admin, done: again,
    place: (target) => ({ hours: "often", kind: "often" })[target.replace("rhythm.", "")] ?? target.replace("rhythm.", ""),
    send: (values, base, tag) => change("PUT", `${at}/schedule`, { rhythm: rhythmOf(values) }, tag),
  });
  const often = schedule.kinds.flatMap((kind) => (kind === "grid" ? declared.gridHours.map((hours) => [`grid:${hours}`, t("settings.every_hours", { n: hours })]) : [[kind, t(`settings.rhythm.${kind}`)]]));
  const named = { often: t("settings.frequency"), at: t("settings.at"), zone: t("criteria.zone"), minutes: t("settings.minutes"), jitter: t("settings.jitter") };
  const shows = { often: (value) => often.find(([key]) => key === value)?.[1] ?? value };
  const kind = form.values.often;
  return html`<section class="card" aria-label=${t("settings.frequency")}><h2>${t("settings.frequency")}</h2><p class="quiet">${t("settings.frequency.says", { system: title })}</p>
    <${Form} form=${form} label=${t("settings.frequency")} words=${named} shows=${shows}><div class="fields">
      <${Field} form=${form} name="often" type="select" label=${t("settings.frequency")} options=${often} />
      ${kind === "daily" && html`<${Field} form=${form} name="at" type="time" label=${named.at} /><${Field} form=${form} name="zone" type="select" label=${named.zone} options=${ZONES.map((zone) => [zone, zone])} />`}
      ${["pause", "every", "continuous"].includes(kind) && html`<${Field} form=${form} name="minutes" type="number" min="1" label=${named.minutes} />`}
      ${kind === "pause" && html`<${Field} form=${form} name="jitter" type="number" min="0" label=${named.jitter} />`}</div><//>
    <dl class="facts"><div><dt>${t("next_run")}</dt><dd>${status.running ? t("running.now") : moment(schedule.nextRun)}</dd></div><div><dt>${t("last_run")}</dt><dd>${moment(schedule.lastEnd)}</dd></div>
      <div><dt>${t("settings.punctual")}</dt><dd>${config.switch === "on" ? t(`settings.${schedule.late}`) : "–"}</dd></div></dl></section>`;
}

// -- policies and guards ------------------------------------------------------------------------------------------

const FIRST = ["plan_first", "initial_one_way", "journal", "delete_guard", "delete_share", "empty_guard", "vendor_app", "order"];
const PERCENT = "delete_share";

const shownOption = ({ name, type }, value) => (type === "numbers" ? value.join(", ") : name === PERCENT ? Math.round(value * 10000) / 100 : value);
function storedOption({ name, type }, value) {
  if (type === "numbers") return value.split(/[\s,;]+/).filter(Boolean).map(Number);
  return name === PERCENT ? value / 100 : value;
}

function Guards({ config, etag, declared, at, admin, again }) {
  const usual = systemOf(declared, config).options;
  const read = (body) => Object.fromEntries(declared.options.map((option) => [option.name, shownOption(option, body.options[option.name] ?? usual[option.name] ?? option.default)]));
  const form = useForm({
    name: `options:${at}`, body: config, etag, read, locked: !admin, done: again, place: (target) => target.replace("options.", ""),
    send: async (values, base, tag) => {
      const { options } = (await get(at)).body;
      for (const option of declared.options) if (values[option.name] !== base[option.name]) options[option.name] = storedOption(option, values[option.name]);
      return change("PATCH", at, { options }, tag);
    },
  });
  const each = (list) => html`<div class="fields">${list.map(({ name, type, choices }) => {
    const common = { key: name, form, name, label: words("option", name), help: words("option", `${name}.help`, "") };
    if (type === "flag") return html`<${Field} ...${common} type="check" />`;
    if (choices.length) return html`<${Field} ...${common} type="select" options=${choices.map((value) => [value, words(`option.${name}`, value)])} />`;
    return html`<${Field} ...${common} type=${type === "number" ? "number" : "text"} min="0" step="any" />`;
  })}</div>`;
  const first = FIRST.map((name) => declared.options.find((option) => option.name === name)).filter(Boolean);
  const named = Object.fromEntries(declared.options.map(({ name }) => [name, words("option", name)]));
  return html`<section class="card" aria-label=${t("settings.policies")}><h2>${t("settings.policies")}</h2><p class="quiet">${t("settings.policies.says")} <${To} to=${{ view: "mapping" }}>${t("settings.policies.fields")}<//></p>
    <${Form} form=${form} label=${t("settings.policies")} words=${named}>${each(first)}<details class="more"><summary>${t("setting.more")}</summary>${each(declared.options.filter((option) => !first.includes(option)))}</details><//></section>`;
}
