// The filter, and the cases that fit it.

let fitting = [];
const control = { facets: {} };

function facetTest(facet) {
  const name = state.by[facet];
  if (name === undefined) return null;
  const number = names[facet].indexOf(name);
  if (facet === 'tag') return (row) => row.tags.includes(number);
  if (facet === 'requirement') return (row) => row.requirements.some(([n]) => n === number);
  return (row) => row[facet] === number;
}

// The cases that fit, `kinds` aside if so told.
function find(anyKind) {
  const tests = FACETS.map(facetTest).filter(Boolean);
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) tests.push((row) => words.every((word) => row.text.includes(word)));
  if (state.is.size && !anyKind) tests.push((row) => state.is.has(row.shown));
  return run.cases.filter((row) => tests.every((test) => test(row)));
}

function sorted(rows) {
  if (state.order === 'file') return rows;
  const rank = state.order === 'slow' ? (row) => -row.ms : (row) => KINDS.indexOf(row.shown);
  return [...rows].sort((a, b) => rank(a) - rank(b) || a.index - b.index);
}

function facetSelect(facet) {
  const all = [...names[facet]].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  if (all.length < 2) return null;
  const label = facet[0].toUpperCase() + facet.slice(1);
  const changed = (event) => change({ by: { ...state.by, [facet]: event.target.value || undefined } }, true);
  const select = h('select', { 'aria-label': label, 'data-facet': facet, onchange: changed },
    h('option', { value: '' }, `${label}: all`), all.map((name) => h('option', { value: name }, name)));
  control.facets[facet] = select;
  return select;
}

function buildFilter() {
  control.search = h('input', {
    type: 'search', id: 'search', placeholder: 'Search id, title, failure', autocomplete: 'off', spellcheck: 'false',
    'aria-label': 'Search', 'aria-keyshortcuts': '/', oninput: () => change({ q: control.search.value }),
  });
  control.order = h('select', { 'aria-label': 'Order', onchange: () => change({ order: control.order.value }) },
    Object.entries(ORDERS).map(([value, text]) => h('option', { value }, text)));
  const everywhere = tally(run.cases);
  control.kinds = KINDS.filter((kind) => everywhere[kind]).map((kind) => h('button', {
    type: 'button', class: `kind ${weightOf(kind)}`, 'data-kind': kind, onclick: () => toggleKind(kind),
  }, kind, h('b')));
  replace(byId('filter'),
    h('div', { class: 'search' }, control.search, h('kbd', { 'aria-hidden': 'true' }, '/')),
    h('div', { class: 'kinds', role: 'group', 'aria-label': 'Verdict' }, control.kinds),
    h('div', { class: 'facets' }, FACETS.map(facetSelect), control.order));
  byId('filter').addEventListener('submit', (event) => event.preventDefault());
  byId('clear').addEventListener('click', () => { clearFilter(); control.search.focus(); });
}

function showFilter() {
  fitting = sorted(find(false));
  if (control.search.value !== state.q) control.search.value = state.q;
  control.order.value = state.order;
  for (const [facet, select] of Object.entries(control.facets)) {
    select.value = state.by[facet] || '';
    select.classList.toggle('on', state.by[facet] !== undefined);
  }
  // How many a press would show.
  const counts = tally(find(true));
  for (const button of control.kinds) {
    button.setAttribute('aria-pressed', String(state.is.has(button.dataset.kind)));
    button.lastChild.textContent = count(counts[button.dataset.kind] || 0);
  }
  const all = plural(run.cases.length, 'case', 'cases');
  const text = isFiltered() ? `${count(fitting.length)} of ${all}` : all;
  if (byId('count').textContent !== text) byId('count').textContent = text;
  byId('clear').hidden = !isFiltered();
}
