// The keyboard, and light and dark.

const KEYS = [
  ['/ or Ctrl F', 'search; Ctrl F again is the search of the browser', ['/']],
  ['j or ↓, k or ↑', 'next case, case before (the arrows in the list)', null],
  ['n, p', 'next case that is not as it should be, the one before', null],
  ['Enter', 'in the list: to the details of the case', null],
  ['f', 'only what is not as it should be, or all', null],
  ['x', 'open or close all exchanges', null],
  ['c', 'copy the line that repeats the case', null],
  ['o', 'overview', null],
  ['t', 'light, dark, or as the system is', null],
  ['?', 'this list', null],
  ['Escape', 'close, leave the field, back to the list', null],
];

const THEMES = ['auto', 'light', 'dark'];

function readTheme() {
  try {
    return THEMES.includes(localStorage.getItem('gauntlet-theme')) ? localStorage.getItem('gauntlet-theme') : 'auto';
  } catch {
    return 'auto';
  }
}

let theme = readTheme();

function showTheme() {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const button = byId('theme');
  if (button) replace(button, `Theme: ${theme}`);
}

function nextTheme() {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  try {
    localStorage.setItem('gauntlet-theme', theme);
  } catch {
    // The choice lasts as long as the page.
  }
  showTheme();
  say(`Theme: ${theme}`);
}

function buildKeys() {
  const dialog = byId('keys');
  const close = h('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, 'Close');
  replace(dialog, h('h2', { id: 'keys-head' }, 'Keys'),
    h('table', { class: 'table' }, h('tbody', null, KEYS.map(([keys, text]) => h('tr', null, h('th', { scope: 'row' }, h('kbd', null, keys)), h('td', null, text))))), close);
  byId('help').addEventListener('click', () => dialog.showModal());
  byId('theme').addEventListener('click', nextTheme);
  document.addEventListener('keydown', onKey);
}

function toSearch() {
  control.search.focus();
  control.search.select();
}

function toggleWrong() {
  const wrong = KINDS.filter((kind) => ['error', 'fail', 'warn'].includes(weightOf(kind)));
  change({ is: state.is.size ? new Set() : new Set(wrong) }, true);
}

const ACTIONS = {
  '/': toSearch,
  '?': () => byId('keys').showModal(),
  j: () => move(1),
  k: () => move(-1),
  n: () => move(1, isWrong),
  p: () => move(-1, isWrong),
  f: toggleWrong,
  x: () => byId('pane').querySelector('.scale .link')?.click(),
  c: () => byId('pane').querySelector('.command .copy')?.click(),
  o: () => change({ case: null, page: null }, true),
  t: nextTheme,
};

function onKey(event) {
  if (byId('keys').open || event.altKey || event.defaultPrevented) return;
  const field = event.target.closest && event.target.closest('input, select, textarea');
  if ((event.ctrlKey || event.metaKey) && event.key === 'f' && event.target !== control.search) {
    event.preventDefault();
    toSearch();
    return;
  }
  if (event.ctrlKey || event.metaKey) return;
  const inList = byId('scroll').contains(event.target);
  if (event.key === 'Escape') {
    if (field) field.blur();
    else if (state.case !== null) back();
    return;
  }
  if (field) {
    if (field === control.search && event.key === 'ArrowDown') { event.preventDefault(); move(1); focusSelected(); }
    return;
  }
  const arrow = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const action = inList && arrow ? () => { move(arrow); focusSelected(); } : Object.hasOwn(ACTIONS, event.key) && ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

const focusSelected = () => byId('rows').querySelector('.selected a')?.focus({ preventScroll: true });

// From a case to the list.
function back() {
  const at = fitting.findIndex((row) => row.anchor === state.case);
  change({ case: null, page: null }, true);
  if (at >= 0) bringToSight(at);
  const rows = [...byId('rows').querySelectorAll('tr[aria-rowindex]')];
  rows.find((row) => Number(row.getAttribute('aria-rowindex')) === at + 2)?.querySelector('a').focus({ preventScroll: true });
}
