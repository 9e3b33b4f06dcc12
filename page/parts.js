// Parts that every view uses: states of loading, status with icon and word, links, announcements.
import { told } from "./api.js";
import { html, signal, useEffect, useRef, useState } from "./html.js";
import { clock, known, language, spell, t } from "./i18n.js";
import { follow, href } from "./place.js";

export const said = signal("");
export function say(text) {
  said.value = "";
  requestAnimationFrame(() => (said.value = text));
}

/** What `load(signal)` gives: {data, error, loading, at, again}; `at` is when the data came. Loaded anew when a key changes, and every `every` ms. */
export function useLoaded(load, keys, every = 0) {
  const [state, set] = useState({ data: null, error: null, loading: true });
  const [round, next] = useState(0);
  const seen = useRef("");
  const name = JSON.stringify(keys);
  useEffect(() => {
    const stop = new AbortController();
    const other = seen.current !== name;
    seen.current = name;
    if (other) set({ data: null, error: null, loading: true });
    load(stop.signal).then(
      (data) => stop.signal.aborted || set({ data, error: null, loading: false, at: new Date() }),
      (error) => stop.signal.aborted || set((old) => ({ ...old, error: told(error), loading: false })),
    );
    return () => stop.abort();
  }, [name, round]);
  useEffect(() => {
    if (!every) return undefined;
    const timer = setInterval(() => document.hidden || next((n) => n + 1), every);
    return () => clearInterval(timer);
  }, [every]);
  return { ...state, again: () => next((n) => n + 1) };
}

/** What an action does and how it stands: {busy, error, act(work, words), clear()}. Words are announced when it succeeded. */
export function useAct() {
  const [state, set] = useState({ busy: false, error: null });
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const act = async (work, words) => {
    set({ busy: true, error: null });
    try {
      const found = await work();
      if (words) say(words);
      if (alive.current) set({ busy: false, error: null });
      return found;
    } catch (caught) {
      const error = told(caught);
      if (alive.current) set({ busy: false, error });
      return null;
    }
  };
  return { ...state, act, clear: () => set({ busy: false, error: null }) };
}

/** Fetches the words of codes once something shows them. */
export function useCodes(shown) {
  useEffect(() => {
    if (shown) spell();
  }, [shown]);
}

const ICONS = {
  good: "M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zm-1 9.300L4.200 8l1.100-1.100L7 8.600l3.700-3.700L11.800 6z",
  bad: "M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zm2.800 8.200-1.100 1.100L8 9.100l-1.700 1.700-1.100-1.100L6.900 8 5.200 6.300l1.100-1.100L8 6.900l1.700-1.700 1.100 1.100L9.100 8z",
  warn: "M8 1.500 15 14H1zm-.8 4.700v4h1.600v-4zm0 5v1.600h1.600v-1.600z",
  busy: "M8 2a6 6 0 0 1 5.700 4.200l-1.500.5A4.400 4.400 0 0 0 4.700 5.100L6.200 6.500H2v-4.200l1.500 1.600A6 6 0 0 1 8 2zm0 12a6 6 0 0 1-5.700-4.200l1.500-.5a4.400 4.400 0 0 0 7.500 1.600L9.800 9.500H14v4.200l-1.500-1.600A6 6 0 0 1 8 14z",
  calm: "M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13zM5.500 5h1.800v6H5.500zm3.200 0h1.800v6H8.700z",
};
const TONES = {
  waits: "good", on: "good", running: "busy", late: "warn", failing: "bad", resting: "warn", stopped: "bad", off: "calm", setup: "calm",
  succeeded: "good", partly_failed: "warn", failed: "bad",
  created: "good", updated: "good", relinked: "good", unchanged: "calm", enrolled: "good", deleted: "good", deactivated: "good",
  waiting: "busy", again: "busy", skipped: "calm", conflicted: "warn", broken: "warn",
  queued: "busy", held: "calm", finished: "good", poison: "bad",
  NotStarted: "busy", Running: "busy", Succeeded: "good", Failed: "bad",
};
/** Outcome codes have a family before the colon. */
export const family = (code) => code.split(":")[0];
export const Icon = ({ tone }) => html`<svg viewBox="0 0 16 16" aria-hidden="true"><path d=${ICONS[tone]} fill="currentColor" /></svg>`;
export function Status({ set, code }) {
  const tone = TONES[family(code)] ?? "calm";
  return html`<span class=${`status ${tone}`}><${Icon} tone=${tone} />${known(`${set}.${family(code)}`, code)}</span>`;
}

export const To = ({ to, children, ...more }) => html`<a href=${href(to)} onClick=${follow(to)} ...${more}>${children}</a>`;

/** What an error is called in the catalogue: kinds that the page knows by itself, else the code of the API. */
function named({ status, code }) {
  const kind = { "-2": "page", "-1": "release", 0: "offline", 401: "sign_in", 403: "no_right", 412: "changed" }[status];
  return kind && code !== "cross_site" ? `problem.${kind}` : `problem.code.${code}`;
}

/** What went wrong, in the reader's language where the code is known, the API's own words, and what to do next. */
export function Problem({ error, again }) {
  useCodes(error?.code);
  if (!error) return null;
  const name = named(error);
  const own = !name.startsWith("problem.code.");
  const headline = known(name, error.message || t("problem.other", { code: error.code }));
  const detail = own || error.message === headline ? "" : error.message;
  const next = own ? t(`${name}.next`) : (language.value === "en" && error.nextStep) || known(`${name}.next`, error.nextStep);
  return html`<div class="note bad" role="alert">
    <p><strong>${headline}</strong></p>
    ${detail && html`<p lang="en">${detail}</p>`}
    ${error.details.length > 0 && html`<ul lang="en">${error.details.map((item) => html`<li key=${`${item.target}${item.message}`}>${item.target && html`<code>${item.target}</code> `}${item.message}</li>`)}</ul>`}
    <p>${next}</p><${WayOut} name=${name} again=${again} />
  </div>`;
}

function WayOut({ name, again }) {
  const back = `/.auth/login/aad?post_login_redirect_uri=${encodeURIComponent(location.pathname + location.search)}`;
  if (name === "problem.sign_in") return html`<p><a class="button main" href=${back}>${t("sign_in")}</a></p>`;
  if (name === "problem.release") return html`<p><button onClick=${() => location.reload()}>${t("reload")}</button></p>`;
  return again && name !== "problem.no_right" ? html`<p><button onClick=${again}>${t("again")}</button></p>` : null;
}

/** When what is shown was loaded. */
export const AsOf = ({ of }) => (of.at ? html`<span class="quiet as-of">${t("as_of", { time: clock(of.at) })}</span>` : null);

/** A loaded thing in each of its states. What was shown stays while a later try fails, with the time it stood so. */
export function Loaded({ of, empty, children }) {
  if (of.data === null) {
    return of.error ? html`<${Problem} error=${of.error} again=${of.again} />` : html`<p class="quiet" role="status">${t("loading")}</p>`;
  }
  return html`${of.error && html`<${Problem} error=${of.error} again=${of.again} /><p class="quiet">${t("last_seen", { time: clock(of.at) })}</p>`}${empty ?? children}`;
}
