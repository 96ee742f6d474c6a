import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type IConfigFile,
} from '@microsoft/api-extractor';
import type { MadeFile } from './make.js';

/** What can be imported: the root with all of its parts, and what is not in it. */
const ENTRY_POINTS = { index: 'index', elf: 'public/elf' };

/** The surface of the library, an entry point a file: what changes in it shows in review. Throws where it cannot be read. */
export function apiReports(root: string): readonly MadeFile[] {
  return Object.entries(ENTRY_POINTS).map(([name, entry]) => ({
    path: `docs/api/${name}.api.md`,
    text: reportOf(root, name, join('dist', 'core', `${entry}.d.ts`)),
  }));
}

function reportOf(root: string, name: string, entry: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-api-'));
  const silent = { default: { logLevel: ExtractorLogLevel.None } };
  const compilerOptions = {
    ...{ target: 'ES2022', module: 'NodeNext', moduleResolution: 'NodeNext', lib: ['ES2023'] },
    ...{ types: ['node'], strict: true, skipLibCheck: true },
  };
  const configObject: IConfigFile = {
    projectFolder: root,
    mainEntryPointFilePath: join(root, entry),
    newlineKind: 'lf',
    compiler: { overrideTsconfig: { compilerOptions, files: [entry] } },
    apiReport: {
      enabled: true,
      reportFileName: name,
      reportFolder: folder,
      reportTempFolder: join(folder, 'temp'),
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
      extractorMessageReporting: silent,
      tsdocMessageReporting: silent,
    },
  };
  try {
    const config = ExtractorConfig.prepare({
      configObject,
      configObjectFullPath: undefined,
      packageJsonFullPath: join(root, 'package.json'),
    });
    const errors: string[] = [];
    const { succeeded } = Extractor.invoke(config, {
      localBuild: true,
      messageCallback: (message) => {
        if (message.logLevel === ExtractorLogLevel.Error) errors.push(message.text);
        message.handled = true;
      },
    });
    if (!succeeded) throw new Error(`No report of ${entry}: ${errors.join('; ')}`);
    return readFileSync(join(folder, `${name}.api.md`), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
