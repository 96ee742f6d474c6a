import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where these programs load their modules from, in their root. */
export const QEMU_FOLDER = '/usr/lib/x86_64-linux-gnu/qemu';
export const NBDKIT_FOLDER = '/usr/lib/x86_64-linux-gnu/nbdkit';
export const XEN_LIBRARIES = '/usr/lib/x86_64-linux-gnu';
export const STAMP = `qemu_stamp_${'a1'.repeat(20)}`;
export const OTHER_STAMP = `qemu_stamp_${'b2'.repeat(20)}`;

export const hasCompiler = spawnSync('gcc', ['--version']).status === 0;

/** Compiles C from a text; with no library but the C compiler's own, so that nothing else has to be there. */
export function compileC(file: string, source: string, options: readonly string[] = []): string {
  mkdirSync(dirname(file), { recursive: true });
  const all = ['-O1', '-x', 'c', '-', '-nostdlib', '-o', file, ...options];
  const { status, stderr } = spawnSync('gcc', all, { input: source, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return file;
}

/** What a QEMU of 7.2 has that lockstep looks at, in a program that does nothing. */
export function makeQemu(root: string, { hasModuleLoad = true, stamp = STAMP } = {}): string {
  const source = `
    const char *stamp = "${stamp}";
    const char *version = "QEMU emulator version 7.2.22 (Debian 1:7.2)";
    const char *folder = "${QEMU_FOLDER}";
    struct info { const char *name, *arch, **objs, **deps, **opts; };
    static const char *deps[] = { "ui-opengl", 0 };
    struct info qemu_modinfo[] = {
      { "block-ssh" }, { "block-curl" }, { "ui-opengl" }, { "ui-gtk", 0, 0, deps },
      { "accel-tcg-i386", "i386" }, { 0 } };
    void register_dso_module_init(void) {}
    ${hasModuleLoad ? 'int module_load(void) { return 0; }' : 'int module_load_one(void) { return 0; }'}
    void _start(void) {}`;
  const program = join(root, '/usr/bin/qemu-system-x86_64');
  return compileC(program, source, [
    '-pie',
    '-fPIC',
    '-rdynamic',
    '-Wl,--dynamic-linker=/lib64/ld',
  ]);
}

/** Registers a function that does nothing, for the first of QEMU's stages. */
const CONSTRUCTOR = `
    extern void register_dso_module_init(void (*init)(void), int type);
    static void nothing(void) {}
    __attribute__((constructor)) static void start(void) { register_dso_module_init(nothing, 0); }`;

/** A module of QEMU; \`more\` is C that stands beside what each has. */
export function makeModule(
  root: string,
  name: string,
  {
    stamp = STAMP,
    constructors = true,
    more = '',
    folder = QEMU_FOLDER,
    options = [] as readonly string[],
  } = {},
): string {
  const source = `
    void ${stamp}(void) {}
    void qemu_module_dummy(void) {}
    ${constructors ? CONSTRUCTOR : ''}
    ${more}`;
  return compileC(join(root, folder, `${name}.so`), source, ['-shared', '-fPIC', ...options]);
}

export function makeNbdkit(root: string, version = '1.32.5'): string {
  const source = `
    const char *version = "${version}";
    const char *folders[] = { "${NBDKIT_FOLDER}/filters", "${NBDKIT_FOLDER}/plugins" };
    void nbdkit_error(void) {}
    void _start(void) {}`;
  const options = ['-pie', '-fPIC', '-rdynamic', '-Wl,--dynamic-linker=/lib64/ld'];
  return compileC(join(root, '/usr/bin/nbdkit'), source, options);
}

/** A filter as nbdkit's macro makes it: the first fields are filled in when it is asked. */
export function makeFilter(
  root: string,
  name: string,
  { api = 6, version = '1.32.5' } = {},
): string {
  const source = `
    struct filter { int api; const char *version, *name; void *calls[100]; };
    static struct filter filter = { 0, 0, "${name}" };
    struct filter *filter_init(void) { filter.api = ${api}; filter.version = "${version}"; return &filter; }`;
  const file = join(root, NBDKIT_FOLDER, 'filters', `nbdkit-${name}-filter.so`);
  return compileC(file, source, ['-shared', '-fPIC']);
}

interface PluginSpec {
  readonly size?: number;
  readonly api?: number;
  /** Offsets of the callbacks that it has. */
  readonly slots?: readonly number[];
  readonly more?: string;
  /** Of its entry function. */
  readonly body?: string;
}

/** A plugin with these callbacks, by their offsets in its structure. */
export function makePlugin(root: string, name: string, spec: PluginSpec = {}): string {
  const { size = 384, api = 2, slots = [88, 104, 216], more = '' } = spec;
  const body = spec.body ?? `plugin.size = ${size}; plugin.api = ${api}; return &plugin;`;
  const fields = slots.map((offset) => `[${(offset - 24) / 8}] = open_it`).join(', ');
  const source = `
    static int open_it(void) { return 0; }
    static struct { unsigned long size; int api, model; const char *name; int (*calls[600])(void); }
      plugin = { 0, 0, 0, "${name}", { ${fields} } };
    ${more}
    void *plugin_init(void) { ${body} }`;
  const file = join(root, NBDKIT_FOLDER, 'plugins', `nbdkit-${name}-plugin.so`);
  return compileC(file, source, ['-shared', '-fPIC']);
}

/** A library of Xen, with one function and where `version` is not null its version. */
export function makeXenLibrary(
  root: string,
  file: string,
  { soname = file, version = 'VERS_4.17.0' as string | null } = {},
): string {
  const source =
    version === null
      ? 'void xen_call(void) {}'
      : `__asm__(".symver xen_call_1, xen_call@@${version}"); void xen_call_1(void) {}`;
  const path = join(root, XEN_LIBRARIES, file);
  mkdirSync(dirname(path), { recursive: true });
  const script = `${path}.map`;
  writeFileSync(script, `${version ?? 'NONE'} { global: xen_call; };`);
  const versions = version === null ? [] : [`-Wl,--version-script=${script}`];
  compileC(path, source, ['-shared', '-fPIC', `-Wl,-soname,${soname}`, ...versions]);
  rmSync(script);
  return path;
}

/** A program that calls that library. */
export function makeXenProgram(root: string, path: string, library: string): string {
  const source = 'extern void xen_call(void); void _start(void) { xen_call(); }';
  const options = ['-pie', '-fPIC', '-Wl,--dynamic-linker=/lib64/ld', `-Wl,${library}`];
  return compileC(join(root, path), source, options);
}
