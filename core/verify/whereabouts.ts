import type { Finding } from '../findings/index.js';

/** Where in the payload a fault is and what is wrong there, as far as the check that finds it knows. */
export type Whereabouts = Pick<Finding, 'section' | 'symbol' | 'offset' | 'expected' | 'actual'>;
