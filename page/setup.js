// What the set-up views share: what can be set at all, the steps of the set-up, forms of one side's settings.
import { declarations } from "./declared.js";
import { Field, words } from "./forms.js";
import { html } from "./html.js";
import { known, language, spell, t } from "./i18n.js";
import { Icon, To, useLoaded } from "./parts.js";

/** `load(signal)` together with the declarations: {data: {declared, ...}}; and with the catalogues that `parts` names. */
export const useDeclared = (parts, load, keys, every) =>
  useLoaded(async (signal) => {
    const [declared, more] = await Promise.all([declarations(), load ? load(signal) : {}, ...parts.map(spell)]);
    return { declared, ...more };
  }, keys, every);

export const STEPS = ["connections", "data", "mapping", "settings"];

/** Where somebody stands who sets a connection up; shown until it is switched on for the first time. */
export function SetupSteps({ at, config }) {
  if (config && config.switch !== "setup") return null;
  const here = STEPS.indexOf(at);
  return html`<nav class="card" aria-label=${t("setup.steps")}><ol class="steps">${STEPS.map((view, i) => html`<li key=${view} class=${i < here ? "done" : ""} aria-current=${i === here ? "step" : undefined}>
    ${config && i !== here ? html`<${To} to=${{ view }}>${t(`setup.${view}`)}<//>` : html`<span>${t(`setup.${view}`)}</span>`}</li>`)}</ol></nav>`;
}

export const Next = ({ to, children }) => html`<p><${To} to=${to} class="button main">${children}<//></p>`;

// -- the settings of one side -------------------------------------------------------------------------------------

/** The values of a side's form by `side.name`; secrets begin empty, since they are never shown. */
export function sideValues(side, specs, stored = {}) {
  return Object.fromEntries(specs.map(({ name, secret, default: usual, type }) => [`${side}.${name}`, secret ? "" : (stored[name] ?? usual ?? (type === "list" ? [] : ""))]));
}

/** What of a side is sent: what differs from `base`, and the secrets that were typed. */
export function sideBody(side, specs, values, base) {
  const body = {};
  for (const { name, secret } of specs) {
    const value = values[`${side}.${name}`];
    if (secret && value) (body.secrets ??= {})[name] = value;
    else if (!secret && JSON.stringify(value) !== JSON.stringify(base[`${side}.${name}`])) body[name] = typeof value === "string" ? value.trim() : value;
  }
  return body;
}

export const secretsOf = (side, specs) => specs.filter(({ secret }) => secret).map(({ name }) => `${side}.${name}`);
/** The field of a form that a target of the API means: `crm.secrets.secret` is the field `crm.secret`. */
export const placed = (target) => target.replace(".secrets.", ".");

export const labelOf = (system, spec) => words(`setting.${system}`, spec.name);
function helpOf(system, spec) {
  const key = `setting.${system}.${spec.name}`;
  const translated = language.value !== "en" && known(key, "") !== "";
  return known(`${key}.help`, spec.secret || translated ? "" : spec.help); // the declaration's own words are English
}

/** One setting as its declaration says. `stored`: the names of the secrets that are kept. */
export function Setting({ form, side, system, spec, stored = [] }) {
  const name = `${side}.${spec.name}`;
  const common = { form, name, label: labelOf(system, spec), help: helpOf(system, spec) };
  if (spec.secret) {
    const kept = stored.includes(spec.name);
    return html`<${Field} ...${common} type="password" autocomplete="new-password" help=${t(kept ? "setting.kept" : "setting.secret")} placeholder=${kept ? "••••••••" : ""} required=${spec.required && !kept} />`;
  }
  if (spec.type === "flag") return html`<${Field} ...${common} type="check" />`;
  if (spec.type === "number") return html`<${Field} ...${common} type="number" min="0" />`;
  if (spec.type === "list") return html`<${Several} ...${common} choices=${spec.choices} />`;
  if (spec.type === "choice") return html`<${Field} ...${common} type="select" options=${spec.choices.map((value) => [value, words(`setting.${system}.${spec.name}`, value)])} />`;
  const day = spec.name.endsWith("_ends");
  return html`<${Field} ...${common} type=${day ? "date" : "text"} required=${spec.required} />`;
}

function Several({ form, name, label, help, choices }) {
  const value = form.values[name] ?? [];
  const turn = (choice) => form.put(name, choices.filter((item) => (item === choice ? !value.includes(item) : value.includes(item))));
  return html`<fieldset class="choice"><legend>${label}</legend>${help && html`<small class="quiet">${help}</small>`}
    <div class="row">${choices.map((choice) => html`<label class="check" key=${choice}><input type="checkbox" name=${name} checked=${value.includes(choice)} onChange=${() => turn(choice)} /><span>${choice}</span></label>`)}</div>
    ${form.errors[name] && html`<small class="wrong">${form.errors[name]}</small>`}</fieldset>`;
}

const FIRST = ["url", "credential", "tenant", "client_id", "secret", "secret_ends", "key", "client_secret"];
const UNKEYED = ["tenant", "secret", "secret_ends"];
/** What an application needs that signs in with a secret or a certificate. */
export const KEYED = ["tenant", "client_id", "secret"];

/** A side's settings: those everybody needs, and below them the others. `without`: names that are shown elsewhere. */
export function SideFields({ form, side, system, specs, stored, without = [] }) {
  const keyless = form.values[`${side}.credential`] === "managed_identity";
  const shown = specs.filter(({ name }) => !without.includes(name) && !(keyless && UNKEYED.includes(name)));
  const first = shown.filter(({ name, required }) => required || FIRST.includes(name));
  const others = shown.filter((spec) => !first.includes(spec));
  const wrong = others.some(({ name }) => form.errors[`${side}.${name}`]);
  const each = (list) => html`<div class="fields">${list.map((spec) => html`<${Setting} key=${spec.name} form=${form} side=${side} system=${system} spec=${spec} stored=${stored} />`)}</div>`;
  return html`${each(first)}${others.length > 0 && html`<details class="more" open=${wrong || undefined}><summary>${t("setting.more")}</summary>${each(others)}</details>`}`;
}

const TONE = { passed: "good", failed: "bad", skipped: "calm" };
/** `table:account` is the step `table`, of the table account. */
const stepWords = (name) => [words("check.step", name.split(":")[0]), ...name.split(":").slice(1)].join(": ");
const Mark = ({ state }) => html`<span class=${`status ${TONE[state]}`}><${Icon} tone=${TONE[state]} />${t(`check.${state}`)}</span>`;

/** The steps of a check: what failed with its reason and what to do next, then all of them in their order. `fix(step)` gives a way to where it is mended. */
export function Checks({ steps, fix, title }) {
  const of = (state) => steps.filter((step) => step.state === state).length;
  const each = (list) => html`<ul class="checks">${list.map((step) => html`<li key=${step.side + step.name}><${Mark} state=${step.state} />
    <div><p><strong>${step.side && `${step.side === "crm" ? "Dynamics 365" : title}: `}${stepWords(step.name)}</strong></p>
      ${step.reason && html`<p lang="en" class=${step.state === "failed" ? "" : "quiet"}>${step.reason}</p>`}${step.state === "failed" && html`${step.nextStep && html`<p lang="en">${step.nextStep}</p>`}${fix(step)}`}</div></li>`)}</ul>`;
  return html`${each(steps.filter(({ state }) => state === "failed"))}
    <details class="more"><summary>${t("check.all", { n: steps.length })} <span class="quiet">${t("check.tally", { passed: of("passed"), skipped: of("skipped") })}</span></summary>${each(steps)}</details>`;
}
