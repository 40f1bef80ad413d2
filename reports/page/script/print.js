// On paper: the overview, the cases that fit the filter, and what is wrong with them.

const PRINTED_ROWS = 2000;
const PRINTED_CASES = 50;

function beforePrint() {
  const selected = state.case && run.anchors.get(state.case);
  if (selected) return; // what is on the screen is what is printed
  const wrong = fitting.filter(isWrong);
  replace(byId('print'), overview(),
    h('section', { class: 'block' }, h('h3', null, 'Cases'),
      h('table', { class: 'table' }, h('tbody', null, fitting.slice(0, PRINTED_ROWS).map((row) => h('tr', null,
        h('td', null, badge(row.shown, row.weight)), h('th', { scope: 'row' }, row.id), h('td', null, row.why || row.title))))),
      fitting.length > PRINTED_ROWS ? h('p', null, `… and ${count(fitting.length - PRINTED_ROWS)} more`) : null),
    wrong.slice(0, PRINTED_CASES).map(caseElement),
    wrong.length > PRINTED_CASES ? h('p', null, `… and ${count(wrong.length - PRINTED_CASES)} more; filter them to print them`) : null);
}

function buildPrint() {
  addEventListener('beforeprint', beforePrint);
  addEventListener('afterprint', () => replace(byId('print')));
}
