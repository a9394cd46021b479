// A mel spectrogram: samples to bands, and bands to a picture that grows.

import { MP3_DELAY, RATE, joined, samplesOf } from "./player.js";

const N_FFT = 1024, HOP = 240, BANDS = 80, TOP = 8000, TILE = 1000; // samples, samples, bands, Hz, frames
const [QUIET, LOUD] = [-2.6, 1.5]; // log10 of magnitudes: the colours' ends

const window_ = Float64Array.from({ length: N_FFT }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / N_FFT));
const filters = melFilters();

// In place, radix 2.
function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
  for (let size = 2; size <= n; size <<= 1) {
    const half = size >> 1, step = (-2 * Math.PI) / size;
    for (let k = 0; k < half; k++) {
      const c = Math.cos(step * k), s = Math.sin(step * k);
      for (let a = k; a < n; a += size) {
        const b = a + half, x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
        (re[b] = re[a] - x), (im[b] = im[a] - y), (re[a] += x), (im[a] += y);
      }
    }
  }
}

// Triangles over bins, HTK's scale: [first bin, weights] a band.
function melFilters() {
  const mel = (hz) => 2595 * Math.log10(1 + hz / 700), hz = (m) => 700 * (10 ** (m / 2595) - 1);
  const top = mel(TOP);
  const edges = Array.from({ length: BANDS + 2 }, (_, i) => (hz((top * i) / (BANDS + 1)) * N_FFT) / RATE);
  return edges.slice(1, -1).map((centre, band) => {
    const low = edges[band], high = edges[band + 2], first = Math.ceil(low), weights = [];
    for (let bin = first; bin <= high; bin++) {
      weights.push(Math.max(0, Math.min((bin - low) / (centre - low), (high - bin) / (high - centre))));
    }
    if (!weights.some(Boolean)) return [Math.round(centre), [1]]; // a band between two bins
    return [first, weights];
  });
}

// One frame, as bytes from quiet to loud.
function melFrame(samples, centre) {
  const re = new Float64Array(N_FFT), im = new Float64Array(N_FFT), start = centre - N_FFT / 2;
  for (let at = 0; at < N_FFT; at++) re[at] = (samples[start + at] ?? 0) * window_[at];
  fft(re, im);
  return Uint8Array.from(filters, ([first, weights]) => {
    let sum = 0;
    weights.forEach((weight, place) => (sum += weight * Math.hypot(re[first + place], im[first + place])));
    return Math.max(0, Math.min(255, (255 * (Math.log10(sum + 1e-9) - QUIET)) / (LOUD - QUIET)));
  });
}

export class MelPicture {
  constructor(tiles) {
    this.tiles = tiles;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw(0));
    this.clear("mp3");
  }

  clear(format) {
    this.format = format;
    this.parts = [];
    this.frames = [];
    this.seconds = 0;
    this.turn = {}; // of this speech: what was decoded for an earlier one is thrown away
    this.tiles.replaceChildren();
  }

  async add(bytes) {
    this.parts.push(bytes);
    if (this.decoding) return; // what came in the meantime is decoded next
    this.decoding = true;
    try {
      let known = 0;
      while (this.parts.length > known) {
        const turn = this.turn;
        known = this.parts.length;
        const samples = await this.#samples();
        if (turn === this.turn) this.#take(samples);
        else known = 0;
      }
    } finally {
      this.decoding = false;
    }
  }

  async #samples() {
    const bytes = joined(this.parts);
    if (this.format === "pcm") return samplesOf(bytes.subarray(0, bytes.length - (bytes.length % 2)));
    try {
      const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes.buffer);
      return sound.getChannelData(0).subarray(MP3_DELAY);
    } catch {
      return new Float32Array(0); // less than a frame of MP3
    }
  }

  #take(samples) {
    this.seconds = samples.length / RATE;
    const first = this.frames.length;
    for (let at = first; at * HOP + N_FFT / 2 <= samples.length; at++) this.frames.push(melFrame(samples, at * HOP));
    this.#draw(first);
    this.tiles.dispatchEvent(new Event("grown"));
  }

  #draw(first) {
    const colours = palette(this.tiles);
    for (let number = Math.floor(first / TILE); number * TILE < this.frames.length; number++) {
      const canvas = this.tiles.children[number] ?? this.tiles.appendChild(newTile());
      const context = canvas.getContext("2d"), image = context.createImageData(TILE, BANDS);
      this.frames.slice(number * TILE, (number + 1) * TILE).forEach((frame, column) => {
        frame.forEach((value, band) => image.data.set(colours[value], 4 * ((BANDS - 1 - band) * TILE + column)));
      });
      context.putImageData(image, 0, 0);
    }
  }
}

function newTile() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [TILE, BANDS];
  return canvas;
}

// 256 colours between those that the style sheet names.
function palette(element) {
  const style = getComputedStyle(element);
  const stops = [0, 1, 2, 3].map((n) => style.getPropertyValue(`--mel-${n}`).match(/[0-9a-f]{2}/gi).map((x) => parseInt(x, 16)));
  return Array.from({ length: 256 }, (_, value) => {
    const place = (value / 255) * (stops.length - 1), low = Math.min(Math.floor(place), stops.length - 2);
    return [...stops[low].map((from, i) => from + (stops[low + 1][i] - from) * (place - low)), 255];
  });
}
