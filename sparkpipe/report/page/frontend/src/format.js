// Numbers as people read them.

export function duration(seconds) {
  if (seconds === undefined || seconds === null) return "";
  if (seconds < 0.0005) return "0 s";
  if (seconds < 0.995) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  const rest = Math.round(seconds) % 60;
  const two = (n) => String(n).padStart(2, "0");
  if (minutes < 60) return `${minutes} min ${two(rest)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

export const count = (n) =>
  n === undefined || n === null ? "" : String(n).replace(/\B(?=(\d{3})+(?!\d))/g, " ");

export function size(bytes) {
  if (bytes === undefined || bytes === null) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let value = bytes;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

export function moment(seconds) {
  if (!seconds) return "";
  const at = new Date(seconds * 1000);
  const two = (n) => String(n).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export const percent = (share) => `${Math.round(share * 100)} %`;

export const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

export function plain(value) {
  if (typeof value === "string") return value;
  return JSON.stringify(value, null, typeof value === "object" ? 1 : 0) ?? "";
}

export const STATES = {
  done: { mark: "✓", word: "done" },
  unchanged: { mark: "=", word: "unchanged" },
  failed: { mark: "✕", word: "failed" },
  died: { mark: "✕", word: "died" },
  cancelled: { mark: "⊘", word: "cancelled" },
  running: { mark: "▶", word: "running" },
  unfinished: { mark: "▶", word: "unfinished" },
  waiting: { mark: "…", word: "waiting" },
  runs: { mark: "▷", word: "will run" },
  skipped: { mark: "–", word: "skipped" },
};
export const stateOf = (name) => STATES[name] ?? { mark: "", word: name };
