/** Thrown by a codec: what was read is not what is written. The message names the place, and follows a colon. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

/**
 * How values of one type are written as JSON and read back. What is read is not trusted: `decode` throws
 * {@link Malformed}, which names the place, such as `payloads[0].text.address`.
 */
export interface Codec<T> {
  encode(value: T): unknown;
  decode(json: unknown, place: string): T;
}

/** A field that may be left out. */
export interface OptionalCodec<T> {
  readonly optional: Codec<T>;
}

/** One codec for each field of a type: a field that is forgotten here does not compile. */
export type FieldCodecs<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K>
    ? OptionalCodec<Exclude<T[K], undefined>>
    : Codec<T[K]>;
};

function plain<T>(what: string, is: (json: unknown) => json is T): Codec<T> {
  return {
    encode: (value) => value,
    decode: (json, place) => {
      if (!is(json)) throw new Malformed(`${place} is no ${what}`);
      return json;
    },
  };
}

export const text = plain('text', (json) => typeof json === 'string');
export const flag = plain('true or false', (json) => typeof json === 'boolean');
export const integer = plain('whole number', (json): json is number => Number.isSafeInteger(json));

/** Text that may be any of these. */
export function oneOf<const T extends string>(...values: readonly T[]): Codec<T> {
  return plain(values.join(' or '), (json): json is T => values.some((value) => value === json));
}

/** A bigint of 64 bits, as `0x…`. */
export const u64 = parsed('address', {
  encode: (value: bigint) => `0x${value.toString(16)}`,
  decode: (json) => (/^0x[0-9a-f]{1,16}$/.test(json) ? BigInt(json) : null),
});

/** A few bytes, as hex digits. */
export const bytes = parsed('row of hex digits', {
  encode: (value: Uint8Array) => Buffer.from(value).toString('hex'),
  decode: (json) =>
    /^(?:[0-9a-f]{2})*$/.test(json) ? Uint8Array.from(Buffer.from(json, 'hex')) : null,
});

/** What is written as text of a form of its own; `decode` gives null for what is not of that form. */
export function parsed<T>(
  what: string,
  form: { encode(value: T): string; decode(json: string): T | null },
): Codec<T> {
  return {
    encode: (value) => form.encode(value),
    decode: (json, place) => {
      const value = typeof json === 'string' ? form.decode(json) : null;
      if (value === null) throw new Malformed(`${place} is no ${what}`);
      return value;
    },
  };
}

export function listOf<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    encode: (values) => values.map((value) => item.encode(value)),
    decode: (json, place) => {
      if (!Array.isArray(json)) throw new Malformed(`${place} is no list`);
      return json.map((value, index) => item.decode(value, `${place}[${index}]`));
    },
  };
}

export function orNull<T>(item: Codec<T>): Codec<T | null> {
  return {
    encode: (value) => (value === null ? null : item.encode(value)),
    decode: (json, place) => (json === null ? null : item.decode(json, place)),
  };
}

export function optional<T>(item: Codec<T>): OptionalCodec<T> {
  return { optional: item };
}

/** An object with these fields. Others that the JSON has are passed over: a later version may add some. */
export function objectOf<T extends object>(fields: FieldCodecs<T>): Codec<T> {
  const entries = Object.entries<Codec<unknown> | OptionalCodec<unknown>>(fields);
  return {
    encode: (value) => {
      const read = value as Readonly<Record<string, unknown>>;
      return Object.fromEntries(
        entries.flatMap(([name, codec]) => {
          const field = read[name];
          if (!('optional' in codec)) return [[name, codec.encode(field)]];
          return field === undefined ? [] : [[name, codec.optional.encode(field)]];
        }),
      );
    },
    decode: (json, place) => {
      if (!isRecord(json)) throw new Malformed(`${place} is no object`);
      const decoded = entries.flatMap(([name, codec]) => {
        const at = place === '' ? name : `${place}.${name}`;
        const isThere = Object.hasOwn(json, name);
        if (!('optional' in codec)) {
          return [[name, codec.decode(isThere ? json[name] : undefined, at)]];
        }
        return isThere ? [[name, codec.optional.decode(json[name], at)]] : [];
      });
      return Object.fromEntries(decoded) as T;
    },
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
