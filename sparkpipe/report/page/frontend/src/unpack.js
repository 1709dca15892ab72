// Unpacks the page in a notebook, where it would take a hundred kilobytes each time it is shown.

async function unpack() {
  const packed = document.getElementById("packed").textContent;
  const bytes = Uint8Array.from(atob(packed), (one) => one.charCodeAt(0));
  const whole = new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
  const [style, script, told] = await whole.json();
  const add = (tag, text, attributes) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.textContent = text;
    document.body.append(element);
  };
  add("style", style);
  add("script", told, { type: "application/json", id: "document" });
  add("script", script);
}

unpack().catch(() => { document.body.textContent = "This browser cannot unpack the page: it is too old."; });
