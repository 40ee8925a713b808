// The list above a form of what is to be corrected, each entry leading to its field.
import { fieldAt, inputOf } from './form-state.mjs';
import { t } from './words.mjs';

function labelOf(field, path) {
  const text = field?.label || field?.dateLabel || field?.timeLabel || path;
  return String(text).startsWith('=') ? path : text;
}

// The objections form-js itself has found, by drawn field.
function shown(form) {
  const { errors } = form._getState();
  const rows = [];
  for (const instance of form.get('formFieldInstanceRegistry').getAllKeyed()) {
    let found = errors[instance.id];
    for (const index of Object.values(instance.indexes ?? {})) found = found?.[index];
    if (Array.isArray(found) && found.length) {
      rows.push({ instance, field: form.get('formFieldRegistry').get(instance.id), sentences: found });
    }
  }
  return rows;
}

function told(form, errors) {
  return Object.entries(errors).map(([path, sentences]) => ({ path, sentences, ...fieldAt(form, path) }));
}

function entry(form, { instance, field, path, sentences }) {
  const item = document.createElement('li');
  const text = `${labelOf(field, path)}：${sentences.join(' ')}`;
  if (!instance) {
    item.textContent = text;
    return item;
  }
  const link = document.createElement('a');
  link.href = '#';
  link.textContent = text;
  link.addEventListener('click', (event) => {
    event.preventDefault();
    const input = inputOf(form, instance);
    (input?.closest('.fjs-form-field') ?? input)?.scrollIntoView({ block: 'center' });
    input?.focus();
  });
  item.append(link);
  return item;
}

// `errors` as the server gave them, or null for form-js's own.
export function showSummary(place, form, errors) {
  const rows = errors ? told(form, errors) : shown(form);
  const title = document.createElement('strong');
  title.textContent = t('有 {count} 处需要更正', { count: rows.length });
  const list = document.createElement('ul');
  list.append(...rows.map((row) => entry(form, row)));
  place.replaceChildren(title, list);
  place.hidden = false;
  place.scrollIntoView({ block: 'start' });
  place.focus();
}
