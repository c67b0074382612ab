/* The latest calls, and finding those in which something was said. */
import { ask, authorization } from './operator.js';

const $ = (id) => document.getElementById(id);
const day = new Intl.DateTimeFormat('zh-CN', {
  timeZone: 'Asia/Shanghai', month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', weekday: 'short',
});

function make(tag, text, parent) {
  const node = document.createElement(tag);
  node.textContent = text;
  parent.append(node);
  return node;
}

function row(call) {
  const link = document.createElement('a');
  link.href = `/calls/${call.id}`;
  make('time', day.format(new Date(call.began)), link).dateTime = call.began;
  make('span', call.phone_mask, link);
  make('b', call.outcome_words, link);
  if (call.found) make('p', `“${call.found}”`, link);
  const item = document.createElement('li');
  item.append(link);
  return item;
}

async function load() {
  const words = $('words').value.trim();
  const response = await fetch(`/calls.json?q=${encodeURIComponent(words)}`, { headers: authorization(), cache: 'no-store' }).catch(() => null);
  if (response?.status === 401) {
    $('state').textContent = '请输入操作口令。';
    ask($('lock'), load);
    return;
  }
  const list = response?.ok ? await response.json().catch(() => null) : null;
  $('calls').replaceChildren(...(list ?? []).map(row));
  if (!list) $('state').textContent = '读取失败，请刷新页面再试。';
  else if (list.length) $('state').textContent = '';
  else $('state').textContent = words ? '没有通话里说过这些话。' : '还没有通话。';
}

$('find').onsubmit = (event) => {
  event.preventDefault();
  load();
};

load();
