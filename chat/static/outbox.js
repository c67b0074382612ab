'use strict';

(() => {
const EVERY_MS = 2000;
const PURPOSES = { verify: '身份验证', verification: '身份验证', code: '身份验证', notice: '通知', reminder: '提醒' };
const STATES = {
  new: '等待发送', leased: '等待发送', intent: '正在发送', sent: '已发出', delivered: '已送达', failed: '没有送达',
  shown: '', dropped: '没有发送',
};

const list = document.getElementById('messages');
const state = document.getElementById('state');
const empty = document.getElementById('empty');
const known = new Map();

const clock = new Intl.DateTimeFormat('zh-CN', {
  timeZone: 'Asia/Shanghai', month: 'numeric', day: 'numeric',
  hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
});

function add(tag, className, text, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.textContent = text;
  parent.append(node);
  return node;
}

function entry(message) {
  const li = document.createElement('li');
  const head = add('p', 'meta', '', li);
  const at = Date.parse(message.at);
  add('span', 'tag', PURPOSES[message.purpose] || message.purpose || '短信', head);
  add('span', '', `发给 ${message.phone_mask ?? ''}`, head);
  add('span', 'sent', '', head);
  add('time', '', Number.isNaN(at) ? '' : clock.format(at), head);
  const body = String(message.body ?? '');
  const code = body.includes('验证码') && /(?<![\w-])\d{4,8}(?![\w-])/.exec(body)?.[0];
  if (code) {
    const line = add('p', 'big', code, li);
    // Digit by digit, or a screen reader says it as one large number.
    line.setAttribute('aria-label', `验证码 ${[...code].join(' ')}`);
    line.setAttribute('role', 'text');
  }
  add('p', 'text', body, li);
  return li;
}

function mark(li, state) {
  const place = li.querySelector('.sent');
  const words = STATES[state] ?? '';
  if (place.textContent !== words) place.textContent = words;
}

function say(text) {
  if (state.textContent !== text) state.textContent = text;
}

async function poll() {
  if (!document.hidden) {
    try {
      const response = await fetch('/demo/outbox', { cache: 'no-store' });
      if (response.status === 404) {
        say('这一页只在演示模式下使用。');
        return;
      }
      if (!response.ok) throw new Error(String(response.status));
      const messages = await response.json();
      const fresh = messages.filter((m) => !known.has(m.id));
      fresh.sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || a.id - b.id);
      for (const message of fresh) {
        known.set(message.id, entry(message));
        list.prepend(known.get(message.id));
      }
      for (const message of messages) mark(known.get(message.id), message.state);
      empty.hidden = known.size > 0;
      say('');
    } catch {
      say('连接中断，正在重试…');
    }
  }
  setTimeout(poll, EVERY_MS);
}

poll();
})();
