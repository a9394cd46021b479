// The page as a whole: its panels, its errors and its key.

import { asked, useKey } from "./api.js";
import { Panel } from "./panel.js";
import { Voices } from "./voices.js";

const find = (id) => document.getElementById(id);
const [text, error, key] = ["text", "error", "key"].map(find);

function complain(message) {
  error.replaceChildren();
  if (!message) return;
  const line = document.createElement("p"), button = document.createElement("button");
  [line.textContent, button.textContent] = [message, "Close"];
  button.addEventListener("click", () => complain(""));
  error.append(line, button);
}

const panels = ["A", "B"].map((letter) => new Panel(letter, text, complain));
const [first, second] = panels;
find("panels").append(...panels.map((panel) => panel.element));
const voices = new Voices(complain, (found, preferred) => {
  first.offer(found, preferred);
  const other = second.voice ? undefined : found.find((voice) => voice.id !== first.voice)?.id;
  second.offer(found, other);
});

function compare(is) {
  second.element.hidden = find("both").hidden = !is;
  find("compare").setAttribute("aria-pressed", String(is));
  find("panels").classList.toggle("two", is);
  if (!is) second.stop();
}

async function both() {
  if (!(await first.speak())) return;
  const happens = (name) => new Promise((over) => first.audio.addEventListener(name, () => over(name), { once: true }));
  const over = first.audio.ended ? "ended" : await Promise.race(["ended", "pause"].map(happens)); // at its end it has both
  if (over === "ended" || first.audio.ended) await second.speak();
}

async function load() {
  try {
    find("release").textContent = `Release ${(await asked("readyz")).release}`;
    await voices.load();
    key.hidden = true;
  } catch (problem) {
    complain(problem.message);
  }
}

document.addEventListener("key-needed", () => {
  key.hidden = false;
  key.querySelector("input").focus();
});
key.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  complain("");
  useKey(key.querySelector("input").value.trim());
  load();
});
for (const panel of panels) {
  panel.audio.addEventListener("play", () => panels.forEach((other) => other !== panel && other.audio.pause()));
}
const count = () => (find("count").textContent = `${[...text.value].length} characters.`);
text.addEventListener("input", count);
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) first.speak();
});
find("compare").addEventListener("click", () => compare(second.element.hidden));
find("both").addEventListener("click", both);

count();
compare(false);
load();
