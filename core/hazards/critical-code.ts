import type { Finding } from '../findings/index.js';
import type { SymbolTable } from '../image/index.js';
import type { Model } from '../verify/index.js';
import { hazard, originalExtentAt, type PatchSite, type Subject } from './subject.js';

interface Rule {
  readonly names: readonly (string | RegExp)[];
  readonly why: string;
}

/**
 * Code that runs, or is on a stack, while check_for_livepatch_work has all CPUs together: from there to
 * livepatch_do_action (common/livepatch.c), the helpers that write (arch/x86/livepatch.c), and what they
 * call. Read from 4.12 to 4.22. The tasklet that starts the work has returned by then, and Xen does not
 * use stop_machine for it.
 */
const LIVE_PATCHING: readonly Rule[] = [
  {
    names: [
      'check_for_livepatch_work',
      'do_livepatch_work',
      'livepatch_do_action',
      'livepatch_spin',
      'apply_payload',
      'apply_payload_tail',
      'revert_payload',
      'revert_payload_tail',
      'was_action_consistent',
      'livepatch_check_expectations',
      'livepatch_display_metadata',
      /^arch_livepatch_/,
    ],
    why: 'runs while it would be overwritten: all CPUs are in it, or it does the writing',
  },
  {
    names: ['idle_loop'],
    why: 'never returns: every CPU is in it while it is overwritten, and goes on in the old code',
  },
  {
    names: ['memcpy', '__memcpy', 'add_nops', 'livepatch_insn_len'],
    why: 'is what writes the patch (arch_livepatch_apply)',
  },
  {
    names: [
      'relax_virtual_region_perms',
      'tighten_virtual_region_perms',
      'reset_virtual_region_perms',
      'modify_xen_mappings_lite',
      'flush_area_local',
    ],
    why: 'makes the code writable while patches are written',
  },
  {
    names: ['mask_nmi_callback', 'do_nmi', 'set_nmi_callback', 'do_machine_check'],
    why: 'is reached by an NMI or machine check, which no rendezvous holds back',
  },
  {
    names: [
      /^livepatch_/,
      /livepatch(_elf)?\.c#/,
      'find_payload',
      'load_payload_data',
      'free_payload',
      'build_id_dep',
      'schedule_work',
    ],
    why: 'is needed to revert it again',
  },
];

/** Assembly of arch/x86 (x86_64/entry.S, compat/entry.S, hvm's entry.S files, boot/), by its own names. */
const ENTRY = [
  /\.S#/,
  /^((lstar|cstar)_enter|sysenter_(entry|eflags_saved)|int80_direct_trap|nmi|continue_pv_domain)$/,
  /^entry_(int|SYSENTER|SYSCALL|PF|GP|NMI|DF|MC|CP|DB|BP|UD|[A-Z]{2}$)/,
  /^(handle_(exception|ist_exception)(_saved)?|common_interrupt|ret_from_intr)$/,
  /^(restore_all_(guest|xen)|compat_restore_all_guest|iret_exit_to_guest)$/,
  /^(switch_to_kernel|compat_syscall|create_bounce_frame|compat_create_bounce_frame)$/,
  /^(double_fault|early_page_fault|autogen_entrypoints|autogen_stubs|trap_nop)$/,
  /^(vmx_asm_(vmexit_handler|do_vmentry)|svm_asm_do_resume|svm_stgi_label)$/,
  /^(test_all_events|process_softirqs|process_nmi|process_mce|dom_crash_sync_extable)$/,
  /^(__high_start|start|s3_resume|do_suspend_lowlevel|trampoline_\w+)$/,
  /^__x86_(indirect_thunk_|return_thunk)/,
];
const ANY_ENTRY = new RegExp(ENTRY.map(({ source }) => source).join('|'));

/** Functions whose replacement endangers the replacing, entry code, and code that is gone after boot. */
export function checkCriticalCode(subject: Subject): readonly Finding[] {
  const kinds = new Map<string, KindOfCode>();
  const kindOf = (name: string): KindOfCode => {
    const kind = kinds.get(name) ?? kindByName(name);
    kinds.set(name, kind);
    return kind;
  };
  return subject.sites.flatMap((site) => checkSite(subject, site, kindOf));
}

/** What a name says of a function. */
interface KindOfCode {
  /** Index of the first rule of LIVE_PATCHING that names it; Infinity where none does. */
  readonly rule: number;
  readonly isEntry: boolean;
}

function kindByName(name: string): KindOfCode {
  const plain = plainName(name);
  const rule = LIVE_PATCHING.findIndex(
    ({ names }) => matches(names, name) || matches(names, plain),
  );
  return { rule: rule < 0 ? Number.POSITIVE_INFINITY : rule, isEntry: ANY_ENTRY.test(name) };
}

function checkSite(
  subject: Subject,
  site: PatchSite,
  kindOf: (name: string) => KindOfCode,
): readonly Finding[] {
  const { model, context } = subject;
  const extent = originalExtentAt(subject, site.func.oldAddress);
  const kinds = [site.name, ...(extent ? [extent.name] : [])].map(kindOf);
  const symbol = site.name;
  if (!model.memory.isMapped(site.func.oldAddress)) {
    const init = context.symbols && initSymbolAt(model, context.symbols, site.func.oldAddress);
    const what = init ? `${init} is code of an init section` : 'nothing is mapped there';
    return [
      hazard(subject, 'init-code', `patches ${site.name}, but ${what}, gone after boot`, {
        symbol,
      }),
    ];
  }
  const rule = LIVE_PATCHING[Math.min(...kinds.map((kind) => kind.rule))];
  if (rule) {
    return [
      hazard(subject, 'critical-code', `replaces ${site.name}, which ${rule.why}`, {
        symbol,
      }),
    ];
  }
  if (kinds.some(({ isEntry }) => isEntry)) {
    return [
      hazard(
        subject,
        'entry-code',
        `replaces ${site.name}, which is entry code: it is reached without a call, with registers and stack of its own`,
        { symbol },
      ),
    ];
  }
  return [];
}

/** `livepatch_spin` for `livepatch.c#livepatch_spin`, and without what compilers append (`.part.0`). */
function plainName(name: string): string {
  const own = name.slice(name.indexOf('#') + 1);
  return own.replace(/\.(part|constprop|isra|cold)(\.\d+)*$/, '');
}

function matches(names: readonly (string | RegExp)[], name: string): boolean {
  return names.some((known) => (typeof known === 'string' ? known === name : known.test(name)));
}

/**
 * The symbol of an init section that an address belongs to, which is unmapped once Xen has booted
 * (init_done, arch/x86/setup.c); null for any other address. For a fatal verdict's cause as well.
 */
export function initSymbolAt(model: Model, symbols: SymbolTable, address: bigint): string | null {
  if (model.memory.isMapped(address)) return null;
  const start = symbols.lookup('_sinittext') ?? symbols.lookup('__init_begin');
  const end = symbols.lookup('__init_end') ?? symbols.lookup('_einittext');
  if (start === null || end === null || address < start || address >= end) return null;
  return symbols.ownerOf(address)?.symbol.name ?? null;
}
