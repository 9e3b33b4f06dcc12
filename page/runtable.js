// Runs as a table with what each did, for the Overview and the list of runs.
import { html } from "./html.js";
import { date, duration, known, moment, number, t } from "./i18n.js";
import { Table } from "./lists.js";
import { family, Status, To } from "./parts.js";

const WRITTEN = new Set(["created", "updated", "relinked", "deleted", "deactivated"]);
const SUMS = ["written", "skipped", "conflicted", "failed"];
const KEPT = 30 * 24 * 3600 * 1000; // milliseconds that what a run wrote is kept

export function tally(counts) {
  const sums = { written: 0, skipped: 0, failed: 0, conflicted: 0 };
  for (const [code, count] of Object.entries(counts)) {
    const name = WRITTEN.has(family(code)) ? "written" : family(code);
    if (name in sums) sums[name] += count;
  }
  return sums;
}

/** Runs with what they did. `back`: also until when each may be taken back; that run's own page says what of it can. */
export function RunTable({ runs, caption, next, back = false }) {
  if (!runs.length) return html`<h2>${caption}</h2><p class="quiet">${t("runs.none")}</p>`;
  const columns = [
    { name: "started", head: t("started"), bare: true }, { name: "status", head: t("status"), bare: true }, { name: "reason", head: t("reason"), bare: true },
    { name: "duration", head: t("duration"), number: true }, ...SUMS.map((name) => ({ name, head: t(`sum.${name}`), number: true })),
    ...(back ? [{ name: "back", head: t("revert.column") }] : []),
  ];
  const draw = (run) => ({
    started: html`<${To} to=${{ view: "runs", run: run.id }}>${moment(run.started)}<//>`,
    status: html`<${Status} set="run" code=${run.state} />`,
    reason: known(`run.reason.${run.reason}`, run.reason),
    duration: duration(run.started, run.ended),
    ...Object.fromEntries(Object.entries(tally(run.counts)).map(([name, n]) => [name, number(n)])),
    back: until(run),
  });
  return html`<${Table} caption=${caption} columns=${columns} items=${runs} draw=${draw} name=${({ id }) => id} next=${next} />`;
}

/** What a run wrote is kept for 30 days; of one that wrote nothing there is nothing to take back. */
function until({ ended, counts }) {
  const wrote = Object.entries(counts).some(([code, n]) => family(code) === "writes" && n > 0);
  const last = new Date(new Date(ended).getTime() + KEPT);
  return wrote && ended && last > new Date() ? t("revert.until", { day: date(last) }) : html`<span class="quiet">–</span>`;
}
