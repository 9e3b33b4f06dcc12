// Failing records: how many, why, what to do; retry or dismiss one, some, or all that the filter finds.
import { change, get } from "../api.js";
import { Ask, Following, operationOf } from "../asking.js";
import { Export } from "../export.js";
import { html, useState } from "../html.js";
import { moment, t } from "../i18n.js";
import { Filters, many, More, Table, useList, useTicks } from "../lists.js";
import { AsOf, Loaded, Problem, say, Status, To, useAct, useLoaded } from "../parts.js";
import { go, place } from "../place.js";
import { entityOptions, fieldOptions, meaning, nextStep, Ref, useContext, Why } from "../records.js";

const FAMILIES = ["failed", "conflicted", "broken"];
const PARTS = ["entity", "outcome", "field", "dismissed"];
const linkOf = ({ link }) => link;

const filterOf = (where) => Object.fromEntries(PARTS.filter((name) => where[name]).map((name) => [name, where[name]]));

export function Errors({ connection, admin }) {
  const at = `connections/${connection}/failures`;
  const where = filterOf(place.value);
  const list = useList(at, where);
  const count = useLoaded((signal) => get(`${at}/count`, where, signal).then(({ body }) => body), [at, where]);
  const context = useContext(connection);
  const ticks = useTicks(list.items, linkOf);
  const [asked, ask] = useState(null);
  const [told, tell] = useState(null);
  const again = () => {
    ticks.clear();
    list.again();
    count.again();
  };
  const keep = (operation) => go({ view: "errors", ...where, operation }, { replace: true });
  const act = (kind, which) => doIt(at, kind, which, { tell, keep, again });
  const ended = (operation) => {
    say(t(`goes.${operation.kind === "run" ? "run." : ""}${operation.status}`));
    again();
  };
  const close = () => {
    tell(null);
    keep("");
  };
  return html`
    <${Head} count=${count} where=${where} />
    ${place.value.operation && html`<${Following} id=${place.value.operation} says=${told?.says} when=${told?.when} ended=${ended} close=${close} />`}
    ${told && !place.value.operation && html`<div class="note row"><${Status} set="goes.is" code="Succeeded" /><span>${told.says}</span></div>`}
    <section class="card">
      <${Filters} view="errors" of=${filters(context, where, list.items)}>
        <${Export} path=${`${at}/export`} query=${where} name="failing-records" /><//>
      <${Bulk} ticks=${ticks} count=${count.data} admin=${admin} ask=${ask} filtered=${where} />
      <${Loaded} of=${list} empty=${list.items.length || list.next ? null : html`<${None} where=${where} />`}>
        <${Rows} list=${list} ticks=${ticks} context=${context} admin=${admin} act=${act} /><${More} list=${list} /><//>
      <p class="quiet">${t("errors.kept")} ${t("errors.export.says")}</p>
    </section>
    ${asked && html`<${Sure} asked=${asked} act=${act} close=${() => ask(null)} />`}`;
}

/** Sends it, and says what goes on from there. Throws what went wrong. */
async function doIt(at, kind, which, { tell, keep, again }) {
  const { body, where } = await change("POST", `${at}/${kind}`, which);
  const done = kind === "retry" ? body.retried : body.dismissed;
  const says = body.more ? t(`errors.${kind}.many`) : t(`errors.${kind}.done`, { n: done });
  tell({ says, when: body.runsAt });
  keep(operationOf(where));
  say(says);
  again();
}

function Head({ count, where }) {
  return html`<section class="card headline" aria-live="polite"><${Loaded} of=${count}>${count.data && html`
    <p class="big"><strong>${many(count.data)}</strong> <span>${t(where.dismissed === "true" ? "errors.count.dismissed" : "errors.count", { n: count.data.count })}</span></p>
    <p class="quiet">${t("errors.means")}</p><${AsOf} of=${count} />`}<//></section>`;
}

const None = ({ where }) => html`<div class="none"><${Status} set="errors.none" code="succeeded" /><p class="quiet">${t(Object.keys(where).length ? "errors.none.filtered" : "errors.none.at_all")}</p></div>`;

function filters(context, where, items) {
  const codes = [...new Set(items.flatMap(({ problems }) => problems.map(({ code }) => code)))].sort();
  return [
    { name: "entity", label: t("entity"), options: entityOptions(context) },
    { name: "outcome", label: t("errors.problem"), options: [...FAMILIES.map((name) => [name, t(`errors.family.${name}`)]), ...codes.map((code) => [code, meaning({ code, meaning: code })])] },
    { name: "field", label: t("field"), options: fieldOptions(context, where.entity) },
    { name: "dismissed", label: t("errors.shown"), all: t("errors.shown.open"), options: [["true", t("errors.shown.dismissed")], ["all", t("errors.shown.all")]] },
  ];
}

function Bulk({ ticks, count, admin, ask, filtered }) {
  const n = ticks.ticked.length;
  const whole = count ? { which: { filter: filtered }, ...count } : null;
  const some = { which: { links: ticks.ticked }, count: n, more: false };
  const button = (kind, of, words, can) => html`<button aria-disabled=${String(!admin || !can)} onClick=${() => admin && can && ask({ kind, ...of })}>${words}</button>`;
  return html`<div class="bulk" role="group" aria-label=${t("errors.bulk")}>
    ${n > 0 && html`${button("retry", some, t("errors.retry.some", { n }), true)}${button("dismiss", some, t("errors.dismiss.some", { n }), true)}`}
    ${n === 0 && whole && html`${button("retry", whole, t("errors.retry.all", { count: many(whole) }), whole.count > 0)}${button("dismiss", whole, t("errors.dismiss.all", { count: many(whole) }), whole.count > 0)}`}
    <span class="quiet">${admin ? t("errors.retry.means") : t("reader")}</span></div>`;
}

function Sure({ asked, act, close }) {
  const { kind, which, count, more } = asked;
  return html`<${Ask} title=${t(`errors.${kind}.title`, { count: many({ count, more }) })} word=${t(`errors.${kind}`)} close=${close} act=${() => act(kind, which)}>
    <p>${t(`errors.${kind}.says`)}</p>${which.filter && html`<p class="quiet">${t("errors.filter.says")}</p>`}<//>`;
}

function Rows({ list, ticks, context, admin, act }) {
  const columns = [
    { name: "tick", head: ticks.all, bare: true }, { name: "problem", head: t("why"), bare: true }, { name: "crm", head: context.crm },
    { name: "partner", head: context.partner }, { name: "since", head: t("errors.since") }, { name: "acts", head: t("errors.acts"), bare: true },
  ];
  const draw = (item) => ({
    tick: ticks.tick(item.link, t("lists.tick", { name: item.crm?.id ?? item.partner?.id ?? item.link })),
    problem: html`${item.problems.map((problem) => html`<${One} key=${problem.code + problem.field} of=${problem} />`)}`,
    crm: html`<${Ref} of=${item.crm} url=${context.url} />`,
    partner: html`<${Ref} of=${item.partner} />`,
    since: html`${moment(item.at)}<br /><span class="quiet">${item.dismissed ? t("errors.is_dismissed") : item.retryAt ? t("errors.next_try", { time: moment(item.retryAt) }) : ""}</span>`,
    acts: html`<${Acts} item=${item} admin=${admin} act=${act} />`,
  });
  return html`<${Table} caption=${t("errors.list")} columns=${columns} items=${list.items} draw=${draw} name=${linkOf} next=${list.next} chosen=${ticks.ticks} />`;
}

const One = ({ of }) => html`<div class="problem"><${Status} set="outcome" code=${of.code} />${of.field && html` <code>${of.field}</code>`}
  <p>${meaning(of)}</p>${of.message && html`<p class="said" lang="en">${of.message}${of.vendorCode && html` <code>${of.vendorCode}</code>`}</p>`}
  <p class="quiet">${nextStep(of)}</p></div>`;

function Acts({ item, admin, act }) {
  const { busy, error, act: attempt } = useAct();
  const one = (kind) => () => !busy && admin && attempt(() => act(kind, { links: [item.link] }));
  const named = { name: item.crm?.id ?? item.partner?.id ?? "" };
  const off = String(!admin || busy);
  return html`<div class="acts"><button aria-disabled=${off} aria-label=${t("errors.retry.one", named)} onClick=${one("retry")}>${t("errors.retry")}</button>
    ${item.problems.some(({ code }) => code === "conflicted:asked") && html`<${To} to=${{ view: "conflicts", link: item.link }}>${t("errors.decide")}<//>`}
    ${!item.dismissed && html`<button aria-disabled=${off} aria-label=${t("errors.dismiss.one", named)} onClick=${one("dismiss")}>${t("errors.dismiss")}</button>`}
    <${Why} entity=${item.entity} crm=${item.crm} partner=${item.partner} label=${t("records.why.of", named)} /></div><${Problem} error=${error} />`;
}
