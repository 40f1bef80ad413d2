// Further pages: each has a name, a title, and says from the data that came with it what it shows.

const PAGES = {};

function pageElement(page) {
  const maker = PAGES[page.name];
  return maker ? maker(page) : h('p', { class: 'notice' }, 'This page is of a later Gauntlet.');
}
