// Words and formats. The catalogue goes by the base language, formats by the whole locale.
import { signal } from "./html.js";

export const LANGUAGES = { en: "English", es: "Español", it: "Italiano" };
const KEY = "dynasync.language";
const words = signal({});
export const language = signal("en");
let locale = "en";
let aim = "en"; // the language that was chosen last; its words may be on their way
const asked = new Map(); // parts of the words, each with the promise that it is there
const fetched = new Map();

function chosen() {
  const kept = localStorage.getItem(KEY);
  if (kept in LANGUAGES) return kept;
  const found = navigator.languages.map((tag) => tag.split("-")[0]).find((base) => base in LANGUAGES);
  return found ?? "en";
}

async function load(name) {
  const answer = await fetch(new URL(`./i18n/${name}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`catalogue ${name}: ${answer.status}`);
  return answer.json();
}

/** A catalogue, fetched once; one that could not be fetched is asked for again. */
function catalogue(part, base) {
  const name = part ? `${part}/${base}` : base;
  if (!fetched.has(name)) fetched.set(name, load(name).catch((error) => {
    fetched.delete(name);
    throw error;
  }));
  return fetched.get(name);
}

/** All words of a language: the first ones, and each part that was asked for, also while these are on their way. */
async function everything(base) {
  const found = new Map();
  const missing = () => ["", ...asked.keys()].filter((part) => !found.has(part));
  while (missing().length) await Promise.all(missing().map(async (part) => found.set(part, await catalogue(part, base))));
  return Object.assign({}, ...found.values());
}

/** Goes over to a language; of two that are chosen quickly the later one stands, in whatever order their words come. */
export async function speak(wanted = chosen()) {
  const base = wanted in LANGUAGES ? wanted : "en";
  aim = base;
  let found;
  try {
    found = await everything(base);
  } catch (error) {
    if (aim !== base) return;
    aim = language.value;
    throw error;
  }
  if (aim !== base) return;
  words.value = found;
  locale = navigator.languages.find((tag) => tag.split("-")[0] === base) ?? base;
  document.documentElement.lang = base;
  language.value = base;
}

async function bring(part) {
  let base, found;
  do {
    base = aim; // another language may be chosen while these words come
    found = await catalogue(part, base);
  } while (base !== aim);
  words.value = { ...found, ...words.value };
}

/** Fetches words that a first look does not need: of `codes`, of `setup`, of `fields`. Until they are there the API's own stand. */
export function spell(part = "codes") {
  if (!asked.has(part)) asked.set(part, bring(part).catch(() => asked.delete(part)));
  return asked.get(part);
}

/** Throws when the words cannot be fetched; those that stand stay. */
export async function choose(base) {
  await speak(base);
  if (language.value === base) localStorage.setItem(KEY, base);
}

/** The words of a key; `{name}` is filled in. A number `n` chooses between `key.one` and `key.other`. */
export function t(key, values = {}) {
  let text = words.value[key];
  if (text === undefined && "n" in values) {
    const form = new Intl.PluralRules(language.value).select(values.n) === "one" ? "one" : "other";
    text = words.value[`${key}.${form}`];
  }
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : String(value ?? "");
  });
}

/** The words of a key, or `otherwise` where the catalogue has none (a code of a newer release). */
export const known = (key, otherwise) => words.value[key] ?? otherwise;

export const number = (value) => new Intl.NumberFormat(locale).format(value);

export const moment = (text) =>
  text ? new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text)) : "–";

export const day = (text) => new Intl.DateTimeFormat(locale, { dateStyle: "full" }).format(new Date(text));
export const date = (moment) => new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(moment);
export const clock = (date) => new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(date);

export function duration(from, to) {
  if (!from || !to) return "–";
  const seconds = Math.max(0, Math.round((new Date(to) - new Date(from)) / 1000));
  const unit = (value, name) =>
    new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "short" }).format(value);
  if (seconds < 60) return unit(seconds, "second");
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? unit(minutes, "minute") : `${unit(Math.floor(minutes / 60), "hour")} ${unit(minutes % 60, "minute")}`;
}
