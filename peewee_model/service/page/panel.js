// One voice that speaks: what is asked of it, its sound, its picture, its words, and which voices are like it.

import { Refusal, ask, asked, bytesOf, events, posted, sentence, voicePath } from "./api.js";
import { MelPicture } from "./mel.js";
import { startPlayer } from "./player.js";

const PIXELS_PER_S = 150;
const KINDS = { wav: "wav", mp3: "mp3", flac: "flac", opus: "ogg", aac: "aac" };

export class Panel {
  #words = [];
  #drawing = 0;

  constructor(letter, text, complain) {
    this.letter = letter;
    this.text = text;
    this.complain = complain;
    this.element = document.getElementById("panel").content.cloneNode(true).firstElementChild;
    const find = (selector) => this.element.querySelector(selector);
    [this.form, this.status, this.said, this.audio] = ["form", ".status", ".said", "audio"].map(find);
    [this.scroller, this.strip, this.tiles] = [".scroller", ".strip", ".tiles"].map(find);
    [this.cursor, this.wordsLine, this.likeness] = [".cursor", ".words", ".likeness"].map(find);
    [this.speakButton, this.stopButton] = [".speak", ".stop"].map(find);
    this.element.setAttribute("aria-label", `Voice ${letter}`);
    this.audio.setAttribute("aria-label", `Speech of voice ${letter}`);
    find("h3").textContent = `Voice ${letter}`;
    this.picture = new MelPicture(this.tiles);
    this.#listen(find);
  }

  get voice() {
    return this.form.elements.voice.value;
  }

  #listen(find) {
    this.form.addEventListener("submit", (event) => (event.preventDefault(), this.speak()));
    this.speakButton.addEventListener("click", () => this.speak());
    this.stopButton.addEventListener("click", () => this.stop());
    find(".download").addEventListener("click", () => this.download(find("[name=format]").value));
    this.form.elements.voice.addEventListener("change", () => this.showLikeness());
    for (const name of ["play", "seeked", "ended"]) this.audio.addEventListener(name, () => this.#follow());
    this.tiles.addEventListener("grown", () => this.#fit());
    this.strip.addEventListener("click", (event) => {
      const seconds = (event.clientX - this.strip.getBoundingClientRect().left) / PIXELS_PER_S;
      if (this.audio.seekable.length) this.audio.currentTime = Math.min(seconds, this.audio.seekable.end(0));
    });
  }

  // The voices that may be chosen; what was chosen stays.
  offer(voices, preferred) {
    const select = this.form.elements.voice, before = select.value;
    select.replaceChildren(...voices.map(({ id, name }) => new Option(name, id)));
    const wanted = [preferred, before, voices[0]?.id].find((id) => voices.some((voice) => voice.id === id));
    if (wanted) select.value = wanted;
    this.speakButton.disabled = !wanted;
    this.showLikeness();
  }

  #asked() {
    const { voice, speed, seed } = this.form.elements;
    const number = (field) => (field.value === "" ? field.defaultValue : field.value); // what is no number is refused
    return {
      model: "peewee-tts", input: this.text.value, voice: voice.value,
      speed: Number(number(speed)), seed: Number(number(seed)),
    };
  }

  async speak() {
    this.stop();
    this.complain("");
    this.#show([]);
    this.said.hidden = false;
    const leaving = (this.leaving = new AbortController()), began = performance.now();
    const player = (this.player = startPlayer(this.audio));
    this.picture.clear(player.format);
    this.#busy(true, "Waiting for the first sentence…");
    try {
      const sent = { ...this.#asked(), response_format: player.format, stream_format: "sse", timestamps: true };
      const answer = await ask("v1/audio/speech", posted(sent, leaving.signal));
      const done = await this.#receive(answer, player, began);
      player.end();
      const cut = done.truncated ? " A sentence did not end by itself and was cut off." : "";
      const marked = answer.headers.get("x-peewee-marked") === "true" ? "marked as such" : "without a mark";
      this.status.textContent = `Synthetic speech, ${marked}; its first sound came after ${this.first} s.${cut}`;
      return true;
    } catch (error) {
      if (this.leaving !== leaving) return false; // another speech has begun, and the element is its own now
      player.stop();
      this.status.textContent = "";
      if (error.name === "AbortError") return false;
      if (!this.#words.length) this.said.hidden = true;
      this.complain(error instanceof Refusal ? error.message : `The speech broke off: ${sentence(error.message)}`);
      return false;
    } finally {
      if (this.leaving === leaving) this.#busy(false);
    }
  }

  async #receive(answer, player, began) {
    this.first = null;
    for await (const event of events(answer)) {
      if (event.type === "speech.audio.timestamps") this.#show([...this.#words, ...event.words]);
      if (event.type === "speech.audio.done") return event;
      if (event.type === "error") throw new Refusal(sentence(event.error.message));
      if (event.type !== "speech.audio.delta") continue;
      if (this.first === null) {
        this.first = ((performance.now() - began) / 1000).toFixed(1);
        this.status.textContent = "Speaking…";
      }
      const bytes = bytesOf(event.audio);
      player.add(bytes);
      this.picture.add(bytes);
      this.#follow();
    }
    throw new Refusal("The server ended the speech too early. Try again.");
  }

  stop() {
    this.leaving?.abort();
    this.player?.stop();
    this.#busy(false);
  }

  #busy(is, said) {
    this.stopButton.hidden = !is;
    this.element.setAttribute("aria-busy", String(is));
    if (said !== undefined) this.status.textContent = said;
  }

  // Words under the picture, each where it is said; where two would touch, the later one is a line lower.
  #show(words) {
    this.#words = words;
    if (!words.length) this.wordsLine.replaceChildren();
    const ends = [];
    words.forEach((word, number) => {
      const span = this.wordsLine.children[number] ?? this.wordsLine.appendChild(newWord(word));
      const left = word.start * PIXELS_PER_S, row = Math.max(0, [...ends, -1].findIndex((end) => end < left));
      ends[row] = left + span.offsetWidth + 6;
      span.style.left = `${left}px`;
      span.style.top = `${row * 1.35}rem`;
    });
    this.wordsLine.style.height = `${Math.max(1, ends.length) * 1.35 + 0.4}rem`;
    this.#fit();
  }

  #fit() {
    const seconds = Math.max(this.picture.seconds, this.#words.at(-1)?.end ?? 0);
    this.strip.style.width = `${Math.ceil(seconds * PIXELS_PER_S)}px`;
  }

  // While it plays: a line at what is heard, and its word marked.
  #follow() {
    cancelAnimationFrame(this.#drawing);
    const seconds = this.player?.time ?? 0, place = seconds * PIXELS_PER_S;
    const plays = this.player?.plays ?? false;
    this.cursor.style.transform = `translateX(${place}px)`;
    const now = this.#words.findLastIndex((word) => word.start <= seconds && (plays || seconds > 0));
    const over = now >= 0 && seconds > this.#words[now].end + 0.25;
    [...this.wordsLine.children].forEach((span, number) => {
      if (number === now && !over && plays) span.setAttribute("aria-current", "true");
      else span.removeAttribute("aria-current");
    });
    if (!plays) return;
    this.scroller.scrollLeft = place - this.scroller.clientWidth / 3;
    this.#drawing = requestAnimationFrame(() => this.#follow());
  }

  // The whole file is made anew, so that its header states its length; the same seed gives the same samples.
  async download(format) {
    this.complain("");
    this.#busy(false, "Making the file…");
    try {
      const sent = { ...this.#asked(), response_format: format, stream: false };
      const file = await (await ask("v1/audio/speech", posted(sent))).blob();
      const link = document.createElement("a");
      link.href = URL.createObjectURL(file);
      link.download = `synthetic-${this.#name().replace(/[^\w.-]+/g, "-")}-${sent.seed}.${KINDS[format]}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      this.status.textContent = `${link.download} is downloaded.`;
    } catch (error) {
      this.status.textContent = "";
      this.complain(error.message);
    }
  }

  #name() {
    return this.form.elements.voice.selectedOptions[0]?.text ?? "voice";
  }

  async showLikeness() {
    const voice = this.voice;
    this.likeness.hidden = true;
    if (!voice) return;
    try {
      const found = await asked(voicePath(voice, "/likeness"));
      if (voice !== this.voice || !found.data.length) return;
      this.#draw(found);
      this.likeness.hidden = false;
    } catch (error) {
      this.complain(error.message);
    }
  }

  #draw({ data, one_person_above: above }) {
    const [list, note] = [this.likeness.querySelector("ul"), this.likeness.querySelector("p")];
    list.replaceChildren(...data.map(({ name, likeness }) => newBar(name, likeness, above)));
    const line = above === null ? "" : ` Above ${above.toFixed(2)}, the line, two recordings are taken for one person's.`;
    note.textContent = `Likeness to the other voices: 1 is the same.${line}`;
  }
}

function newWord({ word }) {
  const span = document.createElement("span");
  span.textContent = `${word} `;
  return span;
}

function newBar(name, likeness, above) {
  const item = document.createElement("li"), parts = ["name", "bar", "value"].map((part) => {
    const span = item.appendChild(document.createElement("span"));
    span.className = part;
    return span;
  });
  const [shown, bar, value] = parts, filled = bar.appendChild(document.createElement("span"));
  shown.textContent = name;
  bar.ariaHidden = "true";
  filled.style.width = `${100 * Math.max(0, likeness)}%`;
  if (above !== null) {
    const line = bar.appendChild(document.createElement("i"));
    line.style.left = `${100 * above}%`;
    item.classList.toggle("alike", likeness >= above);
  }
  value.textContent = likeness.toFixed(2);
  return item;
}
