// How a connection stands: its state and switch, what waits, what fails, and what the last runs did.
import { change, get } from "../api.js";
import { html, useState } from "../html.js";
import { moment, number, t } from "../i18n.js";
import { Loaded, Problem, say, Status, To, useLoaded } from "../parts.js";
import { RunTable, tally } from "./runs.js";

const REFRESH = 15000;
const CHARTED = 24;

async function load(connection, signal) {
  const at = `connections/${connection}`;
  const [config, status, statistics, runs] = await Promise.all([
    get(at, {}, signal), get(`${at}/status`, {}, signal), get(`${at}/statistics`, {}, signal),
    get(`${at}/runs`, { maxpagesize: String(CHARTED) }, signal),
  ]);
  return { config: config.body, etag: config.etag, status: status.body, statistics: statistics.body, runs: runs.body.value };
}

export function Overview({ connection, admin }) {
  const loaded = useLoaded((signal) => load(connection, signal), [connection], REFRESH);
  return html`<${Loaded} of=${loaded}>${loaded.data && html`<${Shown} ...${loaded.data} admin=${admin} again=${loaded.again} />`}<//>`;
}

function Shown({ config, etag, status, statistics, runs, admin, again }) {
  return html`
    <${Standing} config=${config} etag=${etag} status=${status} state=${statistics.state} admin=${admin} again=${again} />
    <${Counts} counts=${statistics.counts} last=${statistics.lastSync.run} />
    <section class="card"><h2>${t("throughput")}</h2><${Chart} runs=${runs} />
      <p class="quiet">${t("throughput.speed", { speed: statistics.throughput.recordsPerMinute })}
        ${" · "}${t("backlog", { changes: statistics.backlog.waiting.shown, requests: statistics.backlog.requests.shown })}</p></section>
    <section class="card"><${RunTable} runs=${runs.slice(0, 5)} caption=${t("runs.recent")} />
      <p><${To} to=${{ view: "runs" }}>${t("runs.all")}<//></p></section>`;
}

function Standing({ config, etag, status, state, admin, again }) {
  const [busy, set] = useState(false);
  const [error, fail] = useState(null);
  const act = async (work, word) => {
    if (busy) return;
    set(true);
    fail(null);
    try {
      await work();
      say(t(word));
    } catch (problem) {
      fail(problem);
    }
    set(false);
    again();
  };
  const on = config.switch === "on";
  const turn = () => act(() => change("PATCH", `connections/${config.id}`, { switch: on ? "off" : "on" }, etag), on ? "switched.off" : "switched.on");
  const run = () => act(() => change("POST", `connections/${config.id}/sync`), "sync.asked");
  return html`<section class="card" aria-label=${t("state")}>
    <div class="standing">
      <div class="say"><${Status} set="state" code=${state.code} /><p class="quiet">${t(`state.${state.code}.says`)}</p></div>
      <div class="row">
        <button class="switch" role="switch" aria-checked=${String(on)} aria-disabled=${String(!admin)} onClick=${admin ? turn : undefined}>
          <span class="track"><span class="knob"></span></span>${t("global_sync")}</button>
        <button aria-disabled=${String(!admin || !on || busy)} onClick=${admin && on && !busy ? run : undefined}>${t("sync.now")}</button>
      </div>
    </div>
    <p class="quiet">${t(on ? "switch.on.means" : "switch.off.means")}${!admin ? ` ${t("reader")}` : ""}</p>
    <${Problem} error=${error} />
    ${status.resting || status.broken ? html`<div class="note warn"><p><strong>${state.reason}</strong></p><p>${state.nextStep}</p></div>` : null}
    <dl class="facts">
      <div><dt>${t("next_run")}</dt><dd>${status.running ? t("running.now") : moment(status.nextRun)}</dd></div>
      <div><dt>${t("last_run")}</dt><dd>${moment(status.lastEnd)}</dd></div>
      <div><dt>${t("initial_sync")}</dt><dd>${t(status.initialDone ? "initial.done" : status.running ? "initial.running" : "initial.waits")}</dd></div>
      ${status.progress && html`<div><dt>${t("progress")}</dt><dd>${t("progress.says", { records: status.progress.records, written: status.progress.written })}</dd></div>`}
    </dl>
  </section>`;
}

function Counts({ counts, last }) {
  const lists = { excluded: last && { view: "runs", run: last, outcome: "skipped" } };
  return html`<ul class="counts">${Object.entries(counts).map(([name, { shown }]) => html`<li class="card" key=${name}>
    <span>${t(`counts.${name}`)}</span><strong>${shown}</strong>
    <small>${lists[name] ? html`<${To} to=${lists[name]} aria-label=${`${t(`counts.${name}`)}: ${t("open_list")}`}>${t("open_list")}<//>` : t(`counts.${name}.says`)}</small></li>`)}</ul>`;
}

/** A bar for each run, the oldest first: what was written, and above it what failed. */
function Chart({ runs }) {
  const bars = runs.toReversed().map((run) => ({ run, ...tally(run.counts) }));
  const top = Math.max(1, ...bars.map((bar) => bar.written + bar.failed));
  if (!bars.length) return html`<p class="quiet">${t("runs.none")}</p>`;
  const high = (value) => (value ? Math.max(2, (value / top) * 100) : 0);
  const name = t("throughput.chart", { n: bars.length, top });
  return html`<svg class="chart" viewBox="0 0 480 110" preserveAspectRatio="none" role="img" aria-label=${name}>
      ${bars.map(({ run, written, failed }, i) => html`<g key=${run.id}><title>${`${moment(run.started)}: ${number(written)} / ${number(failed)}`}</title>
        <rect class="bar" x=${i * 20 + 3} y=${106 - high(written)} width="14" height=${high(written)} rx="2" />
        <rect class="failed" x=${i * 20 + 3} y=${106 - high(written) - high(failed)} width="14" height=${high(failed)} rx="2" /></g>`)}
      <line class="base" x1="0" x2="480" y1="106.5" y2="106.5" vector-effect="non-scaling-stroke" /></svg>
    <ul class="legend">${["bar", "failed"].map((part) => html`<li key=${part}><svg viewBox="0 0 10 10" aria-hidden="true"><rect class=${part} width="10" height="10" rx="2" /></svg>${t(`chart.${part}`)}</li>`)}</ul>`;
}
