import { AddressSpace } from '../verify/index.js';
import type { Disassembler, Instruction } from '../x86/index.js';
import type { CodeNode } from './analyse.js';
import type { Comparison } from './compare.js';
import { type CodeGraph, codeGraph } from './graph.js';
import type { CodeContext } from './guard.js';
import { identityOf } from './identity.js';
import { imageBytes } from './image-code.js';
import { ownerOf, type RunningCode, runningCode } from './running.js';

/** One instruction as people read it. */
export interface ListedInstruction {
  readonly address: bigint;
  /** Hex digits, two for each byte. */
  readonly bytes: string;
  /** In AT&T syntax. Holds names of symbols: escape before printing. */
  readonly text: string;
  /** What its address fields lead to, by name; null without any. Escape before printing. */
  readonly refersTo: string | null;
}

/** A line of two codes side by side; a side that has nothing there is null. */
export interface ComparedLine {
  readonly isEqual: boolean;
  readonly expected: ListedInstruction | null;
  readonly actual: ListedInstruction | null;
}

/** Two codes of one function. */
export interface CodeDifference {
  /** Escape before printing. */
  readonly function: string;
  /**
   * True where the left side is what the payload was made against. False where that code is not to be
   * had here, so that the left side is the hypervisor's original.
   */
  readonly isLeftExpected: boolean;
  /** Payload that the right side is in; null for the hypervisor. */
  readonly owner: string | null;
  readonly lines: readonly ComparedLine[];
}

/** Ours: beyond this many pairs of instructions two codes are shown line by line, not aligned. */
const MAX_ALIGNED_PAIRS = 4_000_000;

/**
 * The code at the end of a comparison's path, as the image has it and as it is now, instruction by
 * instruction. Null where the comparison found no difference, or one of the two has no code.
 */
export function explainDifference(
  context: CodeContext,
  comparison: Comparison,
): CodeDifference | null {
  if (comparison.result !== 'differs') return null;
  const name = comparison.path.at(-1) ?? '';
  const { disassembler, base, model } = context;
  const now = codeGraph(disassembler, runningCode(base, model));
  // Without any memory all code is the image's.
  const empty = { ...model, memory: new AddressSpace([]), payloads: [], applied: [] };
  const original = codeGraph(disassembler, runningCode(base, empty));
  const left = original.named(name);
  const right = now.named(name);
  if (left === null || right === null) return null;
  return {
    function: name,
    isLeftExpected: left.digest === comparison.expected,
    owner: right.owner,
    lines: align(listing(original, left), listing(now, right)),
  };
}

/** The instructions of a function, without the padding at its end. */
export function listing(
  { code, disassembler }: CodeGraph,
  { address, sizeBytes }: CodeNode,
): readonly ListedInstruction[] {
  const extent = ownerOf(code, address)?.extent;
  const bytes =
    code.model.memory.readOrNull(address, sizeBytes) ??
    (extent ? imageBytes(code.base, extent) : null);
  if (bytes === null) return [];
  return disassembler
    .decodeFunction(bytes.subarray(0, sizeBytes), address)
    .map((instruction) => listed(disassembler, code, instruction));
}

function listed(
  disassembler: Disassembler,
  code: RunningCode,
  instruction: Instruction,
): ListedInstruction {
  const { address, bytes, target, ripTarget, immediate64 } = instruction;
  const leadsTo = target ?? ripTarget ?? immediate64;
  return {
    address,
    bytes: Buffer.from(bytes).toString('hex'),
    text: disassembler.format(instruction),
    refersTo: leadsTo === null ? null : identityOf(code, leadsTo),
  };
}

/** Equal where the same is done with the same things, wherever they lie. */
function keyOf({ bytes, text, refersTo }: ListedInstruction): string {
  return refersTo === null ? bytes : `${text.split(' ', 1)[0]} ${refersTo}`;
}

/** The longest common sequence, by the usual table; both sides in full, equal instructions in one line. */
export function align(
  left: readonly ListedInstruction[],
  right: readonly ListedInstruction[],
): readonly ComparedLine[] {
  const leftKeys = left.map(keyOf);
  const rightKeys = right.map(keyOf);
  const isSame = (i: number, j: number) =>
    i < left.length && j < right.length && leftKeys[i] === rightKeys[j];
  const canAlign = left.length * right.length <= MAX_ALIGNED_PAIRS;
  const common = canAlign ? commonLengths(left.length, right.length, isSame) : null;
  const width = right.length + 1;
  const lines: ComparedLine[] = [];
  // Between two equal instructions: what is on one side only, to be shown side by side.
  let [expected, actual]: [ListedInstruction[], ListedInstruction[]] = [[], []];
  const flush = () => {
    for (let at = 0; at < Math.max(expected.length, actual.length); at++) {
      lines.push({
        isEqual: false,
        expected: expected[at] ?? null,
        actual: actual[at] ?? null,
      });
    }
    [expected, actual] = [[], []];
  };
  for (let i = 0, j = 0; i < left.length || j < right.length; ) {
    const [here, there] = [left[i] ?? null, right[j] ?? null];
    if (common === null || isSame(i, j)) {
      flush();
      lines.push({ isEqual: isSame(i++, j++), expected: here, actual: there });
      continue;
    }
    const down = i < left.length ? (common[(i + 1) * width + j] ?? 0) : -1;
    const across = j < right.length ? (common[i * width + j + 1] ?? 0) : -1;
    if (down >= across && here !== null) {
      expected.push(here);
      i++;
    } else {
      if (there !== null) actual.push(there);
      j++;
    }
  }
  flush();
  return lines;
}

/** By start of both rests: how many instructions these have in common. */
function commonLengths(
  rows: number,
  columns: number,
  isSame: (i: number, j: number) => boolean,
): Uint32Array {
  const width = columns + 1;
  const table = new Uint32Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      table[i * width + j] = isSame(i, j)
        ? (table[(i + 1) * width + j + 1] ?? 0) + 1
        : Math.max(table[(i + 1) * width + j] ?? 0, table[i * width + j + 1] ?? 0);
    }
  }
  return table;
}
