/* The phone's sound, on the audio thread: microphone → 20 ms frames of 8 kHz µ-law, and µ-law → speaker. */
'use strict';

const LINE_RATE = 8000;
const FRAME = 160;
const START_AFTER = 320; // samples kept back at the start of a speech, so that a late frame leaves no hole
const LIVE_MOST = 1200; // samples of somebody talking live that may wait; older ones are dropped, or they would lag for good
const FADE = 40; // samples still played after a clear, or the cut would click
const PHASES = 128;

const DECODED = Float32Array.from({ length: 256 }, (_, code) => {
  const flipped = ~code & 0xff;
  const size = ((((flipped & 0x0f) << 3) + 0x84) << ((flipped >> 4) & 7)) - 0x84;
  return (flipped & 0x80 ? -size : size) / 32768;
});

function encode(value) {
  const sample = Math.max(-32635, Math.min(32635, Math.round(value * 32768)));
  const size = Math.abs(sample) + 0x84;
  const segment = Math.floor(Math.log2(size)) - 7;
  return ~((sample < 0 ? 0x80 : 0) | (segment << 4) | ((size >> (segment + 3)) & 0x0f)) & 0xff;
}

/* Reads a signal between its samples: a windowed sinc that lets pass what both rates can carry. */
class Between {
  constructor(from, to) {
    const cutoff = (0.46 * Math.min(from, to)) / from;
    this.half = Math.ceil(12 * Math.max(1, from / to));
    this.taps = 2 * this.half;
    this.table = [];
    for (let phase = 0; phase <= PHASES; phase += 1) {
      const row = new Float32Array(this.taps);
      let sum = 0;
      for (let k = 0; k < this.taps; k += 1) {
        const u = k - this.half + phase / PHASES;
        const x = 2 * Math.PI * cutoff * u;
        const window = 0.5 + 0.5 * Math.cos((Math.PI * u) / this.half);
        row[k] = (x === 0 ? 1 : Math.sin(x) / x) * window;
        sum += row[k];
      }
      this.table.push(row.map((weight) => weight / sum));
    }
    this.past = new Float32Array(2 * this.taps);
    this.at = 0;
  }

  push(sample) {
    this.at = (this.at + this.taps - 1) % this.taps;
    this.past[this.at] = sample;
    this.past[this.at + this.taps] = sample;
  }

  read(fraction) {
    const row = this.table[Math.round(fraction * PHASES)];
    let sum = 0;
    for (let k = 0; k < this.taps; k += 1) sum += row[k] * this.past[this.at + k];
    return sum;
  }
}

/* Posts {frame: Uint8Array(160), level: 0…1} every 20 ms, also without a microphone: then silence. */
class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.between = new Between(sampleRate, LINE_RATE);
    this.step = sampleRate / LINE_RATE;
    this.due = this.step;
    this.muted = false;
    this.start();
    this.port.onmessage = ({ data }) => { this.muted = Boolean(data.muted); };
  }

  start() {
    this.frame = new Uint8Array(FRAME);
    this.filled = 0;
    this.peak = 0;
  }

  process([input]) {
    const heard = input[0];
    for (let i = 0; i < 128; i += 1) {
      this.between.push(heard && !this.muted ? heard[i] : 0);
      this.due -= 1;
      if (this.due <= 0) {
        this.take(this.between.read(1 + this.due));
        this.due += this.step;
      }
    }
    return true;
  }

  take(value) {
    this.peak = Math.max(this.peak, Math.abs(value));
    this.frame[this.filled] = encode(value);
    this.filled += 1;
    if (this.filled === FRAME) {
      this.port.postMessage({ frame: this.frame, level: Math.min(1, this.peak) });
      this.start();
    }
  }
}

/* Takes {play: Uint8Array, live?}, {mark: name}, {clear: true}; posts {marks: [name…]} when played or cleared, {playing}. */
class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.between = new Between(LINE_RATE, sampleRate);
    this.step = LINE_RATE / sampleRate;
    this.fraction = 0;
    this.queue = [];
    this.read = 0;
    this.ahead = 0;
    this.waited = 0;
    this.running = false;
    this.fading = 0;
    this.told = false;
    this.marks = [];
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take({ play, live, mark, clear }) {
    if (play) {
      this.queue.push(play);
      this.ahead += play.length;
      if (live) this.catchUp();
    } else if (mark !== undefined) {
      this.queue.push(mark);
      if (this.queue.length === 1) this.dropMarks();
    } else if (clear) {
      this.clear();
    }
  }

  catchUp() {
    while (this.queue.length > 1 && this.ahead > LIVE_MOST) {
      this.ahead -= this.queue.shift().length - this.read;
      this.read = 0;
    }
  }

  clear() {
    this.marks.push(...this.queue.filter((item) => typeof item === 'string'));
    const playing = this.running && this.queue.find((item) => typeof item !== 'string');
    this.queue = playing ? [playing.slice(this.read, this.read + FADE)] : [];
    this.fading = this.ahead = playing ? this.queue[0].length : 0;
    this.read = 0;
    this.tellMarks();
  }

  dropMarks() {
    while (typeof this.queue[0] === 'string') this.marks.push(this.queue.shift());
    this.tellMarks();
  }

  tellMarks() {
    if (this.marks.length) this.port.postMessage({ marks: this.marks });
    this.marks = [];
  }

  next() {
    if (!this.queue.length) {
      this.running = false;
      this.waited = 0;
      return 0;
    }
    if (!this.running) {
      this.waited += 1;
      if (this.ahead < START_AFTER && this.waited < START_AFTER) return 0;
      this.running = true;
    }
    const piece = this.queue[0];
    let value = DECODED[piece[this.read]];
    if (this.fading) {
      value *= this.fading / FADE;
      this.fading -= 1;
    }
    this.read += 1;
    this.ahead -= 1;
    if (this.read >= piece.length) {
      this.queue.shift();
      this.read = 0;
      this.dropMarks();
    }
    return value;
  }

  process(_, [output]) {
    const out = output[0];
    for (let i = 0; i < out.length; i += 1) {
      this.fraction += this.step;
      while (this.fraction >= 1) {
        this.between.push(this.next());
        this.fraction -= 1;
      }
      out[i] = this.between.read(this.fraction);
    }
    if (this.running !== this.told) {
      this.told = this.running;
      this.port.postMessage({ playing: this.running });
    }
    return true;
  }
}

registerProcessor('phone-microphone', Microphone);
registerProcessor('phone-speaker', Speaker);
