// The list of cases. Only the rows in sight, and some around them, are elements.

const AROUND = 15;
const list = { rows: null, from: 0, to: 0, height: 0, filter: '' };

function rowElement(row, position) {
  const selected = state.case === row.anchor;
  const version = row.version === undefined ? '–' : names.version[row.version];
  return h('tr', { 'aria-rowindex': position + 2, class: selected ? 'selected' : null },
    h('td', { class: 'verdict' }, badge(row.shown, row.weight)),
    h('td', { class: 'what' },
      h('a', { href: address({ case: row.anchor, page: null }), 'aria-current': selected ? 'true' : null },
        h('span', { class: 'id' }, row.scenario),
        h('span', { class: 'line' }, row.values.length ? h('span', { class: 'values' }, row.values.join(', ')) : null, row.why || row.title))),
    h('td', { class: 'where' }, h('span', null, version), h('span', null, names.target[row.target])),
    h('td', { class: 'number' }, duration(row.ms)));
}

const spacer = (height) => h('tr', { class: 'spacer', 'aria-hidden': 'true' }, h('td', { colspan: 4, style: { height: `${height}px` } }));

const rowHeight = () => parseFloat(getComputedStyle(byId('list')).getPropertyValue('--row')) || 52;

// The first row in sight, the last, and how high a row is.
function inSight() {
  const height = rowHeight();
  const around = byId('scroll').getBoundingClientRect();
  const top = byId('rows').getBoundingClientRect().top;
  const from = Math.floor((Math.max(0, around.top) - top) / height);
  const to = Math.ceil((Math.min(innerHeight, around.bottom) - top) / height);
  return [Math.max(0, Math.min(from, fitting.length)), Math.max(0, Math.min(to, fitting.length)), height];
}

function drawRows(anew) {
  const [from, to, height] = inSight();
  const drawn = list.rows === fitting && list.height === height && from >= list.from && to <= list.to;
  if (drawn && !anew) return;
  Object.assign(list, { rows: fitting, from: Math.max(0, from - AROUND), to: Math.min(fitting.length, to + AROUND), height });
  const rows = byId('rows');
  const focused = rows.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
  replace(rows, list.from > 0 ? spacer(list.from * height) : null,
    fitting.slice(list.from, list.to).map((row, i) => rowElement(row, list.from + i)),
    list.to < fitting.length ? spacer((fitting.length - list.to) * height) : null,
    fitting.length === 0 ? h('tr', null, h('td', { colspan: 4, class: 'empty' }, 'No case fits the filter.')) : null);
  byId('list').setAttribute('aria-rowcount', String(fitting.length + 1));
  if (focused !== null) [...rows.querySelectorAll('a')].find((a) => a.getAttribute('href') === focused)?.focus({ preventScroll: true });
}

function bringToSight(position) {
  const scroll = byId('scroll');
  const [height, head] = [rowHeight(), byId('list').tHead.offsetHeight];
  const bottom = (position + 1) * height + head;
  if (position * height < scroll.scrollTop) scroll.scrollTop = position * height;
  else if (bottom > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = bottom - scroll.clientHeight;
  drawRows(true);
}

const isWrong = (row) => ['error', 'fail', 'warn'].includes(row.weight);

// Selects the next case in a direction, or the next one that `only` is true of.
function move(by, only) {
  let at = fitting.findIndex((row) => row.anchor === state.case);
  if (at < 0 && by < 0) at = fitting.length;
  do at += by; while (only && fitting[at] && !only(fitting[at]));
  const row = fitting[at];
  if (!row) return say('There is no further case');
  change({ case: row.anchor, page: null }, state.case === null);
  bringToSight(at);
  return undefined;
}

function buildList() {
  addEventListener('scroll', () => requestAnimationFrame(() => drawRows(false)), { capture: true, passive: true });
  new ResizeObserver(() => drawRows(false)).observe(byId('scroll'));
}

function showList() {
  const filter = address({ case: null, page: null });
  if (list.filter !== filter) byId('scroll').scrollTop = 0;
  list.filter = filter;
  drawRows(true);
}
