// The pane beside the list, and the beginning.

let shown = null;

function showPane() {
  const row = state.case === null ? null : run.anchors.get(state.case);
  const page = state.page === null ? null : run.pages.find((other) => other.name === state.page);
  const what = row || page || (state.case === null ? 'overview' : `no ${state.case}`);
  document.body.classList.toggle('opened', Boolean(row || page || state.case));
  document.body.classList.toggle('of-case', Boolean(row));
  document.title = `${row ? `${row.shown}: ${row.id}` : 'Gauntlet'}${row ? '' : `: ${byId('subject').textContent}`}`;
  showPages(row, page);
  if (what === shown) return pressed();
  const pane = byId('pane');
  const backTo = h('button', { type: 'button', class: 'back', onclick: back }, '← All cases');
  if (row) replace(pane, backTo, caseElement(row));
  else if (page) replace(pane, pageElement(page));
  else if (state.case !== null) replace(pane, backTo, h('p', { class: 'notice error' }, `There is no case ${state.case} in this report.`));
  else replace(pane, overview());
  if (shown !== null) {
    pane.scrollTop = 0;
    if (row) say(`${row.shown}: ${row.id}`);
  }
  shown = what;
  return undefined;
}

// The overview stays as it is while the filter changes, but for what it filters by.
function pressed() {
  for (const button of byId('pane').querySelectorAll('.by button[aria-pressed]')) {
    const on = FACETS.some((facet) => state.by[facet] === button.textContent);
    button.setAttribute('aria-pressed', String(on));
  }
}

function showPages(row, page) {
  const pages = [{ name: null, title: 'Overview' }, ...run.pages];
  replace(byId('pages'), pages.map(({ name, title }) => h('a', {
    href: address({ case: null, page: name }), 'aria-current': !row && (page ? page.name : null) === name && state.case === null ? 'page' : null,
  }, title)));
}

function buildLinks() {
  for (const skip of document.querySelectorAll('[data-skip]')) {
    skip.addEventListener('click', (event) => { event.preventDefault(); byId(skip.dataset.skip).focus(); });
  }
  byId('rows').addEventListener('keydown', (event) => {
    const anchor = event.target.closest('a');
    if (event.key !== 'Enter' || !anchor) return;
    event.preventDefault();
    location.hash = anchor.getAttribute('href').slice(1);
    requestAnimationFrame(() => byId('pane').focus());
  });
  // The whole row leads to its case.
  byId('rows').addEventListener('click', (event) => {
    const anchor = event.target.closest('tr')?.querySelector('a');
    if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    change({ case: new URLSearchParams(anchor.getAttribute('href').slice(1)).get('case'), page: null }, true);
    focusSelected();
  });
  const moved = () => { readAddress(); show(); };
  addEventListener('hashchange', moved);
  addEventListener('popstate', moved);
}

function begin() {
  readAll();
  if (run.info.environment === undefined && run.targets.length === 1) byId('subject').textContent = run.targets[0].name;
  readAddress();
  buildFilter();
  buildList();
  buildKeys();
  buildPrint();
  buildLinks();
  showTheme();
  listeners.push(showFilter, showList, showPane);
  show();
  const at = fitting.findIndex((row) => row.anchor === state.case);
  if (at >= 0) bringToSight(at);
  document.documentElement.dataset.ready = 'true';
}

if (theme !== 'auto') document.documentElement.dataset.theme = theme;
document.addEventListener('DOMContentLoaded', begin);
