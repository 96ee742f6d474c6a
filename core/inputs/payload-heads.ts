import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { BuildId } from '../abi/ids.js';
import { payloadNameFor } from '../abi/payload-name.js';
import { onDisk } from '../abi/raw-path.js';
import type { Finding } from '../findings/index.js';
import {
  type ChainMember,
  type FilePart,
  type HeadIds,
  type InputFile,
  MAX_HEAD_PART,
  type ReadPart,
  readHead,
  readPayloadInputs,
} from '../payload/index.js';
import { namedFiles, type PathOptions } from './named-files.js';
import { readEveryPayloadFile, readOne } from './payload-files.js';

/** Payloads as far as a chain by ids is made of them. */
export interface PayloadHeads {
  /** Those in which nothing is out of the ordinary. */
  readonly members: readonly ChainMember[];
  /** All of the others. */
  readonly inputs: readonly InputFile[];
  /** As readPayloadFiles has them. */
  readonly findings: readonly Finding[];
  /** All files that were read, in the order in which they were named. */
  readonly files: readonly string[];
}

/** Ours: a chain of so many takes some seconds. */
const MAX_FILES = 100_000;

/**
 * Reads the headers and notes of payloads, and no more of them where that is all in order. Finds and fails as
 * readPayloadFiles does.
 */
export function readPayloadHeads(
  paths: readonly string[],
  options: PathOptions = {},
): PayloadHeads {
  const { files, findings: unread } = namedFiles(paths, options, MAX_FILES);
  const members: ChainMember[] = [];
  const inputs: InputFile[] = [];
  const findings: Finding[] = [...unread];
  const read = headReader();
  for (const [index, { path, isFile }] of files.entries()) {
    options.onProgress?.(index, files.length);
    const head = isFile ? read(path) : null;
    if (head === null) readOne(path, inputs, findings);
    else members.push(head);
  }
  return { members, inputs, findings, files: files.map(({ path }) => path) };
}

/** Reads one file after the other into the same room; null for one that has to be read in full. */
function headReader(): (path: string) => ChainMember | null {
  const start: FilePart = { bytes: Buffer.alloc(START_BYTES), base: 0 };
  let [room, other] = [Buffer.alloc(MAX_HEAD_PART), Buffer.alloc(MAX_HEAD_PART)];
  return (path) => {
    let file: number | null = null;
    try {
      const opened = openSync(onDisk(path), constants.O_RDONLY | constants.O_NONBLOCK);
      file = opened;
      const known = readSync(opened, start.bytes, 0, START_BYTES, 0);
      const size = known < START_BYTES ? known : fstatSync(opened).size;
      const readPart: ReadPart = (offset, sizeBytes) => {
        if (offset + sizeBytes <= known) return start;
        if (sizeBytes > MAX_HEAD_PART || offset + sizeBytes > size) return null;
        [room, other] = [other, room];
        const isThere = readSync(opened, room, 0, sizeBytes, offset) === sizeBytes;
        return isThere ? { bytes: room, base: offset } : null;
      };
      const ids = readHead(readPart, size);
      return ids === null ? null : new Head(path, payloadNameFor(path), ids);
    } catch {
      // Whoever reads it in full says what is wrong.
      return null;
    } finally {
      if (file !== null) closeSync(file);
    }
  };
}

/** All of a small payload: what is read at once. */
const START_BYTES = 8192;

/** A member of a chain of which the headers and notes were read. For the rest, the file is read when it is asked for. */
class Head implements ChainMember {
  readonly file: string;
  readonly name: string;
  readonly buildId: BuildId;
  readonly depends: BuildId;
  readonly xenDepends: BuildId;

  constructor(file: string, name: string, { buildId, depends, xenDepends }: HeadIds) {
    this.file = file;
    this.name = name;
    this.buildId = buildId;
    this.depends = depends;
    this.xenDepends = xenDepends;
  }

  get sha256(): string {
    const [input] = readEveryPayloadFile([this.file]);
    return input?.sha256 ?? '';
  }

  get functions(): readonly string[] {
    const [found] = readPayloadInputs(readEveryPayloadFile([this.file]));
    return found?.planned.functions ?? [];
  }
}
