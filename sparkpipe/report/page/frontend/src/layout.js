// A layered drawing of a directed graph: layers by longest path, order by the means of neighbours,
// places by merging blocks that would overlap. Linear but for sorting, so thousands of boxes take
// a part of a second; the libraries that were tried took 2 to 30 seconds for 2,000 boxes.

const SWEEPS = 6;
const GAP = 14;
const BETWEEN = 52;
const THIN = 7; // what an edge that passes takes of a layer

/**
 * @param boxes [{key, width, height}]
 * @param edges [[from, to]] of keys; cycles are allowed, as folding may make some
 * @param across whether layers are rows
 * @returns {{at: Map, paths: Array, width: number, height: number}} centres, and points of edges
 */
export function layout(boxes, edges, across) {
  const byKey = new Map(boxes.map((box) => [box.key, box]));
  const directed = acyclic(boxes, edges.filter(([a, b]) => a !== b && byKey.has(a) && byKey.has(b)));
  const layerOf = layering(boxes, directed);
  const depth = Math.max(0, ...layerOf.values()) + 1;
  const layers = Array.from({ length: depth }, () => []);
  const places = new Map();
  for (const box of boxes) {
    const place = { box, size: (across ? box.width : box.height) + GAP, at: 0, before: [], after: [] };
    places.set(box.key, place);
    layers[layerOf.get(box.key)].push(place);
  }
  const paths = directed.map(([start, end, turned]) => {
    const path = [places.get(start)];
    for (let layer = layerOf.get(start) + 1; layer < layerOf.get(end); layer += 1) {
      const place = { box: null, size: THIN, at: 0, before: [], after: [] };
      layers[layer].push(place);
      path.push(place);
    }
    path.push(places.get(end));
    for (let at = 1; at < path.length; at += 1) {
      path[at - 1].after.push(path[at]);
      path[at].before.push(path[at - 1]);
    }
    return { start, end, path, turned };
  });
  order(layers);
  spread(layers);
  return drawn(layers, paths, across);
}

/** Turns those edges around that close a cycle. */
function acyclic(boxes, edges) {
  const after = new Map(boxes.map((box) => [box.key, []]));
  edges.forEach(([a, b]) => after.get(a).push(b));
  const state = new Map();
  const back = new Set();
  for (const { key } of boxes) {
    if (state.has(key)) continue;
    const stack = [[key, 0]];
    state.set(key, 1);
    while (stack.length) {
      const top = stack[stack.length - 1];
      const next = after.get(top[0])[top[1]];
      top[1] += 1;
      if (next === undefined) {
        state.set(top[0], 2);
        stack.pop();
      } else if (!state.has(next)) {
        state.set(next, 1);
        stack.push([next, 0]);
      } else if (state.get(next) === 1) back.add(JSON.stringify([top[0], next]));
    }
  }
  return edges.map(([a, b]) => (back.has(JSON.stringify([a, b])) ? [b, a, true] : [a, b, false]));
}

function layering(boxes, edges) {
  const after = new Map(boxes.map((box) => [box.key, []]));
  const missing = new Map(boxes.map((box) => [box.key, 0]));
  for (const [a, b] of edges) {
    after.get(a).push(b);
    missing.set(b, missing.get(b) + 1);
  }
  const queue = boxes.map((box) => box.key).filter((key) => !missing.get(key));
  const begins = [...queue];
  const layerOf = new Map(queue.map((key) => [key, 0]));
  for (let at = 0; at < queue.length; at += 1) {
    for (const next of after.get(queue[at])) {
      layerOf.set(next, Math.max(layerOf.get(next) ?? 0, layerOf.get(queue[at]) + 1));
      missing.set(next, missing.get(next) - 1);
      if (!missing.get(next)) queue.push(next);
    }
  }
  // What begins stands as late as can be, near what reads it.
  for (const key of begins) {
    if (after.get(key).length) layerOf.set(key, Math.min(...after.get(key).map((one) => layerOf.get(one))) - 1);
  }
  return layerOf;
}

const mean = (places, otherwise) =>
  places.length ? places.reduce((sum, one) => sum + one.at, 0) / places.length : otherwise;

function number(layer) {
  layer.forEach((place, at) => {
    place.at = (at + 0.5) / layer.length;
  });
}

function sweeping(layers, step) {
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const side = sweep % 2 ? "after" : "before";
    for (const layer of sweep % 2 ? [...layers].reverse() : layers) step(layer, side);
  }
}

function order(layers) {
  layers.forEach(number);
  sweeping(layers, (layer, side) => {
    const wish = new Map(layer.map((place) => [place, mean(place[side], place.at)]));
    layer.sort((a, b) => wish.get(a) - wish.get(b));
    number(layer);
  });
}

function spread(layers) {
  for (const layer of layers) {
    const total = layer.reduce((sum, place) => sum + place.size, 0);
    pack(layer, layer.map((place) => place.at * total - total / 2));
  }
  sweeping(layers, (layer, side) => pack(layer, layer.map((place) => mean(place[side], place.at))));
}

/** Puts places as near as may be to where they wish to be, in their order, without overlaps. */
function pack(layer, wished) {
  const blocks = [];
  layer.forEach((place, at) => {
    let block = { start: wished[at] - place.size / 2, size: place.size, members: [place] };
    while (blocks.length) {
      const other = blocks[blocks.length - 1];
      if (other.start + other.size <= block.start) break;
      blocks.pop();
      const [n, m] = [other.members.length, block.members.length];
      const start = (other.start * n + (block.start - other.size) * m) / (n + m);
      for (const member of block.members) other.members.push(member);
      block = { start, size: other.size + block.size, members: other.members };
    }
    blocks.push(block);
  });
  for (const block of blocks) {
    let start = block.start;
    for (const place of block.members) {
      place.at = start + place.size / 2;
      start += place.size;
    }
  }
}

function drawn(layers, paths, across) {
  let low = Infinity;
  let high = -Infinity;
  let along = 0;
  for (const layer of layers) {
    let length = 0;
    for (const { box, at, size } of layer) {
      low = Math.min(low, at - size / 2);
      high = Math.max(high, at + size / 2);
      if (box) length = Math.max(length, across ? box.height : box.width);
    }
    for (const place of layer) Object.assign(place, { start: along, length });
    along += length + BETWEEN;
  }
  const at = new Map();
  for (const place of layers.flat()) {
    if (!place.box) continue;
    const own = across ? place.box.height : place.box.width;
    const centre = [place.start + own / 2, place.at - low];
    at.set(place.box.key, across ? [centre[1], centre[0]] : centre);
  }
  const point = (place, end) => {
    const own = place.box ? (across ? place.box.height : place.box.width) : place.length;
    return [place.start + (end ? own : 0), place.at - low];
  };
  const curves = paths.map(({ start, end, path, turned }) => ({
    start: turned ? end : start,
    end: turned ? start : end,
    d: curve(path, point, across),
  }));
  const [width, height] = [Math.max(0, along - BETWEEN), Math.max(0, high - low)];
  return { at, paths: curves, width: across ? height : width, height: across ? width : height };
}

function curve(path, point, across) {
  const say = ([a, b]) => (across ? `${b.toFixed(1)},${a.toFixed(1)}` : `${a.toFixed(1)},${b.toFixed(1)}`);
  let d = `M${say(point(path[0], true))}`;
  for (let at = 1; at < path.length; at += 1) {
    const from = point(path[at - 1], true);
    const to = point(path[at], false);
    const middle = (from[0] + to[0]) / 2;
    d += `C${say([middle, from[1]])} ${say([middle, to[1]])} ${say(to)}`;
    if (!path[at].box) d += `L${say(point(path[at], true))}`;
  }
  return d;
}
