import { BASIC_SCENARIOS } from './basic.js';
import { CLI_SCENARIOS } from './cli.js';
import { HAZARD_SCENARIOS } from './hazards.js';
import { HOOK_SCENARIOS } from './hooks.js';
import { HOST_SCENARIOS } from './host.js';
import { IDENTITY_SCENARIOS } from './identity.js';
import { INTERRUPTION_SCENARIOS } from './interruption.js';
import { OLD_CODE_SCENARIOS } from './old-code.js';
import { REFUSAL_SCENARIOS } from './refusals.js';
import type { Scenario } from './scenario.js';
import { SPEED_SCENARIOS } from './speed.js';
import { STACK_SCENARIOS } from './stack.js';
import { STOCK_SCENARIOS } from './stock.js';

/** Which scenarios: those of a group whose names hold a text. */
export interface Selection {
  readonly group: Group;
  readonly only: string;
}

/** In the order in which they run. */
export function scenariosOf({ group, only }: Selection): readonly Scenario[] {
  return SCENARIOS[group].filter(({ name }) => name.includes(only));
}

/** What runs in one boot: each group is a machine's work. The last one measures, and suffers no other. */
export const GROUPS = ['commands', 'hypervisor', 'speed'] as const;
export type Group = (typeof GROUPS)[number];

const SCENARIOS: Readonly<Record<Group, readonly Scenario[]>> = {
  commands: [
    ...CLI_SCENARIOS,
    ...OLD_CODE_SCENARIOS,
    ...INTERRUPTION_SCENARIOS,
    ...STOCK_SCENARIOS,
  ],
  hypervisor: [
    ...HOST_SCENARIOS,
    ...BASIC_SCENARIOS,
    ...STACK_SCENARIOS,
    ...HOOK_SCENARIOS,
    ...REFUSAL_SCENARIOS,
    ...HAZARD_SCENARIOS,
    ...IDENTITY_SCENARIOS,
  ],
  speed: SPEED_SCENARIOS,
};
