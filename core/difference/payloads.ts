import { idOrNull, type Payload, type PayloadInput, type Pointer } from '../payload/index.js';
import { contentsKeyOf } from './sections.js';

/** One thing in which two payloads, or two sets of them, differ. A side that has it not is null. */
export interface Difference {
  readonly kind:
    | 'file'
    | 'payload'
    | 'order'
    | 'id'
    | 'function'
    | 'hook'
    | 'section'
    | 'symbol'
    | 'metadata';
  /** Of the payload; null where it is about the sets. Escape before printing. */
  readonly payload: string | null;
  /** Which one of its kind. Escape before printing. */
  readonly name: string;
  readonly left: string | null;
  readonly right: string | null;
}

/** What two sets of payloads differ in: which there are, in which order, and each that has a namesake. */
export function differencesOf(
  left: readonly PayloadInput[],
  right: readonly PayloadInput[],
): readonly Difference[] {
  const [only, ...others] = left;
  const [onlyRight, ...othersRight] = right;
  const isPair = others.length + othersRight.length === 0;
  // Two single payloads are compared whatever they are called.
  if (isPair && only !== undefined && onlyRight !== undefined) return ofPayloads(only, onlyRight);
  const rightOf = new Map(right.map((one) => [one.planned.name, one]));
  const leftNames = new Set(left.map(({ planned }) => planned.name));
  const inside = left.flatMap((one) => {
    const { name, buildId } = one.planned;
    const other = rightOf.get(name);
    return other === undefined
      ? [presence(name, buildId ?? 'no id', null)]
      : ofPayloads(one, other);
  });
  const added = right
    .filter(({ planned }) => !leftNames.has(planned.name))
    .map(({ planned }) => presence(planned.name, null, planned.buildId ?? 'no id'));
  return [...inside, ...added];
}

function presence(name: string, left: string | null, right: string | null): Difference {
  return { kind: 'payload', payload: name, name, left, right };
}

/** All in which two payloads differ; where their bytes are the same, nothing. */
function ofPayloads(a: PayloadInput, b: PayloadInput): readonly Difference[] {
  if (a.input.sha256 === b.input.sha256) return [];
  const payload = a.planned.name;
  const compare = (
    kind: Difference['kind'],
    of: (payload: Payload) => Iterable<readonly [string, string]>,
  ) =>
    changes(new Map(of(a.payload)), new Map(of(b.payload))).map(([name, left, right]) => ({
      ...{ kind, payload, name, left, right },
    }));
  const found = [
    ...compare('id', idsOf),
    ...compare('function', functionsOf),
    ...compare('hook', hooksOf),
    ...compare('section', contentsKeyOf),
    ...compare('symbol', symbolsOf),
    ...compare('metadata', metadataOf),
  ];
  if (found.length > 0) return found;
  // What Xen does not load, e.g. debug information.
  const [left, right] = [a.input.sha256, b.input.sha256];
  return [{ kind: 'file', payload, name: 'what is not loaded', left, right }];
}

function changes(
  left: ReadonlyMap<string, string>,
  right: ReadonlyMap<string, string>,
): readonly (readonly [string, string | null, string | null])[] {
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((name) => {
    const [a, b] = [left.get(name) ?? null, right.get(name) ?? null];
    return a === b ? [] : [[name, a, b] as const];
  });
}

function idsOf({ buildId, depends, xenDepends }: Payload): readonly (readonly [string, string])[] {
  return [
    ['build-id', idOrNull(buildId) ?? buildId.status],
    ['depends', idOrNull(depends) ?? depends.status],
    ['xen-depends', idOrNull(xenDepends) ?? xenDepends.status],
  ];
}

function functionsOf({ functions }: Payload): readonly (readonly [string, string])[] {
  return numbered(
    functions.map(({ name, oldAddress, oldSize, newSize, isNop, expectation }) => [
      name ?? '',
      [
        `old ${oldSize} bytes${oldAddress.kind === 'null' ? '' : ` at ${pointerText(oldAddress)}`}`,
        `new ${newSize} bytes${isNop ? ' of NOP' : ''}`,
        ...(expectation?.enabled === true
          ? [
              `expects ${Buffer.from(expectation.data.subarray(0, expectation.len)).toString('hex')}`,
            ]
          : []),
      ].join(', '),
    ]),
  );
}

function hooksOf({ hooks }: Payload): readonly (readonly [string, string])[] {
  return hooks.map(({ kind, targets }) => [kind, targets.map(pointerText).join(', ')]);
}

/** Those with a name: what it takes, and what it defines with its size. */
function symbolsOf({ imports, definitions }: Payload): readonly (readonly [string, string])[] {
  return numbered([
    ...imports.map(({ name }): readonly [string, string] => [name, 'imported']),
    ...definitions.map(({ name, size }): readonly [string, string] => [name, `${size} bytes`]),
  ]);
}

function metadataOf({ metadata }: Payload): readonly (readonly [string, string])[] {
  return numbered(metadata.map(({ key, value }) => [key, value ?? '']));
}

function pointerText(pointer: Pointer): string {
  if (pointer.kind === 'null') return 'nothing';
  if (pointer.kind === 'value') return `0x${pointer.value.toString(16)}`;
  return pointer.addend === 0n ? pointer.symbol : `${pointer.symbol}+${pointer.addend}`;
}

/** Names that are there twice get their number, so that none hides another. */
function numbered(
  rows: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const taken = new Map<string, number>();
  return rows.map(([name, value]) => {
    const count = (taken.get(name) ?? 0) + 1;
    taken.set(name, count);
    return [count === 1 ? name : `${name}~${count}`, value];
  });
}
