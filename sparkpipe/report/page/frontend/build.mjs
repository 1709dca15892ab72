// Builds the page into the Python package, or with --check says whether what is there is it.
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";

const into = new URL("../../../html/", import.meta.url);
// What the built script has in it of others; their terms ask for their notices.
const BUNDLED = [
  "d3-color", "d3-dispatch", "d3-drag", "d3-ease", "d3-interpolate", "d3-selection", "d3-timer",
  "d3-transition", "d3-zoom",
];

async function licences() {
  const told = await Promise.all(
    BUNDLED.map(async (name) => {
      const folder = new URL(`node_modules/${name}/`, import.meta.url);
      const { version } = JSON.parse(await readFile(new URL("package.json", folder), "utf8"));
      const text = await readFile(new URL("LICENSE", folder), "utf8");
      return `${name} ${version}\n\n${text.trim()}`;
    }),
  );
  return `/*! This page uses:\n\n${told.join("\n\n")}\n*/\n`;
}

async function built(entry) {
  const options = { bundle: true, minify: true, write: false, target: "es2020", charset: "utf8" };
  const result = await build({
    ...options,
    entryPoints: [new URL(entry, import.meta.url).pathname],
    legalComments: "none",
  });
  return result.outputFiles[0].text;
}

const script = (await licences()) + (await built("src/main.js"));
const style = await built("src/page.css");
const unpacking = await built("src/unpack.js");
if (/<\/(script|style)|<!--/i.test(script + style + unpacking)) throw new Error("It would end its element.");
let stale = false;
for (const [name, text] of [["page.js", script], ["page.css", style], ["unpack.js", unpacking]]) {
  const file = new URL(name, into);
  if (!process.argv.includes("--check")) await writeFile(file, text);
  else stale ||= (await readFile(file, "utf8")) !== text;
}
if (stale) {
  console.error("The built page is not that of its sources: run `make page`.");
  process.exit(1);
}
