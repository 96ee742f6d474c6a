/**
 * What runs in the dom0 of a rehearsal, beside the agent: it answers two more requests. The agent that is sent to hosts
 * knows them not: nothing can be run by it.
 *
 *   T  u32 number -> i32 errno: starts that test
 *   R  -> i32 1 while it runs, else 0; i32 exit status, or the negative number of the signal; u64 size of what it wrote; its begin
 *   Z  -> nothing: kills it, and all that it started
 */
export const RUNNER = `#!/usr/bin/python3 -SEs
import errno, os, resource, signal, struct, subprocess, sys
sys.path.insert(0, "/boot")
import agent

OUTPUT = "/tmp/output"
MOST_OUTPUT = 64 << 10
# A test that writes without end is killed by it.
MOST_FILE = 16 << 20


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE, MOST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Runner(agent.Agent):
    test = None

    def start(self, body):
        number, = struct.unpack_from("<I", body, 1)
        path = "/boot/tests/%d" % number
        # A script without a first line that says by what it is run is one for sh.
        for words in [path], ["/bin/sh", path]:
            with open(OUTPUT, "wb") as output:
                try:
                    self.test = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/root",
                                                 start_new_session=True, preexec_fn=limited)
                    return struct.pack("<i", 0)
                except OSError as e:
                    failed = e.errno or errno.EIO
                    if failed != errno.ENOEXEC: break
        return struct.pack("<i", failed)

    def look(self, body):
        status = self.test.poll()
        with open(OUTPUT, "rb") as f: begin = f.read(MOST_OUTPUT)
        size = os.stat(OUTPUT).st_size
        running = 1 if status is None else 0
        return struct.pack("<iiQ", running, status or 0, size) + begin

    def kill(self, body):
        try: os.killpg(self.test.pid, signal.SIGKILL)
        except OSError: pass
        self.test.wait()
        return b""

    REQUESTS = dict(agent.Agent.REQUESTS)
    REQUESTS.update({b"T": start, b"R": look, b"Z": kill})


agent.main(kind=Runner)
`;

/** The request that starts a test. */
export function encodeStart(index: number): Buffer {
  const body = Buffer.alloc(5);
  body.write('T');
  body.writeUInt32LE(index, 1);
  return body;
}

export const LOOK = Buffer.from('R');
export const KILL = Buffer.from('Z');

/** What was answered to LOOK; null where it is not that. */
export function readLook(body: Buffer): {
  readonly isRunning: boolean;
  readonly status: number;
  readonly outputBytes: number;
  readonly output: Buffer;
} | null {
  if (body.length < 16) return null;
  return {
    isRunning: body.readInt32LE(0) !== 0,
    status: body.readInt32LE(4),
    outputBytes: Number(body.readBigUInt64LE(8)),
    output: body.subarray(16),
  };
}
