// The REST API as the signed-in person. Nothing that was typed is ever thrown away here: a refused call only tells why.
const VERSION = "2026-11-22";
const BASE = new URL("../../signed-in/", import.meta.url);

export class ApiError extends Error {
  /** `status` 0: the app could not be reached. `current`, `etag`: how the thing stands now, after a 412. */
  constructor(status, problem = {}, current = null, etag = "") {
    super(problem.message ?? "");
    Object.assign(this, { status, code: problem.code ?? "unreachable", nextStep: problem.nextStep ?? "", current, etag });
    Object.assign(this, { target: problem.target ?? "", details: problem.details ?? [], facts: problem });
  }
}

/** An answer of the API as it is; a fault of the page itself is reported to the console and told as one (`status` -2). */
export function told(error) {
  if (error instanceof ApiError) return error;
  reportError(error);
  return new ApiError(-2);
}

export function address(path, query = {}) {
  const url = new URL(path, BASE);
  if (!url.href.startsWith(BASE.href)) throw new TypeError("not an address of the API");
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  url.searchParams.set("api-version", VERSION);
  return url;
}

async function call(method, url, { body, etag, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Dynasync-Request"] = "1";
  if (etag) headers["If-Match"] = etag;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(url, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0);
  }
  const text = await answer.text();
  let found = null;
  try {
    found = text ? JSON.parse(text) : null;
  } catch {
    throw new ApiError(answer.status);
  }
  if (!answer.ok) throw new ApiError(answer.status, found?.error, found?.current, answer.headers.get("ETag") ?? "");
  return { body: found, etag: answer.headers.get("ETag") ?? "", where: answer.headers.get("Operation-Location") ?? "" };
}

export const get = (path, query, signal) => call("GET", address(path, query), { signal });
export const change = (method, path, body, etag) => call(method, address(path), { body, etag });

/** Where a list goes on, as the `after` of its next page; empty on the last. */
export const after = (list) => (list.nextLink ? new URL(list.nextLink).searchParams.get("after") : "");

/** A part of a list as a file: its text, and where it goes on ("" on the last). */
export async function part(path, query) {
  let answer;
  try {
    answer = await fetch(address(path, query));
  } catch {
    throw new ApiError(0);
  }
  const text = await answer.text();
  if (!answer.ok) throw new ApiError(answer.status, text.startsWith("{") ? JSON.parse(text).error : {});
  const next = /<([^>]+)>; *rel="next"/.exec(answer.headers.get("Link") ?? "");
  return { text, next: next ? new URL(next[1]).searchParams.get("after") : "" };
}
