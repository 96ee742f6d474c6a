/**
 * A process that tries one point after the other: each message is one, and is answered with its trial.
 *
 *   node worker.js FOLDER CONTROL
 */
import type { Point } from './points.js';
import { tryPoint } from './spoilt.js';

const [folder = '', control = ''] = process.argv.slice(2);

process.on('message', (point: Point) => {
  void tryPoint(point, folder, control).then((trial) => process.send?.(trial));
});
