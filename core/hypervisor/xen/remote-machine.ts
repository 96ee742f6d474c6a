import { XEN_ERRNO } from '../../abi/errno.js';
import { XspliceError } from '../../findings/index.js';
import type { HostMachine } from '../machine.js';
import type { AgentConnection } from './handle/connection.js';
import {
  encodeLock,
  encodePath,
  encodeRead,
  encodeWrite,
  FILE_PART,
  readErrno,
  readPart,
  UNLOCK,
} from './handle/frames.js';

/** Those before are waited for so long, as on this machine. */
const PATIENCE_MS = 10_000;
/** No file that is read of a host is larger. */
const MOST_BYTES = 256 * 1024 * 1024;

/** The machine at the other end of a connection. What it says is untrusted, and its files may change while they are read. */
export function remoteMachine(connection: AgentConnection): HostMachine {
  const ask = async (body: Uint8Array) => readErrno(await connection.request(body));

  return {
    async read(path, maxBytes = MOST_BYTES) {
      const first = readPart(await connection.request(encodeRead(path, 0)));
      if (first.errno !== 0 || first.sizeBytes > BigInt(Math.min(maxBytes, MOST_BYTES)))
        return null;
      const parts = [first.bytes];
      // A file of the kernel's has no size, and comes whole in the first part.
      const size = Number(first.sizeBytes);
      const offsets = Array.from(
        { length: Math.max(Math.ceil(size / FILE_PART) - 1, 0) },
        (_, index) => (index + 1) * FILE_PART,
      );
      const rest = await Promise.all(
        offsets.map(async (offset) => readPart(await connection.request(encodeRead(path, offset)))),
      );
      if (rest.some(({ errno }) => errno !== 0)) return null;
      const whole = Buffer.concat([...parts, ...rest.map(({ bytes }) => bytes)]);
      return whole.length > maxBytes ? null : whole;
    },

    async list(folder) {
      const { errno, bytes } = await ask(encodePath('D', folder));
      if (errno !== 0) return [];
      const names = bytes.toString('utf8').split('\0');
      return names.filter((name) => name !== '' && !name.includes('/')).sort();
    },

    async note(path, text) {
      // It is only a note: nobody waits for it.
      connection.tell(encodeWrite('W', path, Buffer.from(text)));
    },

    async noted(path) {
      const { errno, bytes } = await ask(encodePath('O', path));
      return errno === 0 ? bytes : null;
    },

    async exclusive(folder, what, run) {
      const { errno, bytes } = await ask(encodeLock(folder, PATIENCE_MS));
      if (errno === XEN_ERRNO.EBUSY) throw inUse(what, bytes.toString('utf8'));
      if (errno !== 0) {
        const message = `${folder} on ${connection.spec} cannot be locked: errno ${errno}`;
        throw new XspliceError('state-not-writable', message);
      }
      try {
        return await run();
      } finally {
        connection.tell(UNLOCK);
      }
    },
  };
}

/** The error that names who has the lock, by what it says of itself. */
function inUse(what: string, answer: string): XspliceError {
  const number = /"process":(\d{1,10})\b/.exec(answer)?.[1];
  const since = /"since":"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)/.exec(answer);
  const who = number === undefined ? 'a process that does not answer' : `process ${number} there`;
  const when = since === null ? '' : ` since ${since[1]} ${since[2]} UTC`;
  return new XspliceError('state-locked', `${what} is in use by ${who}${when}`);
}
