// Further pages, by name: each makes its elements of the data that came with it.

const PAGES = {};

function pageElement(page) {
  const maker = Object.hasOwn(PAGES, page.name) && PAGES[page.name];
  return h('article', { class: 'overview' }, h('h2', null, page.title), maker ? maker(page.data) : h('p', { class: 'notice' }, 'This page is of a later Gauntlet.'));
}

const STATES = [['broken', 'Broken since their last run'], ['still_broken', 'Still broken'], ['fixed', 'Fixed']];
const LISTED = 100;
const LETTERS = { P: 'pass', p: 'warn', W: 'warn', F: 'fail', E: 'error' };

const caseName = (one) => `${one.scenario}${one.case.length ? ` [${one.case.map((pair) => pair.join('=')).join(', ')}]` : ''}${one.version ? `@${one.version}` : ''} on ${one.target}`;

// The verdicts of a case, a letter a run.
function letters(text) {
  return h('span', { class: 'letters', role: 'img', 'aria-label': `verdicts, the oldest first: ${text}` },
    [...text].map((letter) => h('i', { class: LETTERS[letter] || 'none' }, letter)));
}

function caseList(title, cases, told) {
  if (!cases.length) return null;
  const line = (one) => {
    const name = caseName(one);
    return h('li', null, letters(one.verdicts), run.anchors.has(name) ? h('a', { href: address({ case: name, page: null }) }, name) : h('span', null, name),
      h('small', { class: 'dim' }, told(one)));
  };
  return h('section', { class: 'block' }, h('h3', null, title, ' ', h('span', { class: 'dim' }, count(cases.length))),
    h('ul', { class: 'history' }, cases.slice(0, LISTED).map(line)),
    cases.length > LISTED ? h('p', { class: 'dim' }, `… and ${count(cases.length - LISTED)} more; \`gauntlet history\` tells them`) : null);
}

const percent = (value) => `${(100 * value).toFixed(value > 0.99 && value < 1 ? 1 : 0)} %`;
const told = (value, unit) => (value === null || value === undefined ? '–' : unit(value));

function sinceOf(one) {
  if (!one.since) return null;
  const from = `since #${one.since.first_bad}${one.since.last_good ? `, last good #${one.since.last_good}` : ''}`;
  return [from, one.since.failure].filter(Boolean).join(': ');
}

PAGES.trends = (data) => {
  if (data.error) return h('p', { class: 'notice error' }, `The history cannot be read: ${data.error}`);
  const { runs } = data;
  if (!runs.length) return h('p', { class: 'notice' }, 'The history has no run of this environment yet.');
  const targets = data.targets.slice(0, 4);
  const names = targets.map((target) => (target.environment ? `${target.name} in ${target.environment}` : target.name));
  const keys = names.map((name, i) => [`line-${i}`, name]);
  const tail = data.targets.length > 4 ? ` (the first 4 of ${data.targets.length} targets)` : '';
  const rates = targets.map((target, i) => [names[i], target.pass_rates]);
  const p90 = targets.map((target, i) => [names[i], (target.latencies_ms || []).map((p) => (p ? p.p90 : null))]);
  const kinds = ['pass', 'warn', 'fail', 'error', 'skip', 'untestable', 'flaky'];
  const current = data.cases.filter((one) => one.current);
  return [
    h('p', { class: 'dim' }, `${plural(runs.length, 'run', 'runs')}, from ${moment(runs[0].started_at)} to ${moment(runs[runs.length - 1].started_at)}`),
    chartBlock('Cases', columns('Cases by verdict, run by run', runs), ['pass', 'warn', 'fail', 'error'].map((kind) => [kind, kind]),
      ['Run', ...kinds], runs.map((point) => [runName(point), ...kinds.map((kind) => count(point.cases[kind]))])),
    chartBlock(`Good cases by target${tail}`, lines('Part of the cases that are good, by target', runs, rates, percent, 1), keys,
      ['Run', ...names], runs.map((point, i) => [runName(point), ...rates.map(([, values]) => told(values[i], percent))])),
    chartBlock(`Nine of ten cases take less than${tail}`, lines('90th percentile of the time of a case, by target', runs, p90, duration), keys,
      ['Run', ...names], runs.map((point, i) => [runName(point), ...p90.map(([, values]) => told(values[i], duration))])),
    STATES.map(([state, title]) => caseList(title, current.filter((one) => one.state === state && !one.flakes.flaky), sinceOf)),
    caseList('Flaky', current.filter((one) => one.flakes.flaky), (one) => `${percent(one.flakes.rate)}: ${one.flakes.retried} passes on a retry, ${one.flakes.flips} changes of the verdict`),
    caseList('Slower', current.filter((one) => one.slower_ms), (one) => `${duration(one.slower_ms.before)} before, ${duration(one.slower_ms.now)} now`),
  ];
};

// What the history says about one case.
function historyOf(row) {
  const page = run.pages.find((other) => other.name === 'trends');
  if (!page || !page.data.cases) return null;
  if (!page.byName) page.byName = new Map(page.data.cases.map((one) => [caseName(one), one]));
  const one = page.byName.get(row.id);
  if (!one) return null;
  return h('p', { class: 'past' }, h('b', null, 'History'), letters(one.verdicts), h('span', { class: 'dim' }, sinceOf(one)));
}
