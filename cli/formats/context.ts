import type { Tool } from '../tool.js';
import type { PlaceOf } from './place.js';

/** What a format says besides the run itself. */
export interface FormatContext {
  readonly tool: Tool;
  /** Of the process. */
  readonly exitCode: number;
  readonly placeOf: PlaceOf;
}
