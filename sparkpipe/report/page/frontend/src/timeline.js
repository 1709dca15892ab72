// Nodes on the lanes in which they ran.

import { h, roving, s } from "./dom.js";
import { duration, percent, plural, stateOf } from "./format.js";
import { heatOf, checksOf, matches } from "./model.js";

const LANE = 34;
// Jobs and stages of Spark need room of their own.
const LANE_WITH_JOBS = 54;
const TOP = 26;
const LEFT = 92;
// More lanes in which nothing ran tell no more than their number.
const MOST_UNUSED = 4;
const UNUSED = 20;
const WIDEST_TIME = 76;

const colourOf = (node, by, model) =>
  by === "time" ? `heat${heatOf(node.seconds, model.longest)}`
    : by === "kind" ? `kind-${node.kind}`
      : by === "checks" ? `checks-${checksOf(node)}` : `state-${node.state}`;

function ticks(seconds, most) {
  const raw = seconds / most;
  const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120,
    300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];
  const step = steps.find((one) => one >= raw) ?? raw;
  return Array.from({ length: Math.floor(seconds / step + 1e-6) + 1 }, (_, at) => at * step);
}

/** Spans of a node as narrow bars; what would lie in the same pixel is drawn once. */
function strip(node, spans, kind, y, height, x, width) {
  const from = x(node.start);
  let drawn = -1;
  return spans.filter((one) => one.start !== undefined).sort((a, b) => a.start - b.start).map((one) => {
    const left = Math.min(width - 1, Math.max(0, x(one.start) - from));
    const right = Math.min(width, x(one.start + one.seconds) - from);
    if (right <= drawn + 0.5) return null;
    drawn = Math.max(drawn, right);
    return s("rect", { class: `${kind} ${one.status ?? ""}`, x: left.toFixed(2), y, width: Math.max(0.8, right - left - 0.4).toFixed(2), height },
      s("title", null, `${kind === "job" ? `Job ${one.id}: ${one.description ?? ""}` : `Stage ${one.id}: ${one.name ?? ""}`}, ${duration(one.seconds)}`));
  });
}

export function drawTimeline(model, view, actions) {
  const frame = h("div", { class: "timeline-frame" });
  const bars = new Map();

  function draw() {
    const ran = model.nodes.filter((node) => node.start !== undefined)
      .sort((a, b) => a.start - b.start || a.lane - b.lane);
    if (!ran.length) {
      frame.replaceChildren(h("p", { class: "empty" }, model.doc.kind === "plan"
        ? "A plan has no times yet. Run it, then look at its report." : "No node of this run has started."));
      return;
    }
    const withJobs = ran.some((node) => node.jobs.length);
    const lane = withJobs ? LANE_WITH_JOBS : LANE;
    const whole = Math.max(model.run.seconds ?? 0, ...ran.map((node) => node.start + node.seconds)) || 1;
    const wide = Math.max(320, (frame.clientWidth || 900) - 8) * (view.stretch ?? 1);
    const x = (seconds) => LEFT + (seconds / whole) * (wide - LEFT - 12);
    const used = TOP + model.doc.lanes * lane;
    const drawnUnused = Math.min(model.doc.unused_lanes, MOST_UNUSED);
    const more = model.doc.unused_lanes - drawnUnused;
    const high = used + (drawnUnused + (more ? 1 : 0)) * UNUSED + 8;
    const busy = Array.from({ length: model.doc.lanes }, () => 0);
    ran.forEach((node) => { busy[node.lane] += node.seconds; });
    const axis = ticks(whole, Math.max(2, Math.min(8, Math.floor((wide - LEFT) / WIDEST_TIME)))).map((at) => [
      s("line", { class: "tick", x1: x(at), x2: x(at), y1: TOP - 4, y2: high }),
      s("text", { class: "axis", x: x(at), y: TOP - 10, "text-anchor": at === 0 ? "start" : "middle" }, at === 0 ? "0" : duration(at)),
    ]);
    const lanes = busy.map((seconds, at) => [
      s("rect", { class: "idle", x: LEFT, y: TOP + at * lane + 3, width: wide - LEFT - 12, height: lane - 6, rx: 3 }),
      s("text", { class: "lane", x: 0, y: TOP + at * lane + 15 }, `Lane ${at + 1}`),
      s("text", { class: "axis", x: 0, y: TOP + at * lane + 28 }, `idle ${percent(Math.max(0, 1 - seconds / whole))}`),
    ]);
    const unused = Array.from({ length: drawnUnused }, (_, at) => [
      s("rect", { class: "idle unused", x: LEFT, y: used + at * UNUSED + 3, width: wide - LEFT - 12, height: UNUSED - 6, rx: 3 }),
      s("text", { class: "lane", x: 0, y: used + at * UNUSED + 14 }, `Lane ${model.doc.lanes + at + 1}`),
      s("text", { class: "axis", x: LEFT + 6, y: used + at * UNUSED + 14 }, "unused"),
    ]);
    if (more) unused.push(s("text", { class: "axis", x: LEFT + 6, y: used + drawnUnused * UNUSED + 14 }, `${plural(more, "more lane")} unused`));
    bars.clear();
    const groups = ran.map((node) => {
      const width = Math.max(2, x(node.start + node.seconds) - x(node.start));
      const y = TOP + node.lane * lane + 3;
      const total = (node.load ?? 0) + (node.function ?? 0) + (node.save ?? 0);
      const scale = total > 0 ? width * Math.min(1, total / (node.seconds || total)) / total : 0;
      const load = (node.load ?? 0) * scale;
      const save = (node.save ?? 0) * scale;
      const element = s("g", {
        class: `bar ${colourOf(node, view.colour, model)}${model.steps.has(node.name) ? " decides" : ""}`,
        role: "button",
        "aria-label": `node ${node.name}, ${stateOf(node.state).word}, from ${duration(node.start)} for ${duration(node.seconds)}${node.jobs.length ? `, ${plural(node.jobs.length, "Spark job")}` : ""}${model.steps.has(node.name) ? ", on the deciding path" : ""}`,
        transform: `translate(${x(node.start).toFixed(2)} ${y})`,
        onclick: () => actions.choose({ node }),
      },
      s("rect", { class: "whole", width: width.toFixed(2), height: lane - 6, rx: Math.min(4, width / 2) }),
      load > 1.5 && s("rect", { class: "step", width: load.toFixed(2), height: 4, y: lane - 10 }),
      save > 1.5 && s("rect", { class: "step save", x: (load + (node.function ?? 0) * scale).toFixed(2), width: save.toFixed(2), height: 4, y: lane - 10 }),
      width > 3 && [strip(node, node.jobs, "job", 22, 9, x, width), strip(node, node.jobs.flatMap((job) => job.stages), "stage", 32, 5, x, width)],
      width > 34 && s("svg", { width: (width - 4).toFixed(2), height: lane - 6 },
        s("text", { x: 6, y: 17 }, `${stateOf(node.state).mark} ${node.name}`)));
      bars.set(node.name, element);
      return element;
    });
    const links = model.doc.path.slice(1).map((step, at) => {
      const [from, to] = [model.doc.path[at].node, step.node].map((name) => ran.find((node) => node.name === name));
      if (!from || !to) return null;
      const [a, b] = [x(from.start + from.seconds), x(to.start)];
      const [c, d] = [from, to].map((node) => TOP + node.lane * lane + lane / 2);
      return c === d && b - a < 4 ? null : s("path", { class: `link ${step.after}`, d: `M${a},${c}C${a + 10},${c} ${b - 10},${d} ${b},${d}` });
    });
    const svg = s("svg", { class: "timeline", width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, role: "group",
      "aria-label": "Timeline; arrow keys go from node to node" },
      s("defs", null, s("pattern", { id: "idle", width: 8, height: 8, patternUnits: "userSpaceOnUse" }, s("path", { d: "M-2,10L10,-2M-2,2L2,-2M6,10L10,6" }))), axis, lanes, unused, groups, links);
    const elements = [...bars.values()];
    roving(svg, elements, (at, key) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (step) return at + step;
      const down = { ArrowDown: 1, ArrowUp: -1 }[key];
      if (!down) return null;
      const wanted = ran[at].lane + down;
      let best = null;
      ran.forEach((node, other) => {
        if (node.lane === wanted && (best === null || Math.abs(node.start - ran[at].start) < Math.abs(ran[best].start - ran[at].start))) best = other;
      });
      return best;
    });
    frame.replaceChildren(h("div", { class: "scrolling", tabindex: "0", role: "region", "aria-label": "Timeline" }, svg));
    mark();
  }

  function mark() {
    for (const node of model.nodes) {
      const bar = bars.get(node.name);
      if (!bar) continue;
      bar.classList.toggle("dim", !matches(node, view.words));
      bar.classList.toggle("chosen", view.chosen?.node === node.name);
    }
  }
  return { element: frame, draw, mark };
}
