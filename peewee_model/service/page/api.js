// What the page asks the server: with the key, and with errors as sentences.

let key = sessionStorage.getItem("key") ?? "";

export class Refusal extends Error {}

export function useKey(given) {
  key = given;
  sessionStorage.setItem("key", key);
}

export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (key) headers.set("authorization", `Bearer ${key}`);
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The server does not answer. Look whether it still runs.");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) document.dispatchEvent(new Event("key-needed"));
  throw new Refusal(sentence(said.error?.message ?? `The server answers with status ${answer.status}.`));
}

export const asked = async (path, options) => (await ask(path, options)).json();

export const posted = (body, signal) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
  signal,
});

export const voicePath = (id, rest = "") => `v1/audio/voices/${encodeURIComponent(id)}${rest}`;

// The server's messages begin small and end without a period, as in a log.
export function sentence(message) {
  const whole = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

// Server-sent events, each a line `data: {...}`.
export async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data: ")) yield JSON.parse(line.slice(6));
  }
}

export const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
