// The HTTP interface beside this page: api/.

/** What it has refused, in words for people. status: of HTTP; 0 if there was no answer. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** The answer to a request, as an object. Throws Refused. */
export async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused(0, "Airflow does not answer.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) {
    throw new Refused(401, "You are not logged in any more: reload this page.");
  }
  if (!response.ok) {
    const code = `Airflow answered ${response.status}`;
    const said = response.status < 500 ? `${code}.` : `${code}: its database may be down; the log of its API server says why.`;
    throw new Refused(response.status, answer.error ?? answer.status ?? said);
  }
  return answer;
}

/** Start something. Throws Refused; without an answer it may have been started all the same. */
export function put(path, body) {
  return ask(path, { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}
