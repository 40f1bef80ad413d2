// What the run came to: totals, and cases by pack, target, version and requirement.

const REASONS = 12;
const MANY = 200; // rows of a table that are shown at first

function conforms() {
  const s = run.summary;
  if (!s || run.cut || s.interrupted || run.broken.length) return false;
  return !run.cases.some((row) => ['error', 'fail'].includes(row.weight)) && !s.broken;
}

function headline() {
  const s = run.summary || {};
  const failed = run.cases.filter((row) => row.weight === 'fail' || row.weight === 'error').length;
  if (failed) return ['fail', 'Does not conform', `${count(failed)} of ${plural(run.cases.length, 'case', 'cases')} ${failed === 1 ? 'is' : 'are'} red.`];
  if (run.broken.length || s.broken) return ['error', 'Did not run whole', `${plural(s.broken || run.broken.length, 'scenario file has', 'scenario files have')} an error.`];
  if (run.cut || s.interrupted) return ['error', 'Was cut short', 'What had finished until then conforms.'];
  if (!run.cases.length) return ['error', 'Judged nothing', 'No case ran.'];
  return ['pass', 'Conforms', `Of ${plural(run.cases.length, 'case', 'cases')} none is red.`];
}

function figures() {
  const s = run.summary;
  const info = run.info;
  const checks = s ? s.checks : null;
  const facts = [
    checks && ['MUST', `${count(checks.must_passed)} / ${count(checks.must)}`, 'checks passed'],
    checks && ['SHOULD', `${count(checks.should_passed)} / ${count(checks.should)}`, 'checks passed'],
    s && ['Requirements', `${count(s.requirements_proved)} / ${count(s.requirements_touched)}`, 'proved of touched'],
    s && s.duration_ms > 0 && ['Time', duration(s.duration_ms), `started ${moment(info.started_at || '')}`],
  ].filter(Boolean);
  return h('dl', { class: 'figures' }, facts.map(([name, value, note]) => h('div', null, h('dt', null, name), h('dd', null, value, h('small', null, note)))));
}

function about() {
  const info = run.info;
  const facts = [
    info.environment && ['environment', info.environment],
    info.shard && ['shard', `${info.shard.index} of ${info.shard.of}`],
    info.gauntlet && ['Gauntlet', info.gauntlet],
    ...run.targets.map((target) => ['target', `${target.name} (${[target.kind, ...target.versions].join(', ')})`]),
  ].filter(Boolean);
  if (!facts.length) return null;
  const list = h('ul', { class: 'about' }, facts.map(([name, value]) => h('li', null, h('span', { class: 'dim' }, `${name} `), value)));
  if (facts.length < 8) return list;
  return h('details', null, h('summary', null, plural(run.targets.length, 'target', 'targets')), list);
}

// A bar whose parts are as wide as there are cases of a kind.
function bar(counts, wide) {
  const total = Object.values(counts).reduce((a, b) => a + b, 0) || 1;
  const kinds = KINDS.filter((kind) => counts[kind]).reverse();
  const text = kinds.map((kind) => `${counts[kind]} ${kind}`).join(', ');
  return h('div', { class: wide ? 'stack wide' : 'stack', role: 'img', 'aria-label': text, title: text },
    kinds.map((kind) => h('i', { class: weightOf(kind), style: { 'flex-grow': String(Math.max(counts[kind] / total, 0.004)) } })));
}

function legend(counts) {
  return h('ul', { class: 'legend' }, KINDS.filter((kind) => counts[kind]).map((kind) => h('li', null,
    h('button', { type: 'button', class: 'link', onclick: () => change({ is: new Set([kind]), case: null }, true) },
      badge(kind, weightOf(kind)), ' ', h('b', null, count(counts[kind]))))));
}

const STANDINGS = [
  ['known', 'known, does not count', 'known, do not count'],
  ['quarantined', 'in quarantine, does not count', 'in quarantine, do not count'],
  ['fixed', 'passes though the baseline says that it fails', 'pass though the baseline says that they fail'],
  ['expired', 'entry of the baseline has expired', 'entries of the baseline have expired'],
  ['flaky', 'passed only on a retry', 'passed only on a retry'],
];

function notices() {
  const s = run.summary || {};
  const told = STANDINGS.filter(([kind]) => s[kind]).map(([kind, one, many]) => plural(s[kind], one, many));
  return [
    run.cut ? h('p', { class: 'notice error' }, 'This page was cut off: it shows what had finished until then.') : null,
    s.interrupted ? h('p', { class: 'notice error' }, `The run was cut short (${s.interrupted}); cases that never ran are not here.`) : null,
    told.length ? h('p', { class: 'notice' }, `${told.join('; ')}.`) : null,
    run.broken.map((file) => h('details', { class: 'notice error' },
      h('summary', null, `${file.file}: ${plural(file.errors, 'error', 'errors')}, its scenario did not run`),
      h('pre', { tabindex: '0' }, file.diagnostics))),
  ];
}

// The reasons that most cases have in common.
function reasons() {
  const groups = new Map();
  for (const row of run.cases) {
    if (!isWrong(row) || !row.why) continue;
    const group = groups.get(row.reason) || { n: 0, shown: row.shown, weight: row.weight };
    group.n += 1;
    groups.set(row.reason, group);
  }
  const top = [...groups].sort((a, b) => b[1].n - a[1].n).slice(0, REASONS);
  if (!top.length) return null;
  return h('section', { class: 'block' }, h('h3', null, 'What is wrong'),
    h('table', { class: 'table reasons' },
      h('thead', null, h('tr', null, h('th', { scope: 'col', class: 'number' }, 'Cases'), h('th', { scope: 'col' }, 'Verdict'), h('th', { scope: 'col' }, 'First reason'))),
      h('tbody', null, top.map(([why, group]) => h('tr', null, h('td', { class: 'number' }, count(group.n)), h('td', null, badge(group.shown, group.weight)),
        h('td', null, h('button', { type: 'button', class: 'link text', onclick: () => change({ q: why, is: new Set() }, true) }, why)))))),
    groups.size > top.length ? h('p', { class: 'dim' }, `… and ${plural(groups.size - top.length, 'more reason', 'more reasons')}`) : null);
}

function byFacet(facet) {
  const found = new Map();
  const add = (number, kind) => {
    const counts = found.get(number) || {};
    counts[kind] = (counts[kind] || 0) + 1;
    found.set(number, counts);
  };
  for (const row of run.cases) {
    if (facet === 'requirement') row.requirements.forEach(([number, verdict]) => add(number, verdict));
    else if (row[facet] !== undefined) add(row[facet], row.shown);
  }
  return [...found].map(([number, counts]) => ({ number, name: names[facet][number], counts }));
}

const badness = (counts) => KINDS.findIndex((kind) => counts[kind]);

function breakdown(facet, title) {
  const rows = byFacet(facet);
  if (!rows.length) return null;
  const worst = facet === 'requirement';
  rows.sort((a, b) => (worst ? badness(a.counts) - badness(b.counts) : 0) || a.name.localeCompare(b.name, 'en', { numeric: true }));
  const kinds = KINDS.filter((kind) => rows.some((row) => row.counts[kind])).reverse();
  const line = ({ number, name, counts }) => {
    const text = worst ? statements[number] : null;
    return h('tr', null,
      h('th', { scope: 'row' },
        h('button', { type: 'button', class: 'link name', 'aria-pressed': String(state.by[facet] === name), onclick: () => filterBy(facet, name) }, name),
        text ? h('small', null, h('b', null, text.level), ' ', text.statement, ' ', text.link ? link(text.link, 'text') : null) : null),
      h('td', { class: 'share' }, bar(counts)),
      kinds.map((kind) => h('td', { class: counts[kind] ? `number ${weightOf(kind)}` : 'number none' }, count(counts[kind] || 0))));
  };
  const body = h('tbody', null, rows.slice(0, MANY).map(line));
  const more = rows.length > MANY ? h('button', {
    type: 'button', class: 'link', onclick: () => { body.append(...rows.slice(MANY).map(line)); more.remove(); },
  }, `Show ${count(rows.length - MANY)} more`) : null;
  const head = ['', ...kinds].map((kind, i) => h('th', { scope: 'col', class: i ? 'number' : 'share' }, i ? kind : h('span', { class: 'hidden' }, 'Share')));
  return h('section', { class: 'block', 'aria-label': title }, h('h3', null, title, ' ', h('span', { class: 'dim' }, count(rows.length))),
    h('div', { class: 'sideways' }, h('table', { class: 'table by' }, h('thead', null, h('tr', null, h('th', { scope: 'col' }, title.replace(/s$/, '')), head)), body)), more);
}

function overview() {
  const [weight, title, text] = headline();
  const counts = tally(run.cases);
  return h('div', { class: 'overview' },
    h('div', { class: `head ${weight}` }, h('h2', null, title), h('p', null, text)),
    notices(), bar(counts, true), legend(counts), figures(), about(), reasons(),
    breakdown('pack', 'Packs'), breakdown('target', 'Targets'), breakdown('version', 'Versions'), breakdown('requirement', 'Requirements'));
}
