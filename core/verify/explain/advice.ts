import { hintFor, isStage } from './hints.js';

/** The fix for a refusal; a general one where the hypervisor does not tell which check refused. */
export function adviceFor(stage: string | null, errno: number | null): string {
  const hint =
    stage === null || !isStage(stage)
      ? null
      : hintFor({ outcome: 'refused', stage, errno: errno ?? 0 });
  return hint ?? "Look at Xen's console (xl dmesg) for its reason.";
}
