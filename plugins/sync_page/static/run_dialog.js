// The dialog that asks for the parameters of a run and starts it. After a start it sends the event "started", with a text.

import { byId, element } from "./elements.js";
import { ask, put } from "./interface.js";

// Attributes of the input for each kind of parameter (sync_jobs.parameters.Kind).
const INPUTS = {
  date: { type: "date" },
  "date override": { type: "text", placeholder: "YYYY-MM-DD, ANY or NONE", autocomplete: "off" },
  boolean: { type: "checkbox" },
  percentage: { type: "number", min: 0, max: 100, step: "any" },
  growth: { type: "number", min: 0, step: "any" },
};

let latest = 0; // number of the dialog that was asked for last; a late answer for an earlier one is dropped

/** job: from api/jobs. */
export function openJobDialog(job) {
  return openDialog({
    title: `Run ${job.name}`,
    summary: job.summary,
    path: `api/job/${encodeURIComponent(job.name)}`,
  });
}

export function openRecoveryDialog() {
  return openDialog({
    title: "Run all jobs",
    summary:
      "One after the other, in the order of the table, even those that have already run. " +
      "If a job fails, the jobs that need its result are skipped; the others still run.",
    path: "api/jobs",
  });
}

async function openDialog({ title, summary, path }) {
  const own = ++latest;
  let parameters = [];
  let problem = "";
  try {
    parameters = await ask(`${path}/parameters`);
  } catch (error) {
    problem = error.message;
  }
  if (own !== latest) return;
  const dialog = byId("run");
  const form = dialog.querySelector("form");
  byId("run-title").textContent = title;
  byId("run-summary").textContent = summary;
  byId("run-fields").replaceChildren(...parameters.map(field));
  byId("start").disabled = Boolean(problem);
  showProblem(problem);
  form.onsubmit = (event) => {
    event.preventDefault();
    start(dialog, title.replace(/^Run /, ""), path, values());
  };
  byId("cancel").onclick = () => dialog.close();
  if (!dialog.open) dialog.showModal();
}

/** The label, input and explanation of a parameter. */
function field({ name, kind, title, explanation, default: value }) {
  const input = Object.assign(element("input"), INPUTS[kind], { name, id: `parameter-${name}` });
  if (kind === "boolean") input.checked = value;
  else input.value = value ?? "";
  const label = element("label", title);
  label.htmlFor = input.id;
  const hint = element("small", explanation);
  hint.id = `${input.id}-hint`;
  input.setAttribute("aria-describedby", hint.id);
  const part = element("div", undefined, "field");
  part.append(...(kind === "boolean" ? [input, " ", label] : [label, input]), " ", hint);
  return part;
}

/** The body of the request: the state of every checkbox, and the other inputs that are not empty. */
function values() {
  const given = {};
  for (const input of byId("run-fields").querySelectorAll("input")) {
    if (input.type === "checkbox") given[input.name] = input.checked;
    else if (input.value.trim()) given[input.name] = input.type === "number" ? input.valueAsNumber : input.value.trim();
  }
  return given;
}

async function start(dialog, name, path, given) {
  const button = byId("start");
  button.disabled = true;
  try {
    const answer = await put(path, given);
    dialog.close();
    dialog.dispatchEvent(new CustomEvent("started", { detail: `${name}: ${answer.status}.` }));
  } catch (error) {
    showProblem(error.message);
  } finally {
    button.disabled = false;
  }
}

function showProblem(text) {
  byId("run-error").textContent = text;
  byId("run-error").hidden = !text;
}
