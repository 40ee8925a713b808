// What form-js keeps of a form. `_getState` and `_setState` are marked internal there, yet the only way to show the
// server's objections at the fields; the version is pinned, and tests/web would notice a change.

// Answers of every field, also of one that is hidden just now: nothing typed is lost by switching a choice back.
export function answersOf(form) {
  const { data } = form._getState();
  const fields = form.get('formFieldRegistry');
  const paths = form.get('pathRegistry');
  const types = form.get('formFields');
  const answers = {};
  for (const field of fields.getAll()) {
    const { keyed, repeatable } = types.get(field.type)?.config ?? {};
    if (!(keyed || (repeatable && field.isRepeating)) || field.disabled) continue;
    const [root] = paths.getValuePath(field, { indexes: {} }) ?? [];
    if (root !== undefined && data[root] !== undefined) answers[root] = data[root];
  }
  return answers;
}

const steps = (path) => String(path).replace(/\[(\d+)\]/g, '.$1').split('.').filter(Boolean);

// The drawn field that an answer's path (`items[0].amount`) belongs to, or undefined: it may be hidden or a list.
export function fieldAt(form, path) {
  const wanted = steps(path).join('.');
  const instance = form.get('formFieldInstanceRegistry').getAllKeyed().find(({ valuePath }) => valuePath.join('.') === wanted);
  if (instance) return { instance, field: form.get('formFieldRegistry').get(instance.id) };
  const list = form.get('formFieldRegistry').getAll().find((field) => field.path === wanted || field.key === wanted);
  return list && { instance: { id: list.id, indexes: {} }, field: list };
}

// `errors`: path of the answer -> list of sentences.
export function applyErrors(form, errors) {
  const state = {};
  for (const [path, sentences] of Object.entries(errors)) {
    const found = fieldAt(form, path);
    if (!found) continue;
    let slot = state;
    const route = [found.instance.id, ...Object.values(found.instance.indexes ?? {})];
    for (const step of route.slice(0, -1)) slot = slot[step] ??= {};
    slot[route.at(-1)] = sentences;
  }
  form._setState({ errors: state });
}

export function inputOf(form, instance) {
  const id = ['fjs-form', form._id, instance.id].join('-') + Object.values(instance.indexes ?? {}).map((index) => `_${index}`).join('');
  return document.getElementById(id) ?? document.querySelector(`[id^="${CSS.escape(id)}"]`);
}
