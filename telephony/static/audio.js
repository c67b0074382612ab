/* What the phone sounds like: ring, keys, the bot's voice; and the microphone. */

const KEYS = { 1: [697, 1209], 2: [697, 1336], 3: [697, 1477], 4: [770, 1209], 5: [770, 1336], 6: [770, 1477],
  7: [852, 1209], 8: [852, 1336], 9: [852, 1477], '*': [941, 1209], 0: [941, 1336], '#': [941, 1477] };
const RING_EVERY_MS = 4000;
const BELL = [[659.3, 0], [784, 0.18], [987.8, 0.36], [784, 0.9], [987.8, 1.08]];
const WANTED = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };

export class Sound {
  /* Browsers allow sound only after the visitor has touched the page: call this from a click. */
  async unlock() {
    this.context ??= new AudioContext({ latencyHint: 'interactive' });
    await this.context.resume();
    this.loaded ??= this.context.audioWorklet.addModule('/phone/static/worklet.js');
    await this.loaded;
  }

  get unlocked() { return this.context?.state === 'running'; }

  ring() {
    this.quiet();
    const once = () => {
      if (this.unlocked) for (const [pitch, after] of BELL) this.tone([pitch, pitch * 2], after, 0.9, 0.09);
      navigator.vibrate?.([300, 200, 300]);
    };
    once();
    this.ringing = setInterval(once, RING_EVERY_MS);
  }

  quiet() {
    clearInterval(this.ringing);
    this.bell?.disconnect();
    this.bell = null;
  }

  key(digit) { if (this.unlocked) this.tone(KEYS[digit], 0, 0.16, 0.06, this.context.destination); }

  tone(pitches, after, length, volume, out) {
    const begin = this.context.currentTime + after;
    const gain = this.context.createGain();
    gain.gain.setValueAtTime(0.0001, begin);
    gain.gain.exponentialRampToValueAtTime(volume, begin + 0.012);
    gain.gain.exponentialRampToValueAtTime(0.0001, begin + length);
    if (!out && !this.bell) {
      this.bell = this.context.createGain();
      this.bell.connect(this.context.destination);
    }
    gain.connect(out ?? this.bell);
    pitches.forEach((pitch, i) => {
      const source = this.context.createOscillator();
      const share = this.context.createGain();
      share.gain.value = out || i === 0 ? 1 : 0.25;
      source.frequency.value = pitch;
      source.connect(share).connect(gain);
      source.start(begin);
      source.stop(begin + length);
    });
  }

  /* Opens both directions. `on`: frame(Uint8Array, level), marks(names), playing(bool). */
  open(on) {
    this.microphone = new AudioWorkletNode(this.context, 'phone-microphone');
    this.speaker = new AudioWorkletNode(this.context, 'phone-speaker', { numberOfInputs: 0, outputChannelCount: [1] });
    this.microphone.port.onmessage = ({ data }) => on.frame(data.frame, data.level);
    this.speaker.port.onmessage = ({ data }) => (data.marks ? on.marks(data.marks) : on.playing(data.playing));
    // Its output is silent; what is connected to nothing would not be run.
    this.microphone.connect(this.context.destination);
    this.speaker.connect(this.context.destination);
  }

  /* Resolves to '' or to why nobody will be heard. */
  async listen() {
    const node = this.microphone;
    if (!navigator.mediaDevices) return '浏览器只在安全连接（https）下允许使用麦克风';
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED });
    } catch (error) {
      return error.name === 'NotFoundError' ? '没有找到麦克风' : '麦克风没有获得许可';
    }
    if (node !== this.microphone) {
      stream.getTracks().forEach((track) => track.stop());
      return '';
    }
    this.stream = stream;
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(node);
    return '';
  }

  play(mulaw) { this.speaker?.port.postMessage({ play: mulaw }, [mulaw.buffer]); }

  playLive(mulaw) { this.speaker?.port.postMessage({ play: mulaw, live: true }, [mulaw.buffer]); }

  mark(name) { this.speaker?.port.postMessage({ mark: name }); }

  clear() { this.speaker?.port.postMessage({ clear: true }); }

  mute(muted) { this.microphone?.port.postMessage({ muted }); }

  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    for (const node of [this.source, this.microphone, this.speaker]) node?.disconnect();
    this.stream = this.source = this.microphone = this.speaker = null;
  }
}
