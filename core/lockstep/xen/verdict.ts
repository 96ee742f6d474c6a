import { errnoName } from '../../abi/errno.js';
import type { CheckReport } from '../../check/index.js';
import type { XenAnswer } from '../../verify/index.js';
import type { ModuleVerdict } from '../judge.js';
import { ACCEPTED, undecided, verdict } from '../verdict.js';

/** What check says of payloads, as one host among others. Its findings say why. */
export function payloadVerdicts({
  verdicts,
  chain,
  notVerified,
}: CheckReport): readonly ModuleVerdict[] {
  if (verdicts === null) {
    const why = undecided(notVerified ?? 'no verdict was made');
    return chain.map(({ file }) => ({ ...why, file, missingBytes: 0 }));
  }
  return verdicts.map((one) => ({
    ...verdictOf(one.inChain ?? one),
    file: one.file,
    missingBytes: 0,
  }));
}

function verdictOf({ outcome, errno, stage, log }: XenAnswer) {
  const detail = {
    by: 'host',
    says: log.at(-1) ?? null,
    actual: [errno === null ? null : errnoName(errno), stage]
      .filter((text) => text !== null)
      .join(', '),
  } as const;
  switch (outcome) {
    case 'accepted':
      return ACCEPTED;
    case 'refused':
      return verdict('refused', 'would-be-refused', detail);
    case 'fatal':
      return verdict('fatal', 'would-be-fatal', detail);
  }
}
