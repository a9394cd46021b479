// The list of voices, a new voice, and the end of one.

import { asked, voicePath } from "./api.js";
import { Recorder } from "./recorder.js";

const CONSENTS = "v1/audio/voice_consents";

export class Voices {
  constructor(complain, changed) {
    [this.complain, this.changed] = [complain, changed];
    [this.list, this.status] = ["voices", "voices-status"].map((id) => document.getElementById(id));
    [this.dialog, this.form] = ["confirm", "add"].map((id) => document.getElementById(id));
    this.adding = document.getElementById("add-status");
    this.recorders = Object.fromEntries(
      [...this.form.querySelectorAll(".recorder")].map((place) => [place.dataset.name, new Recorder(place, complain)]),
    );
    const { name, language } = this.form.elements;
    if (navigator.language.startsWith("en")) language.value = navigator.language;
    name.addEventListener("input", () => this.#call(name.value));
    this.form.addEventListener("submit", (event) => (event.preventDefault(), this.#add()));
  }

  async load(preferred) {
    this.voices = (await asked("v1/audio/voices")).data;
    this.list.replaceChildren(...this.voices.map((voice) => this.#item(voice)));
    if (!this.voices.length) this.status.textContent = "There is none yet. Add one below.";
    this.changed(this.voices, preferred);
  }

  // The consent is read with the name in it.
  #call(name) {
    document.getElementById("who").textContent = name || "(your name)";
  }

  #item(voice) {
    const item = document.createElement("li"), name = item.appendChild(document.createElement("span"));
    name.textContent = voice.name;
    if (!voice.consent) {
      const tag = item.appendChild(document.createElement("span"));
      [tag.className, tag.textContent] = ["tag", "sample"];
      return item;
    }
    const button = item.appendChild(document.createElement("button"));
    button.textContent = "Delete";
    button.setAttribute("aria-label", `Delete ${voice.name}`);
    button.addEventListener("click", () => this.#delete(voice));
    for (const doubt of voice.doubts) {
      const line = item.appendChild(document.createElement("p"));
      [line.className, line.textContent] = ["quiet", doubt];
    }
    return item;
  }

  // With its consent, unless another voice was made by the same one.
  async #delete(voice) {
    document.getElementById("confirm-name").textContent = voice.name;
    this.dialog.returnValue = "no";
    this.dialog.showModal();
    await new Promise((closed) => this.dialog.addEventListener("close", closed, { once: true }));
    if (this.dialog.returnValue !== "yes") return;
    this.complain("");
    try {
      await asked(voicePath(voice.id), { method: "DELETE" });
      const needed = this.voices.some((other) => other.id !== voice.id && other.consent === voice.consent);
      if (!needed) await asked(`${CONSENTS}/${voice.consent}`, { method: "DELETE" });
      this.status.textContent = `${voice.name} is deleted.`;
      document.getElementById("voices-title").focus();
    } catch (error) {
      this.complain(error.message);
    }
    await this.load().catch((error) => this.complain(error.message));
  }

  async #add() {
    this.complain("");
    const { name, language, permission } = this.form.elements, { consent, sample } = this.recorders;
    const missing = [
      [!name.value.trim(), "Say whose voice it is.", name],
      [!consent.blob, "Record the consent, or upload it.", consent.button],
      [!sample.blob, "Record a sample of the voice, or upload one.", sample.button],
      [!permission.checked, "Say that you may use this voice.", permission],
    ].find(([is]) => is);
    if (missing) {
      this.complain(missing[1]);
      return missing[2].focus();
    }
    const button = this.form.querySelector("button.primary");
    button.disabled = true;
    this.adding.textContent = "The recordings are compared…";
    try {
      const voice = await this.#sent(name.value.trim(), language.value.trim(), consent, sample);
      this.adding.textContent = `${voice.name} can speak now.`;
      this.form.reset();
      this.#call("");
      Object.values(this.recorders).forEach((recorder) => recorder.clear());
      await this.load(voice.id);
    } catch (error) {
      this.adding.textContent = "";
      this.complain(error.message);
    } finally {
      button.disabled = false;
    }
  }

  // A consent without a voice is of no use to anybody, so it does not stay.
  async #sent(name, language, consent, sample) {
    const allowed = await asked(CONSENTS, form({ name, language }, "recording", consent));
    try {
      return await asked("v1/audio/voices", form({ name, consent: allowed.id }, "audio_sample", sample));
    } catch (error) {
      await asked(`${CONSENTS}/${allowed.id}`, { method: "DELETE" });
      throw error;
    }
  }
}

function form(fields, file, { blob, name }) {
  const body = new FormData();
  for (const [field, value] of Object.entries(fields)) body.append(field, value);
  body.append(file, blob, name);
  return { method: "POST", body };
}
