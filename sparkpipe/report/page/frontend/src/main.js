// Puts the page together.

import { answers, describe } from "./details.js";
import { h } from "./dom.js";
import { duration, moment, plain, plural, stateOf } from "./format.js";
import { drawGraph } from "./graph.js";
import { groupsOf, modelOf, passTime, wordsOf } from "./model.js";
import { comparison, dataTable, nodesTable, stateMark } from "./tables.js";
import { drawTimeline } from "./timeline.js";

const ALL_TABS = [["graph", "Graph"], ["timeline", "Timeline"], ["nodes", "Nodes"], ["data", "Data sets"], ["comparison", "Comparison"], ["about", "About"]];
const COLOURS = [["state", "State"], ["time", "Time"], ["kind", "Kind"], ["checks", "Checks"]];
const LEGENDS = {
  time: [["heat0", "little"], ["heat1", ""], ["heat2", "some"], ["heat3", ""], ["heat4", "most of the time"]],
  checks: [["checks-none", "no checks"], ["checks-passed", "passed"], ["checks-warned", "warned"], ["checks-dropped", "rows taken out"], ["checks-failed", "failed"]],
};
// Beside more nodes than these, data sets would hide them.
const MOST_WITH_DATA = 60;
// The width of A4 across, less its margins, and the height of the graph there, as in the styles.
const PAPER = [1031, 566];
// In milliseconds: a run that goes on, and one after which another may begin.
const ASKED_AGAIN = { running: 2000, ended: 10000 };
// So often in a row without an answer: who has started the server has ended it.
const MOST_UNANSWERED = 30;
// Larger graphs are drawn anew when something has happened, not as time goes by.
const MOST_REDRAWN = 300;

const root = document.getElementById("page");
const given = JSON.parse(document.getElementById("document").textContent);

// In a notebook, above which its title stands: what there is to see of it, and no more.
const inline = root.dataset.inline;
const NEEDED = { timeline: given.kind === "run", comparison: !inline, about: !inline };
const TABS = ALL_TABS.filter(([name]) => !inline || (NEEDED[name] ?? true));
const hasStates = given.nodes.some((node) => node.state);

const view = {
  tab: inline || "graph", words: [], search: "", colour: hasStates ? "state" : "kind", folded: new Set(), chosen: null, sorting: {},
  zoom: null, stretch: 1, withData: given.nodes.length <= MOST_WITH_DATA,
};

let parts = null;
let model = null;

function choose(box) {
  if (box.node) view.chosen = { node: box.node.name };
  else if (box.data) view.chosen = { data: box.data.name };
  else view.chosen = { group: box.group };
  showDetails(true);
  mark();
  if (view.tab === "graph") requestAnimationFrame(() => parts.graph.uncover(box));
}

function mark() {
  parts.graph.mark();
  for (const name of ["timeline", "nodes", "data", "comparison"]) if (view.tab === name || name === "timeline") parts[name].mark();
}

const actions = {
  choose,
  found: (hits) => {
    parts?.hits && (parts.hits.textContent = view.words.length ? plural(hits, "node") : "");
  },
  fold: (group) => { view.folded.add(group); view.chosen = { group }; open("graph"); refold(); },
  unfold: (group) => { view.folded.delete(group); view.chosen = null; refold(); },
  open: (tab, search) => {
    if (search !== undefined) setSearch(search);
    open(tab, true);
  },
};

function refold() {
  view.zoom = null;
  parts.graph.draw(false);
  showDetails(false);
  const all = allGroups();
  parts.folding.querySelectorAll("option").forEach((one) => { one.textContent = foldWord(one.value, all); });
}

function showDetails(move) {
  const told = describe(model, view.chosen, actions);
  parts.details.classList.toggle("open", Boolean(told));
  document.body.classList.toggle("with-details", Boolean(told));
  parts.told.replaceChildren();
  if (!told) return;
  parts.told.append(...told.flat(Infinity).filter(Boolean));
  parts.told.scrollTop = 0;
  if (move) parts.told.querySelector("h2").focus({ preventScroll: true });
}

function close() {
  const back = parts.graph.element.querySelector(".chosen") ?? parts.search;
  view.chosen = null;
  showDetails(false);
  mark();
  back.focus({ preventScroll: true });
}

function setSearch(text) {
  view.search = text;
  view.words = wordsOf(text);
  parts.search.value = text;
  mark();
}

function open(tab, move) {
  view.tab = tab;
  for (const [name] of TABS) {
    parts.tabs[name].setAttribute("aria-selected", String(name === tab));
    parts.tabs[name].setAttribute("tabindex", name === tab ? "0" : "-1");
    parts.panels[name].classList.toggle("shown", name === tab);
  }
  if (tab === "graph" && !view.zoom) parts.graph.draw(false);
  else if (tab !== "graph") parts[tab].draw();
  if (move) parts.tabs[tab].focus();
}

function tabList() {
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Views" }, TABS.map(([name, title]) => {
    const extra = name === "comparison" && model.doc.comparison ? ` (${model.doc.comparison.differences.length})` : "";
    parts.tabs[name] = h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => open(name) }, title + extra);
    return parts.tabs[name];
  }));
  list.addEventListener("keydown", (event) => {
    const at = TABS.findIndex(([name]) => name === view.tab);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (next === undefined || !TABS[next]) return;
    event.preventDefault();
    open(TABS[next][0], true);
  });
  return list;
}

const allGroups = () => {
  const found = new Map();
  for (const node of model.nodes) for (const group of groupsOf(node)) found.set(group, (found.get(group) ?? 0) + 1);
  return found;
};

function foldWord(value, all) {
  if (value === "") return "Fold…";
  if (value === "nothing") return "Unfold all";
  if (value === "namespaces" || value === "layers") return `All ${value}`;
  return `${view.folded.has(value) ? "✓ " : ""}${value} (${all.get(value) ?? 0})`;
}

function foldMenu() {
  const all = allGroups();
  const has = (word) => [...all.keys()].some((one) => one.startsWith(`${word} `));
  const values = ["", "nothing", ...(has("namespace") ? ["namespaces"] : []), ...(has("layer") ? ["layers"] : []), ...[...all.keys()].sort()];
  const menu = h("select", { "aria-label": "Fold", disabled: all.size === 0, onchange: () => {
    const value = menu.value;
    menu.value = "";
    if (value === "nothing") view.folded.clear();
    else if (value === "namespaces" || value === "layers") {
      view.folded = new Set([...all.keys()].filter((one) => one.startsWith(`${value.slice(0, -1)} `)));
    } else if (view.folded.has(value)) view.folded.delete(value);
    else view.folded.add(value);
    refold();
  } }, values.map((value) => h("option", { value }, foldWord(value, all))));
  return menu;
}

function legend() {
  let rows = LEGENDS[view.colour];
  if (view.colour === "state") rows = [...new Set(model.nodes.map((node) => node.state))].map((one) => [`state-${one}`, stateOf(one).word]);
  if (view.colour === "kind") rows = [...new Set(model.nodes.map((node) => node.kind))].filter(Boolean).map((one) => [`kind-${one}`, one]);
  return [...rows.map(([name, word]) => h("li", null, h("span", { class: `swatch ${name}`, "aria-hidden": "true" }), word)),
    model.steps.size > 1 && h("li", null, h("span", { class: "swatch decides", "aria-hidden": "true" }), "decided the length")];
}

function toolbar() {
  const colour = h("select", { "aria-label": "Colour by", onchange: () => {
    view.colour = colour.value;
    drawAll(true);
    parts.legend.replaceChildren(...legend().filter(Boolean));
  } }, COLOURS.filter(([value]) => (value !== "checks" || model.nodes.some((node) => node.checks.length)) && (value !== "state" || hasStates) && (value !== "kind" || model.nodes.some((node) => node.kind)) && (value !== "time" || model.longest))
    .map(([value, title]) => h("option", { value, selected: value === view.colour }, `Colour: ${title.toLowerCase()}`)));
  parts.search = h("input", { type: "search", placeholder: "Search nodes, data…", "aria-label": "Search", value: view.search, autocomplete: "off",
    oninput: () => setSearch(parts.search.value),
    onkeydown: (event) => {
      if (event.key === "Enter" && view.tab === "graph") {
        const hit = parts.graph.showFirstHit();
        if (hit) choose(hit);
      }
    } });
  parts.hits = h("span", { class: "hits", role: "status" });
  parts.folding = foldMenu();
  return h("div", { class: "toolbar" }, h("div", { class: "searching" }, parts.search, parts.hits), colour.options.length > 0 && colour, parts.folding);
}

function graphPanel() {
  const button = (text, about, act) => h("button", { type: "button", "aria-label": about, title: about, onclick: act }, text);
  const data = h("input", { type: "checkbox", checked: view.withData, onchange: () => { view.withData = data.checked; view.zoom = null; parts.graph.draw(false); } });
  parts.legend = h("ul", { class: "legend" }, legend());
  return [h("div", { class: "graph-area" }, parts.graph.element,
    h("div", { class: "zooming" }, button("+", "Zoom in", () => parts.graph.by(1.4)), button("−", "Zoom out", () => parts.graph.by(1 / 1.4)), button("⤢", "Show all of it", () => parts.graph.fit()))),
  h("div", { class: "under" }, parts.legend, h("label", null, data, " Data sets"))];
}

function timelinePanel() {
  const stretch = (factor) => { view.stretch = Math.min(64, Math.max(1, view.stretch * factor)); parts.timeline.draw(); };
  return [parts.timeline.element, h("div", { class: "under" },
    h("p", { class: "quiet" }, "Striped: idle. Foot of a bar: loading to the left, saving to the right. ◆ Outlined: what decided how long the run took.", model.nodes.some((node) => node.jobs.length) && " Inside: Spark jobs, and below them their stages."),
    h("span", null, h("button", { type: "button", "aria-label": "Stretch the time", onclick: () => stretch(2) }, "+"), h("button", { type: "button", "aria-label": "Shrink the time", onclick: () => stretch(0.5) }, "−")))];
}

function aboutPanel() {
  const draw = () => {
    const words = { run_id: "Run", outcome: "Outcome", started: "Started", seconds: "Took", host: "Machine", resumes: "Continues", selection: "Selection", extra_params: "Given parameters", left_out: "Left out by the filters" };
    const say = (name, value) => name === "started" ? moment(value) : name === "seconds" ? duration(value)
      : Array.isArray(value) ? value.map((one) => h("div", null, plain(one)))
        : typeof value === "object" ? Object.entries(value).map(([key, one]) => h("div", null, `${key}: ${plain(one)}`)) : plain(value);
    element.replaceChildren(h("dl", null, Object.entries(model.run).map(([name, value]) => [h("dt", null, words[name] ?? name.replace(/_/g, " ").replace(/^./, (c) => c.toUpperCase())), h("dd", null, say(name, value))])),
      model.doc.earlier.length > 0 && h("h3", null, "Runs before") || "",
      model.doc.earlier.length > 0 && h("ul", { class: "list" }, [...model.doc.earlier].reverse().map((one) => h("li", null, `${one.run_id} `, stateMark(one.outcome), ` ${duration(one.seconds)}`))) || "",
      h("h3", null, "Keys"), h("p", null, "/ search · arrows walk along the graph, the timeline and the tabs · Enter opens a node · Esc closes it · + − zoom · 0 shows all"));
  };
  const element = h("div", { class: "about" });
  return { element, draw, mark: () => {} };
}

function header() {
  const { run, doc } = model;
  const counts = Object.entries(run.counts ?? {}).map(([state, n]) => h("span", { class: "count" }, h("span", { class: `dot state-${state}`, "aria-hidden": "true" }), `${n} ${stateOf(state).word}`));
  parts.took = h("span", null, run.seconds ? duration(run.seconds) : "");
  const line = [run.started && moment(run.started), run.seconds && parts.took, run.environment, run.runner,
    run.slices && (Array.isArray(run.slices) ? run.slices.join(", ") : Object.entries(run.slices).map(([k, v]) => `${k}=${v}`).join(", "))].filter(Boolean);
  return h("header", { class: "top" },
    h("h1", null, h("span", { class: "name" }, run.pipeline || "run"), " ", doc.kind === "plan" ? h("span", { class: "badge" }, "plan") : stateMark(run.outcome), h("span", { class: "live", role: "status" })),
    h("p", { class: "facts" }, run.run_id && h("span", { class: "id" }, run.run_id), line.map((one) => (one === parts.took ? one : h("span", null, one))), counts),
    (run.notes ?? []).map((note) => h("p", { class: "note" }, note)));
}

function drawAll(keep) {
  parts.graph.draw(keep);
  for (const name of ["timeline", "nodes", "data", "comparison", "about"]) parts[name].draw();
}

function build(doc, keep) {
  model = modelOf(doc);
  parts = { tabs: {}, panels: {} };
  parts.graph = drawGraph(model, view, actions);
  parts.timeline = drawTimeline(model, view, actions);
  parts.nodes = nodesTable(model, view, actions);
  parts.data = dataTable(model, view, actions);
  parts.comparison = comparison(model, view, actions);
  parts.about = aboutPanel();
  const top = header();
  const bar = toolbar();
  const content = { graph: graphPanel(), timeline: timelinePanel(), nodes: parts.nodes.element, data: parts.data.element, comparison: parts.comparison.element, about: parts.about.element };
  parts.told = h("div", { class: "told" });
  parts.details = h("aside", { class: "details", "aria-label": "Details" },
    h("button", { type: "button", class: "close", "aria-label": "Close details", onclick: close }, "×"), parts.told);
  const tabs = tabList();
  for (const [name, title] of TABS) {
    parts.panels[name] = h("section", { class: `panel panel-${name}`, id: `panel-${name}`, role: "tabpanel", "aria-labelledby": `tab-${name}` }, h("h2", { class: "printed" }, title), content[name]);
  }
  parts.answers = answers(model, actions);
  root.replaceChildren(top, parts.answers, h("div", { class: "bars" }, tabs, bar),
    h("main", null, h("div", { class: "panels" }, TABS.map(([name]) => parts.panels[name])), parts.details));
  open(view.tab);
  if (keep) showDetails(false);
  if (view.tab !== "graph" || keep) parts.graph.draw(keep);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const writing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "Escape" && view.chosen) close();
  else if (event.key === "Escape" && view.search) setSearch("");
  else if (writing) return;
  else if (event.key === "/") { event.preventDefault(); parts.search.focus(); }
  else if (view.tab === "graph" && event.key === "+") parts.graph.by(1.4);
  else if (view.tab === "graph" && event.key === "-") parts.graph.by(1 / 1.4);
  else if (view.tab === "graph" && event.key === "0") parts.graph.fit();
});

let resizing = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => { parts.timeline.draw(); });
});
// On paper every view is printed, so each must be drawn.
window.addEventListener("beforeprint", () => { drawAll(false); parts.graph.fit(PAPER); });
window.addEventListener("afterprint", () => { parts.graph.fit(); });

/** Shows how long it takes by now; what has the focus stays as it is until something happens. */
function tick(now) {
  passTime(model, now);
  parts.took.textContent = duration(model.run.seconds);
  const isFree = (element) => !element.contains(document.activeElement);
  if (isFree(parts.answers)) {
    const anew = answers(model, actions);
    parts.answers.replaceWith(anew);
    parts.answers = anew;
  }
  if (!isFree(parts[view.tab].element)) return;
  if (view.tab !== "graph") parts[view.tab].draw();
  else if (model.nodes.length <= MOST_REDRAWN) parts.graph.draw(true);
}

async function follow(address) {
  let text = "";
  let unanswered = 0;
  const live = () => root.querySelector(".live");
  // Of a run whose journal lies on shared storage nobody can tell whether it still runs.
  const goesOn = () => ["running", "unfinished"].includes(model.run.outcome);
  const say = () => { live().textContent = goesOn() ? "live" : "followed"; };
  say();
  while (unanswered < MOST_UNANSWERED) {
    const wait = goesOn() && !unanswered ? ASKED_AGAIN.running : ASKED_AGAIN.ended;
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    let doc;
    try {
      const answer = await fetch(address, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      doc = await answer.json();
    } catch {
      unanswered += 1;
      live().textContent = "not reached, asked again";
      continue;
    }
    unanswered = 0;
    const told = JSON.stringify({ ...doc, now: null });
    if (told === text) tick(doc.now);
    else {
      text = told;
      const focused = document.activeElement === parts.search;
      build(doc, true);
      if (focused) parts.search.focus();
    }
    say();
  }
  live().textContent = "no longer followed";
}

document.documentElement.classList.toggle("inline", Boolean(inline));
build(given, false);
document.documentElement.dataset.ready = "yes";
if (root.dataset.follow) follow(root.dataset.follow);
