// Data configuration: which entities flow, which way, which rows of them, and what happens when one goes.
import { ApiError, change, get } from "../api.js";
import { systemOf, titleOf } from "../declared.js";
import { complete, Criteria, criteriaSaid } from "../criteria.js";
import { Choice, Field, Form, OWN, same, useForm, words } from "../forms.js";
import { html, useEffect, useState } from "../html.js";
import { known, number, t } from "../i18n.js";
import { Loaded, Problem, Status, To, useAct, useLoaded } from "../parts.js";
import { place } from "../place.js";
import { Next, SetupSteps, useDeclared } from "../setup.js";

async function load(connection, signal) {
  const [config, entities] = await Promise.all([get(`connections/${connection}`, {}, signal), get(`connections/${connection}/entities`, {}, signal)]);
  return { config: config.body, entities: entities.body.value };
}

const DIRECTIONS = ["both", "to_partner", "to_crm"];
export const directionWords = (direction, title) => t(`direction.${direction}`, { system: title });

export function Data({ connection, admin }) {
  const loaded = useDeclared(["fields", "setup"], (signal) => load(connection, signal), [connection]);
  const { data } = loaded;
  const chosen = data?.entities.find(({ name }) => name === place.value.entity) ?? data?.entities[0];
  return html`<${Loaded} of=${loaded}>${data && html`<${SetupSteps} at="data" config=${data.config} />
    <${List} ...${data} chosen=${chosen} />
    ${chosen && html`<${One} key=${`${connection} ${chosen.name}`} ...${data} connection=${connection} name=${chosen.name} admin=${admin} again=${loaded.again} />`}
    ${data.config.switch === "setup" && html`<${Next} to=${{ view: "mapping" }}>${t("setup.next.mapping")}<//>`}`}<//>`;
}

function List({ declared, config, entities, chosen }) {
  const title = titleOf(declared, config.system);
  return html`<section class="card"><div class="scroll" role="region" tabindex="0" aria-label=${t("data.entities")}><table><caption>${t("data.entities")}</caption>
    <thead><tr><th scope="col">${t("data.entity")}</th><th scope="col">${t("status")}</th><th scope="col">${t("data.direction")}</th><th scope="col">${t("data.scope")}</th><th scope="col">Dynamics 365 / ${title}</th></tr></thead>
    <tbody>${entities.map((item) => html`<tr key=${item.name}><td><${To} to=${{ view: "data", entity: item.name }} aria-current=${item === chosen ? "true" : undefined}>${words("entity", item.name)}<//></td>
      <td><${Status} set="flows" code=${item.on ? "on" : "off"} /></td><td>${directionWords(item.direction, title)}</td><td>${t(`data.scope.${item.scope}`)}</td><td><code>${item.crmKind}</code> / <code>${item.partnerKind}</code></td></tr>`)}</tbody></table></div></section>`;
}

function One(props) {
  const { connection, name } = props;
  const at = `connections/${connection}/entities/${name}`;
  const loaded = useLoaded(async (signal) => {
    const { body, etag } = await get(at, {}, signal);
    return { entity: body, etag };
  }, [at]);
  return html`<${Loaded} of=${loaded}>${loaded.data && html`<${Edit} ...${props} ...${loaded.data} at=${at} />`}<//>`;
}

const read = ({ map }) => ({
  on: map.on ?? true, direction: map.direction ?? "both", scope: map.criteria ? "criteria" : "all", criteria: map.criteria ?? null,
  leaves: map.leaves ?? "keep", "deletes.crm": map.deletes?.crm ?? "ignore", "deletes.partner": map.deletes?.partner ?? "ignore",
  creates: map.creates ?? ["crm", "partner"],
});

/** The map with what the form says; what nobody touched stays as it was written. */
function written(map, values) {
  const made = { ...map, on: values.on, direction: values.direction, leaves: values.leaves, deletes: { crm: values["deletes.crm"], partner: values["deletes.partner"] }, creates: values.creates };
  delete made.criteria;
  if (values.scope === "criteria" && values.criteria) made.criteria = values.criteria;
  return made;
}

function Edit({ declared, config, connection, entity, etag, at, admin, again }) {
  const [map, hold] = useState(entity.map);
  const [live, tell] = useState([]);
  const title = titleOf(declared, config.system);
  const kind = words("entity", entity.name);
  const fields = useLoaded((signal) => get(`connections/${connection}/schemas/crm/${entity.crmKind}`, {}, signal).then(({ body }) => body.fields), [connection, entity.crmKind]);
  const form = useForm({
    name: `data:${at}`, body: entity, etag, read, locked: !admin,
    send: async (values, base, tag) => {
      if (values.scope === "criteria" && !complete(values.criteria)) throw new ApiError(400, { code: OWN, target: "criteria", details: [{ target: "criteria", message: t("data.criteria.incomplete") }] });
      const { map: stands } = (await get(at)).body; // whatever else is in the map stays; another's change is refused by the tag
      return change("PUT", at, { map: written(stands, values) }, tag);
    },
    place: (target) => where(target, entity.name),
    done: (answer) => {
      if (answer) hold(answer.body.map);
      again();
    },
  });
  const named = { on: t("data.on"), direction: t("data.direction"), scope: t("data.scope"), criteria: t("data.criteria"), leaves: t("data.leaves"), "deletes.crm": t("data.deletes.crm"), "deletes.partner": t("data.deletes.partner", { system: title }), creates: t("data.creates") };
  const shows = {
    direction: (value) => directionWords(value, title), scope: (value) => t(`data.scope.${value}`), leaves: (value) => t(`data.leaves.${value}`),
    criteria: (value) => (value ? criteriaSaid(value) : t("data.scope.all")), "deletes.crm": (value) => t(`data.deletes.${value}`), "deletes.partner": (value) => t(`data.deletes.${value}`),
    creates: (value) => value.map((side) => (side === "crm" ? "Dynamics 365" : title)).join(", ") || t("data.creates.nowhere"),
  };
  const way = DIRECTIONS.map((value) => [value, directionWords(value, title), t(`direction.${value}.says`, { system: title })]);
  const deletes = declared.deletes.map((value) => [value, t(`data.deletes.${value}`)]);
  return html`<section class="card" aria-label=${kind}><h2>${kind}</h2><${Form} form=${form} label=${kind} words=${named} shows=${shows}>
    <${Field} form=${form} name="on" type="check" label=${t("data.on")} help=${t("data.on.help")} />
    <${Choice} form=${form} name="direction" label=${t("data.direction")} options=${way} />
    <${Choice} form=${form} name="scope" label=${t("data.scope")} options=${["all", "criteria"].map((value) => [value, t(`data.scope.${value}`), t(`data.scope.${value}.says`)])} />
    ${form.values.scope === "criteria" && html`<${Loaded} of=${fields}>${fields.data && html`<${Criteria} value=${form.values.criteria} put=${(value) => form.put("criteria", value)} fields=${fields.data} operators=${declared.operators} locked=${form.locked} mistakes=${[...live, ...(form.problem?.details ?? [])].map((item) => ({ ...item, target: item.target.replace(`${entity.name}.`, "") }))} />`}<//>`}
    ${form.errors.criteria && html`<p class="wrong" role="alert" lang=${form.own ? undefined : "en"}>${form.errors.criteria}</p>`}
    <${Count} connection=${connection} entity=${entity.name} criteria=${form.values.scope === "criteria" ? form.values.criteria : null} all=${form.values.scope === "all"} stored=${map.criteria ?? null} tell=${tell} />
    ${form.values.scope === "criteria" && html`<${Choice} form=${form} name="leaves" label=${t("data.leaves")} options=${declared.leaves.map((value) => [value, t(`data.leaves.${value}`), t(`data.leaves.${value}.says`, { system: title })])} />`}
    <div class="fields"><${Field} form=${form} name="deletes.partner" type="select" label=${t("data.deletes.partner", { system: title })} help=${t("data.deletes.partner.help", { system: title })} options=${deletes} />
      <${Field} form=${form} name="deletes.crm" type="select" label=${t("data.deletes.crm")} help=${t("data.deletes.crm.help", { system: title })} options=${deletes} />
      <fieldset class="choice"><legend>${t("data.creates")}</legend><small class="quiet">${t("data.creates.help")}</small><div class="row">${["partner", "crm"].map((side) => html`<label class="check" key=${side}><input type="checkbox" checked=${form.values.creates.includes(side)} onChange=${() => form.put("creates", ["crm", "partner"].filter((item) => (item === side ? !form.values.creates.includes(side) : form.values.creates.includes(item))))} /><span>${side === "crm" ? "Dynamics 365" : title}</span></label>`)}</div></fieldset></div>
    ${map.labels && html`<${Tags} labels=${map.labels} system=${systemOf(declared, config)} />`}
  <//></section>`;
}

function where(target, entity) {
  const inner = target.startsWith(`${entity}.`) ? target.slice(entity.length + 1) : target;
  return inner.startsWith("criteria") ? "criteria" : inner.startsWith("deletes") ? inner : inner.split(/[.[]/)[0];
}

function Tags({ labels, system }) {
  return html`<section><h3>${words("extension", "tags")} <span class="badge brand">${t("extension.only", { system: system.title })}</span></h3><p class="quiet">${known("extension.tags.says", "")}</p>
    <p class="badges">${[labels.kind, labels.pushed, labels.pulled].map((label) => html`<span class="badge" key=${label}>${label}</span>`)}</p></section>`;
}

/** How many rows of Dynamics meet what is on the screen, counted there as it is typed; and how many meet what is saved. */
function Count({ connection, entity, criteria, all, stored, tell }) {
  const at = `connections/${connection}/entities/${entity}/count`;
  const [state, set] = useState({ found: null, before: null, error: null, of: "" });
  const { busy, error, act } = useAct();
  const name = JSON.stringify([all, criteria, stored]);
  const ready = all || complete(criteria);
  const ask = (body) => change("POST", at, body).then(({ body: found }) => found);
  const tried = all ? {} : { criteria };
  useEffect(() => {
    if (!ready) return undefined;
    let alive = true;
    const timer = setTimeout(async () => {
      try {
        const before = await ask({});
        const found = all || same(criteria, stored) ? before : await ask(tried);
        if (alive) set({ found, before, error: null, of: name });
        if (alive) tell([]);
      } catch (problem) {
        if (alive) set((old) => ({ ...old, error: problem, of: name }));
        if (alive) tell(problem.details ?? []);
      }
    }, 500);
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [name, ready]);
  const exact = () => act(async () => set({ ...state, found: await ask({ ...tried, exact: true }), of: name }));
  const { found, before } = state;
  const said = (n, more) => (more ? t("data.count.more", { n }) : number(n));
  const shown = found && (all ? [found.allCount, found.allMore] : [found.count, found.more]);
  const shift = shown && !shown[1] && !before.more ? shown[0] - before.count : 0;
  const wrong = state.of === name && state.error;
  return html`<div class="note" aria-label=${t("data.count")} role="group"><div class="count" role="status">${!ready ? t("data.count.incomplete") : wrong ? t("data.count.wrong") : state.of !== name ? t("data.count.counting")
      : html`<strong>${said(...shown)}</strong> <span>${t("data.count.says", { all: said(found.allCount, found.allMore) })}</span>`}</div>
    ${state.of === name && !wrong && shift !== 0 && html`<p>${t(shift > 0 ? "data.count.wider" : "data.count.narrower", { n: Math.abs(shift) })}</p>`}
    <${Problem} error=${error ?? (wrong && wrong.status !== 400 ? wrong : null)} />
    ${shown?.[1] && state.of === name && html`<p><button type="button" aria-disabled=${String(busy)} onClick=${busy ? undefined : exact}>${t("data.count.exact")}</button></p>`}</div>`;
}
