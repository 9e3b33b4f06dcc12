// Requests for one record, as webhooks and flow steps send them: what waits, and what could not be done after five tries.
import { change } from "../api.js";
import { Ask } from "../asking.js";
import { html, useState } from "../html.js";
import { known, moment, t } from "../i18n.js";
import { Filters, More, Table, useList, useTicks } from "../lists.js";
import { AsOf, Loaded, say, Status } from "../parts.js";
import { place } from "../place.js";
import { Ref, Said, useContext, Why } from "../records.js";

const STATES = ["queued", "held", "waiting", "finished"];
const idOf = ({ id }) => id;

export function Requests({ connection, admin }) {
  const state = place.value.state || "poison";
  const at = `connections/${connection}/requests`;
  const list = useList(at, { state }, 50);
  const context = useContext(connection);
  const ticks = useTicks(list.items, idOf);
  const [asked, ask] = useState("");
  const n = ticks.ticked.length;
  const poison = state === "poison";
  const act = async () => {
    await change("POST", `${at}/${asked}`, { ids: ticks.ticked });
    say(t(`requests.${asked}.done`, { n }));
    ticks.clear();
    list.again();
  };
  const filters = [{ name: "state", label: t("errors.shown"), all: t("requests.state.poison"), options: STATES.map((name) => [name, t(`requests.state.${name}`)]) }];
  return html`<section class="card"><p class="quiet">${t("requests.means")} <${AsOf} of=${list} /></p>
      <${Filters} view="requests" of=${filters} />
      ${poison && list.items.length > 0 && html`<div class="bulk" role="group" aria-label=${t("errors.bulk")}>
        ${["requeue", "purge"].map((kind) => html`<button key=${kind} aria-disabled=${String(!admin || !n)} onClick=${() => admin && n && ask(kind)}>${t(`requests.${kind}`, { n })}</button>`)}
        ${!admin && html`<span class="quiet">${t("reader")}</span>`}</div>`}
      <${Loaded} of=${list} empty=${list.items.length || list.next ? null : html`<div class="none"><${Status} set="errors.none" code="succeeded" /><p class="quiet">${t(`requests.none.${poison ? "poison" : "other"}`)}</p></div>`}>
        <${Rows} list=${list} ticks=${poison ? ticks : null} context=${context} /><${More} list=${list} /><//>
      <p class="quiet spaced">${t("requests.kept")}</p></section>
    ${asked && html`<${Ask} title=${t(`requests.${asked}.sure`, { n })} word=${t(`requests.${asked}.do`)} act=${act} close=${() => ask("")}><p>${t(`requests.${asked}.says`)}</p><//>`}`;
}

function Rows({ list, ticks, context }) {
  const columns = [
    ...(ticks ? [{ name: "tick", head: ticks.all, bare: true }] : []),
    { name: "state", head: t("status"), bare: true }, { name: "record", head: t("record") },
    { name: "since", head: t("requests.received") }, { name: "changed", head: t("requests.changed") }, { name: "acts", head: t("errors.acts"), bare: true },
  ];
  const draw = (item) => ({
    tick: ticks?.tick(item.id, t("lists.tick", { name: item.record.id })),
    state: html`<div class="problem"><${Status} set="requests.is" code=${item.status} />
      ${item.code && html`<${Said} item=${item} />`}
      ${item.tries > 0 && html`<p class="quiet">${t("requests.tries", { n: item.tries })}</p>`}</div>`,
    record: html`${known(`kind.${item.entity}`, item.entity)}<br /><${Ref} of=${item.record} url=${item.side === "crm" ? context.url : ""} />${item.automation && html`<br /><span class="quiet">${t("enrol.to", { id: item.automation })}</span>`}`,
    since: moment(item.receivedAt),
    changed: html`${moment(item.changedAt)}${item.runsAt && html`<br /><span class="quiet">${t("goes.when", { time: moment(item.runsAt) })}</span>`}`,
    acts: html`<${Why} entity=${item.entity} ...${{ [item.side]: item.record }} label=${t("records.why.of", { name: item.record.id })} />`,
  });
  return html`<${Table} caption=${t("requests.list")} columns=${columns} items=${list.items} draw=${draw} name=${idOf} next=${list.next} chosen=${ticks?.ticks} />`;
}
