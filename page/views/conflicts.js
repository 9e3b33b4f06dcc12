// Conflicts: what both systems say, side by side; whose value stays for one, some, or all that the filter finds.
import { change, get } from "../api.js";
import { Ask, Following, operationOf } from "../asking.js";
import { html, useState } from "../html.js";
import { known, moment, t } from "../i18n.js";
import { Filters, many, More, useList, useTicks } from "../lists.js";
import { AsOf, Icon, Loaded, Problem, say, Status, To, useAct, useLoaded } from "../parts.js";
import { go, place } from "../place.js";
import { entityOptions, fieldOptions, Ref, useContext, Value, Why } from "../records.js";

const PARTS = ["entity", "field", "link"];
const MOST = 1000;
const idOf = ({ id }) => id;
const filterOf = (where) => Object.fromEntries(PARTS.filter((name) => where[name]).map((name) => [name, where[name]]));

export function Conflicts({ connection, admin }) {
  const decided = place.value.state === "decided";
  const at = `connections/${connection}/conflicts`;
  const where = filterOf(place.value);
  const state = decided ? "decided" : "waiting";
  const list = useList(at, { ...where, state }, 50);
  const count = useLoaded((signal) => counted(at, { ...where, state }, signal), [at, where, state]);
  const context = useContext(connection);
  const ticks = useTicks(list.items, idOf);
  const [asked, ask] = useState(null);
  const [told, tell] = useState(null);
  const keep = (operation) => go({ view: "conflicts", ...where, state: place.value.state, operation }, { replace: true });
  const again = () => {
    list.again();
    count.again();
  };
  const decide = async (winner, which) => {
    const { body, where: location } = await change("POST", `${at}/decide`, { winner, ...which });
    const says = body.more ? t("conflicts.many") : t("conflicts.done", { n: body.decided });
    tell({ says, when: body.runsAt, stale: body.stale.length });
    keep(body.decided || body.more ? operationOf(location) : "");
    say(says);
    ticks.clear();
    again();
  };
  const close = () => {
    tell(null);
    keep("");
  };
  return html`
    <section class="card headline" aria-live="polite"><${Loaded} of=${count}>
      <p class="big"><strong>${many(count.data ?? { count: 0 })}</strong> <span>${t(`conflicts.count.${state}`, { n: count.data?.count ?? 0 })}</span></p>
      <p class="quiet">${t("conflicts.means")}</p><${AsOf} of=${count} /><//></section>
    ${place.value.operation && html`<${Following} id=${place.value.operation} says=${told?.says} when=${told?.when} ended=${again} close=${close} />`}
    ${told?.stale > 0 && html`<div class="note warn" role="alert"><p>${t("conflicts.stale", { n: told.stale })}</p></div>`}
    <section class="card">
      <${Filters} view="conflicts" of=${filters(context, where)} />
      ${!decided && html`<${Bulk} at=${at} where=${where} ticks=${ticks} list=${list} admin=${admin} context=${context} ask=${ask} />`}
      <${Loaded} of=${list} empty=${list.items.length || list.next ? null : html`<${None} state=${state} />`}>
        <ul class="questions">${list.items.map((item) => html`<${Question} key=${item.id} item=${item} context=${context} ticks=${ticks} admin=${admin} decide=${decide} />`)}</ul>
        <${More} list=${list} /><//>
      <p class="quiet spaced">${t("conflicts.kept")}</p></section>
    ${asked && html`<${Sure} asked=${asked} context=${context} decide=${decide} close=${() => ask(null)} />`}`;
}

const None = ({ state }) => html`<div class="none"><${Status} set="errors.none" code="succeeded" /><p class="quiet">${t(`conflicts.none.${state}`)}</p></div>`;

function filters(context, where) {
  return [
    { name: "state", label: t("errors.shown"), all: t("conflicts.waiting"), options: [["decided", t("conflicts.decided")]] },
    { name: "entity", label: t("entity"), options: entityOptions(context) },
    { name: "field", label: t("field"), options: fieldOptions(context, where.entity) },
    ...(where.link ? [{ name: "link", label: t("conflicts.record"), options: [[where.link, t("conflicts.this_record")]] }] : []),
  ];
}

/** How many a filter finds; beyond a thousand only that they are more. */
async function counted(at, where, signal) {
  const { body } = await get(at, { ...where, maxpagesize: String(MOST) }, signal);
  return { count: body.value.length, more: Boolean(body.nextLink) };
}

function Bulk({ at, where, ticks, list, admin, context, ask }) {
  const [error, fail] = useState(null);
  const n = ticks.ticked.length;
  const can = admin && (n > 0 || list.items.length > 0);
  const open = (winner) => async () => {
    if (!can) return;
    fail(null);
    try {
      ask(n ? { winner, which: { ids: ticks.ticked }, count: n } : { winner, which: { filter: where }, ...(await counted(at, { ...where, state: "waiting" })) });
    } catch (problem) {
      fail(problem);
    }
  };
  return html`<div class="bulk" role="group" aria-label=${t("errors.bulk")}>${list.items.length > 0 && ticks.all}
    <span>${n ? t("conflicts.for.some", { n }) : t("conflicts.for.all")}</span>
    ${["crm", "partner"].map((side) => html`<button key=${side} aria-disabled=${String(!can)} onClick=${open(side)}>${t("conflicts.wins", { system: context[side] })}</button>`)}
    ${!admin && html`<span class="quiet">${t("reader")}</span>`}</div><${Problem} error=${error} />`;
}

function Sure({ asked, context, decide, close }) {
  const { winner, which, count, more } = asked;
  const loser = winner === "crm" ? "partner" : "crm";
  return html`<${Ask} title=${t("conflicts.sure", { count: many({ count, more }), system: context[winner] })} word=${t("conflicts.decide")} close=${close} act=${() => decide(winner, which)}>
    <p>${t("conflicts.sure.says", { system: context[winner], other: context[loser] })}</p>${which.filter && html`<p class="quiet">${t("errors.filter.says")}</p>`}<//>`;
}

function Question({ item, context, ticks, admin, decide }) {
  const { busy, error, act } = useAct();
  const open = !item.winner;
  const choose = (winner) => () => !busy && admin && act(() => decide(winner, { ids: [item.id] }));
  const name = item.crm.id || item.partner.id;
  return html`<li class="question"><div class="row">${open && ticks.tick(item.id, t("lists.tick", { name: `${item.field} ${name}` }))}
      <h3><code>${item.field}</code></h3><span class="quiet">${known(`kind.${item.entity}`, item.entity)} · ${moment(item.at)}</span>
      <span class="end"><${Why} entity=${item.entity} crm=${item.crm} partner=${item.partner} label=${t("records.why.of", { name })} /></span></div>
    <div class="sides">${["crm", "partner"].map((side) => html`<${Side} key=${side} side=${side} item=${item} context=${context} open=${open} off=${!admin || busy} choose=${choose(side)} />`)}</div>
    ${!open && html`<p class="quiet">${judge(item)} <${To} to=${{ view: "runs", run: item.run }}>${t("goes.run")}<//></p>`}
    <${Problem} error=${error} /></li>`;
}

/** Who decided: a person, the run that carried a person's answer out, or the field's policy. */
function judge({ actor, policy, decidedAt }) {
  if (actor) return t("conflicts.by.person", { actor, time: moment(decidedAt) });
  return policy === "ask" ? t("conflicts.by.run") : t("conflicts.by.policy", { policy: known(`policy.${policy}`, policy) });
}

function Side({ side, item, context, open, off, choose }) {
  const { known: told, value } = item[side];
  const won = item.winner === side;
  return html`<div class=${won ? "side won" : "side"}><div class="row"><strong>${context[side]}</strong>${won && html`<span class="status good"><${Icon} tone="good" />${t("conflicts.won")}</span>`}</div>
    ${told ? html`<p class="value"><${Value} of=${value} /></p>` : html`<p class="quiet">${t("conflicts.unknown")}</p>`}
    <p class="quiet"><${Ref} of=${item[side]} url=${side === "crm" ? context.url : ""} /></p>
    ${open && html`<button class="pick" aria-disabled=${String(off)} onClick=${choose} aria-label=${t("conflicts.keep.of", { system: context[side], field: item.field })}>${t("conflicts.keep", { system: context[side] })}</button>`}</div>`;
}
