import { readFileSync } from 'node:fs';
import { readImage } from '../../core/image/index.js';
import { idOrNull, readPayload } from '../../core/payload/index.js';
import { DEMO_IMAGE } from './cli.js';

/** The demo's hypervisor as if it had been built again: all the same but for its build-id. */
export function anotherBuild(lastByte: number): Uint8Array {
  return withAnotherId(readFileSync(DEMO_IMAGE), demoId(), lastByte);
}

/** A payload of the demo, built for that one, with a build-id of its own. */
export function forAnotherBuild(file: string, lastByte: number): Uint8Array {
  const bytes = readFileSync(file);
  const own = idOrNull(readPayload(bytes, file).buildId);
  const moved = withAnotherId(bytes, demoId(), lastByte);
  return own === null ? moved : withAnotherId(moved, Buffer.from(own, 'hex'), lastByte);
}

function demoId(): Buffer {
  const id = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE).buildIds[0]?.id ?? '';
  return Buffer.from(id, 'hex');
}

function withAnotherId(bytes: Uint8Array, id: Buffer, lastByte: number): Buffer {
  const changed = Buffer.from(bytes);
  for (let at = changed.indexOf(id); at >= 0; at = changed.indexOf(id, at + 1)) {
    changed[at + id.length - 1] = (id.at(-1) ?? 0) ^ lastByte;
  }
  return changed;
}
