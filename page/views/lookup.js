// One record on both sides: in sync, or the one reason why not, in plain words, and what comes next.
import { change } from "../api.js";
import { Following, operationOf } from "../asking.js";
import { Enrol } from "../enrol.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { known, moment, t } from "../i18n.js";
import { Icon, Problem, say, Status, To, family } from "../parts.js";
import { go, place } from "../place.js";
import { meaning, nextStep, Ref, useContext, Value } from "../records.js";

const SIDES = ["match", "crm", "partner"];

/** An address stays out of the page's own address, so that no log keeps it; ids may stand there. Dynamics' entry names a
 * row by its table (`kind`). */
export function LookUp({ connection, admin }) {
  const context = useContext(connection);
  const { side, record, kind } = place.value;
  const entity = place.value.entity ?? context.entities.find(({ on, crmKind }) => on && kind && crmKind === kind)?.name;
  const [typed, type] = useState({ entity: entity ?? "", by: side ?? "match", text: record ?? "" });
  const [state, set] = useState({ found: null, error: null, busy: false, at: null });
  const last = useRef(null);
  const ask = async (body) => {
    last.current = body; // of two that are asked one after the other, the later one's answer stands
    set((old) => ({ ...old, error: null, busy: true }));
    try {
      const { body: found } = await change("POST", `connections/${connection}/lookup`, body);
      if (last.current !== body) return;
      set({ found, error: null, busy: false, at: new Date() });
      say(found.inSync ? t("lookup.in_sync") : meaning(found.reason));
    } catch (error) {
      if (last.current === body) set({ found: null, error, busy: false, at: null });
    }
  };
  const again = () => ask(asked(typed, context));
  useEffect(() => {
    if (entity && side && record) {
      type({ entity, by: side, text: record });
      ask({ entity, side, record });
    }
  }, [entity, side, record]);
  const send = (event) => {
    event.preventDefault();
    const body = asked(typed, context);
    if (!typed.text.trim() || state.busy) return;
    const here = body.side ? { entity: body.entity, side: body.side, record: body.record } : {};
    const moved = body.side && (here.entity !== entity || here.side !== side || here.record !== record);
    if (body.side || record) go({ view: "lookup", ...here }, { replace: true });
    if (!moved) ask(body);
  };
  return html`<section class="card"><p class="quiet">${t("lookup.means")}</p>
      <${Question} typed=${typed} type=${type} context=${context} send=${send} busy=${state.busy} /></section>
    <${Problem} error=${state.error} again=${again} />
    ${state.found && html`<${Found} found=${state.found} context=${context} connection=${connection} admin=${admin} again=${again} />`}`;
}

/** What the form asks; the entity is the first that is switched on until another is chosen. */
function asked({ entity, by, text }, { entities }) {
  const name = entity || (entities.find(({ name: each, on }) => on && each === "contact") ?? entities.find(({ on }) => on))?.name || "contact";
  return by === "match" ? { entity: name, match: text.trim() } : { entity: name, side: by, record: text.trim() };
}

function Question({ typed, type, context, send, busy }) {
  const put = (name) => (event) => type({ ...typed, [name]: event.target.value });
  const now = asked(typed, context).entity;
  return html`<form class="filters lookup" role="search" onSubmit=${send}>
    <label><span>${t("entity")}</span><select onChange=${put("entity")}>${context.entities.filter(({ on }) => on).map(({ name }) => html`<option key=${name} value=${name} selected=${name === now}>${known(`kind.${name}`, name)}</option>`)}</select></label>
    <label><span>${t("lookup.by")}</span><select onChange=${put("by")}>${SIDES.map((by) => html`<option key=${by} value=${by} selected=${by === typed.by}>${t(`lookup.by.${by}`, { system: context[by] })}</option>`)}</select></label>
    <label class="wide"><span>${t(typed.by === "match" ? "lookup.value" : "lookup.id")}</span>
      <input type="text" value=${typed.text} onInput=${put("text")} autocomplete="off" spellcheck="false" required /></label>
    <button class="main" aria-disabled=${String(busy)}>${t(busy ? "ask.busy" : "lookup.go")}</button></form>`;
}

function Found({ found, context, connection, admin, again }) {
  return html`<${Verdict} found=${found} context=${context} connection=${connection} admin=${admin} again=${again} />
    <${Sides} found=${found} context=${context} />
    ${found.changes.length > 0 && html`<${Changes} found=${found} context=${context} />`}`;
}

const toneOf = (found) => (found.inSync ? "good" : { failed: "bad", conflicted: "warn", broken: "warn", waiting: "busy", skipped: "calm" }[family(found.reason.code)] ?? "calm");

function Verdict({ found, context, connection, admin, again }) {
  const tone = toneOf(found);
  const { reason } = found;
  return html`<section class=${`card verdict ${tone}`} aria-label=${t("lookup.verdict")}>
    <h2 class=${`status ${tone}`}><${Icon} tone=${tone} />${found.inSync ? t("lookup.in_sync") : meaning(reason)}</h2>
    ${found.inSync ? html`<p>${t("lookup.in_sync.says", context)}</p>` : html`
      ${found.last?.message && found.last.code === reason.code && html`<p class="said" lang="en">${found.last.message}${found.last.vendorCode && html` <code>${found.last.vendorCode}</code>`}${found.last.field && html` <code>${found.last.field}</code>`}</p>`}
      ${nextStep(reason) && html`<p>${t("lookup.do")} ${nextStep(reason)}</p>`}
      ${reason.place && html`<p>${t("lookup.place")} <code>${reason.place}</code></p>`}
      ${reason.missing?.length > 0 && html`<p>${t("lookup.missing")} ${reason.missing.map((tag) => html`<span class="tag" key=${tag}>${tag}</span>`)}</p>`}
      <p class="quiet"><code>${reason.code}</code></p>`}
    ${found.others > 0 && html`<p>${t("lookup.others", { n: found.others })}</p>`}
    <${Acts} found=${found} connection=${connection} admin=${admin} again=${again} />
    <${Enrol} found=${found} context=${context} connection=${connection} admin=${admin} />
    <dl class="facts">
      <div><dt>${t("lookup.next")}</dt><dd>${found.switch === "on" ? moment(found.nextRun) : t("lookup.off")}</dd></div>
      ${found.retryAt && html`<div><dt>${t("lookup.retry")}</dt><dd>${moment(found.retryAt)}</dd></div>`}
      <div><dt>${t("lookup.last")}</dt><dd>${found.last ? html`<${Status} set="outcome" code=${found.last.code} /> ${found.last.run && html`<${To} to=${{ view: "runs", run: found.last.run }}>${moment(found.last.at)}<//>`}` : t("lookup.last.none")}</dd></div>
      <div><dt>${t("lookup.link")}</dt><dd>${found.link ? t(`lookup.link.${found.link.state}`) : t("lookup.link.none")}${found.link?.state === "linked" ? ` · ${t(found.link.made ? "lookup.made" : "lookup.matched", { system: context[found.link.made] })}` : ""}</dd></div>
      ${found.tags && html`<div><dt>${t("lookup.tags")}</dt><dd>${found.tags.length ? found.tags.map((tag) => html`<span class="tag" key=${tag}>${tag}</span>`) : "–"}</dd></div>`}
    </dl></section>`;
}

/** What can be done at once: decide its conflict, try it again. */
function Acts({ found, connection, admin, again }) {
  const [told, tell] = useState(null);
  const [error, fail] = useState(null);
  const code = found.reason?.code ?? "";
  const retry = async () => {
    if (!admin) return;
    fail(null);
    try {
      const { body, where } = await change("POST", `connections/${connection}/failures/retry`, { links: [found.link.id] });
      tell({ id: operationOf(where), when: body.runsAt, says: t("errors.retry.done", { n: body.retried }) });
    } catch (problem) {
      fail(problem);
    }
  };
  if (!found.link) return null;
  return html`<div class="row">
    ${family(code) === "conflicted" && html`<${To} class="button main" to=${{ view: "conflicts", link: found.link.id }}>${t("errors.decide")}<//>`}
    ${family(code) === "failed" && html`<button class="main" aria-disabled=${String(!admin)} onClick=${retry}>${t("errors.retry")}</button>`}</div>
    ${told && html`<${Following} id=${told.id} says=${told.says} when=${told.when} ended=${again} close=${() => tell(null)} />`}<${Problem} error=${error} />`;
}

function Sides({ found, context }) {
  const caption = t("lookup.sides");
  const flow = { both: "⇄", to_partner: "→", to_crm: "←" };
  return html`<section class="card"><div class="scroll" tabindex="0" role="region" aria-label=${caption}><table class="stack" role="table"><caption>${caption}</caption>
    <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">${t("field")}</th>
      ${["crm", "partner"].map((side) => html`<th role="columnheader" scope="col" key=${side}>${context[side]}<br /><${Ref} of=${found[side]} url=${side === "crm" ? context.url : ""} /></th>`)}
      <th role="columnheader" scope="col">${t("lookup.rule")}</th></tr></thead>
    <tbody role="rowgroup">${found.fields.map((item) => html`<tr role="row" key=${item.id} class=${item.differs ? "differs" : undefined}>
      <td role="cell"><code>${item.id}</code>${item.differs && html`<br /><span class="status warn"><${Icon} tone="warn" />${t("lookup.differs")}</span>`}</td>
      ${["crm", "partner"].map((side) => html`<td role="cell" key=${side} data-head=${context[side]}>${found[side] ? html`<${Value} of=${item[side]} />` : html`<span class="quiet">${t("lookup.not_there")}</span>`}</td>`)}
      <td role="cell" data-head=${t("lookup.rule")}><span aria-hidden="true">${flow[item.direction] ?? ""}</span> <span class="out">${t(`lookup.flow.${item.direction}`, context)}</span> ${known(`policy.${item.policy}`, item.policy)}</td></tr>`)}</tbody>
  </table></div></section>`;
}

function Changes({ found, context }) {
  return html`<section class="card"><h2>${t("lookup.changes")}</h2><ul class="plain">${found.changes.map((item, i) => html`<li key=${i}>
    <strong>${t(`lookup.act.${item.act}`, { system: context[item.side] })}</strong>
    ${item.differences.length > 0 && html`<ul>${item.differences.map((each) => html`<li key=${each.column}><code>${each.field}</code>: ${each.known ? html`<${Value} of=${each.now} />` : html`<span class="quiet">${t("lookup.unknown")}</span>`} → <strong><${Value} of=${each.then} /></strong></li>`)}</ul>`}
    ${item.addLabels.map((tag) => html`<span class="tag" key=${tag}>+ ${tag}</span>`)}${item.removeLabels.map((tag) => html`<span class="tag" key=${tag}>− ${tag}</span>`)}</li>`)}</ul></section>`;
}
