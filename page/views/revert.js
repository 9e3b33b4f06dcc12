// Taking a run back: what could be restored, what nobody can undo, then the work to its end with what was left.
import { change, get } from "../api.js";
import { Ask, Following } from "../asking.js";
import { html, useState } from "../html.js";
import { known, t } from "../i18n.js";
import { Loaded, useLoaded } from "../parts.js";
import { go, place } from "../place.js";

const LISTED = 100;

export function Revert({ at, run, operation, admin }) {
  const shown = useLoaded((signal) => get(`${at}/revert`, {}, signal).then(({ body }) => body), [at]);
  const [asking, ask] = useState(false);
  const keep = (id) => go({ ...place.value, view: "runs", run, operation: id }, { replace: true });
  const start = (created) => change("POST", `${at}/revert`, { created }).then(({ body }) => keep(body.id));
  const counts = shown.data?.counts;
  const can = counts && counts.fields + counts.created > 0;
  return html`<section class="card"><h2>${t("revert.title")}</h2>
    <${Loaded} of=${shown}>${counts && html`
      <ul class="tallies">${Object.entries(counts).filter(([, n]) => n > 0).map(([name, n]) => html`<li key=${name}>${t(`revert.count.${name}`, { n })}</li>`)}</ul>
      <p class="quiet">${t(can ? "revert.means" : "revert.nothing")}</p>
      ${can && html`<p><button aria-disabled=${String(!admin || Boolean(operation))} onClick=${() => admin && !operation && ask(true)}>${t("revert.ask")}</button>${!admin && html` <span class="quiet">${t("reader")}</span>`}</p>`}`}<//>
    ${operation && html`<${Following} id=${operation} says=${t("revert.goes_on")} ended=${shown.again} close=${() => keep("")}>${(data) => data && html`<${Report} of=${data} />`}<//>`}
    ${asking && html`<${Sure} shown=${shown.data} start=${start} close=${() => ask(false)} />`}</section>`;
}

function Sure({ shown, start, close }) {
  const [created, tick] = useState(false);
  const { counts, cannot } = shown;
  return html`<${Ask} title=${t("revert.sure")} word=${t("revert.do")} act=${() => start(created)} close=${close} ready=${counts.fields > 0 || created}>
    ${counts.fields > 0 && html`<p>${t("revert.count.fields", { n: counts.fields })} ${t("revert.touched.says")}</p>`}
    ${counts.created > 0 && html`<p><label class="check"><input type="checkbox" checked=${created} onChange=${(event) => tick(event.target.checked)} />
      <span>${t("revert.created", { n: counts.created })}</span></label></p>`}
    <p><strong>${t("revert.cannot")}</strong></p>
    <ul>${cannot.map((text) => html`<li key=${text}>${known(`revert.cannot.${text.split(" ")[0]}`, text)}</li>`)}</ul><//>`;
}

/** What was done so far, and what was left as it is, each with its reason: `reason:side:kind:id:field`. */
function Report({ of }) {
  const left = of.problems.slice(0, LISTED).map((line) => {
    const [why, side, kind, ...more] = line.split(":");
    return { why, side, kind, field: more.pop(), id: more.join(":"), line };
  });
  return html`<ul class="tallies">${Object.entries(of.counts).map(([name, n]) => html`<li key=${name}>${name.startsWith("left.") ? t("revert.left", { n, why: known(`revert.${name}`, name.slice(5)) }) : t(`revert.report.${name}`, { n })}</li>`)}</ul>
    ${left.length > 0 && html`<details><summary>${t("revert.list", { n: of.problems.length })}</summary><ul class="plain">${left.map((item) => html`<li key=${item.line}>
      ${item.side ? html`${known(`activity.side.${item.side}`, item.side)}: ${item.kind} <code>${item.id}</code> ${item.field && html`<code>${item.field}</code>`} – ${known(`revert.left.${item.why}`, item.why)}` : known(`problem.code.${item.why}`, item.why)}</li>`)}</ul></details>`}`;
}
