import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Hosts on one machine: network namespaces with a bridge between them, and an sshd in each. Needs root. */
export class Namespaces {
  /** The secret key that each of them lets in. */
  readonly key: string;
  /** What ssh needs beyond the key: no question about a host that nobody has seen. */
  readonly sshOptions: readonly string[];
  readonly addresses: readonly string[];
  /** The words that run a command where the hosts can be reached. */
  readonly inside: readonly string[];
  readonly #folder: string;
  readonly #tag = `x${process.pid % 10_000}`;

  /** Why there can be none here; null where there can. */
  static whyNot(): string | null {
    if (process.geteuid?.() !== 0) return 'needs root';
    const missing = ['ip', 'ssh-keygen', 'ssh'].filter(
      (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
    );
    if (!existsSync('/usr/sbin/sshd')) missing.push('sshd');
    return missing.length === 0 ? null : `there is no ${missing.join(', ')} here`;
  }

  constructor(folder: string, count: number) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    mkdirSync('/run/sshd', { recursive: true });
    this.key = join(folder, 'key');
    this.sshOptions = [
      ...['-o', 'StrictHostKeyChecking=no', '-o', `UserKnownHostsFile=${join(folder, 'known')}`],
      ...['-o', 'LogLevel=ERROR'],
    ];
    for (const name of ['key', 'hostkey']) {
      run(`ssh-keygen -q -t ed25519 -N '' -f ${join(folder, name)}`);
      chmodSync(join(folder, name), 0o600);
    }
    this.addresses = Array.from({ length: count }, (_, index) => `10.77.7.${index + 11}`);
    const fleet = `${this.#tag}f`;
    this.inside = ['ip', 'netns', 'exec', fleet];
    run(`ip netns add ${fleet}`);
    run(`ip -n ${fleet} link add br0 type bridge`);
    run(`ip -n ${fleet} addr add 10.77.7.1/24 dev br0`);
    for (const device of ['br0', 'lo']) run(`ip -n ${fleet} link set ${device} up`);
    for (const [index, address] of this.addresses.entries()) this.#addHost(index, address, fleet);
  }

  /** Ends the sshd of a host: who asks is refused. */
  stop(index: number): void {
    const file = this.#pidFile(index);
    const pid = Number(readFileSync(file, 'utf8'));
    process.kill(pid);
    until(`sshd ${pid} ends`, () => !existsSync(`/proc/${pid}`));
  }

  /** There once it listens. */
  #pidFile(index: number): string {
    return join(this.#folder, `sshd${index}.pid`);
  }

  close(): void {
    for (const index of this.addresses.keys()) {
      try {
        this.stop(index);
      } catch {
        // It was stopped before.
      }
      spawnSync('ip', ['netns', 'del', `${this.#tag}h${index}`]);
    }
    spawnSync('ip', ['netns', 'del', `${this.#tag}f`]);
  }

  #addHost(index: number, address: string, fleet: string): void {
    const host = `${this.#tag}h${index}`;
    run(`ip netns add ${host}`);
    run(`ip -n ${fleet} link add v${index} type veth peer name eth0 netns ${host}`);
    run(`ip -n ${fleet} link set v${index} master br0 up`);
    run(`ip -n ${host} addr add ${address}/24 dev eth0`);
    for (const device of ['eth0', 'lo']) run(`ip -n ${host} link set ${device} up`);
    const config = join(this.#folder, `sshd${index}.conf`);
    const lines = [
      'Port 22',
      `HostKey ${join(this.#folder, 'hostkey')}`,
      'PermitRootLogin yes',
      `AuthorizedKeysFile ${join(this.#folder, 'key.pub')}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      `PidFile ${this.#pidFile(index)}`,
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    run(`ip netns exec ${host} /usr/sbin/sshd -f ${config}`);
    const listens = () =>
      existsSync(this.#pidFile(index)) && readFileSync(this.#pidFile(index), 'utf8').endsWith('\n');
    until(`sshd ${index} listens`, listens);
  }
}

function run(command: string): void {
  const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
}

/** Waits, at most ten seconds. */
function until(what: string, isSo: () => boolean): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; !isSo(); waited += 20) {
    if (waited > 10_000) throw new Error(`It is not so yet that ${what}`);
    Atomics.wait(clock, 0, 0, 20);
  }
}
