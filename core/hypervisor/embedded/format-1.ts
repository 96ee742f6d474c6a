import { isRecord } from '../../files/index.js';

/**
 * A state of format 1 as the format of now has it. Format 1 told addresses and bytes from text by `{"$u64":
 * "0x…"}` and `{"$bytes": "…"}`, left out an image that was not kept, and did not say what a region holds.
 */
export function storedFromFormat1(file: Readonly<Record<string, unknown>>): unknown {
  const { regions, image, ...rest } = file;
  return {
    ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, unwrapped(value)])),
    image: image ?? null,
    regions: Array.isArray(regions) ? regions.map(withContents) : regions,
  };
}

/** What it holds is the end of its label: `xen text`, `xen rodata`, `payload NAME text`. */
function withContents(region: unknown): unknown {
  if (!isRecord(region) || region['writable'] !== false) return region;
  const holds = /^(?:xen|payload .*) (text|rodata)$/s.exec(String(region['label']))?.[1];
  return holds === undefined ? region : { ...region, holds };
}

function unwrapped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrapped);
  if (!isRecord(value)) return value;
  if (typeof value['$u64'] === 'string') return value['$u64'];
  if (typeof value['$bytes'] === 'string') return value['$bytes'];
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unwrapped(inner)]));
}
