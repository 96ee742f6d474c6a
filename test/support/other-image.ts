import { readFileSync } from 'node:fs';
import { readImage } from '../../core/image/index.js';
import { idOrNull, readPayload } from '../../core/payload/index.js';
import { DEMO_IMAGE } from './cli.js';

/** The demo's hypervisor as if it had been built again: all the same but for its build-id. */
export function anotherBuild(lastByte: number): Uint8Array {
  return withAnotherId(readFileSync(DEMO_IMAGE), demoId(), lastByte);
}

/** A payload of the demo, built for that one, with a build-id of its own, and a parent that has been built for it too. */
export function forAnotherBuild(file: string, lastByte: number): Uint8Array {
  const bytes = readFileSync(file);
  const { buildId, depends } = readPayload(bytes, file);
  const ids = [buildId, depends].flatMap((id) => idOrNull(id) ?? []);
  let made: Uint8Array = bytes;
  for (const id of new Set([demoId().toString('hex'), ...ids])) {
    made = withAnotherId(made, Buffer.from(id, 'hex'), lastByte);
  }
  return made;
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
