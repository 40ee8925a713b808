// The work list by keyboard: j and k move, enter opens, c claims or gives back, / goes to the search.
const rows = () => [...document.querySelectorAll('[data-item]')];

function move(step) {
  const all = rows();
  const now = all.indexOf(document.activeElement.closest('[data-item]'));
  const next = all[Math.min(Math.max(now + step, 0), all.length - 1)];
  next?.querySelector('a.hj-row-link')?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  c: () => document.activeElement.closest('[data-item]')?.querySelector('form[data-claim]')?.requestSubmit(),
  '/': () => document.getElementById('list-text')?.focus(),
};

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input, textarea, select, [contenteditable]')) return;
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

document.body.dataset.keys = 'ready';
