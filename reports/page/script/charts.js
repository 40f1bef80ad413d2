// Charts of values over runs, drawn by hand. Each has its figures in a table beside it.

const CHART = { width: 640, height: 150, left: 44, right: 8, top: 8, bottom: 20 };

const runName = (point) => `#${point.number} ${moment(point.started_at)}${point.commit ? ` at ${point.commit.slice(0, 8)}` : ''}`;

function frame(title, top, unit, marks) {
  const { width, height, left, right, bottom } = CHART;
  const y = (value) => CHART.top + (1 - value / (top || 1)) * (height - CHART.top - bottom);
  const grid = [0, 0.5, 1].map((share) => [
    svg('line', { class: 'grid', x1: left, x2: width - right, y1: y(top * share), y2: y(top * share) }),
    svg('text', { class: 'tick', x: left - 6, y: y(top * share) + 4, 'text-anchor': 'end' }, unit(top * share)),
  ]);
  const ends = [[0, 'start'], [marks.length - 1, 'end']].filter(([i], n) => marks[i] && (n === 0 || i > 0));
  const days = ends.map(([i, anchor]) => svg('text', {
    class: 'tick', x: anchor === 'start' ? left : width - right, y: height - 4, 'text-anchor': anchor,
  }, moment(marks[i].started_at).slice(0, 10)));
  return { y, element: svg('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title }, grid, days) };
}

const slot = (i, n) => {
  const space = (CHART.width - CHART.left - CHART.right) / Math.max(n, 1);
  return { x: CHART.left + i * space, width: space };
};

// Cases of each run, one column a run.
function columns(title, runs) {
  const kinds = ['pass', 'warn', 'fail', 'error'];
  const top = Math.max(...runs.map((point) => kinds.reduce((sum, kind) => sum + point.cases[kind], 0)), 1);
  const { y, element } = frame(title, top, (value) => count(Math.round(value)), runs);
  runs.forEach((point, i) => {
    const { x, width } = slot(i, runs.length);
    const gap = Math.max(Math.min(3, width / 4), width - 44);
    let sum = 0;
    const parts = kinds.filter((kind) => point.cases[kind]).map((kind) => {
      const [from, to] = [sum, sum + point.cases[kind]];
      sum = to;
      return svg('rect', { class: kind, x: x + gap / 2, width: Math.max(1, width - gap), y: y(to), height: Math.max(1, y(from) - y(to)) });
    });
    const told = kinds.map((kind) => `${point.cases[kind]} ${kind}`).join(', ');
    element.append(svg('g', null, svg('title', null, `${runName(point)}: ${told}`), parts));
  });
  return element;
}

// Lines over runs; `lines` are `[name, values]`, where a value may be missing.
function lines(title, runs, all, unit, top) {
  const highest = top || Math.max(...all.flatMap(([, values]) => values).filter((v) => v !== null && v !== undefined), 0.001);
  const { y, element } = frame(title, highest, unit, runs);
  all.forEach(([name, values], n) => {
    let path = '';
    let pen = 'M';
    const dots = [];
    values.forEach((value, i) => {
      if (value === null || value === undefined) { pen = 'M'; return; }
      const { x, width } = slot(i, runs.length);
      const at = [(x + width / 2).toFixed(1), y(value).toFixed(1)];
      path += `${pen}${at[0]} ${at[1]}`;
      pen = 'L';
      dots.push(svg('circle', { class: `line-${n % 4}`, cx: at[0], cy: at[1], r: 2.5 }, svg('title', null, `${name}, ${runName(runs[i])}: ${unit(value)}`)));
    });
    element.append(svg('path', { class: `line-${n % 4}`, d: path }), ...dots);
  });
  return element;
}

// A chart with its key, and the same as a table.
function chartBlock(title, element, keys, head, rows) {
  return h('section', { class: 'block' }, h('h3', null, title),
    h('figure', { class: 'plot' }, element, keys.length ? h('figcaption', null, keys.map(([kind, name]) => h('span', { class: `key ${kind}` }, name))) : null),
    h('details', { class: 'figures-of' }, h('summary', null, 'As a table'), h('div', { class: 'sideways' }, h('table', { class: 'table' },
      h('thead', null, h('tr', null, head.map((name, i) => h('th', { scope: 'col', class: i ? 'number' : null }, name)))),
      h('tbody', null, rows.map((row) => h('tr', null, row.map((cell, i) => (i ? h('td', { class: 'number' }, cell) : h('th', { scope: 'row' }, cell))))))))));
}
