/* One call: its recording, and the transcript that follows it. */
import { ask, authorization } from './operator.js';

const ID = location.pathname.split('/').pop();
const SPEAKER = { bot: '税铃', caller: '对方', key: '按键' };
const CARRIER = { browser: '浏览器电话', standin: '模拟线路', twilio: 'Twilio' };
const COLOURS = { caller: '#2b62a8', bot: '#0b6b46' };
const STEP_S = 5;

const $ = (id) => document.getElementById(id);
const audio = $('audio');
const lines = []; // {item, parts, began}, in the order of their beginnings
let recording = null;
let levels = null; // the recording's loudness, which comes after it
let current = -1;
let hits = [];
let hit = -1;
let mix = null; // gains of both channels, once sound may be played
let scrolled = 0;

const time = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, '0')}`;
const day = new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', dateStyle: 'long', timeStyle: 'short' });

function make(tag, text, parent, className) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  parent.append(node);
  return node;
}

async function load() {
  const response = await fetch(`/calls/${ID}.json`, { headers: authorization(), cache: 'no-store' }).catch(() => null);
  if (response?.status === 401) {
    $('state').textContent = '请输入操作口令。';
    ask($('lock'), load);
    return;
  }
  const body = response && (await response.json().catch(() => null));
  if (!response?.ok || !body) {
    $('state').textContent = typeof body?.detail === 'string' ? body.detail : '读取失败，请刷新页面再试。';
    return;
  }
  $('state').textContent = '';
  show(body);
}

function show(call) {
  $('outcome').textContent = call.outcome_words;
  const facts = [['时间', day.format(new Date(call.began))], ['号码', call.phone_mask], ['线路', CARRIER[call.carrier] ?? call.carrier]];
  if (call.recording) facts.push(['录音', time(call.recording.duration_ms / 1000)]);
  if (call.note) facts.push(['备注', call.note]);
  for (const [name, value] of facts) {
    const pair = make('div', '', $('facts'));
    make('dt', name, pair);
    make('dd', value, pair);
  }
  $('about').hidden = $('talk').hidden = $('player').hidden = false;
  call.lines.forEach(line);
  $('silent').hidden = call.lines.length > 0;
  $('find').hidden = call.lines.length === 0;
  $('problem').textContent = call.recording_problem;
  $('problem').hidden = !call.recording_problem;
  $('sound').hidden = !call.recording;
  if (!call.recording) return;
  recording = call.recording;
  $('length').textContent = time(recording.duration_ms / 1000);
  $('seek').max = recording.duration_ms / 1000;
  audio.src = recording.url;
  $('play').disabled = false;
  new ResizeObserver(draw).observe($('wave'));
  follow();
  measure();
}

// Without it the recording can be listened to all the same.
async function measure() {
  const response = await fetch(`/calls/${ID}/levels.json`, { headers: authorization(), cache: 'no-store' }).catch(() => null);
  const body = response && (await response.json().catch(() => null));
  if (response?.ok) levels = body;
  else if (typeof body?.detail === 'string') { // only who reads it whole sees that it was changed
    $('problem').textContent = body.detail;
    $('problem').hidden = false;
  }
  draw();
}

function line(said) {
  const item = make('li', '', $('lines'), said.speaker);
  const jump = make('button', time(said.began_ms / 1000), item);
  jump.type = 'button';
  jump.setAttribute('aria-label', `从 ${time(said.began_ms / 1000)} 开始听`);
  const words = make('p', '', item);
  make('b', SPEAKER[said.speaker] ?? '', words);
  const spoken = said.heard === null || said.speaker !== 'bot' ? 1 : said.heard;
  const cut = Math.round([...said.text].length * spoken);
  make('span', [...said.text].slice(0, cut).join(''), words);
  if (spoken < 1) {
    make('s', [...said.text].slice(cut).join(''), words);
    make('small', spoken > 0 ? '被打断，后面没有播出' : '没有播出', words);
  }
  const row = { item, parts: [...words.querySelectorAll('span, s')], began: said.began_ms / 1000 };
  lines.push(row);
  item.onclick = () => { if (recording && !String(getSelection())) listenFrom(row.began); };
}

/* --- listening --- */

// Each side goes through a gain of its own and is then heard in both ears.
function prepare() {
  if (mix) return;
  const context = new AudioContext();
  const split = context.createChannelSplitter(2);
  context.createMediaElementSource(audio).connect(split);
  mix = [0, 1].map((channel) => {
    const gain = context.createGain();
    split.connect(gain, channel);
    gain.connect(context.destination);
    return gain;
  });
  mix.context = context;
  choose();
}

function choose() {
  const side = document.querySelector('[name=side]:checked').value;
  if (!mix) return;
  mix[0].gain.value = side === 'bot' ? 0 : 1;
  mix[1].gain.value = side === 'caller' ? 0 : 1;
}

async function listen() {
  prepare();
  await mix.context.resume();
  await audio.play().catch(() => { $('state').textContent = '录音无法播放：可能已损坏，或链接已过期，请刷新页面。'; });
}

function listenFrom(second) {
  audio.currentTime = second;
  follow();
  listen();
}

function follow() {
  const now = audio.currentTime;
  $('now').textContent = time(now);
  $('seek').value = now;
  $('seek').setAttribute('aria-valuetext', time(now));
  draw();
  let found = -1;
  lines.forEach((row, i) => { if (row.began <= now + 0.05) found = i; });
  if (found === current) return;
  lines[current]?.item.classList.remove('now');
  lines[current]?.item.removeAttribute('aria-current');
  current = found;
  const item = lines[current]?.item;
  if (!item || (audio.paused && now === 0)) return;
  item.classList.add('now');
  item.setAttribute('aria-current', 'true');
  // Who scrolls to read elsewhere is left alone for a while.
  if (!audio.paused && Date.now() - scrolled > 4000) item.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
}

function draw() {
  const canvas = $('wave');
  if (!recording || !canvas.clientWidth) return;
  const scale = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
  if (canvas.width !== Math.round(width)) canvas.width = Math.round(width);
  if (canvas.height !== Math.round(height)) canvas.height = Math.round(height);
  const pen = canvas.getContext('2d');
  pen.clearRect(0, 0, width, height);
  const total = recording.duration_ms / 1000;
  const played = total ? (audio.currentTime / total) * width : 0;
  const bar = 3 * scale;
  if (levels) ['caller', 'bot'].forEach((side, lane) => {
    const middle = height * (lane ? 0.75 : 0.25);
    pen.fillStyle = COLOURS[side];
    for (let x = 0; x < width; x += bar) {
      const from = Math.floor((x / width) * levels[side].length);
      const to = Math.max(from + 1, Math.floor(((x + bar) / width) * levels[side].length));
      const loud = Math.max(0, ...levels[side].slice(from, to)) / 100;
      const tall = Math.max(scale, loud * height * 0.44);
      pen.globalAlpha = x <= played ? 1 : 0.38;
      pen.fillRect(x, middle - tall / 2, bar - scale, tall);
    }
  });
  pen.globalAlpha = 1;
  pen.fillStyle = '#1b1f23';
  pen.fillRect(Math.min(played, width - 2 * scale), 0, 2 * scale, height);
}

function toggle() { if (audio.paused) listen(); else audio.pause(); }

function playing() {
  const on = !audio.paused;
  $('play').classList.toggle('playing', on);
  $('play').setAttribute('aria-label', on ? '暂停' : '播放');
  const frame = () => {
    if (audio.paused) return;
    follow();
    requestAnimationFrame(frame);
  };
  if (on) frame();
}

for (const event of ['play', 'pause', 'ended']) audio.addEventListener(event, playing);
for (const event of ['seeked', 'timeupdate']) audio.addEventListener(event, follow);
for (const event of ['wheel', 'touchmove']) addEventListener(event, () => { scrolled = Date.now(); }, { passive: true });
$('play').onclick = toggle;
$('seek').oninput = () => { audio.currentTime = Number($('seek').value); follow(); };
$('speed').onchange = () => { audio.playbackRate = Number($('speed').value); };
document.querySelectorAll('[name=side]').forEach((box) => { box.onchange = choose; });
document.addEventListener('keydown', (event) => {
  if (!recording || event.target.closest('input, select, button, a')) return;
  if (event.key === ' ') toggle();
  else if (event.key === 'ArrowLeft') audio.currentTime -= STEP_S;
  else if (event.key === 'ArrowRight') audio.currentTime += STEP_S;
  else return;
  event.preventDefault();
});

/* --- finding words --- */

function find() {
  for (const { parts } of lines) for (const part of parts) part.textContent = part.textContent; // takes the marks away
  const wanted = $('words').value.trim().toLowerCase();
  hits = [];
  hit = -1;
  if (wanted) for (const { parts } of lines) parts.forEach((part) => highlight(part, wanted));
  $('before').disabled = $('after').disabled = !hits.length;
  if (hits.length) go(1);
  else $('hits').textContent = wanted ? '没有' : '';
}

function highlight(part, wanted) {
  const text = part.textContent;
  const lower = text.toLowerCase();
  const pieces = [];
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    const found = document.createElement('mark');
    found.textContent = text.slice(at, at + wanted.length);
    pieces.push(text.slice(from, at), found);
    hits.push(found);
    from = at + wanted.length;
  }
  if (pieces.length) part.replaceChildren(...pieces, text.slice(from));
}

function go(step) {
  hits[hit]?.classList.remove('here');
  hit = (hit + step + hits.length) % hits.length;
  hits[hit].classList.add('here');
  scrolled = Date.now();
  hits[hit].closest('li').scrollIntoView({ block: 'nearest' });
  $('hits').textContent = `${hit + 1}/${hits.length}`;
}

$('words').oninput = find;
$('find').onsubmit = (event) => {
  event.preventDefault();
  if (hits.length) go(1);
};
$('before').onclick = () => go(-1);

load();
