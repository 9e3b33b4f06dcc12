// Adding the counterpart of a Dynamics row to an automation of the partner's, and how that request stands.
import { change, get } from "./api.js";
import { Ask } from "./asking.js";
import { html, useEffect, useState } from "./html.js";
import { moment, t } from "./i18n.js";
import { Loaded, Problem, say, Status, useLoaded } from "./parts.js";
import { Said } from "./records.js";

const SOON = 1500;
const LATER = 6000;
const ENDED = ["finished", "poison"];

/** Shown where the API says that records of this kind can be added. */
export function Enrol({ connection, found, context, admin }) {
  const [asks, ask] = useState(false);
  const [followed, follow] = useState({ id: "", round: 0 }); // asked again after its end, a request has the same id
  const { partnerKind } = context.entities.find(({ name }) => name === found.entity) ?? {};
  if (!found.crm || !context.enrols.includes(partnerKind)) return null;
  return html`<div class="row"><button aria-disabled=${String(!admin)} onClick=${() => admin && ask(true)}>${t("enrol.open")}</button></div>
    ${followed.id && html`<${Standing} key=${followed.round} connection=${connection} id=${followed.id} close=${() => follow({ ...followed, id: "" })} />`}
    ${asks && html`<${Choice} connection=${connection} found=${found} context=${context} close=${() => ask(false)} follow=${(id) => follow(({ round }) => ({ id, round: round + 1 }))} />`}`;
}

function Choice({ connection, found, context, close, follow }) {
  const loaded = useLoaded((signal) => get(`connections/${connection}/automations`, {}, signal).then(({ body }) => body.value), [connection]);
  const [chosen, choose] = useState("");
  const act = async () => {
    const { body } = await change("POST", `connections/${connection}/enrolments`, { entity: found.entity, automation: chosen, records: [found.crm.id] });
    follow(body.value[0].id);
    say(t("enrol.asked"));
  };
  const shown = (loaded.data ?? []).map(({ id, name, running }) => html`<option key=${id} value=${id} disabled=${!running} selected=${id === chosen}>${running ? name : t("enrol.off", { name })}</option>`);
  return html`<${Ask} title=${t("enrol.title")} word=${t("enrol.do")} act=${act} close=${close} ready=${chosen !== ""}>
    <p>${t("enrol.says", context)}</p>
    <${Loaded} of=${loaded} empty=${loaded.data?.length ? null : html`<p>${t("enrol.none", context)}</p>`}>
      <div class="field"><label for="enrol-which">${t("enrol.which")}</label>
        <select id="enrol-which" onChange=${(event) => choose(event.target.value)}><option value="" selected=${!chosen}>${t("enrol.choose")}</option>${shown}</select></div><//><//>`;
}

/** The request, asked again and again until it has ended. */
function Standing({ connection, id, close }) {
  const [state, set] = useState({ item: null, error: null });
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const ask = async () => {
      let wait = LATER;
      try {
        const { body } = await get(`connections/${connection}/requests/${id}`, {}, stop.signal);
        set({ item: body, error: null });
        if (ENDED.includes(body.status)) return;
        if (body.status === "queued") wait = SOON;
      } catch (error) {
        if (stop.signal.aborted) return;
        set((old) => ({ ...old, error }));
        if (error.status === 404 || error.status === 401) return;
      }
      timer = setTimeout(ask, wait);
    };
    ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [id]);
  const { item, error } = state;
  return html`<section class="note following" aria-label=${t("enrol.stands")} aria-live="polite">
    <div class="row"><${Status} set="requests.is" code=${item?.status ?? "queued"} />${item?.automation && html`<span class="quiet">${t("enrol.to", { id: item.automation })}</span>`}
      <button class="plain" onClick=${close}>${t("goes.hide")}</button></div>
    ${item?.code && html`<${Said} item=${item} />`}${item?.status === "held" && item.runsAt && html`<p class="quiet">${t("enrol.again", { time: moment(item.runsAt) })}</p>`}<${Problem} error=${error} /></section>`;
}
