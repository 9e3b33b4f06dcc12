// Connections: made by steps, checked, changed, disconnected.
import { change, get } from "../api.js";
import { systemOf, titleOf } from "../declared.js";
import { Choice, Confirm, Field, Form, said, useForm, words } from "../forms.js";
import { html, useEffect, useState } from "../html.js";
import { known, number, t } from "../i18n.js";
import { Loaded, Problem, say, Status, To, useAct, useLoaded } from "../parts.js";
import { go, place } from "../place.js";
import { Checks, KEYED, labelOf, Next, placed, secretsOf, Setting, SetupSteps, sideBody, SideFields, sideValues, useDeclared } from "../setup.js";

const TONES = { setup: "setup", on: "waits", off: "off" };

export function Connections({ connection, connections, admin, reload }) {
  const made = place.value.new === "1";
  const declared = useDeclared(["setup"], null, []);
  return html`<${Loaded} of=${declared}>${declared.data && (made || !connection
    ? html`<${Wizard} declared=${declared.data.declared} connections=${connections} admin=${admin} reload=${reload} />`
    : html`<${List} declared=${declared.data.declared} connections=${connections} connection=${connection} admin=${admin} />
      <${One} key=${connection} connection=${connection} admin=${admin} reload=${reload} />`)}<//>`;
}

function List({ declared, connections, connection, admin }) {
  return html`<section class="card"><div class="lead"><h2>${t("connections.all")}</h2>${admin && html`<${To} class="button" to=${{ view: "connections", new: "1" }}>${t("connections.new")}<//>`}</div>
    <div class="scroll" role="region" tabindex="0" aria-label=${t("connections.all")}><table><thead><tr><th scope="col">${t("connections.name")}</th><th scope="col">${t("partner")}</th><th scope="col">${t("global_sync")}</th><th scope="col">Dynamics 365</th></tr></thead>
    <tbody>${connections.map((item) => html`<tr key=${item.id}><td><${To} to=${{ view: "connections", connection: item.id }} aria-current=${item.id === connection ? "true" : undefined}>${item.name}<//></td>
      <td>${titleOf(declared, item.system)}</td><td><${Status} set="switch" code=${TONES[item.switch]} /></td><td><code>${item.crm.url}</code></td></tr>`)}</tbody></table></div></section>`;
}

// -- a new connection, by steps -----------------------------------------------------------------------------------

const PAGES = ["system", "crm", "partner"];
const keyOf = (system, name) => (system ? `${system}:${name}` : name);

function Wizard({ declared, connections, admin, reload }) {
  const [page, turn] = useState(0);
  const [missing, miss] = useState([]);
  const systems = declared.systems;
  const read = () => ({
    system: systems[0].name, name: "", ...sideValues("crm", declared.crm.settings),
    ...Object.assign({}, ...systems.map(({ name, settings }) => sideValues(keyOf(name, "partner"), settings))),
  });
  const side = (system) => systems.find(({ name }) => name === system);
  const secrets = [...secretsOf("crm", declared.crm.settings), ...systems.flatMap(({ name, settings }) => secretsOf(keyOf(name, "partner"), settings))];
  const form = useForm({
    name: "new", body: {}, etag: "", read, secrets, locked: !admin,
    send: (values, base) => {
      const system = side(values.system);
      return change("POST", "connections", {
        system: values.system, name: values.name.trim(), crm: sideBody("crm", declared.crm.settings, values, base),
        partner: sideBody(keyOf(values.system, "partner"), system.settings, values, base),
      });
    },
    place: (target) => (target.startsWith("partner.") ? keyOf(form.values.system, placed(target)) : placed(target)),
    done: ({ body }) => {
      reload({ added: body });
      go({ view: "connections", connection: body.id, check: "1" });
    },
  });
  const of = (name) => (name.includes("partner.") ? 2 : name.startsWith("crm.") ? 1 : 0);
  useEffect(() => {
    const first = Object.entries(form.errors).find(([, text]) => text);
    if (first) turn(of(first[0]));
  }, [form.errors]);
  useEffect(() => {
    if (Object.values(form.errors).some(Boolean)) form.frame.current?.querySelector('[aria-invalid="true"]')?.focus();
  }, [page]);
  const asked = page === 1 ? declared.crm.settings.map((spec) => ["crm", spec]) : page === 2 ? side(form.values.system).settings.map((spec) => [keyOf(form.values.system, "partner"), spec]) : [];
  const keyed = form.values["crm.credential"] !== "managed_identity";
  const forward = (event) => {
    event.preventDefault();
    const lacking = asked.filter(([at, spec]) => (spec.required || (at === "crm" && keyed && KEYED.includes(spec.name))) && !String(form.values[`${at}.${spec.name}`] ?? "").trim()).map(([at, spec]) => `${at}.${spec.name}`);
    miss(lacking);
    if (lacking.length) document.querySelector(`[name="${lacking[0]}"]`)?.focus();
    else if (page < 2) {
      turn(page + 1);
      document.getElementById("title")?.focus();
    } else form.save();
  };
  const shown = { ...form, missing, errors: { ...Object.fromEntries(missing.filter((name) => !form.values[name]).map((name) => [name, t("forms.required")])), ...form.errors } };
  const fix = Object.values(form.errors).some(Boolean);
  return html`<${SetupSteps} at="connections" />
    <section class="card" aria-label=${t("connections.new")}><form class="form" ref=${form.frame} onSubmit=${forward} noValidate>
      <ol class="steps">${PAGES.map((name, i) => html`<li key=${name} class=${i < page ? "done" : ""} aria-current=${i === page ? "step" : undefined}><span>${name === "partner" ? titleOf(declared, form.values.system) : t(`connections.step.${name}`)}</span></li>`)}</ol>
      ${form.restored && form.dirty && html`<div class="note" role="status"><p>${t("forms.restored")}</p></div>`}
      <fieldset class="bare" disabled=${!admin || form.busy}>${page === 0 ? html`<${Choose} form=${shown} systems=${systems} />` : page === 1
        ? html`<h2>${t("connections.step.crm")}</h2><p class="quiet">${t("connections.crm.says")}</p><${SideFields} form=${shown} side="crm" system="dynamics" specs=${declared.crm.settings} without=${["tables"]} />`
        : html`<h2>${titleOf(declared, form.values.system)}</h2><p class="quiet">${t("connections.partner.says")}</p><${SideFields} key=${form.values.system} form=${shown} side=${keyOf(form.values.system, "partner")} system=${form.values.system} specs=${side(form.values.system).settings} />`}</fieldset>
      ${form.problem && !fix && html`<${Problem} error=${form.problem} />`}
      ${fix && html`<p class="status bad" role="alert">${t("forms.mistakes", { n: Object.values(form.errors).filter(Boolean).length })}</p>`}
      <div class="savebar"><span>${!admin ? t("reader") : form.busy ? t("forms.saving") : ""}</span>
        ${page > 0 && html`<button type="button" onClick=${() => turn(page - 1)}>${t("forms.back")}</button>`}
        ${connections.length > 0 && html`<${To} class="button" to=${{ view: "connections" }}>${t("forms.cancel")}<//>`}
        <button class="main" aria-disabled=${String(!admin || form.busy)}>${t(page < 2 ? "forms.next" : "connections.save_check")}</button></div>
    </form></section>`;
}

function Choose({ form, systems }) {
  return html`<${Choice} form=${form} name="system" label=${t("connections.which")} options=${systems.map(({ name, title }) => [name, title, known(`system.${name}`, "")])} />
    <${Field} form=${form} name="name" label=${t("connections.name")} help=${t("connections.name.help")} maxlength="200" />`;
}

// -- one connection -----------------------------------------------------------------------------------------------

async function load(connection, signal) {
  const { body, etag } = await get(`connections/${connection}`, {}, signal);
  return { config: body, etag };
}

function One({ connection, admin, reload }) {
  const loaded = useDeclared(["setup"], (signal) => load(connection, signal), [connection]);
  const { data } = loaded;
  return html`<${Loaded} of=${loaded}>${data && html`<${SetupSteps} at="connections" config=${data.config} />
    <${Checking} config=${data.config} declared=${data.declared} admin=${admin} />
    <${Sides} ...${data} admin=${admin} again=${() => { loaded.again(); reload(); }} />
    <${Extensions} config=${data.config} declared=${data.declared} admin=${admin} />
    <${Disconnect} ...${data} admin=${admin} reload=${reload} />`}<//>`;
}

function Checking({ config, declared, admin }) {
  const title = titleOf(declared, config.system);
  const { busy, error, act } = useAct();
  const [found, show] = useState(null);
  const run = () => act(async () => show((await change("POST", `connections/${config.id}/check`)).body), t("check.done"));
  useEffect(() => {
    if (place.value.check === "1" && admin) {
      go({ view: "connections", connection: config.id }, { replace: true });
      run();
    }
  }, []);
  const fix = ({ side, name }) => {
    if (name === "mapping") return html`<p><${To} to=${{ view: "mapping" }}>${t("check.fix.mapping")}<//></p>`;
    return side ? html`<p><a href=${`#side-${side}`} onClick=${toSide(side)}>${t("check.fix.side", { side: side === "crm" ? "Dynamics 365" : title })}</a></p>` : null;
  };
  return html`<section class="card" aria-label=${t("check")}><div class="lead"><h2>${t("check")}</h2><button aria-disabled=${String(busy || !admin)} onClick=${busy || !admin ? undefined : run}>${t(busy ? "check.runs" : "check.now")}</button></div>
    <p class="quiet">${t("check.says")}</p><${Problem} error=${error} again=${run} />
    ${found && html`<div role="status"><p class=${`status ${found.passed ? "good" : "bad"}`}>${t(found.passed ? "check.all_passed" : "check.some_failed", { n: found.steps.filter(({ state }) => state === "failed").length })}</p></div>
      <${Checks} steps=${found.steps} fix=${fix} title=${title} />${found.passed && config.switch === "setup" && html`<${Next} to=${{ view: "data" }}>${t("setup.next.data")}<//>`}`}</section>`;
}

const toSide = (side) => (event) => {
  event.preventDefault();
  document.querySelector(`#side-${side} input`)?.focus();
};

function Sides({ config, etag, declared, admin, again }) {
  const crm = declared.crm.settings;
  const system = systemOf(declared, config);
  const elsewhere = system.extensions.flatMap(({ settings }) => settings);
  const read = (body) => ({ name: body.name, ...sideValues("crm", crm, body.crm), ...sideValues("partner", system.settings, body.partner) });
  const form = useForm({
    name: `connection:${config.id}`, body: config, etag, read, place: placed, locked: !admin, done: again,
    secrets: [...secretsOf("crm", crm), ...secretsOf("partner", system.settings)],
    send: (values, base, tag) => {
      const body = {};
      if (values.name !== base.name) body.name = values.name.trim();
      for (const [side, specs] of [["crm", crm], ["partner", system.settings]]) {
        const changed = sideBody(side, specs, values, base);
        if (Object.keys(changed).length) body[side] = changed;
      }
      return change("PATCH", `connections/${config.id}`, body, tag);
    },
  });
  const named = { name: t("connections.name") };
  for (const spec of crm) named[`crm.${spec.name}`] = `Dynamics 365: ${labelOf("dynamics", spec)}`;
  for (const spec of system.settings) named[`partner.${spec.name}`] = `${system.title}: ${labelOf(config.system, spec)}`;
  const hidden = (value) => (value ? "••••••••" : said(""));
  const shows = Object.fromEntries([...secretsOf("crm", crm), ...secretsOf("partner", system.settings)].map((name) => [name, hidden]));
  return html`<section class="card" aria-label=${t("connections.settings")}><${Form} form=${form} label=${t("connections.settings")} words=${named} shows=${shows}>
    <div class="fields"><${Field} form=${form} name="name" label=${t("connections.name")} maxlength="200" /></div>
    <section id="side-crm"><h2>Dynamics 365</h2><${SideFields} form=${form} side="crm" system="dynamics" specs=${crm} stored=${config.crm.secretsStored} /></section>
    <section id="side-partner"><h2>${system.title}</h2><${SideFields} form=${form} side="partner" system=${config.system} specs=${system.settings} stored=${config.partner.secretsStored} without=${elsewhere} /></section>
    ${system.extensions.filter(({ settings }) => settings.length).map((extension) => html`<section key=${extension.name}><h2>${words("extension", extension.name)} <span class="badge brand">${t("extension.only", { system: system.title })}</span></h2>
      <p class="quiet">${known(`extension.${extension.name}.says`, extension.help)}</p>
      <div class="fields">${system.settings.filter(({ name }) => extension.settings.includes(name)).map((spec) => html`<${Setting} key=${spec.name} form=${form} side="partner" system=${config.system} spec=${spec} stored=${[]} />`)}</div></section>`)}
  <//></section>`;
}

/** What only this system has and is no setting: addresses that the vendor's own tools call, entities of its own. */
function Extensions({ config, declared, admin }) {
  const system = systemOf(declared, config);
  const others = system.extensions.filter(({ settings }) => !settings.length);
  if (!others.length) return null;
  return html`<section class="card" aria-label=${t("extension.card", { system: system.title })}><h2>${t("extension.card", { system: system.title })}</h2>
    ${others.map((extension) => html`<section key=${extension.name} class="extension"><h3>${words("extension", extension.name)}</h3><p class="quiet">${known(`extension.${extension.name}.says`, extension.help)}</p>
      ${extension.hooks && html`<${Hooks} connection=${config.id} admin=${admin} />`}
      ${extension.name === "tags" && html`<${Tags} config=${config} names=${extension.entities} />`}</section>`)}</section>`;
}

function Tags({ config, names }) {
  const found = config.entities.filter(({ name, labels }) => names.includes(name) && labels);
  return html`<dl class="facts">${found.map(({ name, labels }) => html`<div key=${name}><dt>${words("entity", name)}</dt><dd class="badges">${[labels.kind, labels.pushed, labels.pulled].map((label) => html`<span class="badge" key=${label}>${label}</span>`)}</dd></div>`)}</dl>`;
}

function Hooks({ connection, admin }) {
  const { busy, error, act } = useAct();
  const [list, show] = useState(null);
  const [asks, ask] = useState(false);
  const load = () => act(async () => show((await get(`connections/${connection}/hooks`)).body.value));
  const renew = () => act(async () => {
    show((await change("POST", `connections/${connection}/hooks/renew`)).body.value);
    ask(false);
  }, t("hooks.renewed"));
  const copy = async ({ currentTarget: button }, url) => {
    try {
      await navigator.clipboard.writeText(url);
      say(t("hooks.copied"));
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling); // a browser that refuses: to be copied by hand
    }
  };
  if (!admin) return html`<p class="quiet">${t("hooks.admin")}</p>`;
  return html`<${Problem} error=${error} />${!list ? html`<p><button onClick=${load} aria-disabled=${String(busy)}>${t("hooks.show")}</button></p>` : html`<p class="note warn">${t("hooks.secret")}</p>
    <dl class="addresses">${list.map(({ what, url }) => html`<div key=${what}><dt>${words("hooks.what", what)}</dt><dd><code>${url}</code> <button class="plain" onClick=${(event) => copy(event, url)} aria-label=${`${t("hooks.copy")}: ${words("hooks.what", what)}`}>${t("hooks.copy")}</button></dd></div>`)}</dl>
    ${asks ? html`<${Confirm} label=${t("hooks.renew.asks")} goes=${t("hooks.renew")} go=${renew} cancel=${() => ask(false)} busy=${busy}><p>${t("hooks.renew.says")}</p><//>` : html`<p><button onClick=${() => ask(true)}>${t("hooks.renew")}</button></p>`}`}`;
}

// -- disconnect ---------------------------------------------------------------------------------------------------

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks until an operation ended; `tell` gets each state. */
async function ended(operation, tell) {
  for (;;) {
    const { body } = await get(`operations/${operation}`);
    tell(body);
    if (body.status === "Succeeded" || body.status === "Failed") return body;
    await wait(1500);
  }
}

function Disconnect({ config, etag, declared, admin, reload }) {
  const [open, turn] = useState(false);
  const title = titleOf(declared, config.system);
  return html`<section class="card" aria-label=${t("disconnect")}><h2>${t("disconnect")}</h2><p class="quiet">${t("disconnect.says", { system: title })}</p>
    ${!admin ? html`<p class="quiet">${t("reader")}</p>` : open ? html`<${Leaving} config=${config} etag=${etag} title=${title} reload=${reload} cancel=${() => turn(false)} />` : html`<p><button onClick=${() => turn(true)}>${t("disconnect.begin")}</button></p>`}</section>`;
}

function Leaving({ config, etag, title, reload, cancel }) {
  const at = `connections/${config.id}`;
  const counted = useLoaded(async (signal) => {
    const [{ body }, operations] = await Promise.all([get(`${at}/cleanup`, {}, signal), get(`${at}/operations`, {}, signal)]);
    return { created: body.created, running: operations.body.value.find(({ kind }) => kind === "purge") };
  }, [config.id]);
  const [how, choose] = useState("keep");
  const [sides, pick] = useState(["partner"]);
  const [job, tell] = useState(null);
  const { busy, error, act } = useAct();
  const created = counted.data?.created ?? {};
  const sum = (side) => Object.entries(created).filter(([name]) => name.startsWith(`${side}.`)).reduce((all, [, n]) => all + n, 0);
  const total = sides.reduce((all, side) => all + sum(side), 0);
  const off = async () => (config.switch === "on" ? (await change("PATCH", at, { switch: "off" }, etag)).etag : etag);
  const clean = (confirm) => act(async () => {
    const tag = await off();
    const { body } = await change("POST", `${at}/cleanup`, { sides, confirm });
    const report = await ended(body.id, tell);
    return { report, tag };
  });
  const forget = (tag) => act(async () => {
    await change("DELETE", at, undefined, tag ?? (await off()));
    say(t("disconnect.done", { name: config.name }));
    reload({ gone: config.id });
    go({ view: "connections", connection: "" });
  });
  const leave = () => (how === "keep" ? forget() : null);
  const goOn = (running) => act(async () => ({ report: await ended(running.id, tell) }));
  return html`<${Loaded} of=${counted}>${counted.data && html`<div class="form">
    <fieldset class="choice"><legend>${t("disconnect.data")}</legend>
      ${["keep", "clean"].map((value) => html`<label class="option" key=${value}><input type="radio" name="how" value=${value} checked=${how === value} disabled=${busy || Boolean(job)} onChange=${() => choose(value)} /><span><strong>${t(`disconnect.${value}`)}</strong><small class="quiet">${t(`disconnect.${value}.says`)}</small></span></label>`)}</fieldset>
    ${counted.data.running && !job && html`<div class="note warn"><p>${t("disconnect.running")}</p><p><button onClick=${() => goOn(counted.data.running)}>${t("disconnect.watch")}</button></p></div>`}
    ${how === "clean" && !job && html`<fieldset class="choice"><legend>${t("disconnect.where")}</legend><div class="options">${["partner", "crm"].map((side) => html`<label class="option" key=${side}><input type="checkbox" checked=${sides.includes(side)} onChange=${() => pick(sides.includes(side) ? sides.filter((item) => item !== side) : [...sides, side])} />
        <span><strong>${side === "crm" ? "Dynamics 365" : title}: ${t("disconnect.records", { n: sum(side) })}</strong><small class="quiet">${Object.entries(created).filter(([name]) => name.startsWith(`${side}.`)).map(([name, n]) => `${words("entity", name.split(".")[1])}: ${number(n)}`).join(" · ") || t("disconnect.nothing")}</small></span></label>`)}</div></fieldset>
      <${Confirm} key=${sides.join()} label=${t("disconnect.asks", { n: total })} typed=${config.name} typedLabel=${t("disconnect.type", { name: config.name })} go=${clean} goes=${t("disconnect.clean_now")} cancel=${cancel} busy=${busy || total === 0}><p>${t("disconnect.never")}</p>${config.switch === "on" && html`<p>${t("disconnect.off_first")}</p>`}<//>`}
    ${job && html`<${Report} job=${job} />`}
    <${Problem} error=${error} />
    ${(how === "keep" || job?.status === "Succeeded") && html`<${Confirm} label=${t("disconnect.final", { name: config.name })} go=${() => (job ? forgetAnew() : leave())} goes=${t("disconnect")} cancel=${cancel} busy=${busy}><p>${t("disconnect.final.says")}</p>${config.switch === "on" && !job && html`<p>${t("disconnect.off_first")}</p>`}<//>`}
  </div>`}<//>`;
  /** After the clean-up: the state that the switch-off left is the one to forget. */
  async function forgetAnew() {
    const { body, etag: now } = await get(at);
    return forget(body.switch === "on" ? (await change("PATCH", at, { switch: "off" }, now)).etag : now);
  }
}

function Report({ job }) {
  const counts = Object.entries(job.counts ?? {});
  return html`<div class=${`note ${job.status === "Failed" ? "bad" : ""}`} role="status"><p><strong>${t(`operation.${job.status}`)}</strong></p>
    ${job.status === "Running" && html`<progress aria-label=${t("operation.Running")}></progress>`}
    ${counts.length > 0 && html`<dl class="facts">${counts.map(([name, n]) => html`<div key=${name}><dt>${words("report", name)}</dt><dd>${number(n)}</dd></div>`)}</dl>`}
    ${job.problems?.length > 0 && html`<ul lang="en">${job.problems.map((text) => html`<li key=${text}>${text}</li>`)}</ul>`}</div>`;
}
