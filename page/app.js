// The shell: who is asking, which connection, which view, in which language and light.
import { ApiError, get } from "./api.js";
import { html, render, signal, useEffect, useState } from "./html.js";
import { choose, language, LANGUAGES, speak, t } from "./i18n.js";
import { Loaded, said, say, To, useLoaded } from "./parts.js";
import { go, place } from "./place.js";

/** Every view in the order of the navigation; its module is fetched when it is first opened. */
const VIEWS = {
  overview: async () => (await import("./views/overview.js")).Overview,
  connections: async () => (await import("./views/connections.js")).Connections,
  data: async () => (await import("./views/data.js")).Data,
  mapping: async () => (await import("./views/mapping.js")).Mapping,
  settings: async () => (await import("./views/settings.js")).Settings,
  runs: async () => (await import("./views/runs.js")).Runs,
  errors: async () => (await import("./views/errors.js")).Errors,
  conflicts: async () => (await import("./views/conflicts.js")).Conflicts,
  requests: async () => (await import("./views/requests.js")).Requests,
  lookup: async () => (await import("./views/lookup.js")).LookUp,
  activity: async () => (await import("./views/activity.js")).Activity,
};
const THEMES = ["auto", "light", "dark"];
const KEY = "dynasync.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const kept = localStorage.getItem(KEY);
const theme = signal(THEMES.includes(kept) ? kept : "auto");

function paint() {
  const shown = theme.value === "auto" ? (dark.matches ? "dark" : "light") : theme.value;
  document.documentElement.dataset.theme = shown;
}
dark.addEventListener("change", paint);

function wear(event) {
  theme.value = event.target.value;
  localStorage.setItem(KEY, theme.value);
  paint();
}

async function talk({ target }) {
  try {
    await choose(target.value);
  } catch {
    target.value = language.value;
    say(t("problem.offline"));
  }
}

async function begin(signal) {
  const [me, connections] = await Promise.all([get("me", {}, signal), get("connections", {}, signal)]);
  return { roles: me.body.roles, connections: connections.body.value };
}

/** The connections as they are known here: one that was just made or forgotten shows before the list is loaded anew. */
function listed(found, { added, gone }) {
  const kept = found.filter(({ id }) => id !== gone);
  return added && !kept.some(({ id }) => id === added.id) ? [...kept, added] : kept;
}

function App() {
  const loaded = useLoaded(begin, []);
  const [moved, move] = useState({});
  const connections = listed(loaded.data?.connections ?? [], moved);
  const reload = (change = {}) => {
    move(change);
    loaded.again();
  };
  const view = place.value.view in VIEWS ? place.value.view : "overview";
  const connection = connections.find(({ id }) => id === place.value.connection) ?? connections[0];
  const shown = language.value;
  useEffect(() => {
    document.title = [t(`view.${view}`), connection?.name, "dynasync"].filter(Boolean).join(" · ");
  }, [view, connection?.name, shown]);
  useEffect(() => {
    const here = document.querySelector("nav [aria-current]");
    if (here) here.closest("ul").scrollLeft = here.offsetLeft - 16; // on phones the sections stand in one row
  }, [view, shown]);
  return html`<a class="skip" href="#title">${t("skip")}</a>
    <${Top} connections=${connections} connection=${connection} view=${view} />
    <div class="frame">
      <nav aria-label=${t("navigation")}><ul>${Object.keys(VIEWS).map((name) => html`<li key=${name}>
        <${To} to=${{ view: name }} aria-current=${name === view ? "page" : undefined}>${t(`view.${name}`)}<//></li>`)}</ul></nav>
      <main><div class="head"><h1 id="title" tabindex="-1">${t(`view.${view}`)}</h1></div>
        <${Loaded} of=${loaded} empty=${connection || view === "connections" ? null : html`<div class="card"><h2>${t("connections.none")}</h2><p class="quiet">${t("connections.none.next")}</p><p><${To} class="button main" to=${{ view: "connections" }}>${t("connections.new")}<//></p></div>`}>
          ${loaded.data && html`<${Opened} key=${`${view} ${connection?.id}`} view=${view} connection=${connection?.id} connections=${connections} reload=${reload} admin=${loaded.data.roles.includes("admin")} />`}<//></main>
    </div><div class="out" role="status" aria-live="polite">${said.value}</div>`;
}

/** A view whose module is fetched first; of a release that is gone, the page says to load itself anew. */
function Opened({ view, ...more }) {
  const loaded = useLoaded(() => VIEWS[view]().then((View) => ({ View }), () => Promise.reject(new ApiError(-1))), [view]);
  return html`<${Loaded} of=${loaded}>${loaded.data && html`<${loaded.data.View} ...${more} />`}<//>`;
}

function Top({ connections, connection, view }) {
  const other = (event) => go({ view, connection: event.target.value });
  return html`<header class="top"><span class="brand"><img src=${new URL("./icon.svg", import.meta.url)} alt="" />dynasync</span>
    ${connections.length > 0 && html`<label>${t("connection")} <select onChange=${other}>${connections.map(({ id, name }) => html`<option key=${id} value=${id} selected=${id === connection.id}>${name}</option>`)}</select></label>`}
    <label>${t("language")} <select onChange=${talk}>${Object.entries(LANGUAGES).map(([code, name]) => html`<option key=${code} value=${code} lang=${code} selected=${code === language.value}>${name}</option>`)}</select></label>
    <label>${t("theme")} <select onChange=${wear}>${THEMES.map((name) => html`<option key=${name} value=${name} selected=${name === theme.value}>${t(`theme.${name}`)}</option>`)}</select></label></header>`;
}

const wanted = place.value.view in VIEWS ? place.value.view : "overview";
VIEWS[wanted]().catch(() => {}); // begins early; what goes wrong shows when the view is opened
paint();
const root = document.getElementById("app");
await speak().then(() => render(html`<${App} />`, root), () => {
  root.textContent = "dynasync could not load its words. Check your network, then load the page again."; // without them nothing can be translated
});
