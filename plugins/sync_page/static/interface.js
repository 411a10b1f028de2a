// The HTTP interface beside this page: api/.

/** A failed request. The message is for people. status: the HTTP status; 0 without an answer. */
export class RequestFailed extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** The answer to a request, as an object. Throws RequestFailed. */
export async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new RequestFailed(0, "Airflow does not answer.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) {
    throw new RequestFailed(401, "You are no longer logged in. Reload this page.");
  }
  if (!response.ok) {
    const hint = response.status < 500 ? "" : " Its database may be down; see the log of its API server.";
    const text = `Airflow answered with status ${response.status}.${hint}`;
    throw new RequestFailed(response.status, answer.error ?? answer.status ?? text);
  }
  return answer;
}

/** Start a run. Throws RequestFailed; without an answer the run may have been started. */
export function put(path, body) {
  return ask(path, { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}
