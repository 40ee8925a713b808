// Bounds on what an expression may build. V8 notices a memory limit only when it collects garbage, and cannot be
// stopped inside a built-in: one call that makes a giant string or list would be through before anything can act, or
// take the whole process down. feelin asks `Array.isArray` about every operand and argument: so does the bound.
import { builtins, define } from './feelin.mjs';

const LONGEST_TEXT = 1_000_000; // characters
const LONGEST_LIST = 500_000; // items

export class TooLarge extends Error {}

const isArray = Array.isArray;

Array.isArray = (value) => {
  if (typeof value === 'string') {
    if (value.length > LONGEST_TEXT) throw new TooLarge();
    return false;
  }
  if (!isArray(value)) return false;
  if (value.length > LONGEST_LIST) throw new TooLarge();
  return true;
};

/** Throw for a value whose text would be longer than a text may be. Shared parts count each time, as in the text. */
export function weigh(value, weight = { total: 0 }) {
  weight.total += typeof value === 'string' ? value.length : 1;
  if (weight.total > LONGEST_TEXT) throw new TooLarge();
  if (isArray(value)) {
    for (const item of value) weigh(item, weight);
  } else if (value && Object.getPrototypeOf(value) === Object.prototype) {
    for (const [key, item] of Object.entries(value)) {
      weigh(key, weight);
      weigh(item, weight);
    }
  }
}

function weighing(name, check) {
  const original = builtins[name];
  define(name, original.$args, (...args) => {
    check(...args);
    return original(...args);
  });
}

weighing('string', weigh);

weighing('string join', (list, delimiter) => {
  weigh(list);
  if (isArray(list) && typeof delimiter === 'string' && list.length * delimiter.length > LONGEST_TEXT) throw new TooLarge();
});

/** At most what replacing can give: every match by the replacement, every `$` in it by the whole input. */
weighing('replace', (input, pattern, replacement, flags) => {
  if (![input, pattern, replacement].every((text) => typeof text === 'string')) return;
  let matches = 0;
  try {
    for (const _match of input.matchAll(new RegExp(pattern, `gu${/^[smi]*$/.test(flags ?? '') ? flags ?? '' : ''}`))) matches += 1;
  } catch (error) {
    if (error instanceof SyntaxError) return;
    throw error;
  }
  const dollars = replacement.split('$').length - 1;
  if (input.length + matches * (replacement.length + dollars * input.length) > LONGEST_TEXT) throw new TooLarge();
});
