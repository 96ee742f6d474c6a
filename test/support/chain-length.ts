/** Links of the chain that is built and applied in one go. */
export const CHAIN_LENGTH = 30;

/** The family's names of the links, each building on the one before it. */
export const CHAIN: readonly string[] = Array.from(
  { length: CHAIN_LENGTH },
  (_, index) => `chain-${String(index + 1).padStart(2, '0')}`,
);
