// What the server asks of FEEL. Bundled into one script for a V8 isolate; every function takes and gives JSON text.
import './feel_zone.mjs';
import { evaluate, parseExpression, parseUnaryTests, unaryTest } from '@bpmn-io/feelin';
import { builtins, chinaTime, DateTime, define, Duration, isDate } from './feelin.mjs';
import { TooLarge, weigh } from './feel_limits.mjs';
import { Settings } from 'luxon';

const TAG = '@hejie';

// --- values in and out ------------------------------------------------------------------------------------------

/** JSON for a FEEL value. What JSON lacks becomes an object {"@hejie": kind, …}; see engine/feel_values.py. */
function encode(value, state) {
  weigh(value);
  return encoded(value, state);
}

function encoded(value, state) {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map((item) => encoded(item, state));
  if (DateTime.isDateTime(value)) {
    state.tagged = true;
    return encodeTime(value);
  }
  if (Duration.isDuration(value)) {
    state.tagged = true;
    const { years = 0, quarters = 0, months = 0, ...rest } = value.toObject();
    return { [TAG]: 'duration', months: Math.trunc(years * 12 + quarters * 3 + months), milliseconds: Duration.fromObject(rest).toMillis() };
  }
  if (typeof value === 'function' || typeof value.invoke === 'function') throw new Refusal('function-value');
  const entries = 'start included' in value ? rangeEntries(value) : Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [key, encoded(item, state)]));
}

const rangeEntries = (range) => ['start', 'end', 'start included', 'end included'].map((key) => [key, range[key]]);

function encodeTime(value) {
  if (value.deadline) return { [TAG]: 'deadline', at: value.toISO(), ...value.deadline };
  if (isDate(value)) return { [TAG]: 'date', value: value.toISODate() };
  if (value.year === 1900 && value.month === 1 && value.day === 1) {
    const local = value.zone.type === 'system';
    return { [TAG]: 'time', value: value.toISOTime({ includeOffset: !local }) };
  }
  return { [TAG]: 'date and time', value: value.toISO() };
}

/** The FEEL value of a variable: the inverse of `encode`. */
function decode(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(decode);
  switch (value[TAG]) {
    case 'date': return builtins.date(value.value);
    case 'date and time': return DateTime.fromISO(value.value, { setZone: true });
    case 'time': return builtins.time(value.value);
    case 'duration': return Duration.fromObject({ months: value.months, milliseconds: value.milliseconds });
    case 'deadline': return deadline(value);
    default: return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item)]));
  }
}

/** What cannot be answered, and why; `code` and `detail` become a sentence in engine/feel.py. */
class Refusal extends Error {
  constructor(code, detail = '') {
    super(code);
    this.code = code;
    this.detail = detail;
  }
}

// --- deadlines --------------------------------------------------------------------------------------------------

// The arithmetic is Python's (engine/deadlines.py). A call not yet computed is noted in `needs` and answered with a
// stand-in; the server then computes what was noted and asks again, until nothing is needed.
let needs = new Map();
let resolved = {};

const standIn = () => Object.assign(DateTime.now().setZone(chinaTime), { isStandIn: true });

function deadline({ at, rule, explanation, calendar_version, recipe = {} }) {
  const instant = DateTime.fromISO(at, { zone: chinaTime });
  return Object.assign(instant, { deadline: { rule, explanation, calendar_version, recipe }, rule, explanation });
}

function deadlineFunction(name, parameters) {
  define(name, parameters, (...args) => {
    if (args.length !== parameters.length) throw new Refusal('argument-count', `${name}(${parameters.join(', ')})`);
    if (args.some((arg) => arg?.isStandIn)) return standIn();
    const call = { function: name, arguments: args.map((arg) => encode(arg, {})) };
    const key = JSON.stringify(call);
    const answer = resolved[key];
    if (!answer) {
      needs.set(key, { key, ...call });
      return standIn();
    }
    if (answer.error) throw new Refusal('deadline', answer.error);
    return deadline(answer);
  });
}

deadlineFunction('calendarDays', ['from', 'n']);
deadlineFunction('workingDays', ['from', 'n']);
deadlineFunction('calendarMonths', ['from', 'n']);
deadlineFunction('hours', ['from', 'n']);
deadlineFunction('minutes', ['from', 'n']);
deadlineFunction('endOfDay', ['from']);
deadlineFunction('nextWorkingDay', ['deadline']);
deadlineFunction('limit', ['from', 'limit']);

define('rule', ['deadline', 'source'], (instant, source) => {
  if (instant?.isStandIn) return instant;
  if (!DateTime.isDateTime(instant)) throw new Refusal('deadline', 'rule 的第一个参数应是期限或日期时间');
  const { explanation = '', calendar_version = '', recipe = {} } = instant.deadline ?? {};
  return deadline({ at: instant.toISO(), rule: String(source ?? ''), explanation, calendar_version, recipe });
});

// --- evaluation -------------------------------------------------------------------------------------------------

// Camunda's dialect adds names in backticks.
const DIALECT = 'camunda';

// A function whose name contains a word of the grammar is recognised only when the context has it.
const RESERVED = 'get or else';
const named = (expression, context) =>
  expression.includes(RESERVED) ? { ...context, [RESERVED]: builtins[RESERVED] } : context;

const OWN_WARNINGS = ['NO_FUNCTION_FOUND', 'FUNCTION_INVOCATION_FAILURE'];

/** Run `task`, turning whatever it throws into a plain failure that names `expression`. */
function guarded(expression, task) {
  try {
    const { value, warnings } = task();
    for (const { type, position } of warnings) {
      if (OWN_WARNINGS.includes(type)) {
        throw new Refusal(type, expression.slice(position.from, position.to));
      }
    }
    return { value, warnings };
  } catch (error) {
    throw Object.assign(new Error('failed'), { failure: failureOf(error, expression) });
  }
}

function failureOf(error, expression) {
  const position = error.position?.from ?? null;
  if (error instanceof Refusal) return { expression, code: error.code, detail: error.detail, position };
  if (error.position) return { expression, code: 'syntax', detail: error.input ?? '', position };
  if (error instanceof TooLarge) return { expression, code: 'too-large', detail: '', position };
  if (error instanceof RangeError) return { expression, code: 'too-deep', detail: '', position };
  return { expression, code: 'internal', detail: String(error.message), position };
}

const plainWarning = ({ type, details, position }, expression) => ({
  type,
  text: expression.slice(position.from, position.to),
  template: details.template,
});

function value(expression, context, state) {
  const outcome = guarded(expression, () => evaluate(expression, named(expression, context), DIALECT));
  state.warnings.push(...outcome.warnings.map((warning) => plainWarning(warning, expression)));
  return outcome.value;
}

function test(cell, context, input) {
  return guarded(cell, () => unaryTest(cell, { ...named(cell, context), '?': input }, DIALECT)).value === true;
}

function answer(text, task) {
  const request = JSON.parse(text);
  Settings.now = () => request.now;
  needs = new Map();
  resolved = request.resolved;
  const state = { tagged: false, warnings: [] };
  const context = request.tagged ? decode(request.variables) : request.variables;
  let reply;
  try {
    for (const { name, parameters, body } of request.knowledge ?? []) {
      context[name] = value(`function(${parameters.join(', ')}) ${body}`, context, state);
    }
    reply = task(request, context, state);
  } catch (error) {
    reply = { failure: error.failure ?? failureOf(error, '') };
  }
  return JSON.stringify({ ...reply, tagged: state.tagged, warnings: state.warnings, needs: [...needs.values()] });
}

/** {expressions, variables} -> {values} */
export const values = (text) =>
  answer(text, ({ expressions }, context, state) => ({
    values: expressions.map((expression) => {
      const result = value(expression, context, state);
      return guarded(expression, () => ({ value: encode(result, state), warnings: [] })).value;
    }),
  }));

/** {tests: [[cell, input]], variables} -> {values: [boolean]} */
export const tests = (text) =>
  answer(text, (request, context) => {
    const pairs = request.tagged ? decode(request.tests) : request.tests;
    return { values: pairs.map(([cell, input]) => test(cell, context, input)) };
  });

// --- decision tables --------------------------------------------------------------------------------------------

/** A column's declared type, for inputs that arrive as text: JSON has no dates, and money is kept as text. */
const conversions = {
  date: (input) => builtins.date(input),
  dateTime: (input) => builtins['date and time'](input),
  time: (input) => builtins.time(input),
  number: (input) => builtins.number(input),
  integer: (input) => builtins.number(input),
  long: (input) => builtins.number(input),
  double: (input) => builtins.number(input),
  dayTimeDuration: (input) => builtins.duration(input),
  yearMonthDuration: (input) => builtins.duration(input),
};

function typed(input, type) {
  const convert = conversions[type];
  return typeof input === 'string' && convert ? convert(input) ?? input : input;
}

/** Whether `input` (or, for a list, each of its items) passes the unary tests `allowed`; null always does. */
function allows(allowed, input, context) {
  const items = Array.isArray(input) ? input : [input];
  return items.every((item) => item === null || item === undefined || test(allowed, context, item));
}

/**
 * {inputs: [{expression, type, allowed}], rules: [{tests, outputs}], allowedOutputs: [text], first, defaults: [text] | null}
 * -> {inputs: [value], refusedInputs: [index], matched: [{rule, outputs: [value], refusedOutputs: [index]}], defaults}
 */
export const table = (text) =>
  answer(text, (request, context, state) => {
    const inputs = request.inputs.map(({ expression, type }) => typed(value(expression, context, state), type));
    const refusedInputs = request.inputs.flatMap(({ allowed }, index) =>
      allowed && !allows(allowed, inputs[index], context) ? [index] : []);
    const outputsOf = (expressions) => expressions.map((expression) => (expression ? value(expression, context, state) : null));
    const matched = [];
    for (const [rule, { tests: cells, outputs: expressions }] of request.rules.entries()) {
      if (!cells.every((cell, index) => cell === '-' || test(cell, context, inputs[index]))) continue;
      const outputs = outputsOf(expressions);
      const refusedOutputs = request.allowedOutputs.flatMap((allowed, index) =>
        allowed && !allows(allowed, outputs[index], context) ? [index] : []);
      matched.push({ rule, outputs: encode(outputs, state), refusedOutputs });
      if (request.first) break;
    }
    const defaults = matched.length || !request.defaults ? null : encode(outputsOf(request.defaults), state);
    return { inputs: encode(inputs, state), refusedInputs, matched, defaults };
  });

// --- for the check ----------------------------------------------------------------------------------------------

const nameOf = (text) => text.replace(/`/g, '').replace(/\s+/g, ' ').trim();

/** Names that an expression makes itself: loop variables, parameters, entries of contexts. */
const DECLARES = new Set(['ParameterName', 'Key']);

function inspect(tree, text) {
  const names = new Set();
  const functions = new Set();
  const declared = new Set(['item', 'partial', '?']);
  const unsupported = new Set();
  const entries = new Set();
  let failure = null;
  tree.iterate({
    enter(ref) {
      if (ref.type.isError && !failure) failure = { code: 'syntax', detail: text.slice(ref.from, ref.to), position: ref.from };
      if (ref.name === 'InstanceOfExpression') unsupported.add('instance of');
      const { node } = ref;
      const content = () => nameOf(text.slice(ref.from, ref.to));
      if (DECLARES.has(ref.name)) declared.add(content());
      if (ref.name === 'Key') entries.add(content().replace(/^"|"$/g, ''));
      if (ref.name === 'Name' && node.parent?.name === 'InExpression') declared.add(content());
      if (ref.name !== 'VariableName') return;
      const { parent } = node;
      const isFirst = parent?.firstChild?.from === ref.from;
      if (parent?.name === 'PathExpression' && !isFirst) return;
      if (parent?.name === 'FunctionInvocation' && isFirst) functions.add(content());
      else names.add(content());
    },
  });
  const mine = (name) => !declared.has(name);
  return {
    failure,
    entries: [...entries],
    unsupported: [...unsupported],
    names: [...names].filter(mine).filter((name) => !(name in builtins)),
    functions: [...functions].filter(mine).filter((name) => !(name in builtins)),
  };
}

/** {expression, unary} -> {failure, names, functions (unknown ones), entries (of contexts), unsupported} */
export function analyse(text) {
  const { expression, unary } = JSON.parse(text);
  try {
    return JSON.stringify(inspect((unary ? parseUnaryTests : parseExpression)(expression, named(expression, {}), DIALECT), expression));
  } catch (error) {
    return JSON.stringify({ failure: failureOf(error, expression), names: [], functions: [], unsupported: [], entries: [] });
  }
}
