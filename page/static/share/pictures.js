// The camera, or the board: JPEG pictures at ten a second.

export const EVERY_MS = 100;
export const LIPS_MS = 40;
const QUALITY = 0.85;
const WIDTH = 640;
const HEIGHT = 480;
/** Seconds for which the board is shown instead of the camera after something was drawn on it. */
const BOARD_S = 12;

/** What is asked of the browser. */
export const PICTURES_WANTED = {
  width: { ideal: WIDTH },
  height: { ideal: HEIGHT },
  frameRate: { ideal: 30 },
  facingMode: "environment",
};

/** Takes pictures of a camera, or of a board while somebody draws on it. */
export class Pictures {
  /** `onPicture(number, jpeg, at)`: `at` on performance.now()'s clock in seconds. */
  constructor(onPicture) {
    this.onPicture = onPicture;
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.playsInline = true;
    this.canvas = document.createElement("canvas");
    this.number = 0;
    this.busy = false;
    this.captured = 0;
    this.board = null;
    this.drawn = -1e9;
  }

  async open(track, onEnded) {
    this.stream = new MediaStream([track]);
    track.onended = onEnded;
    this.video.srcObject = this.stream;
    await this.video.play();
    this.watch();
  }

  start() {
    this.setPace(EVERY_MS);
  }

  /** Milliseconds from one picture to the next. */
  setPace(milliseconds) {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.take(), milliseconds);
  }

  close() {
    clearInterval(this.timer);
    this.timer = null;
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.stream = null;
    this.video.srcObject = null;
  }

  /** The board's canvas, and whether something is on it; null: there is no board. */
  setBoard(board) {
    this.board = board;
  }

  /** Somebody draws on the board. */
  boardDrawn() {
    this.drawn = performance.now();
  }

  watch() {
    // Says when each picture was taken; without it, the time of the copy must do.
    if (!this.video.requestVideoFrameCallback) return;
    const seen = (now, about) => {
      const at = about.captureTime ?? now;
      this.captured = at > now - 1000 && at <= now ? at : now;
      if (this.stream) this.video.requestVideoFrameCallback(seen);
    };
    this.video.requestVideoFrameCallback(seen);
  }

  get showsBoard() {
    return this.board !== null && performance.now() - this.drawn < BOARD_S * 1000 && !this.board.empty();
  }

  take() {
    const now = performance.now();
    const onBoard = this.showsBoard;
    if (!onBoard && (!this.stream || this.video.readyState < 2)) return;
    const number = this.number++;
    // A picture that is left out has a number all the same: the sensors count it.
    if (this.busy) return;
    let at = now;
    const context = this.canvas.getContext("2d", { alpha: false });
    if (onBoard) {
      this.canvas.width = WIDTH;
      this.canvas.height = HEIGHT;
      paintBoard(context, this.board.canvas);
    } else {
      this.canvas.width = this.video.videoWidth;
      this.canvas.height = this.video.videoHeight;
      context.drawImage(this.video, 0, 0);
      if (this.captured > now - 500) at = this.captured;
    }
    this.busy = true;
    this.canvas.toBlob(
      async (blob) => {
        try {
          if (blob) this.onPicture(number, await blob.arrayBuffer(), at / 1000);
        } finally {
          this.busy = false;
        }
      },
      "image/jpeg",
      QUALITY,
    );
  }
}

/** A board as a camera would see it: a sheet of paper on a table. */
export function paintBoard(context, board) {
  const { width, height } = context.canvas;
  context.fillStyle = "#5a5a5a";
  context.fillRect(0, 0, width, height);
  const side = Math.round(0.85 * height);
  const left = (width - side) / 2;
  const top = (height - side) / 2;
  context.fillStyle = "#f0f0f0";
  context.fillRect(left, top, side, side);
  const ink = inkOf(board, side);
  context.drawImage(ink, left, top, side, side);
}

/** What is drawn, in black without its paper: what differs from the colour of the board's corner. */
function inkOf(board, side) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const scale = Math.min(side / board.width, side / board.height) * 0.8;
  context.drawImage(
    board,
    (side - scale * board.width) / 2,
    (side - scale * board.height) / 2,
    scale * board.width,
    scale * board.height,
  );
  const picture = context.getImageData(0, 0, side, side);
  const values = picture.data;
  const corner = board.getContext("2d").getImageData(0, 0, 1, 1).data;
  for (let i = 0; i < values.length; i += 4) {
    const alpha = values[i + 3] / 255;
    let far = 0;
    // A board without paper of its own shows its ink by how opaque it is.
    if (corner[3] === 0) far = alpha;
    else if (alpha > 0.5) {
      for (let c = 0; c < 3; c++) far = Math.max(far, Math.abs(values[i + c] - corner[c]) / 255);
      far = Math.min(1, 2 * far);
    }
    values[i] = values[i + 1] = values[i + 2] = 16;
    values[i + 3] = 255 * far;
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}
