/* The phone page: waits for calls, rings, and holds one call at a time. */
import { Sound } from './audio.js';
import { PhoneStream } from './stream.js';
import { ask, token } from './operator.js';

const PING_MS = 25000;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const NUMBER = new URLSearchParams(location.search).get('number');
const TITLE = document.title;
const STOPPED = { no_answer: '无人接听', elsewhere: '已在别处接听', rejected: '已拒接', canceled: '对方已取消' };
const ENDED = { limit: '已到最长通话时间', failed: '没有接通' };

const $ = (id) => document.getElementById(id);
const ui = Object.fromEntries(['phone', 'state', 'name', 'under', 'say', 'lock', 'bell', 'reject', 'answer', 'note', 'keypad',
  'pressed', 'mute', 'hangup', 'keys', 'replay', 'wait', 'empty', 'lines'].map((id) => [id, $(id)]));
const sound = new Sound();
const drafts = new Map(); // speaker → the line that is not final yet
let socket = null;
let tries = 0;
let refused = false;
let call = null; // {id, from, carrier?, stream?, answeredAt?, muted}
let ticking = 0;

/* --- what is shown --- */

function view(name, title, under, announce) {
  ui.phone.dataset.view = name;
  ui.name.textContent = title;
  ui.under.textContent = under;
  ui.say.textContent = announce ?? '';
  ui.phone.classList.remove('speaking');
  document.title = name === 'ringing' ? `来电 ${title}` : TITLE;
}

function waiting(under = '有电话打来时，这里会响铃') {
  call = null;
  view('idle', '等候来电', under);
}

function state(text, good) {
  if (ui.state.textContent !== text) ui.state.textContent = text;
  ui.state.classList.toggle('good', good);
}

const clock = (ms) => {
  const s = Math.floor(ms / 1000);
  return `${String(Math.floor(s / 60)).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`;
};

function line(speaker, text, final) {
  ui.empty.hidden = true;
  ui.lines.hidden = false;
  const follow = ui.lines.scrollHeight - ui.lines.scrollTop - ui.lines.clientHeight < 60;
  let item = drafts.get(speaker);
  if (!item) {
    item = document.createElement('li');
    item.className = speaker;
    item.append(document.createElement('b'), document.createElement('span'));
    item.firstChild.textContent = speaker === 'bot' ? '税铃' : '我';
    ui.lines.append(item);
    drafts.set(speaker, item);
  }
  item.classList.toggle('partial', !final);
  // A screen reader hears each sentence once, when it is complete.
  item.ariaHidden = final ? null : 'true';
  item.lastChild.textContent = text;
  if (final) drafts.delete(speaker);
  if (final && !text) item.remove();
  if (follow) ui.lines.scrollTop = ui.lines.scrollHeight;
}

function markLine(text) {
  drafts.forEach((item) => item.remove());
  drafts.clear();
  const item = document.createElement('li');
  item.className = 'mark';
  item.textContent = text;
  ui.lines.append(item);
  ui.lines.scrollTop = ui.lines.scrollHeight;
}

/* --- the socket the page waits on --- */

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function connect() {
  const url = new URL('/phone/ring', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  refused = false;
  socket = new WebSocket(url);
  socket.onopen = () => {
    const resume = call?.carrier ? { call: call.id, carrier: call.carrier } : undefined;
    send({ type: 'hello', token: token() ?? undefined, number: NUMBER ?? undefined, resume });
  };
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = () => {
    if (refused) return;
    if (call && !call.carrier) stopped('连接中断');
    state('连接中断，正在重连…', false);
    setTimeout(connect, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
    tries += 1;
  };
}

function receive(message) {
  const mine = call && message.call === call.id;
  if (message.type === 'ready') {
    tries = 0;
    state(NUMBER ? `在线 · ${NUMBER}` : '在线', true);
  } else if (message.type === 'ring') {
    if (!call || call.over) ring(message);
  } else if (message.type === 'stop' && mine && !call.carrier) {
    stopped(STOPPED[message.reason] ?? '');
  } else if (message.type === 'connect' && mine) {
    connected(message);
  } else if (message.type === 'line' && mine) {
    line(message.speaker, message.text, message.final);
  } else if (message.type === 'ended' && mine) {
    ended(ENDED[message.reason] ?? '');
  } else if (message.type === 'error' && message.code !== 'frame') {
    refused = true;
    state(message.text, false);
    if (message.code === 'auth') ask(ui.lock, connect);
  }
}

setInterval(() => send({ type: 'ping' }), PING_MS);

/* --- a call --- */

function ring(message) {
  call = { id: message.call, from: message.from };
  view('ringing', call.from.name, call.from.number, `${call.from.name} ${call.from.number} 来电`);
  sound.ring();
  ui.answer.focus();
}

function stopped(why) {
  sound.quiet();
  waiting(why || undefined);
}

async function answer() {
  const answering = call;
  sound.quiet();
  try {
    await sound.unlock();
  } catch {
    state('没有声音可用，无法接听，请检查扬声器后刷新页面', false);
    send({ type: 'reject', call: answering.id });
    stopped('没有接通');
    return;
  }
  if (call !== answering) return;
  view('talking', call.from.name, '正在接通…');
  send({ type: 'answer', call: call.id });
}

function connected(message) {
  const mine = call;
  call.carrier = message.carrier;
  call.answeredAt = Date.now();
  call.muted = false;
  ui.lines.replaceChildren();
  drafts.clear();
  ui.pressed.value = '';
  ui.note.hidden = true;
  press(ui.mute, false);
  keypad(false);
  ui.hangup.focus();
  call.stream = new PhoneStream(message, {
    audio: (mulaw) => sound.play(mulaw),
    mark: (name) => sound.mark(name),
    clear: () => sound.clear(),
    closed: () => { if (call === mine) ended(''); },
  });
  sound.open({
    frame: (mulaw) => mine.stream.frame(mulaw),
    marks: (names) => names.forEach((name) => mine.stream.marked(name)),
    playing: (playing) => ui.phone.classList.toggle('speaking', playing && call === mine && !mine.over),
  });
  tick();
  ticking = setInterval(tick, 500);
  sound.listen().then((why) => {
    if (!why || call !== mine || mine.over) return;
    ui.note.textContent = `${why}，对方听不到您说话。可以用下面的键盘按键回答。`;
    ui.note.hidden = false;
    ui.mute.disabled = true;
    keypad(true);
  });
}

function tick() { ui.under.textContent = clock(Date.now() - call.answeredAt); }

function ended(why) {
  if (!call || call.over) return;
  call.over = true;
  clearInterval(ticking);
  call.stream?.stop();
  sound.close();
  keypad(false);
  ui.mute.disabled = false;
  const length = call.answeredAt ? clock(Date.now() - call.answeredAt) : '';
  view('ended', '通话已结束', why || `通话时长 ${length}`, '通话已结束');
  ui.replay.href = `/calls/${encodeURIComponent(call.id)}`;
  if (!ui.lines.hidden) markLine('通话结束');
  ui.wait.focus();
}

function press(button, pressed) { button.setAttribute('aria-pressed', String(pressed)); }

function keypad(shown) {
  ui.keypad.hidden = !shown;
  press(ui.keys, shown);
}

function digit(key) {
  if (!call?.stream || call.over) return;
  call.stream.digit(key);
  sound.key(key);
  ui.pressed.value += key;
}

/* --- what the visitor does --- */

ui.bell.onclick = async () => {
  await sound.unlock();
  ui.bell.textContent = '铃声已打开';
  ui.bell.disabled = true;
};
ui.answer.onclick = answer;
ui.reject.onclick = () => {
  send({ type: 'reject', call: call.id });
  stopped('已拒接');
};
ui.hangup.onclick = () => {
  send({ type: 'hang_up', call: call.id });
  ended('');
};
ui.mute.onclick = () => {
  call.muted = !call.muted;
  sound.mute(call.muted);
  press(ui.mute, call.muted);
};
ui.keys.onclick = () => keypad(ui.keypad.hidden);
ui.wait.onclick = () => waiting();
ui.keypad.onclick = ({ target }) => { if (target.dataset.key) digit(target.dataset.key); };
document.addEventListener('keydown', (event) => {
  if (!event.ctrlKey && !event.metaKey && !event.altKey && /^[0-9*#]$/.test(event.key) && call?.stream && !call.over) {
    keypad(true);
    digit(event.key);
  }
});
addEventListener('pagehide', () => call?.stream?.stop());

// Without these the page could ring, but nobody could talk on it.
if (isSecureContext && window.AudioWorkletNode) connect();
else if (isSecureContext) state('这个浏览器太旧，不能通话，请换一个新的浏览器', false);
else state('浏览器只在 https 或本机地址（localhost）下允许通话，请换地址打开', false);
