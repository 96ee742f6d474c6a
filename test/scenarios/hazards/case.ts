import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HazardCode } from '../../../core/findings/index.js';
import type { Operation } from '../../differential/sequences.js';
import type { DeadlyStep } from './deadly.js';

/** One operation, and what core/verify says that Xen answers. */
export interface PredictedStep {
  readonly operation: Operation;
  readonly hypercallRc: number;
  readonly payloadRc: number | null;
}

/** A payload that a real Xen accepts, and core/verify/hazards warns of. */
export interface HazardCase {
  readonly code: HazardCode;
  /** What core/verify/hazards reported about the payload, before the steps behind `askedAfter`. */
  readonly reported: readonly HazardCode[];
  /** Number of steps that were done when it was asked. The last of them uploads the payload. */
  readonly askedAfter: number;
  readonly steps: readonly PredictedStep[];
}

/** Why no payload on this hypervisor shows the hazard. */
export interface HazardNotShown {
  readonly code: HazardCode;
  readonly why: string;
}

/** A way to die of a hazard. */
export interface DeadlyCase {
  readonly name: string;
  readonly code: HazardCode;
  /** What core/hazards reports of the payload that is uploaded last. */
  readonly reported: readonly HazardCode[];
  readonly steps: readonly DeadlyStep[];
}

/** Folder of a payload family for the cases and their payloads. */
const FOLDER = 'hazards';

export function hazardFolder(family: string): string {
  return join(family, FOLDER);
}

/** Where the contents of an operation's payload are. */
export function payloadPath(family: string, payload: string): string {
  return join(hazardFolder(family), `${payload}.livepatch`);
}

export function casesPath(family: string): string {
  return join(hazardFolder(family), 'cases.json');
}

/** The cases that were prepared with a family. */
export function readCases(family: string): readonly (HazardCase | HazardNotShown)[] {
  return JSON.parse(readFileSync(casesPath(family), 'utf8')) as (HazardCase | HazardNotShown)[];
}

export function deadlyPath(family: string): string {
  return join(hazardFolder(family), 'deadly.json');
}

/** The deadly cases that were prepared with a family, or why one cannot be. */
export function readDeadly(family: string): readonly (DeadlyCase | NotDeadly)[] {
  return JSON.parse(readFileSync(deadlyPath(family), 'utf8')) as (DeadlyCase | NotDeadly)[];
}

/** Why this hypervisor does not die of it. */
export interface NotDeadly {
  readonly name: string;
  readonly why: string;
}
