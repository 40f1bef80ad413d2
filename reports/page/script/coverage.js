// Which requirement is proved by what, at which version.

const STANDINGS_OF = {
  proved: ['●', 'proved', 'pass'],
  'never-shown-to-fail': ['◐', 'proved but never shown to fail', 'warn'],
  'not-covered': ['○', 'not covered', 'none'],
  'not-testable': ['–', 'not testable', 'none'],
};
const BAD = ['warn', 'fail', 'error'];

// The worst of its versions that can be tested.
function stateOf(requirement) {
  const order = ['not-covered', 'never-shown-to-fail', 'proved'];
  return order.find((state) => requirement.cells.some((cell) => cell.state === state)) || 'not-testable';
}

function cellOf(cell, version) {
  if (!cell) return h('td', { class: 'cell' }, h('span', { class: 'hidden' }, 'not in force'));
  const bad = BAD.includes(cell.verdict);
  const [sign, words, weight] = bad ? ['✗', `not kept in this run: ${cell.verdict}`, cell.verdict] : STANDINGS_OF[cell.state] || ['?', cell.state, 'none'];
  const text = `${version ? `${version}: ` : ''}${words}`;
  return h('td', { class: `cell ${weight}`, title: text }, h('span', { 'aria-hidden': 'true' }, sign), h('span', { class: 'hidden' }, text));
}

const allOf = (requirement, member) => [...new Set(requirement.cells.flatMap((cell) => cell[member]))].sort();

function detailsOf(requirement) {
  const list = (title, all) => (all.length ? [h('dt', null, title), h('dd', null, all.map((one) => h('code', null, one)))] : null);
  return h('dl', { class: 'proofs' },
    h('dt', null, 'rule'), h('dd', null, link(requirement.link, requirement.statement)),
    requirement.untestable ? [h('dt', null, 'not testable'), h('dd', null, requirement.untestable)] : null,
    list('scenarios', allOf(requirement, 'scenarios')), list('caught defects', allOf(requirement, 'defects')),
    names.requirement.includes(requirement.id)
      ? [h('dt', null, 'in this run'), h('dd', null, h('a', { href: address({ page: null, case: null, is: new Set(), q: '', by: { requirement: requirement.id } }) }, 'its cases'))] : null);
}

function requirementRow(requirement, versions) {
  const any = requirement.cells.length === 1 && !requirement.cells[0].version;
  const cells = any ? [cellOf(requirement.cells[0])] : versions.map((version) => cellOf(requirement.cells.find((cell) => cell.version === version), version));
  if (any) cells[0].setAttribute('colspan', String(versions.length));
  const details = h('details', null, h('summary', null, h('span', { class: 'dim' }, `${requirement.level} `), requirement.id));
  // Most are never opened.
  details.addEventListener('toggle', () => { if (details.open && !details.querySelector('dl')) details.append(detailsOf(requirement)); });
  return h('tr', null, h('th', { scope: 'row' }, details), cells);
}

PAGES.coverage = (data) => {
  const states = Object.keys(STANDINGS_OF);
  const subjects = [...new Set(data.requirements.map((one) => one.subject))].sort();
  const shown = { state: '', subject: '', q: '' };
  const rows = data.requirements.map((one) => ({ one, state: stateOf(one), text: `${one.id} ${one.statement} ${one.theme}`.toLowerCase() }));
  const body = h('table', { class: 'matrix' });
  const told = h('p', { class: 'dim', role: 'status' });
  const totals = h('table', { class: 'by' });
  const draw = () => {
    const words = shown.q.toLowerCase().split(/\s+/).filter(Boolean);
    const fit = rows.filter((row) => (!shown.subject || row.one.subject === shown.subject) && words.every((word) => row.text.includes(word)));
    const listed = fit.filter((row) => !shown.state || row.state === shown.state);
    const proved = fit.filter((row) => row.state === 'proved').length;
    const testable = fit.filter((row) => row.state !== 'not-testable').length;
    replace(told, `${plural(listed.length, 'requirement', 'requirements')}; ${testable ? Math.floor((100 * proved) / testable) : 100} % of what can be tested is proved`);
    const themes = new Map();
    for (const row of listed) themes.set(row.one.theme, [...(themes.get(row.one.theme) || []), row]);
    replace(totals, h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Theme'), states.map((state) => h('th', { scope: 'col', class: 'number' }, STANDINGS_OF[state][1])))),
      h('tbody', null, [...themes].map(([theme, of]) => h('tr', null, h('th', { scope: 'row' }, theme),
        states.map((state) => h('td', { class: 'number' }, count(of.filter((row) => row.state === state).length)))))));
    replace(body, h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Requirement'), data.versions.map((version) => h('th', { scope: 'col' }, version.slice(0, 7))))),
      [...themes].map(([theme, of]) => h('tbody', null,
        h('tr', { class: 'theme' }, h('th', { scope: 'rowgroup', colspan: String(data.versions.length + 1) }, theme)), of.map((row) => requirementRow(row.one, data.versions)))));
  };
  const select = (name, label, all, text) => h('select', { 'aria-label': label, 'data-coverage': name, onchange: (event) => { shown[name] = event.target.value; draw(); } },
    h('option', { value: '' }, `${label}: all`), all.map((one) => h('option', { value: one }, text(one))));
  draw();
  return [
    h('div', { class: 'narrow' },
      h('input', { type: 'search', placeholder: 'Search requirements', 'aria-label': 'Search requirements', 'data-coverage': 'q', oninput: (event) => { shown.q = event.target.value; draw(); } }),
      select('state', 'State', states, (state) => STANDINGS_OF[state][1]), select('subject', 'Party', subjects, (subject) => subject)),
    told,
    h('p', { class: 'dim signs' }, states.map((state) => h('span', { class: STANDINGS_OF[state][2] }, h('b', null, STANDINGS_OF[state][0]), ` ${STANDINGS_OF[state][1]}`)), h('span', { class: 'fail' }, h('b', null, '✗'), ' not kept in this run')),
    h('details', { class: 'block' }, h('summary', null, 'Totals by theme'), h('div', { class: 'sideways', tabindex: '0' }, totals)),
    h('div', { class: 'sideways', tabindex: '0', role: 'region', 'aria-label': 'Requirements by version' }, body),
  ];
};
