import { XspliceError } from '../findings/index.js';
import { idOrNull, type Payload } from '../payload/index.js';
import { type CodeNode, DIGEST_FORMAT } from './analyse.js';
import { type CodeRecord, RECORD_FORMAT_VERSION, type RecordedNode } from './code-record.js';
import { loadedContents } from './loaded-contents.js';
import { outsideCallees, type Trial } from './trial-load.js';

/**
 * What a payload is made against, on a hypervisor with the payloads that are applied there: for each
 * function that it replaces, the code that runs now and all that this reaches; and all that its new
 * code reaches outside of the payload. Fails with `applied-already`.
 */
export function makeRecord(payload: Payload, trial: Trial): CodeRecord {
  const { graph, own } = trial;
  const { model } = graph.code;
  if (own.payload.state === 'APPLIED') {
    throw new XspliceError(
      'applied-already',
      `${payload.file} is applied: its old code is not the code that runs any more`,
    );
  }
  const places = new Map<bigint, number>();
  const found: CodeNode[] = [];
  const placeOf = (node: CodeNode): number => {
    const known = places.get(node.address);
    if (known !== undefined) return known;
    places.set(node.address, found.length);
    found.push(node);
    return found.length - 1;
  };
  const functions = trial.functions.map(({ patch, oldCode, newCode }) => ({
    name: patch.name,
    oldCode: oldCode === null ? null : placeOf(oldCode),
    newCallees: newCode === null ? [] : outsideCallees(trial, newCode).map(placeOf),
  }));
  const nodes: RecordedNode[] = [];
  // The list grows while it is walked, by functions that were not in it: it ends with the closure.
  for (const { name, sizeBytes, digest, callees, unknownEdges } of found) {
    const places = callees.flatMap((address) => {
      const callee = graph.node(address);
      return callee === null ? [] : [placeOf(callee)];
    });
    nodes.push({ name, sizeBytes, digest, callees: places, unknownEdges });
  }
  return {
    formatVersion: RECORD_FORMAT_VERSION,
    digestFormat: DIGEST_FORMAT,
    buildId: idOrNull(payload.buildId),
    depends: idOrNull(payload.depends),
    xenDepends: idOrNull(payload.xenDepends),
    contents: loadedContents(payload.elf),
    hypervisor: model.buildId,
    on: model.applied.flatMap(
      (name) => graph.code.payloads.find((c) => c.payload.name === name)?.buildId ?? [],
    ),
    functions,
    nodes,
  };
}
