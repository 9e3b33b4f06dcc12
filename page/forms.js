// Forms: native controls with labels, mistakes at their place, and nothing that was typed gets lost.
import { told } from "./api.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { known, number, t } from "./i18n.js";
import { Problem, say } from "./parts.js";

/** The code of a mistake that the page itself found; its words are the reader's language. */
export const OWN = "found_here";
const DRAFTS = "dynasync.draft.";
export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function drafted(key) {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFTS + key));
  } catch {
    return null;
  }
}

/** What was typed outlives a sign-in, a reload and a look at another view, for as long as the tab lives; never a secret. */
function keep(key, { base, values, etag }, secrets) {
  const open = Object.fromEntries(Object.entries(values).filter(([name]) => !secrets.includes(name)));
  if (same(open, Object.fromEntries(Object.entries(base).filter(([name]) => !secrets.includes(name))))) sessionStorage.removeItem(DRAFTS + key);
  else sessionStorage.setItem(DRAFTS + key, JSON.stringify({ base, values: open, etag }));
}

const standing = (base, etag) => ({ base, values: base, etag, errors: {}, own: false, problem: null, theirs: null, busy: false, restored: false });

function begun({ name, body, etag, read, secrets = [] }) {
  const base = read(body);
  const draft = drafted(name);
  if (!draft || same(draft.values, base)) return standing(base, etag);
  const kept = Object.fromEntries(Object.entries(draft.values).filter(([field]) => field in base && !secrets.includes(field)));
  // a draft of an older state is saved under that state's ETag: what others saved since is shown beside it, not overwritten
  return { ...standing(draft.base ?? base, draft.etag), values: { ...base, ...draft.base, ...kept }, restored: true };
}

/** A mistake that stands beside its field need not name it again. */
function plain({ target, message }) {
  const text = message.startsWith(`${target} `) || message.startsWith(`${target}: `) ? message.slice(target.length).replace(/^:? /, "") : message;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Mistakes by field. `place` says which field an API's target belongs to; what belongs to none stays with the problem. */
function sorted(error, place, values) {
  const found = error.details.length ? error.details : error.target ? [{ target: error.target, message: `${error.message}. ${error.nextStep}` }] : [];
  const errors = {};
  for (const item of found) {
    const name = place(item.target);
    if (name in values) errors[name] = [errors[name], plain(item)].filter(Boolean).join(" ");
  }
  return errors;
}

/**
 * A form over one thing of the API. `body` and `etag`: as it was read. `read(body)`: its values, a flat object.
 * `send(values, base, etag)`: saves, and answers {body, etag}. After a 412 `clash` holds both states.
 */
export function useForm(spec) {
  const { name, body, etag, read, send, secrets = [], place = (target) => target, locked = false, done } = spec;
  const [state, set] = useState(() => begun(spec));
  const frame = useRef(null);
  const dirty = !same(state.values, state.base);
  const change = (more) => set((old) => ({ ...old, ...more }));
  useEffect(() => {
    const stands = read(body);
    // what others saved is taken over while nothing is typed; what is typed goes on where this form's part did not change
    set((old) => (same(old.values, old.base) ? standing(stands, etag) : same(stands, old.base) ? { ...old, etag } : old));
  }, [etag, name]);
  useEffect(() => keep(name, state, secrets), [state.values, state.base]);
  useEffect(() => {
    const first = frame.current?.querySelector('[aria-invalid="true"]') ?? frame.current?.querySelector(".clash");
    if (state.problem || state.theirs) first?.focus();
  }, [state.problem, state.theirs]);
  const put = (field, value) =>
    set((old) => ({ ...old, values: { ...old.values, [field]: value }, errors: { ...old.errors, [field]: undefined }, problem: Object.values(old.errors).some(Boolean) ? null : old.problem }));
  async function save(values = state.values, base = state.base, tag = state.etag) {
    if (state.busy || locked) return;
    change({ values, busy: true, problem: null, errors: {}, theirs: null });
    try {
      const answer = await send(values, base, tag);
      sessionStorage.removeItem(DRAFTS + name);
      set(standing(read(answer.body), answer.etag));
      say(t("forms.saved"));
      done?.(answer);
    } catch (caught) {
      const error = told(caught);
      if (error.status === 412 && error.current) change({ busy: false, theirs: { values: read(error.current), etag: error.etag } });
      else change({ busy: false, problem: error, errors: sorted(error, place, values), own: error.code === OWN });
    }
  }
  const drop = () => {
    sessionStorage.removeItem(DRAFTS + name);
    set(standing(read(body), etag));
  };
  /** After a clash: goes on from their state, with these values. */
  const settle = (values) => save(values, state.theirs.values, state.theirs.etag);
  const yieldTo = () => {
    sessionStorage.removeItem(DRAFTS + name);
    set(standing(state.theirs.values, state.theirs.etag));
    done?.(null);
  };
  return { ...state, dirty, locked, put, save, drop, settle, yieldTo, frame };
}

/** The form itself: its fields, what went wrong, the clash with another's change, and the bar that saves. */
export function Form({ form, label, words = {}, shows = {}, save = t("forms.save"), children }) {
  const send = (event) => {
    event.preventDefault();
    form.save();
  };
  return html`<form class="form" ref=${form.frame} onSubmit=${send} noValidate aria-label=${label}>
    ${form.restored && form.dirty && html`<div class="note" role="status"><p>${t("forms.restored")}</p></div>`}
    <fieldset class="bare" disabled=${form.locked || form.busy}>${children}</fieldset>
    ${form.theirs ? html`<${Clash} form=${form} words=${words} shows=${shows} />` : html`<${Wrong} form=${form} />
      <div class=${form.dirty ? "savebar dirty" : "savebar"}>
        <span>${form.locked ? t("reader") : form.busy ? t("forms.saving") : form.dirty ? t("forms.unsaved") : ""}</span>
        ${form.dirty && !form.busy && html`<button type="button" onClick=${form.drop}>${t("forms.drop")}</button>`}
        <button class="main" aria-disabled=${String(form.locked || form.busy || !form.dirty)}>${save}</button></div>`}
  </form>`;
}

function Wrong({ form }) {
  const { problem, errors } = form;
  if (!problem) return null;
  const placed = Object.values(errors).filter(Boolean).length;
  return html`${placed > 0 && html`<p class="status bad" role="alert">${t("forms.mistakes", { n: placed })}</p>`}
    ${(placed === 0 || problem.status === 0 || problem.status === 401) && html`<${Problem} error=${problem} again=${() => form.save()} />`}`;
}

/** Mine and theirs side by side: a choice for every field on which the two differ. */
function Clash({ form, words, shows }) {
  const differing = [...new Set([...Object.keys(form.values), ...Object.keys(form.theirs.values)])].filter((name) => !same(form.values[name], form.theirs.values[name]));
  const mine = (name) => !same(form.values[name], form.base[name]);
  const [picked, pick] = useState(() => Object.fromEntries(differing.map((name) => [name, mine(name) ? "mine" : "theirs"])));
  const shown = (name, value) => shows[name]?.(value) ?? said(value);
  const join = () => {
    const values = { ...form.theirs.values };
    for (const name of differing) if (picked[name] === "mine") values[name] = form.values[name];
    form.settle(values);
  };
  return html`<section class="note warn clash" role="alertdialog" aria-label=${t("problem.changed")} tabindex="-1">
    <p><strong>${t("problem.changed")}</strong></p><p>${t(differing.length ? "forms.clash" : "forms.clash.none")}</p>
    ${differing.length > 0 && html`<div class="scroll" role="region" tabindex="0" aria-label=${t("forms.both")}><table><thead><tr><th scope="col">${t("forms.field")}</th><th scope="col">${t("forms.mine")}</th><th scope="col">${t("forms.theirs")}</th></tr></thead>
      <tbody>${differing.map((name) => html`<tr key=${name}><th scope="row">${words[name] ?? name}</th>
        ${["mine", "theirs"].map((whose) => html`<td key=${whose}><label class="pick"><input type="radio" name=${`clash-${name}`} checked=${picked[name] === whose} onChange=${() => pick({ ...picked, [name]: whose })} />
          <span><span class="out">${`${words[name] ?? name}, ${t(`forms.${whose}`)}: `}</span>${shown(name, (whose === "mine" ? form.values : form.theirs.values)[name])}</span></label></td>`)}</tr>`)}</tbody></table></div>`}
    <p class="row"><button type="button" class="main" onClick=${join}>${t("forms.join")}</button><button type="button" onClick=${form.yieldTo}>${t("forms.yield")}</button></p>
  </section>`;
}

/** A value in words, where a field has no better ones. */
export function said(value) {
  if (value === null || value === undefined || value === "") return t("forms.empty");
  if (value === true || value === false) return t(value ? "yes" : "no");
  if (typeof value === "number") return number(value);
  return typeof value === "string" ? value : html`<code>${JSON.stringify(value)}</code>`;
}

const idOf = (name) => `f-${name.replace(/[^\w]+/g, "-")}`;

/** The API speaks English; what the page found by itself is in the reader's language. */
const spoken = (form, name) => (form.own || form.missing?.includes(name) ? undefined : "en");

/** One labelled control. `type`: text, password, number, time, area, select, check. `options`: pairs of value and words. */
export function Field({ form, name, label, help, type = "text", options, ...more }) {
  const id = idOf(name);
  const wrong = form.errors[name];
  const value = form.values[name];
  const common = {
    id, name, "aria-describedby": [help && `${id}-help`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined,
    "aria-invalid": wrong ? "true" : undefined, ...more,
  };
  const put = (found) => form.put(name, found);
  const notes = html`${help && html`<small class="quiet" id=${`${id}-help`}>${help}</small>`}${wrong && html`<small class="wrong" id=${`${id}-wrong`} lang=${spoken(form, name)}>${wrong}</small>`}`;
  if (type === "check") {
    return html`<div class="field"><label class="check"><input type="checkbox" ...${common} checked=${value === true} onChange=${(event) => put(event.target.checked)} /><span>${label}</span></label>${notes}</div>`;
  }
  return html`<div class="field"><label for=${id}>${label}${more.required && html`<span class="quiet" aria-hidden="true"> *</span>`}</label>${control(type, common, value, put, options)}${notes}</div>`;
}

function control(type, common, value, put, options) {
  if (type === "select") {
    return html`<select ...${common} onChange=${(event) => put(event.target.value)}>${options.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === String(value)}>${words}</option>`)}</select>`;
  }
  if (type === "area") return html`<textarea ...${common} value=${value ?? ""} onInput=${(event) => put(event.target.value)}></textarea>`;
  const typed = (event) => put(type !== "number" ? event.target.value : event.target.value === "" ? null : event.target.valueAsNumber);
  return html`<input type=${type} autocomplete="off" spellcheck=${false} ...${common} value=${value ?? ""} onInput=${typed} />`;
}

/** A choice of few, each with its meaning. `options`: [value, words, meaning]. */
export function Choice({ form, name, label, options }) {
  const id = idOf(name);
  const wrong = form.errors[name];
  return html`<fieldset class="choice" aria-describedby=${wrong ? `${id}-wrong` : undefined}><legend>${label}</legend>
    <div class="options">${options.map(([value, words, meaning]) => html`<label class="option" key=${value}><input type="radio" name=${id} value=${value} checked=${form.values[name] === value} aria-invalid=${wrong ? "true" : undefined} onChange=${() => form.put(name, value)} />
      <span><strong>${words}</strong>${meaning && html`<small class="quiet">${meaning}</small>`}</span></label>`)}</div>
    ${wrong && html`<small class="wrong" id=${`${id}-wrong`} lang=${spoken(form, name)}>${wrong}</small>`}</fieldset>`;
}

/** A question that names what will happen before it does. `typed`: what has to be typed to go on. */
export function Confirm({ label, children, typed = "", typedLabel, go, goes, cancel, busy, danger = true }) {
  const [text, type] = useState("");
  const box = useRef(null);
  useEffect(() => box.current?.focus(), []);
  const open = !busy && (!typed || text === typed);
  return html`<section class=${danger ? "note bad confirm" : "note confirm"} role="group" aria-label=${label} tabindex="-1" ref=${box}>
    <p><strong>${label}</strong></p>${children}
    ${typed && html`<div class="field"><label for="f-typed">${typedLabel}</label><input id="f-typed" type="text" autocomplete="off" spellcheck=${false} value=${text} onInput=${(event) => type(event.target.value)} /></div>`}
    <p class="row"><button type="button" class=${danger ? "danger" : "main"} aria-disabled=${String(!open)} onClick=${open ? () => go(text) : undefined}>${goes}</button><button type="button" onClick=${cancel}>${t("forms.cancel")}</button></p></section>`;
}

/** The words of a name that the API lists: the catalogue's, else the name as people read it. */
export const words = (set, name, otherwise) => known(`${set}.${name}`, otherwise ?? name.replaceAll("_", " "));
