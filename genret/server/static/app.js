// The page: what is asked, the requests, and what is drawn of the answers. State lives in the URL.

import { Refused, call, hasToken, keepToken, latest } from "./api.js";
import { asCurl, asPython, copy } from "./copy.js";
import { $, debounced, el } from "./dom.js";
import { product, showPrefix, showProduct, showWhy } from "./panel.js";
import { drawSide } from "./side.js";
import { SYSTEMS, body, read, write } from "./state.js";
import { count, plural, spelled } from "./words.js";

const TYPING = 140; // milliseconds without a key before a search

let state = read(location.search);
let info = null;
let facets = null;
let like = null; // the product whose substitutes are marked: {id, title, ids}
const requests = [latest(), latest()];
const answers = [null, null];
const drawn = [null, null];

// --- the page's parts

const sides = () => (state.compare ? [0, 1] : [0]);

function notice(...content) {
  $("notice").replaceChildren(...content);
  $("notice").hidden = content.length === 0;
}

function say(words) {
  $("status").textContent = words;
}

function closePanel() {
  $("panel").replaceChildren(el("p", { class: "hint" }, "Point at a branch, or move through the tree by the arrow keys, to see what a prefix means."));
  $("panel").classList.remove("open");
  $("panel").hidden = !state.q.trim();
  if (state.why) go({ why: "" }, { ask: false });
  drawn.forEach((side) => side?.mark(null));
}

const opened = () => {
  $("panel").hidden = false;
  $("panel").classList.add("open");
  return $("panel");
};

const actions = {
  close: closePanel,
  open: (id) => showProduct(opened(), id, state.runs[0], actions),
  trace: (id) => go({ why: id }, { ask: false, push: true }),
};

const meet = debounced(90, (node, side) => {
  if (!state.why) showPrefix(opened(), node, state.runs[side], actions);
});

function drawAll() {
  $("sides").replaceChildren(...sides().map((side) => drawn[side]?.node ?? el("section", { class: "side waiting", "aria-busy": "true" }, el("div", { class: "bone tall" }), el("div", { class: "bone" }), el("div", { class: "bone" }))));
  document.body.classList.toggle("comparing", state.compare);
}

function drawOne(side) {
  const result = answers[side]?.results[0];
  if (!result) return;
  const other = state.compare ? answers[1 - side]?.results[0] : null;
  drawn[side] = drawSide({
    side,
    answer: answers[side],
    state,
    other,
    like,
    label: state.compare ? ["A", "B"][side] : "",
    names: { run: answers[side].run ?? "", system: SYSTEMS[state.systems[side]].label },
    on: {
      meet: (node) => meet(node, side),
      pick: (node) => {
        meet.cancel();
        showPrefix(opened(), node, state.runs[side], actions);
      },
      like: (id) => go({ like: state.like === id ? "" : id }, { ask: false, push: true }),
      ...actions,
    },
  });
}

// --- asking

async function ask() {
  document.title = state.q.trim() ? `${state.q} · genret` : "genret: beam explorer";
  const blank = !state.q.trim();
  $("welcome").hidden = !blank || !info;
  $("foot").hidden = blank;
  $("panel").hidden = blank;
  if (blank) {
    requests.forEach((one) => one.cancel());
    answers.fill(null);
    drawn.fill(null);
    $("sides").replaceChildren();
    notice();
    say("");
    document.body.classList.remove("busy", "comparing");
    return;
  }
  document.body.classList.add("busy");
  const before = write(state);
  const done = await Promise.all(sides().map(search));
  if (before !== write({ ...state, why: new URLSearchParams(before).get("why") ?? "", like: new URLSearchParams(before).get("like") ?? "" })) return;
  if (!done.every((one) => one === "cancelled")) document.body.classList.remove("busy");
  if (done.every((one) => one === "found")) {
    notice();
    whereProblem("");
    sides().forEach(drawOne);
    drawAll();
    const [{ results, took_ms: took }] = answers;
    say(`${plural(results[0].hits.length, "product")} in ${Math.round(took)} milliseconds.`);
    if (state.why) trace();
    else if (!$("panel").classList.contains("open")) closePanel();
  }
}

/** One side's search: "found", "failed" or "cancelled". */
async function search(side) {
  const asked = body(state, side);
  const explain = SYSTEMS[state.systems[side]].beam;
  if (!drawn[side]) drawAll();
  try {
    answers[side] = await call("/v1/search", { body: { ...asked, ...(explain ? { explain } : {}) }, signal: requests[side].next() });
    return "found";
  } catch (error) {
    if (error.name === "AbortError") return "cancelled";
    failed(error);
    return "failed";
  }
}

function failed(error) {
  say(error.message);
  if (!(error instanceof Refused)) {
    notice(el("p", {}, "The page met an error of its own: ", String(error.message)));
  } else if (error.status === 401) askToken(error);
  else if (error.code === "loading") waitUntilReady();
  else if (error.message.startsWith("where")) whereProblem(error.message);
  else {
    const again = el("button", { type: "button", onclick: () => ask() }, "Try again");
    notice(el("p", {}, error.message), again);
    if (error.status === 429) setTimeout(() => $("notice").contains(again) && ask(), 1000 * (error.retryAfter ?? 1));
  }
}

function whereProblem(message) {
  $("where-error").textContent = message.replace(/^where,? ?/, "").replace(/^./, (letter) => letter.toUpperCase());
  $("where-error").hidden = !message;
  $("where").setAttribute("aria-invalid", String(Boolean(message)));
}

function askToken(error) {
  const field = el("input", { type: "password", id: "token", autocomplete: "off" });
  const form = el("form", { class: "row" }, el("label", { for: "token" }, "Token"), field, el("button", { type: "submit" }, "Use it"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken(field.value.trim());
    start();
  });
  notice(el("p", {}, hasToken() ? "This token is not the server’s." : `${error.message[0].toUpperCase()}${error.message.slice(1)}.`), form);
}

let waiting = false;
async function waitUntilReady() {
  if (waiting) return;
  waiting = true;
  notice(el("p", { class: "loading" }, "The run is being loaded. This takes some seconds."));
  for (;;) {
    try {
      await call("/ready");
      break;
    } catch (error) {
      if (error.code !== "loading") {
        waiting = false;
        return failed(error);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  waiting = false;
  notice();
  start();
}

async function trace() {
  const { query, k, beam_width, where, run } = body({ ...state, systems: ["genret", "genret"] }, 0);
  $("why-id").value = state.why;
  meet.cancel();
  await showWhy(opened(), { query, k, beam_width, where, run, product_id: state.why }, { ...actions, mark: (id) => drawn[0]?.mark(id) });
}

async function mark() {
  like = null;
  if (state.like) {
    try {
      const page = await product(state.like, state.runs[0]);
      like = { id: state.like, title: page.product.title, ids: page.substitutes };
    } catch (error) {
      failed(error);
    }
  }
  sides().forEach(drawOne);
  drawAll();
}

// --- state and controls

function go(change, { ask: again = true, push = false } = {}) {
  state = { ...state, ...change };
  history[push ? "pushState" : "replaceState"](null, "", location.pathname + write(state));
  show();
  if ("like" in change) mark();
  if ("why" in change && state.why && !again) trace();
  if (again) ask();
}

/** Put the state into the controls. */
function show() {
  const put = (id, value) => document.activeElement === $(id) || ($(id).value = value);
  put("q", state.q);
  put("where", state.where);
  put("k", state.k);
  const width = state.b || info?.runs[0].beam_width || 50;
  $("b").value = width;
  $("b-value").textContent = count(Math.max(width, state.k));
  $("exact").checked = state.exact;
  $("compare").checked = state.compare;
  document.querySelector(".side-b").hidden = !state.compare;
  ["a", "b"].forEach((name, side) => {
    $(`${name}-run`).value = state.runs[side] || (info?.runs[0].name ?? "");
    $(`${name}-system`).value = state.systems[side];
  });
}

function listen() {
  const typed = debounced(TYPING, () => go({ q: $("q").value, where: $("where").value }));
  $("q").addEventListener("input", typed);
  $("where").addEventListener("input", typed);
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    typed.cancel();
    go({ q: $("q").value, where: $("where").value }, { push: true });
  });
  $("k").addEventListener("change", () => go({ k: within($("k")) }, { push: true }));
  $("b").addEventListener("input", () => ($("b-value").textContent = count(Math.max(Number($("b").value), state.k))));
  $("b").addEventListener("change", () => go({ b: Number($("b").value) }, { push: true }));
  $("exact").addEventListener("change", () => go({ exact: $("exact").checked }, { push: true }));
  $("compare").addEventListener("change", () => {
    const other = info.runs[1]?.name ?? "";
    const systems = other ? [state.systems[0], state.systems[0]] : [state.systems[0], "bm25"];
    go({ compare: $("compare").checked, runs: [state.runs[0], other], systems }, { push: true });
  });
  ["a", "b"].forEach((name, side) => {
    const at = (values, value) => values.map((old, i) => (i === side ? value : old));
    $(`${name}-run`).addEventListener("change", (event) => go({ runs: at(state.runs, event.target.value) }, { push: true }));
    $(`${name}-system`).addEventListener("change", (event) => go({ systems: at(state.systems, event.target.value) }, { push: true }));
  });
  $("add").addEventListener("change", () => {
    const one = $("add").value;
    $("add").value = "";
    $("where").value = [$("where").value.trim(), one].filter(Boolean).join(" and ");
    go({ where: $("where").value }, { push: true });
  });
  $("why").addEventListener("submit", (event) => {
    event.preventDefault();
    if ($("why-id").value.trim()) actions.trace($("why-id").value.trim());
  });
  $("copy-curl").addEventListener("click", () => copy(asCurl(body(state, 0))));
  $("copy-python").addEventListener("click", () => copy(asPython(body(state, 0))));
  addEventListener("popstate", () => {
    state = read(location.search);
    document.activeElement?.blur();
    show();
    ask();
    mark();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement?.tagName ?? "")) {
      event.preventDefault();
      $("q").focus();
    } else if (event.key === "Escape" && $("panel").classList.contains("open")) closePanel();
  });
}

const within = (field) => Math.min(Number(field.max), Math.max(1, Number.parseInt(field.value, 10) || 10));

// --- what the server says of itself

const quoted = (text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

function fillFacets() {
  const group = (label, pairs) => pairs.length > 0 && el("optgroup", { label }, pairs.map(([words, value]) => el("option", { value }, words)));
  const cheap = facets.prices ? ((facets.prices[0] + facets.prices[1]) / 4).toFixed(2) : null;
  $("add").replaceChildren(
    ...[
      el("option", { value: "" }, "Add…"),
      group("Plain", [["in stock", "available"], ...(cheap ? [[`price under ${cheap}`, `price < ${cheap}`]] : [])]),
      group("Store", facets.stores.map(({ name }) => [name, `stores has ${quoted(name)}`])),
      group("Category", facets.categories.map(({ name }) => [name, `category under ${quoted(name)}`])),
      group("Brand", facets.brands.map(({ name }) => [name, `brand = ${quoted(name)}`])),
    ].filter(Boolean),
  );
}

function fillRuns() {
  const [first] = info.runs;
  $("served").textContent = `${first.name}: ${count(first.products)} products, ${count(first.ids)} IDs of ${spelled(first.levels)} codes`;
  for (const name of ["a", "b"]) {
    $(`${name}-run`).replaceChildren(...info.runs.map((run) => el("option", { value: run.name }, run.name)));
    $(`${name}-run`).hidden = info.runs.length === 1;
    $(`${name}-system`).replaceChildren(...Object.entries(SYSTEMS).map(([value, { label }]) => el("option", { value }, label)));
  }
  $("k").max = info.limits.k;
  $("b").max = info.limits.beam_width;
  $("q").maxLength = info.limits.query_chars;
}

function welcome() {
  const names = facets.categories.map(({ name }) => name.split(" > ").at(-1).toLowerCase()).slice(0, 6);
  $("welcome").replaceChildren(
    el("h2", { id: "welcome-title" }, "Watch a search spell its answer"),
    el("p", {}, "Every product here has an ID of a few codes, coarse to fine. The model spells IDs code by code; a beam keeps the likeliest prefixes, and a trie lets it spell nothing but products that exist. What was pruned bounds what can have been missed, so an answer can be certified: the model scores no product higher."),
    names.length > 0 && el("p", { class: "examples" }, "Try ", names.map((name) => el("button", { type: "button", class: "chip", onclick: () => go({ q: name }, { push: true }) }, name))),
  );
}

function theme() {
  const names = { auto: "Auto", light: "Light", dark: "Dark" };
  const use = (name) => {
    document.documentElement.dataset.theme = name;
    $("theme").textContent = names[name];
    $("theme").setAttribute("aria-label", `Colours: ${name === "auto" ? "as the system" : name}`);
  };
  let name = localStorage.getItem("genret-theme");
  if (!(name in names)) name = "auto";
  use(name);
  $("theme").addEventListener("click", () => {
    const order = Object.keys(names);
    name = order[(order.indexOf(name) + 1) % order.length];
    localStorage.setItem("genret-theme", name);
    use(name);
  });
}

async function start() {
  try {
    [info, facets] = await Promise.all([call("/info"), call("/v1/facets")]);
  } catch (error) {
    failed(error);
    return;
  }
  notice();
  fillRuns();
  fillFacets();
  welcome();
  show();
  if (state.like) await mark();
  ask();
}

theme();
listen();
show();
if (!state.q) $("q").focus();
start();
