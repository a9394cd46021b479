// Plays speech while it comes. Where the browser takes MP3 by MediaSource, an audio element plays the stream itself, with
// its own controls. Elsewhere (older iPhones) Web Audio plays samples as they come, and the element has them at the end.

export const RATE = 24000; // Hz, of the service's pcm and of the picture
export const MP3_DELAY = 1658; // samples that an encoder and a decoder of MP3 put in front, as Chromium decodes
const MIME = "audio/mpeg";
const Source = window.ManagedMediaSource ?? window.MediaSource;

export const startPlayer = (audio) => (Source?.isTypeSupported(MIME) ? new Mp3Player(audio) : new PcmPlayer(audio));

class Mp3Player {
  format = "mp3";
  #parts = [];
  #ended = false;

  constructor(audio) {
    this.audio = audio;
    this.source = new Source();
    audio.disableRemotePlayback = true; // ManagedMediaSource wants it
    audio.src = URL.createObjectURL(this.source);
    this.source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(audio.src);
      this.buffer = this.source.addSourceBuffer(MIME);
      this.buffer.addEventListener("updateend", () => this.#feed());
      this.#feed();
    }, { once: true });
    play(audio); // now, while the browser knows that a person asked for it; it waits for the first bytes
  }

  get time() {
    return Math.max(0, this.audio.currentTime - MP3_DELAY / RATE);
  }

  get plays() {
    return !this.audio.paused && !this.audio.ended;
  }

  add(bytes) {
    this.#parts.push(bytes);
    this.#feed();
  }

  end() {
    this.#ended = true;
    this.#feed();
  }

  stop() {
    this.#parts = [];
    this.audio.pause();
    this.end();
  }

  #feed() {
    if (this.source.readyState !== "open" || !this.buffer || this.buffer.updating) return;
    if (this.#parts.length) {
      try {
        this.buffer.appendBuffer(this.#parts[0]);
        this.#parts.shift();
      } catch (error) {
        if (error.name !== "QuotaExceededError") throw error;
        this.audio.addEventListener("timeupdate", () => this.#feed(), { once: true }); // full until more was played
      }
    } else if (this.#ended) {
      this.source.endOfStream();
    }
  }
}

class PcmPlayer {
  format = "pcm";
  #parts = [];
  #left = new Uint8Array(0);
  #next = 0;
  #began = null;

  constructor(audio) {
    this.audio = audio;
    audio.removeAttribute("src");
    audio.load();
    this.context = new AudioContext({ sampleRate: RATE });
    this.context.resume();
  }

  get time() {
    if (this.#began === null) return this.audio.currentTime;
    return Math.max(0, this.context.currentTime - this.#began);
  }

  get plays() {
    return this.#began !== null || (!this.audio.paused && !this.audio.ended);
  }

  add(bytes) {
    const all = joined([this.#left, bytes]);
    const whole = all.subarray(0, all.length - (all.length % 2));
    this.#left = all.slice(whole.length);
    this.#parts.push(whole);
    const samples = samplesOf(whole);
    if (!samples.length) return;
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const node = new AudioBufferSourceNode(this.context, { buffer });
    node.connect(this.context.destination);
    this.#next = Math.max(this.#next, this.context.currentTime + 0.05);
    this.#began ??= this.#next;
    node.start(this.#next);
    this.#next += buffer.duration;
    this.last = node;
  }

  // The element takes over when all was played: then it can be played again and sought.
  end() {
    if (!this.last) return this.stop();
    this.last.addEventListener("ended", () => {
      this.stop();
      this.audio.dispatchEvent(new Event("ended"));
    });
  }

  stop() {
    if (this.context.state !== "closed") this.context.close();
    this.#began = null;
    if (this.#parts.length) this.audio.src = URL.createObjectURL(new Blob([wavHeader(this.#parts), ...this.#parts]));
    this.#parts = [];
  }
}

const play = (audio) => audio.play().catch(() => {}); // the browser may want another click: the controls are there

export function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function samplesOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length >> 1 }, (_, place) => view.getInt16(2 * place, true) / 32768);
}

function wavHeader(parts) {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const view = new DataView(new ArrayBuffer(44));
  const text = (at, word) => [...word].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF"), view.setUint32(4, size + 36, true), text(8, "WAVEfmt "), view.setUint32(16, 16, true);
  view.setUint16(20, 1, true), view.setUint16(22, 1, true), view.setUint32(24, RATE, true);
  view.setUint32(28, 2 * RATE, true), view.setUint16(32, 2, true), view.setUint16(34, 16, true);
  text(36, "data"), view.setUint32(40, size, true);
  return view;
}
