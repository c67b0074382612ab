/*! <shuiling-chat server title position open>: the taxpayer's chat window. No dependency, no build step. Apache-2.0 */
(() => {
'use strict';
if (customElements.get('shuiling-chat')) return;

const HERE = document.currentScript?.src ? new URL(document.currentScript.src).origin : location.origin;
const MAX_CHARS = 2000;
const MAX_BYTES = 10 * 1024 * 1024;
const PING_MS = 25000;
const ANSWER_MS = 10000;
const ECHO_MS = 20000;
const GAP_MS = 5 * 60 * 1000;
const OVERLAP_MS = 60 * 1000; // messages may be stored in another order than that of their ids
const TYPING_MS = 2000;
const AGENT_TYPES_MS = 6000;
const SHEET = '(max-width:480px),(max-height:480px)';
const SUBTITLE = {
  bot: '智能助手，非人工；可随时输入“人工”',
  queue: '正在等待人工坐席',
  agent: '人工坐席正在为您服务',
  closed: '智能助手 · 本次对话已结束，可继续提问',
};
const SPEAKER = { bot: '税铃说：', agent: '', taxpayer: '我说：', system: '提示：' };
const STATE = { sending: '发送中…', queued: '发送中 · 联网后自动发送', sent: '已送达' };
const OFFLINE = '连接中断，正在重连…';
const CALLBACK = ['约个时间给我回个电话', '让人工给我回电'];
const SCORES = ['很不满意', '不满意', '一般', '满意', '很满意'];
const MAX_WORD = 500;
const BAD_TYPE = '只支持 JPG、PNG、PDF 文件，请换一个再试';

const ICON = {
  bell: 'M12 2a2 2 0 0 0-2 2v.3A6 6 0 0 0 6 10v4l-2 3v1h16v-1l-2-3v-4a6 6 0 0 0-4-5.7V4a2 2 0 0 0-2-2zM9.5 19.5a2.5 2.5 0 0 0 5 0z',
  person: 'M12 3a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM3.5 21c0-4.5 3.8-7 8.5-7s8.5 2.5 8.5 7z',
  clip: 'M16.5 6v10.5a4.5 4.5 0 0 1-9 0V5.5a3 3 0 0 1 6 0V15a1.5 1.5 0 0 1-3 0V6H9v9a3 3 0 0 0 6 0V5.5a4.5 4.5 0 0 0-9 0v11a6 6 0 0 0 12 0V6z',
  cross: 'M6.4 5 5 6.4 10.6 12 5 17.6 6.4 19 12 13.4 17.6 19 19 17.6 13.4 12 19 6.4 17.6 5 12 10.6z',
  down: 'M12 16.5 5 9.5l1.4-1.4L12 13.7l5.6-5.6L19 9.5z',
};

const CSS = `
:host{--ink:#1a1a1a;--soft:#595f66;--brand:#0b6b46;--line:#d9dcdf;all:initial;font:max(16px,1rem)/1.5 system-ui,-apple-system,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;color:var(--ink);color-scheme:light;-webkit-text-size-adjust:100%}
:host([hidden]){display:none}
:host([data-large]){font-size:max(20px,1.25rem)}
*{box-sizing:border-box}
[hidden]{display:none!important}
button,textarea{font:inherit;color:inherit;margin:0;letter-spacing:inherit}
button{cursor:pointer;border:0;background:none;padding:0 .6em;min-width:44px;min-height:44px;touch-action:manipulation}
button:disabled{cursor:not-allowed;opacity:.5}
:focus-visible{outline:3px solid #0a58ca;outline-offset:2px}
svg{width:1.5em;height:1.5em;fill:currentColor;display:block;flex:none}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.launch,.panel{position:fixed;z-index:2147483000;right:max(20px,env(safe-area-inset-right));bottom:max(20px,env(safe-area-inset-bottom))}
:host([position=left]) .launch,:host([position=left]) .panel{right:auto;left:max(20px,env(safe-area-inset-left))}
.launch{display:flex;align-items:center;gap:.45em;min-height:56px;padding:0 1.25em 0 1.05em;border-radius:28px;background:var(--brand);color:#fff;font-weight:600;box-shadow:0 6px 20px #0004;transition:transform .15s}
.launch:hover{transform:translateY(-2px)}
.badge{position:absolute;top:-6px;right:-4px;min-width:24px;padding:0 6px;border-radius:12px;border:2px solid #fff;background:#c62828;color:#fff;font:700 14px/20px system-ui;text-align:center}
.panel{margin:0;padding:0;border:0;left:auto;top:auto;width:min(26em,calc(100vw - 40px));max-width:none;max-height:none;height:min(44em,calc(100dvh - 40px));container-type:size;color:inherit;background:#ededed;border-radius:14px;overflow:hidden;box-shadow:0 12px 40px #0005;flex-direction:column}
.panel[open]{display:flex;animation:rise .18s ease-out}
.panel::backdrop{background:#0006}
@keyframes rise{from{opacity:0;transform:translateY(16px)}}
header{display:flex;align-items:center;gap:.6em;padding:.55em .35em .55em .85em;background:#f7f7f7;border-bottom:1px solid var(--line)}
header .av{margin:0}
header div{flex:1;min-width:0}
header.human{background:#e4edf8}
.human .av{background:#1f4e8c}
h2{margin:0;font-size:1.05em;line-height:1.35;font-weight:600}
.sub{margin:0;font-size:.82em;line-height:1.35;color:var(--soft)}
header button{border-radius:8px;font-weight:600;flex:none;display:grid;place-items:center}
header button:hover,.clip:hover{background:#e4e6e8}
button[aria-pressed=true]{background:#d8ebe2;color:var(--brand)}
.note{padding:.4em 1em;background:#fff4d6;color:#5c4300;font-size:.88em;text-align:center}
.note:empty{display:none}
.line{padding:.55em .85em .65em;background:#e8f4ee;border-bottom:1px solid var(--line)}
.line p{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 .6em;margin:0;font-weight:600}
.line small{font-size:.82em;font-weight:400;color:var(--soft)}
.line div{display:flex;flex-wrap:wrap;gap:.5em;margin-top:.45em}
@container (max-height:420px){.line div{display:none}}
.mid{position:relative;flex:1;min-height:0;display:flex}
.scroll{flex:1;min-width:0;overflow:hidden auto;overscroll-behavior:contain;padding:.75em .75em 1em;outline-offset:-3px}
.time{display:block;margin:.7em 0 .5em;text-align:center;color:var(--soft);font-size:.78em}
.row{display:flex;align-items:flex-start;gap:.55em;margin:.5em 0}
.taxpayer{flex-direction:row-reverse}
.system{justify-content:center}
.av{flex:none;display:grid;place-items:center;width:min(2.4em,40px);height:min(2.4em,40px);border-radius:6px;background:var(--brand);color:#fff}
.agent .av{background:#1f4e8c}
.body{min-width:0;max-width:calc(100% - 5.9em);display:flex;flex-direction:column;align-items:flex-start;gap:.35em}
.wide .body{max-width:calc(100% - 2.95em)}
.taxpayer .body{max-width:calc(100% - 2.95em);align-items:flex-end}
.b{position:relative;max-width:100%;padding:.5em .75em;border-radius:6px;background:#fff;white-space:pre-wrap;overflow-wrap:anywhere}
.bot .b:first-child:before,.agent .b:first-child:before,.agent .who+.b:before,.taxpayer .b:first-child:before{content:"";position:absolute;top:.85em;width:.6em;height:.6em;background:inherit;transform:rotate(45deg);left:-.25em}
.taxpayer .b:first-child:before{left:auto;right:-.25em}
.taxpayer .b{background:#95ec69}
.agent .b{background:#dce9f9}
.who{font-size:.82em;color:var(--soft);overflow-wrap:anywhere}
.system .b{max-width:92%;padding:.3em .8em;background:#e0e2e4;color:#4a5057;font-size:.86em;text-align:center}
.state{font-size:.78em;color:var(--soft)}
.item:has(~.item .sent) .sent,.sent:has(~.seen){display:none}
button.state{color:#b3261e;text-decoration:underline;text-align:right}
progress{width:12em;max-width:100%;height:8px;accent-color:var(--brand)}
.table{max-width:100%;overflow-x:auto;background:#fff;border-radius:6px}
table{border-collapse:collapse;font-size:.88em;min-width:100%;font-variant-numeric:tabular-nums}
caption{padding:.6em .75em .4em;font-weight:600;text-align:left}
th,td{padding:.45em .75em;border-top:1px solid #e3e5e8;text-align:right;font-weight:400;white-space:nowrap}
th:first-child{text-align:left}
thead th{background:#f3f5f6;color:#454b52}
tfoot :is(th,td){font-weight:700;border-top:2px solid #b9bec4;white-space:normal}
.links{list-style:none;margin:0;padding:0;background:#fff;border-radius:6px;max-width:100%}
.links li+li{border-top:1px solid #e9ebed}
.links a,.links span{display:flex;align-items:center;min-height:44px;padding:.35em .75em;color:#0a4fa3;overflow-wrap:anywhere}
.links span{color:var(--soft)}
.cite{margin:0;font-size:.8em;color:var(--soft);overflow-wrap:anywhere}
.vote{font-size:.8em;color:var(--soft)}
.vote button{border-radius:8px}
.survey{display:grid;gap:.6em;width:100%;margin:0;padding:.8em .6em;border-radius:10px;background:#fff}
.survey fieldset{margin:0;padding:0;border:0;min-width:0}
legend{padding:0;margin-bottom:.6em;font-weight:600}
.scores{display:grid;grid-template-columns:repeat(5,1fr);gap:.3em}
.scores label{position:relative;display:grid;justify-items:center;align-content:center;min-height:64px;border:1.5px solid #878d94;border-radius:8px;font-size:1.35em;font-weight:600;line-height:1.2}
.scores input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:pointer}
.scores small{font-size:clamp(12px,3.6vw,14px);font-weight:400}
:host([data-large]) .scores{grid-template-columns:1fr}
:host([data-large]) .scores label{grid-template-columns:1.5em 1fr;justify-items:start;align-items:center;min-height:52px;padding:0 .5em}
:host([data-large]) .scores small{font-size:.8em}
.scores label:hover{background:#e6f3ed}
.scores label:has(:checked){background:var(--brand);border-color:var(--brand);color:#fff}
.scores label:has(:focus-visible){outline:3px solid #0a58ca;outline-offset:2px}
.word{font:inherit;width:100%;min-height:44px;padding:.4em .7em;border:1px solid #878d94;border-radius:8px}
.survey .pill{justify-self:start}
.survey p{margin:0}
.survey p:empty{display:none}
.survey .fault{color:#b3261e}
.quick{display:flex;flex-wrap:wrap;gap:.5em;margin:.4em 0 .2em 2.95em}
.quick:empty{display:none}
.pill{border:1.5px solid var(--brand);border-radius:22px;padding:.3em 1em;background:#fff;color:var(--brand);text-align:left;overflow-wrap:anywhere;line-height:1.3;max-width:100%}
.pill:hover{background:#e6f3ed}
.pick{display:inline-flex;align-items:center;gap:.3em}
.dots{display:inline-flex;gap:5px;padding:.95em .9em}
.dots i{width:7px;height:7px;border-radius:50%;background:#8b9096;animation:blink 1.2s infinite}
.dots i+i{animation-delay:.2s}.dots i+i+i{animation-delay:.4s}
@keyframes blink{0%,60%,to{opacity:.3}30%{opacity:1}}
.jump{position:absolute;left:50%;bottom:.6em;transform:translateX(-50%);display:flex;align-items:center;gap:.2em;padding:0 1em 0 .7em;border-radius:22px;background:#fff;color:var(--brand);box-shadow:0 2px 10px #0004;white-space:nowrap}
.say{position:relative;display:flex;align-items:flex-end;gap:.35em;margin:0;padding:.5em .6em max(.5em,env(safe-area-inset-bottom)) .25em;background:#f7f7f7;border-top:1px solid var(--line)}
textarea{flex:1;min-width:0;min-height:44px;max-height:7.5em;padding:.55em .7em;line-height:1.4;border:1px solid #878d94;border-radius:8px;background:#fff;resize:none;overflow-y:auto}
textarea:focus-visible{outline:2px solid var(--brand);outline-offset:-1px}
:is(textarea,.word)::placeholder{color:#666c73;opacity:1}
.clip{flex:none;display:grid;place-items:center;border-radius:8px;color:#3c4248}
.clip.hot{background:#d8ebe2;color:var(--brand);animation:hot 1.2s 3}
@keyframes hot{50%{box-shadow:0 0 0 5px #0b6b4655}}
.send{flex:none;padding:0 1em;border-radius:8px;background:var(--brand);color:#fff;font-weight:600}
.count{position:absolute;right:.8em;top:-1.7em;padding:.05em .6em;border-radius:9px;background:#fffc;font-size:.78em;color:var(--soft)}
.count.full{color:#b3261e}
@media ${SHEET}{
th,td{padding:.45em .4em}
.body,.taxpayer .body{max-width:calc(100% - 3.2em)}
.panel,:host([position=left]) .panel{inset:var(--top,0) 0 auto;width:100%;height:var(--tall,100dvh);border-radius:0}
header{padding-top:max(.55em,env(safe-area-inset-top))}
header,.say,.scroll{padding-left:max(.5em,env(safe-area-inset-left));padding-right:max(.5em,env(safe-area-inset-right))}
}
@media (max-width:360px){header .av{display:none}.quick{margin-left:0}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media (forced-colors:active){.b,.launch,.table,.send,.av,.survey{border:1px solid}.scores label:has(:checked){outline:3px solid}.badge{forced-color-adjust:none}}`;

const el = (tag, props, ...kids) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'text') node.textContent = value;
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...kids);
  return node;
};

const icon = (name) => {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  const path = document.createElementNS(ns, 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICON[name]);
  svg.append(path);
  return svg;
};

// Storage is forbidden in some embedded frames; the chat then lives for the page only.
const box = (pick) => {
  const spare = new Map();
  return {
    get: (key) => { try { return pick().getItem(key); } catch { return spare.get(key) ?? null; } },
    set: (key, value) => {
      try {
        if (value == null) pick().removeItem(key);
        else pick().setItem(key, value);
      } catch { spare.set(key, value ?? null); }
    },
  };
};
const kept = box(() => localStorage);
const tab = box(() => sessionStorage);
const TOKEN = 'shuiling.token';
const READ = 'shuiling.read';
const LARGE = 'shuiling.large';
const DRAFT = 'shuiling.draft';
const QUEUE = 'shuiling.queue';

const uuid = () => '10000000-1000-4000-8000-100000000000'.replace(/[018]/g, (c) =>
  (+c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (+c / 4)))).toString(16));
const list = (value) => (Array.isArray(value) ? value : []);
const str = (value) => (value == null ? '' : String(value));

const clock = new Intl.DateTimeFormat('zh-CN', {
  timeZone: 'Asia/Shanghai', year: 'numeric', month: 'numeric', day: 'numeric',
  hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
});
const parts = (ms) => Object.fromEntries(clock.formatToParts(ms).map((p) => [p.type, p.value]));
const when = (ms) => {
  const day = (p) => `${p.year}/${p.month}/${p.day}`;
  const at = parts(ms);
  const now = parts(Date.now());
  const time = `${at.hour}:${at.minute}`;
  if (day(at) === day(now)) return time;
  if (day(at) === day(parts(Date.now() - 864e5))) return `昨天 ${time}`;
  return `${at.year === now.year ? '' : `${at.year}年`}${at.month}月${at.day}日 ${time}`;
};

const detailOf = (body, fallback) => {
  try {
    const { detail } = JSON.parse(body);
    if (typeof detail === 'string' && detail) return detail;
  } catch { /* not JSON: a proxy's page, of no use to the taxpayer */ }
  return fallback;
};

const MAGIC = { pdf: [0x25, 0x50, 0x44, 0x46], png: [0x89, 0x50, 0x4e, 0x47], jpg: [0xff, 0xd8, 0xff] };
const fileProblem = async (file) => {
  const ext = /\.(jpe?g|png|pdf)$/i.exec(file.name)?.[1].toLowerCase().replace('jpeg', 'jpg');
  if (!ext) return BAD_TYPE;
  if (!file.size) return '这个文件是空的，请换一个再试';
  if (file.size > MAX_BYTES) return '文件超过 10 MB，请压缩后再上传';
  try {
    const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
    return MAGIC[ext].every((byte, i) => head[i] === byte) ? '' : BAD_TYPE;
  } catch {
    return '读不到这个文件，请重新选择';
  }
};

class ShuilingChat extends HTMLElement {
  static observedAttributes = ['open', 'title'];

  #ui = {};
  #items = []; // sorted by ord: a message's id; between two ids for local rows; Infinity until the server has it
  #seen = new Set();
  #mine = new Map(); // client_id -> item not yet echoed
  #last = 0;
  #read = 0;
  #token = null;
  #ws = null;
  #link = 'idle'; // idle, connecting (for the first time), online, lost
  #busy = false;
  #tries = 0;
  #authTried = false;
  #status = { owner: 'bot' };
  #typist = 'bot';
  #typedAt = 0;
  #told = 0; // up to here the server knows what the taxpayer has read of an agent
  #surveys = new Map(); // ticket -> shows the score given
  #composing = false;
  #wantFocus = false;
  #timers = {};
  #notes = ['', '']; // [passing remark, state of the connection]
  #off = null;
  #offered = null; // the item whose buttons are shown
  #stuck = true; // the newest message is kept in view
  #frameId = 0;

  constructor() {
    super();
    this.attachShadow({ mode: 'open' });
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      this.shadowRoot.adoptedStyleSheets = [sheet];
    } catch {
      this.shadowRoot.append(el('style', { text: CSS }));
    }
    this.#build();
  }

  // ---- public -----

  /** Opens the window and moves the focus into it. */
  open() {
    this.#wantFocus = true;
    this.setAttribute('open', '');
    this.#wantFocus = false;
  }

  /** Closes the window; the focus returns to the launcher. */
  close() {
    this.removeAttribute('open');
  }

  /** Says `text` for the taxpayer; queued while offline. Returns the message's client_id, or null if empty. */
  say(text) {
    return this.#say(str(text));
  }

  connectedCallback() {
    this.#off = new AbortController();
    const on = (target, type, run) => target.addEventListener(type, run, { signal: this.#off.signal });
    const wake = () => {
      if (document.hidden) return;
      this.#markRead();
      if (this.#link === 'online') this.#ping();
      else if (this.#link !== 'idle') { this.#tries = 0; this.#connect(); }
    };
    on(window, 'online', wake);
    on(document, 'visibilitychange', wake);
    on(window, 'storage', (e) => {
      if (e.key === READ) { this.#read = Math.max(this.#read, Number(e.newValue) || 0); this.#count(); }
    });
    on(matchMedia(SHEET), 'change', () => this.#show(false));
    if (window.visualViewport) {
      on(visualViewport, 'resize', () => this.#fit());
      on(visualViewport, 'scroll', () => this.#fit());
    }
    this.#read = Number(kept.get(READ)) || 0;
    this.#ui.input.value ||= tab.get(DRAFT) || '';
    this.#large(kept.get(LARGE) === '1');
    if (!this.#mine.size) {
      try {
        for (const [cid, text, shown] of JSON.parse(tab.get(QUEUE) || '[]')) this.#own(cid, text, shown);
      } catch { tab.set(QUEUE, null); }
    }
    if (this.hasAttribute('open')) this.#show(false);
    else if (kept.get(TOKEN) || this.#mine.size) this.#connect();
  }

  disconnectedCallback() {
    this.#off?.abort();
    Object.values(this.#timers).forEach(clearTimeout);
    this.#timers = {};
    const ws = this.#ws;
    this.#ws = null;
    this.#link = 'idle';
    ws?.close();
  }

  attributeChangedCallback(name) {
    if (name === 'title') this.#ui.title.textContent = this.#title();
    else if (this.isConnected) this.#show(this.#wantFocus);
  }

  // ---- building -----

  #title() {
    return this.#status.owner === 'agent' ? '真人坐席' : this.getAttribute('title') || '税铃 · 税务智能助手';
  }

  #build() {
    const ui = this.#ui;
    // The empty inner titles keep the host's title attribute from showing as a tooltip over everything.
    ui.badge = el('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
    ui.launch = el('button', { class: 'launch', type: 'button', title: '', 'aria-haspopup': 'dialog', onclick: () => this.open() },
      icon('bell'), el('span', { text: '税务咨询' }), ui.badge);
    ui.title = el('h2', { id: 't', text: this.#title() });
    ui.sub = el('p', { class: 'sub', role: 'status', text: SUBTITLE.bot });
    ui.larger = el('button', { type: 'button', 'aria-label': '大字', title: '大字', text: 'A+', onclick: () => {
      const on = !this.hasAttribute('data-large');
      kept.set(LARGE, on ? '1' : null);
      this.#large(on);
    } });
    ui.close = el('button', { type: 'button', 'aria-label': '关闭对话窗口', title: '关闭', onclick: () => this.close() }, icon('cross'));
    ui.face = el('span', { class: 'av' }, icon('bell'));
    ui.head = el('header', null, ui.face, el('div', null, ui.title, ui.sub), ui.larger, ui.close);
    ui.note = el('div', { class: 'note', role: 'status' });
    ui.place = el('p', { role: 'status' });
    ui.leave = el('button', { class: 'pill', type: 'button', text: '不等了，继续问税铃', onclick: () => this.#leave() });
    ui.line = el('div', { class: 'line', role: 'group', 'aria-label': '排队', hidden: true }, ui.place,
      el('div', null, ui.leave,
        el('button', { class: 'pill', type: 'button', text: CALLBACK[1], onclick: () => this.#say(...CALLBACK) })));
    ui.seen = el('span', { class: 'state seen', 'aria-live': 'off', text: '已读' });
    ui.rows = el('div');
    ui.quick = el('div', { class: 'quick', role: 'group', 'aria-label': '快捷回复' });
    ui.typist = el('span', { class: 'av' }, icon('bell'));
    ui.typing = el('div', { class: 'row bot', hidden: true, 'aria-hidden': 'true' }, ui.typist,
      el('div', { class: 'b dots' }, el('i'), el('i'), el('i')));
    ui.log = el('div', { class: 'scroll', role: 'log', 'aria-live': 'polite', 'aria-label': '对话记录', tabindex: '0', onscroll: () => {
      if (this.#frameId) return;
      this.#stuck = ui.log.scrollHeight - ui.log.scrollTop - ui.log.clientHeight < 80;
      if (this.#stuck) ui.jump.hidden = true;
    } }, ui.rows, ui.quick, ui.typing);
    new ResizeObserver(() => this.#stuck && this.#toEnd()).observe(ui.log);
    ui.jump = el('button', { class: 'jump', type: 'button', hidden: true, onclick: () => { this.#toEnd(); this.#focus(); } },
      icon('down'), '新消息');
    ui.file = el('input', { type: 'file', accept: '.jpg,.jpeg,.png,.pdf,image/jpeg,image/png,application/pdf', multiple: true,
      hidden: true, tabindex: '-1', 'aria-hidden': 'true', onchange: () => {
        const files = [...ui.file.files];
        ui.file.value = '';
        this.#files(files);
      } });
    ui.clip = el('button', { class: 'clip', type: 'button', onclick: () => ui.file.click() }, icon('clip'));
    ui.input = el('textarea', { rows: '1', maxlength: String(MAX_CHARS), 'aria-label': '输入您的问题', 'aria-describedby': 'c',
      enterkeyhint: 'send', autocomplete: 'off',
      oninput: () => { this.#typed(); this.#writes(); },
      oncompositionstart: () => { this.#composing = true; },
      oncompositionend: () => { this.#composing = false; },
      onblur: () => { this.#composing = false; },
      onkeydown: (e) => {
        // 229: Safari ends the composition before the Enter that confirms it.
        if (e.key !== 'Enter' || e.shiftKey || e.isComposing || this.#composing || e.keyCode === 229) return;
        e.preventDefault();
        this.#submit();
      } });
    ui.count = el('span', { class: 'count', id: 'c', hidden: true });
    ui.send = el('button', { class: 'send', type: 'submit', text: '发送' });
    const form = el('form', { class: 'say', onsubmit: (e) => { e.preventDefault(); this.#submit(); } },
      ui.file, ui.clip, ui.input, ui.send, ui.count);
    ui.panel = el('dialog', { class: 'panel', title: '', 'aria-labelledby': 't',
      oncancel: (e) => { e.preventDefault(); this.close(); },
      onkeydown: (e) => {
        if (e.key !== 'Escape' || e.isComposing || this.#composing) return;
        e.preventDefault();
        e.stopPropagation();
        this.close();
      },
      ondragover: (e) => e.preventDefault(),
      ondrop: (e) => { e.preventDefault(); this.#files([...(e.dataTransfer?.files || [])]); } },
      ui.head, ui.note, ui.line, el('div', { class: 'mid' }, ui.log, ui.jump), form);
    this.shadowRoot.append(ui.launch, ui.panel);
    this.#count();
    this.#showLink();
  }

  #large(on) {
    this.toggleAttribute('data-large', on);
    this.#ui.larger.setAttribute('aria-pressed', String(on));
    this.#typed();
  }

  // The on-screen keyboard covers a fixed sheet without resizing it; pinch-zoom must not shrink it.
  #fit() {
    const view = window.visualViewport;
    if (!view || view.scale > 1.01) return;
    this.#ui.panel.style.setProperty('--tall', `${view.height}px`);
    this.#ui.panel.style.setProperty('--top', `${view.offsetTop}px`);
  }

  #show(focus) {
    const { panel, launch } = this.#ui;
    const open = this.hasAttribute('open');
    const was = panel.open;
    const held = was && panel.contains(this.shadowRoot.activeElement);
    if (was) panel.close();
    launch.hidden = open;
    if (!open) {
      if (was) launch.focus({ preventScroll: true });
      return;
    }
    this.#fit();
    // A sheet over the whole screen is modal; a window in the corner leaves the page usable.
    if (matchMedia(SHEET).matches) panel.showModal();
    else panel.setAttribute('open', '');
    this.#typed();
    if (!was) this.#toEnd();
    this.#markRead();
    if (focus || held) this.#focus();
    this.#start();
  }

  // On touch screens focusing the text box would pull up the keyboard over the answer.
  #focus() {
    (matchMedia('(pointer:coarse)').matches ? this.#ui.log : this.#ui.input).focus({ preventScroll: true });
  }

  // ---- rows -----

  #item(sender, ord, at, ...body) {
    const time = el('time', { class: 'time' });
    const row = el('div', { class: `row ${sender}` });
    if (sender === 'system') row.append(...body);
    else {
      if (sender !== 'taxpayer') row.append(el('span', { class: 'av' }, icon(sender === 'agent' ? 'person' : 'bell')));
      row.append(el('span', { class: 'sr', text: SPEAKER[sender] }), el('div', { class: 'body' }, ...body));
    }
    return { sender, ord, at, time, row, node: el('div', { class: 'item' }, time, row) };
  }

  #place(item) {
    const items = this.#items;
    const { rows } = this.#ui;
    const old = items.indexOf(item);
    if (old >= 0) items.splice(old, 1);
    let i = items.length;
    while (i > 0 && items[i - 1].ord > item.ord) i -= 1;
    items.splice(i, 0, item);
    const next = items[i + 1]?.node ?? null;
    // Moving a node makes screen readers say it again, so only when it must.
    if (item.node.parentNode !== rows || item.node.nextSibling !== next) rows.insertBefore(item.node, next);
    for (const k of [i, i + 1]) {
      const it = items[k];
      if (!it) continue;
      it.time.hidden = k > 0 && it.at - items[k - 1].at < GAP_MS;
      it.time.textContent = it.time.hidden ? '' : when(it.at);
    }
    this.#offer();
    if (this.#stuck || (old < 0 && item.sender === 'taxpayer')) this.#toEnd();
    else if (old < 0) this.#ui.jump.hidden = false;
  }

  // Once a frame: a long history must not force a layout for each of its messages.
  #toEnd() {
    const { log, jump } = this.#ui;
    this.#stuck = true;
    jump.hidden = true;
    this.#frameId ||= requestAnimationFrame(() => {
      log.scrollTop = log.scrollHeight;
      this.#frameId = 0;
    });
  }

  /** The choices of the newest bot message stay until the taxpayer or an agent has spoken after it. */
  #offer() {
    const { quick, clip } = this.#ui;
    let buttons = null;
    let upload = false;
    for (let i = this.#items.length - 1; i >= 0; i -= 1) {
      const it = this.#items[i];
      if (!it.local && (it.sender === 'taxpayer' || it.sender === 'agent')) break;
      upload ||= it.upload;
      if (it.buttons?.length) { buttons = it; break; }
    }
    clip.classList.toggle('hot', !!upload);
    if (this.#offered === buttons) return;
    this.#offered = buttons;
    const held = quick.contains(this.shadowRoot.activeElement);
    quick.replaceChildren(...list(buttons?.buttons).map((b) => {
      const title = str(b?.title) || str(b?.payload);
      return el('button', { class: 'pill', type: 'button', text: title, onclick: () => this.#say(str(b?.payload) || title, title) });
    }));
    if (held) this.#focus();
  }

  #local(text) {
    this.#place(this.#item('system', this.#last + 0.5, Date.now(), el('div', { class: 'b', text })));
  }

  #blocks(custom, depth = 0) {
    const c = custom && typeof custom === 'object' ? custom : {};
    switch (c.kind) {
      case 'group':
        return depth > 3 ? [] : list(c.items).flatMap((item) => this.#blocks(item, depth + 1));
      case 'late_fee_table': {
        const columns = list(c.columns);
        const line = (cells) => el('tr', null, ...list(cells).map((text, i) =>
          el(i ? 'td' : 'th', { text: str(text), scope: i ? null : 'row' })));
        const table = el('table', null, el('caption', { text: str(c.title) }),
          el('thead', null, el('tr', null, ...columns.map((text) => el('th', { scope: 'col', text: str(text) })))),
          el('tbody', null, ...list(c.rows).map(line)));
        if (c.total) {
          const total = `合计：${str(c.total).replace(/^合计[：:\s]*/, '')}`;
          table.append(el('tfoot', null, el('tr', null, el('th', { scope: 'row', colspan: columns.length || 1, text: total }))));
        }
        return [el('div', { class: 'table', role: 'region', tabindex: '0', 'aria-label': `${str(c.title) || '明细表'}，可左右滑动` }, table)];
      }
      case 'links':
        return [el('ul', { class: 'links' }, ...list(c.links).map((link) => {
          const title = str(link?.title) || str(link?.href);
          const href = this.#safe(link?.href);
          return el('li', null, href ? el('a', { href, target: '_blank', rel: 'noopener noreferrer', text: title }) : el('span', { text: title }));
        }))];
      case 'citations':
        return list(c.items).length ? [el('p', { class: 'cite', text: `依据：${list(c.items).map(str).join('；')}` })] : [];
      case 'upload':
        return [...(c.hint ? [el('p', { class: 'cite', text: str(c.hint) })] : []),
          el('button', { class: 'pill pick', type: 'button', onclick: () => this.#ui.file.click() }, icon('clip'), '选择文件上传')];
      default:
        return [];
    }
  }

  #safe(href) {
    try {
      const base = new URL(this.#base());
      const url = new URL(str(href), base);
      return href && /^https?:$/.test(url.protocol) && url.origin === base.origin ? url.href : '';
    } catch {
      return '';
    }
  }

  #receive(m) {
    const id = Number(m.id);
    if (!Number.isFinite(id) || this.#seen.has(id)) return;
    const sender = Object.hasOwn(SPEAKER, str(m.sender)) ? m.sender : 'system';
    const at = Date.parse(m.created_at) || Date.now();
    const text = str(m.text);
    this.#seen.add(id);
    this.#last = Math.max(this.#last, id);
    this.#settle(false);
    let item = m.client_id ? this.#mine.get(m.client_id) : null;
    if (item) {
      this.#mine.delete(m.client_id);
      clearTimeout(item.timer);
      // A button's payload is for the bot; the taxpayer chose its title.
      if (text !== item.text) item.bubble.textContent = text;
      this.#state(item, 'sent');
      this.#keepQueue();
      Object.assign(item, { ord: id, at });
    } else {
      const survey = m.custom?.kind === 'survey';
      const blocks = survey ? [this.#survey(text, m.custom)] : this.#blocks(m.custom);
      item = this.#item(sender, id, at,
        ...(sender === 'agent' ? [el('span', { class: 'who', text: `人工坐席 ${str(m.by)}`.trim() })] : []),
        ...(text && !survey ? [el('div', { class: 'b', text })] : []), ...blocks);
      if (sender === 'bot' || sender === 'system') item.buttons = list(m.buttons);
      if (sender === 'bot' && m.custom?.kind === 'citations') item.row.lastChild.append(this.#votes(id));
      item.upload = blocks.some((b) => b.classList.contains('pick'));
      item.row.classList.toggle('wide', blocks.some((b) => b.classList.contains('table')));
      if (sender !== 'taxpayer') this.#typing(false, this.#typist);
    }
    item.id = id;
    this.#place(item);
    this.#markRead();
    this.#showSeen();
    this.dispatchEvent(new CustomEvent('shuiling:message', { detail: m, bubbles: true, composed: true }));
  }

  #votes(id) {
    const keys = ['👍 有帮助', '👎 没帮助'].map((text, i) =>
      el('button', { type: 'button', text, 'aria-pressed': 'false', onclick: async () => {
        try {
          const res = await this.#tell('/chat/feedback', { message_id: id, helpful: !i });
          if (!res.ok) throw res;
          keys.forEach((key, j) => key.setAttribute('aria-pressed', String(i === j)));
        } catch { this.#remark('没有记下，请再点一次'); }
      } }));
    return el('div', { class: 'vote', role: 'group', 'aria-label': '评价' }, ...keys);
  }

  #survey(ask, { ticket, score }) {
    const name = uuid();
    let busy = false;
    let rated = 0;
    const scores = SCORES.map((label, i) => el('label', null,
      el('input', { type: 'radio', name, value: String(i + 1), 'aria-label': `${i + 1}分，${label}`, onchange: () => { send.disabled = false; } }),
      el('span', { 'aria-hidden': 'true', text: String(i + 1) }), el('small', { 'aria-hidden': 'true', text: label })));
    const word = el('input', { class: 'word', type: 'text', maxlength: String(MAX_WORD), autocomplete: 'off', placeholder: '想说一句也可以，不填也行', 'aria-label': '想说的话，可以不填' });
    const send = el('button', { class: 'send', type: 'submit', text: '提交评价', disabled: true });
    const fault = el('p', { class: 'fault', role: 'alert' });
    const thanks = el('p', { role: 'status' });
    const again = el('button', { class: 'pill', type: 'button', text: '改一下', hidden: true, onclick: () => {
      show(false);
      form.querySelector(':checked')?.focus();
    } });
    const fields = [el('fieldset', null, el('legend', { text: ask }), el('div', { class: 'scores' }, ...scores)), word, send];
    const show = (done) => { fields.forEach((f) => { f.hidden = done; }); again.hidden = !done; if (!done) thanks.textContent = ''; };
    // Told both by the answer and to every window: the second time must not replace what the answer says.
    const settle = (given, text) => {
      if (!SCORES[given - 1] || (given === rated && !text)) return;
      rated = given;
      scores[given - 1].firstChild.checked = true;
      send.disabled = false;
      fault.textContent = '';
      show(true);
      thanks.textContent = `您打了${given}分（${SCORES[given - 1]}）。${text || '谢谢您的评价。'}`;
    };
    const form = el('form', { class: 'survey', onsubmit: async (e) => {
      e.preventDefault();
      const given = Number(form.querySelector(':checked')?.value);
      if (!given || busy) return;
      busy = true;
      fault.textContent = '';
      try {
        const res = await this.#tell('/chat/survey', { ticket: str(ticket), score: given, word: word.value });
        if (!res.ok) throw Object.assign(new Error(`survey ${res.status}`), { detail: detailOf(await res.text(), '') });
        settle(given, str((await res.json()).text));
        again.focus({ preventScroll: true });
      } catch (err) {
        fault.textContent = err.detail || '没有记下，请再点一次提交。';
      }
      busy = false;
    } }, ...fields, fault, thanks, again);
    this.#surveys.set(str(ticket), settle);
    settle(Number(score));
    return form;
  }

  #tell(path, body) {
    return fetch(this.#base() + path, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.#token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  // History pouring in is not news: announce again once it has settled.
  #settle(begin) {
    const { log } = this.#ui;
    if (begin) log.setAttribute('aria-live', 'off');
    else if (log.getAttribute('aria-live') !== 'off') return;
    clearTimeout(this.#timers.settle);
    this.#timers.settle = setTimeout(() => log.setAttribute('aria-live', 'polite'), 500);
  }

  // An agent's typing has no end of its own, and the bot's end is not theirs.
  #typing(on, by = 'bot') {
    const { typing, typist } = this.#ui;
    if (!on && by !== this.#typist) return;
    clearTimeout(this.#timers.typing);
    if (on && by !== this.#typist) {
      this.#typist = by;
      typing.className = `row ${by}`;
      typist.replaceChildren(icon(by === 'agent' ? 'person' : 'bell'));
    }
    typing.hidden = !on;
    if (on) this.#timers.typing = setTimeout(() => this.#typing(false, by), by === 'agent' ? AGENT_TYPES_MS : 60000);
    if (on && this.#stuck) this.#toEnd();
  }

  #writes() {
    if (this.#status.owner !== 'agent' || !this.#ui.input.value || Date.now() - this.#typedAt < TYPING_MS) return;
    this.#typedAt = Date.now();
    this.#send({ type: 'typing' });
  }

  #markRead() {
    if (this.hasAttribute('open') && !document.hidden && this.#last > this.#read) {
      this.#read = this.#last;
      kept.set(READ, String(this.#read));
    }
    this.#tellRead();
    this.#count();
  }

  // Only a human looks whether they are read; the bot does not. Once for all that pours in together.
  #tellRead() {
    this.#timers.read ||= setTimeout(() => {
      this.#timers.read = 0;
      const newest = this.#items.findLast((it) => it.sender === 'agent')?.id ?? 0;
      if (this.#link !== 'online' || newest <= this.#told || newest > this.#read) return;
      this.#told = newest;
      this.#send({ type: 'read', upto: newest });
    }, 300);
  }

  /** Marks the taxpayer's newest message that the agent has read. */
  #showSeen() {
    const { seen } = this.#ui;
    const item = this.#items.findLast((it) => it.sender === 'taxpayer' && it.id <= this.#status.read);
    if (!item) seen.remove();
    else if (seen.parentNode !== item.row.lastChild) item.row.lastChild.append(seen);
  }

  #count() {
    const { badge, launch } = this.#ui;
    const n = this.#items.filter((it) => it.id > this.#read && (it.sender === 'bot' || it.sender === 'agent')).length;
    badge.hidden = !n;
    badge.textContent = n > 99 ? '99+' : String(n);
    launch.setAttribute('aria-label', n ? `打开税务咨询，${n} 条未读消息` : '打开税务咨询');
  }

  // ---- speaking -----

  #typed() {
    const { input, count } = this.#ui;
    tab.set(DRAFT, input.value || null);
    input.style.height = 'auto';
    if (input.scrollHeight) input.style.height = `${input.scrollHeight + 2}px`;
    const n = input.value.length;
    count.hidden = n < MAX_CHARS * 0.9;
    count.textContent = count.hidden ? '' : `${n}/${MAX_CHARS}${n >= MAX_CHARS ? ' 已到上限' : ''}`;
    count.classList.toggle('full', n >= MAX_CHARS);
  }

  #submit() {
    const { input } = this.#ui;
    if (this.#say(input.value) === null) return;
    input.value = '';
    this.#typed();
    input.focus({ preventScroll: true });
  }

  #say(text, shown = text) {
    text = text.trim().slice(0, MAX_CHARS);
    if (!text) return null;
    const cid = uuid();
    const item = this.#own(cid, text, shown.trim().slice(0, MAX_CHARS));
    this.#keepQueue();
    this.#post(item);
    this.#start();
    return cid;
  }

  #own(cid, text, shown) {
    const bubble = el('div', { class: 'b', text: str(shown) });
    const item = this.#item('taxpayer', Infinity, Date.now(), bubble);
    Object.assign(item, { cid, text: str(text), bubble });
    this.#mine.set(cid, item);
    this.#state(item, 'queued');
    this.#place(item);
    return item;
  }

  #keepQueue() {
    const waiting = [...this.#mine.values()].map((it) => [it.cid, it.text, it.bubble.textContent]);
    tab.set(QUEUE, waiting.length ? JSON.stringify(waiting) : null);
  }

  #post(item) {
    clearTimeout(item.timer);
    if (this.#link !== 'online') return this.#state(item, 'queued');
    this.#state(item, 'sending');
    this.#send({ type: 'say', client_id: item.cid, text: item.text });
    item.timer = setTimeout(() => this.#state(item, 'failed'), ECHO_MS);
  }

  #state(item, state, why) {
    item.state = state;
    const mark = state === 'failed'
      ? el('button', { class: 'state', type: 'button', text: `${why ? `${why} ` : ''}发送失败 点此重试`, onclick: () => { this.#post(item); this.#start(); } })
      : el('span', { class: `state ${state}`, 'aria-live': 'off', text: STATE[state] });
    const held = item.mark && item.mark === this.shadowRoot.activeElement;
    if (item.mark) item.mark.replaceWith(mark);
    else item.bubble.after(mark);
    item.mark = mark;
    if (held) this.#focus();
  }

  // ---- files -----

  async #files(files) {
    for (const file of files) {
      const problem = await fileProblem(file);
      if (problem) this.#local(`“${file.name}”没有上传：${problem}`);
      else await this.#upload(file);
    }
  }

  async #upload(file) {
    const state = el('span', { class: 'state', text: '上传中…' });
    const bar = el('progress', { max: '100', value: '0', 'aria-label': '上传进度' });
    const item = this.#item('taxpayer', this.#last + 0.5, Date.now(), el('div', { class: 'b pick' }, icon('clip'), el('span', { text: file.name })), bar, state);
    item.local = true;
    this.#place(item);
    const fail = (text) => {
      bar.remove();
      state.replaceWith(el('button', { class: 'state', type: 'button', text: `${text} 点此重试`, onclick: () => {
        this.#items.splice(this.#items.indexOf(item), 1);
        item.node.remove();
        this.#focus();
        this.#upload(file);
      } }));
    };
    try {
      if (!this.#token) await this.#session();
    } catch (err) {
      return fail(err.detail || '网络不通，上传失败');
    }
    return new Promise((done) => {
      const body = new FormData();
      body.append('file', file);
      const xhr = new XMLHttpRequest();
      xhr.open('POST', `${this.#base()}/chat/uploads`);
      xhr.setRequestHeader('Authorization', `Bearer ${this.#token}`);
      xhr.timeout = 120000;
      xhr.upload.onprogress = (e) => { if (e.lengthComputable) bar.value = (e.loaded / e.total) * 100; };
      xhr.onloadend = () => {
        if (xhr.status === 201) {
          bar.remove();
          state.textContent = '已上传';
        } else if (xhr.status === 401) fail('会话已过期，请重新连接后再试。');
        else fail(xhr.status ? detailOf(xhr.responseText, '上传失败，请稍后再试。') : '网络不通，上传失败。');
        done();
      };
      xhr.send(body);
    });
  }

  // ---- connection -----

  #base() {
    try {
      const url = new URL(this.getAttribute('server') || HERE, location.href);
      if (/^https?:$/.test(url.protocol)) return (url.origin + url.pathname).replace(/\/+$/, '');
    } catch { /* fall through to the script's own origin */ }
    return HERE;
  }

  async #session() {
    const token = kept.get(TOKEN);
    const res = await fetch(`${this.#base()}/chat/sessions`, {
      method: 'POST',
      headers: token ? { Authorization: `Bearer ${token}` } : {},
      signal: AbortSignal.timeout?.(ANSWER_MS),
    });
    if (!res.ok) {
      if (res.status === 401) kept.set(TOKEN, null);
      throw Object.assign(new Error(`session ${res.status}`), {
        detail: res.status === 429 ? detailOf(await res.text(), '访问太频繁，请稍后再试') : '',
        wait: (Number(res.headers.get('Retry-After')) || (res.status === 429 ? 15 : 0)) * 1000,
      });
    }
    const { token: fresh, resumed } = await res.json();
    if (!resumed) this.#forget();
    this.#token = fresh;
    kept.set(TOKEN, fresh);
  }

  /** A new conversation begins: what the old one said goes, what the taxpayer has not got through stays. */
  #forget() {
    const old = this.#items.filter((it) => it.ord !== Infinity);
    old.forEach((it) => it.node.remove());
    this.#items = this.#items.filter((it) => it.ord === Infinity);
    this.#seen.clear();
    this.#surveys.clear();
    this.#standing({ owner: 'bot' });
    this.#last = 0;
    this.#read = 0;
    kept.set(READ, null);
    this.#offer();
    this.#count();
    if (old.length) this.#local('上次的会话已失效，已为您开始新的对话');
  }

  // Once begun, only the back-off and a returning network decide when to try again.
  #start() {
    if (this.#link === 'idle') this.#connect();
  }

  async #connect() {
    if (this.#busy || this.#ws || !this.isConnected) return;
    clearTimeout(this.#timers.retry);
    this.#timers.retry = 0;
    this.#busy = true;
    if (this.#link === 'idle') this.#link = 'connecting';
    this.#showLink();
    try {
      if (!this.#token) await this.#session();
    } catch (err) {
      this.#busy = false;
      this.#retry(err);
      return;
    }
    this.#busy = false;
    if (!this.isConnected) return;
    const ws = new WebSocket(`${this.#base().replace(/^http/, 'ws')}/chat/ws`);
    this.#ws = ws;
    this.#watch(ws);
    ws.onopen = () => this.#send({ type: 'hello', token: this.#token, after: this.#after() });
    ws.onmessage = (e) => {
      if (ws !== this.#ws) return;
      let frame;
      try { frame = JSON.parse(e.data); } catch { return; }
      if (frame && typeof frame === 'object') this.#frame(frame);
    };
    ws.onclose = () => this.#lost(ws);
  }

  /** Up to which message nothing can be missing. */
  #after() {
    const got = this.#items.filter((it) => it.id);
    const newest = Math.max(...got.map((it) => it.at));
    return Math.max(0, ...got.filter((it) => it.at < newest - OVERLAP_MS).map((it) => it.id));
  }

  #watch(ws) {
    clearTimeout(this.#timers.watch);
    this.#timers.watch = setTimeout(() => { ws.close(); this.#lost(ws); }, ANSWER_MS);
  }

  #lost(ws) {
    if (ws !== this.#ws) return;
    this.#ws = null;
    // Refused before it was ready: let the session endpoint judge the token again.
    if (this.#link !== 'online') this.#token = null;
    this.#link = 'lost';
    clearTimeout(this.#timers.watch);
    clearInterval(this.#timers.ping);
    this.#typing(false, this.#typist);
    for (const item of this.#mine.values()) if (item.state === 'sending') this.#post(item);
    this.#retry();
  }

  #retry(err) {
    if (!this.isConnected) return;
    const step = Math.min(15000, 500 * 2 ** this.#tries);
    this.#tries += 1;
    this.#link = 'lost';
    clearTimeout(this.#timers.retry);
    this.#timers.retry = setTimeout(() => this.#connect(), err?.wait || step * (0.5 + Math.random() / 2));
    this.#showLink(err?.detail);
  }

  #frame(f) {
    switch (f.type) {
      case 'ready':
        this.#link = 'online';
        this.#tries = 0;
        this.#authTried = false;
        clearTimeout(this.#timers.watch);
        this.#timers.ping = setInterval(() => this.#ping(), PING_MS);
        this.#settle(true);
        if (f.owner !== this.#status.owner) this.#standing({ owner: f.owner });
        this.#told = 0;
        this.#tellRead();
        this.#showLink();
        for (const item of this.#mine.values()) if (item.state !== 'failed') this.#post(item);
        break;
      case 'message': this.#receive(f); break;
      case 'typing': this.#typing(!!f.on, f.by === 'agent' ? 'agent' : 'bot'); break;
      case 'status': this.#standing(f); break;
      case 'rated': this.#surveys.get(str(f.ticket))?.(Number(f.score)); break;
      case 'pong': clearTimeout(this.#timers.watch); break;
      case 'error': this.#error(f); break;
      default:
    }
  }

  /** Whom one talks to, and the place in line. */
  #standing(status) {
    const { head, face, title, sub, line, place, leave } = this.#ui;
    const owner = SUBTITLE[status.owner] ? status.owner : 'bot';
    const human = owner === 'agent';
    this.#status = { ...status, owner };
    if (head.classList.toggle('human', human) !== (face.dataset.human === '1')) {
      face.dataset.human = human ? '1' : '';
      face.replaceChildren(icon(human ? 'person' : 'bell'));
    }
    const set = (node, text) => { if (node.textContent !== text) node.textContent = text; };
    set(title, this.#title());
    set(sub, human && status.agent ? `人工坐席${str(status.agent)}正在为您服务` : SUBTITLE[owner]);
    const held = line.contains(this.shadowRoot.activeElement);
    const waits = owner === 'queue' && status.number;
    line.hidden = !waits;
    leave.disabled = false;
    if (waits) this.#wait(place, status);
    else if (held) this.#focus();
    this.#showSeen();
    if (this.#stuck) this.#toEnd();
  }

  #wait(place, { ahead, minutes, staffed, number, hours }) {
    const front = ahead ? `前面还有${ahead}位` : '您排在最前面';
    const wait = minutes ? `大约要等${minutes}分钟` : '要等多久说不准';
    const words = staffed ? `${front}，${wait}` : `现在不在人工服务时间（${str(hours)}），坐席上班后按顺序接待`;
    const ticket = `单号 ${str(number)}`;
    if (place.textContent !== words + ticket) place.replaceChildren(words, el('small', { text: ticket }));
  }

  #leave() {
    if (this.#link !== 'online') return this.#remark('连上以后再点一次');
    this.#ui.leave.disabled = true;
    this.#focus();
    this.#send({ type: 'leave_queue' });
  }

  #error({ code, text, client_id: cid }) {
    if (code === 'auth') {
      // Another tab may already have got a new token; drop only the one refused here.
      if (kept.get(TOKEN) === this.#token) kept.set(TOKEN, null);
      this.#token = null;
      const again = !this.#authTried;
      this.#authTried = true;
      const ws = this.#ws;
      if (again) {
        this.#ws = null;
        this.#link = 'lost';
        clearTimeout(this.#timers.watch);
        clearInterval(this.#timers.ping);
        this.#connect();
      }
      ws?.close();
      return;
    }
    const item = cid && this.#mine.get(cid);
    if (item) {
      clearTimeout(item.timer);
      this.#state(item, 'failed', str(text));
    } else {
      this.#ui.leave.disabled = false;
      this.#remark(str(text));
    }
  }

  #remark(text) {
    clearTimeout(this.#timers.remark);
    this.#timers.remark = setTimeout(() => { this.#notes[0] = ''; this.#note(); }, 6000);
    this.#notes[0] = text;
    this.#note();
  }

  #showLink(text) {
    const { input, clip } = this.#ui;
    const online = this.#link === 'online';
    const lost = this.#link === 'lost';
    this.#notes[1] = lost ? text || OFFLINE : this.#link === 'connecting' ? '正在连接…' : '';
    input.placeholder = lost ? '可继续输入' : '请输入问题';
    clip.disabled = !online;
    clip.title = online ? '上传材料（JPG、PNG、PDF，10 MB 以内）' : '连接后可上传材料';
    clip.setAttribute('aria-label', clip.title);
    this.#note();
  }

  #note() {
    const text = this.#notes.find(Boolean) || '';
    if (this.#ui.note.textContent !== text) this.#ui.note.textContent = text;
  }

  #send(frame) {
    if (this.#ws?.readyState === WebSocket.OPEN) this.#ws.send(JSON.stringify(frame));
  }

  #ping() {
    const ws = this.#ws;
    if (!ws) return;
    this.#send({ type: 'ping' });
    this.#watch(ws);
  }
}

customElements.define('shuiling-chat', ShuilingChat);
})();
