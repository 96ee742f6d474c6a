import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from '../support/repository.js';

export const PROGRAM = fileURLToPath(new URL('../../bin/xsplice-ts.js', import.meta.url));

/** What came of a play: what each task returned, by host, in order. */
export type Results = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

/** Runs a play with these tasks and returns what they returned. */
export type Play = (
  hosts: Readonly<Record<string, string>>,
  tasks: readonly object[],
  options?: readonly string[],
  inside?: readonly string[],
) => { readonly results: Results; readonly status: number | null; readonly output: string };

/** Plays with the collection, which is put into this folder with all that they leave. */
export function playsIn(root: string): Play {
  const folder = join(root, 'ansible_collections', 'xsplice', 'xen');
  mkdirSync(join(folder, '..'), { recursive: true });
  cpSync(join(repositoryRoot(), 'ansible'), folder, { recursive: true });
  return (hosts, tasks, options = [], inside = []) => {
    const inventory = Object.entries(hosts).map(([name, more]) => `${name} ${more}`);
    writeFileSync(join(root, 'hosts.ini'), `[xen]\n${inventory.join('\n')}\n`);
    const content = [{ hosts: 'xen', gather_facts: false, serial: 2, tasks }];
    writeFileSync(join(root, 'play.yml'), JSON.stringify(content));
    const [program = '', ...words] = [...inside, 'ansible-playbook', '-i', 'hosts.ini', 'play.yml'];
    const { status, stdout, stderr } = spawnSync(program, [...words, ...options], {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        ANSIBLE_COLLECTIONS_PATH: root,
        ANSIBLE_CALLBACK_PLUGINS: join(repositoryRoot(), 'test', 'ansible', 'callback'),
        ANSIBLE_STDOUT_CALLBACK: 'lines',
        ANSIBLE_LOCAL_TEMP: join(root, 'tmp'),
        XDG_STATE_HOME: join(root, 'state'),
      },
    });
    const results: Record<string, Record<string, unknown>[]> = {};
    for (const line of stdout.split('\n').filter((text) => text.startsWith('{'))) {
      const { host, result } = JSON.parse(line);
      results[host] = [...(results[host] ?? []), result];
    }
    return { results, status, output: stdout + stderr };
  };
}

/** A task of the collection. */
export function task(name: 'livepatch' | 'livepatch_info', more: object): object {
  return { [`xsplice.xen.${name}`]: { executable: [process.execPath, PROGRAM], ...more } };
}
