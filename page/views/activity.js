// What people and the schedule did to a connection: who, what, when; the newest first, under its day.
import { html } from "../html.js";
import { clock, day, known, t } from "../i18n.js";
import { Filters, More, useList } from "../lists.js";
import { AsOf, Loaded, Status, To } from "../parts.js";
import { place } from "../place.js";

const GROUPS = ["connection", "entity", "schedule", "run", "failure", "conflict", "request", "record", "plan", "configuration", "notifications", "person"];
const APP = "app"; // the log of the installation itself

export function Activity({ connection }) {
  const { action, of } = place.value;
  const list = useList(`connections/${of === APP ? APP : connection}/activity`, { action }, 100);
  const filters = [
    { name: "action", label: t("activity.what"), options: GROUPS.map((name) => [name, t(`activity.group.${name}`)]) },
    { name: "of", label: t("activity.of"), all: t("activity.of.connection"), options: [[APP, t("activity.of.app")]] },
  ];
  return html`<section class="card"><${Filters} view="activity" of=${filters} />
    <p class="quiet spaced">${t("activity.kept")} <${AsOf} of=${list} /></p>
    <${Loaded} of=${list} empty=${list.items.length || list.next ? null : html`<p class="quiet">${t("activity.none")}</p>`}>
      ${days(list.items).map(([name, items]) => html`<section key=${name}><h2 class="day">${name}</h2><ol class="timeline">${items.map((item) => html`<${Entry} key=${item.id} item=${item} />`)}</ol></section>`)}
      <${More} list=${list} /><//></section>`;
}

function days(items) {
  const found = new Map();
  for (const item of items) {
    const name = day(item.at);
    found.set(name, [...(found.get(name) ?? []), item]);
  }
  return [...found];
}

function Entry({ item }) {
  const { run, state, ...details } = item.details;
  const who = item.actor === "schedule" || item.actor === "dynasync" ? t(`activity.by.${item.actor}`) : item.actor;
  return html`<li><time dateTime=${item.at}>${clock(new Date(item.at))}</time>
    <div><p class="row"><strong>${words(item)}</strong> ${state && html`<${Status} set="run" code=${state} />`}
        ${run && html`<${To} to=${{ view: "runs", run }}>${t("goes.run")}<//>`}</p>
      <p class="quiet">${who}${Object.entries(details).map(([name, value]) => html`<span key=${name}> · ${detail(name, value)}</span>`)}</p></div></li>`;
}

/** An action in words; the switch says which way it was turned. */
function words({ action, details }) {
  if (action === "connection.edited" && details.switch) return t(`activity.switched.${details.switch === "on" ? "on" : "off"}`);
  return known(`activity.did.${action}`, action);
}

function detail(name, value) {
  if (name === "fields") return t("activity.fields", { names: value });
  if (name === "winner") return t("activity.winner", { winner: known(`activity.side.${value}`, value) });
  if (name === "reason") return known(`run.reason.${value}`, value);
  if (name.startsWith("written.")) return t(`activity.written.${name.slice(8)}`, { n: Number(value) });
  return `${known(`activity.detail.${name}`, name)}: ${value}`;
}
