// One pair of fields in the making: what fits together, which way, whose value stays, values and transforms.
import { Field, words } from "./forms.js";
import { html } from "./html.js";
import { t } from "./i18n.js";

const WAYS = ["both", "to_partner", "to_crm"];
const MAKES = { date_format: "text", label: "text", day: "date" };
const kindOf = (transform) => (typeof transform === "string" ? transform : transform.kind);

export const fieldWords = (spec) => words("type", spec.type) + (spec.maxLength ? `, ${t("mapping.longest", { n: spec.maxLength })}` : "") + (spec.required ? `, ${t("mapping.required")}` : "");

/** A field map in one line, for two states side by side. */
export function spoken(field, sides, title) {
  const label = (side) => sides[side].find(({ name }) => name === field[side])?.label ?? field[side];
  const more = [field.required && t("mapping.required"), field.policy && words("policy", typeof field.policy === "string" ? field.policy : field.policy.rule), field.values && t("mapping.values", { n: Object.keys(field.values).length }), ...(field.transforms ?? []).map((item) => words("transform", kindOf(item)))];
  return [`${label("crm")} – ${label("partner")}`, t(`direction.${field.direction ?? "both"}`, { system: title }), ...more.filter(Boolean)].join(", ");
}

/** Which ways a pair may flow: what its types allow, and what the connection may read and write on each side. */
function ways(crm, partner, declared, bridged) {
  const pair = declared.pairs.find((item) => item.crm === crm.type && item.partner === partner.type);
  const typed = bridged || !pair ? WAYS : pair.directions;
  const writes = (spec) => spec.creatable || spec.updatable;
  const there = crm.readable && writes(partner);
  const back = partner.readable && writes(crm);
  return typed.filter((way) => (way === "both" ? there && back : way === "to_partner" ? there : back));
}

/** "fits" by type, "values" where a value map joins the two, "" where nothing does. */
function fit(crm, partner, declared, transforms) {
  const made = transforms.map(kindOf).map((kind) => MAKES[kind]).filter(Boolean).at(-1) ?? crm.type;
  if (declared.pairs.some((item) => item.crm === made && item.partner === partner.type)) return "fits";
  return declared.mappable.includes(crm.type) && declared.mappable.includes(partner.type) ? "values" : "";
}

export function Editor({ field, put, about, fixed }) {
  const { sides, title, declared, locked } = about;
  const crm = sides.crm.find(({ name }) => name === field.crm);
  const partner = sides.partner.find(({ name }) => name === field.partner);
  const transforms = field.transforms ?? [];
  const set = (name, value) => {
    const next = { ...field, [name]: value };
    if (value === undefined || value === "" || (Array.isArray(value) && !value.length)) delete next[name];
    if (name === "crm" || name === "partner") next[name] = value;
    put(next);
  };
  const sub = { values: { ...field, direction: field.direction ?? "both", policy: rule(field.policy), first: field.first ?? "" }, errors: {}, put: set };
  const byLabel = (list) => list.toSorted((one, other) => one.label.localeCompare(other.label));
  const option = (spec) => [spec.name, `${spec.label} (${spec.name}) · ${words("type", spec.type)}`];
  const fitting = crm ? byLabel(sides.partner.filter((spec) => fit(crm, spec, declared, transforms))) : byLabel(sides.partner);
  const partners = [["", t("forms.choose")], ...(field.partner && !fitting.some(({ name }) => name === field.partner) ? [[field.partner, field.partner]] : []), ...fitting.map(option)];
  const open = crm && partner ? ways(crm, partner, declared, Boolean(field.values || transforms.length)) : WAYS;
  const joined = crm && partner ? fit(crm, partner, declared, transforms) : "";
  const shut = WAYS.filter((way) => !open.includes(way));
  return html`<div class="editor"><div class="fields">
      <${Field} form=${sub} name="crm" type="select" label="Dynamics 365" disabled=${fixed || locked} help=${fixed ? t("mapping.fixed.says") : undefined} options=${[["", t("forms.choose")], ...(field.crm && !crm ? [[field.crm, field.crm]] : []), ...byLabel(sides.crm).map(option)]} />
      <${Field} form=${sub} name="partner" type="select" label=${title} disabled=${fixed || locked} help=${crm && !fixed ? t("mapping.fitting", { n: fitting.length }) : undefined} options=${partners} />
      <${Field} form=${sub} name="direction" type="select" label=${t("data.direction")} help=${shut.length ? t("mapping.ways", { n: shut.length }) : undefined} options=${WAYS.filter((way) => open.includes(way) || way === sub.values.direction).map((way) => [way, t(`direction.${way}`, { system: title })])} />
      <${Field} form=${sub} name="policy" type="select" label=${t("mapping.policy")} help=${field.policy ? t(`policy.${rule(field.policy)}.says`) : undefined} options=${[["", t("mapping.as_entity")], ...declared.policies.map((name) => [name, words("policy", name)])]} />
      <${Field} form=${sub} name="first" type="select" label=${t("mapping.first")} options=${[["", t("mapping.as_entity")], ["crm", "Dynamics 365"], ["partner", title]]} />
      <${Field} form=${sub} name="required" type="check" label=${t("mapping.required")} help=${t("mapping.required.help")} /></div>
    ${rule(field.policy) === "restrictive" && html`<${Strict} field=${field} set=${set} />`}
    ${joined === "values" && !field.values && html`<p class="status warn">${t("mapping.needs_values")}</p>`}
    ${crm && partner && (joined === "values" || field.values || (crm.options.length > 0 && declared.mappable.includes(partner.type))) && html`<${Values} field=${field} set=${set} crm=${crm} partner=${partner} title=${title} locked=${locked} />`}
    <${Transforms} list=${transforms} set=${(list) => set("transforms", list)} declared=${declared} columns=${sides} locked=${locked} title=${title} /></div>`;
}

const rule = (policy) => (policy === undefined ? "" : typeof policy === "string" ? policy : policy.rule);

function Strict({ field, set }) {
  const listed = typeof field.policy === "object" ? (field.policy.strict ?? ["true"]) : ["true"];
  return html`<div class="field"><label for="strict">${t("mapping.strict")}</label><input id="strict" type="text" value=${listed.join(", ")} onChange=${(event) => set("policy", { ...(typeof field.policy === "object" && field.policy), rule: "restrictive", strict: event.target.value.split(",").map((text) => text.trim()).filter(Boolean) })} /><small class="quiet">${t("mapping.strict.help")}</small></div>`;
}

/** Each value of Dynamics, and the one the other side holds for it. */
function Values({ field, set, crm, partner, title, locked }) {
  const pairs = Object.entries(field.values ?? {});
  const write = (list) => set("values", list.length ? Object.fromEntries(list) : undefined);
  const alike = () => {
    const plain = (text) => text.trim().toLowerCase();
    const made = crm.options.map((one) => [one.value, partner.options.find((other) => plain(other.label) === plain(one.label))?.value ?? (partner.options.length ? null : one.label)]).filter(([, value]) => value !== null);
    write([...made.filter(([key]) => !(key in (field.values ?? {}))), ...pairs]);
  };
  const unused = crm.options.find(({ value }) => !(value in (field.values ?? {})));
  const add = () => write([...pairs, [unused?.value ?? "", partner.options[0]?.value ?? ""]]);
  const cell = (spec, value, label, put) => (spec.options.length
    ? html`<select aria-label=${label} onChange=${(event) => put(event.target.value)}>${!spec.options.some((item) => item.value === value) && html`<option value=${value} selected>${value || t("forms.choose")}</option>`}${spec.options.map((item) => html`<option key=${item.value} value=${item.value} selected=${item.value === value}>${item.label} (${item.value})</option>`)}</select>`
    : html`<input type="text" aria-label=${label} value=${value} onChange=${(event) => put(event.target.value)} />`);
  return html`<section><h3>${t("mapping.value_map")}</h3><p class="quiet">${t("mapping.value_map.says")}</p>
    ${pairs.length > 0 && html`<div class="scroll" role="region" tabindex="0" aria-label=${t("mapping.value_map")}><table><thead><tr><th scope="col">Dynamics 365</th><th scope="col">${title}</th><th scope="col"><span class="out">${t("mapping.actions")}</span></th></tr></thead><tbody>${pairs.map(([key, value], i) => html`<tr key=${i}>
      <td>${cell(crm, key, `Dynamics 365, ${i + 1}`, (found) => write(pairs.map((pair, at) => (at === i ? [found, value] : pair))))}</td><td>${cell(partner, value, `${title}, ${i + 1}`, (found) => write(pairs.map((pair, at) => (at === i ? [key, found] : pair))))}</td>
      <td>${!locked && html`<button type="button" class="plain" aria-label=${`${t("forms.remove")}: ${key}`} onClick=${() => write(pairs.filter((_, at) => at !== i))}>${t("forms.remove")}</button>`}</td></tr>`)}</tbody></table></div>`}
    ${!locked && html`<div class="row"><button type="button" onClick=${add}>${t("mapping.value_add")}</button>${crm.options.length > 0 && html`<button type="button" onClick=${alike}>${t("mapping.value_alike")}</button>`}</div>`}</section>`;
}

/** Declared transforms in their order towards the partner; on the way back they are undone in reverse. */
function Transforms({ list, set, declared, columns, locked, title }) {
  const kinds = declared.transforms;
  const of = (item) => kinds.find(({ kind }) => kind === kindOf(item)) ?? { kind: kindOf(item), options: [], oneWay: false };
  const put = (i, name, value) => set(list.map((item, at) => (at === i ? { ...(typeof item === "string" ? { kind: item } : item), [name]: value } : item)));
  const add = (event) => {
    const found = kinds.find(({ kind }) => kind === event.target.value);
    event.target.value = "";
    if (found) set([...list, found.options.length ? { kind: found.kind, ...Object.fromEntries(found.options.map((name) => [name, USUAL[name] ?? ""])) } : found.kind]);
  };
  return html`<section><h3>${t("mapping.transforms")}</h3><p class="quiet">${t("mapping.transforms.says", { system: title })}</p>
    ${list.length > 0 && html`<ol class="transforms">${list.map((item, i) => html`<li key=${i}><div class="row"><strong>${words("transform", kindOf(item))}</strong>${of(item).oneWay && html`<span class="badge warn">${t("mapping.one_way")}</span>`}
      ${of(item).options.map((name) => html`<label class="row" key=${name}>${words("transform.option", name)} ${option(name, item[name], (value) => put(i, name, value), item, columns)}</label>`)}
      ${!locked && html`<button type="button" class="plain" aria-label=${`${t("forms.remove")}: ${words("transform", kindOf(item))}`} onClick=${() => set(list.filter((_, at) => at !== i))}>${t("forms.remove")}</button>`}</div></li>`)}</ol>`}
    ${!locked && html`<div class="row"><label for="transform-add">${t("mapping.transform_add")}</label><select id="transform-add" onChange=${add}><option value="" selected>${t("forms.choose")}</option>${kinds.map(({ kind }) => html`<option key=${kind} value=${kind}>${words("transform", kind)}</option>`)}</select></div>`}</section>`;
}

const USUAL = { side: "crm", separator: ", ", format: "%d/%m/%Y", zone: "UTC" };

function option(name, value, put, item, columns) {
  if (name === "side") return html`<select onChange=${(event) => put(event.target.value)}>${["crm", "partner"].map((side) => html`<option key=${side} value=${side} selected=${side === value}>${t(`side.${side}`)}</option>`)}</select>`;
  if (name === "column") return html`<select onChange=${(event) => put(event.target.value)}><option value="" selected=${!value}>${t("forms.choose")}</option>${columns[item.side === "partner" ? "partner" : "crm"].map((spec) => html`<option key=${spec.name} value=${spec.name} selected=${spec.name === value}>${spec.label}</option>`)}</select>`;
  return html`<span class="narrow"><input type="text" value=${value ?? ""} onInput=${(event) => put(event.target.value)} /></span>`;
}
