// The details beside the tree: what a prefix means, a product with its neighbours, and why one is not here.

import { call, latest } from "./api.js";
import { el } from "./dom.js";
import { chance, count, level, money, nats, plural, prefixText, share, verdict } from "./words.js";

const asked = latest();
const known = new Map();

function heading(kind, words, close) {
  return el(
    "div",
    { class: "panel-head" },
    el("div", {}, el("p", { class: "kind" }, kind), el("h2", { tabindex: "-1" }, words)),
    el("button", { type: "button", class: "quiet close", "aria-label": "Close the details", onclick: close }, "✕"),
  );
}

const list = (title, shares) =>
  shares.length > 0 &&
  el("div", { class: "shares" }, el("h3", {}, title), el("ul", {}, shares.map((one) => el("li", {}, el("span", { class: "name" }, one.name), el("span", { class: "bar" }, meter(one.share)), el("span", { class: "num" }, share(one.share))))));

function meter(value) {
  const bar = el("i");
  bar.style.width = `${Math.max(2, Math.round(value * 100))}%`;
  return bar;
}

/** Fill the panel with what a prefix means. `node` may bring its state and score. */
export async function showPrefix(panel, node, run, { close, trace }) {
  const name = prefixText(node.prefix);
  const place = `${run}/${name}`;
  const signal = asked.next();
  try {
    if (!known.has(place)) known.set(place, await call(`/v1/ids/${name}${run ? `?run=${encodeURIComponent(run)}` : ""}`, { signal }));
  } catch (error) {
    if (error.name !== "AbortError") panel.replaceChildren(heading(level(node.prefix), name, close), el("p", { class: "hint error" }, error.message));
    return;
  }
  if (signal.aborted) return;
  const meaning = known.get(place);
  const state = { kept: "Kept", pruned: "Pruned", filtered: "Filtered out" }[node.state];
  panel.replaceChildren(
    heading(`Prefix at ${level(node.prefix)}`, name, close),
    el("p", { class: "lead" }, `${state}: ${chance(node.score)} (${nats(node.score)} nats). ${plural(meaning.products, "product")} below, ${plural(meaning.ids, "ID")}${node.products < meaning.products ? `; the search may return ${count(node.products)}` : ""}.`),
    list("Categories", meaning.categories),
    list("Words", meaning.words),
    list("Brands", meaning.brands),
    el("h3", {}, "Some of its products"),
    products(meaning.examples.map((product) => ({ product })), trace),
  );
}

const products = (entries, open) =>
  el("ul", { class: "plain" }, entries.map(({ product, semantic_id: id }) => el("li", {}, el("button", { type: "button", class: "link", onclick: () => open(product.id) }, product.title), el("small", {}, [product.brand, money(product.price), id && prefixText(id)].filter(Boolean).join(" · ")))));

/** A product with its neighbours on the shelf of IDs. */
export async function showProduct(panel, id, run, { close, open, trace }) {
  const signal = asked.next();
  let page;
  try {
    page = await product(id, run, signal);
  } catch (error) {
    if (error.name !== "AbortError") panel.replaceChildren(heading("Product", id, close), el("p", { class: "hint error" }, error.message));
    return;
  }
  const { product: one } = page;
  const facts = [
    ["Brand", one.brand],
    ["Category", one.category.join(" › ")],
    ["Price", money(one.price)],
    ["In stock", one.available ? "yes" : "no"],
    ["Stores", one.stores.join(", ")],
    ...Object.entries(one.attributes),
    ["Id", one.id],
    ["Semantic ID", prefixText(page.semantic_id)],
  ].filter(([, value]) => value);
  panel.replaceChildren(
    heading("Product", one.title, close),
    one.description && el("p", { class: "lead" }, one.description.slice(0, 600)),
    el("dl", {}, facts.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    el("button", { type: "button", onclick: () => trace(one.id) }, "Trace it through this beam"),
    el("h3", {}, "Its neighbours by ID"),
    products(page.neighbours, open),
  );
}

export const product = (id, run, signal) => call(`/v1/products/${encodeURIComponent(id)}${run ? `?run=${encodeURIComponent(run)}` : ""}`, { signal });

/** What became of one product, level by level. */
export async function showWhy(panel, body, { close, mark }) {
  const signal = asked.next();
  let why;
  try {
    why = await call("/v1/why-not", { body, signal });
  } catch (error) {
    if (error.name !== "AbortError") panel.replaceChildren(heading("Why not", body.product_id, close), el("p", { class: "hint error" }, error.message));
    return;
  }
  mark(why.semantic_id);
  panel.replaceChildren(
    heading("Why not", why.product.title, close),
    el("p", { class: `lead verdict ${why.outcome}` }, verdict(why)),
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ["Level", "Prefix", "Score", "Last kept", ""].map((head) => el("th", { scope: "col" }, head || el("span", { class: "sr" }, "Outcome"))))),
      el(
        "tbody",
        {},
        why.steps.map((step, i) =>
          el(
            "tr",
            { class: step.kept ? "" : i + 1 === why.left_at ? "left" : "after" },
            el("th", { scope: "row" }, `L${i + 1}`),
            el("td", { class: "mono" }, prefixText(step.prefix)),
            el("td", { class: "num" }, nats(step.score)),
            el("td", { class: "num" }, step.worst_kept === null ? "all" : nats(step.worst_kept)),
            el("td", {}, step.kept ? "kept" : i + 1 === why.left_at ? "left here" : "gone"),
          ),
        ),
      ),
    ),
    el("p", { class: "hint" }, [why.product.brand, why.product.category.join(" › "), money(why.product.price)].filter(Boolean).join(" · ")),
  );
}
