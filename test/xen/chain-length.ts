/** Links of the chain that is built and applied in one go. */
export const CHAIN_LENGTH = 30;
