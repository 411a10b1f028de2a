// The dialog that asks what a run is to be given, and starts it; then it sends the event "started", with words for it.

import { byId } from "./elements.js";
import { put } from "./interface.js";

/** job: as api/jobs/status has it. */
export function openJobDialog(job) {
  openDialog({
    title: `Run ${job.name}`,
    summary: job.summary,
    path: `api/job/${encodeURIComponent(job.name)}`,
    fields: [
      ...(job.takes_date_override ? ["date_override"] : []),
      "run_date",
      "maximum_removed_percent",
      "dry_run",
      ...(job.then_run.length ? ["run_follow_on_jobs"] : []),
    ],
    limit: job.maximum_removed_percent,
    follow: job.then_run,
  });
}

export function openRecoveryDialog() {
  openDialog({
    title: "Run all jobs",
    summary:
      "One after the other, in the order of the table, whatever has run already. " +
      "If one fails, those that follow it are left out; the others still run.",
    path: "api/jobs",
    fields: ["run_date", "maximum_removed_percent"],
    limit: null,
  });
}

function openDialog({ title, summary, path, fields, limit, follow = [] }) {
  const dialog = byId("run");
  const form = dialog.querySelector("form");
  form.reset();
  for (const part of form.querySelectorAll("[data-field]")) part.hidden = !fields.includes(part.dataset.field);
  byId("run-title").textContent = title;
  byId("run-summary").textContent = summary;
  form.elements.maximum_removed_percent.value = limit ?? "";
  byId("limit-hint").textContent =
    "Guard rail of this run: if more would go, or become INACTIVE, it stops before it writes." +
    (limit === null ? " Empty: each job's own limit." : "");
  form.elements.run_follow_on_jobs.checked = true;
  byId("follow-hint").textContent = `After success, one after the other, by the same date: ${follow.join(", ")}.`;
  byId("run-error").hidden = true;
  form.onsubmit = (event) => {
    event.preventDefault();
    start(dialog, title.replace(/^Run /, ""), path, argumentsOf(form, fields));
  };
  byId("cancel").onclick = () => dialog.close();
  dialog.showModal();
}

function argumentsOf(form, fields) {
  const given = {};
  for (const field of fields) {
    const input = form.elements[field];
    if (input.type === "checkbox") given[field] = input.checked;
    else if (input.value.trim()) given[field] = input.type === "number" ? input.valueAsNumber : input.value.trim();
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
    byId("run-error").textContent = error.message;
    byId("run-error").hidden = false;
  } finally {
    button.disabled = false;
  }
}
