// A recording, by microphone or from a file.

const KINDS = { "audio/webm;codecs=opus": "webm", "audio/mp4": "m4a", "audio/ogg;codecs=opus": "ogg" };
const LONGEST_S = 60;
// Nothing that a browser does to a voice for calls: it would change what the voice is like.
const PLAIN = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };

export class Recorder {
  constructor(element, complain) {
    this.title = element.dataset.title;
    this.complain = complain;
    this.blob = null;
    element.append(document.getElementById("recorder").content.cloneNode(true));
    const find = (selector) => element.querySelector(selector);
    [this.button, this.file, this.audio] = ["button", "input", "audio"].map(find);
    [this.meter, this.timer] = [".meter", ".timer"].map(find);
    this.button.setAttribute("aria-label", `Record ${this.title}`);
    this.file.setAttribute("aria-label", `Upload ${this.title}`);
    this.audio.setAttribute("aria-label", `Listen to ${this.title}`);
    this.button.addEventListener("click", () => (this.recorder ? this.recorder.stop() : this.#record()));
    this.file.addEventListener("change", () => this.#take(this.file.files[0] ?? null, this.file.files[0]?.name));
  }

  clear() {
    this.file.value = "";
    this.#take(null);
  }

  async #record() {
    this.complain("");
    if (!navigator.mediaDevices) {
      return this.complain("The browser lends the microphone only to pages with https and to localhost; upload a file.");
    }
    this.button.disabled = true;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: PLAIN });
    } catch (error) {
      return this.complain(`The microphone can't be used: ${error.message}. Allow it, or upload a file.`);
    } finally {
      this.button.disabled = false;
    }
    const type = Object.keys(KINDS).find((kind) => MediaRecorder.isTypeSupported(kind));
    const parts = [], recorder = (this.recorder = new MediaRecorder(stream, { mimeType: type, audioBitsPerSecond: 96_000 }));
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    recorder.addEventListener("stop", () => {
      stream.getTracks().forEach((track) => track.stop());
      this.recorder = null;
      this.#idle();
      this.#take(new Blob(parts, { type }), `recording.${KINDS[type] ?? "webm"}`);
    });
    recorder.start();
    this.button.textContent = "Stop";
    this.button.classList.add("recording");
    this.button.setAttribute("aria-label", `Stop recording ${this.title}`);
    this.#measure(stream, recorder);
  }

  // The level, so that one sees that the microphone works, and the seconds.
  #measure(stream, recorder) {
    const context = new AudioContext(), analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize), began = performance.now();
    this.meter.hidden = false;
    const tick = () => {
      if (recorder.state !== "recording") return context.close();
      analyser.getFloatTimeDomainData(samples);
      const level = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
      this.meter.firstElementChild.style.width = `${Math.min(100, Math.max(0, 100 + (20 * Math.log10(level + 1e-6)) * 1.8))}%`;
      const seconds = (performance.now() - began) / 1000;
      this.timer.textContent = `${seconds.toFixed(0)} s`;
      if (seconds > LONGEST_S) recorder.stop();
      requestAnimationFrame(tick);
    };
    tick();
  }

  #idle() {
    this.button.textContent = "Record";
    this.button.classList.remove("recording");
    this.button.setAttribute("aria-label", `Record ${this.title}`);
    this.meter.hidden = true;
  }

  #take(blob, name) {
    if (this.audio.src) URL.revokeObjectURL(this.audio.src);
    [this.blob, this.name] = [blob, name];
    this.audio.hidden = !blob;
    this.timer.textContent = blob ? name : "";
    if (blob) this.audio.src = URL.createObjectURL(blob);
    else this.audio.removeAttribute("src");
  }
}
