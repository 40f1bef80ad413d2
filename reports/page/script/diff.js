// Expected beside actual.

const pieces = (parts, mark) => parts.map((part) => (typeof part === 'string' ? part : h(mark, null, part[0])));

// Lines that differ, paired: those that stand beside each other.
function pairs(lines) {
  const out = [];
  let block = { '-': [], '+': [] };
  const flush = () => {
    const n = Math.max(block['-'].length, block['+'].length);
    for (let i = 0; i < n; i += 1) out.push({ left: block['-'][i], right: block['+'][i] });
    block = { '-': [], '+': [] };
  };
  for (const [tag, parts] of lines) {
    if (tag === '-' || tag === '+') {
      // What is expected after something actual belongs to the next pair.
      if (tag === '-' && block['+'].length) flush();
      block[tag].push(parts);
    } else {
      flush();
      out.push(tag === '=' ? { left: parts, right: parts, same: true } : { gap: parts });
    }
  }
  flush();
  return out;
}

function diffTable(group) {
  if (!group.diff.length) return null;
  const cell = (parts, side, mark) => (parts
    ? [h('td', { class: `sign ${side}`, 'aria-hidden': 'true' }, { old: '−', new: '+' }[side] || ''), h('td', { class: `code ${side}` }, pieces(parts, mark))]
    : [h('td', { class: 'sign void' }), h('td', { class: 'code void' })]);
  const line = (pair) => {
    if (pair.gap) return h('tr', { class: 'gap' }, h('td', { colspan: 4 }, pieces(pair.gap, 'span')));
    return h('tr', null, cell(pair.left, pair.same ? 'same' : 'old', 'del'), cell(pair.right, pair.same ? 'same' : 'new', 'ins'));
  };
  const where = group.exchange === null ? '' : ` (${group.half} of exchange ${group.exchange + 1})`;
  return h('div', { class: 'sideways' }, h('table', { class: 'diff' },
    h('caption', { class: 'hidden' }, `Expected and actual, side by side${where}`),
    h('colgroup', null, h('col', { class: 'sign' }), h('col'), h('col', { class: 'sign' }), h('col')),
    h('thead', null, h('tr', null, h('th', { scope: 'col', colspan: 2 }, 'Expected'), h('th', { scope: 'col', colspan: 2 }, `Actual${where}`))),
    h('tbody', null, pairs(group.diff).map(line))));
}
