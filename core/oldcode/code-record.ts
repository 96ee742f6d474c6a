/** Version of the record's format. A record of another one is never taken for a pass. */
export const RECORD_FORMAT_VERSION = 1;

/** One function of the hypervisor, or of a payload below, as it was when the record was made. */
export interface RecordedNode {
  readonly name: string;
  readonly sizeBytes: number;
  readonly digest: string;
  /** Places in the record's list of nodes. */
  readonly callees: readonly number[];
  readonly unknownEdges: number;
}

/** One function that the payload replaces. */
export interface RecordedFunction {
  readonly name: string;
  /** Place of its old code in the list of nodes; null where no code was known to begin there. */
  readonly oldCode: number | null;
  /** What its new code calls or jumps to outside of the payload. */
  readonly newCallees: readonly number[];
}

/** What a payload was made against. */
export interface CodeRecord {
  readonly formatVersion: number;
  readonly digestFormat: string;
  /** The payload's own ids, to be found again by people; `contents` is what binds the record. */
  readonly buildId: string | null;
  readonly depends: string | null;
  readonly xenDepends: string | null;
  /** {@link loadedContents} of the payload. */
  readonly contents: string;
  /** Build-id of the hypervisor; null where its image has none. */
  readonly hypervisor: string | null;
  /** Build-ids of the payloads that were applied, base first. */
  readonly on: readonly string[];
  readonly functions: readonly RecordedFunction[];
  readonly nodes: readonly RecordedNode[];
}
