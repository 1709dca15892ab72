// The document, and what follows from it.

export function modelOf(doc) {
  const nodes = doc.nodes.map((node, at) => ({
    inputs: [], outputs: [], params: {}, reasons: [], tags: [], earlier: [], checks: [], jobs: [], ...node, at,
  }));
  const checks = nodes.flatMap((node) => node.checks);
  const data = doc.data_sets.map((one) => ({
    readers: [], earlier: [], columns: [], declared: [], preview: [], checks: [], ...one,
  }));
  const byName = new Map(data.map((one) => [one.name, one]));
  // One table under several names, as table@spark and table@pandas: what is known of the written one.
  const written = writtenForms(data);
  for (const one of data) one.written = one.writer === undefined ? written.get(plainOf(one.name)) : one;
  checks.forEach((check) => byName.get(check.data_set)?.checks.push(check));
  const steps = new Map(doc.path.map((step, at) => [step.node, { ...step, at }]));
  const parents = nodes.map(() => []);
  const children = nodes.map(() => []);
  for (const [a, b] of doc.edges) {
    if (!children[a].includes(b)) children[a].push(b);
    if (!parents[b].includes(a)) parents[b].push(a);
  }
  const model = { doc, run: { ...doc.run }, nodes, checks, data, byName, steps, parents, children, longest: 0 };
  passTime(model, doc.now);
  return model;
}

const plainOf = (name) => name.split("@")[0];
const writtenForms = (data) => new Map(data.filter((one) => one.writer !== undefined).map((one) => [plainOf(one.name), one]));

/** Lets a run that goes on, and its nodes that run, have taken until now. */
export function passTime(model, now) {
  if (now !== undefined) {
    model.run.seconds = Math.max(model.run.seconds ?? 0, now);
    for (const node of model.nodes) if (node.state === "running" && node.start !== undefined) node.seconds = Math.max(node.seconds ?? 0, now - node.start);
  }
  model.longest = Math.max(0, ...model.nodes.map((node) => node.seconds ?? 0));
}

/** Where most of a node's time went, in words. */
export function mostOf(node) {
  const parts = [["loading", node.load ?? 0], ["its function", node.function ?? 0], ["saving", node.save ?? 0]];
  const [word, seconds] = parts.sort((a, b) => b[1] - a[1])[0];
  return { word, seconds };
}

const CHECKS = ["none", "passed", "warned", "dropped", "quarantined", "failed"];

/** The worst that checks of a node or a data set have found. */
export const checksOf = ({ checks }) =>
  CHECKS[checks.reduce((worst, one) => Math.max(worst, CHECKS.indexOf(one.outcome)), 0)];

/** The heat of a time from 0 to 4, by its share of the longest. */
export function heatOf(seconds, longest) {
  if (!seconds || !longest) return 0;
  const share = seconds / longest;
  return share > 0.75 ? 4 : share > 0.4 ? 3 : share > 0.15 ? 2 : share > 0.03 ? 1 : 0;
}

export function matches(node, words) {
  if (!words.length) return true;
  const text = [node.name, node.state, node.kind, ...node.tags, ...node.inputs, ...node.outputs]
    .join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

export const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

/** The groups of a node, the outermost first. */
export function groupsOf(node) {
  const parts = (node.namespace ?? "").split(".").filter(Boolean);
  const spaces = parts.map((_, at) => `namespace ${parts.slice(0, at + 1).join(".")}`);
  return node.layer ? [...spaces, `layer ${node.layer}`] : spaces;
}

/** Boxes and edges to draw, with what is folded as one box. */
export function graphOf(model, folded, withData) {
  const homes = model.nodes.map((node) => groupsOf(node).find((one) => folded.has(one)) ?? null);
  const keyOf = (at) => (homes[at] === null ? `n${at}` : `g${homes[at]}`);
  const boxes = new Map();
  model.nodes.forEach((node, at) => {
    const key = keyOf(at);
    if (homes[at] === null) boxes.set(key, { key, node, nodes: [node] });
    else if (boxes.has(key)) boxes.get(key).nodes.push(node);
    else boxes.set(key, { key, group: homes[at], nodes: [node] });
  });
  const edges = new Map();
  const join = (a, b) => a !== b && edges.set(`${a}\n${b}`, [a, b]);
  if (!withData) for (const [a, b] of model.doc.edges) join(keyOf(a), keyOf(b));
  else {
    model.data.forEach((data, at) => {
      const readers = [...new Set(data.readers.map(keyOf))];
      const writer = data.writer === undefined ? null : keyOf(data.writer);
      const inside = writer !== null && readers.every((one) => one === writer) && writer[0] === "g";
      if (inside && readers.length) return;
      if (writer === null && readers.every((one) => one[0] === "g")) return;
      boxes.set(`d${at}`, { key: `d${at}`, data, nodes: [] });
      if (writer !== null) join(writer, `d${at}`);
      readers.filter((one) => one !== writer).forEach((one) => join(`d${at}`, one));
    });
    for (const [a, b, name] of model.doc.edges) if (!model.byName.has(name)) join(keyOf(a), keyOf(b));
    // One table under several names stays one line.
    const places = new Map(model.data.map((one, at) => [one, at]));
    model.data.forEach((one, at) => {
      const other = one.written && places.get(one.written);
      if (one.writer === undefined && other !== undefined && boxes.has(`d${at}`) && boxes.has(`d${other}`)) join(`d${other}`, `d${at}`);
    });
  }
  return { boxes: [...boxes.values()], edges: [...edges.values()] };
}

const WORST = ["failed", "died", "running", "cancelled", "waiting", "runs", "done", "unchanged", "skipped"];
export const worstOf = (nodes) =>
  WORST.find((state) => nodes.some((node) => node.state === state)) ?? nodes[0]?.state ?? "";
