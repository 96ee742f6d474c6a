import type { CodeGuard } from '../oldcode/index.js';
import type { PayloadInput } from '../payload/index.js';
import type { ReturnTarget, SetMode } from '../stack/index.js';

/** What has to fit before a payload is applied: see Guard in core/stack. */
export type Check = 'build-id' | CodeGuard;

/** What is wanted of a hypervisor, before anybody looked at it. */
export type ChangeRequest =
  /** Upload and apply files, in the order that is found. */
  | {
      readonly verb: 'apply';
      readonly payloads: readonly PayloadInput[];
      /** Default `build-id`. */
      readonly check?: Check;
      /** Have Xen not compare parents. Only with `build-id`; default false. */
      readonly nodeps?: boolean;
      /**
       * `chain`, the default: one on the other. `alternatives`: each is used alone, so that one is planned as a
       * replace, and several are refused.
       */
      readonly mode?: SetMode;
    }
  /** Apply what is loaded already. */
  | { readonly verb: 'apply-loaded'; readonly names: readonly string[]; readonly nodeps?: boolean }
  /** Upload and apply one file on top. */
  | {
      readonly verb: 'load';
      readonly payload: PayloadInput;
      readonly check?: Check;
      readonly nodeps?: boolean;
    }
  | { readonly verb: 'upload'; readonly payloads: readonly PayloadInput[] }
  /** Leave only this one applied. */
  | { readonly verb: 'replace'; readonly payload: PayloadInput; readonly check?: Check }
  /** Revert the top, or with `to` (a name, a build-id or `base`) everything above. */
  | { readonly verb: 'revert'; readonly to: string | null }
  /** Take one payload out, wherever it is; the files tell what is applied. */
  | {
      readonly verb: 'revert-one';
      readonly name: string;
      readonly payloads: readonly PayloadInput[];
      readonly check: CodeGuard;
    }
  | { readonly verb: 'unload'; readonly names: readonly string[] }
  /** Have the same loaded and applied as once. The payloads are those that may have to be uploaded. */
  | {
      readonly verb: 'return';
      readonly command: 'undo' | 'recover';
      readonly target: ReturnTarget;
      readonly payloads: readonly PayloadInput[];
    };

/** The payload files of a request: those that may be uploaded, and those that tell what is loaded. */
export function payloadsOf(request: ChangeRequest): readonly PayloadInput[] {
  if ('payloads' in request) return request.payloads;
  return 'payload' in request ? [request.payload] : [];
}
