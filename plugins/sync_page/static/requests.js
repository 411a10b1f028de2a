// Asks the server for its own pages.

const LIMIT_SECONDS = 10;

/** A request without a usable answer. The message is for people. */
export class NoAnswer extends Error {}

/** The visitor is not logged in any more. */
export class LoggedOut extends Error {}

/** The page at that address, as a document. Throws NoAnswer, also after so many seconds, and LoggedOut. */
export async function ask(address, options = {}, seconds = LIMIT_SECONDS) {
  let response, text;
  try {
    response = await fetch(address, {
      credentials: "same-origin",
      headers: { "X-Sync-Script": "1" },
      signal: AbortSignal.timeout(1000 * seconds),
      ...options,
    });
    text = await response.text();
  } catch {
    throw new NoAnswer("Airflow does not answer");
  }
  if (response.status === 401) throw new LoggedOut();
  const made = new DOMParser().parseFromString(text, "text/html");
  if (made.getElementById("main")) return made;
  throw new NoAnswer(errorIn(text) ?? `Airflow answers with the status ${response.status}`);
}

/** The text of an error that is answered as JSON. */
function errorIn(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return undefined;
  }
}
