// Keeps the page up to date: requests the page again, and updates in place what differs.
//
//   page.js  =>  dialog.js  =>  requests.js

import { openedByLinks, restoreTyped } from "./dialog.js";
import { LoggedOut, NoAnswer, ask } from "./requests.js";
import { Idiomorph } from "./vendor/idiomorph-0.8.0.js";

const SLOWEST_SECONDS = 60;
const JITTER = 0.2; // many open pages must not ask at the same moment

const byId = (id) => document.getElementById(id);

let timer;
let failures = 0;
let latest = 0; // number of the latest request; answers to earlier ones are dropped
let isPaused = false;

async function update() {
  clearTimeout(timer);
  const own = ++latest;
  try {
    const made = await ask(location.href);
    if (own !== latest) return;
    refuseUnknown(made);
    failures = 0;
    show(made);
  } catch (error) {
    if (own !== latest) return;
    failures += 1;
    showOld(error);
    if (error instanceof LoggedOut) return;
  }
  plan();
}

/** If Airflow's database does not answer, what was known before stays, and is old. Throws NoAnswer. */
function refuseUnknown(made) {
  if (made.getElementById("main").dataset.verdict !== "unknown" || byId("main").dataset.verdict === "unknown") return;
  throw new NoAnswer(made.getElementById("sentence").textContent.replace("?", "").trim().replace(/\.$/, ""));
}

function plan() {
  clearTimeout(timer);
  if (isPaused || document.hidden) return;
  const seconds = Math.min(SLOWEST_SECONDS, Number(byId("main").dataset.poll) * 2 ** failures);
  timer = setTimeout(update, 1000 * seconds * (1 + JITTER * (Math.random() - 0.5)));
}

/** Change the page in place to what the server has made. Open details, focus and selection stay. */
export function show(made) {
  const before = states();
  Idiomorph.morph(byId("main"), made.getElementById("main"), {
    morphStyle: "outerHTML",
    callbacks: {
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS"),
    },
  });
  document.title = made.title;
  byId("icon").href = made.getElementById("icon").getAttribute("href");
  if (byId("message").dataset.old) say("");
  announce(before);
}

function states() {
  return new Map([...document.querySelectorAll("[data-job]")].map((row) => [row.dataset.job, row.dataset.state]));
}

/** Tell screen readers what has changed, and nothing else. */
function announce(before) {
  const changed = [...document.querySelectorAll("[data-job]")].filter(
    (row) => before.has(row.dataset.job) && before.get(row.dataset.job) !== row.dataset.state,
  );
  if (changed.length) byId("news").textContent = changed.map((row) => row.dataset.announcement).join(". ");
}

/** Say that the page is out of date, and dim it. */
function showOld(error) {
  const main = byId("main");
  main.classList.add("stale");
  const since = `This page shows the state at ${main.dataset.checked} UTC.`;
  document.title = `? Old – ${document.title.replace("? Old – ", "")}`;
  byId("icon").href = `${document.body.dataset.root}/static/icon-unknown.svg`;
  if (error instanceof LoggedOut) {
    const link = Object.assign(document.createElement("a"), { href: location.href, textContent: "Log in again" });
    say(`You are no longer logged in. ${since} `, link);
  } else {
    say(`${error.message}. ${since}`);
  }
  byId("message").dataset.old = "1";
}

function say(...content) {
  delete byId("message").dataset.old;
  byId("message").replaceChildren(...content);
  byId("close-message").hidden = byId("message").textContent === "";
}

function pause() {
  isPaused = !isPaused;
  byId("pause").setAttribute("aria-pressed", isPaused);
  if (isPaused) {
    clearTimeout(timer);
    latest += 1; // drops an answer that is under way
  } else update();
}

/** A run was started or stopped: made is the page after it. */
function started(made) {
  latest += 1;
  if (document.querySelector("[data-poll]")) show(made);
  say(made.getElementById("message").textContent);
  plan();
}

document.documentElement.classList.add("scripted");
openedByLinks(byId("dialog"), started, say);
restoreTyped();
byId("close-message").hidden = byId("message").textContent === "";
byId("close-message").addEventListener("click", () => {
  say("");
  byId("main").focus({ preventScroll: true });
});

if (document.querySelector("[data-poll]")) {
  const address = new URL(location.href);
  address.searchParams.delete("started");
  address.searchParams.delete("stopped");
  if (address.href !== location.href) history.replaceState(null, "", address);
  byId("pause").hidden = false;
  byId("pause").addEventListener("click", pause);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#get-status")) return;
    event.preventDefault();
    update();
  });
  byId("dialog").addEventListener("close", () => {
    if (!isPaused) update(); // checks that were made show on the page
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else if (!isPaused) update();
  });
  plan();
}
