// The microphone: mono sound as it is, without what browsers do to voices, in pieces of 40 ms.

const RATE = 16000;

/** What is asked of the browser. */
export const SOUND_WANTED = { echoCancellation: false, autoGainControl: false, noiseSuppression: false, channelCount: 1 };

/**
 * Takes the sound of a microphone's track; `onPiece(first, rate, samples, at)` is called with each piece, `at` on
 * performance.now()'s clock in seconds.
 */
export async function openSound(track, onPiece, onEnded) {
  const stream = new MediaStream([track]);
  let context;
  let source;
  try {
    context = new AudioContext({ sampleRate: RATE });
    source = context.createMediaStreamSource(stream);
  } catch {
    // Some browsers take the device's own rate alone; the sensors bring it to 16 kHz.
    await context?.close();
    context = new AudioContext();
    source = context.createMediaStreamSource(stream);
  }
  await context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
  const gather = new AudioWorkletNode(context, "gather", { numberOfInputs: 1, numberOfOutputs: 0 });
  const latency = track.getSettings().latency ?? 0;
  gather.port.onmessage = ({ data }) => {
    const at = performance.now() / 1000 - data.samples.length / context.sampleRate - latency;
    onPiece(data.first, context.sampleRate, data.samples, at);
  };
  track.onended = onEnded;
  source.connect(gather);
  await context.resume();
  return {
    stream,
    close() {
      track.onended = null;
      track.stop();
      gather.port.onmessage = null;
      context.close();
    },
  };
}

/** Samples as the sensors take them: int16, little-endian. */
export function toInt16(samples) {
  const view = new DataView(new ArrayBuffer(2 * samples.length));
  for (let i = 0; i < samples.length; i++) {
    view.setInt16(2 * i, Math.round(Math.max(-1, Math.min(1, samples[i])) * 32767), true);
  }
  return view.buffer;
}
