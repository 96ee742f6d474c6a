import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HazardCode } from '../../../core/findings/index.js';
import { checkHazards } from '../../../core/hazards/index.js';
import { modelFromImage } from '../../../core/host/image-model.js';
import { readImage } from '../../../core/image/index.js';
import { readPayload } from '../../../core/payload/index.js';
import { findPayload, type Model } from '../../../core/verify/model.js';
import { loadDisassembler } from '../../../core/x86/index.js';
import type { RigHypervisor } from '../../../rig/hypervisor.js';
import { operate } from '../../differential/compare.js';
import type { Operation } from '../../differential/sequences.js';
import {
  casesPath,
  type DeadlyCase,
  deadlyPath,
  type HazardCase,
  type HazardNotShown,
  hazardFolder,
  type NotDeadly,
  type PredictedStep,
  payloadPath,
} from './case.js';
import { DEADLY, type DeadlyStep, type Death, SURVIVED } from './deadly.js';
import type { Ingredient, Kitchen, Recipe } from './kitchen.js';
import { RECIPES } from './recipes.js';

/**
 * Makes the payloads that show each hazard on this hypervisor, and puts them, with what core/verify says
 * of them, into the folder of its payload family.
 */
export async function prepareHazards(hypervisor: RigHypervisor, family: string): Promise<void> {
  const image = readImage(readFileSync(hypervisor.symbols), hypervisor.symbols);
  const { model } = modelFromImage(image, null);
  if (image.symbols === null) throw new Error(`${hypervisor.symbols} has no symbols`);
  const disassembler = loadDisassembler();
  const kitchen: Kitchen = { symbols: image.symbols, model, disassembler };
  mkdirSync(hazardFolder(family), { recursive: true });
  const cases: (HazardCase | HazardNotShown)[] = [];
  for (const code of Object.keys(RECIPES) as HazardCode[]) {
    cases.push(await prepareCase(code, kitchen, family));
  }
  writeFileSync(casesPath(family), `${JSON.stringify(cases, null, 2)}\n`);
  const deadly: (DeadlyCase | NotDeadly)[] = [];
  for (const [name, death] of Object.entries({ ...DEADLY, ...SURVIVED })) {
    deadly.push(await prepareDeadly(name, death, kitchen, family));
  }
  writeFileSync(deadlyPath(family), `${JSON.stringify(deadly, null, 2)}\n`);
}

async function prepareDeadly(
  name: string,
  death: Death,
  kitchen: Kitchen,
  family: string,
): Promise<DeadlyCase | NotDeadly> {
  const recipe = death.recipe(kitchen);
  if (typeof recipe === 'string') return { name, why: recipe };
  const contents = new Map<string, Uint8Array>();
  const fileOf = (payload: string): string => `deadly-${name.replace(/\W/g, '-')}-${payload}`;
  for (const [payload, ingredient] of Object.entries(recipe.payloads)) {
    const bytes = bytesOf(ingredient, family);
    if (bytes === null) return { name, why: 'the family has no payload for it' };
    contents.set(payload, bytes);
    writeFileSync(payloadPath(family, fileOf(payload)), bytes);
  }
  const isOperation = (step: DeadlyStep): step is Operation =>
    step.verb !== 'press' && step.verb !== 'move';
  const operations = recipe.steps.filter(isOperation);
  const last = operations.findLastIndex(({ verb }) => verb === 'upload');
  const before = operations.slice(0, last + 1);
  const model = before.reduce(
    (current, operation) => operate(current, contents, operation).model,
    kitchen.model,
  );
  const reported = await reportedCodes(model, kitchen, { before, intent: 'apply' }, contents);
  const steps = recipe.steps.map((step) =>
    step.verb === 'upload' ? { ...step, payload: fileOf(step.payload) } : step,
  );
  return { name, code: death.code, reported, steps };
}

async function prepareCase(
  code: HazardCode,
  kitchen: Kitchen,
  family: string,
): Promise<HazardCase | HazardNotShown> {
  const recipe = RECIPES[code](kitchen);
  if (typeof recipe === 'string') return { code, why: recipe };
  const contents = new Map<string, Uint8Array>();
  const fileOf = (payload: string): string => `${code}-${payload}`;
  for (const [payload, ingredient] of Object.entries(recipe.payloads)) {
    const bytes = bytesOf(ingredient, family);
    if (bytes === null) return { code, why: 'the family has no payload for it' };
    contents.set(payload, bytes);
    writeFileSync(payloadPath(family, fileOf(payload)), bytes);
  }
  const steps: PredictedStep[] = [];
  let current = kitchen.model;
  const take = (operation: Operation): void => {
    const { verdict, model } = operate(current, contents, operation);
    const { hypercallRc, payloadRc, outcome } = verdict;
    // What would kill the hypervisor is no part of a scenario.
    if (outcome.outcome === 'fatal' || hypercallRc === null) {
      throw new Error(`${code}: ${operation.verb} ${operation.name} would be fatal`);
    }
    const named =
      operation.verb === 'upload'
        ? { ...operation, payload: fileOf(operation.payload) }
        : operation;
    steps.push({ operation: named, hypercallRc, payloadRc });
    current = model;
  };
  recipe.before.forEach(take);
  const reported = await reportedCodes(current, kitchen, recipe, contents);
  const askedAfter = steps.length;
  recipe.after.forEach(take);
  return { code, reported, askedAfter, steps };
}

/** What is reported of the payload that was uploaded last. */
async function reportedCodes(
  model: Model,
  { symbols }: Kitchen,
  { intent, before }: Pick<Recipe, 'intent' | 'before'>,
  contents: ReadonlyMap<string, Uint8Array>,
): Promise<readonly HazardCode[]> {
  const last = before.findLast(({ verb }) => verb === 'upload');
  const loaded = last ? findPayload(model, last.name) : null;
  const bytes = last?.verb === 'upload' ? contents.get(last.payload) : undefined;
  if (loaded === null || bytes === undefined) return [];
  const imports = readPayload(bytes, loaded.name).imports.map(({ name }) => name);
  const findings = checkHazards(model, loaded, { symbols, imports, intent });
  return findings.flatMap(({ code }) => (isHazardCode(code) ? [code] : []));
}

function isHazardCode(code: string): code is HazardCode {
  return Object.hasOwn(RECIPES, code);
}

function bytesOf(ingredient: Ingredient, family: string): Uint8Array | null {
  if ('bytes' in ingredient) return ingredient.bytes;
  const file = join(family, `${ingredient.member}.livepatch`);
  return existsSync(file) ? readFileSync(file) : null;
}
