// The builder of criteria: nested groups of lines, each a column, an operator and what it takes.
import { words } from "./forms.js";
import { html } from "./html.js";
import { t } from "./i18n.js";

const JOINTS = ["all", "any", "none"];
const DEEPEST = 6;
const NUMBERS = ["integer", "decimal", "money"];
const BLANK = { column: "", op: "" };
const ZONES = ["UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? []).filter((zone) => zone !== "UTC")];

const jointOf = (node) => JOINTS.find((joint) => joint in node);

/** Whether every line says all it needs; the API judges the rest. */
export function complete(tree) {
  if (!tree) return false;
  const joint = jointOf(tree);
  if (joint) return tree[joint].length > 0 && tree[joint].every(complete);
  return Boolean(tree.column && tree.op) && !("value" in tree && (tree.value === null || tree.value === "" || (Array.isArray(tree.value) && (!tree.value.length || tree.value.includes("")))));
}

/** Criteria in one line of words. */
export function criteriaSaid(node) {
  const joint = jointOf(node);
  if (joint) return `${t(`criteria.${joint}`)}: ${node[joint].map((item) => (jointOf(item) ? `(${criteriaSaid(item)})` : criteriaSaid(item))).join("; ")}`;
  return [node.column, words("op", node.op), Array.isArray(node.value) ? node.value.join(", ") : node.value].filter((part) => part !== undefined && part !== null).join(" ");
}

export function Criteria({ value, put, fields, operators, locked, mistakes }) {
  const tree = value ?? { all: [BLANK] };
  const { zone = "UTC", week_starts: week = "sunday" } = tree;
  const readable = fields.filter((field) => field.readable).toSorted((one, other) => one.label.localeCompare(other.label));
  const joint = jointOf(tree);
  const about = { fields: readable, operators, locked, mistakes };
  const timed = JSON.stringify(tree).includes("_x_") || operators.some(({ name, takes }) => (takes === "days" || takes === "none") && name !== "empty" && name !== "not_empty" && JSON.stringify(tree).includes(`"op":"${name}"`));
  return html`<section aria-label=${t("data.criteria")}><h3>${t("data.criteria")}</h3>
    <${Group} node=${{ [joint]: tree[joint] }} put=${(node) => put({ ...rest(tree), ...node })} depth=${1} place="criteria" about=${about} />
    ${timed && html`<div class="fields"><div class="field"><label for="criteria-zone">${t("criteria.zone")}</label><select id="criteria-zone" onChange=${(event) => put({ ...tree, zone: event.target.value })}>${ZONES.map((name) => html`<option key=${name} value=${name} selected=${name === zone}>${name}</option>`)}</select></div>
      <div class="field"><label for="criteria-week">${t("criteria.week")}</label><select id="criteria-week" onChange=${(event) => put({ ...tree, week_starts: event.target.value })}>${["sunday", "monday"].map((day) => html`<option key=${day} value=${day} selected=${day === week}>${t(`criteria.${day}`)}</option>`)}</select></div></div>`}
  </section>`;
}

const rest = ({ zone, week_starts: week }) => ({ ...(zone && { zone }), ...(week && { week_starts: week }) });

function Group({ node, put, remove, depth, place, about }) {
  const joint = jointOf(node);
  const items = node[joint];
  const set = (i, item) => put({ [joint]: items.map((old, at) => (at === i ? item : old)) });
  const drop = (i) => put({ [joint]: items.filter((_, at) => at !== i) });
  const add = (item) => put({ [joint]: [...items, item] });
  const wrong = about.mistakes.filter(({ target }) => target === place || target === `${place}.${joint}`);
  const id = `joint-${place.replace(/\W+/g, "-")}`;
  return html`<div class="group" role="group" aria-label=${t("criteria.group", { depth })}>
    <div class="row"><label for=${id}>${t("criteria.rows")}</label><select id=${id} onChange=${(event) => put({ [event.target.value]: items })}>${JOINTS.map((name) => html`<option key=${name} value=${name} selected=${name === joint}>${t(`criteria.${name}`)}</option>`)}</select>
      ${remove && html`<button type="button" class="plain" onClick=${remove}>${t("criteria.group.remove")}</button>`}</div>
    ${items.map((item, i) => {
      const at = `${place}.${joint}[${i}]`;
      const mine = { key: `${i}`, put: (next) => set(i, next), place: at, about };
      return jointOf(item) ? html`<${Group} ...${mine} node=${item} depth=${depth + 1} remove=${() => drop(i)} />` : html`<${Line} ...${mine} line=${item} remove=${items.length > 1 || depth > 1 ? () => drop(i) : null} />`;
    })}
    ${wrong.map(({ message }) => html`<small class="wrong" key=${message} lang="en">${message}</small>`)}
    <div class="row"><button type="button" onClick=${() => add(BLANK)}>${t("criteria.line.add")}</button>${depth < DEEPEST && html`<button type="button" onClick=${() => add({ all: [BLANK] })}>${t("criteria.group.add")}</button>`}</div></div>`;
}

function Line({ line, put, remove, place, about }) {
  const id = place.replace(/\W+/g, "-");
  const field = about.fields.find(({ name }) => name === line.column);
  const known = about.operators.filter(({ types }) => field && types.includes(field.type)).toSorted((one, other) => ORDER(one) - ORDER(other) || one.name.localeCompare(other.name));
  const operator = about.operators.find(({ name }) => name === line.op);
  const wrong = about.mistakes.filter(({ target }) => target === place || target.startsWith(`${place}.`));
  const to = (column) => {
    const next = about.fields.find(({ name }) => name === column);
    put(next && next.type === field?.type && !next.options.length ? { ...line, column } : { column, op: "" });
  };
  const by = (op) => put(begun(line.column, about.operators.find(({ name }) => name === op)));
  return html`<div class="line" role="group" aria-label=${t("criteria.line")}>
    <div class="field"><label for=${`${id}-c`}>${t("criteria.column")}</label><select id=${`${id}-c`} aria-invalid=${wrong.length ? "true" : undefined} onChange=${(event) => to(event.target.value)}><option value="" selected=${!line.column}>${t("forms.choose")}</option>
      ${line.column && !field && html`<option value=${line.column} selected>${t("criteria.gone", { column: line.column })}</option>`}${about.fields.map(({ name, label }) => html`<option key=${name} value=${name} selected=${name === line.column}>${label} (${name})</option>`)}</select></div>
    <div class="field"><label for=${`${id}-o`}>${t("criteria.operator")}</label><select id=${`${id}-o`} onChange=${(event) => by(event.target.value)}><option value="" selected=${!line.op}>${t("forms.choose")}</option>${known.map(({ name }) => html`<option key=${name} value=${name} selected=${name === line.op}>${words("op", name)}</option>`)}</select></div>
    <div class="field">${field && operator && operator.takes !== "none" && html`<${Value} id=${`${id}-v`} field=${field} takes=${operator.takes} value=${line.value} put=${(value) => put({ column: line.column, op: line.op, value })} />`}
      ${wrong.map(({ message }) => html`<small class="wrong" key=${message} role="alert" lang="en">${message}</small>`)}</div>
    ${remove ? html`<button type="button" class="plain" onClick=${remove} aria-label=${`${t("forms.remove")}: ${field?.label ?? t("criteria.line")}`}>${t("forms.remove")}</button>` : html`<span></span>`}</div>`;
}

const USUAL = ["eq", "ne", "contains", "starts_with", "in", "on", "before", "after", "contains_any", "not_empty", "empty"];
const ORDER = ({ name }) => (USUAL.includes(name) ? USUAL.indexOf(name) : USUAL.length);

/** A line whose operator was just chosen, without a value yet where it takes one. */
function begun(column, operator) {
  if (!operator || operator.takes === "none") return { column, op: operator?.name ?? "" };
  return { column, op: operator.name, value: operator.takes === "two" ? ["", ""] : operator.takes === "many" ? [] : operator.takes === "count" ? 7 : "" };
}

function Value({ id, field, takes, value, put }) {
  const label = t("criteria.value");
  if (takes === "count") return html`<label for=${id}>${t("criteria.count")}</label><input id=${id} type="number" min="1" value=${value} onInput=${(event) => put(event.target.value === "" ? "" : event.target.valueAsNumber)} />`;
  if (takes === "two") return html`<label for=${id}>${t("criteria.from_to")}</label><div class="row">${[0, 1].map((i) => html`<${One} key=${i} id=${i ? `${id}-to` : id} name=${i ? t("criteria.to") : undefined} field=${field} value=${value?.[i]} put=${(found) => put([0, 1].map((at) => (at === i ? found : (value?.[at] ?? ""))))} />`)}</div>`;
  if (takes === "many" && field.options.length) {
    const chosen = (value ?? []).map(String);
    return html`<span id=${id}>${t("criteria.values")}</span><div role="group" aria-labelledby=${id}>${field.options.map((option) => html`<label class="check" key=${option.value}><input type="checkbox" checked=${chosen.includes(option.value)} onChange=${() => put(chosen.includes(option.value) ? chosen.filter((item) => item !== option.value) : [...chosen, option.value])} /><span>${option.label}</span></label>`)}</div>`;
  }
  if (takes === "many") return html`<label for=${id}>${t("criteria.lines")}</label><textarea id=${id} value=${(value ?? []).join("\n")} onChange=${(event) => put(event.target.value.split("\n").map((text) => text.trim()).filter(Boolean).map((text) => read(field, text)))}></textarea>`;
  return html`<label for=${id}>${label}</label><${One} id=${id} field=${takes === "days" ? { ...field, type: "date" } : field} value=${value} put=${put} />`;
}

/** What was typed as the column holds it; what does not fit stays a text, and the API says so at its line. */
function read(field, text) {
  if (!NUMBERS.includes(field.type) || text === "") return text;
  return Number.isFinite(Number(text)) ? Number(text) : text;
}

const local = (text) => (text ? new Date(new Date(text).getTime() - new Date(text).getTimezoneOffset() * 60000).toISOString().slice(0, 16) : "");

function One({ id, name, field, value, put }) {
  const select = (pairs, take) => html`<select id=${id} aria-label=${name} onChange=${(event) => put(take(event.target.value))}><option value="" selected=${value === "" || value === undefined}>${t("forms.choose")}</option>${pairs.map(([key, label]) => html`<option key=${key} value=${key} selected=${String(value) === key}>${label}</option>`)}</select>`;
  if (field.type === "boolean") return select([["true", t("yes")], ["false", t("no")]], (text) => (text === "" ? "" : text === "true"));
  if (field.type === "choice" && field.options.length) return select(field.options.map((option) => [option.value, option.label]), (text) => text);
  const kind = NUMBERS.includes(field.type) ? "number" : field.type === "date" ? "date" : field.type === "datetime" ? "datetime-local" : "text";
  const shown = kind === "datetime-local" ? local(value) : (value ?? "");
  const take = (text) => (kind === "datetime-local" && text ? new Date(text).toISOString().replace(/\.\d+/, "") : read(field, text));
  return html`<input id=${id} aria-label=${name} type=${kind} step=${kind === "number" && field.type !== "integer" ? "any" : undefined} value=${shown} onInput=${(event) => put(take(event.target.value))} />`;
}
