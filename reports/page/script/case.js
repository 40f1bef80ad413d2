// One case: what broke, who is to blame, which requirement, where to edit, how to repeat.

function snippet(spot, weight) {
  const chars = [...spot.text];
  const [before, marked, after] = [chars.slice(0, spot.caret), chars.slice(spot.caret, spot.caret + spot.length), chars.slice(spot.caret + spot.length)];
  const indent = ' '.repeat(spot.caret);
  const labels = spot.labels || [];
  const mark = h('mark', null, marked.join('') || ' ');
  const line = h('pre', { tabindex: '0' },
    h('span', { class: 'gutter' }, String(spot.line)), before.join(''), mark, after.join(''), '\n',
    h('span', { class: 'gutter', 'aria-hidden': 'true' }, ' '), h('span', { class: 'caret', 'aria-hidden': 'true' }, `${indent}${'^'.repeat(spot.length)}`));
  // What is marked may lie beyond the edge.
  requestAnimationFrame(() => {
    const [box, at] = [line.getBoundingClientRect(), mark.getBoundingClientRect()];
    if (at.right > box.right) line.scrollLeft = at.left - box.left - 80;
  });
  return h('figure', { class: `snippet ${weight}` },
    h('figcaption', null, h('code', null, spot.at), copyButton('the place', () => spot.at)), line,
    labels.map((label) => h('p', { class: 'label' }, label)));
}

function requirementLine(number, weight, told) {
  if (told.has(number)) return null;
  told.add(number);
  const text = statements[number];
  const id = names.requirement[number] || '';
  const filter = h('button', { type: 'button', class: 'link name', title: 'Cases that touch it', onclick: () => filterBy('requirement', id) }, id);
  return h('p', { class: 'requirement' }, text ? h('b', { class: weight }, text.level) : null, ' ', filter,
    text ? [' ', h('span', null, text.statement), ' ', text.link ? link(text.link, 'Normative text') : null] : null);
}

function checkElement(check, told) {
  return h('div', { class: 'check' },
    (check.requirements || []).map((number) => requirementLine(number, check.verdict, told)),
    check.because ? h('p', { class: 'because' }, `because ${check.because}`) : null,
    (check.spots || []).map((spot) => snippet(spot, check.verdict)),
    (check.labels || []).map((label) => h('p', { class: `label ${check.verdict}` }, label)),
    check.more ? h('p', { class: 'dim' }, `… ${plural(check.more, 'more mismatch', 'more mismatches')} of ${check.label}`) : null);
}

function groupElement(group, told) {
  const jump = group.exchange === null ? null : h('button', {
    type: 'button', class: 'link', onclick: () => {
      const element = byId(`exchange-${group.exchange + 1}`);
      if (!element) return;
      element.open = true;
      element.scrollIntoView({ block: 'start' });
      element.querySelector('summary').focus();
    },
  }, `Exchange ${group.exchange + 1}`);
  return h('section', { class: 'group' }, group.checks.map((check) => checkElement(check, told)), diffTable(group), jump ? h('p', { class: 'jump' }, jump) : null);
}

function command(name, text) {
  return h('div', { class: 'command' }, h('h4', null, name),
    text ? [h('pre', { tabindex: '0' }, text), copyButton(name, () => text)] : h('p', { class: 'dim' }, 'too long for this page; the JSON report has it'));
}

function fineChecks(attempt) {
  const fine = attempt.fine || [];
  if (!fine.length && !attempt.more_checks) return null;
  return h('details', { class: 'block fold' }, h('summary', null, `Other checks ${count(fine.length + (attempt.more_checks || 0))}`),
    h('table', { class: 'table' }, h('thead', null, h('tr', null, ['Verdict', 'Check', 'Requirements'].map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', null, fine.map(([verdict, label, numbers]) => h('tr', null, h('td', null, badge(verdict, verdict)), h('td', null, h('code', null, label)),
        h('td', null, numbers.map((n) => names.requirement[n]).join(', ')))))),
    attempt.more_checks ? h('p', { class: 'dim' }, `${plural(attempt.more_checks, 'more is', 'more are')} in the JSON report.`) : null);
}

function touched(row) {
  if (!row.requirements.length) return null;
  return h('details', { class: 'block fold' }, h('summary', null, `Requirements touched ${count(row.requirements.length)}`),
    h('ul', { class: 'touched' }, row.requirements.map(([number, verdict]) => h('li', null, badge(verdict, verdict), requirementLine(number, verdict, new Set())))));
}

function attemptElement(row, attempt, detail) {
  const told = new Set();
  const { counts } = attempt;
  const total = counts.must + counts.should;
  return h('div', { class: 'attempt' },
    attempt.blame ? h('p', { class: 'blame' }, h('b', null, `To blame: ${attempt.blame.who}`), ` (${attempt.blame.hop}) `, attempt.blame.reason) : null,
    attempt.reason ? h('pre', { class: `reason ${attempt.verdict}`, tabindex: '0' }, attempt.reason) : null,
    attempt.place ? snippet(attempt.place, attempt.verdict) : null,
    (attempt.groups || []).map((group) => groupElement(group, told)),
    (attempt.hints || []).length ? h('ul', { class: 'notes hints' }, attempt.hints.map(([id, title, remedy]) => h('li', null, h('b', null, 'Hint'), ' ', h('code', null, id), ` ${title} `, h('i', null, remedy)))) : null,
    (attempt.notes || []).length ? h('ul', { class: 'notes' }, attempt.notes.map((note) => h('li', null, h('b', null, 'Noted'), ' ', note))) : null,
    h('section', { class: 'block' }, h('h3', null, 'Repeat'), command('again', detail.again), attempt.curl !== undefined ? command('curl', attempt.curl) : null),
    exchangesOf(attempt, names.target[row.target]),
    detail.brief ? h('p', { class: 'notice' }, 'The transcript is left out, because the page would be too large for a browser; the JSON report has it.') : null,
    fineChecks(attempt), touched(row),
    h('p', { class: 'dim' }, `${plural(total, 'check', 'checks')} in ${duration(attempt.ms)}: MUST ${counts.must_passed}/${counts.must}, SHOULD ${counts.should_passed}/${counts.should}`));
}

function attemptsElement(row, detail) {
  const { attempts } = detail;
  const body = h('div');
  const choose = (i) => {
    replace(body, attemptElement(row, attempts[i], detail));
    buttons.forEach((button, n) => button.setAttribute('aria-pressed', String(n === i)));
  };
  const buttons = attempts.map((attempt, i) => h('button', { type: 'button', onclick: () => choose(i) }, `Try ${i + 1} `, badge(attempt.verdict, attempt.verdict)));
  if (!attempts.length) return null;
  // Of a flaky case the try that failed is what there is to see.
  const wrong = attempts.findIndex((attempt) => attempt.verdict !== 'pass');
  choose(row.shown === 'flaky' && wrong >= 0 ? wrong : attempts.length - 1);
  return [attempts.length > 1 ? h('div', { class: 'tries', role: 'group', 'aria-label': 'Tries' }, buttons) : null, body];
}

function caseElement(row) {
  const detail = detailOf(row);
  const facet = (name, number) => (number === undefined ? null : h('button', {
    type: 'button', class: 'chip', 'aria-label': `Filter by ${name} ${names[name][number]}`, onclick: () => filterBy(name, names[name][number]),
  }, names[name][number]));
  const place = detail ? `${detail.place.at.replace(/:\d+$/, '')}` : null;
  return h('article', { class: 'case' },
    h('header', { class: `head ${row.weight}` },
      h('p', { class: 'above' }, badge(row.shown, row.weight), row.shown !== row.verdict ? h('span', { class: 'dim' }, `verdict: ${row.verdict}`) : null,
        h('span', { class: 'dim' }, duration(row.ms)), copyButton('the link to this case', () => location.href, 'Copy link')),
      h('h2', null, row.scenario, row.values.map((value) => h('span', { class: 'value' }, value))),
      h('p', { class: 'title' }, row.title),
      h('p', { class: 'chips' }, facet('pack', row.pack), facet('target', row.target), facet('version', row.version), row.tags.map((tag) => facet('tag', tag))),
      detail ? h('p', { class: 'dim' }, h('code', null, place), ' against ', h('code', null, detail.endpoint)) : null),
    historyOf(row),
    detail && detail.standing ? h('p', { class: 'notice' }, detail.standing) : null,
    detail ? attemptsElement(row, detail)
      : [row.why ? h('pre', { class: `reason ${row.weight}` }, row.why) : null, h('p', { class: 'notice' }, 'Its details are left out, because the page would be too large for a browser; the JSON report has them.'), touched(row)]);
}
