// A list as one file, however long: its parts are fetched one after another and joined.
import { part } from "./api.js";
import { html, useState } from "./html.js";
import { t } from "./i18n.js";
import { Problem, say } from "./parts.js";

/** Media type, and what Excel wants first to take the text for UTF-8. */
const FORMATS = { csv: ["text/csv;charset=utf-8", "\ufeff"], ndjson: ["application/x-ndjson", ""] };

async function whole(path, query, format, told) {
  const texts = [];
  let after = "";
  do {
    const found = await part(path, { ...query, format, after });
    texts.push(found.text);
    after = found.next;
    told(texts.length);
  } while (after);
  const [type, mark] = FORMATS[format];
  return new Blob([mark, ...texts], { type });
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export function Export({ path, query, name }) {
  const [parts, count] = useState(0);
  const [error, fail] = useState(null);
  const send = (format) => async () => {
    if (parts) return;
    fail(null);
    count(1);
    try {
      save(await whole(path, query, format, count), `${name}.${format}`);
      say(t("export.done"));
    } catch (problem) {
      fail(problem);
    }
    count(0);
  };
  return html`<span class="export">${parts > 1 && html`<span class="quiet">${t("export.parts", { n: parts })}</span>`}
    ${["csv", "ndjson"].map((format) => html`<button key=${format} aria-disabled=${String(parts > 0)} onClick=${send(format)}>${format === "csv" ? t("export") : "NDJSON"}</button>`)}</span><${Problem} error=${error} />`;
}
