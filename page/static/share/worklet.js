// Runs in the audio thread: gathers the microphone's sound and posts it in pieces, each with its first sample's number.

const PIECE = 640;

class Gather extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(PIECE);
    this.count = 0;
    this.first = 0;
  }

  process(inputs) {
    const channels = inputs[0];
    // Without a channel the microphone gives nothing at the moment: the numbers go on, so the loss is seen.
    if (!channels.length) {
      this.flush();
      return true;
    }
    if (this.count === 0) this.first = currentFrame;
    const length = channels[0].length;
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.piece[this.count++] = sum / channels.length;
    }
    if (this.count >= PIECE) this.flush();
    return true;
  }

  flush() {
    if (this.count) {
      this.port.postMessage({ first: this.first, samples: this.piece.slice(0, this.count) });
      this.count = 0;
    }
  }
}

registerProcessor("gather", Gather);
