export type { Explanation } from '../../errors.js';
