// The page at /sync/: polls the interface and shows the status.
//
//   interface.js  =>  page.js  =>  jobs_table.js, search_indices.js
//   run_dialog.js  =>  interface.js: starts a run; then page.js refreshes the status

import { byId, moment } from "./elements.js";
import { ask } from "./interface.js";
import { showJobs } from "./jobs_table.js";
import { openRecoveryDialog } from "./run_dialog.js";
import { showIndices } from "./search_indices.js";

const BUSY_MILLISECONDS = 2000;
const IDLE_MILLISECONDS = 15000;

let timer;
let latest = 0; // number of the latest refresh; answers to earlier ones are dropped

async function refresh() {
  clearTimeout(timer);
  const own = ++latest;
  let busy = false;
  try {
    const status = await ask("api/jobs");
    if (own !== latest) return;
    showStatus(status);
    busy = [...status.jobs, status.recovery].some((dag) => dag?.running);
    say("trouble", "");
  } catch (error) {
    if (own !== latest) return;
    say("trouble", error.message);
  }
  await showIndices();
  if (own !== latest) return;
  timer = setTimeout(() => (document.hidden ? undefined : refresh()), busy ? BUSY_MILLISECONDS : IDLE_MILLISECONDS);
}

function showStatus({ now, jobs, recovery, counts }) {
  showJobs(jobs, counts);
  const failed = jobs.filter((job) => job.last?.state === "failed").map((job) => job.name);
  const done = jobs.filter((job) => job.succeeded_today).length;
  const parts = [`${moment(now)} UTC`, `${done} of ${jobs.length} jobs have succeeded since midnight`];
  if (failed.length) parts.push(`last run failed: ${failed.join(", ")}`);
  const blocked = jobs.filter((job) => job.planned).map((job) => job.name);
  if (blocked.length) parts.push(`a planned run blocks the nights of ${blocked.join(", ")}`);
  if (recovery?.running) parts.push("recovery is running all jobs in order");
  else if (recovery?.last?.state === "failed") {
    parts.push(`the last recovery failed: ${recovery.last.reason ?? "see its log"}`);
  }
  byId("summary").textContent = parts.join(" · ");
  const all = byId("run-all");
  all.hidden = !recovery?.may_run;
  all.onclick = openRecoveryDialog;
}

function say(place, text) {
  byId(place).textContent = text;
  byId(place).hidden = !text;
}

byId("refresh").addEventListener("click", () => {
  say("message", "");
  refresh();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
byId("run").addEventListener("started", ({ detail }) => {
  say("message", detail);
  refresh();
});
refresh();
