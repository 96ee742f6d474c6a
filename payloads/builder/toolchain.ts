import { execFile } from 'node:child_process';
import { BuildError } from './build-error.js';

/** Enough for the symbol table of a hypervisor as text. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Which compiler and binutils make the payloads. */
export interface Toolchain {
  readonly gcc: string;
  readonly ld: string;
  readonly objcopy: string;
  readonly machineFlags: readonly string[];
}

export const X86_64: Toolchain = {
  gcc: 'gcc',
  ld: 'ld',
  objcopy: 'objcopy',
  machineFlags: ['-m64', '-mno-red-zone', '-fcf-protection=branch', '-mmanual-endbr'],
};

export const ARM64: Toolchain = {
  gcc: 'aarch64-linux-gnu-gcc',
  ld: 'aarch64-linux-gnu-ld',
  objcopy: 'aarch64-linux-gnu-objcopy',
  machineFlags: ['-mno-outline-atomics', '-fno-unwind-tables'],
};

/** Flags that keep a payload to what Xen's loader knows: PC32, PLT32 and 64 relocations. */
export const COMPILE_FLAGS: readonly string[] = [
  '-std=gnu11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wno-override-init',
  '-fPIC',
  '-ffreestanding',
  '-fvisibility=hidden',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-fno-jump-tables',
  '-fno-toplevel-reorder',
  '-fno-ident',
  '-mgeneral-regs-only',
];

/** Runs a tool and returns its standard output. Rejects with the tool's own words. */
export function runTool(tool: string, args: readonly string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      maxBuffer: MAX_OUTPUT_BYTES,
      env: { ...process.env, LC_ALL: 'C', SOURCE_DATE_EPOCH: '0' },
      ...(cwd === undefined ? {} : { cwd }),
    };
    execFile(tool, [...args], options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
        return;
      }
      const missing = error.code === 'ENOENT';
      reject(
        new BuildError(
          missing ? 'tool-missing' : 'tool-failed',
          missing
            ? `${tool} is not installed`
            : `${tool} failed: ${stderr.trim() || error.message}`,
          missing ? { hint: 'Install gcc and binutils.' } : {},
        ),
      );
    });
  });
}

/** First lines of `--version`, so that a manifest says what made it. */
export async function toolVersions(
  tools: Toolchain,
): Promise<{ compiler: string; linker: string }> {
  const [compiler, linker] = await Promise.all([
    runTool(tools.gcc, ['--version']),
    runTool(tools.ld, ['--version']),
  ]);
  return { compiler: compiler.split('\n')[0] ?? '', linker: linker.split('\n')[0] ?? '' };
}
