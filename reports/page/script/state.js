// What is filtered and what is selected. It stands in the address, so that a link shows the same.

const FACETS = ['pack', 'target', 'version', 'tag', 'requirement'];
const ORDERS = { worst: 'Worst first', file: 'As it ran', slow: 'Slowest first' };

const state = { is: new Set(), q: '', order: 'worst', by: {}, case: null, page: null };
const listeners = [];

function readAddress() {
  const from = new URLSearchParams(location.hash.slice(1));
  state.is = new Set((from.get('is') || '').split(',').filter((kind) => KINDS.includes(kind)));
  state.q = from.get('q') || '';
  state.order = Object.hasOwn(ORDERS, from.get('order') || '') ? from.get('order') : 'worst';
  state.by = {};
  for (const facet of FACETS) if (from.has(facet)) state.by[facet] = from.get(facet);
  state.case = from.get('case');
  state.page = from.get('page');
}

function address(changed) {
  const all = { ...state, ...changed };
  const to = new URLSearchParams();
  if (all.is.size) to.set('is', [...all.is].join(','));
  if (all.q) to.set('q', all.q);
  if (all.order !== 'worst') to.set('order', all.order);
  for (const facet of FACETS) if (all.by[facet] !== undefined) to.set(facet, all.by[facet]);
  if (all.case) to.set('case', all.case);
  if (all.page) to.set('page', all.page);
  return `#${to}`;
}

const show = () => listeners.forEach((listener) => listener());

// `step`: something that the back button undoes.
function change(to, step) {
  Object.assign(state, to);
  try {
    history[step ? 'pushState' : 'replaceState'](null, '', address({}));
  } catch {
    // Browsers allow only so many a second; the address follows with the next change.
  }
  show();
}

const filterBy = (facet, name) => change({ by: { ...state.by, [facet]: state.by[facet] === name ? undefined : name } }, true);
const clearFilter = () => change({ is: new Set(), q: '', by: {} }, true);
const isFiltered = () => state.is.size > 0 || state.q !== '' || FACETS.some((facet) => state.by[facet] !== undefined);

function toggleKind(kind) {
  const is = new Set(state.is);
  if (!is.delete(kind)) is.add(kind);
  change({ is }, true);
}
