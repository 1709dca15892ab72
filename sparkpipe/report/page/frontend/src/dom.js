// Elements. Text enters as text nodes and attributes only, so nothing in it is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export const h = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** Lets one of several elements be reached by Tab, and the others by arrow keys. */
export function roving(container, elements, next) {
  let current = 0;
  const list = () => elements;
  list().forEach((one, at) => one.setAttribute("tabindex", at === 0 ? "0" : "-1"));
  const to = (at) => {
    const all = list();
    if (at < 0 || at >= all.length) return;
    all[current]?.setAttribute("tabindex", "-1");
    current = at;
    all[at].setAttribute("tabindex", "0");
    all[at].focus({ preventScroll: false });
  };
  container.addEventListener("focusin", (event) => {
    const at = list().indexOf(event.target);
    if (at >= 0 && at !== current) {
      list()[current]?.setAttribute("tabindex", "-1");
      current = at;
      list()[at].setAttribute("tabindex", "0");
    }
  });
  container.addEventListener("keydown", (event) => {
    if (list()[current] !== event.target) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      return;
    }
    const found = next(current, event.key);
    if (found === null || found === undefined) return;
    event.preventDefault();
    to(found);
  });
}
