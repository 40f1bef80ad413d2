// What the page is about, read from its elements of data.

const run = { info: {}, targets: [], broken: [], cases: [], pages: [], anchors: new Map(), summary: null, cut: false };
const names = { pack: [], target: [], version: [], tag: [], requirement: [] };
const statements = []; // of requirements: level, statement, link

// What may stand in the list, the worst first.
const KINDS = ['error', 'fail', 'expired', 'fixed', 'warn', 'flaky', 'known', 'quarantine', 'untestable', 'skip', 'pass'];

const WEIGHTS = { flaky: 'warn', known: 'skip', quarantine: 'skip', fixed: 'fail', expired: 'fail' };
const weightOf = (shown) => WEIGHTS[shown] || shown;

function learn(added) {
  for (const [kind, ...rest] of added || []) {
    if (kind === 'text') statements[rest[0]] = { level: rest[1], statement: rest[2], link: rest[3] };
    else names[kind].push(rest[0]);
  }
}

function readCase(row, element) {
  learn(row.names);
  for (const list of ['tags', 'values', 'requirements']) row[list] = row[list] || [];
  row.element = element;
  row.index = run.cases.length;
  // Parts of a run that were put together may have a case in common.
  row.anchor = row.id;
  for (let n = 2; run.anchors.has(row.anchor); n += 1) row.anchor = `${row.id} #${n}`;
  run.anchors.set(row.anchor, row);
  // Ports of mocks are others in every case; reasons that differ in nothing else are one.
  row.reason = row.why && row.why.replace(/(127\.0\.0\.1|localhost|\[::1\]):\d+/g, '$1');
  row.text = [row.id, row.reason === row.why ? null : row.reason, row.title, row.why, row.also].filter(Boolean).join('\n').toLowerCase();
  run.cases.push(row);
}

function readElement(element) {
  const text = element.textContent;
  const [kind, data] = JSON.parse(text.slice(0, text.indexOf('\n')));
  switch (kind) {
    case 'run': run.info = data; break;
    case 'target': run.targets.push(data); break;
    case 'broken': run.broken.push(data); break;
    case 'page': run.pages.push(data); break;
    case 'end': run.summary = data; break;
    case 'case': readCase(data, element); break;
    default: break; // of a later version
  }
}

function readAll() {
  for (const element of document.querySelectorAll('script.data')) {
    try {
      readElement(element);
    } catch {
      run.cut = true; // the last one of a page that was cut off
    }
  }
  run.cut = run.cut || !run.summary;
}

// What is shown of a case when it is opened; it stays text until then.
function detailOf(row) {
  const text = row.element.textContent;
  const rest = text.slice(text.indexOf('\n') + 1);
  try {
    return JSON.parse(rest);
  } catch {
    return null; // left out, or cut off
  }
}

// How many cases stand in the list as what.
function tally(rows) {
  const counts = {};
  for (const row of rows) counts[row.shown] = (counts[row.shown] || 0) + 1;
  return counts;
}
