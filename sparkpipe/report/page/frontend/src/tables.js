// Tables of nodes, of data sets and of differences.

import { h, s } from "./dom.js";
import { count, duration, moment, plain, size, stateOf } from "./format.js";
import { checksOf, matches } from "./model.js";

/** A small line of numbers over time, with its words for those who do not see it. */
export function spark(values, about, told) {
  const known = values.filter((one) => one !== null && one !== undefined);
  if (known.length < 2) return h("span");
  const [w, t] = [72, 18];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const x = (at) => 2 + (at / (known.length - 1)) * (w - 6);
  const y = (one) => (high === low ? t / 2 : t - 3 - ((one - low) / (high - low)) * (t - 6));
  const points = known.map((one, at) => `${x(at).toFixed(1)},${y(one).toFixed(1)}`);
  return s("svg", { class: "spark", width: w, height: t, role: "img", "aria-label": `${about}: ${known.map(told).join(", ")}` },
    s("title", null, known.map(told).join(" → ")),
    s("polyline", { points: points.join(" ") }),
    s("circle", { cx: x(known.length - 1), cy: y(known[known.length - 1]), r: 2.2 }));
}

export const stateMark = (name) => name &&
  h("span", { class: `badge state-${name}` }, h("span", { "aria-hidden": "true" }, stateOf(name).mark), ` ${stateOf(name).word}`);

export const checkMark = (outcome) => h("span", { class: `badge checks-${outcome}` }, outcome);

export const link = (text, onclick) => h("button", { type: "button", class: "link", onclick }, text);

function table(about, columns, rows, view, again) {
  const kept = columns.filter((column) => !column.has || rows.some((row) => column.has(row)));
  const sorting = view.sorting[about];
  const ordered = [...rows];
  const by = kept.find((column) => column.title === sorting?.title);
  if (by?.value) {
    const rank = (row) => by.value(row) ?? (typeof by.value(rows[0]) === "string" ? "" : -Infinity);
    ordered.sort((a, b) => {
      const [one, other] = [rank(a), rank(b)];
      return (one < other ? -1 : one > other ? 1 : 0) * (sorting.down ? -1 : 1);
    });
  }
  const head = kept.map((column) => h("th", {
    scope: "col", class: column.number ? "number" : null,
    "aria-sort": column === by ? (sorting.down ? "descending" : "ascending") : null,
  }, column.value ? h("button", {
    type: "button", class: "sort",
    onclick: () => {
      view.sorting[about] = { title: column.title, down: column === by ? !sorting.down : Boolean(column.number) };
      again(column.title);
    },
  }, column.title, h("span", { "aria-hidden": "true" }, column === by ? (sorting.down ? " ↓" : " ↑") : "")) : h("span", { class: "sort" }, column.title)));
  return h("div", { class: "scrolling", tabindex: "0", role: "region", "aria-label": about },
    h("table", null, h("thead", null, h("tr", null, head)),
      h("tbody", null, ordered.map((row) => h("tr", null, kept.map((column, at) =>
        h(at === 0 ? "th" : "td", { scope: at === 0 ? "row" : null, class: column.number ? "number" : null }, column.cell(row))))))));
}

function redrawing(make) {
  const frame = h("div");
  const draw = (title) => {
    frame.replaceChildren(make(draw));
    // Whoever sorts by keys stays where they were.
    if (title) [...frame.querySelectorAll("button.sort")].find((one) => one.textContent.startsWith(title))?.focus();
  };
  return { element: frame, draw: () => draw(), mark: () => draw() };
}

export function nodesTable(model, view, actions) {
  const compared = model.doc.comparison?.nodes ?? {};
  return redrawing((again) => {
    const rows = model.nodes.filter((node) => matches(node, view.words));
    if (!rows.length) return h("p", { class: "empty" }, "No node matches.");
    return table("Nodes", [
      { title: "Node", value: (n) => n.name, cell: (n) => link(n.name, () => actions.choose({ node: n })) },
      { title: "State", value: (n) => n.state, has: (n) => n.state, cell: (n) => stateMark(n.state) },
      { title: "Took", number: true, value: (n) => n.seconds, has: (n) => n.seconds !== undefined, cell: (n) => duration(n.seconds) },
      { title: "Earlier", has: (n) => n.earlier.length > 1, cell: (n) => spark([...n.earlier, ...(n.seconds === undefined ? [] : [n.seconds])], "Seconds over the last runs", duration) },
      { title: "Compared", number: true, value: (n) => compared[n.name], has: (n) => compared[n.name] !== undefined, cell: (n) => duration(compared[n.name]) },
      { title: "Load", number: true, value: (n) => n.load, has: (n) => n.load, cell: (n) => n.load ? duration(n.load) : "" },
      { title: "Function", number: true, value: (n) => n.function, has: (n) => n.function, cell: (n) => n.function ? duration(n.function) : "" },
      { title: "Save", number: true, value: (n) => n.save, has: (n) => n.save, cell: (n) => n.save ? duration(n.save) : "" },
      { title: "Spark", number: true, value: (n) => n.spark, has: (n) => n.spark, cell: (n) => n.spark ? duration(n.spark) : "" },
      { title: "Attempts", number: true, value: (n) => n.attempts, has: (n) => n.attempts > 1, cell: (n) => n.attempts ?? "" },
      { title: "Checks", has: (n) => n.checks.length, value: checksOf, cell: (n) => n.checks.length ? checkMark(checksOf(n)) : "" },
      { title: "Why", has: (n) => n.error || n.reasons.length, cell: (n) => n.error ? `${n.error.type}: ${n.error.message.split("\n")[0]}` : n.reasons.join("; ") },
    ], rows, view, again);
  });
}

export function dataTable(model, view, actions) {
  return redrawing((again) => {
    const rows = model.data.filter((one) => view.words.every((word) =>
      [one.name, one.type ?? "", one.place ?? ""].join("\n").toLowerCase().includes(word)));
    if (!rows.length) return h("p", { class: "empty" }, "No data set matches.");
    const values = (one, what) => [...one.earlier.map((run) => run[what]), one[what]];
    return table("Data sets", [
      { title: "Data set", value: (d) => d.name, cell: (d) => link(d.name, () => actions.choose({ data: d })) },
      { title: "Rows", number: true, value: (d) => d.rows, has: (d) => d.rows !== undefined, cell: (d) => count(d.rows) },
      { title: "Rows over time", has: (d) => values(d, "rows").filter((n) => n !== undefined && n !== null).length > 1, cell: (d) => spark(values(d, "rows"), "Rows over the last runs", count) },
      { title: "Size", number: true, value: (d) => d.bytes, has: (d) => d.bytes !== undefined, cell: (d) => size(d.bytes) },
      { title: "Checks", value: checksOf, has: (d) => d.checks.length, cell: (d) => d.checks.length ? checkMark(checksOf(d)) : "" },
      { title: "Version", value: (d) => d.version, has: (d) => d.version, cell: (d) => d.version ?? "" },
      { title: "Written by", value: (d) => model.nodes[d.written?.writer]?.name ?? "", cell: (d) => d.written ? link(model.nodes[d.written.writer].name, () => actions.choose({ node: model.nodes[d.written.writer] })) : "" },
      { title: "Read by", cell: (d) => d.readers.map((at, n) => [n ? ", " : "", link(model.nodes[at].name, () => actions.choose({ node: model.nodes[at] }))]) },
      { title: "Type", value: (d) => d.type, has: (d) => d.type, cell: (d) => d.type ?? "" },
      { title: "Layer", value: (d) => d.layer, has: (d) => d.layer, cell: (d) => d.layer ?? "" },
      { title: "Place", value: (d) => d.place, has: (d) => d.place, cell: (d) => h("span", { class: "place" }, d.place ?? "") },
    ], rows, view, again);
  });
}

export function comparison(model, view, actions) {
  const other = model.doc.comparison;
  return redrawing((again) => {
    if (!other) return h("p", { class: "empty" }, "No other run to compare with. Give one: sparkpipe report --compare RUN_ID");
    const names = new Map(model.nodes.map((node) => [node.name, node]));
    const find = (where) => names.get(where) ?? names.get(where.split(":")[0]);
    const about = h("p", { class: "lead" }, other.is_later ? "Compared with the later run " : "Compared with the run before, ",
      h("strong", null, other.run_id), Object.entries(other.slices ?? {}).map(([name, text]) => ` of ${name}=${text}`), ` (${moment(other.started)}, ${stateOf(other.outcome).word}, ${duration(other.seconds)}).`,
      other.cut && ` Left out, so that the page stays small: ${other.cut.join("; ")}.`);
    const rows = other.differences.filter((one) => view.words.every((word) => plain(one).toLowerCase().includes(word)));
    if (!rows.length) return h("div", null, about, h("p", { class: "empty" }, "Nothing differs."));
    return h("div", null, about, table("Differences", [
      { title: "Where", value: (d) => d.where, cell: (d) => find(d.where) ? link(d.where, () => actions.choose({ node: find(d.where) }))
        : model.byName.has(d.where) ? link(d.where, () => actions.choose({ data: model.byName.get(d.where) })) : d.where },
      { title: "What", value: (d) => d.kind, cell: (d) => h("span", { class: `badge what-${d.kind}` }, d.kind) },
      { title: "Before", cell: (d) => h("span", { class: "value" }, d.before) },
      { title: "After", cell: (d) => h("span", { class: "value" }, d.after) },
    ], rows, view, again));
  });
}
