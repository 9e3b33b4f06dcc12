// A record and what is said of it: its name in either system, and the words of an outcome.
import { get } from "./api.js";
import { declarations, systemOf, titleOf } from "./declared.js";
import { html } from "./html.js";
import { known, number, spell, t } from "./i18n.js";
import { To, useLoaded } from "./parts.js";

spell();

async function load(connection, signal) {
  const [declared, config, entities] = await Promise.all([declarations(), get(`connections/${connection}`, {}, signal), get(`connections/${connection}/entities`, {}, signal)]);
  return { partner: titleOf(declared, config.body.system), enrols: systemOf(declared, config.body)?.enrols ?? [], config: config.body, entities: entities.body.value };
}

/** What the lists need to know of a connection: the systems' names, where Dynamics is, entities with their fields. */
export function useContext(connection) {
  const { data } = useLoaded((signal) => load(connection, signal), [connection]);
  return {
    crm: "Dynamics 365",
    partner: data?.partner ?? t("partner"),
    url: data?.config.crm?.url ?? "",
    switch: data?.config.switch ?? "",
    enrols: data?.enrols ?? [],
    entities: (data?.entities ?? []).map(({ name, on, map }) => ({ name, on, crmKind: map.crm_kind, partnerKind: map.partner_kind, fields: (map.fields ?? []).map(({ id }) => id) })),
  };
}

/** The entities and fields that a filter can name. */
export const entityOptions = ({ entities }) => entities.map(({ name }) => [name, known(`kind.${name}`, name)]);
export function fieldOptions({ entities }, entity) {
  const fields = entities.filter(({ name }) => !entity || name === entity).flatMap((each) => each.fields);
  return [...new Set(fields)].sort().map((field) => [field, field]);
}

/** A row's page in Dynamics; null where the address of the environment is none. */
function rowPage(url, { kind, id }) {
  if (!url.startsWith("https://")) return null;
  const page = new URL("/main.aspx", url);
  page.search = new URLSearchParams({ pagetype: "entityrecord", etn: kind, id });
  return page.href;
}

/** A record by kind and id; that of Dynamics opens there, in a tab of its own. */
export function Ref({ of, url = "" }) {
  if (!of?.id) return html`<span class="quiet">–</span>`;
  const there = url && rowPage(url, of);
  const shown = html`<span class="kind">${of.kind}</span> <code>${of.id}</code>`;
  return there ? html`<a href=${there} target="_blank" rel="noopener noreferrer" title=${t("records.open")}>${shown}</a>` : html`<span>${shown}</span>`;
}

export const Why = ({ entity, crm, partner, label }) => {
  const [side, record] = crm?.id ? ["crm", crm.id] : ["partner", partner?.id];
  return record ? html`<${To} to=${{ view: "lookup", entity, side, record }} aria-label=${label}>${t("records.why")}<//>` : null;
};

/** A code's meaning and next step in the reader's language; those of the answer where the catalogue has none. */
export const meaning = ({ code, outcome, meaning: said }) => known(`code.${code ?? outcome}`, said);
/** What a person does about it; empty when nothing. */
export function nextStep({ code, outcome, nextStep: said }) {
  const step = known(`code.${code ?? outcome}.next`, said);
  return step === known("code.created.next", "Nothing.") ? "" : step;
}

/** A value as people read it; an empty one says so. */
export function Value({ of }) {
  if (of === null || of === "" || (Array.isArray(of) && !of.length)) return html`<span class="quiet">${t("value.empty")}</span>`;
  if (typeof of === "boolean") return t(of ? "value.yes" : "value.no");
  if (typeof of === "number") return number(of);
  return Array.isArray(of) ? of.join(", ") : String(of);
}

/** An outcome's words or a problem's, and the app's own where they say more. */
export function Said({ item }) {
  const name = [`code.${item.code}`, `problem.code.${item.code}`].find((key) => known(key)) ?? "";
  const headline = known(name, item.message);
  return html`<p lang=${name ? undefined : "en"}>${headline}</p>${headline !== item.message && item.meaning !== item.message && html`<p class="said" lang="en">${item.message}</p>`}
    <p class="quiet">${known(`${name}.next`, item.nextStep)}</p>`;
}
