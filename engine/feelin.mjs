// feelin, with the standard's answer where feelin 6.1 gives another one. Imported for its effect, before the first
// evaluation, by the server's isolate (feel.mjs) and by any page that evaluates FEEL, so that both agree.
import { evaluate } from '@bpmn-io/feelin';
import { DateTime, Duration, FixedOffsetZone } from 'luxon';

const chinaTime = FixedOffsetZone.instance(480);

/** Whether `value` is a date in feelin's sense: midnight in the one UTC zone object. */
const isDate = (value) =>
  value.zone === FixedOffsetZone.utcInstance && !(value.hour || value.minute || value.second || value.millisecond);

/** The day of a date and time as it is written, as feelin represents a date. */
const dayOf = (value) => DateTime.utc(value.year, value.month, value.day);

const isText = (value) => typeof value === 'string';
const isMissing = (value) => value === null || value === undefined;

/** feelin's own table of functions, which it does not export: the object in which it looks up a name last. */
function findBuiltins() {
  const original = Object.prototype.hasOwnProperty;
  let builtins;
  Object.prototype.hasOwnProperty = function (name) {
    if (name === 'week of year') builtins = this;
    return original.call(this, name);
  };
  try {
    evaluate('week of year');
  } finally {
    Object.prototype.hasOwnProperty = original;
  }
  if (!builtins?.['week of year']?.$args) throw new Error('feelin keeps its functions elsewhere: adapt feelin.mjs');
  return builtins;
}

export const builtins = findBuiltins();

/** Make `name` a function of the language, with these parameters (for calls with named arguments). */
export function define(name, parameters, implementation) {
  implementation.$args = parameters;
  builtins[name] = implementation;
}

const original = { date: builtins.date, number: builtins.number };

define('now', [], () => DateTime.now().setZone(chinaTime));

define('today', [], () => dayOf(DateTime.now().setZone(chinaTime)));

// feelin takes the day in UTC, which before eight in the morning is yesterday.
define('date', ['year', 'month', 'day', 'from'], (year, month, day, from) => {
  const source = from ?? year;
  if (DateTime.isDateTime(source)) return dayOf(source);
  if (isText(source) && source.includes('T')) {
    const instant = builtins['date and time'](source);
    return instant && dayOf(instant);
  }
  return original.date(year, month, day, from);
});

// Sums of money arrive as text or as a number, depending on the form.
define('number', ['from', 'grouping separator', 'decimal separator'], (from, grouping, decimal) => {
  if (typeof from === 'number') return from;
  if (isText(from) && !from.trim()) return null;
  return original.number(from, grouping, decimal);
});

// Functions that Camunda 8 adds to the language.
define('is defined', ['value'], (value) => !isMissing(value));
define('get or else', ['value', 'default'], (value, fallback) => (isMissing(value) ? fallback : value));
define('is blank', ['string'], (text) => (isText(text) ? text.trim() === '' : null));
define('trim', ['string'], (text) => (isText(text) ? text.trim() : null));
define('is empty', ['list'], (list) => (Array.isArray(list) ? list.length === 0 : null));
define('last day of month', ['date'], (value) => {
  return DateTime.isDateTime(value) ? dayOf(value.endOf('month')) : null;
});

// Functions and variables share their names. Where the variable `product` is missing, `product.name` is nothing, not
// the name that JavaScript gives to the function.
for (const implementation of Object.values(builtins)) {
  delete implementation.name;
  delete implementation.length;
}

export { DateTime, Duration, chinaTime, isDate };
