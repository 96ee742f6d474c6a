import { readFileSync } from 'node:fs';
import { modelFromImage, modelWithApplied, type OpenHost } from '../../core/host/index.js';
import { MemoryStore, ModelPort } from '../../core/hypervisor/embedded/index.js';
import { readImage } from '../../core/image/index.js';
import { inputFile, type PayloadInput, readPayloadInputs } from '../../core/payload/index.js';
import { findPayload } from '../../core/verify/index.js';
import { DEMO_IMAGE, demo } from './cli.js';
import { keptInMemory } from './kept-in-memory.js';

export const demoImage = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE);
export const booted = modelFromImage(demoImage, null);

/** Payload files, read. */
export function inputsOf(...files: readonly string[]): readonly PayloadInput[] {
  return readPayloadInputs(files.map((file) => inputFile(file, readFileSync(file))));
}

/** An embedded hypervisor in memory, and what was asked of it. */
export interface DemoHost extends OpenHost {
  /** How often a copy was made. */
  readonly copies: () => number;
  /** What is loaded, with its state, in the order of upload. */
  readonly loaded: () => Promise<readonly string[]>;
}

/** The demo hypervisor with these demo payloads applied, in this order. */
export function demoHost(...applied: readonly string[]): DemoHost {
  const model = modelWithApplied(booted.model, inputsOf(...applied.map(demo)));
  const store = new MemoryStore(model, booted.version);
  const port = new ModelPort(
    { spec: 'embedded:test', tellsReverted: true, tellsPlaces: true },
    store,
  );
  const { symbols } = demoImage;
  if (symbols === null) throw new Error('the demo image has symbols');
  let copies = 0;
  return {
    port,
    copies: () => copies,
    memory: keptInMemory(),
    bootId: async () => 'a boot',
    clock: async () => null,
    tookBack: async () => null,
    rules: null,
    async preflightModel(snapshot) {
      copies++;
      const { version } = store;
      const known = {
        model: await port.modelOf(snapshot),
        version,
        unknown: [],
        opaque: [],
        symbols,
      };
      return { ...known, image: async () => demoImage };
    },
    async loaded() {
      const now = await store.read();
      return now.payloads.map(({ name }) => `${name} ${findPayload(now, name)?.state}`);
    },
  };
}
