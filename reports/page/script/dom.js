// Elements. Text gets in as text only, never as markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'style') for (const [property, v] of Object.entries(value)) node.style.setProperty(property, v);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const byId = (id) => document.getElementById(id);
const replace = (node, ...children) => { node.replaceChildren(); return fill(node, null, children); };

const count = (n) => n.toLocaleString('en');
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;

function duration(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.floor((ms % 60000) / 1000)} s`;
}

// A time as people read it; what is no time stays as it is.
function moment(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

const link = (address, ...children) => (/^https?:\/\//i.test(address || '')
  ? h('a', { href: address, rel: 'noopener noreferrer', target: '_blank' }, ...children)
  : h('span', null, ...children));

const badge = (shown, weight) => h('span', { class: `badge ${weight}` }, shown);

// Says something to those who listen to the page.
const say = (text) => { byId('said').textContent = text; };

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not every browser gives the clipboard to a page from a file.
    const area = h('textarea', { class: 'hidden', readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

function copyButton(name, text, title = 'Copy') {
  const button = h('button', { type: 'button', class: 'copy', 'aria-label': `Copy ${name}` }, title);
  button.addEventListener('click', async () => {
    const done = await copy(text());
    button.textContent = done ? 'Copied' : 'Not copied';
    say(`${name} ${done ? 'is copied' : 'could not be copied'}`);
    setTimeout(() => { button.textContent = title; }, 1500);
    button.focus();
  });
  return button;
}
