// Runs, what became of each record in one, and why.
import { address, after, get } from "../api.js";
import { html, useState } from "../html.js";
import { duration, known, moment, number, t } from "../i18n.js";
import { family, Loaded, Problem, Status, To, useLoaded } from "../parts.js";
import { go, place } from "../place.js";

const WRITTEN = new Set(["created", "updated", "relinked", "deleted", "deactivated"]);
const FAMILIES = ["created", "updated", "skipped", "waiting", "conflicted", "failed"];

export function tally(counts) {
  const sums = { written: 0, skipped: 0, failed: 0, conflicted: 0 };
  for (const [code, count] of Object.entries(counts)) {
    const name = WRITTEN.has(family(code)) ? "written" : family(code);
    if (name in sums) sums[name] += count;
  }
  return sums;
}

export function RunTable({ runs, caption }) {
  if (!runs.length) return html`<h2>${caption}</h2><p class="quiet">${t("runs.none")}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}><table>
    <caption>${caption}</caption>
    <thead><tr><th scope="col">${t("started")}</th><th scope="col">${t("status")}</th><th scope="col">${t("reason")}</th>
      <th scope="col" class="number">${t("duration")}</th>
      ${["written", "skipped", "conflicted", "failed"].map((name) => html`<th scope="col" class="number" key=${name}>${t(`sum.${name}`)}</th>`)}</tr></thead>
    <tbody>${runs.map((run) => {
      const sums = tally(run.counts);
      return html`<tr key=${run.id}><td><${To} to=${{ view: "runs", run: run.id }}>${moment(run.started)}<//></td>
        <td><${Status} set="run" code=${run.state} /></td><td>${known(`run.reason.${run.reason}`, run.reason)}</td>
        <td class="number">${duration(run.started, run.ended)}</td>
        ${["written", "skipped", "conflicted", "failed"].map((name) => html`<td class="number" key=${name}>${number(sums[name])}</td>`)}</tr>`;
    })}</tbody></table></div>`;
}

/** A list page by page: {data: {items, next}, ...} and what asks for more. */
function useList(path, query) {
  const first = useLoaded((signal) => get(path, query, signal).then(({ body }) => body), [path, query]);
  const [more, add] = useState({ of: null, items: [], next: "", error: null });
  const mine = more.of === first.data ? more : { of: first.data, items: [], next: first.data ? after(first.data) : "", error: null };
  const further = async () => {
    try {
      const { body } = await get(path, { ...query, after: mine.next });
      add({ ...mine, items: [...mine.items, ...body.value], next: after(body), error: null });
    } catch (error) {
      add({ ...mine, error });
    }
  };
  return { ...first, items: [...(first.data?.value ?? []), ...mine.items], next: mine.next, further, moreError: mine.error };
}

const More = ({ list }) => html`<${Problem} error=${list.moreError} />${list.next && html`<p><button onClick=${list.further}>${t("more")}</button></p>`}`;

export function Runs({ connection }) {
  const { run } = place.value;
  return run ? html`<${Records} connection=${connection} run=${run} />` : html`<${RunList} connection=${connection} />`;
}

function RunList({ connection }) {
  const list = useList(`connections/${connection}/runs`, {});
  return html`<section class="card"><${Loaded} of=${list}><${RunTable} runs=${list.items} caption=${t("runs.all")} /><${More} list=${list} /><//><p class="quiet">${t("runs.kept")}</p></section>`;
}

function Records({ connection, run }) {
  const outcome = place.value.outcome ?? "";
  const at = `connections/${connection}/runs/${run}`;
  const head = useLoaded((signal) => get(at, {}, signal).then(({ body }) => body), [at]);
  const list = useList(`${at}/records`, { outcome });
  const choose = (event) => go({ view: "runs", run, outcome: event.target.value }, { replace: true });
  return html`<p><${To} to=${{ view: "runs" }}>${t("runs.back")}<//></p>
    <section class="card"><${Loaded} of=${head}>${head.data && html`<div class="row"><${Status} set="run" code=${head.data.state} />
        <span class="quiet">${moment(head.data.started)} · ${duration(head.data.started, head.data.ended)}</span></div>
      ${head.data.message && html`<p>${head.data.message}</p>`}
      <dl class="facts">${Object.entries(head.data.counts).map(([code, n]) => html`<div key=${code}><dt><code>${code}</code></dt><dd>${number(n)}</dd></div>`)}</dl>`}<//></section>
    <section class="card"><div class="row"><label>${t("outcome")} <select value=${outcome} onChange=${choose}>
        <option value="">${t("all")}</option>${FAMILIES.map((name) => html`<option key=${name} value=${name} selected=${name === outcome}>${t(`outcome.${name}`)}</option>`)}</select></label>
        <a class="button" href=${address(`${at}/records/export`, { outcome, format: "csv" })} download>${t("export")}</a></div>
      <${Loaded} of=${list} empty=${list.items.length ? null : html`<p class="quiet">${t("records.none")}</p>`}>
        <${RecordTable} records=${list.items} /><${More} list=${list} /><//>
    </section>`;
}

const Ref = ({ of }) => (of?.id ? html`<code>${of.kind} ${of.id}</code>` : "–");

function RecordTable({ records }) {
  const caption = t("records");
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}><table><caption>${caption}</caption>
    <thead><tr><th scope="col">${t("outcome")}</th><th scope="col">${t("why")}</th><th scope="col">Dynamics 365</th><th scope="col">${t("partner")}</th></tr></thead>
    <tbody>${records.map((item, i) => html`<tr key=${`${item.link}${item.outcome}${item.field}${i}`}>
      <td><${Status} set="outcome" code=${item.outcome} /><br /><code>${item.outcome}</code></td>
      <td>${item.meaning}${item.field && html` <code>${item.field}</code>`}${item.message && html`<br />${item.message}`}<br /><span class="quiet">${item.nextStep}</span></td>
      <td><${Ref} of=${item.crm} /></td><td><${Ref} of=${item.partner} /></td></tr>`)}</tbody></table></div>`;
}
