// Requests to the server that served this page, and its refusals as errors with one sentence each.

const TOKEN = "genret-token";

export class Refused extends Error {
  constructor(status, code, message, retryAfter) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

/** GET, or POST where there is a body; the JSON that comes back. Throws Refused, or AbortError. */
export async function call(path, { body, signal } = {}) {
  const headers = {};
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.authorization = `Bearer ${token}`;
  if (body) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "unreachable", "The server cannot be reached. Is it still running?");
  }
  const value = await response.json().catch(() => null);
  if (response.ok && value !== null) return value;
  const { code = "unknown", message = `The server answered ${response.status}.` } = value?.error ?? {};
  throw new Refused(response.status, code, message, Number(response.headers.get("retry-after")) || null);
}

/** One request of a kind at a time: a newer one cancels the older. */
export function latest() {
  let controller = null;
  return {
    next() {
      controller?.abort();
      controller = new AbortController();
      return controller.signal;
    },
    cancel() {
      controller?.abort();
    },
  };
}
