import { readFileSync } from 'node:fs';
import path from 'node:path';
import { modelFromImage } from '../../core/host/image-model.js';
import { readImage } from '../../core/image/index.js';
import { type CodeContext, codeContext } from '../../core/oldcode/index.js';
import { type Payload, readPayload } from '../../core/payload/index.js';
import { apply, type Model, upload } from '../../core/verify/index.js';
import { repositoryRoot } from './repository.js';

const FOLDER = path.join(repositoryRoot(), 'payloads', 'demo');

/** The demo hypervisor without payloads, as guards are asked about it. */
export function demoSetting(): Promise<CodeContext> {
  return settingOf(path.join(FOLDER, 'xen-syms-demo'));
}

/** The same for any image. */
export async function settingOf(file: string): Promise<CodeContext> {
  const image = readImage(readFileSync(file), file);
  return codeContext(image, modelFromImage(image, null).model);
}

/** A payload of the demo. */
export function demoPayload(name: string): Payload {
  const file = `${name}.livepatch`;
  return readPayload(readFileSync(path.join(FOLDER, file)), file);
}

/** The setting with payloads applied, in this order, build-ids not compared. */
export function withApplied(setting: CodeContext, ...payloads: readonly Payload[]): CodeContext {
  const model = payloads.reduce(applyOne, setting.model);
  return { ...setting, model };
}

function applyOne(model: Model, payload: Payload): Model {
  const name = payload.file.replace('.livepatch', '');
  const uploaded = upload(model, name, payload.elf.bytes);
  const applied = apply(uploaded.model, name, { nodeps: true });
  for (const { verdict } of [uploaded, applied]) {
    if (verdict.outcome.outcome !== 'accepted') {
      throw new Error(`${name}: ${JSON.stringify(verdict.outcome)} ${JSON.stringify(verdict.log)}`);
    }
  }
  return applied.model;
}
