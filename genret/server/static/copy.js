// A search as something to paste: curl, or Python with nothing but its standard library.

import { $, el } from "./dom.js";

export function asCurl(body) {
  const json = JSON.stringify(body).replaceAll("'", "'\\''");
  return `curl -s '${location.origin}/v1/search' \\\n  -H 'content-type: application/json' \\\n  -d '${json}'`;
}

export function asPython(body) {
  const json = JSON.stringify(JSON.stringify(body));
  return [
    "import json",
    "from urllib.request import Request, urlopen",
    "",
    `body = ${json}.encode()`,
    `request = Request("${location.origin}/v1/search", body, {"content-type": "application/json"})`,
    'for hit in json.load(urlopen(request))["results"][0]["hits"]:',
    '    print(hit["rank"], round(hit["score"], 2), hit["semantic_id"], hit["product"]["title"])',
  ].join("\n");
}

/** Put the text on the clipboard; where that is not allowed, show it to be copied by hand. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    $("copied").textContent = "Copied.";
    setTimeout(() => ($("copied").textContent = ""), 2500);
  } catch {
    const area = el("textarea", { rows: 9, readonly: true, "aria-labelledby": "dialog-title" });
    area.value = text;
    const dialog = $("dialog");
    dialog.replaceChildren(el("h2", { id: "dialog-title" }, "Copy this"), area, el("button", { type: "button", onclick: () => dialog.close() }, "Close"));
    dialog.showModal();
    area.select();
  }
}
