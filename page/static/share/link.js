// The connection to the page: messages out, what is told in; it comes back by itself, and knows the other clock.

export const VERSION = 1;
const SOUND = 1;
const PICTURE = 2;
const HEADER = 24;
/** Bytes that may wait in the browser; beyond, sound and pictures are left out, and their numbers tell. */
const MOST_WAITING = 512 * 1024;
const PAUSES_MS = [500, 5000];
const CLOCK_FIRST = 8;
const CLOCK_FIRST_MS = 60;
const CLOCK_MS = 4000;

/** One session of sharing: events are those of the protocol, by their `type`, and `connection` ({open}). */
export class Link extends EventTarget {
  constructor(name) {
    super();
    this.name = name;
    this.session = [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");
    this.pause = PAUSES_MS[0];
    this.leftOut = 0;
    this.closed = false;
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/v1/share`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.pause = PAUSES_MS[0];
      this.say({ type: "hello", version: VERSION, name: this.name, session: this.session });
      this.askTime(CLOCK_FIRST);
      this.tell("connection", { open: true });
    };
    socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    socket.onclose = () => {
      clearTimeout(this.clock);
      if (this.closed) return;
      this.tell("connection", { open: false });
      this.again = setTimeout(() => this.open(), this.pause);
      this.pause = Math.min(2 * this.pause, PAUSES_MS[1]);
    };
  }

  close() {
    this.closed = true;
    clearTimeout(this.again);
    clearTimeout(this.clock);
    this.socket?.close();
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Send a JSON message. */
  say(told) {
    if (this.isOpen) this.socket.send(JSON.stringify(told));
  }

  sendSound(first, rate, int16, at) {
    this.send(SOUND, rate, first, at, int16);
  }

  sendPicture(number, jpeg, at) {
    this.send(PICTURE, 0, number, at, jpeg);
  }

  send(kind, rate, first, at, body) {
    if (!this.isOpen || this.socket.bufferedAmount > MOST_WAITING) {
      this.leftOut++;
      return;
    }
    const message = new Uint8Array(HEADER + body.byteLength);
    const header = new DataView(message.buffer);
    header.setUint8(0, kind);
    header.setUint8(1, VERSION);
    header.setUint32(4, Math.round(rate), true);
    header.setBigUint64(8, BigInt(first), true);
    header.setFloat64(16, at, true);
    message.set(new Uint8Array(body), HEADER);
    this.socket.send(message);
  }

  hear(told) {
    if (told.type === "time") {
      const { sent, received, answered } = told;
      this.say({ type: "clock", sent, received, answered, returned: performance.now() / 1000 });
    } else if (told.type === "who") {
      // The sensors were started anew and do not know this connection; every message that is on its way says so again.
      if (performance.now() - (this.introduced ?? -1e9) < 1000) return;
      this.introduced = performance.now();
      this.say({ type: "hello", version: VERSION, name: this.name, session: this.session });
      this.askTime(CLOCK_FIRST);
    } else {
      this.tell(told.type, told);
    }
  }

  askTime(soon) {
    clearTimeout(this.clock);
    this.say({ type: "time", sent: performance.now() / 1000 });
    this.clock = setTimeout(() => this.askTime(soon - 1), soon > 1 ? CLOCK_FIRST_MS : CLOCK_MS);
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
