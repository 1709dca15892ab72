// The graph: boxes in layers, with zoom, pan and keys.

import { select } from "d3-selection";
import { zoom, zoomIdentity } from "d3-zoom";
import { h, roving, s } from "./dom.js";
import { count, duration, plural, size, stateOf } from "./format.js";
import { layout } from "./layout.js";
import { checksOf, graphOf, heatOf, matches, worstOf } from "./model.js";

const HEIGHT = 40;
const LONGEST = 34;
// Of larger graphs only one layout is tried.
const MOST_TRIED = 800;
// Of more, only those in the frame have their names drawn.
const MOST_NAMED = 250;
const REST = 140; // milliseconds
// How far a picture is enlarged or made smaller before another is drawn, and by how many pixels it
// goes beyond its frame on each side, as the style says, too.
const MOST_SCALED = 2;
const BEYOND = 300;
// Below it names are not drawn.
const READABLE = 0.42;
const pen = document.createElement("canvas").getContext("2d");

function cut(text) {
  const letters = [...text];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("")}…` : text;
}

// Measuring each text takes seconds for thousands; letters are few.
const letters = { label: new Map(), below: new Map() };
const FONTS = { label: "600 13px system-ui, sans-serif", below: "11px system-ui, sans-serif" };

function widthOf(text, kind) {
  let width = 0;
  for (const letter of text) {
    let own = letters[kind].get(letter);
    if (own === undefined) {
      if (pen) pen.font = FONTS[kind];
      own = pen ? pen.measureText(letter).width : 8;
      letters[kind].set(letter, own);
    }
    width += own;
  }
  return width;
}

function dress(box, model) {
  if (box.data) {
    box.label = cut(box.data.name);
    const amount = box.data.rows === undefined ? size(box.data.bytes) : plural(box.data.rows, "row");
    box.below = amount || box.data.type || "";
  } else if (box.group) {
    box.label = cut(box.group);
    box.below = plural(box.nodes.length, "node");
    box.state = worstOf(box.nodes);
  } else {
    const node = box.node;
    box.label = cut(node.namespace && node.name.startsWith(`${node.namespace}.`)
      ? node.name.slice(node.namespace.length + 1) : node.name);
    box.state = node.state;
    const took = node.seconds === undefined ? "" : duration(node.seconds);
    box.below = node.state && `${stateOf(node.state).mark} ${took || stateOf(node.state).word}`;
  }
  box.seconds = box.nodes.reduce((sum, node) => sum + (node.seconds ?? 0), 0);
  box.below = cut(box.below);
  box.width = Math.max(64, Math.ceil(Math.max(widthOf(box.label, "label"), widthOf(box.below, "below"))) + 26);
  box.height = HEIGHT;
  box.decides = box.nodes.some((node) => model.steps.has(node.name));
  return box;
}

function aboutOf(box) {
  if (box.data) return `data set ${box.data.name}, ${box.below}`;
  if (box.group) return `${box.group}, folded, ${box.below}, ${stateOf(box.state).word}`;
  const took = box.node.seconds === undefined ? "" : `, ${duration(box.node.seconds)}`;
  const path = box.decides ? ", on the deciding path" : "";
  return `node ${box.node.name}, ${stateOf(box.state).word}${took}${path}`;
}

function colourOf(box, by, model) {
  if (box.data) return "data";
  if (by === "time") return `heat${heatOf(box.seconds, model.longest)}`;
  if (by === "kind") return `kind-${box.nodes[0].kind}`;
  if (by === "checks") return `checks-${checksOf({ checks: box.nodes.flatMap((node) => node.checks) })}`;
  return `state-${box.state}`;
}

/** Draws the graph into a place; returns what others do with it. */
export function drawGraph(model, view, actions) {
  const frame = h("div", { class: "graph-frame" });
  let drawn = null;

  function draw(keep) {
    const { boxes, edges } = graphOf(model, view.folded, view.withData);
    boxes.forEach((box) => dress(box, model));
    const wide = frame.clientWidth || 900;
    const high = frame.clientHeight || 520;
    let across = wide < 640;
    let placed = layout(boxes, edges, across);
    // A graph that is much longer than its frame is wide reads better from top to bottom.
    if (wide >= 640 && boxes.length <= MOST_TRIED) {
      const other = layout(boxes, edges, true);
      const fit = (one) => Math.min(wide / (one.width || 1), high / (one.height || 1));
      if (fit(other) > 1.4 * fit(placed) && fit(placed) < 0.8) [placed, across] = [other, true];
    }
    const keyOfName = new Map();
    boxes.forEach((box) => box.nodes.forEach((node) => keyOfName.set(node.name, box.key)));
    const onPath = new Set();
    model.doc.path.forEach((step, at) => at && step.after === "data"
      && onPath.add(`${keyOfName.get(model.doc.path[at - 1].node)}\n${keyOfName.get(step.node)}`));
    if (view.withData) {
      // Between two nodes of the path stand the data sets that the one hands to the other.
      for (const pair of [...onPath]) {
        const [from, to] = pair.split("\n");
        for (const [a, b] of edges) {
          if (a === from && edges.some(([c, d]) => c === b && d === to)) onPath.add(`${a}\n${b}`).add(`${b}\n${to}`);
        }
      }
    }
    // Each a path of its own: the browser draws those in the frame only.
    const lines = (some) => some.map((one) => s("path", { d: one.d }));
    const isDeciding = ({ start, end }) => onPath.has(`${start}\n${end}`);
    const near = s("g", { class: "edges near" });
    const elements = [];
    const groups = boxes.map((box) => {
      const [x, y] = placed.at.get(box.key);
      const element = s("g", {
        class: `box ${colourOf(box, view.colour, model)}${box.decides ? " decides" : ""}${box.group ? " group" : ""}`,
        transform: `translate(${(x - box.width / 2).toFixed(1)} ${(y - HEIGHT / 2).toFixed(1)})`,
        role: "button",
        "aria-label": aboutOf(box),
        onclick: () => actions.choose(box),
      },
      s("rect", { width: box.width, height: HEIGHT, rx: box.data ? HEIGHT / 2 : 6 }),
      s("text", { x: box.width / 2, y: box.below ? 17 : HEIGHT / 2 + 5, class: "label" }, box.label),
      s("text", { x: box.width / 2, y: 32, class: "below" }, box.below));
      element.__box = box;
      box.element = element;
      elements.push(element);
      return element;
    });
    const scene = s("g", null,
      s("g", { class: "edges" }, lines(placed.paths.filter((one) => !isDeciding(one)))),
      s("g", { class: "edges deciding" }, lines(placed.paths.filter(isDeciding))), near, groups);
    const isLarge = boxes.length > MOST_NAMED;
    const svg = s("svg", { class: isLarge ? "graph large" : "graph", role: "group", "aria-label": "Graph of the pipeline; arrow keys walk along it" }, scene);
    const sizeOfFrame = () => [frame.clientWidth || wide, frame.clientHeight || high];
    const behaviour = zoom().scaleExtent([0.02, 3])
      .extent(() => [[0, 0], sizeOfFrame()])
      .on("zoom", ({ transform }) => {
        view.zoom = transform;
        const k = transform.k / settled.k;
        if (!isLarge || !svg.isConnected || k > MOST_SCALED || k < 1 / MOST_SCALED) return settle();
        // While it moves it is a picture that the browser only shifts; it is drawn when it rests.
        svg.style.transform = `translate(${transform.x - settled.x * k}px, ${transform.y - settled.y * k}px) scale(${k})`;
        clearTimeout(resting);
        resting = setTimeout(settle, REST);
      });
    let resting = 0;
    let settled = zoomIdentity;
    const settle = () => {
      clearTimeout(resting);
      settled = view.zoom;
      const more = isLarge ? BEYOND : 0;
      const { k, x, y } = settled;
      svg.style.transform = "";
      svg.style.transformOrigin = `${more}px ${more}px`;
      scene.style.transform = `translate(${x + more}px, ${y + more}px) scale(${k})`;
      svg.classList.toggle("far", k < READABLE);
      if (isLarge) cull(settled);
    };
    // Texts are most of the work of drawing, and of many only a few are in the frame.
    const cull = ({ k, x, y }) => {
      if (k < READABLE) return;
      const [w, t] = sizeOfFrame();
      for (const box of boxes) {
        const [a, b] = placed.at.get(box.key);
        const [half, high] = [(box.width / 2) * k, (HEIGHT / 2) * k];
        const out = a * k + x + half < -BEYOND || a * k + x - half > w + BEYOND
          || b * k + y + high < -BEYOND || b * k + y - high > t + BEYOND;
        if (out !== box.out) box.element.classList.toggle("out", out);
        box.out = out;
      }
    };
    // A page is scrolled over the graph; with Ctrl, or a pinch, it is zoomed.
    const area = select(frame).call(behaviour).on("dblclick.zoom", null);
    const fit = () => {
      const [w, t] = sizeOfFrame();
      if (Math.min((w - 32) / placed.width, (t - 32) / placed.height) >= READABLE) return whole();
      // What would be too small to read begins where something failed or goes on, or at its beginning.
      area.call(behaviour.transform, zoomIdentity.scale(across ? 0.8 : READABLE + 0.08));
      const first = boxes.find((box) => ["failed", "died", "running"].includes(box.state)) ?? boxes.find((box) => box.nodes.length) ?? boxes[0];
      const { k } = view.zoom;
      const [x, y] = placed.at.get(first.key);
      const at = (size, room, centre) => (size * k < room ? (room - size * k) / 2 : Math.min(16, Math.max(room - 16 - size * k, room / 2 - centre * k)));
      area.call(behaviour.transform, zoomIdentity.translate(at(placed.width, w, x), at(placed.height, t, y)).scale(k));
    };
    const by = (factor) => area.call(behaviour.scaleBy, factor);
    const whole = ([w, t] = sizeOfFrame()) => {
      const k = Math.min(1.15, (w - 32) / (placed.width || 1), (t - 32) / (placed.height || 1));
      area.call(behaviour.transform, zoomIdentity
        .translate((w - placed.width * k) / 2, (t - placed.height * k) / 2).scale(k));
    };
    const show = (key) => {
      const found = placed.at.get(key);
      if (!found) return;
      const k = Math.max(0.8, view.zoom?.k ?? 1);
      area.call(behaviour.transform, zoomIdentity
        .translate(frame.clientWidth / 2 - found[0] * k, frame.clientHeight / 2 - found[1] * k).scale(k));
    };
    const nearest = (at, key) => walk(at, key, boxes, edges, placed);
    roving(svg, elements, (at, key) => {
      const next = nearest(at, key);
      if (next !== null && next !== undefined) show(boxes[next].key);
      return next;
    });
    const uncover = (key) => {
      const found = placed.at.get(key);
      if (!found || !view.zoom) return;
      const [x, y] = view.zoom.apply(found);
      const inside = x > 60 && y > 30 && x < frame.clientWidth - 60 && y < frame.clientHeight - 30;
      if (!inside || view.zoom.k < 0.3) show(key);
    };
    drawn = { uncover, boxes, placed, edges, near, svg, show, fit, by, whole, keyOfName };
    if (keep && view.zoom) area.call(behaviour.transform, view.zoom);
    else fit();
    frame.replaceChildren(svg);
    mark();
  }

  function mark() {
    if (!drawn) return;
    const chosen = view.chosen;
    const key = chosen?.node !== undefined ? drawn.keyOfName.get(chosen.node)
      : drawn.boxes.find((box) => (chosen?.data !== undefined && box.data?.name === chosen.data)
        || (chosen?.group !== undefined && box.group === chosen.group))?.key;
    let hits = 0;
    for (const box of drawn.boxes) {
      const fits = box.data ? !view.words.length || view.words.every((word) => box.data.name.toLowerCase().includes(word))
        : box.nodes.some((node) => matches(node, view.words));
      if (fits && !box.data) hits += box.nodes.filter((node) => matches(node, view.words)).length;
      box.element.classList.toggle("dim", !fits);
      box.element.classList.toggle("hit", fits && view.words.length > 0);
      box.element.classList.toggle("chosen", box.key === key);
    }
    const around = drawn.placed.paths.filter((one) => one.start === key || one.end === key);
    drawn.near.replaceChildren(s("path", { d: around.map((one) => one.d).join("") }));
    actions.found(hits);
  }

  return {
    element: frame,
    draw,
    mark,
    show: (name) => drawn?.show(drawn.keyOfName.get(name)),
    uncover: (box) => {
      const key = box.key ?? (box.node ? drawn?.keyOfName.get(box.node.name) : drawn?.boxes.find((one) => one.data === box.data)?.key);
      if (key) drawn.uncover(key);
    },
    showFirstHit: () => {
      const hit = drawn?.boxes.find((box) => !box.data && box.nodes.some((node) => matches(node, view.words)));
      if (hit) drawn.show(hit.key);
      return hit;
    },
    by: (factor) => drawn?.by(factor),
    /** Shows all of it; on paper in its width and height, which no frame on the screen has. */
    fit: (size) => drawn?.whole(size),
    count: () => count(drawn?.boxes.length ?? 0),
  };
}

/** The box to which an arrow key leads: the nearest in its direction. */
function walk(at, key, boxes, edges, placed) {
  const direction = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key];
  if (key === "Home") return 0;
  if (key === "End") return boxes.length - 1;
  if (!direction) return null;
  const [x, y] = placed.at.get(boxes[at].key);
  let best = null;
  let least = Infinity;
  boxes.forEach((box, other) => {
    if (other === at) return;
    const [a, b] = placed.at.get(box.key);
    const ahead = (a - x) * direction[0] + (b - y) * direction[1];
    const aside = Math.abs((a - x) * direction[1]) + Math.abs((b - y) * direction[0]);
    if (ahead < 8 || (ahead < aside / 3)) return;
    const far = ahead + 2 * aside;
    if (far < least) [best, least] = [other, far];
  });
  return best;
}
