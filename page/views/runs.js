// Runs, what became of each record in one, and why.
import { get } from "../api.js";
import { Export } from "../export.js";
import { html } from "../html.js";
import { duration, known, moment, number, t } from "../i18n.js";
import { Filters, More, Table, useList } from "../lists.js";
import { AsOf, family, Loaded, Status, To, useLoaded } from "../parts.js";
import { place } from "../place.js";
import { meaning, nextStep, Ref, useContext, Why } from "../records.js";
import { RunTable } from "../runtable.js";
import { Revert } from "./revert.js";

const BESIDE = ["writes", "log"]; // counters that count no records
const nameOf = ({ link, outcome, field, crm, partner }) => [link, outcome, field, crm.id, partner.id].join(" ");

export function Runs({ connection, admin }) {
  const { run } = place.value;
  return run ? html`<${Records} key=${run} connection=${connection} run=${run} admin=${admin} />` : html`<${RunList} connection=${connection} />`;
}

function RunList({ connection }) {
  const list = useList(`connections/${connection}/runs`, {}, 50);
  return html`<section class="card"><${Loaded} of=${list}><${RunTable} runs=${list.items} caption=${t("runs.all")} next=${list.next} back=${true} /><${More} list=${list} /><//>
    <p class="quiet">${t("runs.kept")} <${AsOf} of=${list} /></p></section>`;
}

function Records({ connection, run, admin }) {
  const { outcome, operation } = place.value;
  const at = `connections/${connection}/runs/${run}`;
  const head = useLoaded((signal) => get(at, {}, signal).then(({ body }) => body), [at]);
  const list = useList(`${at}/records`, { outcome });
  const context = useContext(connection);
  const counts = head.data?.counts ?? {};
  const codes = Object.keys(counts).filter((code) => !BESIDE.includes(family(code)) && code !== "unchanged").sort();
  const families = [...new Set(codes.map(family))].filter((name) => !codes.includes(name));
  const options = [...families.map((name) => [name, t(`outcome.${name}`)]), ...codes.map((code) => [code, meaning({ code, meaning: code })])];
  return html`<p><${To} to=${{ view: "runs" }}>${t("runs.back")}<//></p>
    <section class="card"><${Loaded} of=${head}>${head.data && html`<${Summary} run=${head.data} />`}<//></section>
    ${head.data?.ended && html`<${Revert} at=${at} run=${run} operation=${operation} admin=${admin} />`}
    <section class="card"><${Filters} view="runs" also=${{ run }} of=${[{ name: "outcome", label: t("outcome"), options }]}>
        <${Export} path=${`${at}/records/export`} query=${{ outcome }} name=${`run-${run}`} /><//>
      <${Loaded} of=${list} empty=${list.items.length || list.next ? null : html`<p class="quiet spaced">${t("records.none")}</p>`}>
        <${RecordTable} list=${list} context=${context} /><${More} list=${list} /><//>
    </section>`;
}

function Summary({ run }) {
  const shown = Object.entries(run.counts).filter(([code]) => !BESIDE.includes(family(code)));
  return html`<div class="row"><${Status} set="run" code=${run.state} /><strong>${known(`run.reason.${run.reason}`, run.reason)}</strong>
      <span class="quiet">${moment(run.started)} · ${duration(run.started, run.ended)}</span></div>
    ${run.message && html`<p lang="en">${run.message}</p>`}
    <ul class="tallies">${shown.map(([code, n]) => html`<li key=${code}><strong>${number(n)}</strong> <${Status} set="outcome" code=${code} /> <span class="quiet">${code.includes(":") ? meaning({ code, meaning: code }) : ""}</span></li>`)}</ul>`;
}

function RecordTable({ list, context }) {
  const columns = [
    { name: "outcome", head: t("outcome"), bare: true }, { name: "why", head: t("why"), bare: true },
    { name: "crm", head: context.crm }, { name: "partner", head: context.partner }, { name: "acts", head: t("errors.acts"), bare: true },
  ];
  const draw = (item) => ({
    outcome: html`<${Status} set="outcome" code=${item.outcome} /><br /><code>${item.outcome}</code>`,
    why: html`<div class="problem"><p>${meaning(item)}${item.field && html` <code>${item.field}</code>`}</p>
      ${item.message && html`<p class="said" lang="en">${item.message}${item.vendorCode && html` <code>${item.vendorCode}</code>`}</p>`}<p class="quiet">${nextStep(item)}</p></div>`,
    crm: html`<${Ref} of=${item.crm} url=${context.url} />`,
    partner: html`<${Ref} of=${item.partner} />`,
    acts: html`<${Why} entity=${item.entity} crm=${item.crm} partner=${item.partner} label=${t("records.why.of", { name: item.crm.id || item.partner.id })} />`,
  });
  return html`<${Table} caption=${t("records")} columns=${columns} items=${list.items} draw=${draw} name=${nameOf} next=${list.next} />`;
}
