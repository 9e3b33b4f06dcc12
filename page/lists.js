// Lists of any length: page follows page, only rows near the window are drawn, filters stand in the address.
import { after, get } from "./api.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { number, t } from "./i18n.js";
import { Problem, useLoaded } from "./parts.js";
import { go, place } from "./place.js";

const CHUNK = 100;
const MOST = 1000; // rows of a page that the API gives
const GUESS = 72; // pixels of a row that was never drawn
const AHEAD = "1200px 0px"; // what is drawn above and below the window

/** A list of the API, page by page: {items, next, further, ...} beside what `useLoaded` gives. Later pages are longer. */
export function useList(path, query, size = 100) {
  const page = (after, most, signal) => get(path, { ...query, after, maxpagesize: String(most) }, signal).then(({ body }) => body);
  const first = useLoaded((signal) => page("", size, signal), [path, query]);
  const [more, add] = useState({ of: null });
  const fresh = { of: first.data, items: [], next: first.data ? after(first.data) : "", error: null, busy: false };
  const mine = more.of && more.of === first.data ? more : fresh;
  const now = useRef(mine);
  now.current = mine;
  const put = (change) => now.current.of === mine.of && add({ ...now.current, ...change });
  const further = async () => {
    if (now.current.busy || !now.current.next) return;
    now.current = { ...mine, busy: true };
    put({ busy: true, error: null });
    try {
      const body = await page(mine.next, Math.min(size * 10, MOST));
      put({ items: [...mine.items, ...body.value], next: after(body), busy: false });
    } catch (error) {
      put({ error, busy: false });
    }
  };
  const items = [...(first.data?.value ?? []), ...mine.items];
  return { ...first, items, next: mine.next, further, moreError: mine.error, busy: mine.busy };
}

const waiting = new WeakMap();
const near = new IntersectionObserver((entries) => entries.forEach((entry) => waiting.get(entry.target)?.(entry)), { rootMargin: AHEAD });
function watch(element, told) {
  waiting.set(element, told);
  near.observe(element);
  return () => near.unobserve(element);
}

/** What goes on with a list: by itself once its end comes near, by a button for those who do not scroll. */
export function More({ list }) {
  const end = useRef(null);
  const latest = useRef(null);
  latest.current = () => list.moreError || list.further();
  useEffect(() => (list.next && end.current ? watch(end.current, (entry) => entry.isIntersecting && latest.current()) : undefined), [list.next]);
  return html`<${Problem} error=${list.moreError} again=${list.further} />
    ${list.next && html`<p ref=${end}><button aria-disabled=${String(list.busy)} onClick=${list.further}>${t(list.busy ? "loading" : "more")}</button></p>`}`;
}

/**
 * A table of any length. `columns`: {name, head, number?}; `draw(item)`: cells by column name; `key(item)`.
 * Below 760 px each row stands as a card with the column's name before each cell.
 */
export function Table({ caption, columns, items, draw, name, next, chosen }) {
  const chunks = [];
  for (let from = 0; from < items.length; from += CHUNK) chunks.push(from);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}>
    <table class="stack" role="table" aria-rowcount=${next ? -1 : items.length + 1}><caption>${caption}</caption>
      <thead role="rowgroup"><tr role="row" aria-rowindex="1">${columns.map((column) => html`<th role="columnheader" scope="col" key=${column.name} class=${column.number ? "number" : `c-${column.name}`}>${column.head}</th>`)}</tr></thead>
      ${chunks.map((from) => html`<${Chunk} key=${from} from=${from} rows=${items.slice(from, from + CHUNK)} columns=${columns} draw=${draw} name=${name} chosen=${chosen} />`)}
    </table></div>`;
}

/** Rows that are far from the window stand as one empty row of their height. */
function Chunk({ from, rows, columns, draw, name, chosen }) {
  const body = useRef(null);
  const high = useRef(rows.length * GUESS);
  const [drawn, set] = useState(from === 0);
  const state = useRef(drawn);
  state.current = drawn;
  useEffect(() => watch(body.current, ({ isIntersecting, boundingClientRect }) => {
    if (isIntersecting) return set(true);
    if (body.current?.contains(document.activeElement)) return undefined;
    if (state.current) high.current = boundingClientRect.height;
    return set(false);
  }), []);
  if (!drawn) return html`<tbody ref=${body} role="rowgroup"><tr role="row"><td role="cell" class="gap" colspan=${columns.length} style=${{ height: `${high.current}px` }}></td></tr></tbody>`;
  return html`<tbody ref=${body} role="rowgroup">${rows.map((item, i) => {
    const cells = draw(item);
    return html`<tr role="row" key=${name(item)} aria-rowindex=${from + i + 2} class=${chosen?.has(name(item)) ? "chosen" : undefined}>
      ${columns.map((column) => html`<td role="cell" key=${column.name} class=${column.number ? "number" : `c-${column.name}`} data-head=${column.bare ? undefined : column.label ?? column.head}>${cells[column.name]}</td>`)}</tr>`;
  })}</tbody>`;
}

/** Filters of a list, kept in the address. `of`: {name, label, options: [[value, words]], all?}; `also` is what stays in the address. */
export function Filters({ view, also, of, children }) {
  const now = place.value;
  const here = { view, ...also, ...Object.fromEntries(of.map(({ name }) => [name, now[name]])) };
  const set = (name) => (event) => go({ ...here, [name]: event.target.value }, { replace: true });
  const active = of.some(({ name }) => now[name]);
  return html`<div class="filters" role="group" aria-label=${t("lists.filters")}>
    ${of.map(({ name, label, options, all }) => html`<label key=${name}><span>${label}</span>
      <select onChange=${set(name)}><option value="" selected=${!now[name]}>${all ?? t("all")}</option>
        ${known(options, now[name]).map(([value, words]) => html`<option key=${value} value=${value} selected=${value === now[name]}>${words}</option>`)}</select></label>`)}
    ${active && html`<button onClick=${() => go({ view, ...also }, { replace: true })}>${t("lists.clear")}</button>`}${children}</div>`;
}

/** What is in the address is always among the options. */
const known = (options, value) => (!value || options.some(([one]) => one === value) ? options : [...options, [value, value]]);

/** Which rows are ticked: {ticked, tick(name, label), all, clear}; what is no longer in the list is no longer ticked. */
export function useTicks(items, name) {
  const [ticks, set] = useState(new Set());
  const ticked = items.map(name).filter((key) => ticks.has(key));
  const turn = (keys, on) => set((old) => {
    const fresh = new Set(old);
    for (const key of keys) on ? fresh.add(key) : fresh.delete(key);
    return fresh;
  });
  const tick = (of, label) => html`<label class="tick"><input type="checkbox" checked=${ticks.has(of)} onChange=${(event) => turn([of], event.target.checked)} aria-label=${label} /></label>`;
  const every = items.length > 0 && ticked.length === items.length;
  const all = html`<label class="tick"><input type="checkbox" checked=${every} indeterminate=${!every && ticked.length > 0}
    onChange=${(event) => turn(items.map(name), event.target.checked)} aria-label=${t("lists.tick_all", { n: items.length })} /></label>`;
  return { ticked, ticks, tick, all, clear: () => set(new Set()) };
}

/** How many there are, for people: "17", "more than 1,000". */
export const many = ({ count, more }) => (more ? t("lists.more_than", { n: count }) : number(count));
