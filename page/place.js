// Where we are, kept in the address: whoever gets the address sees the same list with the same filters.
import { signal } from "./html.js";

const read = () => Object.fromEntries(new URLSearchParams(location.search));
export const place = signal(read());
addEventListener("popstate", () => (place.value = read()));

/** The address of a place; `connection` goes along. */
export function href(to) {
  const { connection } = place.value;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ connection, ...to })) if (value) query.set(name, value);
  return `?${query}`;
}

export function go(to, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", href(to));
  place.value = read();
  if (!replace) document.getElementById("title")?.focus();
}

/** What a link does: goes there without loading the page anew, unless another tab is wanted. */
export const follow = (to) => (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go(to);
};
