import type { CodeRecord, RecordedFunction, RecordedNode } from './code-record.js';

/** Ours: a Xen 4.20 has 5,100 functions. */
const MAX_NODES = 65_536;
const MAX_IDS = 1024;
/** Ours: a build-id of SHA-512 has 128 digits. */
const MAX_TEXT_LENGTH = 1024;

/** The record that a JSON text holds, or what was expected where it holds none. */
export function parseRecordBody(text: string): CodeRecord | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'JSON';
  }
  if (!isRecord(value)) return 'an object';
  const { formatVersion, digestFormat, contents } = value;
  if (!isCount(formatVersion)) return 'a formatVersion';
  if (!isText(digestFormat)) return 'a digestFormat';
  if (!isHex(contents)) return 'contents in hex';
  const { buildId, depends, xenDepends, hypervisor, on } = value;
  if (!isId(buildId) || !isId(depends) || !isId(xenDepends) || !isId(hypervisor)) {
    return 'ids in hex, or null';
  }
  if (!Array.isArray(on) || on.length > MAX_IDS || !on.every(isHex)) return 'a list of ids';
  const nodes: unknown = value['nodes'];
  if (!Array.isArray(nodes) || nodes.length > MAX_NODES)
    return `a list of at most ${MAX_NODES} nodes`;
  const isPlace = (place: unknown): place is number => isCount(place) && place < nodes.length;
  const isPlaces = (places: unknown): places is readonly number[] =>
    Array.isArray(places) && places.length <= nodes.length && places.every(isPlace);
  const isNode = (node: unknown): node is RecordedNode =>
    isRecord(node) &&
    isText(node['name']) &&
    isCount(node['sizeBytes']) &&
    isHex(node['digest']) &&
    isPlaces(node['callees']) &&
    isCount(node['unknownEdges']);
  if (!nodes.every(isNode)) return 'nodes with name, size, digest and edges that exist';
  const isFunction = (f: unknown): f is RecordedFunction =>
    isRecord(f) &&
    isText(f['name']) &&
    (f['oldCode'] === null || isPlace(f['oldCode'])) &&
    isPlaces(f['newCallees']);
  const functions: unknown = value['functions'];
  if (!Array.isArray(functions) || !functions.every(isFunction)) {
    return 'functions with a name and code that exists';
  }
  return {
    formatVersion,
    digestFormat,
    buildId,
    depends,
    xenDepends,
    contents,
    hypervisor,
    on,
    functions,
    nodes,
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT_LENGTH;
}

function isHex(value: unknown): value is string {
  return isText(value) && /^([0-9a-f]{2})+$/.test(value);
}

function isId(value: unknown): value is string | null {
  return value === null || isHex(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}
