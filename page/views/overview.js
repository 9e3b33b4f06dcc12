// How a connection stands: its state and switch, what waits, what fails, and what the last runs did.
import { get } from "../api.js";
import { declarations, systemOf } from "../declared.js";
import { html } from "../html.js";
import { known, language, moment, number, t } from "../i18n.js";
import { many } from "../lists.js";
import { AsOf, Loaded, Status, To, useCodes, useLoaded } from "../parts.js";
import { RunTable, tally } from "../runtable.js";
import { Switched } from "../switch.js";

const REFRESH = 15000;
const CHARTED = 24;

async function load(connection, signal) {
  const at = `connections/${connection}`;
  const [declared, config, status, statistics, runs] = await Promise.all([
    declarations(), get(at, {}, signal), get(`${at}/status`, {}, signal), get(`${at}/statistics`, {}, signal),
    get(`${at}/runs`, { maxpagesize: String(CHARTED) }, signal),
  ]);
  return { system: systemOf(declared, config.body), config: config.body, etag: config.etag, status: status.body, statistics: statistics.body, runs: runs.body.value };
}

export function Overview({ connection, admin }) {
  const loaded = useLoaded((signal) => load(connection, signal), [connection], REFRESH);
  return html`<${Loaded} of=${loaded}>${loaded.data && html`<${Shown} ...${loaded.data} admin=${admin} again=${loaded.again} /><${AsOf} of=${loaded} />`}<//>`;
}

function Shown({ system, config, etag, status, statistics, runs, admin, again }) {
  return html`
    <${Standing} system=${system} config=${config} etag=${etag} status=${status} state=${statistics.state} admin=${admin} again=${again} />
    <${Counts} counts=${statistics.counts} last=${statistics.lastSync.run} />
    <div class="beside"><section class="card"><div class="row between"><h2>${t("throughput")}</h2><span class="quiet">${t("throughput.speed", { speed: statistics.throughput.recordsPerMinute })}</span></div>
        <${Chart} runs=${runs} /></section>
      <${Backlog} backlog=${statistics.backlog} /></div>
    <section class="card"><${RunTable} runs=${runs.slice(0, 5)} caption=${t("runs.recent")} />
      <p><${To} to=${{ view: "runs" }}>${t("runs.all")}<//></p></section>`;
}

function Standing({ system, config, etag, status, state, admin, again }) {
  const head = html`<${Status} set="state" code=${state.code} /><p class="quiet">${t(`state.${state.code}.says`)}</p>`;
  const first = html`<p><${To} class="button main" to=${{ view: "settings" }}>${t("setup.settings")}<//></p>`; // its plan and its question stand there
  return html`<${Switched} label=${t("state")} head=${head} first=${first} system=${system} config=${config} etag=${etag} status=${status} admin=${admin} again=${again}>
    <${Trouble} status=${status} state=${state} admin=${admin} />
    <dl class="facts">
      <div><dt>${t("next_run")}</dt><dd>${status.running ? t("running.now") : moment(status.nextRun)}</dd></div>
      <div><dt>${t("last_run")}</dt><dd>${moment(status.lastEnd)}</dd></div>
      <div><dt>${t("initial_sync")}</dt><dd>${t(status.initialDone ? "initial.done" : status.running ? "initial.running" : "initial.waits")}</dd></div>
      ${status.progress && html`<div><dt>${t("progress")}</dt><dd>${t("progress.says", { records: status.progress.records, written: status.progress.written })}</dd></div>`}
    </dl><//>`;
}

/** What keeps the sync from going on: its code in words, what the app says of it, and where a person goes on. */
function Trouble({ status, state, admin }) {
  const code = status.broken?.code ?? status.resting?.code;
  useCodes(code);
  if (!code) return null;
  const headline = known(`problem.code.${code}`, state.reason);
  return html`<div class="note warn" role="status"><p><strong>${headline}</strong></p>
    ${headline !== state.reason && html`<p lang="en">${state.reason}</p>`}
    <p>${language.value === "en" ? state.nextStep : known(`problem.code.${code}.next`, state.nextStep)}</p>
    ${status.broken && admin && html`<p><${To} class="button" to=${{ view: "settings" }}>${t("overview.go_on")}<//></p>`}</div>`;
}

const LISTS = {
  failing: { view: "errors", outcome: "failed" },
  conflicts: { view: "conflicts" },
};

function Counts({ counts, last }) {
  const lists = { ...LISTS, excluded: last && { view: "runs", run: last, outcome: "skipped" } };
  return html`<ul class="counts">${Object.entries(counts).map(([name, { count, more, list }]) => html`<li class="card" key=${name}>
    <span>${t(`counts.${name}`)}</span><strong>${many({ count, more })}</strong>
    <small>${t(`counts.${name}.says`)}<br />${list && lists[name] ? html`<${To} to=${lists[name]} aria-label=${`${t(`counts.${name}`)}: ${t("open_list")}`}>${t("open_list")}<//>` : html`<${To} to=${{ view: "lookup" }}>${t("overview.find")}<//>`}</small></li>`)}</ul>`;
}

/** What waits for the next run, each with the list behind it where there is one. */
function Backlog({ backlog }) {
  const { waiting, requests, intervalsLate, entities } = backlog;
  const behind = entities.filter((each) => each.waiting.count);
  return html`<section class="card"><h2>${t("backlog.title")}</h2><dl class="lines">
    <div><dt>${t("backlog.changes")}</dt><dd>${many(waiting)}</dd></div>
    ${behind.map(({ entity, waiting: words, oldest }) => html`<div key=${entity}><dt>${t("backlog.of", { entity: known(`kind.${entity}`, entity) })}</dt>
      <dd>${many(words)}${oldest && html` <small class="quiet">${t("backlog.since", { time: moment(oldest) })}</small>`}</dd></div>`)}
    <div><dt>${t("backlog.requests")}</dt><dd><${To} to=${{ view: "requests", state: "queued" }} aria-label=${`${t("backlog.requests")}: ${t("open_list")}`}>${many(requests)}<//></dd></div>
    <div><dt>${t("backlog.overdue")}</dt><dd>${intervalsLate > 0 ? number(intervalsLate) : t("backlog.overdue.none")}</dd></div></dl></section>`;
}

const PARTS = ["written", "skipped", "failed"];
const HIGH = 100; // of the chart, in its own units
const WIDE = 20; // of a run in it

/** A bar for each run, the oldest first: written, skipped, failed; the same numbers as a table below it. */
function Chart({ runs }) {
  const bars = runs.toReversed().map((run) => ({ run, sums: tally(run.counts) }));
  const most = Math.max(1, ...bars.map(({ sums }) => PARTS.reduce((sum, part) => sum + sums[part], 0)));
  if (!bars.length) return html`<p class="quiet">${t("runs.none")}</p>`;
  const parts = PARTS.filter((part) => part === "written" || bars.some(({ sums }) => sums[part]));
  return html`<div class="plot"><span class="top-mark quiet">${number(most)}</span>
      <svg class="chart" viewBox=${`0 0 ${CHARTED * WIDE} ${HIGH + 10}`} preserveAspectRatio="none" role="img" aria-label=${t("throughput.chart", { n: bars.length, top: most })}>
      ${[0, 0.5].map((at) => html`<line key=${at} class="grid" x1="0" x2=${CHARTED * WIDE} y1=${6 + at * HIGH} y2=${6 + at * HIGH} vector-effect="non-scaling-stroke" />`)}
      ${bars.map(({ run, sums }, i) => html`<${Bar} key=${run.id} run=${run} sums=${sums} x=${(i + CHARTED - bars.length) * WIDE + 3} most=${most} />`)}
      <line class="base" x1="0" x2=${CHARTED * WIDE} y1=${HIGH + 6.5} y2=${HIGH + 6.5} vector-effect="non-scaling-stroke" /></svg></div>
    <div class="ends quiet"><span>${bars.length === CHARTED ? moment(bars[0].run.started) : ""}</span><span>${moment(bars.at(-1).run.started)}</span></div>
    <ul class="legend">${parts.map((part) => html`<li key=${part}><svg viewBox="0 0 10 10" aria-hidden="true"><rect class=${part} width="10" height="10" rx="2" /></svg>${t(`sum.${part}`)}</li>`)}</ul>
    <details><summary>${t("chart.table")}</summary><div class="scroll" tabindex="0" role="region" aria-label=${t("throughput")}><table>
      <thead><tr><th scope="col">${t("started")}</th>${parts.map((part) => html`<th scope="col" class="number" key=${part}>${t(`sum.${part}`)}</th>`)}</tr></thead>
      <tbody>${bars.toReversed().map(({ run, sums }) => html`<tr key=${run.id}><td>${moment(run.started)}</td>${parts.map((part) => html`<td class="number" key=${part}>${number(sums[part])}</td>`)}</tr>`)}</tbody></table></div></details>`;
}

function Bar({ run, sums, x, most }) {
  let y = HIGH + 6;
  const rects = PARTS.filter((part) => sums[part]).map((part) => {
    const high = Math.max(2, (sums[part] / most) * HIGH);
    y -= high;
    return html`<rect key=${part} class=${part} x=${x} y=${y} width="14" height=${high} />`;
  });
  return html`<g><title>${`${moment(run.started)}: ${PARTS.map((part) => `${t(`sum.${part}`)} ${number(sums[part])}`).join(", ")}`}</title>${rects}</g>`;
}
