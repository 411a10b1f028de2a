// The search indices: the live one, the kept ones, and the progress of a build.

import { byId, element, link, moment, number } from "./elements.js";
import { ask } from "./interface.js";

export async function showIndices() {
  const place = byId("indices");
  try {
    place.replaceChildren(...(await ask("api/indices")).flatMap(indexParts));
  } catch (error) {
    place.replaceChildren(element("p", error.message, error.status === 403 ? "none" : "bad"));
  }
}

function indexParts({ alias, job, rollback, live, previous, build }) {
  const list = element("dl");
  const add = (term, ...content) => {
    const description = element("dd");
    description.append(...content);
    list.append(element("dt", term), description);
  };
  if (build?.is_running === false) {
    const text = `${build.name}: its build died, started ${moment(build.started)}. The next build removes it.`;
    add("unfinished", element("span", text, "bad"));
  } else if (build) {
    const bar = element("progress");
    bar.setAttribute("aria-label", "Documents loaded");
    if (build.expected) [bar.max, bar.value] = [build.expected, Math.min(build.documents, build.expected)];
    const of = build.expected ? ` of about ${number(build.expected)}` : "";
    const text = `${number(build.documents)}${of} documents, ${number(build.documents_per_second)} a second, started ${moment(build.started)}`;
    add(build.is_running ? "building" : "building or unfinished (PostgreSQL does not answer)", bar, element("span", `${build.name}: ${text}`));
  }
  add("live", live ? describe(live) : `No index is behind the alias ${alias}, so search finds nothing. Run ${job}.`);
  const kept = previous.map((index) => element("div", describe(index)));
  add("kept for rollback", ...(kept.length ? [...kept, link("Roll back", `dags/${rollback}`)] : ["none"]));
  return [element("h3", alias), list];
}

function describe({ name, built_at: builtAt, run_date: runDate, documents }) {
  const parts = [name];
  if (documents !== null) parts.push(`${number(documents)} documents`);
  if (runDate) parts.push(`for ${runDate}`);
  if (builtAt) parts.push(`built ${moment(builtAt)}`);
  return parts.join(" · ");
}
