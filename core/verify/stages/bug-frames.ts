import {
  checkWholeEntries,
  loadingSectionByName,
  type Stage,
  type StageResult,
} from '../loading.js';
import { BUGFRAME_NR } from '../looked-up.js';

/** sizeof(struct bug_frame) without its flexible tail. */
const BUG_FRAME_BYTES = 8;

/** `.bug_frames.N` in prepare_payload: whole entries, nothing else is looked at. All releases. */
export const bugFrames: Stage = (loading) => {
  let fault: StageResult = 0;
  for (let i = 0; i < BUGFRAME_NR; i++) {
    const section = loadingSectionByName(loading, `.bug_frames.${i}`);
    if (section) fault = checkWholeEntries(loading, section, BUG_FRAME_BYTES) || fault;
  }
  return fault;
};
