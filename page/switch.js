// The global switch and the run at once: what they mean, what they did, and what went wrong; the same wherever they stand.
import { change } from "./api.js";
import { Following, operationOf } from "./asking.js";
import { html, useState } from "./html.js";
import { t } from "./i18n.js";
import { Problem, useAct } from "./parts.js";

/** A card with the switch. `head` stands beside it, `first` in its place until the first start, `children` below. */
export function Switched({ label, head, first, system, config, etag, status, admin, again, children }) {
  const { busy, error, act } = useAct();
  const [run, follow] = useState("");
  const [own, hold] = useState({}); // what was turned here, until it is read anew: it can be turned back at once
  const { turned, tag } = own.of === etag ? own : { turned: config.switch, tag: etag };
  const on = turned === "on";
  const setup = config.switch === "setup";
  const at = `connections/${config.id}`;
  const send = (word, take, ...call) => act(() => change(...call).then(take).then(({ where }) => follow(operationOf(where))).finally(again), t(word));
  const kept = (answer) => {
    hold({ of: etag, turned: answer.body.switch, tag: answer.etag });
    return answer;
  };
  const turn = () => send(on ? "switched.off" : "switched.on", kept, "PATCH", at, { switch: on ? "off" : "on" }, tag);
  const sync = () => send("sync.asked", undefined, "POST", `${at}/sync`);
  const can = admin && !busy;
  return html`<section class="card" aria-label=${label}>
    <div class="standing"><div class="say">${head}</div>
      ${setup ? first : html`<div class="row">
        <button type="button" class="switch" role="switch" aria-checked=${String(on)} aria-disabled=${String(!can)} onClick=${can ? turn : undefined}><span class="track"><span class="knob"></span></span>${t("global_sync")}</button>
        ${status.onRequest && html`<button aria-disabled=${String(!can || !on)} onClick=${can && on ? sync : undefined}>${t("sync.now")}</button>`}</div>`}</div>
    <p class="quiet">${t(setup ? "settings.first.says" : on ? "switch.on.means" : "switch.off.waits")}${setup || status.onRequest ? "" : ` ${t("settings.no_request", { system: system.title })}`}${admin ? "" : ` ${t("reader")}`}</p>
    <${Problem} error=${error} />
    ${run && html`<${Following} id=${run} says=${t("sync.asked")} when=${status.nextRun} ended=${again} close=${() => follow("")} />`}
    ${children}</section>`;
}
