// Field mapping: the pairs of fields, each with its direction, policy, values and transforms; checked as it is edited.
import { change, get } from "../api.js";
import { titleOf } from "../declared.js";
import { Field, Form, said, useForm, words } from "../forms.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { known, t } from "../i18n.js";
import { Icon, Loaded, Problem, say, useAct, useCodes, useLoaded } from "../parts.js";
import { go, place } from "../place.js";
import { Editor, fieldWords, spoken } from "../mapfield.js";
import { Next, SetupSteps, useDeclared } from "../setup.js";

async function load(connection, signal) {
  const [config, entities] = await Promise.all([get(`connections/${connection}`, {}, signal), get(`connections/${connection}/entities`, {}, signal)]);
  return { config: config.body, entities: entities.body.value };
}

export function Mapping({ connection, admin }) {
  const loaded = useDeclared(["fields"], (signal) => load(connection, signal), [connection]);
  const { data } = loaded;
  const chosen = data?.entities.find(({ name }) => name === place.value.entity) ?? data?.entities.find(({ on }) => on) ?? data?.entities[0];
  const other = (event) => go({ view: "mapping", entity: event.target.value });
  return html`<${Loaded} of=${loaded}>${data && html`<${SetupSteps} at="mapping" config=${data.config} />
    <div class="row"><label for="map-entity">${t("data.entity")}</label> <select id="map-entity" onChange=${other}>${data.entities.map(({ name, on }) => html`<option key=${name} value=${name} selected=${name === chosen?.name}>${words("entity", name)}${on ? "" : ` (${t("flows.off")})`}</option>`)}</select></div>
    ${chosen && html`<${One} key=${`${connection} ${chosen.name}`} connection=${connection} entity=${chosen} title=${titleOf(data.declared, data.config.system)} declared=${data.declared} admin=${admin} />`}
    ${data.config.switch === "setup" && html`<${Next} to=${{ view: "settings" }}>${t("setup.next.settings")}<//>`}`}<//>`;
}

function One(props) {
  const { connection, entity } = props;
  const at = `connections/${connection}/entities/${entity.name}`;
  const schemas = `connections/${connection}/schemas`;
  const loaded = useLoaded(async (signal) => {
    const [{ body, etag }, crm, partner] = await Promise.all([
      get(at, {}, signal), get(`${schemas}/crm/${entity.crmKind}`, {}, signal), get(`${schemas}/partner/${entity.partnerKind}`, {}, signal),
    ]);
    return { body, etag, sides: { crm: crm.body.fields, partner: partner.body.fields } };
  }, [at]);
  return html`<${Loaded} of=${loaded}>${loaded.data && html`<${Table} ...${props} ...${loaded.data} at=${at} />`}<//>`;
}

const KEY = "field:";
const idOf = (name) => name.slice(KEY.length);

/** A map as a form's values: one for each field, so that two people's changes can be joined field by field. */
const read = ({ map }) => ({ policy: map.policy ?? "owner_crm", first_match: map.first_match ?? "crm", ...Object.fromEntries(map.fields.map((field) => [KEY + field.id, field])) });

/** The values as a map again; a field that was taken out is null. What the form does not show stays. */
function written(map, values) {
  const { policy, first_match: first, ...fields } = values;
  return { ...map, policy, first_match: first, fields: Object.entries(fields).filter(([name, field]) => name.startsWith(KEY) && field).map(([, field]) => field) };
}

function Table({ connection, body, etag, sides, at, title, declared, entity, admin }) {
  const [open, edit] = useState("");
  const [adds, add] = useState(false);
  const form = useForm({
    name: `map:${at}`, body, etag, read, locked: !admin,
    send: async (values, base, tag) => change("PUT", at, { map: written((await get(at)).body.map, values) }, tag),
    place: (target) => spot(target, order),
    done: () => edit(""),
  });
  const order = Object.keys(form.values).filter((name) => name.startsWith(KEY) && form.values[name]);
  const map = written(body.map, form.values);
  const judged = useJudged(at, map, entity.name, order);
  const fixed = body.map.fixed ?? [];
  const take = (pair) => {
    const id = fresh(pair.crm, form.values);
    form.put(KEY + id, { id, crm: pair.crm, partner: pair.partner, ...(pair.direction && pair.direction !== "both" && { direction: pair.direction }) });
    return KEY + id;
  };
  const begin = (event) => {
    if (event.target.value) edit(take({ crm: event.target.value, partner: "" }));
    event.target.value = "";
  };
  const mapped = new Set(order.map((name) => form.values[name].crm));
  const free = sides.crm.filter(({ name, readable }) => readable && !mapped.has(name)).toSorted((one, other) => one.label.localeCompare(other.label));
  const named = { policy: t("mapping.policy"), first_match: t("mapping.first"), ...Object.fromEntries(Object.entries(form.values).filter(([name]) => name.startsWith(KEY)).map(([name]) => [name, idOf(name)])) };
  const shows = { policy: (value) => words("policy", typeof value === "string" ? value : value.rule), first_match: (value) => (value === "crm" ? "Dynamics 365" : title), ...Object.fromEntries(Object.keys(named).filter((name) => name.startsWith(KEY)).map((name) => [name, (value) => (value ? spoken(value, sides, title) : t("mapping.removed"))])) };
  const mistakes = order.filter((name) => judged.errors[name] || form.errors[name]);
  const about = { sides, title, declared, entity, locked: form.locked };
  return html`<section class="card" aria-label=${t("mapping.fields")}><div class="lead"><h2>${words("entity", entity.name)}</h2><span class="quiet"><code>${entity.crmKind}</code> / <code>${entity.partnerKind}</code></span></div>
    ${judged.found && (mistakes.length > 0 || judged.others.length > 0 ? html`<div class="note bad" role="status"><p><strong>${t("mapping.broken", { n: judged.mistakes.length })}</strong></p><p>${t("mapping.broken.says")}</p>${judged.others.length > 0 && html`<ul lang="en">${judged.others.map(({ target, message }) => html`<li key=${target}><code>${target}</code> ${message}</li>`)}</ul>`}</div>`
      : html`<p class="status good" role="status"><${Icon} tone="good" />${t("mapping.valid")}</p>`)}
    <${Problem} error=${judged.error} />
    <${Form} form=${form} label=${t("mapping.fields")} words=${named} shows=${shows}>
      <div class="scroll" role="region" tabindex="0" aria-label=${t("mapping.fields")}><table class="map"><thead><tr><th scope="col">Dynamics 365</th><th scope="col">${t("data.direction")}</th><th scope="col">${title}</th><th scope="col">${t("mapping.policy")}</th><th scope="col">${t("mapping.more")}</th><th scope="col"><span class="out">${t("mapping.actions")}</span></th></tr></thead>
        <tbody>${order.map((name) => html`<${Row} key=${name} name=${name} form=${form} about=${about} mistakes=${judged.errors[name] ?? []} saved=${form.errors[name]} isOpen=${open === name} edit=${() => edit(open === name ? "" : name)} fixed=${fixed.includes(idOf(name))} />`)}</tbody></table></div>
      ${admin && html`<div class="row"><label for="map-add">${t("mapping.add")}</label><select id="map-add" onChange=${begin}><option value="" selected>${t("forms.choose")}</option>${free.map((spec) => html`<option key=${spec.name} value=${spec.name}>${spec.label} (${spec.name})</option>`)}</select><button type="button" aria-expanded=${String(adds)} onClick=${() => add(!adds)}>${t("mapping.suggest")}</button></div>`}
      ${adds && html`<${Suggestions} at=${at} sides=${sides} title=${title} map=${map} take=${take} />`}
      <details class="more"><summary>${t("mapping.rules")}</summary><div class="fields">
        <${Field} form=${policied(form)} name="policy" type="select" label=${t("mapping.policy.entity")} help=${t("mapping.policy.entity.help")} options=${declared.policies.map((name) => [name, words("policy", name)])} />
        <${Field} form=${form} name="first_match" type="select" label=${t("mapping.first")} help=${t("mapping.first.help")} options=${[["crm", "Dynamics 365"], ["partner", title]]} /></div></details>
    <//></section>
    <${Preview} at=${at} connection=${connection} entity=${entity} map=${map} title=${title} admin=${admin} stored=${!form.dirty} />`;
}

/** An entity's policy may be written with its options; the select shows and sets its name. */
const policied = (form) => ({ ...form, values: { ...form.values, policy: typeof form.values.policy === "string" ? form.values.policy : form.values.policy.rule } });

function fresh(wanted, values) {
  const name = wanted.toLowerCase().replace(/[^a-z0-9_]+/g, "_") || "field";
  let id = name;
  for (let n = 2; KEY + id in values; n += 1) id = `${name}_${n}`;
  return id;
}

/** The field of the form that a place such as `contact.fields[3].crm` speaks of. */
function spot(target, order) {
  const found = /\.fields\[(\d+)\]/.exec(target);
  return found ? (order[Number(found[1])] ?? target) : target.split(".").pop();
}

/** What both systems' schemas, as they are now, say of the map on the screen. */
function useJudged(at, map, entity, order) {
  const [state, set] = useState({ found: false, mistakes: [], error: null });
  const text = JSON.stringify(map);
  const first = useRef(true);
  useEffect(() => {
    let alive = true;
    const timer = setTimeout(async () => {
      try {
        const { body } = await change("POST", `${at}/validate`, { map });
        if (alive) set({ found: true, mistakes: body.mistakes, error: null });
      } catch (error) {
        if (alive) set((old) => ({ ...old, error: error.status === 400 ? null : error, mistakes: error.status === 400 ? error.details : old.mistakes, found: true }));
      }
    }, first.current ? 0 : 600);
    first.current = false;
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [text]);
  useCodes(state.mistakes.length > 0);
  const errors = {};
  const others = [];
  for (const mistake of state.mistakes) {
    const name = spot(mistake.target ?? "", order);
    if (name.startsWith(KEY)) (errors[name] ??= []).push(mistake);
    else others.push(mistake);
  }
  return { ...state, errors, others };
}

const ARROWS = { both: "⇄", to_partner: "→", to_crm: "←" };

function Row({ name, form, about, mistakes, saved, isOpen, edit, fixed }) {
  const field = form.values[name];
  const { sides, title, locked } = about;
  const crm = sides.crm.find((item) => item.name === field.crm);
  const partner = sides.partner.find((item) => item.name === field.partner);
  const direction = field.direction ?? "both";
  const label = `${crm?.label ?? field.crm} – ${partner?.label ?? field.partner}`;
  const remove = () => {
    form.put(name, null);
    say(t("mapping.removed.says", { field: label }));
  };
  const broken = mistakes.length > 0 || Boolean(saved);
  return html`<tr class=${broken ? "broken" : isOpen ? "open" : ""}><td><${Spec} spec=${crm} name=${field.crm} /></td><td><span class="arrow" aria-hidden="true">${ARROWS[direction]}</span> ${t(`direction.${direction}`, { system: title })}</td><td><${Spec} spec=${partner} name=${field.partner} /></td>
      <td>${field.policy ? words("policy", typeof field.policy === "string" ? field.policy : field.policy.rule) : html`<span class="quiet">${t("mapping.as_entity")}</span>`}</td>
      <td><span class="badges">${fixed && html`<span class="badge">${t("mapping.fixed")}</span>`}${field.required && html`<span class="badge">${t("mapping.required")}</span>`}${field.values && html`<span class="badge">${t("mapping.values", { n: Object.keys(field.values).length })}</span>`}${(field.transforms ?? []).map((item, i) => html`<span class="badge" key=${i}>${words("transform", typeof item === "string" ? item : item.kind)}</span>`)}</span></td>
      <td><span class="row"><button type="button" class="plain" aria-expanded=${String(isOpen)} aria-label=${`${t(locked ? "mapping.look" : "mapping.edit")}: ${label}`} onClick=${edit}>${t(locked ? "mapping.look" : "mapping.edit")}</button>${!locked && !fixed && html`<button type="button" class="plain" aria-label=${`${t("forms.remove")}: ${label}`} onClick=${remove}>${t("forms.remove")}</button>`}</span></td></tr>
    ${broken && html`<tr class="broken"><td colspan="6"><div class="mend">${mistakes.map(({ code, message, target }) => html`<div key=${target + code}><strong class="status bad"><${Icon} tone="bad" />${known(`code.broken:${code}`, "") || html`<span lang="en">${message}</span>`}</strong>${known(`code.broken:${code}`, "") && html`<div lang="en">${message}</div>`}<div>${known(`code.broken:${code}.next`, t("mapping.mend"))}</div></div>`)}${saved && !mistakes.length && html`<strong class="wrong" lang="en">${saved}</strong>`}</div></td></tr>`}
    ${isOpen && html`<tr class="open"><td colspan="6"><${Editor} field=${field} put=${(next) => form.put(name, next)} about=${about} fixed=${fixed} /></td></tr>`}`;
}

/** A field of one side: its label, name and type, and what the connection may not do with it. */
function Spec({ spec, name }) {
  if (!spec) return html`<strong>${name || t("mapping.choose")}</strong>${name && html`<small>${t("mapping.gone")}</small>`}`;
  const limits = [!spec.readable && "unreadable", !spec.creatable && !spec.updatable && "read_only"].filter(Boolean);
  return html`<strong>${spec.label}</strong><small>${spec.name} · ${fieldWords(spec)}</small>${limits.map((limit) => html`<span class="badge warn" key=${limit}>${t(`mapping.${limit}`)}</span>`)}`;
}

function Suggestions({ at, sides, title, map, take }) {
  const loaded = useLoaded((signal) => get(`${at}/suggestions`, {}, signal).then(({ body }) => body.value), [at]);
  const used = (side, name) => map.fields.some((field) => field[side] === name);
  const left = (loaded.data ?? []).filter((pair) => !used("crm", pair.crm) && !used("partner", pair.partner));
  const label = (side, name) => sides[side].find((item) => item.name === name)?.label ?? name;
  const all = () => {
    const taken = new Set();
    for (const pair of left) {
      if (taken.has(pair.crm) || taken.has(pair.partner)) continue;
      taken.add(pair.crm).add(pair.partner);
      take(pair);
    }
  };
  return html`<section class="note" aria-label=${t("mapping.suggest")}><${Loaded} of=${loaded} empty=${left.length ? null : html`<p role="status">${t("mapping.suggest.none")}</p>`}>
    <ul class="checks">${left.map((pair) => html`<li key=${`${pair.crm} ${pair.partner}`}><span>${t("mapping.alike", { share: Math.round(pair.score * 100) })}</span><div class="row"><span>${label("crm", pair.crm)} <span aria-hidden="true">${ARROWS[pair.direction]}</span> ${label("partner", pair.partner)}</span><button type="button" class="plain" aria-label=${`${t("mapping.take")}: ${label("crm", pair.crm)} – ${label("partner", pair.partner)}`} onClick=${() => take(pair)}>${t("mapping.take")}</button></div></li>`)}</ul>
    ${left.length > 1 && html`<p><button type="button" onClick=${all}>${t("mapping.take_all")}</button></p>`}<//></section>`;
}

// -- one real record ----------------------------------------------------------------------------------------------

function Preview({ at, connection, entity, map, title, admin, stored }) {
  const [side, from] = useState("crm");
  const [text, type] = useState("");
  const [found, show] = useState(null);
  const { busy, error, act } = useAct();
  useCodes(found !== null);
  const look = (event) => {
    event.preventDefault();
    if (busy || !text.trim()) return;
    act(async () => {
      let record = text.trim();
      if (record.includes("@")) {
        const { body } = await change("POST", `connections/${connection}/lookup`, { entity: entity.name, match: record });
        record = body[side]?.id ?? "";
        if (!record) return show({ none: true });
      }
      show((await change("POST", `${at}/preview`, { side, record, map })).body);
      return null;
    }, t("mapping.preview.shown"));
  };
  return html`<section class="card" aria-label=${t("mapping.preview")}><h2>${t("mapping.preview")}</h2><p class="quiet">${t(stored ? "mapping.preview.says" : "mapping.preview.draft")}</p>
    ${!admin ? html`<p class="quiet">${t("reader")}</p>` : html`<form class="row" onSubmit=${look}><label for="preview-side">${t("mapping.preview.from")}</label><select id="preview-side" onChange=${(event) => from(event.target.value)}>${["crm", "partner"].map((value) => html`<option key=${value} value=${value} selected=${value === side}>${value === "crm" ? "Dynamics 365" : title}</option>`)}</select>
      <label for="preview-record">${t("mapping.preview.record")}</label><span class="grow"><input id="preview-record" type="text" autocomplete="off" value=${text} onInput=${(event) => type(event.target.value)} /></span><button aria-disabled=${String(busy || !text.trim())}>${t("mapping.preview.look")}</button></form>`}
    <${Problem} error=${error} />
    ${found?.none && html`<p role="status">${t("mapping.preview.none")}</p>`}
    ${found?.fields && html`<div class="scroll" role="region" tabindex="0" aria-label=${t("mapping.preview")}><table><caption>${words("entity", found.kind)} <code>${found.id}</code></caption><thead><tr><th scope="col">${t("forms.field")}</th><th scope="col">${side === "crm" ? "Dynamics 365" : title}</th><th scope="col">${side === "crm" ? title : "Dynamics 365"}</th><th scope="col">${t("mapping.preview.remark")}</th></tr></thead>
      <tbody>${found.fields.map((item) => html`<tr key=${item.id}><th scope="row">${item.id}</th><td>${item.known ? said(item.source) : html`<span class="quiet">${t("mapping.preview.unknown")}</span>`}</td><td>${item.carried ? said(item.target) : html`<span class="quiet">${t("mapping.preview.not_carried")}</span>`}</td>
        <td>${item.clipped && html`<span class="badge warn">${t("mapping.preview.clipped")}</span>`}${item.code && known(`code.failed:${item.code}`, known(`code.broken:${item.code}`, item.code.replaceAll("_", " ")))}</td></tr>`)}
        ${Object.entries(found.broken).map(([id, code]) => html`<tr key=${`broken ${id}`} class="broken"><th scope="row">${id}</th><td colspan="3">${known(`code.broken:${code}`, code.replaceAll("_", " "))} ${known(`code.broken:${code}.next`, "")}</td></tr>`)}</tbody></table></div>`}</section>`;
}
