// The run's HTTP interface.

/** What the run refused, with the reason that it gave. */
export class Refused extends Error {
  constructor(message, reason) {
    super(message);
    this.reason = reason;
  }
}

/** Fetch JSON from the run; throws `Refused` with a sentence for people. */
export async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(30000), ...options });
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new Refused(late ? "The run did not answer within 30 seconds." : "The run cannot be reached.", "network");
  }
  let told = null;
  try {
    told = await answer.json();
  } catch {
    throw new Refused(`The run answered with status ${answer.status} and no text.`, "damaged");
  }
  if (!answer.ok) throw new Refused(told.error ?? `The run answered with status ${answer.status}.`, told.reason);
  return told;
}

/** Send JSON. */
export function send(path, body) {
  return call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** Address of a sample. */
export function address(id, query = {}) {
  const known = Object.entries(query).filter(([, value]) => value != null);
  const rest = new URLSearchParams(known).toString();
  return `/v1/samples/${encodeURIComponent(id)}${rest ? `?${rest}` : ""}`;
}
