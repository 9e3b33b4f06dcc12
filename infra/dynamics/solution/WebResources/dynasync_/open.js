// Leads from the site map to the settings page, and from a row's form to what the page knows of that row. The page's
// address stands in the environment variable dynasync_PageUrl. It lets itself be framed by nobody, so it opens in a tab
// of its own.
"use strict";
(async () => {
  const VARIABLE = "dynasync_PageUrl";
  const WORDS = {
    en: { rowTitle: "This record", rowOpen: "Open this record in dynasync", rowSays: "How this record stands with the other system, and adding it to an automation there.", title: "Sync Settings", open: "Open Sync Settings", says: "The sync of Dynamics 365 is set up and looked after on a page of its own.", missing: "Nobody has entered the address of the app yet. An administrator sets the environment variable dynasync_PageUrl (Power Apps, Solutions, dynasync).", wrong: "The environment variable dynasync_PageUrl is not an https address.", closed: "You may not read the environment variable dynasync_PageUrl. Ask an administrator for the address." },
    es: { rowTitle: "Este registro", rowOpen: "Abrir este registro en dynasync", rowSays: "Cómo está este registro en el otro sistema, y cómo añadirlo allí a una automatización.", title: "Configuración de sincronización", open: "Abrir la configuración de sincronización", says: "La sincronización de Dynamics 365 se configura y se controla en una página propia.", missing: "Aún nadie ha introducido la dirección de la aplicación. Un administrador define la variable de entorno dynasync_PageUrl (Power Apps, Soluciones, dynasync).", wrong: "La variable de entorno dynasync_PageUrl no es una dirección https.", closed: "No puedes leer la variable de entorno dynasync_PageUrl. Pide la dirección a un administrador." },
    it: { rowTitle: "Questo record", rowOpen: "Apri questo record in dynasync", rowSays: "Come sta questo record nell'altro sistema, e come aggiungerlo lì a un'automazione.", title: "Impostazioni di sincronizzazione", open: "Apri le impostazioni di sincronizzazione", says: "La sincronizzazione di Dynamics 365 si configura e si controlla in una pagina a sé.", missing: "Nessuno ha ancora inserito l'indirizzo dell'app. Un amministratore imposta la variabile di ambiente dynasync_PageUrl (Power Apps, Soluzioni, dynasync).", wrong: "La variabile di ambiente dynasync_PageUrl non è un indirizzo https.", closed: "Non puoi leggere la variabile di ambiente dynasync_PageUrl. Chiedi l'indirizzo a un amministratore." },
  };
  const base = navigator.languages.map((tag) => tag.split("-")[0]).find((tag) => tag in WORDS) || "en";
  const words = WORDS[base];
  const show = (id, text) => (document.getElementById(id).textContent = text);
  document.documentElement.lang = base;
  const row = given();
  const title = row ? words.rowTitle : words.title;
  document.title = title;
  show("title", title);

  const query = new URLSearchParams({
    $select: "defaultvalue",
    $filter: `schemaname eq '${VARIABLE}'`,
    $expand: "environmentvariabledefinition_environmentvariablevalue($select=value)",
  });
  let found;
  try {
    const answer = await fetch(`/api/data/v9.2/environmentvariabledefinitions?${query}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) return show("says", words.closed);
    found = (await answer.json()).value[0];
  } catch {
    return show("says", words.closed);
  }
  const values = (found && found.environmentvariabledefinition_environmentvariablevalue) || [];
  const value = ((values[0] && values[0].value) || (found && found.defaultvalue) || "").trim();
  if (!value) return show("says", words.missing);
  let address;
  try {
    address = new URL(value);
  } catch {
    return show("says", words.wrong);
  }
  if (address.protocol !== "https:") return show("says", words.wrong);
  const link = document.getElementById("open");
  link.href = `${address.origin}/api/page?${new URLSearchParams(row ? { view: "lookup", side: "crm", ...row } : { view: "settings" })}`;
  show("open", row ? words.rowOpen : words.open);
  show("says", row ? words.rowSays : words.says);
  link.hidden = false;

  /** The row of the form this stands on, as Dynamics passes it: `typename` and `id`, which has braces. */
  function given() {
    const asked = new URLSearchParams(location.search);
    const kind = asked.get("typename") || "";
    const record = (asked.get("id") || "").replace(/[{}]/g, "").toLowerCase();
    return /^[a-z][a-z0-9_]*$/.test(kind) && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(record) ? { kind, record } : null;
  }
})();
