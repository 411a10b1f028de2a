// The table of jobs. Each job's row is created once; every new status updates its cells.

import { byId, duration, element, link, moment, number } from "./elements.js";
import { openJobDialog } from "./run_dialog.js";

const STATES = {
  success: ["succeeded", "good"],
  failed: ["failed", "bad"],
  running: ["running", "busy"],
  queued: ["queued", "busy"],
};
const STARTED_BY = {
  schedule: "by the schedule",
  manual: "manually",
  "follow-on": "as a follow-on job",
  recovery: "by recovery",
  restart: "at a restart",
  backfill: "as a backfill",
};

const rows = new Map(); // DAG id -> row of the table

/** jobs, counts: from api/jobs. */
export function showJobs(jobs, counts) {
  const shown = new Set(jobs.map((job) => job.dag_id));
  for (const [id, row] of rows) {
    if (shown.has(id)) continue;
    row.remove(); // this user may no longer view the job
    rows.delete(id);
  }
  for (const job of jobs) showJob(job, counts);
}

function showJob(job, counts) {
  const row = rows.get(job.dag_id) ?? newRow(job);
  const run = job.current ?? job.last;
  row.querySelector(".state-of-it").replaceChildren(...state(job, run));
  row.querySelector(".last").replaceChildren(...(run ? times(run) : []));
  row.querySelector(".did").replaceChildren(...outcome(job, counts));
  const button = row.querySelector("button");
  button.hidden = !job.may_run;
  button.disabled = !job.known;
  button.onclick = () => openJobDialog(job);
}

function newRow(job) {
  const row = element("tr");
  const name = element("td", undefined, "name");
  name.append(link(job.name, `dags/${job.dag_id}`), element("span", job.summary, "quiet"));
  const button = element("button", "Run …");
  button.type = "button";
  button.setAttribute("aria-label", `Run ${job.name} …`);
  const action = element("td");
  action.append(button);
  row.append(
    element("td", job.at),
    name,
    element("td", undefined, "state-of-it"),
    element("td", undefined, "last"),
    element("td", undefined, "did"),
    element("td", job.then_run.join(", "), "follow"),
    action,
  );
  row.dataset.job = job.name;
  byId("jobs").tBodies[0].append(row);
  rows.set(job.dag_id, row);
  return row;
}

function state(job, run) {
  if (!job.known) return [element("span", "unknown to Airflow", "state bad")];
  const [word, kind] = run?.waits ? ["waiting", "busy"] : (STATES[run?.state] ?? ["never run", "none"]);
  const shown = [element("span", word, `state ${kind}`)];
  if (run?.waits) shown.push(element("span", run.waits, "quiet"));
  if (job.is_paused) shown.push(element("span", "paused", "bad quiet"));
  if (job.planned) shown.push(blocked(job.planned));
  return shown;
}

/** Why the schedule creates no run, and the remedy. */
function blocked(planned) {
  const text = element("span", "the nights are blocked: ", "bad quiet");
  text.append(
    link(`a run is planned for ${moment(planned.run_after)}`, planned.path),
    ". Airflow counts it as active, and creates no run of the night until it has ended (max_active_runs). " +
      "Delete that run to let the nights continue; manual runs work.",
  );
  return text;
}

function times(run) {
  const started = run.started ? link(moment(run.started), run.path) : link("not started", run.path);
  const took = run.seconds === null ? "" : ` · ${duration(run.seconds)}`;
  const what = `${STARTED_BY[run.started_by] ?? run.started_by}${run.dry_run ? ", dry run" : ""}`;
  return [started, took, element("span", `for ${run.run_date ?? "?"}, ${what}`, "quiet")];
}

function outcome({ current, last }, counts) {
  if (!last) return [];
  const before = current ? [element("span", "previous run:", "quiet")] : [];
  if (last.state === "failed") {
    const place = last.failed_task ? `${last.path}/tasks/${last.failed_task}` : last.path;
    return [...before, element("span", last.reason ?? "Stopped without reporting a reason.", "bad"), " ", link("Log", place)];
  }
  if (!last.report) return [];
  const shown = counts.filter((count) => last.report[count] || count === "read");
  const text = shown.map((count) => `${number(last.report[count] ?? 0)}\u00a0${count.replace("_", "\u00a0")}`).join(", ");
  const warning = last.report.warning ? [element("span", last.report.warning, "bad")] : [];
  const note = last.dry_run ? [element("span", "dry run: nothing was written", "quiet")] : [];
  return [...before, text, ...warning, ...note];
}
