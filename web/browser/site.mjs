// On every page: htmx for what arrives later, and what leaving a shared computer asks for.
import htmx from 'htmx.org';

htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.historyCacheSize = 0; // pages hold personal data: none of it into localStorage
htmx.config.selfRequestsOnly = true;

// Signing out takes along what this device kept of unfinished forms.
for (const form of document.querySelectorAll('form[data-behaviour="sign-out"]')) {
  form.addEventListener('submit', () => {
    for (const name of Object.keys(localStorage).filter((key) => key.startsWith('hejie:unsent:'))) localStorage.removeItem(name);
  });
}

// A press on a button sends once.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.method !== 'post' || form.id === 'task-complete' || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = 'yes';
  setTimeout(() => delete form.dataset.sent, 5000);
});
window.addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});

// A selection that acts at once has a button for those without this script.
for (const control of document.querySelectorAll('[data-behaviour="submit-on-change"]')) {
  control.addEventListener('change', () => control.form.requestSubmit());
}

// Menus made of <details> close on Escape and on a click elsewhere.
document.addEventListener('click', (event) => {
  for (const menu of document.querySelectorAll('details.hj-menu[open]')) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const menu of document.querySelectorAll('details.hj-menu[open]')) {
    menu.open = false;
    menu.querySelector('summary').focus();
  }
});

for (const opener of document.querySelectorAll('[data-opens]')) {
  opener.addEventListener('click', () => document.getElementById(opener.dataset.opens).showModal());
}
for (const closer of document.querySelectorAll('dialog [data-closes]')) {
  closer.addEventListener('click', () => closer.closest('dialog').close());
}
