// Opens the forms of the server in a dialog. A form shows its own errors: the server makes it again with them.

import { LoggedOut, ask } from "./requests.js";

const TYPED = "sync: what was typed before the login";

let latest = 0; // number of the form that was opened last; a late answer for an earlier one does not touch it

/** Open links with data-dialog in that dialog. started: called with the page after a start. say: shows a message. */
export function openedByLinks(dialog, started, say) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(dialog, link, say);
  });
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-close]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("cancel", (event) => {
    if (dialog.getAttribute("aria-busy") === "true") event.preventDefault(); // it would look as if nothing is started
  });
  dialog.addEventListener("close", () => {
    if (dialog.open) return; // the event comes late: the next form is open already
    latest += 1;
    dialog.removeAttribute("aria-busy");
  });
  dialog.addEventListener("submit", (event) => {
    event.preventDefault();
    send(dialog, event.target, started, say);
  });
  document.addEventListener("change", (event) => {
    if (event.target.name === "dry_run") followOns(event.target.form);
  });
  followOns(document.querySelector("form"));
}

async function open(dialog, link, say) {
  const own = ++latest;
  const title = Object.assign(document.createElement("h1"), { id: "form-title", textContent: "Loading…" });
  dialog.replaceChildren(title);
  dialog.showModal();
  try {
    const made = await ask(link.href, {}, link.dataset.limit);
    if (own === latest) fill(dialog, made);
  } catch (error) {
    if (own !== latest) return;
    dialog.close();
    if (error instanceof LoggedOut) location.assign(link.href);
    else say(`${error.message}. Nothing was changed.`);
  }
}

/** Show the form of that page. The focus goes to what is wrong, or to the first field. */
function fill(dialog, made) {
  dialog.replaceChildren(made.getElementById("form"));
  const form = dialog.querySelector("form");
  if (form) followOns(form);
  const place = ["[aria-invalid=true]", "#problem", "input:not([type=hidden])", "a, button"]
    .map((selector) => dialog.querySelector(selector))
    .find(Boolean);
  place?.focus();
}

async function send(dialog, form, started, say) {
  const own = ++latest;
  const typed = new URLSearchParams(new FormData(form));
  const name = document.getElementById("form-title").textContent;
  setBusy(dialog, form, true);
  try {
    const made = await ask(form.action, { method: "POST", body: typed });
    const isForm = made.getElementById("form") !== null;
    const isOpen = own === latest;
    setBusy(dialog, form, false);
    if (isOpen && isForm) fill(dialog, made);
    else if (isOpen) dialog.close();
    if (!isForm) started(made);
    else if (!isOpen) say(`${name}: it was refused. Open its form again to see why.`);
  } catch (error) {
    if (error instanceof LoggedOut && own === latest) {
      sessionStorage.setItem(TYPED, JSON.stringify([new URL(form.action).pathname, [...typed]]));
      location.assign(form.action);
      return;
    }
    setBusy(dialog, form, false);
    if (own === latest) dialog.close();
    say(`${name}: ${error.message || "you are no longer logged in"}. It may have been done anyway: check the table before you repeat it.`);
  }
}

function setBusy(dialog, form, isBusy) {
  if (form.isConnected) dialog.setAttribute("aria-busy", isBusy);
  const button = form.querySelector("[type=submit]");
  button.disabled = isBusy;
  button.dataset.label ??= button.textContent;
  button.textContent = isBusy ? button.dataset.busy : button.dataset.label;
}

/** A dry run starts no other job: its form cannot ask for them. */
function followOns(form) {
  const follow = form?.querySelector("[data-follow-on]");
  if (follow) follow.disabled = form.elements.dry_run.checked;
}

/** After a login in the middle of a form: fill in what was typed before. */
export function restoreTyped() {
  const [path, typed] = JSON.parse(sessionStorage.getItem(TYPED) ?? "[]");
  if (path !== location.pathname) return;
  sessionStorage.removeItem(TYPED);
  const form = document.querySelector("form");
  if (!form) return;
  const given = new Map(typed);
  for (const input of form.elements) {
    if (input.type === "checkbox") input.checked = given.has(input.name);
    else if (input.type === "radio") input.checked = given.get(input.name) === input.value;
    else if (input.type === "text" && given.has(input.name)) input.value = given.get(input.name);
  }
  followOns(form);
}
