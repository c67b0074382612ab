/* The phone's side of a media stream, the part a carrier plays: Twilio's Media Streams JSON. Nothing else knows it. */

const PROTOCOL = 'shuiling-phone';
const FRAME_MS = 20;
const CONGESTED = 64 * 1024; // bytes waiting to be sent; more would only come too late

const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
const fromBase64 = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

export class PhoneStream {
  /* `on`: audio(Uint8Array of µ-law), mark(name), clear(), closed(). */
  constructor({ call, carrier, token }, on) {
    this.carrier = carrier;
    this.on = on;
    this.id = `MZ${carrier.slice(2)}`;
    this.sequence = 0;
    this.chunk = 0;
    const url = new URL(`/phone/media/${encodeURIComponent(call)}`, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    this.socket = new WebSocket(url, [PROTOCOL, token]);
    this.socket.onopen = () => this.start(call);
    this.socket.onmessage = ({ data }) => this.receive(data);
    this.socket.onclose = () => on.closed();
  }

  start(call) {
    this.write({ event: 'connected', protocol: 'Call', version: '1.0.0' });
    this.send('start', {
      start: {
        streamSid: this.id,
        accountSid: 'browser',
        callSid: this.carrier,
        tracks: ['inbound'],
        customParameters: { call },
        mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
      },
    });
  }

  receive(data) {
    let message;
    try { message = JSON.parse(data); } catch { return; }
    if (message.event === 'media' && message.media?.payload) {
      try { this.on.audio(fromBase64(message.media.payload)); } catch { /* not base64: there is nothing to play */ }
    } else if (message.event === 'mark' && message.mark) {
      this.on.mark(String(message.mark.name));
    } else if (message.event === 'clear') {
      this.on.clear();
    }
  }

  frame(mulaw) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.chunk += 1;
    if (this.socket.bufferedAmount > CONGESTED) return;
    const timestamp = String((this.chunk - 1) * FRAME_MS);
    this.send('media', { media: { track: 'inbound', chunk: String(this.chunk), timestamp, payload: toBase64(mulaw) } });
  }

  digit(digit) { this.send('dtmf', { dtmf: { track: 'inbound_track', digit } }); }

  marked(name) { this.send('mark', { mark: { name } }); }

  stop() {
    this.send('stop', { stop: { accountSid: 'browser', callSid: this.carrier } });
    this.socket.close(1000);
  }

  send(event, content) {
    this.sequence += 1;
    this.write({ event, sequenceNumber: String(this.sequence), streamSid: this.id, ...content });
  }

  write(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
