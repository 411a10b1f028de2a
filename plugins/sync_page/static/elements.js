// Small building blocks of the page. Data is always set as text, never as markup.

export const byId = (id) => document.getElementById(id);

export function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** A link into Airflow's UI. path: relative to its base address. */
export function link(text, path) {
  const made = element("a", text);
  made.href = new URL(path, new URL("../", document.baseURI));
  return made;
}

export const number = (value) => value.toLocaleString("en-GB");

/** 2026-11-24 01:29, from an ISO time in UTC. */
export function moment(text) {
  const [day, time] = [text.slice(0, 10), text.slice(11, 16)];
  return `${day} ${time}`;
}

export function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
