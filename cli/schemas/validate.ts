/** The part of JSON Schema (2020-12) that our own schemas for input are written in. */
export interface InputSchema {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';
  readonly properties?: Readonly<Record<string, InputSchema>>;
  readonly required?: readonly string[];
  /** Without a type: what it may be. Of an object: of what is required in these, one has to be there. */
  readonly anyOf?: readonly InputSchema[];
  /** Of an object: what is required here may not all be there. */
  readonly not?: { readonly required: readonly string[] };
  readonly additionalProperties?: boolean;
  readonly items?: InputSchema;
  readonly minItems?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly enum?: readonly (string | number)[];
  readonly description?: string;
}

/** Something that a value is not allowed to be. */
export interface Mistake {
  /** As in `/targets/0/name`. */
  readonly path: string;
  readonly message: string;
}

/** What is wrong with a value, in words for the one who wrote it. */
export function mistakesIn(value: unknown, schema: InputSchema, path = ''): readonly Mistake[] {
  const wrong = (message: string): readonly Mistake[] => [{ path, message }];
  const { type, anyOf } = schema;
  if (anyOf !== undefined && type === undefined) {
    const fitting = anyOf.find((one) => one.type === typeOf(value));
    if (fitting !== undefined) return mistakesIn(value, fitting, path);
    return wrong(
      `is ${nameOf(value)}, expected ${anyOf.map((one) => named(one.type)).join(' or ')}`,
    );
  }
  if (type !== undefined && typeOf(value) !== type) {
    return wrong(`is ${nameOf(value)}, expected ${named(type)}`);
  }
  if (typeof value === 'string') return inText(value, schema).flatMap(wrong);
  if (typeof value === 'number' && schema.enum?.includes(value) === false) {
    return wrong(`is ${value}, expected ${schema.enum.join(' or ')}`);
  }
  if (Array.isArray(value)) return inList(value, schema, path);
  if (typeof value === 'object' && value !== null) return inObject(value, schema, path);
  return [];
}

function inText(value: string, { minLength, pattern, enum: choices }: InputSchema): string[] {
  const shown = JSON.stringify(value);
  if (choices !== undefined && !choices.includes(value)) {
    const some = choices.length > 8 ? `${choices.slice(0, 8).join(', ')}, …` : choices.join(', ');
    return [`is ${shown}, expected one of ${some}`];
  }
  if (minLength !== undefined && value.trim().length < minLength) return ['is empty'];
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) {
    return [`is ${shown}, which does not fit ${pattern}`];
  }
  return [];
}

function inList(
  value: readonly unknown[],
  { items, minItems = 0 }: InputSchema,
  path: string,
): readonly Mistake[] {
  if (value.length < minItems) return [{ path, message: `is empty, expected ${minItems} or more` }];
  if (items === undefined) return [];
  return value.flatMap((item, index) => mistakesIn(item, items, `${path}/${index}`));
}

function inObject(
  value: object,
  { properties = {}, required = [], anyOf, not, additionalProperties }: InputSchema,
  path: string,
): readonly Mistake[] {
  const has = (key: string) => Object.hasOwn(value, key);
  const missing = required.filter((key) => !has(key)).map((key) => `has no ${key}`);
  const choices = (anyOf ?? []).flatMap((one) => one.required ?? []);
  const none =
    anyOf === undefined || choices.some(has) ? [] : [`has none of ${choices.join(', ')}`];
  const both =
    not === undefined || !not.required.every(has) ? [] : [`has both ${not.required.join(' and ')}`];
  const inside = Object.entries(value).flatMap(([key, inner]): readonly Mistake[] => {
    const schema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const place = `${path}/${key}`;
    if (schema !== undefined) return mistakesIn(inner, schema, place);
    if (additionalProperties !== false) return [];
    return [
      {
        path: place,
        message: `is not known here; known are ${Object.keys(properties).join(', ')}`,
      },
    ];
  });
  return [...[...missing, ...none, ...both].map((message) => ({ path, message })), ...inside];
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

const NAMES: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
};

function named(type: string | undefined): string {
  return NAMES[type ?? ''] ?? String(type);
}

function nameOf(value: unknown): string {
  return named(typeOf(value));
}
