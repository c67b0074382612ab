/* A caller's call, taken in the console: <shuiling-agent-call url="/console/ws/call/<ticket>#<token>">. */
import { Sound } from '/phone/static/audio.js';

const PROTOCOL = 'shuiling-agent';
const CONGESTED = 4 * 1024; // bytes waiting to be sent, half a second; more would only come too late
const ENDED = {
  left: '通话已结束',
  caller_left: '对方已挂断',
  elsewhere: '已在另一个窗口接听',
  moved: '这个会话已不在您手上',
  broken: '连接断开，可以重新接听',
  refused: '接听凭证已失效，请刷新页面后再接',
  silent: '没有声音可用，请检查扬声器后再接',
};
const STATES = {
  idle: '有来电在等您',
  connecting: '正在接通…',
  summary: '先听一下来电摘要，点“接听”与对方通话',
  ready: '摘要播完了，点“接听”与对方通话',
  joining: '正在接进通话…',
  joined: '通话中',
};

/* Joins a call; to be called from a click, for the sound's sake. Returns {accept, mute(on), leave}.

   `onState` is told ({state, reason, note, summary, speaker, text}): state is a key of STATES or 'ended'; with 'line' a line
   of the transcript comes along, with 'note' why the caller cannot hear you. */
export async function joinCall(url, { onState }) {
  const sound = new Sound();
  try {
    await sound.unlock();
  } catch {
    onState({ state: 'ended', reason: 'silent' });
    return { accept() {}, mute() {}, leave() {} };
  }
  const target = new URL(url, location.href);
  const token = target.hash.slice(1);
  target.hash = '';
  target.protocol = target.protocol.replace('http', 'ws');
  const socket = new WebSocket(target, [PROTOCOL, token]);
  socket.binaryType = 'arraybuffer';
  let opened = false;
  let over = false;

  const tell = (message) => { if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); };
  const end = (reason) => {
    if (over) return;
    over = true;
    sound.close();
    socket.close(1000);
    onState({ state: 'ended', reason });
  };
  const receive = (message) => {
    if (message.type === 'ended') end(message.reason);
    else if (message.type === 'line') onState({ state: 'line', speaker: message.speaker, text: message.text });
    else if (message.type === 'summary') onState({ state: 'summary', summary: message.text });
    else if (message.type === 'parted') onState({ state: 'joining' });
    else if (message.type === 'ready' || message.type === 'joined') onState({ state: message.type });
  };

  socket.onopen = () => {
    opened = true;
    sound.open({
      frame: (mulaw) => {
        if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < CONGESTED) socket.send(mulaw);
      },
      marks() {},
      playing() {},
    });
    sound.listen().then((why) => { if (why && !over) onState({ state: 'note', note: `${why}，对方听不到您说话` }); });
  };
  socket.onmessage = ({ data }) => {
    if (typeof data !== 'string') sound.playLive(new Uint8Array(data));
    else try { receive(JSON.parse(data)); } catch { /* not for us */ }
  };
  socket.onclose = () => end(opened ? 'broken' : 'refused');
  onState({ state: 'connecting' });

  return {
    accept() {
      tell({ type: 'accept' });
      onState({ state: 'joining' });
    },
    mute(on) { sound.mute(on); },
    leave() {
      tell({ type: 'leave' });
      setTimeout(() => end('left'), 1000);
    },
  };
}

const STYLE = `
:host { display: block; font: inherit; color: #1b1f23; }
[hidden] { display: none !important; }
.box { display: grid; gap: .6rem; padding: .9rem 1rem; border: 1px solid #cfe6da; border-radius: .9rem; background: #f1f8f4; }
.state { margin: 0; font-weight: 600; }
.summary, .note { margin: 0; font-size: .95em; color: #3d464e; overflow-wrap: anywhere; }
.note { color: #8a3b00; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; }
button { min-height: 2.75rem; min-width: 5.5rem; padding: .4rem 1.1rem; border: 0; border-radius: 1.4rem; font: inherit;
  font-weight: 600; cursor: pointer; background: #dfe6e2; color: #1b1f23; }
button:focus-visible { outline: 3px solid #0a58ca; outline-offset: 2px; }
.take { background: #17804a; color: #fff; }
.leave { background: #c9352b; color: #fff; }
button[aria-pressed=true] { background: #1b1f23; color: #fff; }
`;

class AgentCall extends HTMLElement {
  static observedAttributes = ['url'];

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const make = (name, kind, text, press) => {
      const made = document.createElement(name);
      made.className = kind;
      made.textContent = text;
      if (press) {
        made.type = 'button';
        made.addEventListener('click', press);
      }
      return made;
    };
    this.state = make('p', 'state', '');
    this.state.setAttribute('role', 'status');
    this.summary = make('p', 'summary', '');
    this.note = make('p', 'note', '');
    this.take = make('button', 'take', '接听', () => this.press());
    this.muted = make('button', 'mute', '静音', () => this.toggle());
    this.left = make('button', 'leave', '挂断', () => this.call?.leave());
    const row = make('div', 'row', '');
    row.append(this.take, this.muted, this.left);
    const box = make('section', 'box', '');
    box.setAttribute('aria-label', '电话');
    box.append(this.state, this.summary, this.note, row);
    root.append(box);
    this.show('idle');
  }

  disconnectedCallback() {
    // Moved to another place of the page, it is connected again at once.
    setTimeout(() => { if (!this.isConnected) this.call?.leave(); });
  }

  attributeChangedCallback() { if (!this.call) this.show('idle'); }

  async press() {
    if (this.call) {
      this.call.accept();
      return;
    }
    this.take.disabled = true;
    this.note.textContent = this.summary.textContent = '';
    this.pressMute(false);
    this.call = await joinCall(this.getAttribute('url'), { onState: (told) => this.told(told) });
    if (this.now === 'ended') this.call = null;
  }

  toggle() {
    const on = this.muted.getAttribute('aria-pressed') !== 'true';
    this.call?.mute(on);
    this.pressMute(on);
  }

  pressMute(on) {
    this.muted.setAttribute('aria-pressed', String(on));
    this.muted.textContent = on ? '取消静音' : '静音';
  }

  told({ state, reason, note, summary, speaker, text }) {
    if (summary !== undefined) this.summary.textContent = summary;
    if (state === 'note') this.note.textContent = note;
    else if (state !== 'line') this.show(state, reason);
    if (state === 'ended') this.call = null;
    this.dispatchEvent(new CustomEvent('call', { detail: { state, reason, speaker, text }, bubbles: true, composed: true }));
  }

  show(state, reason) {
    this.now = state;
    const words = state === 'ended' ? ENDED[reason] ?? ENDED.left : STATES[state];
    if (this.state.textContent !== words) this.state.textContent = words;
    this.take.disabled = state === 'connecting' || state === 'joining';
    this.take.hidden = state === 'joined' || state === 'joining';
    this.muted.hidden = state !== 'joined';
    this.left.hidden = state === 'idle' || state === 'ended';
  }
}

customElements.define('shuiling-agent-call', AgentCall);
