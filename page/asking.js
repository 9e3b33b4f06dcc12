// What is asked before many things change, and what goes on after the answer: operations, followed to their end.
import { get, told } from "./api.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { known, moment, t } from "./i18n.js";
import { Problem, Status, To } from "./parts.js";

const SOON = 1500;
const LATER = 6000;

/** A question in a dialog. `act` does it and throws what goes wrong: that is shown, and the dialog stays. */
export function Ask({ title, word, act, close, ready = true, children }) {
  const dialog = useRef(null);
  const [busy, set] = useState(false);
  const [error, fail] = useState(null);
  useEffect(() => {
    dialog.current.showModal();
    return () => dialog.current?.close();
  }, []);
  const shut = () => {
    dialog.current.close(); // gives the focus back to what opened it
    close();
  };
  const send = async (event) => {
    event.preventDefault();
    if (busy || !ready) return;
    set(true);
    fail(null);
    try {
      await act();
      shut();
    } catch (problem) {
      fail(told(problem));
      set(false);
    }
  };
  return html`<dialog ref=${dialog} class="ask" aria-labelledby="ask-title" onCancel=${close}>
    <form onSubmit=${send}><h2 id="ask-title">${title}</h2>${children}<${Problem} error=${error} />
      <div class="row end"><button type="button" onClick=${shut}>${t("ask.cancel")}</button>
        <button class="main" aria-disabled=${String(busy || !ready)}>${busy ? t("ask.busy") : word}</button></div></form></dialog>`;
}

/** The id of an operation in the address that an answer gave. */
export const operationOf = (where) => (where ? decodeURIComponent(new URL(where).pathname.split("/").pop()) : "");

/** An operation as it goes on: asked again and again until it has ended; then `ended(operation)`. */
export function useOperation(id, ended) {
  const [state, set] = useState({ data: null, error: null });
  const tell = useRef(ended);
  tell.current = ended;
  useEffect(() => {
    if (!id) return undefined;
    const stop = new AbortController();
    let timer = 0;
    set({ data: null, error: null });
    const ask = async () => {
      let wait = LATER;
      try {
        const { body } = await get(`operations/${encodeURIComponent(id)}`, {}, stop.signal);
        set({ data: body, error: null });
        if (body.status === "Succeeded" || body.status === "Failed") return tell.current?.(body);
        if (body.status === "Running" || body.kind !== "run") wait = SOON;
      } catch (error) {
        if (stop.signal.aborted) return undefined;
        set((old) => ({ ...old, error }));
        if (error.status === 404 || error.status === 401) return undefined;
      }
      timer = setTimeout(ask, wait);
      return undefined;
    };
    ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [id]);
  return state;
}

/** How an operation stands, in words. `says` is what was asked for; `when` the time at which the next run comes. */
export function Following({ id, says, when, ended, close, children }) {
  const { data, error } = useOperation(id, ended);
  if (!id) return null;
  const run = data?.run;
  const code = data ? (data.status === "Succeeded" && run ? run.state : data.status) : "NotStarted";
  return html`<section class="note following" aria-label=${t("goes")} aria-live="polite">
    <div class="row"><${Status} set="goes.is" code=${code} />${says && html`<span>${says}</span>`}
      <button class="plain" onClick=${close}>${t("goes.hide")}</button></div>
    <p>${t(`goes.${data?.kind === "run" ? "run." : ""}${data?.status ?? "NotStarted"}`)}${" "}
      ${(data?.status ?? "NotStarted") === "NotStarted" && when ? t("goes.when", { time: moment(when) }) : ""}
      ${data?.error?.code && html`${known(`problem.code.${data.error.code}`, data.error.code)}`}
      ${run && html`<${To} to=${{ view: "runs", run: run.id }}>${t("goes.run")}<//>`}</p>
    ${children?.(data)}<${Problem} error=${error} /></section>`;
}
