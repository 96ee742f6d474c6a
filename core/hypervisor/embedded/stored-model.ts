import { type BuildId, parseBuildId } from '../../abi/ids.js';
import type { HookKind } from '../../abi/livepatch.js';
import { formatRelease, parseRelease, type XenRelease } from '../../abi/release.js';
import {
  bytes,
  type Codec,
  flag,
  integer,
  listOf,
  objectOf,
  oneOf,
  optional,
  orNull,
  parsed,
  text,
  u64,
} from '../../files/index.js';
import type { Model, ModelPayload, Region } from '../../verify/index.js';

/** Lower-case hex SHA-256 of a file beside the state, which is that file's name. */
type Digest = string;

/** The file of an image, kept with the state. */
export interface KeptImage {
  /** As it was named when the hypervisor was created. */
  readonly file: string;
  readonly sha256: Digest;
}

/** A mapped range whose bytes are in a file of their own. */
export type StoredRegion = Omit<Region, 'bytes'> & { readonly sha256: Digest };

/** What is written of an embedded hypervisor: its model, and what it was made from. */
export type StoredModel = Omit<Model, 'rules' | 'symbols' | 'memory'> & {
  /** Whose rules it follows. */
  readonly release: XenRelease;
  /** XENVER_version and extraversion as text. */
  readonly version: string;
  /** The symbol table as text; null where the image had none. */
  readonly symbols: Digest | null;
  /** The image it was booted from, gzipped; null where it was not kept. */
  readonly image: KeptImage | null;
  /** Made when it was created, as a boot has one; absent where an older version created it. */
  readonly bootId?: string;
  readonly regions: readonly StoredRegion[];
};

const digest = parsed<Digest>('SHA-256', {
  encode: (value) => value,
  decode: (json) => (/^[0-9a-f]{64}$/.test(json) ? json : null),
});

const release = parsed<XenRelease>('Xen release', {
  encode: formatRelease,
  decode: parseRelease,
});

const buildId = parsed<BuildId>('build-id', {
  encode: (id) => id,
  decode: (json) => (/^(?:[0-9a-f]{2})+$/.test(json) ? parseBuildId(json) : null),
});

const span = objectOf<ModelPayload['text']>({ address: u64, sizeBytes: u64 });
const idSpan = objectOf<ModelPayload['buildId']>({ address: u64, length: integer });
const table = objectOf<ModelPayload['funcs']>({ address: u64, count: integer });
const hook = optional(
  objectOf<{ address: bigint; count: number }>({ address: u64, count: integer }),
);
const hooks = objectOf<Partial<Record<HookKind, { address: bigint; count: number }>>>({
  load: hook,
  unload: hook,
  preapply: hook,
  apply: hook,
  postapply: hook,
  prerevert: hook,
  revert: hook,
  postrevert: hook,
});

const payload = objectOf<ModelPayload>({
  name: text,
  state: oneOf('CHECKED', 'APPLIED'),
  rc: integer,
  reverted: flag,
  safeToReapply: flag,
  allocation: objectOf<ModelPayload['allocation']>({ base: u64, pages: u64 }),
  text: span,
  rw: span,
  ro: span,
  funcs: table,
  functionStates: listOf(
    objectOf<ModelPayload['functionStates'][number]>({
      applied: flag,
      patchOffset: integer,
      savedBytes: bytes,
    }),
  ),
  symbols: listOf(
    objectOf<ModelPayload['symbols'][number]>({
      name: text,
      value: u64,
      size: u64,
      newSymbol: flag,
    }),
  ),
  buildId: idSpan,
  depends: idSpan,
  xenDepends: orNull(idSpan),
  hooks,
  metadata: orNull(span),
});

const region = objectOf<StoredRegion>({
  base: u64,
  writable: flag,
  holds: optional(oneOf('text', 'rodata')),
  isKnown: optional(flag),
  label: text,
  sha256: digest,
});

/** How a hypervisor is written. */
export const storedModel: Codec<StoredModel> = objectOf<StoredModel>({
  release,
  version: text,
  buildId: orNull(buildId),
  symbols: orNull(digest),
  image: orNull(objectOf<KeptImage>({ file: text, sha256: digest })),
  bootId: optional(text),
  vmapStart: u64,
  regions: listOf(region),
  payloads: listOf(payload),
  applied: listOf(text),
});
