import { errnoName, XEN_ERRNO } from '../../abi/errno.js';
import { isDraft, isLock, type KeptFolder } from '../../files/index.js';
import { XspliceError } from '../../findings/index.js';
import type { HostMachine } from '../machine.js';
import type { AgentConnection } from './handle/connection.js';
import {
  encodeLock,
  encodePath,
  encodeRead,
  encodeUnlock,
  encodeWrite,
  FILE_PART,
  readErrno,
  readPart,
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
      return errno === 0 ? namesOf(bytes) : [];
    },

    async note(path, text) {
      // It is only a note: nobody waits for it.
      connection.tell(encodeWrite('W', path, Buffer.from(text)));
    },

    async noted(path) {
      const { errno, bytes } = await ask(encodePath('O', path));
      return errno === 0 ? bytes : null;
    },

    exclusive: (folder, what, run) => exclusively(connection, folder, what, run),

    kept: (path) => remoteFolder(connection, path),
  };
}

async function exclusively<T>(
  connection: AgentConnection,
  folder: string,
  what: string,
  run: () => Promise<T>,
): Promise<T> {
  const { errno, bytes } = readErrno(await connection.request(encodeLock(folder, PATIENCE_MS)));
  if (errno === XEN_ERRNO.EBUSY) throw inUse(what, bytes.toString('utf8'));
  if (errno !== 0) {
    const message = `${folder} on ${connection.spec} cannot be locked: ${errnoName(errno)}`;
    throw new XspliceError('state-not-writable', message);
  }
  try {
    return await run();
  } finally {
    connection.tell(encodeUnlock(folder));
  }
}

/** A folder that is kept on that machine. */
function remoteFolder(connection: AgentConnection, path: string): KeptFolder {
  const at = (name: string) => (name === '' ? path : `${path}/${name}`);
  const ask = async (body: Uint8Array, name: string, absent: 'absent' | 'error') => {
    const { errno, bytes } = readErrno(await connection.request(body));
    if (errno === 0) return bytes;
    if (errno === XEN_ERRNO.ENOENT && absent === 'absent') return null;
    const code = errnoName(errno);
    throw Object.assign(new Error(`${at(name)} on ${connection.spec}: ${code}`), { code });
  };
  const namesIn = async (folder: string) => {
    const bytes = await ask(encodePath('D', at(folder)), folder, 'absent');
    return namesOf(bytes ?? Buffer.alloc(0));
  };
  const remove = async (name: string) => {
    await ask(encodePath('X', at(name)), name, 'absent');
  };
  const removeFolder = async (folder: string): Promise<void> => {
    for (const name of await namesIn(folder)) {
      const below = `${folder}/${name}`;
      // A file has no names in it: to ask for them fails.
      const isFolder = await namesIn(below).then(
        () => true,
        () => false,
      );
      await (isFolder ? removeFolder(below) : remove(below));
    }
    await remove(folder);
  };
  return {
    path,
    read: (name) => ask(encodePath('O', at(name)), name, 'absent'),
    async write(name, bytes) {
      await ask(encodeWrite('W', at(name), Buffer.from(bytes)), name, 'error');
    },
    async append(name, text) {
      await ask(encodeWrite('P', at(name), Buffer.from(text)), name, 'error');
    },
    async list(folder) {
      return (await namesIn(folder)).filter((name) => !isDraft(name) && !isLock(name));
    },
    remove,
    removeFolder,
    // What the agent may not write it says when it is asked to.
    obstacle: async () => null,
    exclusive: (what, run) => exclusively(connection, path, what, run),
  };
}

/** Names with a NUL behind each, sorted. */
function namesOf(bytes: Buffer): readonly string[] {
  const names = bytes.toString('utf8').split('\0');
  return names.filter((name) => name !== '' && !name.includes('/')).sort();
}

/** The error that names who has the lock, by what it says of itself. */
function inUse(what: string, answer: string): XspliceError {
  const number = /"process":(\d{1,10})\b/.exec(answer)?.[1];
  const since = /"since":"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)/.exec(answer);
  const who = number === undefined ? 'a process that does not answer' : `process ${number} there`;
  const when = since === null ? '' : ` since ${since[1]} ${since[2]} UTC`;
  return new XspliceError('state-locked', `${what} is in use by ${who}${when}`);
}
