import { appendFileSync, copyFileSync, writeFileSync } from 'node:fs';
import { SECTION } from '../../core/abi/livepatch.js';
import { BuildError } from './build-error.js';
import type { CompiledMember } from './compile.js';
import { buildIdNote, moduleSignatureTrailer } from './notes.js';
import { runTool, type Toolchain } from './toolchain.js';

/** The ids that a payload's notes state. */
export interface Depends {
  readonly depends: string;
  readonly xenDepends: string | null;
}

const READ_ONLY = 'alloc,load,readonly,data,contents';

/**
 * Makes the payload file and returns its build-id. By hand the depends notes come before the build-id
 * is computed, so that it covers them; livepatch-build-tools adds them to the linked file.
 */
export async function linkPayload(
  compiled: CompiledMember,
  ids: Depends,
  output: string,
  tools: Toolchain,
): Promise<string> {
  const { member, object } = compiled;
  const linked = `${object}.linked`;
  const prepared = `${object}.prepared`;
  const likeBuildTools = member.shape === 'build-tools';
  const notes = dependsArguments(ids, object);
  const readOnly = likeBuildTools ? [SECTION.funcs] : [];

  await runTool(tools.objcopy, [
    ...['.comment', '.note.GNU-stack', '.note.gnu.property'].flatMap((name) => ['-R', name]),
    ...['.livepatch.hooks.*', ...readOnly].flatMap((s) => setFlags(s)),
    ...[...compiled.renames].flatMap(([from, to]) => ['--redefine-sym', `${from}=${to}`]),
    ...(likeBuildTools ? [] : notes),
    object,
    prepared,
  ]);
  await runTool(tools.ld, ['-r', '--build-id=sha1', '-o', linked, prepared]);
  if (likeBuildTools) {
    await runTool(tools.objcopy, [...notes, linked, output]);
    appendFileSync(output, moduleSignatureTrailer());
  } else {
    copyFileSync(linked, output);
  }
  return readBuildId(output);
}

function dependsArguments(ids: Depends, object: string): readonly string[] {
  const note = (section: string, id: string): readonly string[] => {
    const file = `${object}${section}`;
    writeFileSync(file, buildIdNote(id));
    return ['--add-section', `${section}=${file}`, ...setFlags(section)];
  };
  const xen = ids.xenDepends === null ? [] : note(SECTION.xenDepends, ids.xenDepends);
  return [...note(SECTION.depends, ids.depends), ...xen];
}

function setFlags(section: string): readonly string[] {
  return ['--set-section-flags', `${section}=${READ_ONLY}`];
}

async function readBuildId(file: string): Promise<string> {
  const notes = await runTool('readelf', ['-nW', file]);
  const own = notes.slice(notes.indexOf(`found in: ${SECTION.buildId}`));
  const id = /Build ID: ([0-9a-f]+)/.exec(own)?.[1];
  if (id === undefined) throw new BuildError('no-build-id', `The linker gave ${file} no build-id`);
  return id;
}
