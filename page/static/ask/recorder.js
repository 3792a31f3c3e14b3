// A short recording from the microphone, as a WAV file.

const LONGEST = 4; // s
const QUIET_AFTER = 0.7; // s of quiet after something loud that end a recording
const LOUD = 0.02; // root mean square from which a block counts as loud

/** Why this browser gives no microphone or camera; empty where it does. */
export function noDevices() {
  if (navigator.mediaDevices?.getUserMedia) return "";
  return "This browser gives its microphone and camera only to pages from this machine or over https.";
}

/** A sentence for the fault of a device. */
export function whyNot(error, what) {
  if (error.name === "NotAllowedError") return `The browser was not allowed to use the ${what}.`;
  if (error.name === "NotFoundError") return `There is no ${what}.`;
  if (error.name === "NotReadableError") return `Another program uses the ${what}.`;
  return `The ${what} does not work: ${error.message}`;
}

/** One recording; it ends by itself after something was said, and at the latest after four seconds. */
export class Recording {
  /** @param {function} level called with the loudness, 0 to 1, some 60 times a second. */
  constructor(level) {
    this.level = level;
    this.blocks = [];
    this.heard = 0;
    this.loudAt = null;
    this.done = new Promise((resolve) => { this.finish = resolve; });
  }

  /** Begin; throws what getUserMedia throws. */
  async start() {
    const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: raw });
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("/static/ask/tap.js");
    const tap = new AudioWorkletNode(this.context, "tap", { numberOfOutputs: 0 });
    tap.port.onmessage = ({ data }) => this.#take(data);
    this.context.createMediaStreamSource(this.stream).connect(tap);
  }

  /** End it. */
  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    const rate = this.context?.sampleRate ?? 48000;
    this.context?.close();
    this.context = null;
    this.finish(wav(this.blocks, rate));
  }

  #take(block) {
    if (!this.context) return;
    this.blocks.push(block);
    this.heard += block.length / this.context.sampleRate;
    const loudness = Math.sqrt(block.reduce((sum, value) => sum + value * value, 0) / block.length);
    if (loudness > LOUD) this.loudAt = this.heard;
    this.level(Math.min(1, 5 * loudness));
    const over = this.loudAt !== null && this.heard - this.loudAt > QUIET_AFTER;
    if (over || this.heard >= LONGEST) this.stop();
  }
}

/** 16-bit mono WAV of blocks of samples. */
function wav(blocks, rate) {
  const count = blocks.reduce((sum, block) => sum + block.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const text = (at, word) => [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * count, true);
  let at = 44;
  for (const block of blocks) {
    for (const value of block) {
      view.setInt16(at, 32767 * Math.max(-1, Math.min(1, value)), true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}
