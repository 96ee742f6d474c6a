import { HOOK_KINDS, hookSection, SECTION } from '../abi/livepatch.js';
import {
  ElfError,
  type ElfFile,
  type ElfSection,
  readRelocations,
  readSymbols,
  SHF,
  SHT,
} from '../elf/index.js';
import { type Code, type Finding, finding, type Severity } from '../findings/index.js';
import type { Payload } from '../payload/index.js';
import { type Rules, sectionsLookedUp } from '../verify/index.js';
import { bounded } from './bounded.js';
import { nearestSection } from './nearest-section.js';

/**
 * What is in a payload's file and what the loader of a release passes over: each allocated section, each
 * section of relocations for one, each second one of a name that is looked up, each name of live patching and
 * each hook is used, is plain code or data, or has a finding here. An error where a part of the fix or a veto is
 * lost in silence, a warning where something else is probably meant, else a note.
 */
export function unusedParts(payload: Payload, rules: Rules): readonly Finding[] {
  const { elf, file } = payload;
  const view: View = {
    file,
    elf,
    rules,
    lookedUp: new Set(sectionsLookedUp(rules)),
    sections: elf.sections.filter(({ index, size }) => index > 0 && size > 0n),
  };
  return bounded([
    ...relocations(view),
    ...seconds(view),
    ...hooks(view, payload),
    ...notLoaded(view),
    ...constructors(view),
    ...namesOfLivePatching(view),
    ...tablesOfXen(view),
    ...leftovers(view),
  ]);
}

interface View {
  readonly file: string;
  readonly elf: ElfFile;
  readonly rules: Rules;
  /** Names that the release looks up. */
  readonly lookedUp: ReadonlySet<string>;
  /** Those that are not empty: in an empty one nothing can be lost. */
  readonly sections: readonly ElfSection[];
}

const isAllocated = ({ flags }: ElfSection) => (flags & SHF.ALLOC) !== 0n;

function unused(
  { file }: View,
  code: Code,
  section: string,
  message: string,
  detail: { readonly severity?: Severity; readonly hint?: string } = {},
): Finding {
  return finding(code, { file, section: cut(section), message: `${file}: ${message}`, ...detail });
}

/** Ours: a section's name can be as long as the file. */
const MAX_NAME_CHARACTERS = 80;

function cut(name: string): string {
  return name.length <= MAX_NAME_CHARACTERS ? name : `${name.slice(0, MAX_NAME_CHARACTERS)}…`;
}

const RELOCATION_TYPES = new Map<number, string>([
  [SHT.RELR, 'RELR'],
  [SHT.CREL, 'CREL'],
]);

/** A relocation section by its name, e.g. `.rela.text`: how it begins and what is relocated. */
const RELOCATION_NAME = /^\.(?:rela|rel|crel|relr)(?=\.)/;

function relocations(view: View): readonly Finding[] {
  const { elf, sections } = view;
  const targets = new Set(sections.filter(isAllocated).map(({ name }) => name));
  return sections.flatMap((section) => {
    const { name, type, info } = section;
    const target = elf.sections[info];
    const isTable = type === SHT.RELA || type === SHT.REL;
    if (isTable && target !== undefined && (info === 0 || isAllocated(target))) return [];
    const byName = name.replace(RELOCATION_NAME, '');
    const meant =
      byName !== name && targets.has(byName)
        ? byName
        : RELOCATION_TYPES.has(type) &&
            (info === 0 || (target !== undefined && isAllocated(target)))
          ? (target?.name ?? '')
          : null;
    if (meant === null) return [];
    const kind = RELOCATION_TYPES.get(type);
    const what = isTable
      ? 'relocations that Xen does not find'
      : 'relocations of a kind that Xen does not perform';
    const of = kind === undefined ? '' : ` (${kind})`;
    const forWhat = meant === '' ? '' : `, for ${cut(meant)}`;
    const hint = isTable
      ? {
          hint: `Its sh_info does not name ${cut(meant)}: link the payload again, and edit it with objcopy only.`,
        }
      : {};
    const message = `${what}: ${cut(name)}${of}${forWhat}`;
    return [unused(view, 'relocations-not-performed', name, message, hint)];
  });
}

/** The reader of ids says it of these itself; code to be replaced by is plain code. */
const SAID_ELSEWHERE: ReadonlySet<string> = new Set([
  SECTION.buildId,
  SECTION.depends,
  SECTION.xenDepends,
  SECTION.altReplacement,
]);

function seconds(view: View): readonly Finding[] {
  const { elf, lookedUp } = view;
  const seen = new Set<string>();
  return elf.sections.flatMap((section) => {
    const { index, name, size } = section;
    if (index === 0 || !lookedUp.has(name) || SAID_ELSEWHERE.has(name)) return [];
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    if (size === 0n) return [];
    // The rest is printed and nothing else.
    const severity = name === SECTION.modinfo ? 'warning' : 'error';
    const message = `section ${index} is a second ${name}: Xen takes the first and leaves the ${size} bytes of this one`;
    return [unused(view, 'second-section-ignored', name, message, { severity })];
  });
}

/** Sections for hooks of any kind, the real names and those that were meant to be. */
const HOOK_NAME = /^\.livepatch\.hook/;

function hooks(view: View, payload: Payload): readonly Finding[] {
  const { lookedUp, rules, sections } = view;
  const strange = sections.flatMap((section) => {
    const { name } = section;
    if (!HOOK_NAME.test(name)) return [];
    if (!lookedUp.has(name)) {
      const isLater = HOOK_KINDS.some((kind) => hookSection(kind) === name);
      const why = isLater
        ? `Xen ${releaseText(rules)} does not know this kind of hook`
        : 'Xen knows no such section';
      const nearest = isLater ? null : nearestSection(name);
      const hint = nearest === null ? {} : { hint: `Is ${nearest} meant?` };
      return [unused(view, 'hook-not-called', name, `${cut(name)} is not called: ${why}`, hint)];
    }
    if (isAllocated(section) || rules.has('buildIdFirst')) return [];
    const message = `${name} is not called: it is not marked to be loaded (SHF_ALLOC)`;
    const hint = `objcopy --set-section-flags ${name}=alloc,data`;
    return [unused(view, 'hook-not-called', name, message, { hint })];
  });
  const nulls = payload.hooks.flatMap(({ kind, targets }) => {
    const name = hookSection(kind);
    if (!lookedUp.has(name) || kind === 'load' || kind === 'unload') return [];
    if (targets.length !== 1 || targets[0]?.kind !== 'null') return [];
    const message = `${name} is not called: its pointer is NULL`;
    const hint = `The relocation of ${name} is missing: link the payload again.`;
    return [unused(view, 'hook-not-called', name, message, { hint })];
  });
  return [...strange, ...nulls];
}

function releaseText({ release: { major, minor } }: Rules): string {
  return `${major}.${minor}`;
}

/** What Xen goes on using after the upload and does not look into while it loads. */
const KEPT = /^\.(?:bug_frames\.[0-3]|ex_table)$/;

function notLoaded(view: View): readonly Finding[] {
  const { rules, sections } = view;
  return sections.flatMap((section) => {
    const { name } = section;
    if (isAllocated(section) || !KEPT.test(name)) return [];
    const isFreed = rules.has('buildIdFirst');
    const message = isFreed
      ? `${name} is not marked to be loaded (SHF_ALLOC): Xen goes on using it in memory that it has freed`
      : `${name} is not marked to be loaded (SHF_ALLOC): Xen looks for it at NULL`;
    const code = isFreed ? 'kept-in-freed-memory' : 'section-not-used';
    return [unused(view, code, name, message, { severity: 'error' })];
  });
}

const CONSTRUCTOR_TYPES: ReadonlySet<number> = new Set([SHT.INIT_ARRAY, SHT.PREINIT_ARRAY]);
const CONSTRUCTOR_NAME = /^\.(?:init_array|preinit_array|ctors|initcall)/;

function constructors(view: View): readonly Finding[] {
  return view.sections.flatMap((section) => {
    const { name, type } = section;
    if (!isAllocated(section)) return [];
    if (!CONSTRUCTOR_TYPES.has(type) && !CONSTRUCTOR_NAME.test(name)) return [];
    const message = `${cut(name)} holds functions to be called at start: Xen calls none of a payload`;
    return [unused(view, 'constructors-not-called', name, message)];
  });
}

const LIVE_PATCHING_NAME = /^\.(?:livepatch|kpatch|klp)\./;

/** Names of live patching that the release does not look up, and to which nothing leads either. */
function namesOfLivePatching(view: View): readonly Finding[] {
  const { elf, lookedUp, rules, sections } = view;
  const strange = sections.filter(
    ({ name }) => LIVE_PATCHING_NAME.test(name) && !HOOK_NAME.test(name) && !lookedUp.has(name),
  );
  if (strange.length === 0) return [];
  const reached = reachedSections(elf);
  return strange.flatMap((section) => {
    const { index, name } = section;
    if (reached === null || reached.has(index)) return [];
    if (name === SECTION.xenDepends) {
      const message = `Xen ${releaseText(rules)} does not compare ${name}: nothing keeps the payload off another build`;
      return [unused(view, 'section-not-used', name, message, { severity: 'note' })];
    }
    const nearest = nearestSection(name);
    const hint = nearest === null ? {} : { hint: `Is ${nearest} meant?` };
    const message = `nothing uses ${cut(name)}: Xen does not look for it, and no relocation leads to it`;
    return [unused(view, 'section-not-used', name, message, hint)];
  });
}

/** Sections that relocations of others lead into; null where that cannot be read. */
function reachedSections(elf: ElfFile): ReadonlySet<number> | null {
  try {
    const symbols = readSymbols(elf) ?? [];
    const reached = new Set<number>();
    for (const { target, entries } of readRelocations(elf)) {
      for (const { symbolIndex } of entries) {
        const index = symbols[symbolIndex]?.sectionIndex;
        if (index !== undefined && index !== target?.index) reached.add(index);
      }
    }
    return reached;
  } catch (error) {
    if (error instanceof ElfError) return null;
    throw error;
  }
}

/** Names with a meaning when Xen itself is linked, and none in a payload. */
const TABLES_OF_XEN: readonly (readonly [RegExp, string])[] = [
  [/^\.bug_frames\.(?![0-3]$)/, 'Xen looks for .bug_frames.0 to .bug_frames.3 only'],
  [/^\.ex_table\.pre$/, 'Xen looks for .ex_table only'],
  [/^\.(?:bss|data)\.+percpu/, 'variables of each CPU cannot be added: accesses to them go astray'],
  [/^\.(?:init\.setup|data\.param)/, 'parameters are read at boot'],
  [/^\.data\.schedulers$/, 'schedulers are collected when Xen is linked'],
  [/^\.(?:fini_array|dtors|exitcall)/, 'Xen calls no destructors of a payload'],
];

function tablesOfXen(view: View): readonly Finding[] {
  const { lookedUp, rules, sections } = view;
  return sections.filter(isAllocated).flatMap(({ name }) => {
    const isLater =
      !lookedUp.has(name) && (name === SECTION.altCallSites || name === SECTION.modinfo);
    const why = isLater
      ? `Xen ${releaseText(rules)} does not look for it`
      : TABLES_OF_XEN.find(([pattern]) => pattern.test(name))?.[1];
    if (why === undefined) return [];
    const severity = name === SECTION.modinfo ? 'note' : 'warning';
    return [
      unused(view, 'section-not-used', name, `${cut(name)} is not used: ${why}`, { severity }),
    ];
  });
}

/** Types of plain code and data. */
const PLAIN_TYPES: ReadonlySet<number> = new Set([SHT.PROGBITS, SHT.NOBITS]);

/** What compilers and linkers leave behind: loaded, and of no use to Xen. One note for all of it. */
function leftovers(view: View): readonly Finding[] {
  const { lookedUp, sections } = view;
  const names = sections
    .filter(isAllocated)
    .filter(
      ({ name, type }) =>
        !lookedUp.has(name) &&
        !LIVE_PATCHING_NAME.test(name) &&
        !RELOCATION_NAME.test(name) &&
        !CONSTRUCTOR_TYPES.has(type) &&
        !CONSTRUCTOR_NAME.test(name) &&
        type !== SHT.FINI_ARRAY &&
        !RELOCATION_TYPES.has(type) &&
        (!PLAIN_TYPES.has(type) || name === '.eh_frame'),
    )
    .map(({ name }) => cut(name));
  const [first] = names;
  if (first === undefined) return [];
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  const message = `loaded, and not used by Xen: ${names.slice(0, 5).join(', ')}${more}`;
  const hint =
    'Nothing has to be done. -fno-asynchronous-unwind-tables and objcopy --remove-section keep them out.';
  return [unused(view, 'section-not-used', first, message, { severity: 'note', hint })];
}
