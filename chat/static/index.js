'use strict';

(() => {
const PAGE = 8;
const HEADS = ['名称', '类型', '地区', '证件号', '电话', '情形'];
const KINDS = { company: '企业', sole_trader: '个体工商户', individual: '个人', person: '个人' };

const chat = () => document.querySelector('shuiling-chat');
const body = document.querySelector('.people tbody');
const filter = document.getElementById('filter');
const shownLine = document.getElementById('shown');
const more = document.getElementById('more');

let people = [];
let limit = PAGE;

for (const button of document.querySelectorAll('[data-open],[data-say]')) {
  button.addEventListener('click', async () => {
    await customElements.whenDefined('shuiling-chat');
    chat().open();
    if (button.dataset.say) chat().say(button.dataset.say);
  });
}

function copyByHand(text) {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'offscreen';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}

// The clipboard interface exists on secure origins only; a demo is often shown over plain http in a local network.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text);
  }
}

function copyButton(person) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = '复制证件号';
  button.setAttribute('aria-label', `复制${person.name}的证件号`);
  button.addEventListener('click', async () => {
    button.textContent = (await copy(person.identifier)) ? '已复制' : '请手动选择复制';
    shownLine.textContent = `${person.name}：${button.textContent}`;
    setTimeout(() => { button.textContent = '复制证件号'; }, 2000);
  });
  return button;
}

function row(person) {
  const tr = document.createElement('tr');
  const values = [person.name, KINDS[person.kind] || person.kind, person.region, person.identifier, person.phone, person.situation];
  values.forEach((value, i) => {
    const cell = document.createElement(i ? 'td' : 'th');
    if (i) cell.dataset.head = HEADS[i];
    else cell.scope = 'row';
    const text = document.createElement('span');
    text.textContent = value ?? '';
    cell.append(text);
    if (i === 3) {
      text.className = 'code';
      cell.append(copyButton(person));
    }
    tr.append(cell);
  });
  return tr;
}

function show() {
  const wanted = filter.value.trim().toLowerCase();
  const found = people.filter((p) => !wanted || Object.values(p).join(' ').toLowerCase().includes(wanted));
  body.replaceChildren(...found.slice(0, limit).map(row));
  more.hidden = found.length <= limit;
  shownLine.textContent = found.length ? `共 ${found.length} 户，显示 ${Math.min(limit, found.length)} 户` : '没有找到，请换个词试试';
}

filter.addEventListener('input', () => { limit = PAGE; show(); });
more.addEventListener('click', () => { limit += 20; show(); });

// Outside the demo the list does not exist, and the parts of the page that lean on it stay hidden.
fetch('/demo/taxpayers')
  .then((response) => (response.ok ? response.json() : null))
  .then((list) => {
    if (!Array.isArray(list)) return;
    people = list;
    for (const part of document.querySelectorAll('[data-demo]')) part.hidden = false;
    show();
  })
  .catch(() => {});
})();
