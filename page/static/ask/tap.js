// Audio worklet: hands on the first channel in blocks of 1024 samples.

class Tap extends AudioWorkletProcessor {
  block = new Float32Array(1024);
  filled = 0;

  process([input]) {
    for (const value of input[0] ?? []) {
      this.block[this.filled++] = value;
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("tap", Tap);
