// What went over the wire, on both hops, in causal order, and when.

function depthOf(exchange, all) {
  let depth = 0;
  for (let at = exchange; at && at.cause !== undefined && depth < 5; depth += 1) at = all.find((other) => other.number === at.cause);
  return depth;
}

// When the exchange took place, beside all others: waiting is pale where it is known when the answer began.
function timeBar(exchange, end) {
  const share = (ms) => `${Math.max(0, Math.min(100, (100 * ms) / end))}%`;
  const waited = exchange.began === undefined ? 0 : Math.min(exchange.began, exchange.took);
  const text = `at ${duration(exchange.at)}, took ${duration(exchange.took)}`;
  return h('span', { class: 'track', role: 'img', 'aria-label': text, title: text },
    h('i', { class: 'took', style: { left: share(exchange.at), width: share(exchange.took) } },
      waited > 0 ? h('i', { class: 'waited', style: { width: `${(100 * waited) / (exchange.took || 1)}%` } }) : null),
    (exchange.marks || []).map((mark) => h('i', { class: 'mark', style: { left: share(exchange.at + mark) } })));
}

const message = (title, text, none) => h('div', { class: 'message' }, h('h5', null, title),
  text ? h('pre', { tabindex: '0' }, text) : h('p', { class: 'dim' }, none));

function exchangeElement(exchange, all, end, wrong, target) {
  const depth = depthOf(exchange, all);
  const hop = depth || exchange.from === target ? 'behind' : 'front';
  const body = h('div', { class: 'messages' });
  const element = h('details', { class: `exchange ${hop}${wrong ? ' wrong' : ''}`, id: `exchange-${exchange.number + 1}`, style: { '--depth': String(depth) } },
    h('summary', null,
      h('span', { class: 'no' }, String(exchange.number + 1)),
      h('span', { class: 'call' },
        h('span', { class: 'hop' }, `${exchange.from} → ${exchange.to}`),
        h('code', { class: 'asked' }, exchange.asked), ' ', h('code', { class: 'answer' }, exchange.answer),
        wrong ? h('span', { class: 'flag' }, 'not as expected') : null),
      timeBar(exchange, end),
      h('span', { class: 'took number' }, duration(exchange.took))),
    body);
  // Made when it is looked at.
  const open = () => {
    if (!element.open || body.firstChild) return;
    fill(body, null, [
      message('Request', exchange.request, '(nothing)'),
      message('Answer', exchange.response, exchange.failure || 'No answer came.'),
      exchange.failure && exchange.response ? h('p', { class: 'aside' }, exchange.failure) : null,
      exchange.note ? h('p', { class: 'aside' }, `${exchange.to} noted: ${exchange.note}`) : null,
    ]);
  };
  element.addEventListener('toggle', open);
  element.open = wrong;
  open();
  return element;
}

function exchangesOf(attempt, target) {
  const all = attempt.exchanges || [];
  if (!all.length) return null;
  const wrong = new Set((attempt.groups || []).map((group) => group.exchange).filter((n) => n !== null));
  if (!wrong.size && attempt.verdict === 'error') wrong.add(all[all.length - 1].number);
  const end = Math.max(...all.map((exchange) => exchange.at + exchange.took), 0.001);
  const elements = all.map((exchange) => exchangeElement(exchange, all, end, wrong.has(exchange.number), target));
  const toggle = h('button', { type: 'button', class: 'link' }, 'Open all');
  toggle.addEventListener('click', () => {
    const open = elements.some((element) => !element.open);
    elements.forEach((element) => { element.open = open; });
    toggle.textContent = open ? 'Close all' : 'Open all';
  });
  return h('section', { class: 'block' },
    h('h3', null, 'Exchanges ', h('span', { class: 'dim' }, count(all.length + (attempt.more_exchanges || 0)))),
    h('div', { class: 'scale' },
      h('span', { class: 'keys' }, h('span', { class: 'front' }, 'with the target'), all.some((e) => e.cause !== undefined || e.from === target) ? h('span', { class: 'behind' }, 'behind it') : null, toggle),
      h('span', { class: 'ends', 'aria-hidden': 'true' }, h('span', null, '0'), h('span', null, duration(end)))),
    elements,
    attempt.more_exchanges ? h('p', { class: 'dim' }, `${plural(attempt.more_exchanges, 'more exchange is', 'more exchanges are')} in the JSON report.`) : null);
}
