// What form-js makes of forms in a real browser, for comparison with the server's reading.
import '../../engine/feelin.mjs';
import { Form } from '@bpmn-io/form-js-viewer';

const plain = (value) => JSON.parse(JSON.stringify(value ?? null));
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Computed fields and cleaned-up choices arrive through effects, each after the next frame.
async function settled(forms) {
  const state = () => JSON.stringify(forms.map((form) => form._getState().data));
  for (let before = null, now = state(); before !== now; now = state()) {
    before = now;
    await pause(400);
  }
}

function wrongFields(form, errors) {
  return form.get('formFieldInstanceRegistry').getAllKeyed().flatMap(({ id, indexes, valuePath }) => {
    let found = errors[id];
    for (const index of Object.values(indexes ?? {})) found = found?.[index];
    return Array.isArray(found) && found.length ? [{ path: valuePath, messages: found }] : [];
  });
}

// [{schema, data}] -> [{initial, submitted, wrong}]
window.submitAll = async (cases) => {
  const forms = [];
  const initial = [];
  for (const { schema, data } of cases) {
    const container = document.body.appendChild(document.createElement('div'));
    const form = new Form({ container });
    await form.importSchema(schema, data);
    initial.push(plain(form._getState().data));
    forms.push(form);
  }
  await settled(forms);
  return forms.map((form, index) => {
    const { data, errors } = form.submit();
    const result = { initial: initial[index], submitted: plain(data), wrong: wrongFields(form, errors) };
    form.destroy();
    return result;
  });
};
