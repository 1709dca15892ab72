// What is chosen, told in full.

import { h } from "./dom.js";
import { count, duration, moment, percent, plain, plural, size, stateOf } from "./format.js";
import { groupsOf, mostOf } from "./model.js";
import { checkMark, link, spark, stateMark } from "./tables.js";

const section = (title, ...content) => h("section", null, h("h3", null, title), ...content);

const facts = (rows) => h("dl", null, rows.filter(([, value]) => value !== "" && value !== undefined && value !== null)
  .map(([title, value]) => [h("dt", null, title), h("dd", null, value)]));

export function describe(model, chosen, actions) {
  if (chosen?.node !== undefined) {
    const node = model.nodes.find((one) => one.name === chosen.node);
    if (node) return aboutNode(model, node, actions);
  }
  if (chosen?.data !== undefined && model.byName.has(chosen.data)) return aboutData(model, model.byName.get(chosen.data), actions);
  if (chosen?.group !== undefined) return aboutGroup(model, chosen.group, actions);
  return null;
}

const cutOf = (thing) => thing.cut?.length > 0 && h("p", { class: "quiet cut" }, `Left out, so that the page stays small: ${thing.cut.map((one) => one.replace(/_/g, " ")).join("; ")}.`);

/** The reader's own lines on the way to an error, the nearest last. */
const wayTo = (error) => h("ol", { class: "way", "aria-label": "Your lines, the nearest last" },
  error.lines.map(([place, line]) => h("li", null, h("span", { class: "place" }, place), line && h("code", null, line))));

function times(node) {
  const parts = [["load", node.load ?? 0], ["function", node.function ?? 0], ["save", node.save ?? 0]];
  const total = Math.max(node.seconds, parts.reduce((sum, [, n]) => sum + n, 0)) || 1;
  return h("div", { class: "parts" },
    h("div", { class: "stack", "aria-hidden": "true" }, parts.map(([name, seconds]) =>
      h("span", { class: `part ${name}`, style: { width: `${(100 * seconds) / total}%` } }))),
    h("ul", { class: "legend" }, parts.map(([name, seconds]) =>
      h("li", null, h("span", { class: `dot part ${name}`, "aria-hidden": "true" }), `${name} ${duration(seconds)}`)),
    node.spark !== undefined && h("li", null, `in Spark jobs ${duration(node.spark)}`)));
}

const read = (rows, bytes) => [rows && plural(rows, "row"), size(bytes)].filter(Boolean).join(", ");

/** The Spark jobs of a node, each with its stages; the longest is open. */
function jobsOf(node) {
  const longest = node.jobs.reduce((best, job) => ((job.seconds ?? 0) > (best.seconds ?? 0) ? job : best));
  const left = node.jobs_left_out ? ` and ${count(node.jobs_left_out)} shorter ones` : "";
  return section(`${plural(node.jobs.length, "Spark job")}${left}`, node.jobs.map((job) =>
    h("details", { open: job === longest },
      h("summary", null, `Job ${job.id}, `, h("strong", null, duration(job.seconds ?? 0)), job.description && ` · ${job.description.split(`${node.name} · `).at(-1)}`,
        job.status && [" ", h("span", { class: `badge state-${job.status}` }, job.status)]),
      job.stages.length > 0 && stageTable(job))));
}

function stageTable(job) {
  const columns = [
    ["Stage", (stage) => h("span", { title: stage.name }, String(stage.id), stage.attempts > 1 && ` (attempt ${stage.attempts})`, ["failed", "active"].includes(stage.status) && ` ${stage.status}`)],
    ["Took", (stage) => duration(stage.seconds)],
    ["Tasks", (stage) => `${count(stage.tasks)}${stage.failed_tasks ? `, ${stage.failed_tasks} failed` : ""}`],
    ["Longest task", (stage) => duration(stage.longest_task)],
    ["Median", (stage) => duration(stage.median_task)],
    ["Read", (stage) => read(stage.input_rows, stage.input_bytes)],
    ["Shuffle read", (stage) => size(stage.shuffle_read_bytes)],
    ["Shuffle written", (stage) => size(stage.shuffle_written_bytes)],
    ["Spilled", (stage) => size(stage.spilled_bytes)],
    ["Written", (stage) => read(stage.output_rows, stage.output_bytes)],
    ["What", (stage) => stage.name ?? ""],
  ];
  return smallTable(`Stages of job ${job.id}`, columns.filter(([title, cell]) => title === "Stage" || job.stages.some(cell)), job.stages);
}

function dataList(model, names, actions) {
  return h("ul", { class: "list" }, names.map((name) => {
    const data = model.byName.get(name);
    const known = data?.rows === undefined ? data?.written : data;
    const told = [count(known?.rows) && plural(known.rows, "row"), size(known?.bytes), data?.type].filter(Boolean).join(", ");
    return h("li", null, data ? link(name, () => actions.choose({ data })) : name, told && h("span", { class: "quiet" }, ` ${told}`));
  }));
}

const nodeList = (model, list, actions) => h("ul", { class: "list" }, list.map((at) =>
  h("li", null, link(model.nodes[at].name, () => actions.choose({ node: model.nodes[at] })), " ", stateMark(model.nodes[at].state))));

/** The code of a node, with the line of it that failed, or called what failed. */
function codeOf(node) {
  const lines = node.error?.lines?.length ? node.error.lines : [[node.error?.location ?? "", null]];
  const inIt = lines.map(([place, text]) => [place.match(/:(\d+) in (.+)$/), text]).filter(([one]) => one && node.function_name?.endsWith(`.${one[2]}`));
  const code = node.code.split("\n");
  const [place, text] = inIt.at(-1) ?? [];
  const at = place ? Number(place[1]) - Number(node.line) : -1;
  // The code may have changed since.
  const failed = text === null || code[at]?.trim() === text?.trim() ? at : -1;
  return code.flatMap((text, at) => [at ? "\n" : "", at === failed ? h("mark", { title: "It failed here" }, text) : text]);
}

function aboutNode(model, node, actions) {
  const step = model.steps.get(node.name);
  const compared = model.doc.comparison;
  const before = compared?.nodes[node.name];
  const differences = (compared?.differences ?? []).filter((one) =>
    one.where === node.name || one.where.startsWith(`${node.name}: `) || node.outputs.includes(one.where));
  const why = { data: "It started as soon as its data was there.", lane: "It waited for a free lane: more lanes would have let it start earlier.", start: "It is where the path begins." };
  const groups = groupsOf(node);
  return [
    h("h2", { tabindex: "-1" }, node.name),
    h("p", { class: "lead" }, stateMark(node.state), node.seconds !== undefined && [" ", h("strong", null, duration(node.seconds))],
      node.attempts > 1 && ` in ${node.attempts} attempts`),
    node.reasons.map((reason) => h("p", null, reason)),
    cutOf(node),
    node.since && h("p", { class: "quiet" }, `It last ran in ${node.since}.`),
    node.error && h("section", { class: "error" }, h("h3", null, node.error.type),
      h("pre", null, node.error.message), node.error.lines?.length > 0 ? wayTo(node.error)
        : node.error.location && h("p", { class: "place" }, `at ${node.error.location}`)),
    model.doc.advice.filter((one) => one.node === node.name).map((one) =>
      h("p", { class: "onpath advice" }, h("strong", null, "Advice: "), `${one.figure} ${one.remedy}`)),
    step && h("p", { class: "onpath" }, h("strong", null, `◆ Step ${step.at + 1} of ${model.steps.size} of the path that decided how long the run took. `), why[step.after] ?? ""),
    node.seconds !== undefined && section("Time", times(node), facts([
      ["Started", node.start === undefined ? "" : `${duration(node.start)} after the run began (${moment(model.run.started + node.start)})`],
      ["Most of it", mostOf(node).seconds ? `${mostOf(node).word}, ${percent(mostOf(node).seconds / (node.seconds || 1))}` : ""],
      ["Share of the run", model.run.seconds ? percent(node.seconds / model.run.seconds) : ""],
      ["In the compared run", before === undefined ? "" : duration(before)],
      ["Earlier runs", node.earlier.length > 1 ? spark([...node.earlier, node.seconds], "Seconds over the last runs", duration) : ""],
    ])),
    differences.length > 0 && section("Changed", h("ul", { class: "list" }, differences.map((one) =>
      h("li", null, h("span", { class: `badge what-${one.kind}` }, one.kind), ` ${one.where === node.name ? "" : one.where} `,
        h("span", { class: "value" }, one.before), " → ", h("span", { class: "value" }, one.after))))),
    node.checks.length > 0 && section("Checks", checkList(node.checks, (one) => `${one.data_set}: ${one.check}`)),
    node.jobs.length > 0 && jobsOf(node),
    node.outputs.length > 0 && section("Writes", dataList(model, node.outputs, actions)),
    node.inputs.length > 0 && section("Reads", dataList(model, node.inputs, actions)),
    Object.keys(node.params).length > 0 && section("Parameters", facts(Object.entries(node.params).map(([name, value]) =>
      [name.replace(/^params:/, ""), h("span", { class: "value" }, plain(value))]))),
    model.parents[node.at].length > 0 && section("After", nodeList(model, model.parents[node.at], actions)),
    model.children[node.at].length > 0 && section("Before", nodeList(model, model.children[node.at], actions)),
    (node.code || node.code_at || node.function_name) && section("Code", node.function_name && h("p", { class: "place" }, node.function_name, node.line && `, line ${node.line}`),
      node.code_at && h("p", { class: "place" }, `${node.code_at} in the run`),
      node.code && [h("p", { class: "quiet" }, "As it is in the project now:"), h("pre", { class: "code", tabindex: "0" }, codeOf(node))]),
    facts([["Tags", node.tags.join(", ")], ["Namespace", node.namespace], ["Layer", node.layer], ["Kind", node.kind]]),
    groups.length > 0 && h("p", null, groups.map((group) => h("button", { type: "button", onclick: () => actions.fold(group) }, `Fold ${group}`))),
  ];
}

const checkList = (checks, say) => h("ul", { class: "list" }, checks.map((one) =>
  h("li", null, checkMark(one.outcome), ` ${say(one)}`,
    one.told && h("div", { class: "quiet" }, one.told),
    one.quarantine && h("div", { class: "place" }, `They are in ${one.quarantine}`))));

/** Columns as they were written, as their entry declares them, and what it says of them. */
function columnsOf(data, model) {
  const declared = new Map(data.declared.map((one) => [one.name, one]));
  const written = new Map(data.columns);
  const names = [...new Set([...written.keys(), ...declared.keys()])];
  if (!names.length) return null;
  const rows = names.map((name) => ({ name, type: written.get(name), declared: declared.get(name)?.type, comment: declared.get(name)?.comment }));
  const most = data.columns.length === model.doc.most_columns || data.cut?.some((one) => /^(columns|declared):/.test(one));
  return section(most ? `Columns, the first ${names.length}` : `Columns (${names.length})`,
    data.as_of && h("p", { class: "quiet" }, `As ${data.as_of} wrote them.`),
    smallTable("Columns", [
      ["Column", (row) => row.name],
      ["Type", (row) => row.type ?? "", written.size],
      ["Declared", (row) => row.declared ?? "", declared.size],
      ["Comment", (row) => row.comment ?? "", rows.some((row) => row.comment)],
    ].filter(([, , has]) => has !== 0 && has !== false), rows));
}

function previewOf(data) {
  const [names, ...rows] = data.preview;
  if (!names) return null;
  const cell = (at) => (row) => (row[at] === null ? h("span", { class: "quiet" }, "null") : row[at]);
  return section("A few rows", !data.columns.length && data.as_of && h("p", { class: "quiet" }, `As ${data.as_of} wrote them.`),
    rows.length ? smallTable("A few rows", names.map((name, at) => [name, cell(at)]), rows, "rows") : h("p", { class: "quiet" }, "It has none."));
}

const smallTable = (about, columns, rows, name) => h("div", { class: `scrolling small ${name ?? ""}`, tabindex: "0", role: "region", "aria-label": about },
  h("table", null, h("thead", null, h("tr", null, columns.map(([title]) => h("th", { scope: "col" }, title)))),
    h("tbody", null, rows.map((row) => h("tr", null, columns.map(([, cell], at) => h(at === 0 ? "th" : "td", { scope: at === 0 ? "row" : null }, cell(row))))))));

function aboutData(model, data, actions) {
  // What is read under another name than it was written under is known by that one.
  const known = data.rows === undefined && data.written ? data.written : data;
  const values = (what) => [...known.earlier.map((run) => run[what]), known[what]].filter((one) => one !== undefined && one !== null);
  const told = (what, say) => h("span", null, say(known[what]), " ", spark(values(what), `${what} over the last runs`, say));
  return [
    h("h2", { tabindex: "-1" }, data.name),
    h("p", { class: "lead" }, data.type ?? "data set", data.lazy && " · lazy, computed by whoever reads it"),
    cutOf(data),
    facts([
      ["Rows", known.rows === undefined ? "" : told("rows", count)],
      ["Size", known.bytes === undefined ? "" : told("bytes", size)],
      ["Version", data.version], ["Place", data.place && h("span", { class: "place" }, data.place)],
      ["Layer", data.layer], ["Note", data.note],
    ]),
    data.checks.length > 0 && section("Checks", checkList(data.checks, (one) => one.check)),
    columnsOf(data, model),
    previewOf(data),
    section("Written by", data.written ? [nodeList(model, [data.written.writer], actions), data.written !== data && h("p", null, "as ", link(data.written.name, () => actions.choose({ data: data.written })))]
      : h("p", { class: "quiet" }, "No node of this run: it comes from outside.")),
    data.readers.length > 0 && section("Read by", nodeList(model, data.readers, actions)),
    data.written && model.nodes[data.written.writer].inputs.length > 0 && section("Made from", dataList(model, model.nodes[data.written.writer].inputs, actions)),
    data.earlier.length > 0 && section("Earlier runs", smallTable("Earlier runs",
      [["Run", (run) => run.run], ["Rows", (run) => count(run.rows)], ["Size", (run) => size(run.bytes)], ["Version", (run) => run.version ?? ""]], [...data.earlier].reverse())),
  ];
}

function aboutGroup(model, group, actions) {
  const nodes = model.nodes.filter((node) => groupsOf(node).includes(group));
  return [
    h("h2", { tabindex: "-1" }, group),
    h("p", { class: "lead" }, plural(nodes.length, "node"), ", ", duration(nodes.reduce((sum, node) => sum + (node.seconds ?? 0), 0)), " in all"),
    h("p", null, h("button", { type: "button", onclick: () => actions.unfold(group) }, "Unfold")),
    section("Nodes", nodeList(model, nodes.map((node) => node.at), actions)),
  ];
}

/** What a reader asks first, each with its answer. */
export function answers(model, actions) {
  const { run, nodes, doc } = model;
  const told = [];
  const add = (title, text, more, act) => told.push({ title, text, more, act });
  const failed = nodes.filter((node) => ["failed", "died"].includes(node.state));
  if (failed.length) add("Failed", failed[0].name, failed[0].error ? `${failed[0].error.type}: ${failed[0].error.message.split("\n")[0]}` : stateOf(failed[0].state).word, () => actions.choose({ node: failed[0] }));
  (run.problems ?? []).slice(0, 3).forEach((one) => add("Problem", "It cannot run as planned", one));
  const ran = nodes.filter((node) => node.seconds !== undefined).sort((a, b) => b.seconds - a.seconds);
  if (ran.length) {
    const most = mostOf(ran[0]);
    add("Took longest", ran[0].name, `${duration(ran[0].seconds)}${most.seconds ? `, ${percent(most.seconds / ran[0].seconds)} in ${most.word}` : " so far"}`, () => actions.choose({ node: ran[0] }));
  }
  if (doc.path.length > 1) {
    const waits = doc.path.filter((step) => step.after === "lane").length;
    const seconds = doc.path.reduce((sum, step) => sum + (nodes.find((node) => node.name === step.node)?.seconds ?? 0), 0);
    add("Decided the length", `◆ ${plural(doc.path.length, "node")} one after the other`, `${duration(seconds)} of ${duration(run.seconds)}${waits ? `; ${plural(waits, "wait")} for a free lane` : ""}`, () => actions.open("timeline"));
  }
  if (doc.lanes > 1 && run.seconds) {
    const busy = ran.reduce((sum, node) => sum + node.seconds, 0);
    add("Lanes", `idle ${percent(Math.max(0, 1 - busy / (doc.lanes * run.seconds)))} of the time`, `${plural(doc.lanes, "lane")}${doc.unused_lanes ? `, ${count(doc.unused_lanes)} more unused` : ""}`, () => actions.open("timeline"));
  }
  const skipped = nodes.filter((node) => ["skipped", "unchanged"].includes(node.state));
  if (skipped.length) add("Did not run", plural(skipped.length, "node"), `${skipped[0].name}: ${skipped[0].reasons[0] ?? stateOf(skipped[0].state).word}`, () => actions.open("nodes", skipped.every((one) => one.state === skipped[0].state) ? skipped[0].state : ""));
  for (const one of doc.advice) {
    const node = nodes.find((other) => other.name === one.node);
    add("Advice", one.node, one.figure, node && (() => actions.choose({ node })));
  }
  const found = model.checks.filter((one) => one.outcome !== "passed");
  if (found.length) add("Checks", `${found.length} of ${plural(model.checks.length, "check")} did not pass`, `${found[0].data_set}, ${found[0].check}: ${found[0].told}`, () => actions.choose({ data: model.byName.get(found[0].data_set) ?? { name: found[0].data_set } }));
  if (doc.comparison) add("Changed", plural(doc.comparison.differences.length, "difference"), `${doc.comparison.is_later ? "to the later run" : "since"} ${doc.comparison.run_id}`, () => actions.open("comparison"));
  return h("ul", { class: "answers", "aria-label": "In short" }, told.map(({ title, text, more, act }) => {
    const inside = [h("span", { class: "title" }, title), h("strong", null, text), h("span", { class: "more" }, more)];
    return h("li", { class: ["Failed", "Problem"].includes(title) ? "bad" : null }, act ? h("button", { type: "button", onclick: act }, inside) : h("div", null, inside));
  }));
}
